"""cached_embeddings(model): the same embedding model, with what it embedded before kept in the cache's file.

LlamaIndex's own ``embeddings_cache`` is asked for the bare text: it gives one model's vector to another, and a document's to a
question. Here the key is the model with its settings, the text, and which of the two it is embedded as.
"""

import copy
import logging
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache as remembered
from typing import Any, Final, Literal, TypeVar, cast

from llama_index.core.base.embeddings.base import BaseEmbedding

from llamaindex_seglam.handle import Handle, opened
from llamaindex_seglam.keys import private_state, travels
from llamaindex_seglam.plain import name_of, plain
from seglam import (
    Cache,
    ConfigurationError,
    Hit,
    Miss,
    OnlyIfCachedError,
    Request,
    Response,
    Reuse,
    TierName,
    Why,
    digest,
    vary_digest,
)
from seglam.contexts import Door, door, forbid, tenant_or
from seglam.flow import Call, Flow, arun, call, run

logger = logging.getLogger("seglam")

E = TypeVar("E", bound=BaseEmbedding)
Kind = Literal["query", "text"]
Vector = list[float]

_COLLECTION: Final = "seglam.embeddings"
# How texts are sent, not what becomes of them.
_SENDING: Final = frozenset({"embed_batch_size", "embeddings_cache", "num_workers"})


def cached_embeddings(
    model: E,
    cache: str | os.PathLike[str] | Cache,
    *,
    namespace: str = "llamaindex",
    tenant: str | None = None,
) -> E:
    """The embedding model with a cache in front of it: an object of the same type that shares its state.

    What was embedded stays until its namespace is cleared. Texts are kept as digests, vectors as they came.

    Args:
        model: any LlamaIndex embedding model; one that is wrapped already is unwrapped first. One whose vectors depend on more
            than its fields (weights loaded from elsewhere) needs a namespace of its own.
        cache: a file, opened once per process; or an open ``seglam.Cache``.
        namespace: a part of the cache of its own.
        tenant: whose texts these are; nothing crosses tenants.

    Raises:
        ConfigurationError: an argument is wrong; names it.
        StoreError: the file cannot be used; it is left as it was.
    """
    if not isinstance(model, BaseEmbedding):
        raise ConfigurationError(f"model: expected a LlamaIndex embedding model, got {type(model).__name__}")
    if not isinstance(namespace, str):
        raise ConfigurationError(f"namespace: expected a str, got {type(namespace).__name__}")
    if not (tenant is None or (isinstance(tenant, str) and tenant)):
        raise ConfigurationError(f"tenant: expected a non-empty str or None, got {tenant!r}")
    inner = model._seglam_inner if isinstance(model, _CachedEmbedding) else model  # noqa: SLF001 - our own mark
    handle = opened(cache)
    return _wrap(inner, _Vectors(handle, None if isinstance(cache, Cache) else cache, namespace, tenant))


@dataclass(frozen=True, slots=True)
class _Vectors:
    """Vectors in the cache's file, as something that answers requests.

    Attributes:
        handle: the cache.
        path: what it was made with; None for an open cache.
        namespace, tenant: whose vectors.
    """

    handle: Handle
    path: str | os.PathLike[str] | None
    namespace: str
    tenant: str | None

    def request(self, model: BaseEmbedding, kind: Kind, text: str) -> Request:
        """The embedding of a text as a Request.

        Raises:
            TypeError: the model has a field without a form.
        """
        vary = vary_digest({"embedding": kind, "tenant": tenant_or(lambda: self.tenant or "")})
        return Request(text, vary, _engine(model), self.namespace, compilable=False, comparable=False)

    def lookup(self, request: Request) -> Hit | Miss:
        if request.control.no_cache:
            return Miss(Why.BYPASS)
        found = self.handle.cache.pairs.get(self.namespace, _COLLECTION, [request.key])
        if request.key not in found:
            return Miss(Why.ABSENT)
        return Hit(Response("", {"embedding": found[request.key]}), TierName.EXACT, "pairs", request=request)

    async def alookup(self, request: Request) -> Hit | Miss:
        return await arun(call(self.lookup, request))

    def record(self, request: Request, response: Response) -> None:
        if not request.control.no_store and response.payload is not None:
            self.handle.cache.pairs.put(self.namespace, _COLLECTION, {request.key: response.payload["embedding"]})

    async def arecord(self, request: Request, response: Response) -> None:
        await arun(call(self.record, request, response))

    def respond(
        self, request: Request, origin: Callable[[Request], Response], *, found: Miss | None = None
    ) -> Response:
        raise NotImplementedError("vectors are looked up and recorded")

    async def arespond(self, request: Request, origin: Any, *, found: Miss | None = None) -> Response:
        raise NotImplementedError("vectors are looked up and recorded")

    # -- many at once ---------------------------------------------------------------------------------------------------

    def known(self, at: Door, requests: Sequence[Request]) -> list[Vector | None]:
        """What is known of these."""
        if at is self:
            found = self.handle.cache.pairs.get(self.namespace, _COLLECTION, [request.key for request in requests])
            return [_vector(found.get(request.key)) for request in requests]
        hits = [at.lookup(request) for request in requests]
        return [
            _vector((hit.response.payload or {}).get("embedding")) if isinstance(hit, Hit) else None for hit in hits
        ]

    def keep(self, at: Door, made: Sequence[tuple[Request, Vector]]) -> None:
        """Keep what the model gave, all of it in one transaction."""
        whole = [(request, vector) for request, vector in made if _vector(vector) is not None]
        if at is self:
            values = {request.key: vector for request, vector in whole}
            self.handle.cache.pairs.put(self.namespace, _COLLECTION, values)
            return
        for request, vector in whole:
            at.record(request, Response("", {"embedding": vector}, reuse=Reuse.EXACT))


def _vector(value: Any) -> Vector | None:
    """A vector as a fresh list of finite numbers, else None."""
    if not isinstance(value, list) or not value:
        return None
    if not all(isinstance(x, int | float) and math.isfinite(x) for x in value):
        return None
    return [float(x) for x in value]


def _engine(model: BaseEmbedding) -> str:
    """Digest of the model's class and settings, read at every call; no secrets and no transport."""
    told: dict[str, Any] = {"class": name_of(type(model)), "name": model.class_name()}
    for name, field in type(model).model_fields.items():
        if not (travels(name) or name in _SENDING or field.exclude):
            told[name] = plain(getattr(model, name))
    words = {
        name: plain(value)
        for name, value in private_state(model)
        if isinstance(value, str | bool) and name not in _SENDING
    }
    return digest("llama_index", "embedding", told, words)


class _CachedEmbedding:
    """Overrides that ``cached_embeddings`` puts in front of a model's own class; also the mark of a wrapped model."""

    __slots__ = ()

    _seglam_inner: Any
    _seglam_vectors: _Vectors

    def _get_query_embedding(self, query: str) -> Vector:
        ask = Call(lambda: [self._seglam_inner._get_query_embedding(query)])  # noqa: SLF001 - LlamaIndex's way in
        return run(self._seglam_embed("query", [query], lambda _: ask))[0]

    async def _aget_query_embedding(self, query: str) -> Vector:
        async def ask() -> list[Vector]:
            return [await self._seglam_inner._aget_query_embedding(query)]  # noqa: SLF001 - LlamaIndex's way in

        return (await arun(self._seglam_embed("query", [query], lambda _: Call(None, ask))))[0]

    def _get_text_embedding(self, text: str) -> Vector:
        ask = Call(lambda: [self._seglam_inner._get_text_embedding(text)])  # noqa: SLF001 - LlamaIndex's way in
        return run(self._seglam_embed("text", [text], lambda _: ask))[0]

    async def _aget_text_embedding(self, text: str) -> Vector:
        async def ask() -> list[Vector]:
            return [await self._seglam_inner._aget_text_embedding(text)]  # noqa: SLF001 - LlamaIndex's way in

        return (await arun(self._seglam_embed("text", [text], lambda _: Call(None, ask))))[0]

    def _get_text_embeddings(self, texts: list[str]) -> list[Vector]:
        inner = self._seglam_inner
        ask = lambda missing: Call(lambda: inner._get_text_embeddings(missing))  # noqa: E731, SLF001 - LlamaIndex's way in
        return run(self._seglam_embed("text", texts, ask))

    async def _aget_text_embeddings(self, texts: list[str]) -> list[Vector]:
        inner = self._seglam_inner
        ask = lambda missing: Call(None, lambda: inner._aget_text_embeddings(missing))  # noqa: E731, SLF001 - as above
        return await arun(self._seglam_embed("text", texts, ask))

    def _seglam_embed(self, kind: Kind, texts: list[str], ask: Callable[[list[str]], Call]) -> Flow[list[Vector]]:
        """The vectors of texts, asking the model once for those that are not known; each of them once."""
        vectors = self._seglam_vectors
        try:
            requests = {text: vectors.request(self._seglam_inner, kind, text) for text in texts}
            at = door(vectors)
            found = yield from call(vectors.known, at, list(requests.values()))
            known = {text: vector for text, vector in zip(requests, found, strict=True) if vector is not None}
        except OnlyIfCachedError:
            raise
        except TypeError as error:
            vectors.handle.bypassed(error)
            forbid("an embedding that cannot be keyed")
            return (yield from _asked(ask, texts))
        except Exception as error:
            vectors.handle.fault("llamaindex.embeddings", error)
            forbid("an embedding whose lookup failed")
            return (yield from _asked(ask, texts))
        missing = [text for text in requests if text not in known]
        if not missing:
            return [list(known[text]) for text in texts]
        forbid("an embedding")
        made = yield from _asked(ask, missing)
        if len(made) != len(missing):
            return made if missing == texts else (yield from _asked(ask, texts))
        try:
            yield from call(vectors.keep, at, [(requests[t], v) for t, v in zip(missing, made, strict=True)])
        except Exception as error:
            vectors.handle.fault("llamaindex.embeddings", error)
        if missing == texts:
            return made  # the model's own, untouched
        known |= dict(zip(missing, made, strict=True))
        return [list(known[text]) for text in texts]

    # -- copies -----------------------------------------------------------------------------------------------------------

    def __copy__(self) -> Any:
        return _wrap(copy.copy(self._seglam_inner), self._seglam_vectors)

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Any:
        return _wrap(copy.deepcopy(self._seglam_inner, memo), self._seglam_vectors)

    def __reduce_ex__(self, protocol: Any) -> Any:
        vectors = self._seglam_vectors
        remake = None
        if vectors.handle.portable:
            remake = {"cache": vectors.path, "namespace": vectors.namespace, "tenant": vectors.tenant}
        return (_unpickle, (self._seglam_inner, remake))

    def __repr__(self) -> str:
        return f"cached_embeddings({self._seglam_inner!r})"

    @classmethod
    def from_dict(cls, data: dict[str, Any], **kwargs: Any) -> Any:
        """A plain model: a dictionary does not say which cache it had."""
        base = next(b for b in cls.__mro__ if issubclass(b, BaseEmbedding) and not issubclass(b, _CachedEmbedding))
        return base.from_dict(data, **kwargs)


def _asked(ask: Callable[[list[str]], Call], texts: list[str]) -> Flow[list[Vector]]:
    made: list[Vector] = yield ask(texts)
    return made


def _wrap(inner: E, vectors: _Vectors) -> E:
    wrapper = object.__new__(_class(type(inner)))
    for name in ("__dict__", "__pydantic_fields_set__", "__pydantic_extra__", "__pydantic_private__"):
        object.__setattr__(
            wrapper, name, getattr(inner, name)
        )  # shared: what is written on the one is read on the other
    object.__setattr__(wrapper, "_seglam_inner", inner)
    object.__setattr__(wrapper, "_seglam_vectors", vectors)
    return cast("E", wrapper)


@remembered
def _class(base: type[BaseEmbedding]) -> type[BaseEmbedding]:
    body = {
        "__slots__": ("_seglam_inner", "_seglam_vectors"),
        "__module__": base.__module__,
        "__qualname__": base.__qualname__,
        "__doc__": base.__doc__,
    }
    metaclass: Callable[..., Any] = type(base)
    return cast("type[BaseEmbedding]", metaclass(base.__name__, (_CachedEmbedding, base), body))


def _unpickle(inner: BaseEmbedding, remake: dict[str, Any] | None) -> BaseEmbedding:
    try:
        if remake is not None:
            return cached_embeddings(inner, **remake)
        logger.warning(
            "seglam: an embedding model came back from a pickle without its cache: give cached_embeddings a path"
        )
    except Exception as error:
        logger.warning("seglam: an embedding model came back from a pickle without its cache: %s", type(error).__name__)
    return inner
