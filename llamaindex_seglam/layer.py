"""What a wrapper adds to its LLM: a cache that may fail, and calls that become requests. Law 2 is kept here."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from llamaindex_seglam import formed
from llamaindex_seglam.handle import Handle
from llamaindex_seglam.replay import Answer
from llamaindex_seglam.slots import Reader
from seglam import Cache, Control, Hit, Miss, Request, Response, TierName, Why
from seglam.shape import Form

logger = logging.getLogger("seglam")


class InnerError(Exception):
    """Carries an error of the wrapped LLM past the cache, so that it is not taken for one of ours."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


class Unstored(Exception):  # noqa: N818 - no error: an answer that has no form in which it could be stored or shared
    """Ends ``Cache.respond`` without an answer: whoever waited asks the LLM itself."""


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
        """Law 2: whatever fails in this layer is logged and counted, and the model answers."""
        if self.handle.strict:
            raise error
        try:
            self.cache.fault(f"llamaindex.{place}", error)
        except Exception as opening:  # the cache itself cannot be opened, as in another process
            logger.warning("seglam: the cache cannot be used: %s", type(opening).__name__)

    def request(self, make: Callable[[], Request]) -> Request | None:
        """The request, or None for a call that cannot be keyed and therefore bypasses the cache."""
        try:
            return make()
        except (TypeError, ValueError, OSError, RecursionError) as error:
            self.handle.bypassed(error)
        except Exception as error:
            self.fault("key", error)
        return None

    def find(self, request: Request) -> Hit | Miss:
        """What the cache has."""
        try:
            return self.cache.lookup(request)
        except Exception as error:
            self.fault("lookup", error)
            return Miss(Why.FAULT, "lookup")

    async def afind(self, request: Request) -> Hit | Miss:
        """``find`` on a running loop."""
        try:
            return await self.cache.alookup(request)
        except Exception as error:
            self.fault("lookup", error)
            return Miss(Why.FAULT, "lookup")

    def kept(
        self, request: Request, make: Callable[[], Response | None], answer: Callable[[], Answer]
    ) -> Response | None:
        """What to store of an answer, or None.

        Args:
            request: what was asked.
            make: reads the answer as one of any request.
            answer: the whole answer.
        """
        try:
            found = make()
            if found is not None and isinstance(request.fits, Form):
                return formed.fitted(found, answer(), request.fits, self.reader.engine.llm)
            return found
        except Exception as error:
            self.fault("record", error)
            return None

    def told(self, request: Request, hit: Hit) -> Response:
        """A hit's answer, which may have been computed, as the LLM would have given it.

        Raises:
            ValueError: nothing that the LLM would give says it.
        """
        if hit.tier is TierName.EXACT or not isinstance(request.fits, Form):
            return hit.response
        return formed.rebuilt(hit.response, request.fits, self.reader.engine.llm)


def missed(request: Request, found: Hit | Miss) -> tuple[Request, Miss]:
    """How to ask on after a lookup that gave no answer that can be used."""
    if isinstance(found, Miss):
        return request, found
    # What is stored cannot be turned into an answer: ask past it, and put the new answer in its place.
    control = Control(no_cache=True, no_store=request.control.no_store)
    return replace(request, control=control), Miss(Why.FAULT, "replay")
