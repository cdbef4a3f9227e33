"""SeglamCache behind real models: invoke, batch, generate, stream, chains, agents' loops, structured output."""

import asyncio
import gc
import logging
import threading

import pytest
from langchain_core.globals import get_llm_cache, set_llm_cache
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.outputs import Generation, GenerationChunk
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda
from langchain_openai import ChatOpenAI
from pydantic import create_model

from langchain_models import (
    QUESTION,
    FakeChat,
    FakeText,
    ListedChat,
    SilentChat,
    StreamingChat,
    add,
    call_add,
    hit,
    sample,
)
from langchain_seglam import SeglamCache
from openai_server import serve


@pytest.fixture
def core(open_cache):
    """The cache behind; faults raise."""
    return open_cache()


@pytest.fixture
def cache(core):
    """What LangChain is given."""
    adapter = SeglamCache(core)
    yield adapter
    assert adapter.faults == {}


def test_the_second_time_the_model_is_not_asked(cache):
    """One call for two equal requests; the hit tells its tier, its source and its age."""
    model = FakeChat(cache=cache)
    first, second = model.invoke(QUESTION), model.invoke(QUESTION)
    assert model.calls == 1
    assert second.content == first.content
    assert hit(first) is None
    assert hit(second)["tier"] == "exact"
    assert set(hit(second)) >= {"tier", "source", "score", "age"}
    assert second.response_metadata["finish_reason"] == "stop"
    assert second.response_metadata["model_name"] == "fake-1"


async def test_async_and_sync_share_entries(cache):
    """What ainvoke learnt, invoke knows, and the other way round."""
    model = FakeChat(cache=cache)
    await model.ainvoke(QUESTION)
    assert hit(model.invoke(QUESTION))
    model.invoke("Another question")
    assert hit(await model.ainvoke("Another question"))
    assert model.calls == 2


async def test_batch_and_generate_use_it(cache):
    """Every way into a model that LangChain caches is cached."""
    model = FakeChat(cache=cache)
    model.invoke(QUESTION)
    assert all(hit(answer) for answer in model.batch([QUESTION, QUESTION]))
    assert all(hit(answer) for answer in await model.abatch([QUESTION, QUESTION]))
    assert hit(model.generate([[HumanMessage(QUESTION)]]).generations[0][0].message)
    assert model.calls == 1


def test_a_chain_with_a_prompt_is_cached(cache):
    """LCEL: the prompt's variables decide."""
    model = FakeChat(cache=cache)
    chain = ChatPromptTemplate.from_messages([("system", "Speak {language}."), ("human", "{question}")]) | model
    chain.invoke({"language": "Greek", "question": "Good morning?"})
    assert hit(chain.invoke({"language": "Greek", "question": "Good morning?"}))
    assert not hit(chain.invoke({"language": "Latin", "question": "Good morning?"}))
    assert model.calls == 2


def test_set_llm_cache_is_all_it_takes(cache):
    """The one line of the README; ``cache=False`` still turns it off for a model."""
    before = get_llm_cache()
    set_llm_cache(cache)
    try:
        model, without = FakeChat(), FakeChat(cache=False)
        for each in (model, model, without, without):
            each.invoke(QUESTION)
        assert (model.calls, without.calls) == (1, 2)
    finally:
        set_llm_cache(before)


def test_another_wording_is_answered_by_meaning(cache):
    """The semantic tier, through LangChain: text, finish reason, and the wording that matched."""
    model = FakeChat(cache=cache)
    first = model.invoke("how do I reset my password")
    second = model.invoke("How do I reset my password")
    assert model.calls == 1
    assert (second.content, hit(second)["tier"]) == (first.content, "semantic")
    assert hit(second)["wording"] == "how do I reset my password"
    assert second.response_metadata["finish_reason"] == "stop"


def test_an_agents_loop_hits_at_every_step(cache):
    """Fresh run, cached run, and a run with the cached history: ids, counts and provenance never enter a key."""

    def answers(messages):
        return call_add(messages) if not isinstance(messages[-1], ToolMessage) else "It is 3."

    model = FakeChat(cache=cache, answers=answers)
    bound = model.bind_tools([add])

    def run():
        messages = [SystemMessage("Be brief."), HumanMessage("Add 1 and 2")]
        for _ in range(2):
            messages.append(bound.invoke(messages))
            calls = messages[-1].tool_calls
            messages += [ToolMessage(str(add.invoke(call["args"])), tool_call_id=call["id"]) for call in calls]
        return [*messages, HumanMessage("Thanks. Again?")]

    fresh, cached = run(), run()
    assert model.calls == 2
    assert hit(cached[-2])
    bound.invoke(fresh)
    assert model.calls == 3
    assert hit(bound.invoke(cached))
    assert model.calls == 3


@pytest.mark.parametrize(
    "other",
    [
        {"messages": [SystemMessage("S"), HumanMessage(QUESTION)]},
        {"messages": [HumanMessage("Hello"), AIMessage("Hi"), HumanMessage(QUESTION)]},
        {"model": "fake-2"},
        {"temperature": 1.0},
        {"base_url": "http://elsewhere"},
        {"tools": [add]},
        {"stop": ["x"]},
        {"tenant": "acme"},
        {"namespace": "n"},
        {"messages": "What is the capital of Spain?"},
    ],
    ids=lambda other: next(iter(other)),
)
def test_each_of_these_has_answers_of_its_own(core, other):
    """System prompt, history, model, sampling, address, tools, stop, tenant, namespace: nothing crosses, both ways."""

    def ask(option):
        cache = SeglamCache(core, tenant=option.get("tenant"), namespace=option.get("namespace", ""))
        settings = {name: option[name] for name in ("model", "temperature", "base_url") if name in option}
        model = FakeChat(cache=cache, **settings)
        chain = model.bind_tools(option["tools"]) if "tools" in option else model
        chain = chain.bind(stop=option["stop"]) if "stop" in option else chain
        return hit(chain.invoke(option.get("messages", QUESTION)))

    assert not ask({})
    assert not ask(other)
    assert ask(other)
    assert ask({})


def test_the_tenant_is_asked_at_every_call(core):
    """A function decides in the caller's context; without an answer nothing is looked up or stored."""
    who = ["a"]

    def tenant():
        if who[0] is None:
            raise LookupError("nobody is logged in")
        return who[0]

    policy = core.policy
    adapter = SeglamCache(core, tenant=tenant)
    model = FakeChat(cache=adapter)
    model.invoke(QUESTION)
    who[0] = "b"
    assert not hit(model.invoke(QUESTION))
    who[0] = "a"
    assert hit(model.invoke(QUESTION))
    who[0] = None
    object.__setattr__(policy, "on_fault", "miss")
    assert not hit(model.invoke(QUESTION))
    who[0] = ""
    object.__setattr__(policy, "on_fault", "raise")
    assert not hit(model.invoke(QUESTION))
    assert adapter.faults == {"lookup": 1, "update": 1}


def test_clear_empties_this_namespace_alone(core):
    """Another namespace of the same file keeps its answers."""
    one, two = (FakeChat(cache=SeglamCache(core, namespace=name)) for name in ("one", "two"))
    one.invoke(QUESTION)
    two.invoke(QUESTION)
    one.cache.clear()
    assert not hit(one.invoke(QUESTION))
    assert hit(two.invoke(QUESTION))


# -- plain models and models that are not serialisable ----------------------------------------------------------------


def test_a_plain_model_is_cached(cache):
    """Generation in, Generation out; batch and generate too."""
    model = FakeText(cache=cache)
    assert model.invoke("Tell a joke") == model.invoke("Tell a joke")
    assert model.batch(["Tell a joke"]) == [model.invoke("Tell a joke")]
    assert len(model.asked) == 1
    assert FakeText(cache=cache, model="text-2").invoke("Tell a joke") != model.invoke("Tell a joke")


def test_chunks_come_back_as_generations(cache):
    """A streamed plain answer is one Generation."""
    cache.update("p", "[('_type', 'x'), ('model', 'm')]", [GenerationChunk(text="a", generation_info={"k": 1})])
    assert cache.lookup("p", "[('_type', 'x'), ('model', 'm')]") == [Generation(text="a", generation_info={"k": 1})]


def test_a_plain_prompt_that_looks_like_messages_stays_text(cache):
    """A user of a plain model sends a dump of messages: it is answered as what it is, and only by its own answer."""
    spoof = sample(FakeChat())[0]
    model = FakeText(cache=cache, answers=lambda prompt: f"{len(prompt)}")
    model.invoke("warm-up")
    model.invoke(spoof)
    model.invoke(spoof)
    assert len(model.asked) == 2
    assert model.invoke(spoof.replace("capital", "Capital")) is not None
    fresh = SeglamCache(cache.cache)  # a new process: nobody has told it yet that this model is a plain one
    again = FakeText(cache=fresh, answers=lambda prompt: f"{len(prompt)}")
    again.invoke(spoof)
    again.invoke(spoof)
    assert len(again.asked) == 1


def test_a_chat_model_that_is_not_serialisable_is_cached(cache):
    """It writes the same kind of settings as a plain one; its own answers tell which it is."""
    model = ListedChat(cache=cache)
    model.invoke(QUESTION)
    assert hit(model.invoke(QUESTION))
    assert hit(model.invoke(QUESTION.lower().replace("france", "France").replace("what", "What")))
    fresh = ListedChat(cache=SeglamCache(cache.cache))
    assert hit(fresh.invoke(QUESTION))["tier"] == "exact"
    assert not hit(ListedChat(cache=cache, temperature=1.0).invoke(QUESTION))


def test_what_cannot_be_told_apart_is_bypassed_and_told_once(cache, caplog):
    """A model that hides its settings, an object in a call: no lookup, no entry, one line in the log."""
    model = FakeChat(cache=cache)
    silent = SilentChat(cache=cache)
    with caplog.at_level(logging.WARNING, "seglam"):
        for _ in range(3):
            model.bind(extra=object()).invoke(QUESTION)
            silent.invoke(QUESTION)
    assert (model.calls, silent.calls) == (3, 3)
    assert len(caplog.records) == 2
    assert cache.cache.stats().sizes["entries"] == 0


# -- structured output, streams, secrets, against a real client -------------------------------------------------------


def test_structured_output_gives_objects_of_todays_class(cache):
    """The stored answer becomes an object of the class in use; a changed class of the same name asks again."""
    with serve(lambda _: '{"name": "Paris"}') as provider:
        model = ChatOpenAI(model="m", base_url=provider.url, api_key="k", cache=cache)
        city = create_model("City", __module__="notebook", name=(str, ...))
        chain = model.with_structured_output(city)
        first, second = chain.invoke(QUESTION), chain.invoke(QUESTION)
        assert (provider.calls, first, type(second)) == (1, second, city)
        del chain, city, first, second
        gc.collect()
        changed = create_model("City", __module__="notebook", name=(str, ...), country=(str, "France"))
        assert isinstance(model.with_structured_output(changed).invoke(QUESTION), changed)
        assert provider.calls == 2


def test_a_stream_is_unharmed(cache):
    """LangChain does not show streams to a cache: they run as they did, before and after an invoke."""
    model = StreamingChat(cache=cache)
    for _ in range(2):
        assert [chunk.content for chunk in model.stream(QUESTION) if chunk.content] == ["one ", "two ", "three"]
    model.invoke(QUESTION)
    assert [chunk.content for chunk in model.stream(QUESTION) if chunk.content] == ["one ", "two ", "three"]
    assert hit(model.invoke(QUESTION))


async def test_an_implicit_stream_is_cached(cache):
    """astream_events around a chain streams inside invoke: the merged answer is kept."""
    model = StreamingChat(cache=cache)
    chain = ChatPromptTemplate.from_template("{question}") | RunnableLambda(model.invoke)
    async for _event in chain.astream_events({"question": QUESTION}, version="v2"):
        pass
    assert model.calls == 1
    answer = model.invoke(QUESTION)
    assert (model.calls, answer.content, hit(answer)["tier"]) == (1, "one two three", "exact")


def test_no_secret_reaches_the_file(cache, path, caplog):
    """Keys, headers, addresses with passwords, images: not in the file, not in the log."""
    secrets = ["sk-KEY-1", "Bearer-HEADER-2", "pass-URL-3", "VENDOR-4", "SU1BR0U1"]
    with serve(lambda _: "fine") as provider, caplog.at_level(logging.DEBUG, "seglam"):
        model = ChatOpenAI(
            model="m",
            base_url=provider.url.replace("http://", "http://user:pass-URL-3@"),
            api_key="sk-KEY-1",
            default_headers={"Authorization": "Bearer-HEADER-2", "X-Vendor": "VENDOR-4"},
            cache=cache,
        )
        image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,SU1BR0U1"}}
        model.invoke(QUESTION)
        model.invoke([HumanMessage([{"type": "text", "text": "see"}, image])])
        assert hit(model.invoke([HumanMessage([{"type": "text", "text": "see"}, image])]))
    cache.cache.drain()
    stored = b"".join(file.read_bytes() for file in path.parent.iterdir())
    assert b"see" in stored
    for secret in secrets:
        assert secret.encode() not in stored
        assert secret not in caplog.text


async def test_the_loop_is_never_blocked(core):
    """Lookups wait in threads: while the store is held up, the loop goes on."""
    adapter = SeglamCache(core)
    model = FakeChat(cache=adapter)
    gate, entered = threading.Event(), threading.Event()
    real = core._store.entry

    def slow(key, threshold=0.0):
        entered.set()
        assert gate.wait(30)
        return real(key)

    core._store.entry = slow
    waiting = asyncio.create_task(model.ainvoke(QUESTION))
    await asyncio.to_thread(entered.wait, 30)
    gate.set()  # reached only if the loop runs while the lookup waits
    assert entered.is_set()
    assert (await waiting).content.startswith("answer")
