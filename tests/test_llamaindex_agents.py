"""Agents, tools and structured prediction with a wrapped LLM: they work as before, and cost nothing the second time."""

import asyncio
import gc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from llama_index.core import PromptTemplate
from llama_index.core.agent.workflow import AgentWorkflow, FunctionAgent, ReActAgent
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.tools import FunctionTool
from pydantic import BaseModel

from llamaindex_models import EchoLLM, ScriptedLLM, calling
from llamaindex_seglam import cached
from seglam import Cache

ROOT = Path(__file__).parent


@pytest.fixture
def cache(open_cache: Callable[..., Cache]) -> Cache:
    """A cache that raises on faults and compiles nothing."""
    return open_cache(policy={"compile": "off"})


class Legs(BaseModel):
    """Legs of an animal."""

    legs: int


# LlamaIndex's workflows look at every attribute of an agent, deprecated ones of pydantic among them.
workflows = [
    pytest.mark.filterwarnings("ignore:The `__fields__:pydantic.warnings.PydanticDeprecatedSince20"),
    pytest.mark.filterwarnings("ignore:The `__fields_set__:pydantic.warnings.PydanticDeprecatedSince20"),
    pytest.mark.filterwarnings(
        "ignore:Exception ignored in. <function Connection:pytest.PytestUnraisableExceptionWarning"
    ),
    pytest.mark.filterwarnings("ignore:is_running called from within a step:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Accessing the 'model_:pydantic.warnings.PydanticDeprecatedSince211"),
]


@pytest.fixture
def collected() -> Iterator[None]:
    """An agent's memory leaves an aiosqlite connection to the collector, whose complaint belongs to the test that made it."""
    yield
    gc.collect()


def agent_test(test: Any) -> Any:
    """Marks a test that makes a LlamaIndex agent."""
    test = pytest.mark.usefixtures("collected")(test)
    for mark in workflows:
        test = mark(test)
    return test


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def agent_script(messages: Any, kwargs: Any) -> ChatMessage:
    """Calls the tool, then tells its result."""
    results = [message for message in messages if message.role == "tool"]
    if kwargs.get("tools") and not results:
        return calling("add", {"a": 2, "b": 3}, len(messages), text="")
    return ChatMessage(role="assistant", content=f"The sum is {results[-1].content}.")


@pytest.mark.parametrize("streaming", [True, False])
@agent_test
def test_a_function_agent_runs_the_second_time_without_its_llm(cache: Cache, streaming: bool) -> None:
    """Two steps, a real tool call between them, then the same run from the cache: tools still run, the LLM does not."""
    inner = ScriptedLLM(agent_script)
    ran: list[tuple[int, int]] = []

    def tool(a: int, b: int) -> int:
        """Add two numbers."""
        ran.append((a, b))
        return a + b

    async def run() -> str:
        agent = FunctionAgent(
            tools=[FunctionTool.from_defaults(tool, name="add")], llm=cached(inner, cache), streaming=streaming
        )
        return str(await agent.run("What is 2 + 3?"))

    assert [asyncio.run(run()) for _ in range(2)] == ["The sum is 5."] * 2
    assert ran == [(2, 3)] * 2
    assert len(inner.counter) == 2


@agent_test
def test_a_react_agent_runs_the_second_time_without_its_llm(cache: Cache) -> None:
    """Agents that speak in text are cached too, step by step."""

    class React(EchoLLM):
        def _say(self, prompt: str) -> str:
            self._counter.add(prompt)
            if "Observation: 5" in prompt:
                return "Thought: I can answer.\nAnswer: 5"
            return 'Thought: I need a tool.\nAction: add\nAction Input: {"a": 2, "b": 3}'

    inner = React(chat_model=True)

    async def run() -> str:
        agent = ReActAgent(tools=[FunctionTool.from_defaults(add)], llm=cached(inner, cache))
        return str(await agent.run("What is 2 + 3?"))

    assert [asyncio.run(run()) for _ in range(2)] == ["5", "5"]
    assert len(inner.counter) == 2


@agent_test
def test_an_agent_workflow_still_picks_the_function_agent(cache: Cache) -> None:
    """The choice is made by metadata; the wrapper's is the inner's."""
    llm = cached(ScriptedLLM(agent_script), cache)
    workflow = AgentWorkflow.from_tools_or_functions([add], llm=llm)
    assert isinstance(next(iter(workflow.agents.values())), FunctionAgent)
    assert next(iter(workflow.agents.values())).llm is llm


def test_tools_and_structured_prediction_are_cached_by_their_schema(cache: Cache) -> None:
    """chat_with_tools, predict_and_call and structured_predict run once each; another schema is another request."""

    class Wings(BaseModel):
        """Wings of an animal."""

        legs: int

    def script(messages: Any, kwargs: Any) -> ChatMessage:
        name = kwargs["tools"][0]["function"]["name"]
        return calling(name, {"a": 2, "b": 3} if name == "add" else {"legs": 8})

    inner = ScriptedLLM(script)
    llm: Any = cached(inner, cache)
    tool, prompt = FunctionTool.from_defaults(add), PromptTemplate("Legs of a {animal}?")
    for _ in range(2):
        assert llm.get_tool_calls_from_response(llm.chat_with_tools([tool], "2 + 3?"))[0].tool_kwargs == {
            "a": 2,
            "b": 3,
        }
        assert llm.predict_and_call([tool], "3 + 2?").response == "5"
        assert llm.structured_predict(Legs, prompt, animal="spider") == Legs(legs=8)
        assert llm.structured_predict(Wings, prompt, animal="spider") == Wings(legs=8)
        assert list(llm.stream_structured_predict(Legs, prompt, animal="ant"))[-1].legs == 8
    assert len(inner.counter) == 5
