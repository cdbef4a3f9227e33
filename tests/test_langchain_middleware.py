"""SeglamMiddleware in real agents of create_agent, against a local server that speaks OpenAI's API."""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import ModelFallbackMiddleware, dynamic_prompt, wrap_model_call
from langchain.agents.structured_output import ProviderStrategy, ToolStrategy
from langchain_core.caches import InMemoryCache
from langchain_core.globals import set_llm_cache
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.memory import InMemorySaver
from pydantic import BaseModel

from langchain_models import FakeChat, add, hit
from langchain_seglam import SeglamCache, SeglamMiddleware, cached
from openai_server import calling, serve
from seglam import ConfigurationError, Policy, sharing


class City(BaseModel):
    """A city."""

    name: str


@pytest.fixture
def core(open_cache):
    """The cache behind; faults raise."""
    return open_cache(policy={"compile": "off"})


def openai(provider):
    """The real client."""
    return ChatOpenAI(model="gpt-x", api_key="sk-secret", base_url=provider.url, max_retries=0)


def adding(messages):
    """Calls the tool once, then says what it gave."""
    last = messages[-1]
    return f"The sum is {last['content']}." if last["role"] == "tool" else calling("add", {"a": 1, "b": 2})


def ask(agent, text, **options):
    """One run of an agent."""
    return agent.invoke({"messages": [{"role": "user", "content": text}]}, **options)


async def aask(agent, text, **options):
    """One run on the loop."""
    return await agent.ainvoke({"messages": [{"role": "user", "content": text}]}, **options)


# -- agents with tools --------------------------------------------------------------------------------------------------


async def test_an_agent_that_runs_again_asks_no_model(core):
    """Both steps hit the second time, sync and async; the tool runs every time, under ids that are new and belong together."""
    with serve(adding) as provider:
        agent = create_agent(openai(provider), [add], middleware=[SeglamMiddleware(core)])
        runs = [ask(agent, "add"), ask(agent, "add"), await aask(agent, "add")]
        assert provider.calls == 2
    ids = set()
    for run in runs:
        _, call, result, said = run["messages"]
        assert said.content == "The sum is 3."
        assert result.tool_call_id == call.tool_calls[0]["id"]
        ids |= {result.tool_call_id, call.id, said.id}
    assert len(ids) == 9
    assert hit(runs[0]["messages"][1]) is None
    assert hit(runs[1]["messages"][1])["tier"] == hit(runs[1]["messages"][3])["tier"] == "exact"


def test_the_step_after_a_tool_hangs_on_what_the_tool_said(core):
    """The same question with another result of the tool is asked."""
    results = iter(["north", "south", "north"])

    @tool
    def sign() -> str:
        """What stands on the sign."""
        return next(results)

    def telling(messages):
        last = messages[-1]
        return f"It says {last['content']}." if last["role"] == "tool" else calling("sign", {})

    with serve(telling) as provider:
        agent = create_agent(openai(provider), [sign], middleware=[SeglamMiddleware(core)])
        said = [ask(agent, "Read the sign.")["messages"][-1].content for _ in range(3)]
        assert said == ["It says north.", "It says south.", "It says north."]
        assert provider.calls == 3


def test_two_equal_turns_of_one_thread_are_four_messages(core):
    """A hit has an id of its own, or the state would replace the first answer by it."""
    with serve(lambda messages: f"answer {len(messages)}") as provider:
        model = openai(provider)
        agent = create_agent(model, [], middleware=[SeglamMiddleware(core)], checkpointer=InMemorySaver())
        for thread in ("a", "b"):
            config = {"configurable": {"thread_id": thread}}
            ask(agent, "hi", config=config)
            final = ask(agent, "hi", config=config)["messages"]
            assert [message.type for message in final] == ["human", "ai", "human", "ai"]
        assert provider.calls == 2


# -- structured output --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", [ProviderStrategy, ToolStrategy])
async def test_a_structured_response_is_kept(core, strategy):
    """An object of the class as it is now, from the model and from a hit."""

    def answer(messages):
        return calling("City", {"name": "Paris"}) if strategy is ToolStrategy else '{"name": "Paris"}'

    with serve(answer) as provider:
        agent = create_agent(openai(provider), [], response_format=strategy(City), middleware=[SeglamMiddleware(core)])
        runs = [ask(agent, "Where?"), ask(agent, "Where?"), await aask(agent, "Where?")]
        assert [run["structured_response"] for run in runs] == [City(name="Paris")] * 3
        assert provider.calls == 1
    if strategy is ToolStrategy:
        ids = [(run["messages"][1].tool_calls[0]["id"], run["messages"][2].tool_call_id) for run in runs]
        assert all(call == result for call, result in ids)
        assert len(set(ids)) == 3


def test_another_schema_is_another_request(core):
    """The class behind a name may change; its schema is what counts."""
    with serve(lambda _: '{"name": "Paris", "people": 2}') as provider:

        def run(kind):
            agent = create_agent(
                openai(provider), [], response_format=ProviderStrategy(kind), middleware=[SeglamMiddleware(core)]
            )
            return ask(agent, "Where?")["structured_response"]

        class Town(BaseModel):
            name: str

        wide = type("Town", (BaseModel,), {"__annotations__": {"name": str, "people": int}, "__module__": __name__})
        assert type(run(Town)) is Town
        assert type(run(wide)) is wide
        assert provider.calls == 2


# -- tenants ------------------------------------------------------------------------------------------------------------


@dataclass
class Context:
    """What a run knows of its user."""

    user: str


def test_tenants_come_from_the_context_of_the_run(open_cache):
    """Nothing crosses users; a run without a name is answered by the model, and kept for nobody."""
    core = open_cache(policy={"on_fault": "miss", "compile": "off"})
    with serve(lambda _: "hello") as provider:
        middleware = SeglamMiddleware(core, tenant=lambda context: context.user)
        agent = create_agent(openai(provider), [], middleware=[middleware], context_schema=Context)
        calls = []
        for user in ("a", "b", "a", "", ""):
            ask(agent, "hi", context=Context(user))
            calls.append(provider.calls)
        assert calls == [1, 2, 2, 3, 4]
        ask(agent, "hi")
        assert provider.calls == 5
    assert core.faults == {"langchain.middleware": 3}


def test_a_run_without_a_name_is_not_cached_further_in(open_cache):
    """Not even when the model has a cache of its own in front of it: that one knows no tenants."""
    core = open_cache(policy={"on_fault": "miss", "compile": "off"})
    with serve(lambda _: "hello") as provider:
        middleware = SeglamMiddleware(core, tenant=lambda context: context.user)
        model = cached(openai(provider), core)
        agent = create_agent(model, [], middleware=[middleware], context_schema=Context)
        for _ in range(2):
            ask(agent, "hi", context=Context(""))
        assert provider.calls == 2


# -- at the same time, stacked, composed --------------------------------------------------------------------------------


async def test_equal_runs_at_once_are_one_call(core):
    """Threads and tasks; the server takes its time."""

    def slow(messages):
        time.sleep(0.2)
        return "hello"

    with serve(slow) as provider:
        agent = create_agent(openai(provider), [], middleware=[SeglamMiddleware(core)])
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: ask(agent, "hi"), range(4)))
        assert provider.calls == 1
        await asyncio.gather(*(aask(agent, "ho") for _ in range(4)))
        assert provider.calls == 2


@pytest.mark.parametrize("inside", ["wrapped", "seglam", "memory"])
def test_an_answer_is_kept_once(core, inside):
    """Whatever cache the agent's model has already: one entry, in the middleware's own part."""
    memory = InMemoryCache()
    with serve(lambda _: "hello") as provider:
        model = openai(provider)
        if inside == "wrapped":
            model = cached(model, core, namespace="other")
        set_llm_cache({"seglam": SeglamCache(core, namespace="other"), "memory": memory}.get(inside))
        try:
            agent = create_agent(model, [], middleware=[SeglamMiddleware(core)])
            ask(agent, "hi"), ask(agent, "hi")
        finally:
            set_llm_cache(None)
        assert provider.calls == 1
    assert memory._cache == {}
    assert core.stats().sizes["entries"] == 1
    assert core.stats("other").requests == 0


@pytest.mark.parametrize("ours_first", [True, False])
def test_what_other_middleware_does_to_a_request_counts(core, ours_first):
    """A prompt that another middleware writes is part of the key, wherever it stands in the list."""
    role = {"now": "guest"}

    @dynamic_prompt
    def prompt(request):
        return f"The user is {role['now']}."

    with serve(lambda messages: messages[0]["content"]) as provider:
        ours = SeglamMiddleware(core)
        agent = create_agent(openai(provider), [], middleware=[ours, prompt] if ours_first else [prompt, ours])
        said = []
        for who in ("guest", "admin", "guest"):
            role["now"] = who
            said.append(ask(agent, "Who am I?")["messages"][-1].content)
        assert said == ["The user is guest.", "The user is admin.", "The user is guest."]
        assert provider.calls == 2


def test_a_fallback_is_cached_as_itself(core):
    """Behind middleware that falls back, the other model's answer is stored under the other model."""

    class Down(FakeChat):
        def _generate(self, *args, **kwargs):
            raise ConnectionError("down")

    other = FakeChat(model="other")
    agent = create_agent(Down(), [], middleware=[ModelFallbackMiddleware(other), SeglamMiddleware(core)])
    first, second = ask(agent, "hi"), ask(agent, "hi")
    assert first["messages"][-1].content == second["messages"][-1].content
    assert other.calls == 1


def test_tokens_stream_through_an_agent(core):
    """stream_mode="messages": a hit comes in the pieces of the model's own stream."""
    with serve(lambda _: "Hello there") as provider:
        agent = create_agent(openai(provider), [], middleware=[SeglamMiddleware(core)])
        told = []
        for _ in range(2):
            state = {"messages": [HumanMessage("hi")]}
            told.append([chunk.content for chunk, _ in agent.stream(state, stream_mode="messages") if chunk.content])
        assert told == [["Hello", " ", "there"]] * 2
        assert provider.calls == 1


def test_middleware_that_retries_gets_the_error(core):
    """What the provider raises is the agent's to handle; nothing of it is kept."""
    tries = []

    @wrap_model_call
    def again(request, handler):
        for _ in range(3):
            try:
                return handler(request)
            except ConnectionError:
                tries.append(1)
        raise AssertionError

    class Shaky(FakeChat):
        def _generate(self, messages, stop=None, run_manager=None, **kwargs):
            if len(tries) < 2:
                raise ConnectionError("down")
            return super()._generate(messages, stop, run_manager, **kwargs)

    inner = Shaky()
    agent = create_agent(inner, [], middleware=[again, SeglamMiddleware(core)])
    assert ask(agent, "hi")["messages"][-1].content == ask(agent, "hi")["messages"][-1].content
    assert (len(tries), inner.calls) == (2, 1)


def test_the_name_of_an_agent_is_its_own(core):
    """Two agents share an answer; each writes its own name on it."""
    inner = FakeChat()
    names = []
    for name in ("one", "two"):
        agent = create_agent(inner, [], name=name, middleware=[SeglamMiddleware(core)])
        names.append(ask(agent, "hi")["messages"][-1].name)
    assert names == ["one", "two"]
    assert inner.calls == 1


# -- arguments and faults -----------------------------------------------------------------------------------------------


def test_one_surface_may_be_shared(core):
    """A SeglamCache brings its namespace and tenant with it."""
    inner = FakeChat()
    surface = SeglamCache(core, namespace="n", tenant="t")
    agent = create_agent(inner, [], middleware=[SeglamMiddleware(surface)])
    ask(agent, "hi")
    assert hit(FakeChat(cache=surface).invoke("hi"))
    assert core.stats("n").requests == 2


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda core: SeglamMiddleware(7), "cache"),
        (lambda core: SeglamMiddleware(core, tenant=""), "tenant"),
        (lambda core: SeglamMiddleware(core, policy=Policy()), "policy"),
        (lambda core: SeglamMiddleware(SeglamCache(core), namespace="x"), "namespace"),
        (lambda core: SeglamMiddleware(SeglamCache(core), tool_calls=False), "tool_calls"),
        (lambda core: SeglamMiddleware(core, namespace=1), "namespace"),
    ],
)
def test_wrong_arguments_are_named(core, make, named):
    """ConfigurationError, at once."""
    with pytest.raises(ConfigurationError, match=f"^{named}"):
        make(core)


def test_a_file_is_opened_once(path):
    """Two middlewares that name one file share it."""
    try:
        one, two = SeglamMiddleware(path), SeglamMiddleware(path)
        assert one.cache is two.cache
    finally:
        sharing._registry.close()


@pytest.mark.parametrize("place", ["lookup", "respond"])
def test_a_fault_of_the_cache_is_a_miss(open_cache, monkeypatch, place):
    """The agent gets the model's answer."""
    core = open_cache(policy={"on_fault": "miss", "compile": "off"})

    def fail(*args, **kwargs):
        raise OSError("no disk")

    monkeypatch.setattr(core, place, fail)
    inner = FakeChat()
    agent = create_agent(inner, [], middleware=[SeglamMiddleware(core)])
    assert ask(agent, "hi")["messages"][-1].content.startswith("answer")
    assert inner.calls == 1


def test_many_threads_describe_many_models(core):
    """What is remembered of models stays small, and right, under threads."""
    middleware = SeglamMiddleware(core)
    ready = threading.Barrier(4)

    def run(number):
        ready.wait()
        for step in range(20):
            inner = FakeChat(model=f"m{number}-{step}", answers=lambda _, n=number, s=step: f"{n}-{s}")
            said = ask(create_agent(inner, [], middleware=[middleware]), "hi")["messages"][-1].content
            assert said == f"{number}-{step}"

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(run, range(4)))
    assert len(middleware._described) <= 16


def test_a_history_with_a_tool_is_never_compiled(open_cache):
    """No procedure learns from, or answers, a step that follows a tool's result."""
    core = open_cache(policy={"compile": "hot"}, compiler=lambda prompt: pytest.fail("asked to compile"))
    inner = FakeChat(answers=lambda messages: f"{messages[-1].content}0")
    agent = create_agent(inner, [add], middleware=[SeglamMiddleware(core)])
    for number in range(4):
        call = AIMessage("", tool_calls=[{"name": "add", "args": {"a": number, "b": 1}, "id": f"c{number}"}])
        result = ToolMessage(str(number), tool_call_id=f"c{number}")
        agent.invoke({"messages": [HumanMessage("What is the sum times ten?"), call, result]})
    core.drain()
    assert inner.calls == 4
    assert core.procedures() == []
