"""Where a wrapped model asks its cache: the methods that LangChain's own machinery calls to reach the provider.

Everything around them (callbacks, tracing, batches, tool binding, structured output, implicit streaming) stays LangChain's, run
with the wrapper as ``self``. A miss goes to a twin of the model's own class that shares its state and knows no cache.
"""

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from functools import cache as remembered
from functools import partial
from typing import Any, cast

from langchain_core.language_models import BaseChatModel, BaseLLM
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult, Generation, LLMResult

from langchain_seglam import streams
from langchain_seglam.chunks import Chunk
from langchain_seglam.layer import Layer, marked
from langchain_seglam.live import Described, chat_strings, stream_strings, text_strings
from seglam import Hit, Request, Response
from seglam.contexts import door, forbid
from seglam.flow import Call, Flow, arun, run


class Cached:
    """What chat models and plain models have in common; also the mark of a wrapped model."""

    __slots__ = ()

    _seglam_inner: Any
    _seglam_layer: Layer
    _seglam_described: Described

    def _seglam_origin(self, ask: Callable[..., Any], aask: Callable[..., Awaitable[Any]], manager: Any) -> Call:
        """The model's own call, behind its rate limiter, which a hit does not take."""
        limiter = vars(self._seglam_inner).get("rate_limiter")

        def origin() -> Any:
            if limiter is not None:
                limiter.acquire(blocking=True)
            return ask(**_managed(ask, manager))

        async def aorigin() -> Any:
            if limiter is not None:
                await limiter.aacquire(blocking=True)
            return await aask(**_managed(aask, manager))

        return Call(origin, aorigin)

    def _seglam_stream(
        self, make: Callable[[], tuple[str, str]], source: Callable[[], Any], manager: Any, *, chat: bool
    ) -> Iterator[Chunk]:
        layer = self._seglam_layer
        limiter = vars(self._seglam_inner).get("rate_limiter")

        def limited() -> Iterator[Chunk]:
            if limiter is not None:
                limiter.acquire(blocking=True)
            opened: Iterator[Chunk] = source()
            return opened

        request = layer.request(make, chat=chat)
        if request is None:
            yield from limited()
            return
        ready = run(streams.begin(layer, request, chat=chat))
        if not isinstance(ready, list):
            yield from streams.Watched(layer, request, ready).through(limited)
            return
        for chunk in ready:
            if manager is not None:
                manager.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk

    async def _seglam_astream(
        self, make: Callable[[], tuple[str, str]], source: Callable[[], Any], manager: Any, *, chat: bool, quick: bool
    ) -> AsyncIterator[Chunk]:
        layer = self._seglam_layer
        limiter = vars(self._seglam_inner).get("rate_limiter")

        async def limited() -> AsyncIterator[Chunk]:
            if limiter is not None:
                await limiter.aacquire(blocking=True)
            opened: AsyncIterator[Chunk] = source()
            return opened

        request = await arun(_requested(layer, make, chat=chat, quick=quick))
        if request is None:
            async for chunk in await limited():
                yield chunk
            return
        ready = await arun(streams.begin(layer, request, chat=chat))
        if not isinstance(ready, list):
            async for chunk in streams.Watched(layer, request, ready).athrough(limited):
                yield chunk
            return
        for chunk in ready:
            if manager is not None:
                await manager.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk


class CachedChat(Cached):
    """A chat model's calls."""

    __slots__ = ()

    _seglam_inner: BaseChatModel

    def _generate(
        self, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        return run(self._seglam_generate(messages, stop, run_manager, kwargs))

    async def _agenerate(
        self, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        return await arun(self._seglam_generate(messages, stop, run_manager, kwargs))

    def _seglam_generate(
        self, messages: list[BaseMessage], stop: list[str] | None, manager: Any, given: Mapping[str, Any]
    ) -> Flow[ChatResult]:
        inner, layer = self._seglam_inner, self._seglam_layer
        origin = self._seglam_origin(
            _asking(inner, "_generate", messages, stop, given),
            _asking(inner, "_agenerate", messages, stop, given),
            manager,
        )
        make = partial(chat_strings, inner, self._seglam_described, messages, stop, given)
        request = yield from _requested(layer, make, chat=True, quick=_short(messages))
        if request is None:
            bypassed: ChatResult = yield origin
            return bypassed

        def keep(result: ChatResult) -> Response | None:
            return layer.kept(request, [*_told(result)])

        def fresh(hit: Hit) -> ChatResult | None:
            made = layer.generations(request, hit, chat=True)
            return None if made is None else ChatResult(generations=cast("list[ChatGeneration]", made))

        return (yield from layer.answer(request, origin, keep, fresh))


class StreamedChat(CachedChat):
    """A chat model that streams by itself."""

    __slots__ = ()

    def _stream(
        self, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: Any = None, **kwargs: Any
    ) -> Iterator[Any]:
        inner = self._seglam_inner
        source = _asking(inner, "_stream", messages, stop, kwargs)
        make = partial(stream_strings, inner, self._seglam_described, messages, stop, kwargs)
        return self._seglam_stream(make, partial(source, **_passed(run_manager)), run_manager, chat=True)

    def _astream(
        self, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: Any = None, **kwargs: Any
    ) -> AsyncIterator[Any]:
        inner = self._seglam_inner
        source = _asking(inner, "_astream", messages, stop, kwargs)
        make = partial(stream_strings, inner, self._seglam_described, messages, stop, kwargs)
        return self._seglam_astream(
            make, partial(source, **_passed(run_manager)), run_manager, chat=True, quick=_short(messages)
        )


class CachedText(Cached):
    """A plain model's calls."""

    __slots__ = ()

    _seglam_inner: BaseLLM

    def _generate(
        self, prompts: list[str], stop: list[str] | None = None, run_manager: Any = None, **kwargs: Any
    ) -> LLMResult:
        return run(self._seglam_generate(prompts, stop, run_manager, kwargs))

    async def _agenerate(
        self, prompts: list[str], stop: list[str] | None = None, run_manager: Any = None, **kwargs: Any
    ) -> LLMResult:
        return await arun(self._seglam_generate(prompts, stop, run_manager, kwargs))

    def _seglam_generate(
        self, prompts: list[str], stop: list[str] | None, manager: Any, given: Mapping[str, Any]
    ) -> Flow[LLMResult]:
        """Several prompts are several requests; those that the cache has not go to the model together, each once."""
        inner, layer = self._seglam_inner, self._seglam_layer

        def origin(asked: list[str]) -> Call:
            ask = _asking(inner, "_generate", asked, stop, given)
            return self._seglam_origin(ask, _asking(inner, "_agenerate", asked, stop, given), manager)

        requests = {p: layer.request(partial(text_strings, inner, p, stop, given), chat=False) for p in prompts}
        if any(request is None for request in requests.values()):
            bypassed: LLMResult = yield origin(prompts)
            return bypassed
        known = {p: request for p, request in requests.items() if request is not None}
        if len(known) == 1:
            (prompt,) = known
            one = yield from _single(layer, known[prompt], origin([prompt]))
            return one if len(prompts) == 1 else _spread(prompts, {prompt: one.generations[0]}, one.llm_output)
        return (yield from _several(layer, prompts, known, origin))


class StreamedText(CachedText):
    """A plain model that streams by itself."""

    __slots__ = ()

    def _stream(
        self, prompt: str, stop: list[str] | None = None, run_manager: Any = None, **kwargs: Any
    ) -> Iterator[Any]:
        source = _asking(self._seglam_inner, "_stream", prompt, stop, kwargs)
        make = partial(text_strings, self._seglam_inner, prompt, stop, kwargs)
        return self._seglam_stream(make, partial(source, **_passed(run_manager)), run_manager, chat=False)

    def _astream(
        self, prompt: str, stop: list[str] | None = None, run_manager: Any = None, **kwargs: Any
    ) -> AsyncIterator[Any]:
        source = _asking(self._seglam_inner, "_astream", prompt, stop, kwargs)
        make = partial(text_strings, self._seglam_inner, prompt, stop, kwargs)
        return self._seglam_astream(make, partial(source, **_passed(run_manager)), run_manager, chat=False, quick=True)


def _asking(inner: Any, name: str, asked: Any, stop: Sequence[str] | None, given: Mapping[str, Any]) -> partial[Any]:
    return partial(getattr(inner, name), asked, stop=stop, **given)


def _requested(layer: Layer, make: Callable[[], tuple[str, str]], *, chat: bool, quick: bool) -> Flow[Request | None]:
    request: Request | None = yield Call(lambda: layer.request(make, chat=chat), quick=quick)
    return request


def _short(messages: Sequence[BaseMessage]) -> bool:
    """Whether a loop need not fear to read the messages: images take milliseconds."""
    return all(isinstance(message.content, str) for message in messages) or all(
        isinstance(block, str) or block.get("type") in ("text", "tool_use", "tool_call")
        for message in messages
        for block in message.content
    )


def _passed(manager: Any) -> dict[str, Any]:
    return {} if manager is None else {"run_manager": manager}


def _managed(ask: Callable[..., Any], manager: Any) -> dict[str, Any]:
    """The manager for a method that takes one, as LangChain does."""
    method = ask.func if isinstance(ask, partial) else ask
    return {"run_manager": manager} if _takes_manager(getattr(method, "__func__", method)) else {}


@remembered
def _takes_manager(method: Callable[..., Any]) -> bool:
    return "run_manager" in inspect.signature(method).parameters


def _told(result: ChatResult) -> Iterator[Generation]:
    """The generations with what LangChain will yet write on them: the reason of the end, the model's name."""
    for item in result.generations:
        facts = {**(item.generation_info or {}), **item.message.response_metadata}
        if len(result.generations) == 1:
            facts = {**(result.llm_output or {}), **facts}
        message = item.message.model_copy(update={"response_metadata": facts})
        yield ChatGeneration(message=message, generation_info=item.generation_info)


def _single(layer: Layer, request: Request, origin: Call) -> Flow[LLMResult]:
    def keep(result: LLMResult) -> Response | None:
        return layer.kept(request, list(result.generations[0]))

    def fresh(hit: Hit) -> LLMResult | None:
        made = layer.generations(request, hit, chat=False)
        return None if made is None else LLMResult(generations=[made])

    return (yield from layer.answer(request, origin, keep, fresh))


def _several(
    layer: Layer, prompts: list[str], requests: Mapping[str, Request], origin: Callable[[list[str]], Call]
) -> Flow[LLMResult]:
    answers: dict[str, list[Any]] = {}
    at = door(layer.cache)
    for prompt, request in requests.items():
        found = yield from layer.find(at, request)
        if isinstance(found, Hit) and (made := layer.generations(request, found, chat=False)) is not None:
            answers[prompt] = made
    missing = [prompt for prompt in requests if prompt not in answers]
    output = None
    if missing:
        forbid("a call whose stored answer cannot be read")
        result: LLMResult = yield marked(origin(missing))
        output = result.llm_output
        for prompt, given in zip(missing, result.generations, strict=True):
            answers[prompt] = list(given)
            kept = layer.kept(requests[prompt], list(given))
            if kept is not None:
                yield from layer.record(at, requests[prompt], kept)
    return _spread(prompts, answers, output)


def _spread(prompts: list[str], answers: Mapping[str, list[Any]], output: Any) -> LLMResult:
    """Every prompt's answer in the order of the prompts; one that was asked twice has two."""
    told = [[item.model_copy(deep=True) for item in answers[prompt]] for prompt in prompts]
    return LLMResult(generations=told, llm_output=output)


for _method in (CachedChat._generate, CachedChat._agenerate, CachedText._generate, CachedText._agenerate):  # noqa: SLF001 - ours
    # LangChain inspects them at every call: taken anew, that is a quarter of a hit.
    _method.__dict__["__signature__"] = inspect.signature(_method)
