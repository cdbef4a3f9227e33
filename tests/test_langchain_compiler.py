"""The compiler behind LangChain: from real calls to a procedure, with models that never enter the cache they write for."""

import contextlib
import contextvars
import logging
import sqlite3
import threading
from pathlib import PurePath

import pytest
from langchain_core.globals import set_llm_cache
from langchain_core.messages import HumanMessage, SystemMessage
from langchain_core.outputs import Generation
from langchain_core.runnables import RunnableLambda

from conftest import HashEmbedder
from langchain_models import FakeChat, FakeText, ListedChat, add, hit, strings
from langchain_seglam import SeglamCache
from langchain_seglam.model import as_compiler, compiling
from seglam import ConfigurationError, NotACacheError, Policy, State

SUM = """\
~~~meta
{"intent": "adds two whole numbers", "answer_kind": "integer", "staticity": "forever"}
~~~
~~~patterns
Please add {a:integer} and {b:integer} for me.
~~~
~~~python
def run(a, b):
    return a + b

def check(value, a, b):
    return value - a == b

def render(value, a, b):
    return f"The sum is {value}."
~~~
~~~near_misses
Please add 3 and 4 for me and double it.
Please subtract 3 and 4 for me.
~~~
"""
COMPILER_MARK = "You are the compiler"
SECOND_MARK = "another engineer"  # the gate asks for an independent version; to decline is a legal reply
NO_SECOND = "NOT_COMPILABLE: once is enough"


def ask(a, b):
    """A request of the class."""
    return f"Please add {a} and {b} for me."


def solve(messages):
    """What a right model answers to a request of the class, and to the compiler's prompt."""
    text = messages if isinstance(messages, str) else messages[-1].content
    if SECOND_MARK in text:
        return NO_SECOND
    if COMPILER_MARK in text:
        return SUM
    numbers = [int(word) for word in text.split() if word.isdigit()]
    return f"The sum is {sum(numbers)}."


@pytest.fixture
def opened(path):
    """Opens caches whose faults raise, and proves each one whole at its end."""
    caches = []

    def make(**options):
        caches.append(SeglamCache(path, embedder=HashEmbedder(), policy=Policy(on_fault="raise"), **options))
        return caches[-1]

    yield make
    for cache in caches:
        assert cache.cache._closed or cache.cache.check() == []
        cache.close()


def teach(cache, model, *pairs):
    """Ask, and wait until everything is learnt."""
    for a, b in pairs:
        model.invoke(ask(a, b))
        cache.cache.drain()


@pytest.mark.parametrize("kind", [FakeChat, ListedChat, FakeText])
def test_from_three_answers_to_none(opened, kind):
    """Compile "hot": two misses write the code (and a second version), a third confirms it, then no call is needed."""
    prompts = []

    def write(prompt):
        prompts.append(prompt)
        return SUM

    cache = opened(compiler=write)
    model = kind(cache=cache, answers=solve)
    teach(cache, model, (3, 4), (10, 5), (7, 8))
    assert (len(prompts), len(model.asked)) == (2, 3)
    assert [p.state for p in cache.cache.procedures()] == [State.LIVE]
    answer = model.invoke(ask(1234, 5678))
    assert len(model.asked) == 3
    if kind is FakeText:
        assert answer == "The sum is 6912."
        assert cache.lookup(ask(5, 6), model_string(model)) == [
            Generation(text="The sum is 11.", generation_info={"finish_reason": "stop"})
        ]
    else:
        assert (answer.content, answer.response_metadata["finish_reason"]) == ("The sum is 6912.", "stop")
        assert answer.response_metadata["seglam"]["tier"] == "procedure"
        assert answer.response_metadata["seglam"]["intent"] == "adds two whole numbers"
        assert answer.usage_metadata["total_tokens"] == 0


def model_string(model):
    """The settings that a plain model hands to its cache."""
    return str(sorted({**model._identifying_params, "_type": model._llm_type, "stop": None}.items()))


async def test_a_procedure_answers_async_calls_too(opened):
    """Learnt by ainvoke, used by ainvoke, and still there after a restart."""
    cache = opened(compiler=lambda _: SUM)
    model = FakeChat(cache=cache, answers=solve)
    for a, b in ((3, 4), (10, 5), (7, 8)):
        await model.ainvoke(ask(a, b))
        cache.cache.drain()
    assert (await model.ainvoke(ask(20, 22))).content == "The sum is 42."
    cache.close()
    again = FakeChat(cache=opened(), answers=solve)
    assert (await again.ainvoke(ask(30, 3))).content == "The sum is 33."
    assert (model.calls, again.calls) == (3, 0)


def test_at_the_first_miss_code_instead_of_an_answer(path):
    """Compile "first": the model behind the cache writes code, and the code's result is the answer."""
    policy = Policy(compile="first", on_fault="raise")
    author = FakeChat(answers=solve)
    with SeglamCache(path, embedder=HashEmbedder(), policy=policy, compiler=author) as cache:
        author.cache = cache
        answer = author.invoke(ask(40, 2))
        assert (answer.content, answer.response_metadata["seglam"]["tier"]) == ("The sum is 42.", "procedure")
        assert author.calls == 1  # the compilation


def test_a_procedure_stays_in_its_context(opened):
    """Another system prompt, a tool, a schema: the model is asked; another temperature is not another context."""
    cache = opened(compiler=lambda _: SUM)
    model = FakeChat(cache=cache, answers=solve)
    teach(cache, model, (3, 4), (10, 5), (7, 8))
    assert hit(model.invoke(ask(1, 2)))
    assert hit(FakeChat(cache=cache, answers=solve, temperature=1.0).invoke(ask(1, 3)))
    assert not hit(model.invoke([SystemMessage("Answer in Roman numerals."), HumanMessage(ask(1, 4))]))
    assert not hit(model.bind(response_format={"type": "json_object"}).invoke(ask(1, 5)))
    assert not hit(model.bind_tools([add]).invoke(ask(1, 7)))
    assert not hit(model.bind(n=2).invoke(ask(1, 6)))


def test_a_plain_prompt_that_holds_messages_is_not_answered_by_the_last_of_them(opened):
    """A dump of messages, typed into a plain model: the procedure for its last text is not the answer to the dump."""
    cache = opened(compiler=lambda _: SUM)
    teach(cache, FakeChat(cache=cache, answers=solve), (3, 4), (10, 5), (7, 8))
    dump = strings(FakeChat(), ask(1, 2))[0]
    model = FakeText(cache=cache, answers=lambda _: "a dump")
    assert model.invoke(dump) == "a dump"  # while nobody has told yet that this model is a plain one
    assert model.invoke(dump.replace("1 and 2", "2 and 2")) == "a dump"
    assert len(model.asked) == 2


def test_the_compiler_is_told_what_stood_before(opened):
    """A rule in the system prompt reaches the compiler, as text."""
    prompts = []
    cache = opened(compiler=lambda prompt: prompts.append(prompt) or SUM)
    model = FakeChat(cache=cache, answers=solve)
    for a, b in ((3, 4), (10, 5)):
        model.invoke([SystemMessage("House rule 17."), HumanMessage(ask(a, b))])
        cache.cache.drain()
    assert "House rule 17." in prompts[0]


@pytest.mark.parametrize("kind", [FakeChat, ListedChat, FakeText])
def test_the_applications_own_model_may_be_the_compiler(opened, kind):
    """The same object, with the same cache and a global one: its compile calls enter neither."""
    model = kind(answers=solve)
    cache = opened(compiler=model)
    set_llm_cache(cache)
    try:
        teach(cache, model, (3, 4), (10, 5), (7, 8))
        assert len(model.asked) == 5  # three questions, code and a second version: the copy shares the list
        assert cache.cache.stats().requests == 3
        assert cache.cache.stats().sizes["entries"] == 3
        assert model.invoke(ask(9, 9))
        assert len(model.asked) == 5
    finally:
        set_llm_cache(None)


@pytest.mark.parametrize(
    "wrap",
    [lambda m: RunnableLambda(m.invoke), lambda m: m.invoke, lambda m: m.with_retry(), lambda m: m.bind(stop=None)],
)
def test_wrapped_it_does_not_enter_the_cache_either(opened, wrap):
    """Behind a chain or a function nobody can turn its cache off: the guard does."""
    model = FakeChat(answers=solve)
    cache = opened(compiler=wrap(model))
    model.cache = cache
    teach(cache, model, (3, 4), (10, 5), (7, 8))
    assert (model.calls, cache.cache.stats().requests) == (5, 3)
    assert cache.cache.stats().sizes["entries"] == 3
    assert model.cache is cache


def test_the_guard_holds_where_the_model_works_and_nowhere_else(opened):
    """In its thread while it runs, not in the application's other threads, not afterwards, not after an error."""
    cache = opened()
    inside, seen = threading.Event(), []
    go_on = threading.Event()

    def slow(prompt):
        seen.append(compiling())
        inside.set()
        assert go_on.wait(30)
        raise ConnectionError

    author = as_compiler(slow)

    def work():
        with pytest.raises(ConnectionError):
            author.complete("x")
        seen.append(compiling())

    thread = threading.Thread(target=work)
    thread.start()
    assert inside.wait(30)
    model = FakeChat(cache=cache, answers=solve)
    model.invoke(ask(1, 1))
    assert hit(model.invoke(ask(1, 1)))
    go_on.set()
    thread.join()
    assert seen == [True, False]


def test_the_compiler_works_outside_of_the_requests_context():
    """The callbacks of the request that set it off would stream the compiler's work to that request's user."""
    request = contextvars.ContextVar("request", default=None)
    request.set("the user's")
    seen = []
    as_compiler(lambda _: seen.append(request.get()) or "x").complete("p")
    assert (seen, request.get()) == ([None], "the user's")


# -- construction -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"cache": 3}, "cache"),
        ({"cache": None}, "cache"),
        ({"compiler": 3}, "compiler"),
        ({"compiler": FakeChat}, "compiler"),
        ({"compiler": "gpt-x"}, "compiler"),
        ({"embedder": 3}, "embedder"),
        ({"policy": {"threshold": 0.9}}, "policy"),
        ({"namespace": 3}, "namespace"),
        ({"namespace": None}, "namespace"),
        ({"tenant": 3}, "tenant"),
        ({"tool_calls": None}, "tool_calls"),
    ],
)
def test_a_wrong_argument_is_named(options, name):
    """Construction is where mistakes are told; nothing is left open."""
    with pytest.raises(ConfigurationError, match=f"^{name}: "):
        SeglamCache(**{"cache": ":memory:", **options})


def test_options_of_an_open_cache_belong_to_it(open_cache):
    """A compiler that would silently not be used is refused."""
    core = open_cache()
    for name, value in (("compiler", solve), ("embedder", HashEmbedder()), ("policy", Policy())):
        with pytest.raises(ConfigurationError, match=f"^{name}: "):
            SeglamCache(core, **{name: value})


def test_a_given_cache_stays_open(open_cache):
    """It is the caller's; one that was opened here is closed here, twice if need be."""
    core = open_cache()
    with SeglamCache(core) as cache:
        assert cache.cache is core
    assert not core._closed
    FakeChat(cache=cache).invoke("x")
    assert core.stats().misses == {"absent": 1}
    with SeglamCache(":memory:") as own:
        pass
    own.close()
    assert own.cache._closed


def test_a_foreign_file_is_refused_untouched(path):
    """The store's own errors come through at construction."""
    path.write_bytes(b"not a database, but long enough to be looked at" * 100)
    with pytest.raises(NotACacheError):
        SeglamCache(PurePath(path))
    assert path.read_bytes().startswith(b"not a database")


# -- law 2 ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def frail(path):
    """A cache as an application has it: faults are misses."""
    with SeglamCache(path, embedder=HashEmbedder()) as cache:
        yield cache


async def test_a_broken_store_is_a_miss(frail, path, caplog):
    """Somebody drops the table under it: the model answers, sync and async, and the faults are counted."""
    model = FakeChat(cache=frail)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript("PRAGMA foreign_keys = OFF; DROP TABLE entries; DROP TABLE aliases;")
    with caplog.at_level(logging.WARNING, "seglam"):
        assert model.invoke("x").content.startswith("answer")
        assert (await model.ainvoke("x")).content.startswith("answer")
    assert model.calls == 2
    assert "turned into a miss" in caplog.text


async def test_a_fault_of_the_adapter_is_a_counted_miss(frail, caplog):
    """Whatever raises between LangChain and the core: the model answers, and the log does not quote the request."""

    def broken(*_args):
        raise RuntimeError("secret question")

    for name in ("lookup", "alookup", "record", "arecord"):
        setattr(frail._cache, name, broken)
    model = FakeChat(cache=frail)
    with caplog.at_level(logging.DEBUG, "seglam"):
        model.invoke("secret question")
        await model.ainvoke("secret question")
    assert model.calls == 2
    assert frail.faults == {"lookup": 2, "update": 2}
    assert "RuntimeError" in caplog.text
    assert "secret question" not in caplog.text


@pytest.mark.parametrize(
    "payload",
    [
        "null",
        "{}",
        "[]",
        "3",
        '{"format": "langchain/1"}',
        '{"format": "langchain/1", "generations": []}',
        '{"format": "langchain/1", "generations": 3}',
        '{"format": "langchain/1", "generations": [{}]}',
        '{"format": "langchain/1", "generations": [{"message": 3, "info": null}]}',
        '{"format": "langchain/1", "generations": [{"message": {"content": {}}, "info": null}]}',
        "{broken",
    ],
)
def test_a_damaged_row_is_a_miss(path, frail, payload):
    """A row that somebody else wrote, or half a row: the model answers, or the row's own text does; nothing raises."""
    FakeChat(cache=frail, answers=lambda _: "stored").invoke("x")
    with frail.cache._store.write() as connection:
        connection.exec_driver_sql("UPDATE entries SET payload = ?", (payload,))
    with SeglamCache(path, embedder=HashEmbedder()) as again:
        model = FakeChat(cache=again, answers=lambda _: "stored")
        assert model.invoke("x").content == "stored"
        assert model.calls == (0 if payload == "null" else 1)


def test_faults_raise_where_that_is_asked_for(open_cache):
    """Policy(on_fault="raise") reaches the adapter."""

    def nobody():
        raise LookupError

    model = FakeChat(cache=SeglamCache(open_cache(), tenant=nobody))
    with pytest.raises(LookupError):
        model.invoke("x")
