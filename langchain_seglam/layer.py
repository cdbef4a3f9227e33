"""What a surface that calls the model itself adds to it: lookup, single flight, store. Law 2 is kept here."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from langchain_core.outputs import ChatGeneration, Generation

from langchain_seglam import answers
from langchain_seglam.cache import SeglamCache
from langchain_seglam.literals import UnkeyableError
from langchain_seglam.stacking import elsewhere, keeping
from seglam import Cache, Control, Hit, Miss, OnlyIfCachedError, Request, Response, Reuse, TierName, Why
from seglam.contexts import Door, door, forbid
from seglam.flow import Call, Flow

R = TypeVar("R")


class InnerError(Exception):
    """Carries an error of the model past the cache, so that it is not taken for one of ours."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


class Unstored(Exception):  # noqa: N818 - no error: an answer that cannot be stored or shared
    """Ends ``Cache.respond`` without an answer: whoever waited asks the model itself."""


@dataclass(frozen=True, slots=True)
class Layer:
    """A cache in front of models.

    Attributes:
        adapter: calls to requests, and the cache.
        remake: the arguments of ``cached`` that would make this layer again; None where another process cannot.
    """

    adapter: SeglamCache
    remake: Mapping[str, Any] | None = None

    @property
    def cache(self) -> Cache:
        """The cache behind."""
        return self.adapter.cache

    def request(self, make: Callable[[], tuple[str, str]], *, chat: bool) -> Request | None:
        """A call as a Request; None for one that bypasses the cache.

        Raises:
            OnlyIfCachedError: it has none, and the model must not be called here.
        """
        request = None
        try:
            request = self.adapter.request(*make(), chat=chat)
        except UnkeyableError as error:
            self.adapter.tell(error)
        except Exception as error:  # a model that cannot be described, messages that cannot be dumped
            self.adapter.fault("key", error)
        if request is None and not elsewhere():
            forbid("a call that cannot be keyed")
        return request

    def find(self, at: Door, request: Request) -> Flow[Hit | Miss]:
        """What the cache has.

        Raises:
            OnlyIfCachedError: nothing, and the model must not be called here.
        """
        try:
            found: Hit | Miss = yield Call(lambda: at.lookup(request), lambda: at.alookup(request))
        except OnlyIfCachedError:
            raise
        except Exception as error:
            self.adapter.fault("lookup", error)
            forbid("a call whose lookup failed")
            return Miss(Why.FAULT, "lookup")
        return found

    def generations(self, request: Request, hit: Hit, *, chat: bool) -> list[Generation] | None:
        """A hit as fresh generations, whose ids are those of the run that asks; None where it cannot be served."""
        try:
            made = answers.from_hit(hit, request, chat=chat)
        except Exception as error:
            self.adapter.fault("replay", error)
            return None
        for item in made or ():
            if isinstance(item, ChatGeneration):
                item.message.id = None
        return made

    def kept(
        self, request: Request, generations: list[Generation], more: Mapping[str, Any] | None = None
    ) -> Response | None:
        """What to store of an answer, or None.

        Args:
            request: what was asked.
            generations: what the model answered.
            more: what else to keep beside the messages.
        """
        try:
            response = answers.to_response(generations) if answers.kind(generations) else None
            if response is None:
                return None
            fitted, response = answers.fitted(request, generations, response)
            payload = {**(response.payload or {}), **(more or {})}
            free = (fitted.compilable, fitted.comparable) == (request.compilable, request.comparable)
            return replace(response, payload=payload, reuse=Reuse.FREE if free else Reuse.EXACT)
        except Exception as error:
            self.adapter.fault("record", error)
            return None

    def record(self, at: Door, request: Request, response: Response) -> Flow[None]:
        """Keep what the model answered."""
        try:
            yield Call(lambda: at.record(request, response), lambda: at.arecord(request, response))
        except Exception as error:
            self.adapter.fault("record", error)

    def answer(
        self,
        request: Request,
        origin: Call,
        keep: Callable[[R], Response | None],
        fresh: Callable[[Hit], R | None],
    ) -> Flow[R]:
        """The cached answer, else the model's: asked once for all who ask the same at the same time.

        Args:
            request: what is asked.
            origin: the model call.
            keep: what to store of its answer.
            fresh: a hit as such an answer.

        Raises:
            Exception: what the model raised, to whoever asked.
            OnlyIfCachedError: where that was asked for.
        """
        at = door(self.cache)
        found = yield from self.find(at, request)
        if isinstance(found, Hit) and (known := fresh(found)) is not None:
            return known
        mine: list[R] = []

        def settled(given: R) -> Response:
            mine.append(given)
            kept = keep(given)
            if kept is None:
                raise Unstored
            return kept

        request, miss = _missed(request, found)
        shared = yield from self._shared(at, request, miss, marked(origin), settled)
        if mine:
            return mine[0]
        followed = None if shared is None else fresh(Hit(shared, TierName.EXACT, "flight", request=request))
        if followed is not None:
            return followed
        alone: R = yield marked(origin)
        return alone

    def _shared(
        self, at: Door, request: Request, miss: Miss, origin: Call, settled: Callable[[Any], Response]
    ) -> Flow[Response | None]:
        ask = _carrying(origin, settled)
        try:
            response: Response = yield Call(
                lambda: at.respond(request, ask[0], found=miss),
                lambda: at.arespond(request, ask[1], found=miss),
            )
            return response
        except InnerError as failed:
            error = failed.error
        except OnlyIfCachedError:
            raise
        except Unstored:
            return None
        except Exception as fault:
            self.adapter.fault("respond", fault)
            return None
        raise error


def _missed(request: Request, found: Hit | Miss) -> tuple[Request, Miss]:
    """How to ask on after a lookup that gave no answer that can be used."""
    if isinstance(found, Miss):
        return request, found
    # What is stored cannot be turned into an answer: ask past it, and put the new answer in its place.
    control = Control(no_cache=True, no_store=request.control.no_store)
    return replace(request, control=control), Miss(Why.FAULT, "replay")


def marked(origin: Call) -> Call:
    """The model's work, within which no other surface keeps anything."""

    def ask() -> Any:
        assert origin.sync is not None
        with keeping():
            return origin.sync()

    async def aask() -> Any:
        assert origin.coroutine is not None
        with keeping():
            return await origin.coroutine()

    return Call(ask, aask)


def _carrying(
    origin: Call, settled: Callable[[Any], Response]
) -> tuple[Callable[[Request], Response], Callable[[Request], Awaitable[Response]]]:
    """The origin as the core calls it; the model's own errors are carried past it."""

    def ask(_: Request) -> Response:
        assert origin.sync is not None
        try:
            given = origin.sync()
        except Exception as error:
            raise InnerError(error) from None
        return settled(given)

    async def aask(_: Request) -> Response:
        assert origin.coroutine is not None
        try:
            given = await origin.coroutine()
        except Exception as error:
            raise InnerError(error) from None
        return settled(given)

    return ask, aask
