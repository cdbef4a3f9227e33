"""The eight endpoints of a wrapped LLM, and the paths that tell them about prompt templates.

A miss goes to the original object, whose own calls to itself cannot come back here. Everything that is not overridden runs
with the wrapper as ``self``, so that what a provider's class sends through ``self.chat`` is cached too.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from llama_index.core.base.llms.types import ChatMessage, ChatResponse, CompletionResponse, TextBlock
from llama_index.core.llms import LLM

from llamaindex_seglam import events, replay
from llamaindex_seglam.layer import InnerError, Layer, Unstored, missed
from llamaindex_seglam.replay import Drain
from seglam import Hit, Request, Response

A = TypeVar("A", ChatResponse, CompletionResponse)
T = TypeVar("T")


def _nothing() -> None:
    """Close what has no close()."""


async def _anothing() -> None:
    """Close what has no aclose()."""


def _passed(formatted: bool) -> dict[str, Any]:
    # An LLM of a user may not name this argument, and would send it on to its provider.
    return {"formatted": True} if formatted else {}


class CachedMixin:
    """Overrides that ``cached`` puts in front of an LLM's own class; also the mark of a wrapped LLM."""

    __slots__ = ()

    _seglam_inner: LLM
    _seglam_layer: Layer

    # -- the endpoints ------------------------------------------------------------------------------------------------

    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """Chat; from the cache where it can answer."""
        make = lambda: self._seglam_layer.reader.chat(messages, kwargs)  # noqa: E731 - the same shape eight times
        origin = lambda: self._seglam_inner.chat(messages, **kwargs)  # noqa: E731
        return self._seglam_answer(make, origin, replay.chat_response, messages)

    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        """Complete; from the cache where it can answer."""
        make = lambda: self._seglam_layer.reader.complete(prompt, formatted, kwargs)  # noqa: E731
        origin = lambda: self._seglam_inner.complete(prompt, **_passed(formatted), **kwargs)  # noqa: E731
        return self._seglam_answer(make, origin, replay.completion_response, prompt)

    async def achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """Chat; from the cache where it can answer."""
        make = lambda: self._seglam_layer.reader.chat(messages, kwargs)  # noqa: E731
        origin = lambda: self._seglam_inner.achat(messages, **kwargs)  # noqa: E731
        return await self._seglam_aanswer(make, origin, replay.chat_response, messages)

    async def acomplete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        """Complete; from the cache where it can answer."""
        make = lambda: self._seglam_layer.reader.complete(prompt, formatted, kwargs)  # noqa: E731
        origin = lambda: self._seglam_inner.acomplete(prompt, **_passed(formatted), **kwargs)  # noqa: E731
        return await self._seglam_aanswer(make, origin, replay.completion_response, prompt)

    def stream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> Generator[ChatResponse, None, None]:
        """Chat in chunks; a hit is replayed, a miss is stored when it was drained to its end."""
        make = lambda: self._seglam_layer.reader.chat(messages, kwargs)  # noqa: E731
        origin = lambda: self._seglam_inner.stream_chat(messages, **kwargs)  # noqa: E731
        return self._seglam_stream(make, origin, replay.chat_response, messages)

    def stream_complete(
        self, prompt: str, formatted: bool = False, **kwargs: Any
    ) -> Generator[CompletionResponse, None, None]:
        """Complete in chunks; a hit is replayed, a miss is stored when it was drained to its end."""
        make = lambda: self._seglam_layer.reader.complete(prompt, formatted, kwargs)  # noqa: E731
        origin = lambda: self._seglam_inner.stream_complete(prompt, **_passed(formatted), **kwargs)  # noqa: E731
        return self._seglam_stream(make, origin, replay.completion_response, prompt)

    async def astream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> AsyncGenerator[ChatResponse, None]:
        """Chat in chunks; a hit is replayed, a miss is stored when it was drained to its end."""
        make = lambda: self._seglam_layer.reader.chat(messages, kwargs)  # noqa: E731
        origin = lambda: self._seglam_inner.astream_chat(messages, **kwargs)  # noqa: E731
        return await self._seglam_astream(make, origin, replay.chat_response, messages)

    async def astream_complete(
        self, prompt: str, formatted: bool = False, **kwargs: Any
    ) -> AsyncGenerator[CompletionResponse, None]:
        """Complete in chunks; a hit is replayed, a miss is stored when it was drained to its end."""
        make = lambda: self._seglam_layer.reader.complete(prompt, formatted, kwargs)  # noqa: E731
        origin = lambda: self._seglam_inner.astream_complete(prompt, **_passed(formatted), **kwargs)  # noqa: E731
        return await self._seglam_astream(make, origin, replay.completion_response, prompt)

    # -- whole answers ------------------------------------------------------------------------------------------------

    def _seglam_answer(
        self,
        make: Callable[[], Request],
        origin: Callable[[], A],
        fresh: Callable[[Response, Mapping[str, Any]], A],
        asked: Any,
    ) -> A:
        layer = self._seglam_layer
        request = layer.request(make)
        if request is None:
            return origin()
        hit = layer.find(request)
        if isinstance(hit, Hit) and (known := self._seglam_replay(request, hit, fresh, asked)) is not None:
            return known
        mine: list[A] = []

        def ask(_: Request) -> Response:
            try:
                mine.append(origin())
            except Exception as error:
                raise InnerError(error) from None
            kept = layer.kept(request, partial(replay.keep, mine[0]), lambda: mine[0])
            if kept is None:
                raise Unstored
            return kept

        request, miss = missed(request, hit)
        try:
            response = layer.cache.respond(request, ask, found=miss)
            outcome: Any = None
        except Exception as error:
            response, outcome = None, error
        if mine:
            return self._seglam_mine(mine[0], outcome)
        return self._seglam_followed(response, outcome, fresh) or origin()

    async def _seglam_aanswer(
        self,
        make: Callable[[], Request],
        origin: Callable[[], Awaitable[A]],
        fresh: Callable[[Response, Mapping[str, Any]], A],
        asked: Any,
    ) -> A:
        layer = self._seglam_layer
        request = await self._seglam_arequest(make, asked)
        if request is None:
            return await origin()
        hit = await layer.afind(request)
        if isinstance(hit, Hit) and (known := self._seglam_replay(request, hit, fresh, asked)) is not None:
            return known
        mine: list[A] = []

        async def ask(_: Request) -> Response:
            try:
                mine.append(await origin())
            except Exception as error:
                raise InnerError(error) from None
            kept = layer.kept(request, partial(replay.keep, mine[0]), lambda: mine[0])
            if kept is None:
                raise Unstored
            return kept

        request, miss = missed(request, hit)
        try:
            response = await layer.cache.arespond(request, ask, found=miss)
            outcome: Any = None
        except Exception as error:
            response, outcome = None, error
        if mine:
            return self._seglam_mine(mine[0], outcome)
        return self._seglam_followed(response, outcome, fresh) or await origin()

    async def _seglam_arequest(self, make: Callable[[], Request], asked: Any) -> Request | None:
        layer = self._seglam_layer
        if isinstance(asked, str) or all(isinstance(b, TextBlock) for message in asked for b in message.blocks):
            return layer.request(make)
        return await asyncio.to_thread(layer.request, make)  # an image may have to be read from disk

    def _seglam_replay(
        self, request: Request, hit: Hit, fresh: Callable[[Response, Mapping[str, Any]], A], asked: Any
    ) -> A | None:
        try:
            answer = fresh(self._seglam_layer.told(request, hit), replay.provenance(hit))
        except Exception as error:
            self._seglam_layer.fault("replay", error)
            return None
        with events.told(self._seglam_inner, asked) as tell:
            tell(answer)
        return answer

    def _seglam_mine(self, answer: A, outcome: Exception | None) -> A:
        """The answer that this call got from the LLM itself, untouched, whatever became of storing it."""
        if outcome is not None and not isinstance(outcome, Unstored):
            self._seglam_layer.fault("record", outcome)
        return answer

    def _seglam_followed(
        self, response: Response | None, outcome: Exception | None, fresh: Callable[[Response, Mapping[str, Any]], A]
    ) -> A | None:
        """The answer that another call got at the same time; None: ask the LLM.

        Raises:
            Exception: what the LLM raised, to whoever asked.
        """
        if isinstance(outcome, InnerError):
            error = outcome.error
            outcome = None
            raise error
        if outcome is not None and not isinstance(outcome, Unstored):
            self._seglam_layer.fault("respond", outcome)
        try:
            return None if response is None else fresh(response, replay.SHARED)
        except Exception as error:
            self._seglam_layer.fault("replay", error)
            return None

    # -- streams ------------------------------------------------------------------------------------------------------

    def _seglam_stream(
        self,
        make: Callable[[], Request],
        origin: Callable[[], Generator[A, None, None]],
        fresh: Callable[[Response, Mapping[str, Any]], A],
        asked: Any,
    ) -> Generator[A, None, None]:
        layer = self._seglam_layer
        # Here, not in a generator's body: the caller's template is known only until this returns.
        request = layer.request(make)
        if request is None:
            return origin()
        hit = layer.find(request)
        if isinstance(hit, Hit) and (pieces := self._seglam_pieces(request, hit, fresh)) is not None:
            return self._seglam_again(pieces, asked)
        return self._seglam_watch(request, origin())

    async def _seglam_astream(
        self,
        make: Callable[[], Request],
        origin: Callable[[], Awaitable[AsyncGenerator[A, None]]],
        fresh: Callable[[Response, Mapping[str, Any]], A],
        asked: Any,
    ) -> AsyncGenerator[A, None]:
        layer = self._seglam_layer
        request = await self._seglam_arequest(make, asked)
        if request is None:
            return await origin()
        hit = await layer.afind(request)
        if isinstance(hit, Hit) and (pieces := self._seglam_pieces(request, hit, fresh)) is not None:
            return self._seglam_aagain(pieces, asked)
        return self._seglam_awatch(request, await origin())

    def _seglam_pieces(
        self, request: Request, hit: Hit, fresh: Callable[[Response, Mapping[str, Any]], A]
    ) -> list[A] | None:
        try:
            return list(replay.chunks(fresh(self._seglam_layer.told(request, hit), replay.provenance(hit))))
        except Exception as error:
            self._seglam_layer.fault("replay", error)
            return None

    def _seglam_again(self, pieces: Sequence[A], asked: Any) -> Generator[A, None, None]:
        with events.told(self._seglam_inner, asked) as tell:
            yield from pieces
            tell(pieces[-1])

    async def _seglam_aagain(self, pieces: Sequence[A], asked: Any) -> AsyncGenerator[A, None]:
        with events.told(self._seglam_inner, asked) as tell:
            for piece in pieces:
                yield piece
            tell(pieces[-1])

    def _seglam_watch(self, request: Request, source: Generator[A, None, None]) -> Generator[A, None, None]:
        drain = Drain()
        try:
            for chunk in source:
                yield self._seglam_seen(drain, chunk)
        finally:  # an abandoned stream ends the provider's too
            getattr(source, "close", _nothing)()
        if (kept := self._seglam_layer.kept(request, drain.kept, drain.last)) is not None:
            try:
                self._seglam_layer.cache.record(request, kept)
            except Exception as error:
                self._seglam_layer.fault("record", error)

    async def _seglam_awatch(self, request: Request, source: AsyncGenerator[A, None]) -> AsyncGenerator[A, None]:
        drain = Drain()
        try:
            async for chunk in source:
                yield self._seglam_seen(drain, chunk)
        finally:
            await getattr(source, "aclose", _anothing)()
        if (kept := self._seglam_layer.kept(request, drain.kept, drain.last)) is not None:
            try:
                await self._seglam_layer.cache.arecord(request, kept)
            except Exception as error:
                self._seglam_layer.fault("record", error)

    def _seglam_seen(self, drain: Drain, chunk: A) -> A:
        try:
            drain.see(chunk)
        except Exception as error:
            drain.spoil()
            self._seglam_layer.fault("record", error)
        return chunk
