"""Streams of a wrapped model: stored at their end, replayed as they were, one call for all who ask at once."""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage
from langchain_core.outputs import ChatGenerationChunk, GenerationChunk
from langchain_core.tracers.log_stream import LogStreamCallbackHandler
from pydantic import Field

from langchain_models import QUESTION, FakeChat, FakeText, Heard, add, call_add, hit
from langchain_seglam import SeglamCache, cached
from seglam import streams

PIECES = ("The ", "capital", " is ", "Paris.")


class Streaming(FakeChat):
    """Streams its pieces like a provider's model: who it is on every chunk, why it ended on the last."""

    pieces: tuple = PIECES
    reason: str = "stop"
    fails: bool = False
    pause: float = 0.0
    gate: threading.Event | None = Field(default=None, exclude=True)
    model_config: ClassVar[Any] = {"arbitrary_types_allowed": True}

    def _stream(self, messages, stop=None, run_manager=None, **kwargs):
        self.asked.append(messages)
        told = {"model_provider": "fake"}
        for piece in self.pieces:
            if self.gate is not None:
                self.gate.wait(5)
            time.sleep(self.pause)
            made = piece if isinstance(piece, AIMessageChunk) else AIMessageChunk(piece)
            yield ChatGenerationChunk(message=made.model_copy(update={"response_metadata": dict(told)}, deep=True))
        if self.fails:
            raise ConnectionError("the connection broke")
        if self.reason:
            last = AIMessageChunk("", response_metadata={**told, "model_name": "fake-1"})
            yield ChatGenerationChunk(message=last, generation_info={"finish_reason": self.reason})
        usage = {"input_tokens": 9, "output_tokens": 4, "total_tokens": 13}
        yield ChatGenerationChunk(message=AIMessageChunk("", usage_metadata=usage))


class Awaited(Streaming):
    """The same, with a stream of its own for event loops."""

    async def _astream(self, messages, stop=None, run_manager=None, **kwargs):
        for chunk in self._stream(messages):
            await asyncio.sleep(self.pause)
            yield chunk


class TextStreaming(FakeText):
    """A plain model that streams."""

    def _stream(self, prompt, stop=None, run_manager=None, **kwargs):
        self.asked.append(prompt)
        for piece in PIECES:
            yield GenerationChunk(text=piece)


@pytest.fixture
def core(open_cache):
    """The cache behind; faults raise."""
    return open_cache(policy={"compile": "off"})


def merged(chunks):
    """The message that chunks make."""
    total = chunks[0]
    for chunk in chunks[1:]:
        total += chunk
    return total


async def drained(stream):
    """All of an async stream."""
    return [chunk async for chunk in stream]


# -- there and back -----------------------------------------------------------------------------------------------------


def test_a_stream_is_replayed_as_it_was(core):
    """The same pieces, one call, an id of its own run, no tokens; the miss is what the model alone streams."""
    inner = Streaming()
    plain = list(Streaming().stream(QUESTION))
    model = cached(inner, core)
    first, second = list(model.stream(QUESTION)), list(model.stream(QUESTION))
    assert inner.calls == 1
    bare = [chunk.model_dump(exclude={"id"}) for chunk in plain]
    assert [chunk.model_dump(exclude={"id"}) for chunk in first] == bare
    assert [c.content for c in second if c.content] == list(PIECES)
    whole, again = merged(first), merged(second)
    assert again.content == whole.content
    assert again.chunk_position == "last"
    assert len({chunk.id for chunk in second}) == 1
    assert again.id != whole.id
    assert again.usage_metadata["total_tokens"] == 0
    assert hit(again)["tier"] == "exact"
    assert {k: v for k, v in again.response_metadata.items() if k != "seglam"} == whole.response_metadata


async def test_stream_and_invoke_share_answers(core):
    """What one of the four ways stored, the others serve."""
    inner = Awaited()
    model = cached(inner, core)
    list(model.stream("a"))
    assert model.invoke("a").content == (await model.ainvoke("a")).content == "".join(PIECES)
    assert merged(await drained(model.astream("a"))).content == "".join(PIECES)
    said = model.invoke("b").content
    assert merged(list(model.stream("b"))).content == said
    assert merged(await drained(model.astream("b"))).content == said
    await drained(model.astream("c"))
    assert [c.content for c in model.stream("c") if c.content] == list(PIECES)
    assert inner.calls == 3


def test_tool_calls_stream_and_come_back_with_new_ids(core):
    """The chunks of a call, and a call that was never streamed, merge to the same call under a fresh id."""
    begun = {"name": "add", "args": "", "id": "call_00000000000000000000000a", "index": 0}
    parts = [{"name": None, "args": args, "id": None, "index": 0} for args in ('{"a": 1,', ' "b": 2}')]
    pieces = tuple(AIMessageChunk("", tool_call_chunks=[part]) for part in (begun, *parts))
    inner = Streaming(pieces=pieces, reason="tool_calls", answers=call_add)
    model = cached(inner, core).bind_tools([add])
    turns = [merged(list(model.stream("add"))) for _ in range(3)]
    assert [t.tool_calls[0]["args"] for t in turns] == [{"a": 1, "b": 2}] * 3
    assert len({t.tool_calls[0]["id"] for t in turns}) == 3
    assert model.invoke("add").tool_calls[0]["args"] == {"a": 1, "b": 2}
    model.invoke("add again")
    made = merged(list(model.stream("add again")))
    assert made.tool_calls[0]["args"] == {"a": 1, "b": 2}
    assert made.content[1]["id"] == made.tool_calls[0]["id"]
    assert inner.calls == 2


def test_blocks_keep_their_places(core):
    """A provider's blocks of content come back as blocks, block for block."""
    blocks = [[{"type": "text", "text": "one ", "index": 0}], [{"type": "text", "text": "two", "index": 0}]]
    inner = Streaming(pieces=tuple(AIMessageChunk(block) for block in blocks))
    model = cached(inner, core)
    first, second = merged(list(model.stream(QUESTION))), merged(list(model.stream(QUESTION)))
    assert second.content == first.content == [{"type": "text", "text": "one two", "index": 0}]
    assert inner.calls == 1


def test_a_plain_model_streams(core):
    """Pieces of text, stored and replayed; invoke finds them."""
    inner = TextStreaming()
    model = cached(inner, core)
    assert list(model.stream("a")) == list(model.stream("a")) == list(PIECES)
    assert model.invoke("a") == "".join(PIECES)
    assert len(inner.asked) == 1


# -- what is not stored -------------------------------------------------------------------------------------------------


def test_an_abandoned_stream_is_not_stored(core):
    """Whoever breaks off leaves nothing behind, and the provider's stream is closed."""
    inner = Streaming()
    model = cached(inner, core)
    stream = model.stream(QUESTION)
    next(stream)
    stream.close()
    assert core.stats().sizes["entries"] == 0
    assert len(list(model.stream(QUESTION))) > 4
    assert inner.calls == 2


@pytest.mark.parametrize(
    "options", [{"fails": True}, {"reason": ""}, {"reason": "length"}, {"reason": "content_filter"}]
)
def test_a_stream_that_did_not_end_well_is_not_stored(core, options):
    """An error, a connection that just ends, an answer that was cut or filtered."""
    inner = Streaming(**options)
    model = cached(inner, core)
    for _ in range(2):
        if options.get("fails"):
            with pytest.raises(ConnectionError):
                list(model.stream(QUESTION))
        else:
            assert merged(list(model.stream(QUESTION))).content == "".join(PIECES)
    assert inner.calls == 2
    assert core.stats().sizes["entries"] == 0


def test_a_stream_of_several_answers_is_not_stored(core):
    """Their chunks come mixed; an invoke that asks for two would be given one mixture."""
    inner = Streaming()
    model = cached(inner, core)
    list(model.stream(QUESTION, n=2)), list(model.stream(QUESTION, n=2))
    assert len(model.generate([[HumanMessage(QUESTION)]], n=2).generations[0]) == 2
    assert inner.calls == 3


def test_a_call_whose_arguments_are_cut_is_not_stored(core):
    """LangChain completes half an object; a cache must not."""
    begun = {"name": "add", "args": '{"a": 1, "b"', "id": "call_1", "index": 0}
    inner = Streaming(pieces=(AIMessageChunk("", tool_call_chunks=[begun]),), reason="tool_calls")
    model = cached(inner, core)
    list(model.stream(QUESTION)), list(model.stream(QUESTION))
    assert inner.calls == 2


def test_chunks_that_the_caller_changes_are_stored_as_they_were(core):
    """LangChain itself writes into the chunks that go by."""
    model = cached(Streaming(), core)
    for chunk in model.stream(QUESTION):
        chunk.content = "POISON"
    assert merged(list(model.stream(QUESTION))).content == "".join(PIECES)


# -- handlers -----------------------------------------------------------------------------------------------------------


async def test_handlers_are_told_of_tokens_once(core):
    """A start, the tokens, an end: on a miss and on a hit."""
    model = cached(Streaming(), core)
    counts = []
    for _ in range(2):
        heard = Heard()
        list(model.stream(QUESTION, {"callbacks": [heard]}))
        assert (heard.events[0], heard.events[-1]) == ("start", "end")
        assert heard.events.count("start") == heard.events.count("end") == 1
        counts.append(heard.events.count("token"))
    assert min(counts) >= len(PIECES)


async def test_implicit_streaming_is_served_token_by_token(core):
    """An invoke under a streaming handler, and astream_events on the model itself: a hit streams too."""
    inner = Streaming()
    model = cached(inner, core)
    for _ in range(2):
        heard = Heard()
        model.invoke(QUESTION, {"callbacks": [heard, LogStreamCallbackHandler()]})
        assert heard.events.count("token") >= len(PIECES)
    for _ in range(2):
        events = [e async for e in model.astream_events(QUESTION, version="v2")]
        assert sum(e["event"] == "on_chat_model_stream" for e in events) >= len(PIECES)
    assert inner.calls == 1


@pytest.mark.filterwarnings("ignore::langchain_core._api.beta_decorator.LangChainBetaWarning")
def test_protocol_events_are_cached(core):
    """stream_events(version="v3") asks the cache, which LangChain's own cache never sees."""
    inner = Streaming()
    model = cached(inner, core)
    texts = []
    for _ in range(2):
        stream = model.stream_events(QUESTION, version="v3")
        texts.append("".join(stream.text))
    assert texts == ["".join(PIECES)] * 2
    assert inner.calls == 1


def test_blocks_of_version_1_are_made_of_hits_too(core):
    """output_version="v1" converts what is replayed as it converts what the model says."""
    model = cached(Streaming(output_version="v1"), core)
    first, second = merged(list(model.stream(QUESTION))), merged(list(model.stream(QUESTION)))
    assert first.content == second.content
    assert first.content[0]["type"] == "text"


def test_another_surface_finds_what_was_streamed(core):
    """SeglamCache serves the stored stream to invoke."""
    list(cached(Streaming(), core).stream(QUESTION))
    assert Streaming(cache=SeglamCache(core)).invoke(QUESTION).content == "".join(PIECES)


# -- at the same time ---------------------------------------------------------------------------------------------------


def test_equal_streams_in_threads_are_one_call(core):
    """The first streams, the others wait for its end and get the same pieces."""
    inner = Streaming(pause=0.05)
    model = cached(inner, core)
    with ThreadPoolExecutor(5) as pool:
        told = list(pool.map(lambda _: merged(list(model.stream(QUESTION))), range(5)))
    assert inner.calls == 1
    assert {t.content for t in told} == {"".join(PIECES)}
    assert sum(t.usage_metadata["total_tokens"] for t in told) == 13
    assert len({t.id for t in told}) == 5


async def test_equal_streams_on_a_loop_are_one_call(core):
    """Tasks wait without holding the loop."""
    inner = Awaited(pause=0.01)
    model = cached(inner, core)
    told = await asyncio.gather(*(drained(model.astream(QUESTION)) for _ in range(5)))
    assert inner.calls == 1
    assert {merged(t).content for t in told} == {"".join(PIECES)}


@pytest.fixture
def no_waiting(monkeypatch):
    """Whoever begins to wait for another stream fails."""
    monkeypatch.setattr(streams.Flight, "_over", lambda _: pytest.fail("waits for itself"))


@pytest.mark.usefixtures("no_waiting")
def test_two_streams_in_one_hand_do_not_wait_for_each_other(core):
    """Whoever pulls two equal streams by turns gets both; waiting would never end."""
    inner = Streaming()
    model = cached(inner, core)
    pairs = list(zip(model.stream(QUESTION), model.stream(QUESTION), strict=True))
    assert "".join(a.content for a, _ in pairs) == "".join(b.content for _, b in pairs) == "".join(PIECES)
    assert inner.calls == 2


@pytest.mark.usefixtures("no_waiting")
async def test_two_streams_in_one_task_do_not_wait_for_each_other(core):
    """The same on a loop."""
    inner = Awaited()
    model = cached(inner, core)
    one, two = model.astream(QUESTION), model.astream(QUESTION)
    assert (await anext(one)).content == (await anext(two)).content
    await drained(one), await drained(two)
    assert inner.calls == 2


def test_a_stream_that_stands_still_is_not_waited_for(core, monkeypatch):
    """A consumer that holds a stream and reads no further holds up nobody, nor hides what was stored since."""
    monkeypatch.setattr(streams, "PATIENCE", 0.05)
    inner = Streaming()
    model = cached(inner, core)
    held = model.stream(QUESTION)
    next(held)
    with ThreadPoolExecutor(1) as pool:
        assert merged(pool.submit(lambda: list(model.stream(QUESTION))).result(5)).content == "".join(PIECES)
        assert merged(pool.submit(lambda: list(model.stream(QUESTION))).result(5)).content == "".join(PIECES)
    assert inner.calls == 2
    assert merged(list(held)).content == "capital is Paris."


def test_behind_a_stream_that_stands_still_one_asks_for_all(core, monkeypatch):
    """Whoever gives it up first leads; the others follow, and nobody asks a third time."""
    monkeypatch.setattr(streams, "PATIENCE", 0.05)
    inner = Streaming(pause=0.1)
    model = cached(inner, core)
    held = model.stream(QUESTION)
    next(held)
    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(lambda _: merged(list(model.stream(QUESTION))).content, range(4)))
    assert set(told) == {"".join(PIECES)}
    assert inner.calls == 2
    held.close()


def test_who_waited_for_an_abandoned_stream_takes_its_place(core):
    """The one goes, another asks, and those who wait on get what that one got."""
    gate = threading.Event()
    inner = Streaming(gate=gate)
    model = cached(inner, core)
    gate.set()
    first = model.stream(QUESTION)
    next(first)
    with ThreadPoolExecutor(3) as pool:
        rest = [pool.submit(lambda: merged(list(model.stream(QUESTION)))) for _ in range(3)]
        time.sleep(0.2)
        assert not any(future.done() for future in rest)
        first.close()
        assert {future.result(5).content for future in rest} == {"".join(PIECES)}
    assert inner.calls == 2


async def test_who_waited_for_a_cancelled_stream_takes_its_place(core):
    """The same for a task that is cancelled while the model is asked."""
    inner = Awaited(pause=0.2)
    model = cached(inner, core)
    first = asyncio.create_task(drained(model.astream(QUESTION)))
    await asyncio.sleep(0.1)
    second = asyncio.create_task(drained(model.astream(QUESTION)))
    await asyncio.sleep(0.1)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert merged(await second).content == "".join(PIECES)
    assert hit(model.invoke(QUESTION))
    assert inner.calls == 2


def test_what_was_never_asked_in_these_words_streams_too(open_cache):
    """A hit by meaning comes in words, and says where it comes from."""
    core = open_cache(policy={"compile": "off"}, embedder=None)
    inner = Streaming()
    model = cached(inner, core)
    model.invoke("How long do I have to return an item?")
    told = list(model.stream("How long do I have to send back an item?"))
    assert hit(merged(told))["tier"] == "semantic"
    assert merged(told).content == model.invoke("How long do I have to return an item?").content
    assert inner.calls == 1


def test_the_error_of_a_stream_is_everybodys(core):
    """Who waits for a stream that breaks gets its error; the next one asks again."""
    gate = threading.Event()
    inner = Streaming(gate=gate, fails=True)
    model = cached(inner, core)
    with ThreadPoolExecutor(3) as pool:
        futures = [pool.submit(lambda: list(model.stream(QUESTION))) for _ in range(3)]
        time.sleep(0.2)
        gate.set()
        for future in futures:
            with pytest.raises(ConnectionError):
                future.result(5)
    assert inner.calls == 1
    inner.fails = False
    assert merged(list(model.stream(QUESTION))).content == "".join(PIECES)


def test_a_stream_whose_provider_cannot_be_reached_leaves_nothing_in_the_way(core):
    """An error before the first chunk ends the waiting as well."""

    class Unreachable(FakeChat):
        def _stream(self, messages, stop=None, run_manager=None, **kwargs):
            self.asked.append(messages)
            raise ConnectionError("no route")

    inner = Unreachable()
    model = cached(inner, core)
    for _ in range(2):
        with pytest.raises(ConnectionError):
            list(model.stream(QUESTION))
    assert inner.calls == 2


# -- faults -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["Drain.see", "Drain.whole", "Drain.shape", "again"])
async def test_a_fault_while_streaming_is_a_miss(open_cache, monkeypatch, place):
    """The stream goes on to its end; the fault is counted."""
    core = open_cache(policy={"on_fault": "miss", "compile": "off"})
    model = cached(Awaited(), core)
    if place == "again":
        list(model.stream(QUESTION))

    def fail(*args, **kwargs):
        raise KeyError("broken")

    monkeypatch.setattr(f"langchain_seglam.chunks.{place}", fail)
    assert merged(list(model.stream(QUESTION))).content == "".join(PIECES)
    assert merged(await drained(model.astream(QUESTION))).content == "".join(PIECES)
    assert sum(core.faults.values()) >= 2


def test_a_model_without_a_stream_streams_as_ever(core):
    """One whole message, cached like invoke."""
    inner = FakeChat()
    model = cached(inner, core)
    (only,) = list(model.stream(QUESTION))
    assert isinstance(only, AIMessage)
    assert hit(next(iter(model.stream([HumanMessage(QUESTION)]))))
    assert inner.calls == 1


def test_a_model_that_streams_on_loops_only(core):
    """stream() falls back to invoke, as it does without a cache."""

    class Loops(FakeChat):
        async def _astream(self, messages, stop=None, run_manager=None, **kwargs):
            self.asked.append(messages)
            yield ChatGenerationChunk(message=AIMessageChunk("from the loop"))

    inner = Loops()
    model = cached(inner, core)
    (only,) = list(model.stream("a"))
    assert only.content.startswith("answer")
    assert merged(asyncio.run(drained(model.astream("b")))).content == "from the loop"
    assert model.invoke("b").content == "from the loop"
    assert inner.calls == 2
