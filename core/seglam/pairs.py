"""Keys and values that applications keep in the cache's file beside answers: ingested nodes, embeddings.

They are no answers: never compared, never evicted, counted nowhere; they go when somebody deletes them or clears their namespace.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import delete, select
from sqlalchemy.dialects.sqlite import insert

from seglam.schema import pairs
from seglam.store import Store

_BATCH: Final = 500


class Pairs:
    """The pairs of one file. Safe to share between threads and processes.

    Args:
        store: the file.
        clock: seconds since the epoch.
    """

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock

    def get(self, namespace: str, collection: str, keys: Sequence[str]) -> dict[str, Any]:
        """The values of these keys; without those that are not there."""
        found: dict[str, Any] = {}
        for first in range(0, len(keys), _BATCH):
            query = select(pairs.c.key, pairs.c.value).where(
                *_in(namespace, collection), pairs.c.key.in_(keys[first : first + _BATCH])
            )
            found.update((row.key, json.loads(row.value)) for row in self._store.read(query))
        return found

    def put(self, namespace: str, collection: str, values: Mapping[str, Any]) -> None:
        """Keep values, in place of older ones, all or none of them.

        Raises:
            TypeError, ValueError: a value is no JSON.
        """
        now = self._clock()
        rows = [
            {
                "namespace": namespace,
                "collection": collection,
                "key": key,
                "value": json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":")),
                "created": now,
            }
            for key, value in values.items()
        ]
        if not rows:
            return
        statement = insert(pairs)
        new = {name: statement.excluded[name] for name in ("value", "created")}
        with self._store.write() as connection:
            connection.execute(statement.on_conflict_do_update(index_elements=_KEY, set_=new), rows)

    def all(self, namespace: str, collection: str) -> dict[str, Any]:
        """Every pair of a collection."""
        query = select(pairs.c.key, pairs.c.value).where(*_in(namespace, collection))
        return {row.key: json.loads(row.value) for row in self._store.read(query)}

    def delete(self, namespace: str, collection: str, key: str) -> bool:
        """Erase one pair; whether it was there."""
        with self._store.write() as connection:
            statement = delete(pairs).where(*_in(namespace, collection), pairs.c.key == key)
            return bool(connection.execute(statement).rowcount)


_KEY: Final = ("namespace", "collection", "key")


def _in(namespace: str, collection: str) -> tuple[Any, Any]:
    return (pairs.c.namespace == namespace, pairs.c.collection == collection)
