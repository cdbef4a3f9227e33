"""Streams through a layer: a hit is replayed, a miss goes by and is stored at its end, and equal ones wait for the first.

A stream's consumer may take its time or never come back, so whoever waits for it does so only while it moves.
"""

import asyncio
import os
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Final
from weakref import WeakKeyDictionary

from langchain_seglam import chunks
from langchain_seglam.chunks import Chunk, Drain
from langchain_seglam.layer import Layer
from langchain_seglam.stacking import keeping
from seglam import Cache, Hit, OnlyIfCachedError, Request, Response, TierName
from seglam.flow import Call, Flow, arun, run

_PATIENCE: Final = 1.0
"""Seconds that a stream may stand still in its consumer's hands before who waits for it asks alone."""
_GLANCE: Final = 0.1
_END: Final = object()


class _Abandoned(Exception):  # noqa: N818 - never leaves this module
    """The stream ended without an answer to share: its consumer left it."""


def _here() -> Any:
    """The running task, if there is one."""
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None


@dataclass(eq=False, slots=True)
class Flight:
    """A stream under way, which others wait for."""

    land: Callable[["Flight"], None]
    result: "Future[Response | None]" = field(default_factory=Future)
    thread: int = field(default_factory=threading.get_ident)
    task: Any = field(default_factory=_here)
    rested: float = field(default_factory=time.monotonic)
    working: bool = False

    def work(self) -> None:
        """The model is being waited for."""
        self.working = True

    def rest(self) -> None:
        """The consumer has it."""
        self.rested = time.monotonic()
        self.working = False

    def end(self, outcome: Response | BaseException | None) -> None:
        """Share what came of it; at most once."""
        self.land(self)
        if isinstance(outcome, BaseException):
            self.result.set_exception(outcome)
        else:
            self.result.set_result(outcome)

    def wait(self) -> Call:
        """Wait for its end; None where there is nothing to share, or waiting could last for ever."""
        return Call(self._block, self._await)

    def _block(self) -> Response | None:
        if self.thread == threading.get_ident():
            return None  # whoever holds that stream runs on this very thread
        ended = threading.Event()
        self.result.add_done_callback(lambda _: ended.set())
        while not self._over():
            ended.wait(_GLANCE)
        return self._outcome()

    async def _await(self) -> Response | None:
        if self.task is not None and self.task is asyncio.current_task():
            return None
        done = asyncio.wrap_future(self.result)
        done.add_done_callback(lambda future: future.cancelled() or future.exception())
        while not self._over():
            await asyncio.wait((done,), timeout=_GLANCE)
        return self._outcome()

    def _over(self) -> bool:
        return self.result.done() or (not self.working and time.monotonic() - self.rested > _PATIENCE)

    def _outcome(self) -> Response | None:
        return self.result.result() if self.result.done() else None


class _Flights:
    """The streams under way on one cache."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._flights: dict[str, Flight] = {}

    def seen(self, key: str) -> Flight | None:
        with self._lock:
            return self._flights.get(key)

    def begin(self, key: str) -> tuple[Flight, bool]:
        """The flight for this key, and whether it was begun by this call."""
        with self._lock:
            known = self._flights.get(key)
            if known is not None:
                return known, False
            mine = self._flights[key] = Flight(lambda flight: self._land(key, flight))
            return mine, True

    def _land(self, key: str, flight: Flight) -> None:
        with self._lock:
            if self._flights.get(key) is flight:
                del self._flights[key]


class _Caches:
    """The flights of every cache of this process."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._lock = threading.Lock()
        self._flights: WeakKeyDictionary[Cache, _Flights] = WeakKeyDictionary()

    def flights(self, cache: Cache) -> _Flights:
        with self._lock:
            return self._flights.setdefault(cache, _Flights())


_caches = _Caches()
if hasattr(os, "register_at_fork"):  # a child has none of the threads that hold locks or lead
    os.register_at_fork(after_in_child=_caches.reset)


def begin(layer: Layer, request: Request, *, chat: bool) -> Flow[list[Chunk] | Flight | None]:
    """How to go on with a stream: its chunks, a flight to lead, or None for a stream that nobody waits for.

    Raises:
        Exception: what the model raised to the stream that this one waited for.
        OnlyIfCachedError: where that was asked for, and nothing was cached.
    """
    flights = _caches.flights(layer.cache)
    key = f"{request.key}{request.control}"
    alone = False
    # First the flight, then the cache: a stream that ends between the two has been stored before it landed.
    flight = flights.seen(key)
    while True:
        if flight is not None:
            try:
                response: Response | None = yield flight.wait()
            except _Abandoned:
                response = None
            else:
                alone = response is None and flight.result.done()  # an answer that cannot be shared: nobody waits again
            flight.land(flight)  # one that stands still is nobody's to wait for: who comes next leads
            if response is not None:
                return _pieces(layer, request, Hit(response, TierName.EXACT, "flight", request=request), chat=chat)
        found = yield from layer.find(request)
        if isinstance(found, Hit) and (pieces := _pieces(layer, request, found, chat=chat)) is not None:
            return pieces
        if request.control.only_if_cached:
            raise OnlyIfCachedError("nothing is cached for this request")
        if alone:
            return None
        flight, mine = flights.begin(key)
        if mine:
            return flight


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
        self._drain: Drain | None = Drain()

    def through(self, source: Callable[[], Iterator[Chunk]]) -> Iterator[Chunk]:
        """Hand the chunks on; store the answer when the last one has gone by."""
        outcome: Any = _Abandoned()
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
                run(self._layer.record(self._request, outcome))
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
        outcome: Any = _Abandoned()
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
                await arun(self._layer.record(self._request, outcome))
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
