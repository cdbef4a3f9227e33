"""What a wrapper adds to its LLM: a cache that may fail, and calls that become requests. Law 2 is kept here."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from llamaindex_seglam import replay
from llamaindex_seglam.handle import Handle
from llamaindex_seglam.replay import Answer, Kept
from llamaindex_seglam.slots import Reader
from seglam import Cache, Control, Hit, Request

logger = logging.getLogger("seglam")


class InnerError(Exception):
    """Carries an error of the wrapped LLM past the cache, so that it is not taken for one of ours."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


class Unstored(Exception):  # noqa: N818 - no error: an answer that the cache must not keep as it keeps others
    """Carries an answer past ``Cache.respond``; those who waited for it may still be given it."""

    def __init__(self, kept: Kept | None) -> None:
        super().__init__()
        self.kept = kept


@dataclass(frozen=True, slots=True)
class Layer:
    """What a wrapper adds to its LLM: a cache, and how calls become requests.

    Attributes:
        handle: the cache.
        reader: calls to requests.
        remake: the keyword arguments of ``cached`` that would make this wrapper again.
    """

    handle: Handle
    reader: Reader
    remake: Mapping[str, Any]

    @property
    def cache(self) -> Cache:
        """The open cache of this process."""
        return self.handle.cache

    def fault(self, place: str, error: Exception) -> None:
        """Law 2: whatever fails in this layer is logged, and the model answers."""
        if self.handle.strict:
            raise error
        logger.warning("seglam: a fault in llamaindex.%s was turned into a miss: %s", place, type(error).__name__)
        logger.debug("seglam: the fault in llamaindex.%s", place, exc_info=error)

    def request(self, make: Callable[[], Request]) -> Request | None:
        """The request, or None for a call that cannot be keyed and therefore bypasses the cache."""
        try:
            return make()
        except (TypeError, ValueError, OSError, RecursionError) as error:
            self.handle.bypassed(error)
        except Exception as error:
            self.fault("key", error)
        return None

    def find(self, request: Request) -> Hit | None:
        """The hit, or None."""
        try:
            return self.cache.lookup(request) or None  # type: ignore[return-value]  # a Miss is false
        except Exception as error:
            self.fault("lookup", error)
            return None

    async def afind(self, request: Request) -> Hit | None:
        """``find`` on a running loop."""
        try:
            return await self.cache.alookup(request) or None  # type: ignore[return-value]  # a Miss is false
        except Exception as error:
            self.fault("lookup", error)
            return None

    def kept(self, answer: Answer) -> Kept | None:
        """What to store of an answer, or None."""
        try:
            return replay.keep(answer)
        except Exception as error:
            self.fault("record", error)
            return None


def narrow(request: Request, kept: Kept) -> Request:
    """The request an answer is stored under; one that is more than text is for the same request only."""
    return request if kept.free else replace(request, compilable=False, comparable=False)


def leading(request: Request) -> Request:
    """The request for ``Cache.respond`` after its lookup was made: join the flight, do not look again."""
    control = request.control
    return replace(request, control=Control(no_cache=True, no_store=control.no_store))


def alike(request: Request, kept: Kept) -> bool:
    """Whether ``narrow`` would change nothing."""
    return kept.free or not (request.compilable or request.comparable)
