"""cached(llm): the same LLM, of the same type, with a cache in front of its endpoints."""

import copy
import inspect
import logging
import os
import pickle
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache as remembered
from types import MappingProxyType
from typing import Any, Literal, TypeVar, cast

from llama_index.core.async_utils import asyncio_run
from llama_index.core.base.llms.types import ChatMessage, MessageRole
from llama_index.core.llms import LLM
from llama_index.core.llms.structured_llm import StructuredLLM
from llama_index.core.prompts import PromptType

from llamaindex_seglam.endpoints import CachedMixin
from llamaindex_seglam.handle import Handle, opened
from llamaindex_seglam.keys import Engine, held_state
from llamaindex_seglam.layer import Layer
from llamaindex_seglam.plain import plain
from llamaindex_seglam.predict import PromptMixin
from llamaindex_seglam.replay import usage_of
from llamaindex_seglam.slots import PROMPTS, Match, Reader
from seglam import Cache, Completion, ConfigurationError, Model, Policy, digest
from seglam.shape import without_thoughts

logger = logging.getLogger("seglam")

L = TypeVar("L", bound=LLM)


def cached(
    llm: L,
    cache: str | os.PathLike[str] | Cache,
    *,
    compiler: Literal["self"] | LLM | Model | Callable[[str], Any] | None = "self",
    embedder: Any = None,
    policy: Policy | None = None,
    namespace: str = "",
    tenant: str | Callable[[], str] | None = None,
    tool_calls: bool = True,
    prompts: Mapping[str, Match] | None = None,
) -> L:
    """The LLM with a reasoning cache in front of it: an object of the same type that shares its state.

    Wrap an LLM once, where it is made. Its class, fields and private words and switches are read at every call; private
    numbers and collections when it is wrapped, so wrap again after changing one that matters. An LLM whose answers depend
    on anything else (a loaded file, a global) needs a namespace of its own.

    Args:
        llm: any LlamaIndex LLM; one that is wrapped already is unwrapped first.
        cache: a file, opened once per process and set of options and closed at its end; or an open ``seglam.Cache``.
        compiler: what writes procedures: "self" is the LLM itself, None is nothing, else another LLM or a callable from
            prompt to text. With an open Cache, say it there.
        embedder: as in ``Cache.open``; a LlamaIndex embed_model too.
        policy: as in ``Cache.open``.
        namespace: a part of the cache with its own answers and procedures.
        tenant: whose requests these are; nothing crosses tenants. A function is asked at every call, and must name one.
        tool_calls: procedures may compute a call of one of several tools, for the application to run; an answer of more
            than one call never comes from one. False: such requests are answered by what was stored for the same request
            only. Structured output is none of these.
        prompts: how the prompts of query engines and others are answered, by PromptType: "question" (the context exactly, the
            question in its slot by procedures and meaning too), "exact", or "never" (the LLM alone). What is not named keeps its
            default: "question" for QUESTION_ANSWER, SIMPLE_INPUT and CUSTOM, "exact" for all others.

    Raises:
        ConfigurationError: an argument is wrong; names it.
        StoreError: the file cannot be used; it is left as it was.
    """
    _check(llm, namespace, tenant, tool_calls)
    matches = _matches(prompts)
    remake = {
        "compiler": compiler, "embedder": embedder, "policy": policy,
        "namespace": namespace, "tenant": tenant, "tool_calls": tool_calls, "prompts": prompts,
    }  # fmt: skip
    if isinstance(llm, StructuredLLM):  # its answers come from structured prediction with the LLM that it holds
        inside: Any = cached(llm.llm, cache, **cast("Any", remake))
        return cast("L", llm.model_copy(update={"llm": inside}))
    inner = unwrap(llm)
    handle = _handle(inner, cache, compiler, embedder, policy)
    remake["cache"] = None if isinstance(cache, Cache) else os.fspath(cache)
    reader = Reader(Engine(inner, held_state(inner)), namespace, tenant, tool_calls, matches)
    return _wrap(inner, Layer(handle, reader, remake))


def _check(llm: Any, namespace: Any, tenant: Any, tool_calls: Any) -> None:
    if not isinstance(llm, LLM):
        raise ConfigurationError(f"llm: expected a LlamaIndex LLM, got {type(llm).__name__}")
    if not isinstance(namespace, str):
        raise ConfigurationError(f"namespace: expected a str, got {type(namespace).__name__}")
    if not (tenant is None or callable(tenant) or (isinstance(tenant, str) and tenant)):
        raise ConfigurationError(
            f"tenant: expected a non-empty str, a function that gives one, or None, got {tenant!r}"
        )
    if not isinstance(tool_calls, bool):
        raise ConfigurationError(f"tool_calls: expected True or False, got {type(tool_calls).__name__}")


def _matches(prompts: Any) -> Mapping[str, Match]:
    if prompts is not None and not isinstance(prompts, Mapping):
        raise ConfigurationError(f"prompts: expected a mapping by PromptType or None, got {type(prompts).__name__}")
    told = {str(getattr(name, "value", name)): match for name, match in (prompts or {}).items()}
    known = {kind.value for kind in PromptType}
    for name, match in told.items():
        if name not in known:
            raise ConfigurationError(f"prompts: expected types of PromptType, got {name!r}")
        if match not in ("question", "exact", "never"):
            raise ConfigurationError(f'prompts[{name!r}]: expected "question", "exact" or "never", got {match!r}')
    return MappingProxyType({**PROMPTS, **told})


def _handle(inner: LLM, cache: Any, compiler: Any, embedder: Any, policy: Any) -> Handle:
    if isinstance(cache, Cache):
        for name, value in (("compiler", compiler), ("embedder", embedder), ("policy", policy)):
            if value not in (None, "self"):
                raise ConfigurationError(f"{name}: the cache is open already; give it to Cache.open instead")
        return opened(cache)
    author, make = _author(inner, compiler)
    return opened(cache, author, make, embedder, policy)


def _author(inner: LLM, compiler: Any) -> tuple[object, Callable[[], Any]]:
    """What tells this compiler from another, and a function that makes it."""
    if compiler is None:
        return None, lambda: None
    if isinstance(compiler, str):
        if compiler != "self":
            raise ConfigurationError(f'compiler: expected "self", an LLM, a callable or None, got {compiler!r}')
        return _identity(inner), lambda: as_model(inner)
    if isinstance(compiler, LLM):
        return _identity(compiler), lambda: as_model(compiler)
    if not (callable(compiler) or isinstance(compiler, Model)):
        raise ConfigurationError(f"compiler: expected an LLM, a callable or None, got {type(compiler).__name__}")
    if inspect.iscoroutinefunction(compiler):
        return _Same(compiler), lambda: _Awaited(compiler)
    return _Same(compiler), lambda: compiler


class _Same:
    """Equal only for the same object, which it keeps alive: an id alone could be given away again."""

    def __init__(self, value: object) -> None:
        self._value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self._value is other._value

    def __hash__(self) -> int:
        return id(self._value)


def _identity(llm: LLM) -> object:
    """Equal for LLMs that were configured alike, keys included: one tenant's key must not compile for another's."""
    inner = unwrap(llm)
    try:
        return digest(
            plain({name: getattr(inner, name) for name, f in type(inner).model_fields.items() if not f.exclude})
        )
    except (TypeError, ValueError, RecursionError):
        return _Same(inner)


# -- the class ------------------------------------------------------------------------------------------------------------


def _wrap(inner: L, layer: Layer) -> L:
    wrapper = object.__new__(_class(type(inner)))
    # The same objects, not copies: what Settings, a user or the provider's class writes on the one is read on the other.
    for name in ("__dict__", "__pydantic_fields_set__", "__pydantic_extra__", "__pydantic_private__"):
        object.__setattr__(wrapper, name, getattr(inner, name))
    object.__setattr__(wrapper, "_seglam_inner", inner)
    object.__setattr__(wrapper, "_seglam_layer", layer)
    return cast("L", wrapper)


@remembered
def _class(base: type[LLM]) -> type[LLM]:
    """The wrapper's class for one LLM class: its name and module are the inner's, because workflows store them."""
    body = {
        "__slots__": ("_seglam_inner", "_seglam_layer"),
        "__module__": base.__module__,
        "__qualname__": base.__qualname__,
        "__doc__": base.__doc__,
    }
    metaclass: Callable[..., Any] = type(base)
    return cast("type[LLM]", metaclass(base.__name__, (_Copies, CachedMixin, PromptMixin, base), body))


class _Copies:
    """How a wrapper is copied, stored and shown."""

    __slots__ = ()

    _seglam_inner: LLM
    _seglam_layer: Layer

    def __copy__(self) -> LLM:
        return _rewrap(copy.copy(self._seglam_inner), self._seglam_layer)

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> LLM:
        return _rewrap(copy.deepcopy(self._seglam_inner, memo), self._seglam_layer)

    def copy(self, **kwargs: Any) -> LLM:
        """A copy with the same cache (pydantic's older form of ``model_copy``)."""
        return _rewrap(self._seglam_inner.copy(**kwargs), self._seglam_layer)

    def __reduce_ex__(self, protocol: Any) -> Any:
        layer = self._seglam_layer
        remake = {**layer.remake, "held": layer.reader.engine.held} if layer.handle.portable else None
        try:
            pickle.dumps(remake)
        except Exception as error:
            # LlamaIndex drops an attribute that does not pickle, and its holder comes back with another LLM.
            logger.warning("seglam: an argument of cached() does not pickle: %s", type(error).__name__)
            remake = None
        return (_unpickle, (self._seglam_inner, remake))

    def __repr__(self) -> str:
        return f"cached({self._seglam_inner!r})"

    def __str__(self) -> str:
        return str(self._seglam_inner)

    @classmethod
    def from_dict(cls, data: dict[str, Any], **kwargs: Any) -> LLM:
        """A plain LLM: a dictionary does not say which cache it had."""
        base = next(base for base in cls.__mro__ if issubclass(base, LLM) and not issubclass(base, CachedMixin))
        return base.from_dict(data, **kwargs)


def _rewrap(inner: LLM, layer: Layer) -> LLM:
    return _wrap(inner, replace(layer, reader=replace(layer.reader, engine=Engine(inner, layer.reader.engine.held))))


def _unpickle(inner: LLM, remake: dict[str, Any] | None) -> LLM:
    if remake is None:
        logger.warning("seglam: a wrapped LLM came back from a pickle without its cache: give cached() a path")
        return inner
    held = remake.pop("held")
    try:
        wrapper: Any = cached(inner, remake.pop("cache"), **remake)
    except Exception as error:
        logger.warning("seglam: a wrapped LLM came back from a pickle without its cache: %s", type(error).__name__)
        return inner
    layer = wrapper._seglam_layer  # noqa: SLF001 - made just above
    return _rewrap(inner, replace(layer, reader=replace(layer.reader, engine=Engine(inner, held))))


def unwrap(llm: L) -> L:
    """The original LLM; an LLM that is not wrapped is its own original."""
    while isinstance(llm, CachedMixin):
        llm = cast("L", llm._seglam_inner)  # noqa: SLF001 - the mixin's own mark
    if isinstance(llm, StructuredLLM) and isinstance(llm.llm, CachedMixin):
        return cast("L", llm.model_copy(update={"llm": unwrap(llm.llm)}))
    return llm


def is_cached(llm: object) -> bool:
    """Whether an LLM, or the one that a StructuredLLM holds, has a cache in front of it."""
    return isinstance(llm.llm if isinstance(llm, StructuredLLM) else llm, CachedMixin)


# -- the compiler -----------------------------------------------------------------------------------------------------------


class _LLMModel:
    """A LlamaIndex LLM as the core's Model; it never goes through the cache."""

    def __init__(self, llm: LLM) -> None:
        self._llm = llm
        named = llm.metadata.model_name
        self.name = named if named and named != "unknown" else llm.class_name()

    def complete(self, prompt: str) -> Completion:
        """Answer the prompt; an LLM that can only be awaited is awaited, in a loop of its own."""
        llm = self._llm
        if llm.metadata.is_chat_model:
            messages = [ChatMessage(role=MessageRole.USER, content=prompt)]
            try:
                answer = llm.chat(messages)
            except NotImplementedError:
                answer = asyncio_run(llm.achat(messages))
            # The text blocks: what a reasoning model thought stands in blocks of its own.
            return Completion(without_thoughts(answer.message.content or ""), usage_of(answer))
        try:
            completion = llm.complete(prompt)
        except NotImplementedError:
            completion = asyncio_run(llm.acomplete(prompt))
        return Completion(without_thoughts(completion.text), usage_of(completion))


class _Awaited:
    """A coroutine function as the core's Model."""

    def __init__(self, function: Callable[[str], Any]) -> None:
        self.name = getattr(function, "__name__", type(function).__name__)
        self._function = function

    def complete(self, prompt: str) -> Completion:
        """Answer the prompt."""
        reply = asyncio_run(self._function(prompt))
        if not isinstance(reply, str | Completion):
            raise TypeError(f"compiler: expected it to return text, got {type(reply).__name__}")
        return Completion(without_thoughts(reply)) if isinstance(reply, str) else reply


def as_model(llm: LLM) -> Model:
    """An LLM as a compiler for ``Cache.open(compiler=...)``.

    Raises:
        ConfigurationError: not a LlamaIndex LLM.
    """
    if not isinstance(llm, LLM):
        raise ConfigurationError(f"llm: expected a LlamaIndex LLM, got {type(llm).__name__}")
    return _LLMModel(unwrap(llm))
