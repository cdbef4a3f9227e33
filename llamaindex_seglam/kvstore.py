"""The cache's file as a LlamaIndex key-value store, for an IngestionCache and whatever else takes one."""

import asyncio
import json
import os
from collections.abc import Callable
from typing import Any

from llama_index.core.storage.kvstore.types import DEFAULT_BATCH_SIZE, DEFAULT_COLLECTION, BaseKVStore

from llamaindex_seglam.handle import Handle, opened
from seglam import Cache, ConfigurationError, vary_digest
from seglam.contexts import may_read, may_write, tenant_or


class SeglamKVStore(BaseKVStore):
    """A key-value store on a seglam file, beside the answers of models.

    ```python
    pipeline = IngestionPipeline(transformations=[...], cache=IngestionCache(cache=SeglamKVStore("seglam.db")))
    ```

    Made with a path it pickles, so that the workers of a pipeline write to the same file and nothing of theirs is lost. What is
    put into it stays until it is deleted or its namespace is cleared; it does not count as an answer of the cache. Whatever fails
    is a logged, counted miss (law 2), except for a value that is no JSON. For embeddings use ``cached_embeddings``: LlamaIndex
    asks a store for the bare text, which is not told apart by model, nor as question and document.

    Args:
        cache: a file, opened once per process; or an open ``seglam.Cache``, which cannot be pickled along.
        namespace: a part of the cache of its own.
        tenant: whose pairs these are; nothing crosses tenants. A function is asked at every call, and must name one.

    Raises:
        ConfigurationError: an argument is wrong; names it.
        StoreError: the file cannot be used; it is left as it was.
    """

    def __init__(
        self,
        cache: str | os.PathLike[str] | Cache,
        *,
        namespace: str = "llamaindex",
        tenant: str | Callable[[], str] | None = None,
    ) -> None:
        if not isinstance(namespace, str):
            raise ConfigurationError(f"namespace: expected a str, got {type(namespace).__name__}")
        if not (tenant is None or callable(tenant) or (isinstance(tenant, str) and tenant)):
            raise ConfigurationError(f"tenant: expected a non-empty str, a function or None, got {tenant!r}")
        self._handle: Handle = opened(cache)
        self._cache = None if isinstance(cache, Cache) else os.fspath(cache)
        self._namespace = namespace
        self._tenant = tenant

    def __reduce__(self) -> Any:
        if not self._handle.portable:
            raise TypeError("a SeglamKVStore pickles only if it was made with the path of a file")
        return (_again, (self._cache, self._namespace, self._tenant))

    def __deepcopy__(self, memo: dict[int, Any]) -> "SeglamKVStore":
        return self

    def put(self, key: str, val: dict[str, Any], collection: str = DEFAULT_COLLECTION) -> None:
        """Keep a value, in place of an older one."""
        self.put_all([(key, val)], collection)

    async def aput(self, key: str, val: dict[str, Any], collection: str = DEFAULT_COLLECTION) -> None:
        """``put`` for a running event loop, which it never blocks."""
        await asyncio.to_thread(self.put, key, val, collection)

    def put_all(
        self,
        kv_pairs: list[tuple[str, dict[str, Any]]],
        collection: str = DEFAULT_COLLECTION,
        batch_size: int = DEFAULT_BATCH_SIZE,  # noqa: ARG002 - of LlamaIndex; all are one transaction
    ) -> None:
        """Keep many values, all or none of them.

        Raises:
            TypeError, ValueError: a value is no JSON.
        """
        values = {key: json.loads(json.dumps(val, allow_nan=False)) for key, val in kv_pairs}
        try:
            if may_write():
                self._handle.cache.pairs.put(self._namespace, self._where(collection), values)
        except Exception as error:
            self._fault("put", error)

    async def aput_all(
        self,
        kv_pairs: list[tuple[str, dict[str, Any]]],
        collection: str = DEFAULT_COLLECTION,
        batch_size: int = DEFAULT_BATCH_SIZE,
    ) -> None:
        """``put_all`` for a running event loop, which it never blocks."""
        await asyncio.to_thread(self.put_all, kv_pairs, collection, batch_size)

    def get(self, key: str, collection: str = DEFAULT_COLLECTION) -> dict[str, Any] | None:
        """A fresh copy of a value, or None."""
        try:
            if may_read():
                found: Any = self._handle.cache.pairs.get(self._namespace, self._where(collection), [key])
                return found.get(key)  # type: ignore[no-any-return]  # dictionaries are all that is put
        except Exception as error:
            self._fault("get", error)
        return None

    async def aget(self, key: str, collection: str = DEFAULT_COLLECTION) -> dict[str, Any] | None:
        """``get`` for a running event loop, which it never blocks."""
        return await asyncio.to_thread(self.get, key, collection)

    def get_all(self, collection: str = DEFAULT_COLLECTION) -> dict[str, dict[str, Any]]:
        """Every value of a collection, by key."""
        try:
            if may_read():
                return self._handle.cache.pairs.all(self._namespace, self._where(collection))
        except Exception as error:
            self._fault("get", error)
        return {}

    async def aget_all(self, collection: str = DEFAULT_COLLECTION) -> dict[str, dict[str, Any]]:
        """``get_all`` for a running event loop, which it never blocks."""
        return await asyncio.to_thread(self.get_all, collection)

    def delete(self, key: str, collection: str = DEFAULT_COLLECTION) -> bool:
        """Erase a value; whether it was there."""
        try:
            return self._handle.cache.pairs.delete(self._namespace, self._where(collection), key)
        except Exception as error:
            self._fault("delete", error)
        return False

    async def adelete(self, key: str, collection: str = DEFAULT_COLLECTION) -> bool:
        """``delete`` for a running event loop, which it never blocks."""
        return await asyncio.to_thread(self.delete, key, collection)

    def _where(self, collection: str) -> str:
        return vary_digest({"collection": collection, "tenant": tenant_or(self._own_tenant)})

    def _own_tenant(self) -> str:
        if not callable(self._tenant):
            return self._tenant or ""
        name = self._tenant()
        if not isinstance(name, str) or not name:
            raise TypeError(f"tenant() gave {type(name).__name__}, expected a non-empty str")
        return name

    def _fault(self, place: str, error: Exception) -> None:
        self._handle.fault(f"llamaindex.kvstore.{place}", error)


def _again(cache: str, namespace: str, tenant: Any) -> SeglamKVStore:
    return SeglamKVStore(cache, namespace=namespace, tenant=tenant)
