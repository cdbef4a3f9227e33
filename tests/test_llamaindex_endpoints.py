"""The eight endpoints of a wrapped LlamaIndex LLM: untouched on a miss, replayed on a hit, never fatal, never wrong."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from llama_index.core.base.llms.types import ChatMessage, ChatResponse, ToolCallBlock
from llama_index.core.llms import MockLLM
from llama_index.core.llms.mock import MockFunctionCallingLLM

from llamaindex_models import CHAT, COMPLETE, EchoLLM, ScriptedLLM, call, calling, note, text, user
from llamaindex_seglam import cached
from seglam import Cache


@pytest.fixture
def cache(open_cache: Callable[..., Cache]) -> Cache:
    """A cache that raises on faults and compiles nothing."""
    return open_cache(policy={"compile": "off"})


MAKERS: list[Callable[[], Any]] = [
    lambda: MockLLM(max_tokens=3),
    lambda: MockLLM(is_chat_model=True),
    MockFunctionCallingLLM,
    EchoLLM,
    ScriptedLLM,
]


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("endpoint", CHAT + COMPLETE)
def test_a_miss_is_the_llm_itself_field_by_field(cache: Cache, make: Any, endpoint: str) -> None:
    """Wrapped equals unwrapped on a miss, for every endpoint and kind of LLM."""
    assert call(cached(make(), cache), endpoint) == call(make(), endpoint)


@pytest.mark.parametrize("family", [CHAT, COMPLETE])
@pytest.mark.parametrize("make", [EchoLLM, ScriptedLLM])
def test_the_endpoints_of_one_request_share_one_answer(cache: Cache, make: Any, family: tuple[str, ...]) -> None:
    """What any endpoint recorded, every other one replays, whole or in chunks, with one call to the LLM in all."""
    for first in family:
        cache.clear()
        inner = make()
        llm = cached(inner, cache)
        answer = text(call(llm, first))
        for again in family:
            replayed = call(llm, again)
            assert text(replayed) == answer
            assert note(replayed)["tier"] == "exact"
            if "stream" in again:
                assert "".join(chunk.delta for chunk in replayed) == answer
                assert len(replayed) > 1
        assert len(inner.counter) == 1


def test_chunks_of_a_hit_are_cumulative(cache: Cache) -> None:
    """Every replayed chunk holds all text so far and its increment, as LlamaIndex streams do."""
    llm = cached(ScriptedLLM(), cache)
    call(llm, "chat")
    said = ""
    for chunk in llm.stream_chat([user("How many legs has a spider?")]):
        said += chunk.delta or ""
        assert chunk.message.content == said


def test_a_hit_says_where_it_came_from_and_costs_nothing(cache: Cache) -> None:
    """Raw is a dict with zero usage, additional_kwargs name tier and source, and nothing is shared between two hits."""
    llm = cached(EchoLLM(), cache)
    call(llm, "complete")
    one, two = call(llm, "complete")[0], call(llm, "complete")[0]
    assert one.raw["usage"] == {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    assert set(note([one])) == {"tier", "source", "score", "age", "notes"}
    one.additional_kwargs["seglam"]["tier"] = "spoilt"
    one.raw["usage"]["total_tokens"] = 9
    assert note([two])["tier"] == "exact"
    assert two.raw["usage"]["total_tokens"] == 0
    assert cache.stats().saved_input_tokens == 14


def test_a_replayed_answer_in_a_history_does_not_change_the_key(cache: Cache) -> None:
    """The second turn is the same request whether the first was answered by the LLM or by the cache."""
    inner = ScriptedLLM()
    llm = cached(inner, cache)
    for _ in range(2):
        first = llm.chat([user("one")])
        llm.chat([user("one"), first.message, user("two")])
    assert len(inner.counter) == 2


@pytest.mark.parametrize("endpoint", CHAT)
def test_tool_calls_are_replayed_with_fresh_consistent_ids(cache: Cache, endpoint: str) -> None:
    """Two hits never carry one tool-call id twice; block and additional_kwargs agree; the shape of the id stays."""
    inner = ScriptedLLM(lambda messages, kwargs: calling("add", {"a": 1, "b": 2}))
    llm = cached(inner, cache)
    seen = set()
    call(llm, "chat", tools=[{"name": "add"}])
    for _ in range(2):
        message = call(llm, endpoint, tools=[{"name": "add"}])[-1].message
        block = next(block for block in message.blocks if isinstance(block, ToolCallBlock))
        assert (block.tool_name, block.tool_kwargs) == ("add", {"a": 1, "b": 2})
        assert message.additional_kwargs["tool_calls"][0]["id"] == block.tool_call_id
        assert block.tool_call_id is not None
        assert block.tool_call_id.startswith("call_")
        assert len(block.tool_call_id) == len(f"call_{1:024d}")
        seen.add(block.tool_call_id)
    assert len(seen) == 2
    assert f"call_{1:024d}" not in seen
    assert len(inner.counter) == 1


def test_an_answer_that_calls_tools_teaches_no_other_tier(cache: Cache) -> None:
    """A tool call that came unasked is stored for the same request only: it is not text."""
    inner = ScriptedLLM(lambda messages, kwargs: calling("add", {"a": 1}, text="Adding now."))
    llm = cached(inner, cache)
    call(llm, "chat", "please add one and two for me")
    assert note(call(llm, "chat", "please add one and two for me"))["tier"] == "exact"
    assert not note(call(llm, "chat", "please add one and two for  me"))


@pytest.mark.parametrize(
    "raw",
    [
        {"choices": [{"finish_reason": "length"}]},
        {"choices": [{"finish_reason": "content_filter"}]},
        {"choices": [{"finish_reason": None}]},
        {"stop_reason": "max_tokens"},
        {"stop_reason": "refusal"},
        {"done_reason": "length"},
        {"candidates": [{"finish_reason": "MAX_TOKENS"}]},
        {"incomplete_details": {"reason": "max_output_tokens"}},
        {"delta": {"stop_reason": "max_tokens"}},
    ],
)
@pytest.mark.parametrize("endpoint", ["chat", "achat", "stream_chat", "astream_chat"])
def test_an_answer_that_is_not_whole_is_not_stored(cache: Cache, raw: dict[str, Any], endpoint: str) -> None:
    """Cut short, filtered, refused, or without the reason that its provider always gives: asked again."""
    inner = ScriptedLLM(raw=raw)
    llm = cached(inner, cache)
    for _ in range(2):
        assert not note(call(llm, endpoint))
    assert len(inner.counter) == 2


@pytest.mark.parametrize("reason", ["stop", "end_turn", "STOP", "tool_calls"])
def test_an_answer_that_is_whole_is_stored(cache: Cache, reason: str) -> None:
    """The providers' words for a finished answer are known."""
    inner = ScriptedLLM(raw={"choices": [{"finish_reason": reason, "stop_reason": None}]})
    llm = cached(inner, cache)
    call(llm, "stream_chat")
    assert note(call(llm, "chat"))["tier"] == "exact"


@pytest.mark.parametrize("endpoint", CHAT)
def test_an_empty_answer_is_not_stored(cache: Cache, endpoint: str) -> None:
    """Nothing said is nothing learnt."""
    inner = ScriptedLLM(lambda messages, kwargs: ChatMessage(role="assistant", content=""))
    llm = cached(inner, cache)
    for _ in range(2):
        call(llm, endpoint)
    assert len(inner.counter) == 2


def test_an_abandoned_stream_is_not_stored_and_is_closed(cache: Cache) -> None:
    """A consumer that leaves early ends the provider's stream; the next one asks the LLM."""
    inner = ScriptedLLM()
    llm = cached(inner, cache)
    stream = llm.stream_chat([user("How many legs?")])
    next(stream)
    stream.close()
    assert len(inner._closed) == 1
    assert not note(call(llm, "stream_chat", "How many legs?"))
    assert note(call(llm, "stream_chat", "How many legs?"))


async def test_an_abandoned_async_stream_is_not_stored(cache: Cache) -> None:
    """The same for async streams."""
    inner = ScriptedLLM()
    llm = cached(inner, cache)
    stream = await llm.astream_chat([user("How many legs?")])
    await anext(stream)
    await stream.aclose()
    await llm.achat([user("How many legs?")])
    assert len(inner.counter) == 2


def test_a_stream_whose_end_is_not_the_sum_of_its_parts_is_not_stored(cache: Cache) -> None:
    """MockLLM's last chunk lags behind its deltas; such an end is not taken for the answer."""
    llm = cached(MockLLM(max_tokens=3), cache)
    call(llm, "stream_complete")
    assert not note(call(llm, "complete"))


@pytest.mark.parametrize("endpoint", CHAT + COMPLETE)
def test_an_error_of_the_llm_is_the_callers_and_nothing_is_stored(cache: Cache, endpoint: str) -> None:
    """The very exception object comes through, without ours around it, and the next call asks again."""
    inner = ScriptedLLM()
    llm = cached(inner, cache)
    inner._error = ValueError("overloaded")
    with pytest.raises(ValueError, match="overloaded") as caught:
        call(llm, endpoint)
    assert caught.value is inner._error
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    inner._error = None
    assert not note(call(llm, endpoint))


def test_a_stream_that_fails_half_way_is_not_stored(cache: Cache) -> None:
    """The chunks so far are delivered, then the error; nothing is stored."""

    class Breaking(ScriptedLLM):
        def _chunks(self, whole: ChatResponse) -> Iterator[ChatResponse]:  # type: ignore[override]  # an iterator will do
            for place, chunk in enumerate(super()._chunks(whole)):
                if place and self.model == "breaks":
                    raise ConnectionError("gone")
                yield chunk

    inner = Breaking(model="breaks")
    llm = cached(inner, cache)
    stream = llm.stream_chat([user("How many legs?")])
    assert next(stream).delta
    with pytest.raises(ConnectionError):
        next(stream)
    assert cache.stats().sizes["entries"] == 0


def gate(cache: Cache, lookups: int) -> Callable[[], None]:
    """Holds the LLM's answer until so many lookups were made, so that all callers are on their way."""

    def wait() -> None:
        while cache.stats().misses.get("absent", 0) < lookups:
            time.sleep(0.005)
        time.sleep(0.2)  # from their lookup to the flight it is a few instructions

    return wait


@pytest.mark.parametrize("endpoint", ["chat", "complete"])
def test_twenty_threads_make_one_call(cache: Cache, endpoint: str) -> None:
    """Concurrent identical calls are one call to the LLM; the leader keeps its own object, the others get fresh ones."""
    inner = ScriptedLLM()
    inner._gate = gate(cache, 20)
    llm = cached(inner, cache)
    ready = threading.Barrier(20)

    def one(_: int) -> list[Any]:
        ready.wait()
        return call(llm, endpoint)

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(one, range(20)))
    assert len(inner.counter) == 1
    assert {text(answer) for answer in answers} == {text(answers[0])}
    assert sum(not note(answer) for answer in answers) == 1
    assert len({id(answer[0]) for answer in answers}) == 20


async def test_twenty_tasks_make_one_call(cache: Cache) -> None:
    """The same on one event loop, which the waiting never blocks."""

    class Slow(ScriptedLLM):
        async def achat(self, messages: Any, **kwargs: Any) -> ChatResponse:
            while cache.stats().misses.get("absent", 0) < 20:  # noqa: ASYNC110 - the count is kept by other tasks
                await asyncio.sleep(0.005)
            await asyncio.sleep(0.2)
            return self._reply(messages, kwargs, "achat")

    inner = Slow()
    llm = cached(inner, cache)
    answers = await asyncio.gather(*(llm.achat([user("How many legs?")]) for _ in range(20)))
    assert len(inner.counter) == 1
    assert len({answer.message.content for answer in answers}) == 1


def test_those_who_waited_get_the_error_too(cache: Cache) -> None:
    """An error of the LLM is everybody's: asking again at once would be the stampede."""
    inner = ScriptedLLM()
    inner._gate = gate(cache, 8)
    inner._error = RuntimeError("overloaded")
    llm = cached(inner, cache)

    def one(_: int) -> str:
        with pytest.raises(RuntimeError, match="overloaded"):
            call(llm, "chat")
        return "raised"

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(one, range(8))) == ["raised"] * 8
    assert len(inner.counter) == 1
