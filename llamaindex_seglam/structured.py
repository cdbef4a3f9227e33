"""Structured prediction that goes past the endpoints: some providers' classes send it to their client themselves.

What such a call gives is kept as the object that it is, for the same LLM, messages and schema only. A call that came by an
endpoint after all is kept there and not a second time.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache as remembered
from typing import Any, Final

from llama_index.core.llms import LLM
from llama_index.core.prompts import BasePromptTemplate
from pydantic import BaseModel

from llamaindex_seglam import events, replay
from llamaindex_seglam.layer import Layer
from seglam import Hit, Request, Response, Reuse
from seglam.contexts import behind, forbid
from seglam.flow import Call, Flow

_ENDPOINTS: Final = frozenset({"chat", "achat", "complete", "acomplete", "super"})
_CLIENTS: Final = ("client", "aclient")

_reached: ContextVar[list[str] | None] = ContextVar("llamaindex_seglam_reached", default=None)


def reach(endpoint: str) -> None:
    """An endpoint of a wrapper is called."""
    seen = _reached.get()
    if seen is not None:
        seen.append(endpoint)


@remembered
def goes_past(kind: type[LLM], method: str) -> bool:
    """Whether a class's own method may reach its provider without an endpoint: its code names a client, or no endpoint."""
    function = inspect.unwrap(getattr(kind, method))
    if function is inspect.unwrap(getattr(LLM, method)):
        return False
    names = getattr(getattr(function, "__code__", None), "co_names", ())
    return any(name.endswith(_CLIENTS) for name in names) or not _ENDPOINTS & set(names)


def forbid_past(kind: type[LLM], method: str) -> None:
    """What goes past the endpoints in chunks is not cached.

    Raises:
        OnlyIfCachedError: and the model must not be called here.
    """
    if goes_past(kind, method):
        forbid(f"{method} of {kind.__name__}, which goes past the endpoints that are cached")


def predict(layer: Layer, method: str, origin: Callable[[], Any], args: Any, kwargs: Mapping[str, Any]) -> Flow[Any]:
    """A structured prediction of an LLM whose class sends it to its client itself.

    Raises:
        OnlyIfCachedError: it is not cached, and the model must not be called here.
        Exception: what the LLM raises.
    """
    asked = _Asked(layer.reader.engine.llm, method, *args, **kwargs)
    request: Request | None = yield Call(lambda: layer.request(lambda: asked.request(layer)), quick=True)
    at = None if request is None else layer.door()
    if request is None or at is None:
        return (yield Call(origin, origin))
    found = yield from layer.find(at, request)
    if isinstance(found, Hit):
        known = asked.again(layer, request, found)
        if known is not None:
            return known
        forbid("a structured prediction whose stored answer cannot be read")
    seen: list[str] = []
    result = yield _watched(origin, seen)
    # A replay looks here first, so that a recording holds it in any case.
    if not seen or behind(layer.cache) is not layer.cache:
        kept = asked.kept(layer, result)
        if kept is not None:
            yield from layer.record(at, request, kept)
    return result


class _Asked:
    """One structured prediction."""

    def __init__(
        self,
        llm: LLM,
        method: str,
        output_cls: Any,
        prompt: BasePromptTemplate,
        llm_kwargs: Mapping[str, Any] | None = None,
        **prompt_args: Any,
    ) -> None:
        self._llm = llm
        self._method = method
        self._output = output_cls
        self._prompt = prompt
        self._given = dict(llm_kwargs or {})
        self._args = prompt_args

    def request(self, layer: Layer) -> Request:
        """What is asked; sync and async apart, for a class may send them differently.

        Raises:
            TypeError, ValueError, OSError: it cannot be keyed.
        """
        messages = self._llm._extend_messages(  # noqa: SLF001 - what programs outside of the LLM call too
            self._prompt.format_messages(llm=self._llm, **self._args)
        )
        # A keyword that no form knows: nothing but the same request answers it.
        given = {**self._given, "output_cls": self._output, "seglam_method": self._method}
        return layer.reader.chat(messages, given)

    def kept(self, layer: Layer, result: Any) -> Response | None:
        """The object as what is stored, if it comes back as it went."""
        try:
            if not isinstance(result, BaseModel) or type(result) is not self._output:
                return None
            text = result.model_dump_json()
            if self._output.model_validate_json(text) != result:
                return None
            return Response(text, reuse=Reuse.EXACT)
        except (TypeError, ValueError):
            return None
        except Exception as error:
            layer.fault("record", error)
            return None

    def again(self, layer: Layer, request: Request, hit: Hit) -> Any:
        """A fresh object; None where what is stored is none."""
        try:
            result = self._output.model_validate_json(hit.response.text)
        except Exception as error:
            layer.fault("replay", error)
            return None
        told = events.hit_of(request, hit, replay.provenance(hit))
        events.tell_object(self._llm, self._method, (self._output, self._prompt, self._args), result, told)
        return result


def _watched(origin: Callable[[], Any], seen: list[str]) -> Call:
    """The LLM's own prediction, noting whether it comes by an endpoint of its wrapper."""

    def ask() -> Any:
        with _watching(seen):
            return origin()

    async def aask() -> Any:
        with _watching(seen):
            return await origin()

    return Call(ask, aask)


@contextmanager
def _watching(seen: list[str]) -> Iterator[None]:
    token = _reached.set(seen)
    try:
        yield
    finally:
        _reached.reset(token)
