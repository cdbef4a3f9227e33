"""The eight endpoints of a wrapped LLM.

A miss goes to the original object, whose own calls to itself cannot come back here. Everything that is not overridden runs
with the wrapper as ``self``, so that what a provider's class sends through ``self.chat`` is cached too.
"""

import weakref
from collections.abc import AsyncGenerator, Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Generic, TypeVar

from llama_index.core.base.llms.types import ChatMessage, ChatResponse, CompletionResponse, TextBlock
from llama_index.core.llms import LLM

from llamaindex_seglam import replay
from llamaindex_seglam.events import Told, hit_of
from llamaindex_seglam.layer import FLIGHT, InnerError, Layer, Unstored, missed
from llamaindex_seglam.replay import Drain
from llamaindex_seglam.structured import reach
from seglam import Hit, Miss, OnlyIfCachedError, Request, Response, TierName
from seglam.contexts import Door
from seglam.flow import Call, Flow, arun, run
from seglam.streams import Abandoned, Flight

A = TypeVar("A", ChatResponse, CompletionResponse)
T = TypeVar("T")


def _nothing() -> None:
    """Close what has no close()."""


async def _anothing() -> None:
    """Close what has no aclose()."""


@dataclass(frozen=True, slots=True)
class Ask(Generic[A]):
    """One call of an endpoint.

    Attributes:
        endpoint: its name.
        make: the call as a Request.
        origin: the same call of the wrapped LLM.
        fresh: a stored answer as what this endpoint gives.
        asked: prompt or messages.
        given: keyword arguments.
    """

    endpoint: str
    make: Callable[[], Request]
    origin: Callable[[], Any]
    fresh: Callable[[Response, Mapping[str, Any]], A]
    asked: Any
    given: Mapping[str, Any]


@dataclass(slots=True)
class Replay(Generic[A]):
    """An answer that takes no call of the LLM, and who is told of it."""

    answer: A
    told: Told
    pieces: list[A] = field(default_factory=list)


class CachedMixin:
    """Overrides that ``cached`` puts in front of an LLM's own class; also the mark of a wrapped LLM."""

    __slots__ = ()

    _seglam_inner: LLM
    _seglam_layer: Layer

    # -- the endpoints ------------------------------------------------------------------------------------------------

    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """Chat; from the cache where it can answer."""
        return run(self._seglam_answer(self._seglam_chat("chat", messages, kwargs)))

    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        """Complete; from the cache where it can answer."""
        return run(self._seglam_answer(self._seglam_complete("complete", prompt, formatted, kwargs)))

    async def achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """Chat; from the cache where it can answer."""
        return await arun(self._seglam_answer(self._seglam_chat("achat", messages, kwargs)))

    async def acomplete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        """Complete; from the cache where it can answer."""
        return await arun(self._seglam_answer(self._seglam_complete("acomplete", prompt, formatted, kwargs)))

    # Not generators themselves: the caller's template is known only until these return.

    def stream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> Generator[ChatResponse, None, None]:
        """Chat in chunks; a hit is replayed, a miss is stored when it was drained to its end."""
        return self._seglam_stream(self._seglam_chat("stream_chat", messages, kwargs))

    def stream_complete(
        self, prompt: str, formatted: bool = False, **kwargs: Any
    ) -> Generator[CompletionResponse, None, None]:
        """Complete in chunks; a hit is replayed, a miss is stored when it was drained to its end."""
        return self._seglam_stream(self._seglam_complete("stream_complete", prompt, formatted, kwargs))

    async def astream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> AsyncGenerator[ChatResponse, None]:
        """Chat in chunks; a hit is replayed, a miss is stored when it was drained to its end."""
        return await self._seglam_astream(self._seglam_chat("astream_chat", messages, kwargs))

    async def astream_complete(
        self, prompt: str, formatted: bool = False, **kwargs: Any
    ) -> AsyncGenerator[CompletionResponse, None]:
        """Complete in chunks; a hit is replayed, a miss is stored when it was drained to its end."""
        return await self._seglam_astream(self._seglam_complete("astream_complete", prompt, formatted, kwargs))

    def _seglam_chat(self, endpoint: str, messages: Sequence[ChatMessage], given: dict[str, Any]) -> Ask[ChatResponse]:
        reach(endpoint)
        make = partial(self._seglam_layer.reader.chat, messages, given)
        origin = partial(getattr(self._seglam_inner, endpoint), messages, **given)
        return Ask(endpoint, make, origin, replay.chat_response, messages, given)

    def _seglam_complete(
        self, endpoint: str, prompt: str, formatted: bool, given: dict[str, Any]
    ) -> Ask[CompletionResponse]:
        reach(endpoint)
        make = partial(self._seglam_layer.reader.complete, prompt, formatted, given)
        # An LLM of a user may not name this argument, and would send it on to its provider.
        passed = {"formatted": True, **given} if formatted else given
        origin = partial(getattr(self._seglam_inner, endpoint), prompt, **passed)
        return Ask(endpoint, make, origin, replay.completion_response, prompt, passed)

    # -- whole answers ------------------------------------------------------------------------------------------------

    def _seglam_answer(self, ask: Ask[A]) -> Flow[A]:
        layer = self._seglam_layer
        request = yield from self._seglam_request(ask)
        at = None if request is None else layer.door()
        if request is None or at is None:
            return (yield from _asked(ask))
        hit = yield from layer.find(at, request)
        if isinstance(hit, Hit) and (known := self._seglam_known(ask, request, hit)) is not None:
            return self._seglam_tell(known)
        mine: list[A] = []

        def settled() -> Response:
            kept = layer.kept(request, partial(replay.keep, mine[0]), lambda: mine[0])
            if kept is None:
                raise Unstored
            return kept

        asked, miss = missed(request, hit)
        response, outcome = yield _responding(at, asked, miss, ask.origin, mine, settled)
        if mine:
            return self._seglam_mine(mine[0], outcome)
        followed = self._seglam_followed(ask, request, response, outcome)
        if followed is not None:
            return self._seglam_tell(followed)
        return (yield from _asked(ask))

    def _seglam_request(self, ask: Ask[Any]) -> Flow[Request | None]:
        # An image may have to be read from disk, which an event loop must not wait for.
        text = isinstance(ask.asked, str) or all(
            isinstance(block, TextBlock) for message in ask.asked for block in message.blocks
        )
        found: Request | None = yield Call(partial(self._seglam_layer.request, ask.make), quick=text)
        return found

    def _seglam_known(self, ask: Ask[A], request: Request, hit: Hit) -> Replay[A] | None:
        """A hit as the endpoint's own answer; None where it cannot be."""
        try:
            told_of = replay.SHARED if hit.source == FLIGHT else replay.provenance(hit)
            answer = ask.fresh(self._seglam_layer.told(request, hit), told_of)
            told = Told(self._seglam_inner, ask.endpoint, ask.asked, ask.given, hit_of(request, hit, told_of))
            return Replay(answer, told, list(replay.chunks(answer)) if "stream" in ask.endpoint else [])
        except Exception as error:
            self._seglam_layer.fault("replay", error)
            return None

    def _seglam_tell(self, known: Replay[A]) -> A:
        with known.told.span(known.answer):
            known.told.end(known.answer)
        return known.answer

    def _seglam_mine(self, answer: A, outcome: Exception | None) -> A:
        """The answer that this call got from the LLM itself, untouched, whatever became of storing it."""
        if outcome is not None and not isinstance(outcome, Unstored):
            self._seglam_layer.fault("record", outcome)
        return answer

    def _seglam_followed(
        self, ask: Ask[A], request: Request, response: Response | None, outcome: Exception | None
    ) -> Replay[A] | None:
        """The answer that another call got at the same time; None: ask the LLM.

        Raises:
            Exception: what the LLM raised, to whoever asked.
        """
        if isinstance(outcome, OnlyIfCachedError):
            raise outcome
        if isinstance(outcome, InnerError):
            error = outcome.error
            outcome = None
            raise error
        if outcome is not None and not isinstance(outcome, Unstored):
            self._seglam_layer.fault("respond", outcome)
        if response is None:
            return None
        return self._seglam_known(ask, request, Hit(response, TierName.EXACT, FLIGHT, request=request))

    # -- streams ------------------------------------------------------------------------------------------------------

    def _seglam_stream(self, ask: Ask[A]) -> Generator[A, None, None]:
        ready = run(self._seglam_opened(ask))
        if isinstance(ready, Replay):
            stream = self._seglam_again(ready)
            with ready.told.span(stream):
                return stream
        if ready is None:
            opened: Generator[A, None, None] = ask.origin()
            return opened
        ready.working()
        try:
            source = ask.origin()
        except BaseException as error:
            ready.end(error if isinstance(error, Exception) else Abandoned())
            raise
        return ready.follow(self._seglam_watch(ready, source))

    async def _seglam_astream(self, ask: Ask[A]) -> AsyncGenerator[A, None]:
        ready = await arun(self._seglam_opened(ask))
        if isinstance(ready, Replay):
            stream = self._seglam_aagain(ready)
            with ready.told.span(stream):
                return stream
        if ready is None:
            opened: AsyncGenerator[A, None] = await ask.origin()
            return opened
        ready.working()
        try:
            source = await ask.origin()
        except BaseException as error:
            ready.end(error if isinstance(error, Exception) else Abandoned())
            raise
        return ready.follow(self._seglam_awatch(ready, source))

    def _seglam_opened(self, ask: Ask[A]) -> "Flow[Replay[A] | _Watch | None]":
        """How to go on: an answer, a stream of the LLM to be watched, or one that is none of ours."""
        layer = self._seglam_layer
        request = yield from self._seglam_request(ask)
        at = None if request is None else layer.door()
        if request is None or at is None:
            return None
        ready = yield from layer.join(at, request, partial(self._seglam_known, ask))
        return ready if isinstance(ready, Replay) else _Watch(layer, at, request, ready)

    def _seglam_again(self, known: Replay[A]) -> Generator[A, None, None]:
        last = None
        try:
            for piece in known.pieces:
                known.told.chunk(piece)
                yield piece
            last = known.pieces[-1]
        finally:
            known.told.end(last)

    async def _seglam_aagain(self, known: Replay[A]) -> AsyncGenerator[A, None]:
        last = None
        try:
            for piece in known.pieces:
                known.told.chunk(piece)
                yield piece
            last = known.pieces[-1]
        finally:
            known.told.end(last)

    def _seglam_watch(self, watch: "_Watch", source: Generator[A, None, None]) -> Generator[A, None, None]:
        try:
            chunks = iter(source)
            while True:
                watch.working()
                try:
                    chunk = next(chunks)
                except StopIteration:
                    break
                watch.see(chunk)
                yield chunk
            run(watch.keep())
        except Exception as error:
            watch.end(error)
            raise
        finally:  # an abandoned stream ends the provider's too
            watch.end(Abandoned())
            getattr(source, "close", _nothing)()

    async def _seglam_awatch(self, watch: "_Watch", source: AsyncGenerator[A, None]) -> AsyncGenerator[A, None]:
        try:
            chunks = aiter(source)
            while True:
                watch.working()
                try:
                    chunk = await anext(chunks)
                except StopAsyncIteration:
                    break
                watch.see(chunk)
                yield chunk
            await arun(watch.keep())
        except Exception as error:
            watch.end(error)
            raise
        finally:
            watch.end(Abandoned())
            await getattr(source, "aclose", _anothing)()


def _asked(ask: Ask[A]) -> Flow[A]:
    """The LLM itself, as if there were no cache."""
    answer: A = yield Call(ask.origin, ask.origin)
    return answer


def _responding(
    at: Door,
    request: Request,
    miss: Miss,
    origin: Callable[[], Any],
    mine: list[Any],
    settled: Callable[[], Response],
) -> Call:
    """The LLM asked once for all who ask the same: gives a response, or what stood against it.

    Errors are given and not raised: an error of the LLM must reach the application without a trace of ours.
    """

    def ask(_: Request) -> Response:
        try:
            mine.append(origin())
        except Exception as error:
            raise InnerError(error) from None
        return settled()

    async def aask(_: Request) -> Response:
        try:
            mine.append(await origin())
        except Exception as error:
            raise InnerError(error) from None
        return settled()

    def respond() -> tuple[Response | None, Exception | None]:
        try:
            return at.respond(request, ask, found=miss), None
        except Exception as error:
            return None, error

    async def arespond() -> tuple[Response | None, Exception | None]:
        try:
            return await at.arespond(request, aask, found=miss), None
        except Exception as error:
            return None, error

    return Call(respond, arespond)


class _Watch:
    """A stream of the LLM on its way to its consumer: what is stored of it, and who waits for it."""

    def __init__(self, layer: Layer, at: Door, request: Request, flight: Flight | None) -> None:
        self._layer = layer
        self._at = at
        self._request = request
        self._flight = flight
        self._drain = Drain()

    def follow(self, stream: T) -> T:
        """The stream, whose flight ends with it even if nobody ever begins to read it."""
        if self._flight is not None:
            weakref.finalize(stream, self._flight.end, Abandoned()).atexit = False
        return stream

    def working(self) -> None:
        """The LLM is being waited for."""
        if self._flight is not None:
            self._flight.work()

    def see(self, chunk: Any) -> None:
        """A chunk goes by."""
        if self._flight is not None:
            self._flight.rest()
        try:
            self._drain.see(chunk)
        except Exception as error:
            self._drain.spoil()
            self._layer.fault("record", error)

    def keep(self) -> Flow[None]:
        """The last chunk has gone by: store the answer, and give it to who waits."""
        kept = self._layer.kept(self._request, self._drain.kept, self._drain.last)
        if kept is not None:
            yield from self._layer.record(self._at, self._request, kept)
        self.end(kept)

    def end(self, outcome: Response | BaseException | None) -> None:
        """Tell who waits; only the first call counts."""
        if self._flight is not None:
            self._flight.end(outcome)
