"""Single flight for streams: of equal streams that are asked for at one time the first goes to the model, the others wait.

A stream's consumer may take its time or never come back, so whoever waits for it does so only while it moves. A surface that
calls the model itself asks ``join`` before each stream, and tells the flight that it leads what becomes of it.
"""

import asyncio
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar
from weakref import WeakKeyDictionary

from seglam.exchange import Response
from seglam.flow import Call, Flow

T = TypeVar("T")

PATIENCE: Final = 1.0
"""Seconds that a stream may stand still in its consumer's hands before who waits for it asks alone."""
_GLANCE: Final = 0.1


class Abandoned(Exception):  # noqa: N818 - an outcome, which no application sees
    """The stream ended without an answer to share: its consumer left it."""


def _here() -> Any:
    """The running task, if there is one."""
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None


@dataclass(eq=False, slots=True, weakref_slot=True)
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
        """Share what came of it; only the first call counts.

        Args:
            outcome: an answer, an error, or None, which sends everybody to the model alone.
        """
        self.land(self)
        if self.result.done():
            return
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
        return self.result.done() or (not self.working and time.monotonic() - self.rested > PATIENCE)

    def _outcome(self) -> Response | None:
        return self.result.result() if self.result.done() else None


class _Flights:
    """The streams under way behind one cache."""

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
    """The flights of everything of this process that answers requests."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._lock = threading.Lock()
        self._flights: WeakKeyDictionary[Any, _Flights] = WeakKeyDictionary()

    def flights(self, cache: Any) -> _Flights:
        with self._lock:
            return self._flights.setdefault(cache, _Flights())


_caches = _Caches()
if hasattr(os, "register_at_fork"):  # a child has none of the threads that hold locks or lead
    os.register_at_fork(after_in_child=_caches.reset)


def join(
    cache: Any,
    key: str,
    find: Callable[[], Flow[T | None]],
    fresh: Callable[[Response], T | None],
) -> Flow[T | Flight | None]:
    """How to go on with a stream: its answer, a flight to lead, or None for a stream of one's own that nobody waits for.

    Args:
        cache: behind which cache; two caches share nothing.
        key: what streams must have in common to be one.
        find: asks the cache.
        fresh: the answer that another stream was given, as this surface's own; None where it cannot be.

    Raises:
        Exception: what the model raised to the stream that this one waited for; what ``find`` raises.
    """
    flights = _caches.flights(cache)
    alone = False
    # First the flight, then the cache: a stream that ends between the two has been stored before it landed.
    flight = flights.seen(key)
    while True:
        if flight is not None:
            try:
                response: Response | None = yield flight.wait()
            except Abandoned:
                response = None
            else:
                alone = response is None and flight.result.done()  # an answer that cannot be shared: nobody waits again
            flight.land(flight)  # one that stands still is nobody's to wait for: who comes next leads
            if response is not None and (shared := fresh(response)) is not None:
                return shared
        found = yield from find()
        if found is not None:
            return found
        if alone:
            return None
        flight, mine = flights.begin(key)
        if mine:
            return flight
