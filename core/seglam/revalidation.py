"""Stale-while-revalidate (RFC 5861): an answer that is a little too old is served while it is asked anew.

Where the origin is known (``Cache.respond``) it is asked in the background. A mere lookup has nobody to ask: the next caller
misses, once, and what it records is the fresh answer. The compiler's model is not asked: it may be another than the engine whose
answer this is, and it sees neither the tools nor the messages that ``vary`` stands for.
"""

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from seglam.background import Background
from seglam.exchange import Hit, Miss, Request, Why
from seglam.flow import Call, Flow, arun, quick, run

_LEASE: Final = 60.0
"""Seconds within which whoever asks anew is waited for; then somebody else does. A model that is down is asked no more often."""
_MOST: Final = 10_000


@dataclass(frozen=True, slots=True)
class _Asked:
    """An answer that was served stale: of which entry, and since when it is asked anew, if it is."""

    source: str
    since: float | None


class Revalidation:
    """Who asks anew for what was served stale. Safe to share between threads.

    Args:
        background: where the origin is asked by ``respond``.
        clock: seconds since the epoch.
    """

    def __init__(self, background: Background, clock: Callable[[], float]) -> None:
        self._background = background
        self._clock = clock
        self._lock = threading.Lock()
        self._asked: OrderedDict[str, _Asked] = OrderedDict()
        self._tasks: set[asyncio.Task[Any]] = set()  # the loop itself holds them weakly

    def serve(self, hit: Hit, request: Request, refresh: Flow[Any] | None) -> Flow[Hit | Miss]:
        """The stale hit, with its renewal under way or wanted; a miss for the one caller who is to renew it.

        Args:
            hit: stale.
            request: what was asked.
            refresh: not begun; asks the origin and records what it says; None: the caller asks, if this misses.
        """
        control = request.control
        if control.only_if_cached or control.no_store:  # it would not renew anything
            return hit
        if (yield from quick(self._mine, request.key, hit.source, refresh is not None)):
            if refresh is None:
                return Miss(Why.STALE, "somebody has to ask anew")
            yield Call(partial(self._begin, refresh), partial(self._spawn, refresh))
        return hit

    def _mine(self, key: str, source: str, known: bool) -> bool:
        """Whether this caller is to ask anew; without an origin that is the second one."""
        now = self._clock()
        with self._lock:
            asked = self._asked.pop(key, None)
            if asked is not None and asked.source != source:
                asked = None  # that was about an older answer
            under_way = asked is not None and asked.since is not None
            if asked is not None and asked.since is not None and not 0 <= now - asked.since < _LEASE:
                asked, under_way = None, False
            mine = not under_way and (known or asked is not None)
            self._asked[key] = _Asked(source, now) if mine else asked or _Asked(source, None)
            if len(self._asked) > _MOST:
                self._asked.popitem(last=False)
        return mine

    def _begin(self, refresh: Flow[Any]) -> None:
        self._background.submit(partial(run, refresh))

    async def _spawn(self, refresh: Flow[Any]) -> None:
        task = asyncio.get_running_loop().create_task(arun(refresh))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
