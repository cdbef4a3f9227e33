"""Prompt templates and query engines: the context must be equal, the question may be worded otherwise."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from llama_index.core import Document, PromptTemplate, SummaryIndex, VectorStoreIndex
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.chat_engine import SimpleChatEngine
from llama_index.core.embeddings import MockEmbedding
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.prompts import ChatPromptTemplate, PromptType, RichPromptTemplate, SelectorPromptTemplate
from llama_index.core.prompts.default_prompt_selectors import (
    DEFAULT_REFINE_PROMPT_SEL,
    DEFAULT_TEXT_QA_PROMPT_SEL,
    DEFAULT_TREE_SUMMARIZE_PROMPT_SEL,
)
from llama_index.core.prompts.default_prompts import DEFAULT_CHOICE_SELECT_PROMPT, DEFAULT_TEXT_TO_SQL_PROMPT
from pydantic import BaseModel

from llamaindex_models import EchoLLM, ScriptedLLM, user
from llamaindex_seglam import cached
from seglam import Cache, ConfigurationError, Request

QA = PromptTemplate("Context: {context_str}\nQuery: {query_str}\nAnswer: ", prompt_type=PromptType.QUESTION_ANSWER)


@pytest.fixture
def cache(open_cache: Callable[..., Cache]) -> Cache:
    """A cache that raises on faults and compiles nothing."""
    return open_cache(policy={"compile": "off"})


@pytest.fixture
def requests(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> list[Request]:
    """Every request that is looked up, in order."""
    seen: list[Request] = []
    sync, asynchronous = cache.lookup, cache.alookup

    def lookup(request: Request) -> Any:
        seen.append(request)
        return sync(request)

    async def alookup(request: Request) -> Any:
        seen.append(request)
        return await asynchronous(request)

    monkeypatch.setattr(cache, "lookup", lookup)
    monkeypatch.setattr(cache, "alookup", alookup)
    return seen


def ways(llm: Any, prompt: Any, **args: Any) -> list[str]:
    """One prediction by each of the four ways."""

    async def run() -> list[str]:
        one = await llm.apredict(prompt, **args)
        return [one, "".join([token async for token in await llm.astream(prompt, **args)])]

    return [llm.predict(prompt, **args), "".join(llm.stream(prompt, **args)), *asyncio.run(run())]


LLMS: list[Callable[[], Any]] = [ScriptedLLM, EchoLLM, lambda: EchoLLM(chat_model=True)]


@pytest.mark.parametrize("make", LLMS)
def test_a_template_is_read_as_its_question_in_its_context(cache: Cache, requests: list[Request], make: Any) -> None:
    """By all four ways the question is the text, context and template are the vary, and one call is made."""
    inner = make()
    llm = cached(inner, cache)
    answers = ways(llm, QA, context_str="Spiders have 8 legs.", query_str="How many legs?")
    assert len(set(answers)) == 1
    assert len(inner.counter) == 1
    assert {request.text for request in requests} == {"How many legs?"}
    assert len({request.key for request in requests}) == 1
    first = requests[0]
    assert first.compilable
    assert first.comparable
    assert "Spiders have 8 legs." in first.background
    assert "{query_str}" in first.background


@pytest.mark.parametrize("make", LLMS)
def test_one_question_in_two_contexts_is_never_shared(cache: Cache, requests: list[Request], make: Any) -> None:
    """The same words about another context have another vary in every tier."""
    llm = cached(make(), cache)
    for context in ("Spiders have 8 legs.", "Ants have 6 legs."):
        llm.predict(QA, context_str=context, query_str="How many legs?")
    one, two = requests
    assert one.text == two.text
    assert one.vary != two.vary
    assert cache.stats().saved_calls == 0


def test_one_context_two_wordings_share_their_vary(cache: Cache, requests: list[Request]) -> None:
    """What procedures and meaning need: two questions about one context differ in their text alone."""
    llm = cached(ScriptedLLM(), cache)
    for question in ("How many legs?", "What is the number of legs?"):
        llm.predict(QA, context_str="Spiders have 8 legs.", query_str=question)
    one, two = requests
    assert one.context == two.context
    assert one.text != two.text


def test_another_template_is_another_context(cache: Cache, requests: list[Request]) -> None:
    """The words around the slots count."""
    llm = cached(ScriptedLLM(), cache)
    other = PromptTemplate("Context: {context_str}\nQuery: {query_str}\nAnswer in verse: ")
    for prompt in (QA, other):
        llm.predict(prompt, context_str="c", query_str="q")
    assert requests[0].vary != requests[1].vary


@pytest.mark.parametrize(
    "prompt",
    [
        QA,
        PromptTemplate("{query_str} about {context_str}"),
        ChatPromptTemplate([ChatMessage(role="system", content="Use {context_str}."), user("Q: {query_str}")]),
        RichPromptTemplate("Context: {{ context_str }}\nQuery: {{ query_str }}"),
        SelectorPromptTemplate(QA, [(lambda _: True, PromptTemplate("{context_str}|{query_str}"))]),
        DEFAULT_TEXT_QA_PROMPT_SEL,
        QA.partial_format(query_str="ignored"),
        PromptTemplate("{context_str} {mine}", template_var_mappings={"query_str": "mine"}),
    ],
)
@pytest.mark.parametrize("make", LLMS)
def test_all_kinds_of_templates_have_slots(cache: Cache, requests: list[Request], make: Any, prompt: Any) -> None:
    """Plain, chat, rich, selected, partial and mapped templates are read alike."""
    cached(make(), cache).predict(prompt, context_str="Spiders.", query_str="How many legs?")
    assert requests[0].text == "How many legs?"
    assert requests[0].comparable
    assert requests[0].vary


OTHERS = [
    DEFAULT_REFINE_PROMPT_SEL,
    DEFAULT_TREE_SUMMARIZE_PROMPT_SEL,
    DEFAULT_CHOICE_SELECT_PROMPT,
    DEFAULT_TEXT_TO_SQL_PROMPT,
    PromptTemplate("Summarise: {context_str}"),
    PromptTemplate("{query_str} {context_str} {twice}", function_mappings={"twice": lambda **kw: kw["query_str"] * 2}),
    ChatPromptTemplate([ChatMessage(role="system", content="Q is {query_str}"), user("Answer from {context_str}")]),
    ChatPromptTemplate([ChatMessage(role="system", content="Q is {query_str}"), user("{query_str}")]),
]
# A completion LLM is sent one text, from which every question of a chat template can be lifted out.
OTHER_CALLS = [
    (make, prompt)
    for make in LLMS
    for prompt in OTHERS
    if not (make is EchoLLM and isinstance(prompt, ChatPromptTemplate))
]


@pytest.mark.parametrize(("make", "prompt"), OTHER_CALLS)
def test_other_prompts_are_matched_exactly_only(cache: Cache, requests: list[Request], make: Any, prompt: Any) -> None:
    """Refining, choosing, SQL, and every prompt whose question cannot be lifted out: the same request or none."""
    inner = make()
    llm = cached(inner, cache)
    args = {
        "context_str": "c",
        "query_str": "q?",
        "existing_answer": "a",
        "context_msg": "m",
        "dialect": "d",
        "schema": "s",
    }
    assert len(set(ways(llm, prompt, **args))) == 1
    assert len(inner.counter) == 1
    assert not any(request.comparable or request.compilable for request in requests)
    assert len({request.key for request in requests}) == 1


@pytest.mark.parametrize("make", LLMS)
def test_the_policy_of_a_type_of_prompt_can_be_set(
    cache: Cache, requests: list[Request], caplog: pytest.LogCaptureFixture, make: Any
) -> None:
    """By its question, exactly, or by the LLM alone; what is not named keeps its default; copies and pickles keep it."""
    refine = PromptTemplate("{context_str} {query_str} again: ", prompt_type=PromptType.REFINE)
    inner = make()
    llm = cached(inner, cache, prompts={PromptType.REFINE: "question", "text_qa": "exact", PromptType.SUMMARY: "never"})
    args = {"context_str": "c", "query_str": "How many legs?"}
    llm.predict(refine, **args)
    llm.predict(QA, **args)
    llm.model_copy().predict(PromptTemplate("{query_str} in {context_str}", prompt_type=PromptType.CUSTOM), **args)
    assert [request.comparable for request in requests] == [True, False, True]
    summary = PromptTemplate("Sum up {context_str}", prompt_type=PromptType.SUMMARY)
    asked = len(inner.counter)
    for _ in range(2):
        ways(llm, summary, context_str="c")
    assert len(inner.counter) == asked + 8
    assert len(requests) == 3
    assert "prompts of the type summary" in caplog.text


@pytest.mark.parametrize("prompts", [7, {"no_such_type": "exact"}, {PromptType.REFINE: "meaning"}])
def test_a_policy_that_is_none_is_refused(cache: Cache, prompts: Any) -> None:
    """At once, with the argument's name."""
    with pytest.raises(ConfigurationError, match="prompts"):
        cached(ScriptedLLM(), cache, prompts=prompts)


def test_a_bare_question_template_is_a_bare_question(cache: Cache, requests: list[Request]) -> None:
    """SIMPLE_INPUT adds nothing: predict shares with chat, and with every other framework."""
    inner = ScriptedLLM()
    llm = cached(inner, cache)
    llm.predict(PromptTemplate("{query_str}", prompt_type=PromptType.SIMPLE_INPUT), query_str="How many legs?")
    llm.chat([user("How many legs?")])
    assert [request.vary for request in requests] == ["", ""]
    assert len(inner.counter) == 1


def test_a_context_that_holds_the_placeholder_is_not_confused(cache: Cache, requests: list[Request]) -> None:
    """Text that looks like the slot is text: such a prompt falls back to exact matching of what is sent."""
    llm = cached(ScriptedLLM(), cache)
    llm.predict(QA, context_str="The slot is {query_str}.", query_str="How many legs?")
    assert not requests[0].comparable
    assert "The slot is {query_str}." in requests[0].text


def test_a_call_that_is_not_the_templates_is_not_read_through_it(cache: Cache, requests: list[Request]) -> None:
    """A call made on the way of a prediction (a callback, a tool) keeps its own text, and is matched exactly."""

    class Twice(ScriptedLLM):
        def _extend_messages(self, messages: Any) -> Any:
            if self.model == "asks":
                self.model = "asked"
                self.chat([user("Is this fine?")])
            return super()._extend_messages(messages)

    inner = Twice(model="asks")
    cached(inner, cache).predict(QA, context_str="c", query_str="q")
    assert [request.text for request in requests] == ["Is this fine?", "q"]
    assert not requests[0].comparable
    requests.clear()
    cached(inner, cache).chat([user("later")])
    assert requests[0].comparable


def test_the_frame_ends_with_the_call_also_for_streams_and_errors(cache: Cache, requests: list[Request]) -> None:
    """After predict raised, or while its stream is consumed, other calls are on their own."""
    inner = ScriptedLLM()
    llm = cached(inner, cache)
    inner._error = RuntimeError("no")
    with pytest.raises(RuntimeError):
        llm.predict(QA, context_str="c", query_str="q")
    inner._error = None
    tokens = llm.stream(QA, context_str="c", query_str="q")
    next(iter(tokens))
    requests.clear()
    llm.chat([user("own")])
    assert requests[0].text == "own"
    assert requests[0].comparable


class Legs(BaseModel):
    """Legs of an animal."""

    legs: int


def test_structured_prediction_is_exact_even_when_its_schema_is_text(cache: Cache, requests: list[Request]) -> None:
    """An LLM without tools gets the schema in its prompt: no such prompt is compared by meaning, streamed or not."""

    class Json(EchoLLM):
        def _say(self, prompt: str) -> str:
            self._counter.add(prompt)
            return '{"legs": 8}'

    inner = Json()
    llm = cached(inner, cache)
    prompt = PromptTemplate("Legs of a {animal}?")
    for _ in range(2):
        assert llm.structured_predict(Legs, prompt, animal="spider") == Legs(legs=8)
        assert asyncio.run(llm.astructured_predict(Legs, prompt, animal="spider")) == Legs(legs=8)
        assert llm.as_structured_llm(Legs).complete("Legs of a spider?").raw == Legs(legs=8)
    assert requests
    assert not any(request.comparable or request.compilable for request in requests)
    assert len(inner.counter) == 2


# -- engines --------------------------------------------------------------------------------------------------------------

DOCUMENTS = [Document(text="Spiders have 8 legs."), Document(text="Ants have 6 legs.")]


def engines(llm: Any, **options: Any) -> Any:
    """A query engine over one document."""
    index = VectorStoreIndex.from_documents(DOCUMENTS[:1], embed_model=MockEmbedding(embed_dim=8))
    return index.as_query_engine(llm=llm, **options)


@pytest.mark.parametrize("make", LLMS)
def test_a_query_engine_asks_once_and_is_read_by_its_question(cache: Cache, requests: list[Request], make: Any) -> None:
    """Sync, async and streaming queries share one answer; what is compared is the user's question."""
    inner = make()
    llm = cached(inner, cache)
    engine, streaming = engines(llm), engines(llm, streaming=True)
    answers = [
        str(engine.query("How many legs has a spider?")),
        str(asyncio.run(engine.aquery("How many legs has a spider?"))),
        str(streaming.query("How many legs has a spider?").get_response()),
    ]
    assert len(set(answers)) == 1
    assert len(inner.counter) == 1
    assert {request.text for request in requests} == {"How many legs has a spider?"}
    assert all(request.comparable and "Spiders have 8 legs." in request.background for request in requests)


def test_a_changed_document_is_another_request(cache: Cache) -> None:
    """An index that holds other text never gets the old answer."""
    inner = ScriptedLLM(lambda messages, _: ChatMessage(role="assistant", content=str(messages[-1].content)))
    llm = cached(inner, cache)
    answers = [
        str(SummaryIndex.from_documents([document]).as_query_engine(llm=llm).query("How many legs?"))
        for document in (*DOCUMENTS, *DOCUMENTS)
    ]
    assert answers[:2] == answers[2:]
    assert answers[0] != answers[1]
    assert len(inner.counter) == 2


def test_a_chat_engine_keeps_its_turns_apart(cache: Cache) -> None:
    """The same words later in a conversation are another request; the same conversation again is free."""
    inner = ScriptedLLM(lambda messages, _: ChatMessage(role="assistant", content=f"answer {len(messages)}"))
    llm = cached(inner, cache)
    for _ in range(2):
        memory = ChatMemoryBuffer.from_defaults(token_limit=1000, tokenizer_fn=str.split)
        engine = SimpleChatEngine.from_defaults(llm=llm, memory=memory)
        told = [str(engine.chat("Hi")), str(engine.chat("Hi")), str(asyncio.run(engine.achat("Hi")))]
        assert told == ["answer 1", "answer 3", "answer 5"]
    assert len(inner.counter) == 3


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


@pytest.mark.parametrize("make", LLMS)
def test_a_procedure_learnt_in_one_context_answers_there_and_nowhere_else(
    open_cache: Callable[..., Cache], make: Callable[[], Any]
) -> None:
    """Questions put to a template are compiled by their slot; another context's questions never meet the procedure."""
    asked: list[str] = []

    def compiler(prompt: str) -> str:
        asked.append(prompt)
        return SUM

    cache = open_cache(compiler=compiler)
    inner = make()

    def answer(prompt: str) -> str:
        numbers = [int(word) for word in prompt.split("Please add")[1].split() if word.isdigit()]
        return f"The sum is {sum(numbers)}."

    if isinstance(inner, ScriptedLLM):
        inner._script = lambda messages, _: ChatMessage(role="assistant", content=answer(str(messages[-1].content)))
    else:
        inner._answer = answer
    llm = cached(inner, cache)

    def ask(a: int, b: int, context: str) -> str:
        return str(llm.predict(QA, context_str=context, query_str=f"Please add {a} and {b} for me."))

    for a, b in ((3, 4), (10, 5), (7, 8)):
        assert ask(a, b, "Be exact.") == f"The sum is {a + b}."
    assert ask(1234, 5678, "Be exact.") == "The sum is 6912."
    assert len(inner.counter) == 3
    assert cache.stats().hits["procedure"] == 1
    assert "Be exact." in asked[0]
    ask(1234, 5678, "Round to tens.")
    assert len(inner.counter) == 4
