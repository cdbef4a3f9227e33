"""Equal streams at one time are one call of the LLM, and nobody waits for a stream that does not move."""

import asyncio
import gc
import threading
import time
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from llama_index.core.base.llms.types import ChatResponse

from llamaindex_models import ScriptedLLM, call, note, text, user
from llamaindex_seglam import cached
from seglam import Cache, bypass, refresh, streams

ANSWER = "re: How many legs?"


@pytest.fixture
def cache(open_cache: Callable[..., Cache]) -> Cache:
    """A cache that raises on faults and compiles nothing."""
    return open_cache(policy={"compile": "off"})


def begun(cache: Cache) -> int:
    """How many streams are under way."""
    return len(streams._caches.flights(cache)._flights)


class Slow(ScriptedLLM):
    """Streams its words slowly."""

    def _chunks(self, whole: ChatResponse) -> Any:
        for chunk in super()._chunks(whole):
            time.sleep(0.05)
            yield chunk


@pytest.mark.parametrize("endpoint", ["stream_chat", "stream_complete"])
def test_twenty_threads_make_one_call(cache: Cache, endpoint: str) -> None:
    """One leads and gets the LLM's own chunks; the others get its answer in chunks of their own."""
    inner = Slow()
    llm = cached(inner, cache)
    ready = threading.Barrier(20)

    def one(_: int) -> list[Any]:
        ready.wait()
        return call(llm, endpoint, "How many legs?")

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(one, range(20)))
    assert inner.counter.calls.count("stream_chat") == 1
    assert {text(answer) for answer in answers} == {ANSWER}
    assert sum(not note(answer) for answer in answers) == 1
    assert begun(cache) == 0


class Awaited(ScriptedLLM):
    """Streams its words with pauses in which others run."""

    async def astream_chat(self, messages: Any, **kwargs: Any) -> AsyncGenerator[ChatResponse, None]:
        whole = self._reply(messages, kwargs, "astream_chat")

        async def pieces() -> AsyncGenerator[ChatResponse, None]:
            for chunk in self._chunks(whole):
                await asyncio.sleep(0.02)
                yield chunk

        return pieces()


async def drained(llm: Any) -> str:
    """The whole of an async stream."""
    last = None
    async for chunk in await llm.astream_chat([user("How many legs?")]):
        last = chunk
    assert last is not None
    return last.message.content or ""


async def test_twenty_tasks_make_one_call(cache: Cache) -> None:
    """The same on one event loop."""
    inner = Awaited()
    llm = cached(inner, cache)
    assert set(await asyncio.gather(*(drained(llm) for _ in range(20)))) == {ANSWER}
    assert len(inner.counter) == 1
    assert begun(cache) == 0


def test_two_streams_in_one_hand_do_not_wait_for_each_other(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever pulls two equal streams by turns gets both; waiting would never end."""
    monkeypatch.setattr(streams.Flight, "_over", lambda _: pytest.fail("waits for itself"))
    inner = ScriptedLLM()
    llm = cached(inner, cache)
    told = [
        [c.delta for c in pair]
        for pair in zip(*(llm.stream_chat([user("How many legs?")]) for _ in range(2)), strict=True)
    ]
    assert all(one == other for one, other in told)
    assert len(inner.counter) == 2


def test_a_stream_that_stands_still_is_not_waited_for(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its consumer may take an hour; another thread asks after a moment, and both get the whole answer."""
    monkeypatch.setattr(streams, "PATIENCE", 0.05)
    inner = ScriptedLLM()
    llm = cached(inner, cache)
    held = llm.stream_chat([user("How many legs?")])
    next(held)
    with ThreadPoolExecutor(1) as pool:
        assert text(pool.submit(call, llm, "stream_chat", "How many legs?").result()) == ANSWER
    assert text(list(held)) == ANSWER
    assert len(inner.counter) == 2


def test_a_stream_that_nobody_reads_holds_up_nobody(cache: Cache) -> None:
    """Dropped before its first chunk, it lets go of who waits as soon as it is collected."""
    inner = ScriptedLLM()
    llm = cached(inner, cache)
    stream = llm.stream_chat([user("How many legs?")])
    assert begun(cache) == 1
    del stream
    gc.collect()
    assert begun(cache) == 0
    with ThreadPoolExecutor(1) as pool:
        assert text(pool.submit(call, llm, "stream_chat", "How many legs?").result()) == ANSWER


def test_an_error_is_everybodys_and_an_abandoned_stream_nobodys(cache: Cache) -> None:
    """Who waits gets the error of the stream it waited for; where that was left, it asks itself."""

    class Gated(ScriptedLLM):
        def _chunks(self, whole: ChatResponse) -> Any:
            for place, chunk in enumerate(super()._chunks(whole)):
                if place and self.model == "breaks":
                    time.sleep(0.3)
                    raise ConnectionError("gone")
                yield chunk

    inner = Gated(model="breaks")
    llm = cached(inner, cache)

    def fails() -> str:
        with pytest.raises(ConnectionError, match="gone"):
            call(llm, "stream_chat", "How many legs?")
        return "failed"

    with ThreadPoolExecutor(4) as pool:
        assert [task.result() for task in [pool.submit(fails) for _ in range(4)]] == ["failed"] * 4
        asked = len(inner.counter)
        assert asked < 4
        inner.model = "whole"
        held = llm.stream_chat([user("How many legs?")])
        next(held)
        waiting = pool.submit(call, llm, "stream_chat", "How many legs?")
        time.sleep(0.1)
        held.close()
        assert text(waiting.result()) == ANSWER
    assert len(inner.counter) == asked + 2


def test_a_fresh_answer_is_none_that_was_begun_before(cache: Cache) -> None:
    """Streams inside refresh or bypass do not join one outside."""
    inner = ScriptedLLM()
    llm = cached(inner, cache)
    held = llm.stream_chat([user("How many legs?")])
    next(held)
    for block in (refresh, bypass):

        def fresh(block: Any = block) -> str:
            with block():
                return text(call(llm, "stream_chat", "How many legs?"))

        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(fresh).result() == ANSWER
    assert len(inner.counter) == 3
    held.close()
