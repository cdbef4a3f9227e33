"""What a wrapper adds to its LLM: a cache that may fail, and calls that become requests. Law 2 is kept here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from llamaindex_seglam import formed
from llamaindex_seglam.handle import Handle
from llamaindex_seglam.replay import Answer
from llamaindex_seglam.slots import Reader
from seglam import Cache, Control, Hit, Miss, OnlyIfCachedError, Request, Response, TierName, Why
from seglam.contexts import Door, behind, door, flight_key, forbid
from seglam.flow import Call, Flow
from seglam.shape import Form
from seglam.streams import Flight, join

T = TypeVar("T")

FLIGHT: Final = "flight"
"""The source of an answer that another caller was just being given."""


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
        self.handle.fault(f"llamaindex.{place}", error)

    def door(self) -> Door | None:
        """What is asked for one call; None where the cache cannot be opened, and the LLM may answer."""
        try:
            return door(self.cache)
        except Exception as error:
            self.fault("open", error)
            forbid("a call whose cache cannot be opened")
            return None

    def request(self, make: Callable[[], Request]) -> Request | None:
        """The request, or None for a call that cannot be keyed and therefore bypasses the cache.

        Raises:
            OnlyIfCachedError: there is none, and the LLM must not be called here.
        """
        try:
            return make()
        except (TypeError, ValueError, OSError, RecursionError) as error:
            self.handle.bypassed(error)
        except Exception as error:
            self.fault("key", error)
        forbid("a call that cannot be keyed")
        return None

    def find(self, at: Door, request: Request) -> Flow[Hit | Miss]:
        """What the cache has.

        Raises:
            OnlyIfCachedError: nothing, and the LLM must not be called here.
        """
        try:
            found: Hit | Miss = yield Call(lambda: at.lookup(request), lambda: at.alookup(request))
        except OnlyIfCachedError:
            raise
        except Exception as error:
            self.fault("lookup", error)
            forbid("a call whose lookup failed")
            return Miss(Why.FAULT, "lookup")
        return found

    def record(self, at: Door, request: Request, response: Response) -> Flow[None]:
        """Keep what the LLM answered."""
        try:
            yield Call(lambda: at.record(request, response), lambda: at.arecord(request, response))
        except Exception as error:
            self.fault("record", error)

    def join(self, at: Door, request: Request, fresh: Callable[[Request, Hit], T | None]) -> Flow[T | Flight | None]:
        """How to go on with a stream: its answer, a flight to lead, or None for one that nobody waits for.

        Raises:
            Exception: what the LLM raised to an equal stream that this one waited for.
            OnlyIfCachedError: there is no answer, and the LLM must not be called here.
        """

        def find() -> Flow[T | None]:
            found = yield from self.find(at, request)
            known = fresh(request, found) if isinstance(found, Hit) else None
            if known is None:
                forbid("a call whose stored answer cannot be read")
            return known

        def shared(response: Response) -> T | None:
            return fresh(request, Hit(response, TierName.EXACT, FLIGHT, request=request))

        return (yield from join(behind(self.cache), flight_key(request), find, shared))

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
