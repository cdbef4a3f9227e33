"""What an application says of all its calls inside a block: bypass, refresh, only_if_cached, tenant, record, replay.

with tenant("acme"), refresh():
    agent.run(...)

Blocks add up, and none lifts what one around it forbids; of two tenants or recordings the inner one counts. They are kept in a
context variable, so they hold for tasks that are made inside, and for threads that copy their context. Every surface reads them
at every call: by ``door``, which stands before the cache, and by ``tenant_or``.
"""

import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Protocol

from seglam.errors import ConfigurationError, OnlyIfCachedError
from seglam.exchange import Control, Hit, Miss, Request, Response
from seglam.recording import Recorder, Recording


class Door(Protocol):
    """The six calls of a Cache that a surface makes for a request."""

    def lookup(self, request: Request) -> Hit | Miss:
        """See Cache.lookup."""
        ...

    async def alookup(self, request: Request) -> Hit | Miss:
        """See Cache.alookup."""
        ...

    def record(self, request: Request, response: Response) -> None:
        """See Cache.record."""
        ...

    async def arecord(self, request: Request, response: Response) -> None:
        """See Cache.arecord."""
        ...

    def respond(
        self, request: Request, origin: Callable[[Request], Response], *, found: Miss | None = None
    ) -> Response:
        """See Cache.respond."""
        ...

    async def arespond(
        self, request: Request, origin: Callable[[Request], Awaitable[Response]], *, found: Miss | None = None
    ) -> Response:
        """See Cache.arespond."""
        ...


@dataclass(frozen=True, slots=True)
class Directives:
    """What holds here.

    Attributes:
        control: added to that of every request.
        tenant: whose requests these are; None: the surface says it.
        recorder: what answers in place of every cache; None: the cache does.
    """

    control: Control = Control()
    tenant: str | None = None
    recorder: Recorder | None = None


_here: ContextVar[Directives | None] = ContextVar("seglam_directives", default=None)
_everywhere: Directives | None = None


def current() -> Directives | None:
    """What holds here; None where nothing was said."""
    return _here.get() or _everywhere


def set_everywhere(directives: Directives | None) -> Directives | None:
    """Say what holds outside of every block in this process, also in threads that copy no context. For test runners.

    Returns:
        What was said before.
    """
    global _everywhere
    before, _everywhere = _everywhere, directives
    return before


@contextmanager
def _inside(change: Callable[[Directives], Directives]) -> Iterator[None]:
    token = _here.set(change(current() or Directives()))
    try:
        yield
    finally:
        with suppress(ValueError):  # a generator that is closed from elsewhere ends in a context that never had it
            _here.reset(token)


def _controlled(control: Control) -> AbstractContextManager[None]:
    return _inside(lambda held: replace(held, control=_both(held.control, control)))


def _both(one: Control, other: Control) -> Control:
    ages = [control.max_age for control in (one, other) if control.max_age is not None]
    return Control(
        no_cache=one.no_cache or other.no_cache,
        no_store=one.no_store or other.no_store,
        only_if_cached=one.only_if_cached or other.only_if_cached,
        max_age=min(ages, default=None),
    )


# -- blocks ---------------------------------------------------------------------------------------------------------------


def bypass() -> AbstractContextManager[None]:
    """Inside, the model answers every call, and nothing is stored or learnt."""
    return _controlled(Control(no_cache=True, no_store=True))


def refresh() -> AbstractContextManager[None]:
    """Inside, the model answers every call, and its answers take the place of what was stored."""
    return _controlled(Control(no_cache=True))


def only_if_cached() -> AbstractContextManager[None]:
    """Inside, the model is never called: what cannot be answered without it raises OnlyIfCachedError."""
    return _controlled(Control(only_if_cached=True))


def tenant(name: str) -> AbstractContextManager[None]:
    """Inside, all requests are this tenant's, whatever the surface was told when it was made; nothing crosses tenants.

    Raises:
        ConfigurationError: no name.
    """
    if not isinstance(name, str) or not name:
        raise ConfigurationError(f"tenant: expected a non-empty str, got {name!r}")
    return _inside(lambda held: replace(held, tenant=name))


def record(path: str | os.PathLike[str]) -> AbstractContextManager[None]:
    """Inside, what the recording does not hold yet is asked of the model and written to it. No cache is read or written.

    Errors and answers that are cut or refused are not recorded; to record an answer anew, take its line out of the file.

    Args:
        path: the recording, a JSON Lines file; made if it does not exist.

    Raises:
        TapeError: the file cannot be read, or is damaged.
    """
    recorder = Recorder(Recording(path), strict=False)
    return _inside(lambda held: replace(held, recorder=recorder))


def replay(path: str | os.PathLike[str]) -> AbstractContextManager[None]:
    """Inside, the recording alone answers, whatever ``bypass`` and ``refresh`` say: no model is called, no cache is read.

    A call that it holds no answer to raises ReplayError in the application.

    Args:
        path: the recording; one that does not exist answers nothing.

    Raises:
        TapeError: the file cannot be read, or is damaged.
    """
    recorder = Recorder(Recording(path), strict=True)
    return _inside(lambda held: replace(held, recorder=recorder))


# -- for surfaces -----------------------------------------------------------------------------------------------------------


def door(cache: Door) -> Door:
    """What a surface asks instead of its cache, for one call; the cache itself where nothing was said.

    Its ``lookup`` raises OnlyIfCachedError where there is no answer and the model must not be called: a surface lets that pass.
    """
    held = current()
    if held is None:
        return cache
    if held.recorder is not None:
        return held.recorder
    return cache if held.control == Control() else _Directed(cache, held.control)


def beside(cache: Door) -> Door | None:
    """``door`` for a surface that keeps other things than a model's answers, whose misses call no model by themselves.

    None while a recording answers: then the models behind are what is recorded. Never raises for ``only_if_cached``.
    """
    held = current()
    if held is None:
        return cache
    if held.recorder is not None:
        return None
    control = replace(held.control, only_if_cached=False)
    return cache if control == Control() else _Directed(cache, control)


def may_read() -> bool:
    """Whether a surface may use what it keeps that is no answer of a model: not under bypass, refresh or a recording."""
    held = current()
    return held is None or (held.recorder is None and not held.control.no_cache)


def may_write() -> bool:
    """Whether it may keep more of it: not under bypass or a recording."""
    held = current()
    return held is None or (held.recorder is None and not held.control.no_store)


def behind(cache: Door) -> Door:
    """What answers behind the door: the same object for all calls that may share an answer."""
    held = current()
    return cache if held is None or held.recorder is None else held.recorder


def flight_key(request: Request) -> str:
    """What two calls behind one door must have in common to be one: a fresh answer is none that was begun before."""
    held = current()
    control = request.control if held is None else _both(request.control, held.control)
    return f"{request.key}{'!' if control.no_cache else ''}{'-' if control.no_store else ''}"


def tenant_or(default: Callable[[], str]) -> str:
    """The tenant of this block, else what the surface itself says."""
    held = current()
    return default() if held is None or held.tenant is None else held.tenant


def forbid(what: str) -> None:
    """Called by a surface before it asks a model without having asked its cache: a call without a key, a fault.

    Args:
        what: the call, for the message.

    Raises:
        OnlyIfCachedError: the model must not be called here.
    """
    held = current()
    if held is None:
        return
    if held.recorder is not None:
        held.recorder.refuse(what)
    elif held.control.only_if_cached:
        raise OnlyIfCachedError(f"nothing is cached for {what}")


class _Directed:
    """A cache that is asked under directives."""

    def __init__(self, cache: Door, control: Control) -> None:
        self._cache = cache
        self._control = control

    def _under(self, request: Request) -> Request:
        return replace(request, control=_both(request.control, self._control))

    def _found(self, request: Request, found: Hit | Miss) -> Hit | Miss:
        if not found and request.control.only_if_cached and isinstance(found, Miss):
            raise OnlyIfCachedError(f"nothing is cached for this request ({found.why})")
        return found

    def lookup(self, request: Request) -> Hit | Miss:
        request = self._under(request)
        return self._found(request, self._cache.lookup(request))

    async def alookup(self, request: Request) -> Hit | Miss:
        request = self._under(request)
        return self._found(request, await self._cache.alookup(request))

    def record(self, request: Request, response: Response) -> None:
        self._cache.record(self._under(request), response)

    async def arecord(self, request: Request, response: Response) -> None:
        await self._cache.arecord(self._under(request), response)

    def respond(
        self, request: Request, origin: Callable[[Request], Response], *, found: Miss | None = None
    ) -> Response:
        return self._cache.respond(self._under(request), origin, found=found)

    async def arespond(
        self, request: Request, origin: Callable[[Request], Awaitable[Response]], *, found: Miss | None = None
    ) -> Response:
        return await self._cache.arespond(self._under(request), origin, found=found)
