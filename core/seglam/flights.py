"""Single flight: of concurrent identical requests one calls the origin and the others wait for its answer.

The leader may be a thread or a task, the followers both. A leader that is cancelled hands its place to a follower; an
error of the origin is everybody's, because asking again at once is the stampede that this prevents.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from seglam.flow import Call, Flow

T = TypeVar("T")


class _Abandoned(Exception):  # noqa: N818 - never leaves this module
    """The leader was cancelled before it had an answer."""


@dataclass(eq=False, slots=True)
class _Flight:
    result: "Future[Any]" = field(default_factory=Future)
    thread: int = field(default_factory=threading.get_ident)


_leading: ContextVar[frozenset[tuple[int, str]]] = ContextVar("seglam_leading", default=frozenset())


class Flights(Generic[T]):
    """The flights under way, by key."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._flights: dict[str, _Flight] = {}

    def share(self, key: str, work: Callable[[], Flow[T]]) -> Flow[T]:
        """Do the work once for all who ask for this key while it is under way.

        Raises:
            Exception: what the work raised, to the leader and to every follower.
        """
        while True:
            with self._lock:
                flight = self._flights.get(key)
                if flight is None:
                    mine = self._flights[key] = _Flight()
                    break
            if (id(self), key) in _leading.get():
                return (yield from work())  # the work asks for itself; waiting would never end
            try:
                shared: T = yield _wait(flight)
            except _Abandoned:
                continue
            except _WouldBlockError:
                return (yield from work())
            return shared
        return (yield from self._lead(key, mine, work))

    def _lead(self, key: str, mine: _Flight, work: Callable[[], Flow[T]]) -> Flow[T]:
        held = _leading.get()
        _leading.set(held | {(id(self), key)})
        try:
            value = yield from work()
        except Exception as error:
            self._land(key)
            mine.result.set_exception(error)
            raise
        except BaseException:
            self._land(key)
            mine.result.set_exception(_Abandoned())
            raise
        else:
            self._land(key)
            mine.result.set_result(value)
            return value
        finally:
            _leading.set(held)

    def _land(self, key: str) -> None:
        with self._lock:
            del self._flights[key]


class _WouldBlockError(Exception):
    """Waiting here would stop the event loop that the leader needs."""


def _wait(flight: _Flight) -> Call:
    def block() -> Any:
        # The leader runs on this very thread: a task of a loop that this call would stop for ever.
        if flight.thread == threading.get_ident() and not flight.result.done():
            raise _WouldBlockError
        return flight.result.result()

    async def wait() -> Any:
        # shield: cancelling one follower must not cancel the future that all the others wait for.
        return await asyncio.shield(asyncio.wrap_future(flight.result))

    return Call(block, wait)
