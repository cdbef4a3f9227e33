"""Streams through a layer: a hit is replayed, a miss goes by and is stored at its end, and equal ones wait for the first."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, Final

from langchain_seglam import chunks
from langchain_seglam.chunks import Chunk, Drain
from langchain_seglam.layer import Layer
from langchain_seglam.stacking import keeping
from seglam import Hit, Request, Response, TierName
from seglam.contexts import behind, door, flight_key, forbid
from seglam.flow import Flow, arun, run
from seglam.streams import Abandoned, Flight, join

_END: Final = object()


def begin(layer: Layer, request: Request, *, chat: bool) -> Flow[list[Chunk] | Flight | None]:
    """How to go on with a stream: its chunks, a flight to lead, or None for a stream that nobody waits for.

    Raises:
        Exception: what the model raised to the stream that this one waited for.
        OnlyIfCachedError: where that was asked for, and nothing was cached.
    """
    at = door(layer.cache)

    def find() -> Flow[list[Chunk] | None]:
        found = yield from layer.find(at, request)
        known = _pieces(layer, request, found, chat=chat) if isinstance(found, Hit) else None
        if known is None:
            forbid("a call whose stored answer cannot be read")
        return known

    def shared(response: Response) -> list[Chunk] | None:
        return _pieces(layer, request, Hit(response, TierName.EXACT, "flight", request=request), chat=chat)

    return (yield from join(behind(layer.cache), flight_key(request), find, shared))


def _pieces(layer: Layer, request: Request, hit: Hit, *, chat: bool) -> list[Chunk] | None:
    generations = layer.generations(request, hit, chat=chat)
    if not generations:
        return None
    try:
        return chunks.again(hit, generations)
    except Exception as error:
        layer.adapter.fault("replay", error)
        return None


class Watched:
    """A model's stream on its way to its consumer."""

    def __init__(self, layer: Layer, request: Request, flight: Flight | None) -> None:
        self._layer = layer
        self._request = request
        self._flight = flight
        self._at = door(layer.cache)
        self._drain: Drain | None = Drain()

    def through(self, source: Callable[[], Iterator[Chunk]]) -> Iterator[Chunk]:
        """Hand the chunks on; store the answer when the last one has gone by."""
        outcome: Any = Abandoned()
        stream: Any = None
        try:
            self._working()
            stream = source()
            while True:
                self._working()
                with keeping():
                    chunk: Any = next(stream, _END)
                self._resting()
                if chunk is _END:
                    break
                self._see(chunk)
                yield chunk
            outcome = self._kept()
            if outcome is not None:
                run(self._layer.record(self._at, self._request, outcome))
        except Exception as error:
            outcome = error
            raise
        finally:  # an abandoned stream ends the provider's too
            self._end(outcome)
            close = getattr(stream, "close", None)
            if close is not None:
                close()

    async def athrough(self, source: Callable[[], Awaitable[AsyncIterator[Chunk]]]) -> AsyncIterator[Chunk]:
        """``through`` for a running event loop."""
        outcome: Any = Abandoned()
        stream: Any = None
        try:
            self._working()
            stream = await source()
            while True:
                self._working()
                with keeping():
                    chunk: Any = await anext(stream, _END)
                self._resting()
                if chunk is _END:
                    break
                self._see(chunk)
                yield chunk
            outcome = self._kept()
            if outcome is not None:
                await arun(self._layer.record(self._at, self._request, outcome))
        except Exception as error:
            outcome = error
            raise
        finally:
            self._end(outcome)
            close = getattr(stream, "aclose", None)
            if close is not None:
                await close()

    def _working(self) -> None:
        if self._flight is not None:
            self._flight.work()

    def _resting(self) -> None:
        if self._flight is not None:
            self._flight.rest()

    def _end(self, outcome: Any) -> None:
        if self._flight is not None:
            self._flight.end(outcome)

    def _see(self, chunk: Chunk) -> None:
        try:
            if self._drain is not None:
                self._drain.see(chunk)
        except Exception as error:
            self._drain = None
            self._layer.adapter.fault("record", error)

    def _kept(self) -> Response | None:
        try:
            whole = None if self._drain is None else self._drain.whole()
            shape = {} if whole is None or self._drain is None else self._drain.shape()
        except TypeError:
            return None
        except Exception as error:
            self._layer.adapter.fault("record", error)
            return None
        return None if whole is None else self._layer.kept(self._request, [whole], shape)
