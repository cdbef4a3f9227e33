"""Real provider clients over HTTP, wrapped and not: what is sent and what comes back is the same; a hit sends nothing."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from langchain.agents import create_agent
from langchain_anthropic import ChatAnthropic
from langchain_anthropic.middleware import AnthropicPromptCachingMiddleware
from langchain_core.messages import HumanMessage
from langchain_openai import ChatOpenAI, OpenAI
from pydantic import BaseModel, Field

import anthropic_server
import openai_server
from langchain_models import add, hit
from langchain_seglam import SeglamMiddleware, cached
from openai_server import Said, calling

USE = {"type": "tool_use", "id": "toolu_01abcdefghijklmnopqrstuv", "name": "add", "input": {"a": 1, "b": 2}}


class City(BaseModel):
    """A city and how many live there."""

    name: str = Field(description="its name")
    people: int


@pytest.fixture
def core(open_cache):
    """The cache behind; faults raise."""
    return open_cache(policy={"compile": "off"})


def openai_answer(messages):
    """By the words of the question: a call, an object, or text."""
    asked = str(messages[-1]["content"])
    if "add" in asked:
        return calling("add", {"a": 1, "b": 2})
    if "call" in asked:
        return calling("City", {"name": "Paris", "people": 2})
    return '{"name": "Paris", "people": 2}' if "JSON" in asked else "Hello there friend"


def anthropic_answer(body):
    """By the words of the question: a call after some text, the call of a schema, or text."""
    asked = str(body["messages"][-1]["content"])
    if "add" in asked:
        return [{"type": "text", "text": "I add."}, USE]
    if "call" in asked:
        return [{**USE, "name": "City", "input": {"name": "Paris", "people": 2}}]
    return "Hello there friend"


@pytest.fixture(params=["openai", "anthropic"])
def client(request):
    """A provider that counts, and a function that makes its client."""
    if request.param == "openai":
        with openai_server.serve(openai_answer) as provider:
            yield (
                provider,
                lambda **o: ChatOpenAI(model="gpt-x", api_key="k", base_url=provider.url, max_retries=0, **o),
            )
    else:
        with anthropic_server.serve(anthropic_answer) as provider:
            yield provider, lambda **o: ChatAnthropic(model="claude-x", api_key="k", base_url=provider.url, **o)


def plain(value):
    """A message without what is new in every run; anything else as it is."""
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    return value.model_dump(exclude={"id"}) if hasattr(value, "response_metadata") else value


def said(value):
    """What an answer says, under whatever ids: text, calls, objects."""
    if isinstance(value, dict):
        return {name: said(item) for name, item in value.items()}
    if not hasattr(value, "response_metadata"):
        return value
    return value.text, [(call["name"], call["args"]) for call in value.tool_calls]


def with_tools(model):
    """A model that may call a tool."""
    return model.bind_tools([add])


def structured(method, **options):
    """A way to make a model answer with an object."""
    return lambda model: model.with_structured_output(City, method=method, **options)


WAYS = {
    "text": ("Say hello", lambda model: model),
    "stop": ("Say hello", lambda model: model.bind(stop=["x"])),
    "tools": ("Please add", with_tools),
    "function_calling": ("call", structured("function_calling")),
    "function_calling_raw": ("call", structured("function_calling", include_raw=True)),
}
OPENAI_ONLY = {
    "json_schema": ("JSON", structured("json_schema")),
    "json_schema_raw": ("JSON", structured("json_schema", include_raw=True)),
    "json_mode": ("JSON", structured("json_mode")),
    "json_schema_dict": ("JSON", lambda m: m.with_structured_output(City.model_json_schema(), method="json_schema")),
}


def way(name, provider):
    """The question and the chain of a way; skips what the provider's client does not have."""
    if name in OPENAI_ONLY and not provider.url.endswith("/v1"):
        pytest.skip("a way of the other client")
    return {**WAYS, **OPENAI_ONLY}[name]


# -- wrapped and not ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*WAYS, *OPENAI_ONLY])
async def test_a_miss_is_what_the_client_gives(core, client, name):
    """The same body is sent, the same answer comes back, field by field; then the answer comes without a call."""
    provider, make = client
    question, chain = way(name, provider)
    bare, wrapped = chain(make()), chain(cached(make(), core))
    expected = bare.invoke(question)
    missed = wrapped.invoke(question)
    assert provider.bodies[0] == provider.bodies[1]
    assert plain(missed) == plain(expected)
    assert type(missed) is type(expected)
    for again in (wrapped.invoke(question), await wrapped.ainvoke(question)):
        assert said(again) == said(expected)
        assert type(again) is type(expected)
    assert provider.calls == 2


@pytest.mark.parametrize("name", [*WAYS, *OPENAI_ONLY])
async def test_an_awaited_miss_is_what_the_client_gives(core, client, name):
    """The same through the client's own async path."""
    provider, make = client
    question, chain = way(name, provider)
    expected = await chain(make()).ainvoke(question)
    wrapped = chain(cached(make(), core))
    assert plain(await wrapped.ainvoke(question)) == plain(expected)
    assert provider.bodies[0] == provider.bodies[1]
    assert said(await wrapped.ainvoke(question)) == said(wrapped.invoke(question)) == said(expected)
    assert provider.calls == 2


def total(chunks):
    """The message that chunks make."""
    made = chunks[0]
    for chunk in chunks[1:]:
        made += chunk
    return made


@pytest.mark.parametrize("name", ["text", "tools"])
async def test_a_streamed_miss_is_what_the_client_streams(core, client, name):
    """Chunk by chunk; and the replay says the same in the same pieces, sync and async."""
    provider, make = client
    question, chain = way(name, provider)
    expected = list(chain(make()).stream(question))
    wrapped = chain(cached(make(), core))
    missed = list(wrapped.stream(question))
    assert [plain(chunk) for chunk in missed] == [plain(chunk) for chunk in expected]
    assert provider.bodies[0] == provider.bodies[1]
    for again in (list(wrapped.stream(question)), [c async for c in wrapped.astream(question)]):
        assert [chunk.text for chunk in again if chunk.text] == [chunk.text for chunk in expected if chunk.text]
        assert said(total(again)) == said(total(expected))
        assert total(again).usage_metadata["total_tokens"] == 0
    assert said(wrapped.invoke(question)) == said(total(expected))
    assert provider.calls == 2


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")  # the client's own, of its own parsed object
@pytest.mark.parametrize("name", ["function_calling", "json_schema", "json_mode"])
def test_structured_output_streams_from_a_hit(core, client, name):
    """The last thing that a streamed structured output gives is the whole object."""
    provider, make = client
    question, chain = way(name, provider)
    wrapped = chain(cached(make(), core))
    first, second = (list(wrapped.stream(question))[-1] for _ in range(2))
    assert first == second == City(name="Paris", people=2)
    assert provider.calls == 1


def test_the_responses_interface_of_openai_is_keyed_apart(core):
    """Another interface gives answers of another shape: it is another engine."""
    with openai_server.serve(openai_answer) as provider:
        cached(ChatOpenAI(model="gpt-x", api_key="k", base_url=provider.url), core).invoke("hi")
        other = cached(ChatOpenAI(model="gpt-x", api_key="k", base_url=provider.url, use_responses_api=True), core)
        with pytest.raises(Exception, match="no such endpoint"):
            other.invoke("hi")  # the server does not speak it; nothing stored was given instead


# -- at the same time ---------------------------------------------------------------------------------------------------


@pytest.fixture
def slow():
    """A server that takes its time, and its client."""

    def answer(_):
        time.sleep(0.3)
        return "Hello there friend"

    with openai_server.serve(answer) as provider:
        yield provider, ChatOpenAI(model="gpt-x", api_key="k", base_url=provider.url, max_retries=0)


def test_equal_requests_at_once_are_one_call(core, slow):
    """Threads, batch, streams: N of each make one call, and every answer is the same text."""
    provider, inner = slow
    model = cached(inner, core)
    with ThreadPoolExecutor(8) as pool:
        texts = {m.content for m in pool.map(lambda _: model.invoke("a"), range(8))}
    texts |= {m.content for m in model.batch(["b"] * 8)}
    with ThreadPoolExecutor(8) as pool:
        texts |= {total(c).content for c in pool.map(lambda _: list(model.stream("c")), range(8))}
    assert provider.calls == 3
    assert texts == {"Hello there friend"}


async def test_equal_requests_on_a_loop_are_one_call(core, slow):
    """The same on an event loop."""
    provider, inner = slow
    model = cached(inner, core)

    async def drained():
        return [chunk async for chunk in model.astream("c")]

    texts = {m.content for m in await asyncio.gather(*(model.ainvoke("a") for _ in range(8)))}
    texts |= {m.content for m in await model.abatch(["b"] * 8)}
    texts |= {total(chunks).content for chunks in await asyncio.gather(*(drained() for _ in range(8)))}
    assert provider.calls == 3
    assert texts == {"Hello there friend"}


# -- what a provider does wrong -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", ["length", "content_filter"])
def test_a_cut_answer_is_not_stored(core, reason):
    """Whether it was streamed or not."""
    with openai_server.serve(lambda _: Said("cut of", reason=reason)) as provider:
        model = cached(ChatOpenAI(model="gpt-x", api_key="k", base_url=provider.url), core)
        for _ in range(2):
            model.invoke("a"), list(model.stream("a"))
        assert provider.calls == 4


def test_a_connection_that_just_ends_is_not_stored(core):
    """The stream gives what came, as without a cache; the next one asks."""
    with openai_server.serve(lambda _: Said("cut of", reason="")) as provider:
        model = cached(ChatOpenAI(model="gpt-x", api_key="k", base_url=provider.url), core)
        assert [total(list(model.stream("a"))).content for _ in range(2)] == ["cut of"] * 2
        assert provider.calls == 2


def test_a_plain_model_over_http(core):
    """OpenAI's completions: several prompts are one call, those that are known are left out of it."""
    with openai_server.serve(lambda messages: messages[-1]["content"].upper()) as provider:
        inner = OpenAI(model="t", api_key="k", base_url=provider.url, max_retries=0)
        model = cached(inner, core)
        assert isinstance(model, OpenAI)
        assert model.invoke("a") == model.invoke("a") == inner.invoke("a") == "A"
        assert provider.bodies[0] == provider.bodies[1]
        assert model.batch(["b", "a", "c", "b"]) == ["B", "A", "C", "B"]
        assert provider.bodies[2]["prompt"] == ["b", "c"]
        assert provider.calls == 3


# -- Anthropic's prefix caching -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("ours_first", [True, False])
async def test_prefix_caching_is_beside_the_point(core, ours_first):
    """AnthropicPromptCachingMiddleware marks what goes to the provider; the marks are no part of a key."""
    with anthropic_server.serve(anthropic_answer) as provider:
        model = ChatAnthropic(model="claude-x", api_key="k", base_url=provider.url)
        ours, theirs = SeglamMiddleware(core), AnthropicPromptCachingMiddleware(ttl="1h")
        both = [ours, theirs] if ours_first else [theirs, ours]
        state = {"messages": [HumanMessage("Say hello")]}
        agent = create_agent(model, [add], system_prompt="Be kind.", middleware=both)
        agent.invoke(state)
        assert "cache_control" in str(provider.bodies[0])
        assert hit(agent.invoke(state)["messages"][-1])
        bare = create_agent(model, [add], system_prompt="Be kind.", middleware=[ours])
        assert hit((await bare.ainvoke(state))["messages"][-1])
        assert provider.calls == 1
