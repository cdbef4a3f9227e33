"""Structured prediction and tool calls of a wrapped LLM: computed by procedures, read by LlamaIndex's own programs and agents."""

import asyncio
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from llama_index.core import PromptTemplate
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.base.llms.types import ChatMessage, ChatResponse, ThinkingBlock, ToolCallBlock
from llama_index.core.llms.llm import ToolSelection
from llama_index.core.tools import FunctionTool
from llama_index.llms.openai import OpenAI
from pydantic import BaseModel

from llamaindex_models import ScriptedLLM, calling, note, user
from llamaindex_seglam import as_model, cached
from openai_wire import Wire, tool_call
from seglam import Cache, ConfigurationError, State
from test_llamaindex_agents import agent_test, collected

__all__ = ["collected"]  # the fixture that agent_test uses

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:llama_index", "ignore::DeprecationWarning:pydantic")

OBJECT = """\
~~~meta
{"intent": "the number of an invoice and its total", "answer_kind": "json", "staticity": "forever"}
~~~
~~~patterns
Invoice {i:integer}: {n:integer} widgets at {p:integer} dollars each.
~~~
~~~python
import json

def run(i, n, p):
    return n * p

def check(value, i, n, p):
    return value == n * p and value >= 0

def render(value, i, n, p):
    return json.dumps({"invoice": i, "total": value})
~~~
~~~near_misses
Invoice 3: 4 widgets at 5 dollars each, one of them free.
Invoice 3: 4 widgets at 5 euros each.
Invoice 3: 4 widgets at 5 dollars in all.
Invoices 3 and 4: 4 widgets at 5 dollars each.
Invoice 3: not 4 widgets at 5 dollars each.
~~~
"""
CALL = OBJECT.replace(
    'json.dumps({"invoice": i, "total": value})',
    'json.dumps({"name": "book", "arguments": {"invoice": i, "total": value}})',
)
ILLEGAL = OBJECT.replace('"total": value}', '"total": value if value < 100 else str(value)}')
KNOWN = ((3, 4, 5), (10, 5, 2), (7, 8, 3))
NEW = (1234, 56, 78)


class Invoice(BaseModel):
    """An invoice."""

    invoice: int
    total: int


def book(invoice: int, total: int) -> str:
    """Book an invoice."""
    return f"booked {invoice}: {total}"


def refund(invoice: int) -> str:
    """Refund an invoice."""
    return f"refunded {invoice}"


TOOLS = [FunctionTool.from_defaults(book), FunctionTool.from_defaults(refund)]
PROMPT = PromptTemplate("Invoice {i}: {n} widgets at {p} dollars each.")


def ask(values: tuple[int, int, int]) -> str:
    """A request of the class."""
    return PROMPT.format(i=values[0], n=values[1], p=values[2])


def fields(text: Any) -> dict[str, int]:
    """What a right model finds in it."""
    i, n, p = map(int, re.findall(r"\d+", text))
    return {"invoice": i, "total": n * p}


@pytest.fixture
def opened(open_cache: Callable[..., Cache]) -> Callable[[str], Cache]:
    """Caches that learn at once and serve every hit."""

    def make(code: str) -> Cache:
        author = lambda prompt: "NOT_COMPILABLE: no" if "another engineer" in prompt else code  # noqa: E731 - a stub
        return open_cache(compiler=author, policy={"audit": 0.0, "audit_first": 0.0})

    return make


def script(messages: Any, kwargs: Any) -> ChatMessage:
    """A right model: it calls the first tool that it is given, and ends when that has run."""
    if messages[-1].role == "tool":
        return ChatMessage(role="assistant", content=f"Done: {messages[-1].content}.")
    return calling(kwargs["tools"][0]["function"]["name"], fields(messages[-1].content))


def live(cache: Cache) -> int:
    """How many procedures answer."""
    return sum(p.state is State.LIVE for p in cache.procedures())


def openai(cache: Cache) -> tuple[Any, Wire]:
    """A real OpenAI LLM on a wire that ends in this process."""

    def answer(body: dict[str, Any]) -> dict[str, Any]:
        last = body["messages"][-1]
        content = last["content"] if isinstance(last["content"], str) else last["content"][0]["text"]
        if last["role"] == "tool":
            return {"content": f"Done: {content}."}
        if body.get("tools"):
            return {"tool_calls": [tool_call(body["tools"][0]["function"]["name"], fields(content))]}
        return {"content": json.dumps(fields(content))}

    wire = Wire(answer)
    llm = OpenAI(
        model="gpt-4o-mini",
        api_key="sk-test",
        api_base="http://wire/v1",
        http_client=httpx.Client(transport=wire),
        async_http_client=httpx.AsyncClient(transport=wire),
        max_retries=0,
        strict=False,
    )
    return cached(llm, cache), wire


def predict(llm: Any, values: tuple[int, int, int]) -> Any:
    """An object by structured prediction."""
    return llm.structured_predict(Invoice, PROMPT, i=values[0], n=values[1], p=values[2])


@pytest.mark.parametrize("mode", ["default", "function"])
def test_an_object_is_predicted_by_a_procedure(opened: Callable[[str], Cache], mode: str) -> None:
    """OpenAI's JSON-schema mode and function calling, sync, async, streamed and as a structured LLM: no call for new values."""
    cache = opened(OBJECT)
    llm, wire = openai(cache)
    llm.pydantic_program_mode = mode
    for values in KNOWN:
        assert predict(llm, values) == Invoice(**fields(ask(values)))
    assert (wire.calls, live(cache)) == (len(KNOWN), 1)
    assert ("tools" in wire.bodies[0]) == (mode == "function")
    wanted = Invoice(**fields(ask(NEW)))
    arguments = {"i": NEW[0], "n": NEW[1], "p": NEW[2]}
    assert predict(llm, NEW) == wanted
    assert asyncio.run(llm.astructured_predict(Invoice, PROMPT, **arguments)) == wanted
    if (
        mode == "default"
    ):  # by function calling LlamaIndex does not require the tool in a stream: that is another request
        pieces = list(llm.stream_structured_predict(Invoice, PROMPT, **arguments))
        assert pieces[-1].model_dump() == wanted.model_dump()
    structured = llm.as_structured_llm(Invoice)
    assert structured.chat([user(ask(NEW))]).raw == wanted
    assert json.loads(structured.complete(ask(NEW)).text) == wanted.model_dump()
    assert wire.calls == len(KNOWN)


def test_a_streamed_object_is_predicted_by_a_procedure(opened: Callable[[str], Cache]) -> None:
    """By function calling, where the tool is not even required: the object comes out of a computed call."""
    cache = opened(CALL.replace('"book"', '"Invoice"'))
    llm, wire = openai(cache)
    llm.pydantic_program_mode = "function"
    for i, n, p in (*KNOWN, NEW):
        pieces = list(llm.stream_structured_predict(Invoice, PROMPT, i=i, n=n, p=p))
        assert pieces[-1] == Invoice(invoice=i, total=n * p)
    assert (wire.calls, live(cache)) == (len(KNOWN), 1)


def test_a_call_is_computed_and_the_next_step_asks_the_model(opened: Callable[[str], Cache]) -> None:
    """chat_with_tools over OpenAI's client: name, arguments, a fresh id; and the history with it is understood."""
    cache = opened(CALL)
    llm, wire = openai(cache)
    for values in KNOWN:
        llm.chat_with_tools(TOOLS, ask(values))
    assert (wire.calls, live(cache)) == (len(KNOWN), 1)
    ids = set()
    for _ in range(2):
        said = llm.chat_with_tools(TOOLS, ask(NEW))
        assert note([said])["tier"] == "procedure"
        (call,) = llm.get_tool_calls_from_response(said)
        assert (call.tool_name, call.tool_kwargs) == ("book", fields(ask(NEW)))
        ids.add(call.tool_id)
    assert len(ids) == 2
    assert wire.calls == len(KNOWN)
    result = ChatMessage(role="tool", content="booked", additional_kwargs={"tool_call_id": call.tool_id})
    last = llm.chat_with_tools(TOOLS, chat_history=[user(ask(NEW)), said.message, result])
    assert last.message.content == "Done: booked."
    sent = wire.bodies[-1]["messages"]
    assert sent[-2]["tool_calls"][0]["id"] == sent[-1]["tool_call_id"] == call.tool_id
    assert json.loads(sent[-2]["tool_calls"][0]["function"]["arguments"]) == fields(ask(NEW))


def test_every_chat_endpoint_gives_the_call(opened: Callable[[str], Cache]) -> None:
    """Sync, async, streamed: one message with one call that the LLM's own reader sees."""
    cache = opened(CALL)
    inner = ScriptedLLM(script)
    llm: Any = cached(inner, cache)
    for values in KNOWN:
        llm.chat_with_tools(TOOLS, ask(values))

    async def every() -> list[ChatResponse]:
        whole = await llm.achat_with_tools(TOOLS, ask(NEW))
        pieces = [piece async for piece in await llm.astream_chat_with_tools(TOOLS, ask(NEW))]
        return [whole, pieces[-1]]

    answers = [llm.chat_with_tools(TOOLS, ask(NEW)), list(llm.stream_chat_with_tools(TOOLS, ask(NEW)))[-1]]
    for answer in [*answers, *asyncio.run(every())]:
        (call,) = llm.get_tool_calls_from_response(answer)
        assert (call.tool_name, call.tool_kwargs) == ("book", fields(ask(NEW)))
        assert note([answer])["tier"] == "procedure"
    assert llm.predict_and_call(TOOLS, ask(NEW)).response == "booked 1234: 4368"
    assert len(inner.counter) == len(KNOWN)


@pytest.mark.parametrize("streaming", [True, False])
@agent_test
def test_an_agents_first_step_is_computed(opened: Callable[[str], Cache], streaming: bool) -> None:
    """The tool runs with the computed arguments, and the model is asked only for what follows its result."""
    cache = opened(CALL)
    inner = ScriptedLLM(script)
    ran: list[int] = []

    def run_book(invoice: int, total: int) -> str:
        """Book an invoice."""
        ran.append(invoice)
        return f"booked {invoice}: {total}"

    async def run(values: tuple[int, int, int]) -> str:
        tools = [FunctionTool.from_defaults(run_book, name="book"), TOOLS[1]]
        return str(await FunctionAgent(tools=tools, llm=cached(inner, cache), streaming=streaming).run(ask(values)))

    for values in KNOWN:
        asyncio.run(run(values))
    assert live(cache) == 1
    before = len(inner.counter)
    assert asyncio.run(run(NEW)) == "Done: booked 1234: 4368."
    assert ran == [3, 10, 7, 1234]
    assert len(inner.counter) == before + 1


def test_an_answer_of_another_schema_is_not_served(opened: Callable[[str], Cache]) -> None:
    """Code that was right on all it was shown and breaks the schema on new values: the LLM is asked."""
    cache = opened(ILLEGAL)
    inner = ScriptedLLM(script)
    llm: Any = cached(inner, cache)
    for values in KNOWN:
        predict(llm, values)
    assert live(cache) == 1
    assert predict(llm, (5, 6, 7)).total == 42
    assert len(inner.counter) == len(KNOWN)
    assert predict(llm, (5, 60, 70)).total == 4200
    assert len(inner.counter) == len(KNOWN) + 1


def test_an_llm_that_would_not_see_the_call_answers_itself(opened: Callable[[str], Cache]) -> None:
    """Its integration keeps calls in a place of its own: what a procedure computes could not be told, so it is not used."""

    class Odd(ScriptedLLM):
        def get_tool_calls_from_response(self, response: ChatResponse, **kwargs: Any) -> list[ToolSelection]:
            held = response.message.additional_kwargs.get("own", [])
            return [ToolSelection(tool_id="1", tool_name=name, tool_kwargs=given) for name, given in held]

    def own(messages: Any, kwargs: Any) -> ChatMessage:
        told = [["book", fields(messages[-1].content)]]
        return ChatMessage(role="assistant", content="", additional_kwargs={"own": told, "tool_calls": told})

    cache = opened(CALL)
    inner = Odd(own)
    llm: Any = cached(inner, cache)
    for values in KNOWN:
        llm.chat_with_tools(TOOLS, ask(values))
    assert live(cache) == 1
    with pytest.raises(ValueError, match="does not see the call"):  # on_fault="raise"; else a counted miss
        llm.chat_with_tools(TOOLS, ask(NEW))


def two(messages: Any, kwargs: Any) -> ChatMessage:
    """The same call twice."""
    said = calling("book", fields(messages[-1].content))
    return said.model_copy(update={"blocks": [*said.blocks, ToolCallBlock(tool_call_id="c2", **_of(said))]})


def _of(said: ChatMessage) -> dict[str, Any]:
    block = said.blocks[-1]
    assert isinstance(block, ToolCallBlock)
    return {"tool_name": block.tool_name, "tool_kwargs": block.tool_kwargs}


def worded(messages: Any, kwargs: Any) -> ChatMessage:
    """A call with words."""
    return calling("book", fields(messages[-1].content), text="I book it.")


def cut(messages: Any, kwargs: Any) -> ChatMessage:
    """A call whose arguments end too early, which readers mend."""
    block = ToolCallBlock(tool_call_id="c1", tool_name="book", tool_kwargs='{"invoice": 3')
    return ChatMessage(role="assistant", blocks=[block])


@pytest.mark.parametrize("said", [two, worded, cut])
def test_mixed_and_cut_answers_teach_nothing(opened: Callable[[str], Cache], said: Any) -> None:
    """Two calls, a call with words, cut arguments: the same request gets them again, and nothing is compiled."""
    cache = opened(CALL)
    inner = ScriptedLLM(said)
    llm: Any = cached(inner, cache)
    for values in KNOWN:
        llm.chat_with_tools(TOOLS, ask(values), allow_parallel_tool_calls=True)
    again = llm.chat_with_tools(TOOLS, ask(KNOWN[0]), allow_parallel_tool_calls=True)
    assert note([again])["tier"] == "exact"
    assert len(again.message.blocks) == len(said([user(ask(KNOWN[0]))], {}).blocks)
    assert cache.procedures() == []


def test_tool_calls_can_be_left_to_the_model(opened: Callable[[str], Cache]) -> None:
    """``tool_calls=False``: no procedure for a choice of tools; structured prediction is not one."""
    cache = opened(OBJECT)
    llm: Any = cached(ScriptedLLM(script), cache, tool_calls=False)
    for values in KNOWN:
        llm.chat_with_tools(TOOLS, ask(values))
    assert cache.procedures() == []
    for values in KNOWN:
        predict(llm, values)
    assert live(cache) == 1
    with pytest.raises(ConfigurationError, match="tool_calls"):
        cached(ScriptedLLM(), cache, tool_calls=1)  # type: ignore[arg-type] - the mistake under test


def test_the_compiler_is_told_the_form(open_cache: Callable[..., Cache]) -> None:
    """It reads the schema and that the reply is JSON, after the system prompt; what it is shown are such replies."""
    prompts: list[str] = []
    cache = open_cache(compiler=lambda prompt: prompts.append(prompt) or "NOT_COMPILABLE: no")
    llm: Any = cached(ScriptedLLM(script, system_prompt="House rule 17."), cache)
    for values in KNOWN[:2]:
        predict(llm, values)
    assert "House rule 17." in prompts[0]
    assert "valid against this JSON " in prompts[0]
    assert '{"invoice": 3, "total": 20}' in prompts[0]


# -- what compiles -----------------------------------------------------------------------------------------------------


class AwaitedLLM(ScriptedLLM):
    """An LLM that can only be awaited."""

    def chat(self, messages: Any, **kwargs: Any) -> ChatResponse:
        raise NotImplementedError


def test_an_llm_that_can_only_be_awaited_compiles_too() -> None:
    """In a thread without a loop, and in one whose loop is running."""
    model = as_model(AwaitedLLM(lambda messages, _: ChatMessage(role="assistant", content="code")))

    async def inside() -> str:
        return model.complete("p").text

    assert (model.complete("p").text, asyncio.run(inside())) == ("code", "code")


async def test_an_llm_that_can_only_be_awaited_compiles_for_itself(path: Path) -> None:
    """Its wrapper is awaited as before, and learns from what it hears."""

    def sound(messages: Any, kwargs: Any) -> ChatMessage:
        text = messages[-1].content
        if "compiler of a reasoning cache" in text:
            return ChatMessage(role="assistant", content="NOT_COMPILABLE: no" if "another engineer" in text else OBJECT)
        return script(messages, kwargs)

    inner = AwaitedLLM(sound)
    llm: Any = cached(inner, path)
    cache = llm._seglam_layer.cache
    for i, n, p in KNOWN:
        await llm.astructured_predict(Invoice, PROMPT, i=i, n=n, p=p)
        await asyncio.to_thread(cache.drain)
    before = len(inner.counter)
    found = await llm.astructured_predict(Invoice, PROMPT, i=5, n=6, p=7)
    assert (found, len(inner.counter), live(cache)) == (Invoice(invoice=5, total=42), before, 1)
    cache.close()


def test_a_coroutine_function_compiles_too(path: Path) -> None:
    """As compiler= of cached(): it is awaited where the compiler works."""

    async def author(prompt: str) -> str:
        await asyncio.sleep(0)
        return "NOT_COMPILABLE: no" if "another engineer" in prompt else "<think>hm</think>" + OBJECT

    llm: Any = cached(ScriptedLLM(script), path, compiler=author)
    with Cache.open(path) as probe:
        for values in KNOWN:
            predict(llm, values)
            llm._seglam_layer.cache.drain()
        assert live(probe) == 1
    llm._seglam_layer.cache.close()


@pytest.mark.parametrize(
    "message",
    [
        ChatMessage(role="assistant", blocks=[ThinkingBlock(content="NOT_COMPILABLE"), *user("code").blocks]),
        ChatMessage(role="assistant", content="<think>\nNOT_COMPILABLE\n</think>\ncode"),
    ],
    ids=["block", "inline"],
)
def test_of_a_reasoning_models_reply_the_text_counts(message: ChatMessage) -> None:
    """Thoughts in a block or in front of the text are neither code nor a refusal."""
    assert as_model(ScriptedLLM(lambda *_: message)).complete("p").text == "code"


@pytest.mark.parametrize("inline", [False, True])
def test_thoughts_beside_an_object_do_no_harm(opened: Callable[[str], Cache], inline: bool) -> None:
    """A reasoning model's object is learnt from its text; the exact answer keeps its thoughts, in a block or in the text."""
    cache = opened(OBJECT)
    form = {"type": "json_schema", "json_schema": {"schema": Invoice.model_json_schema()}}

    def think(messages: Any, _kwargs: Any) -> ChatMessage:
        text = json.dumps(fields(messages[-1].content))
        told = user(text).blocks
        if inline:
            return ChatMessage(role="assistant", content=f"<think>hm</think>{text}")
        return ChatMessage(role="assistant", blocks=[ThinkingBlock(content="hm"), *told])

    llm: Any = cached(ScriptedLLM(think), cache)
    for values in KNOWN:
        llm.chat([user(ask(values))], response_format=form)
    again = llm.chat([user(ask(KNOWN[0]))], response_format=form)
    assert note([again])["tier"] == "exact"
    assert again.message == think([user(ask(KNOWN[0]))], {})
    new = llm.chat([user(ask(NEW))], response_format=form)
    assert (json.loads(new.message.content), note([new])["tier"]) == (fields(ask(NEW)), "procedure")
