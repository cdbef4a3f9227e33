"""Synthesizers, structured engines, workflows of agents and policies by kind of prompt: a second run asks no LLM."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from llama_index.core import PromptTemplate
from llama_index.core.agent.workflow import AgentStream, AgentWorkflow, FunctionAgent
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.llms.structured_llm import StructuredLLM
from llama_index.core.response_synthesizers import ResponseMode, get_response_synthesizer
from llama_index.core.schema import NodeWithScore, TextNode
from llama_index.core.tools import FunctionTool
from pydantic import BaseModel

from llamaindex_models import EchoLLM, ScriptedLLM, calling
from llamaindex_seglam import cached, is_cached
from seglam import Cache, tenant
from test_llamaindex_agents import agent_test, collected  # noqa: F401 - the fixture is asked for by name


@pytest.fixture
def cache(open_cache: Callable[..., Cache]) -> Cache:
    """A cache that raises on faults and compiles nothing."""
    return open_cache(policy={"compile": "off"})


NODES = [NodeWithScore(node=TextNode(text=f"Spider {n} has 8 legs. " * 3), score=1.0) for n in range(3)]
MODES = [
    mode
    for mode in ResponseMode
    if mode not in (ResponseMode.NO_TEXT, ResponseMode.CONTEXT_ONLY)  # these ask no LLM
]


@pytest.mark.parametrize("make", [ScriptedLLM, EchoLLM])
@pytest.mark.parametrize("mode", MODES)
def test_every_synthesizer_asks_once(cache: Cache, make: Any, mode: ResponseMode) -> None:
    """All modes, sync, async and streamed: what they say is what they say without a cache, and the second time is free."""

    def ask(llm: Any) -> list[str]:
        plain = get_response_synthesizer(llm=llm, response_mode=mode)
        told = [str(plain.synthesize("How many legs?", NODES))]
        told.append(str(asyncio.run(plain.asynthesize("How many legs?", NODES))))
        if mode not in (ResponseMode.ACCUMULATE, ResponseMode.COMPACT_ACCUMULATE):  # LlamaIndex cannot stream these
            streaming = get_response_synthesizer(llm=llm, response_mode=mode, streaming=True)
            told.append(str(streaming.synthesize("How many legs?", NODES).get_response()))  # type: ignore[union-attr]
        return told

    inner = make()
    llm = cached(inner, cache)
    told = ask(llm)
    asked = len(inner.counter)
    assert asked
    assert ask(llm) == told
    assert len(inner.counter) == asked
    alone = make()
    assert ask(alone) == told
    assert len(alone.counter) > asked


class Legs(BaseModel):
    """Legs of an animal."""

    legs: int


def test_a_structured_llm_answers_a_synthesizer_once(cache: Cache) -> None:
    """StructuredLLM stays what synthesizers look for, and the objects come out of the cache."""
    inner = ScriptedLLM(lambda *_: calling("Legs", {"legs": 8}))
    llm = cached(inner.as_structured_llm(Legs), cache)
    assert isinstance(llm, StructuredLLM)
    assert is_cached(llm)
    for _ in range(2):
        engine = get_response_synthesizer(llm=llm, response_mode=ResponseMode.COMPACT)
        assert engine.synthesize("How many legs?", NODES).response == Legs(legs=8)
        other = get_response_synthesizer(llm=cached(inner, cache), output_cls=Legs)
        assert other.synthesize("How many legs?", NODES).response == Legs(legs=8)
    assert len(inner.counter) <= 2


# -- workflows of agents --------------------------------------------------------------------------------------------------


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def handing(messages: Any, kwargs: Any) -> ChatMessage:
    """Hands over to the agent that counts, which adds and tells."""
    names = {tool["function"]["name"] for tool in kwargs.get("tools", [])}
    results = [str(message.content) for message in messages if message.role == "tool"]
    if "handoff" in names and not results:
        return calling("handoff", {"to_agent": "counter", "reason": "it counts"})
    if "add" in names and not results[-1].isdigit():
        return calling("add", {"a": 2, "b": 3}, number=2)
    return ChatMessage(role="assistant", content=f"The sum is {results[-1]}.")


def team(llm: Any, *, streaming: bool) -> AgentWorkflow:
    """Two agents, of which one hands over to the other."""
    desk = FunctionAgent(
        name="desk", description="Greets.", llm=llm, tools=[], can_handoff_to=["counter"], streaming=streaming
    )
    counter = FunctionAgent(
        name="counter",
        description="Counts.",
        llm=llm,
        tools=[FunctionTool.from_defaults(add)],
        can_handoff_to=[],
        streaming=streaming,
    )
    return AgentWorkflow(agents=[desk, counter], root_agent="desk")


@agent_test
@pytest.mark.parametrize("streaming", [True, False])
def test_agents_that_hand_over_run_the_second_time_without_their_llm(cache: Cache, streaming: bool) -> None:
    """Every step of every agent comes out of the cache, tools run, and the stream of events is still there."""
    inner = ScriptedLLM(handing)
    llm = cached(inner, cache)

    async def run() -> tuple[str, bool]:
        handler = team(llm, streaming=streaming).run("What is 2 + 3?")
        streamed = False
        async for event in handler.stream_events():
            streamed |= isinstance(event, AgentStream) and bool(event.delta)
        return str(await handler), streamed

    told = asyncio.run(run())
    asked = len(inner.counter)
    assert told == ("The sum is 5.", streaming)
    assert asked >= 3
    assert asyncio.run(run()) == told
    assert len(inner.counter) == asked


@agent_test
def test_a_tenants_run_shares_with_no_other_tenants(cache: Cache) -> None:
    """A block around an agent holds in its steps, which are tasks of a workflow."""
    inner = ScriptedLLM(lambda *_: ChatMessage(role="assistant", content="Nothing to add here."))
    agent = FunctionAgent(tools=[FunctionTool.from_defaults(add)], llm=cached(inner, cache))

    async def run(name: str) -> None:
        with tenant(name):
            await agent.run("Hello?")

    for name in ("acme", "globex", "acme"):
        asyncio.run(run(name))
    assert len(inner.counter) == 2


def test_a_selector_prompt_and_a_partial_one_are_one_request(cache: Cache) -> None:
    """What is sent decides, not how the template came to it."""
    inner = ScriptedLLM()
    llm = cached(inner, cache)
    llm.predict(PromptTemplate("{a} of {b}?"), a="Legs", b="a spider")
    llm.predict(PromptTemplate("{a} of {b}?").partial_format(a="Legs"), b="a spider")
    assert len(inner.counter) == 1
