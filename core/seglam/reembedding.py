"""After a change of the model: vectors of another embedder are made anew by this one, in the background, a batch at a time.

A row holds the vector of one embedder, so spaces are never mixed: until its turn a row is no neighbour of anything, and answers
the same request only. A contrast set changes over whole, for a line that lacks some of its look-alikes would let them through.
Each batch is one transaction: whoever is killed has done some batches, and the next process goes on with the rest. The rows of a
space are left alone while any process works with it.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from sqlalchemy import delete, select, update

from seglam.embed import Embedder
from seglam.exchange import Request
from seglam.index import pack
from seglam.policy import Policy
from seglam.schema import aliases, entries, wordings
from seglam.spaces import Space
from seglam.store import Store
from seglam.upkeep import Upkeep

logger = logging.getLogger("seglam")

BATCH: Final = 64
"""Entries embedded, and written, in one go; of contrast sets one."""
WANTED: Final = ""
"""The fingerprint of a row whose embedding failed: any embedder may make up for it."""
UNREADABLE: Final = b""
"""In place of a vector: this embedder does not read the text. (An entry has none at all.)"""

_EVERY: Final = 60.0  # seconds between two looks for rows of another embedder
_PROBE: Final = "Which way is up?"
_ROW: Final = (
    entries.c.id,
    entries.c.namespace,
    entries.c.vary,
    entries.c.engine,
    entries.c.kind,
    entries.c.text,
)


class Reembedding:
    """Brings the rows of other embedders into the space of the one in use.

    Args:
        store, policy: shared with the cache.
        embedder: without a memo, which old texts would only flood.
        counted: told the namespace and how many rows changed over.
    """

    def __init__(
        self, store: Store, embedder: Embedder, policy: Policy, counted: Callable[[str, str, int], None]
    ) -> None:
        self._store = store
        self._embedder = embedder
        self._policy = policy
        self._counted = counted
        self._upkeep = Upkeep(
            self._work, "seglam-reembedding", "the vectors of another embedder could not be made anew"
        )
        self._lock = threading.Lock()
        self._space: Space | None = None
        self._looked = 0.0

    def look(self) -> None:
        """Have the background see, once a minute, what there is to do: the request that is compared writes nothing."""
        now = time.monotonic()
        if self._store.temporary or (now - self._looked < _EVERY and self._looked):
            return
        self._looked = now
        self._upkeep.wake()

    def run(self, *, force: bool = False) -> int:
        """Do all of it now; returns how many rows are left, because processes work with their space.

        Args:
            force: take over their rows all the same; those processes then match them exactly only.

        Raises:
            Exception: what the embedder raises.
        """
        self._all(_never, force=force)
        return sum(count for name, count in self._store.spaces().items() if name != self._embedder.fingerprint)

    def settle(self) -> None:
        """Wait until the background has nothing to do."""
        self._upkeep.join()

    def close(self) -> None:
        """End what is under way, and leave the space. May be called twice."""
        self._upkeep.stop()
        with self._lock:
            space, self._space = self._space, None
        if space is not None:
            space.leave()

    def _pending(self) -> bool:
        mine = self._embedder.fingerprint
        own = (table.c.fingerprint for table in (entries, wordings))
        outside = (select(column).where(side).limit(1) for column in own for side in (column < mine, column > mine))
        return any(self._store.read(query) for query in outside)

    def _work(self) -> None:
        with self._lock:
            if self._space is None:
                self._space = Space(self._store.path, self._embedder.fingerprint)
            self._space.enter()
        if self._policy.reembed and self._pending():
            self._all(self._upkeep.stopped, force=False)

    def _all(self, stopped: Callable[[], bool], *, force: bool) -> None:
        mine = self._embedder.fingerprint
        for other in self._store.spaces():
            while other != mine and not stopped():
                began = time.monotonic()
                if not self._some(other, mine, force=force):
                    break
                if stopped is not _never:
                    self._rest(time.monotonic() - began, stopped)

    def _rest(self, seconds: float, stopped: Callable[[], bool]) -> None:
        """As long as the batch took: the other half of a core is the application's."""
        until = time.monotonic() + min(seconds, 5.0)
        while not stopped() and time.monotonic() < until:
            time.sleep(0.02)

    def _some(self, other: str, mine: str, *, force: bool) -> bool:
        """One batch of a space; False where nothing is left of it, or others work with it."""
        if other == WANTED or force:
            return self._entries(other, mine) or self._set(other, mine)
        with Space(self._store.path, other).vacated() as free:
            return free and (self._entries(other, mine) or self._set(other, mine))

    # -- entries ------------------------------------------------------------------------------------------------------

    def _entries(self, other: str, mine: str) -> bool:
        query = select(*_ROW).where(entries.c.fingerprint == other).order_by(entries.c.id).limit(BATCH)
        rows = self._store.read(query)
        if not rows:
            return False
        vectors = self._vectors([_request(row) for row in rows])
        with self._store.write() as connection:
            last = connection.exec_driver_sql("SELECT seq FROM sqlite_sequence WHERE name = 'entries'").scalar_one()
            for row, vector in zip(rows, vectors, strict=True):
                # A new id, so that readers who ask for `id > last` see it. The score of an alias was of the other space.
                connection.execute(delete(aliases).where(aliases.c.entry_id == row.id))
                last += vector is not None
                connection.execute(
                    update(entries)
                    .where(entries.c.id == row.id, entries.c.fingerprint == other)
                    .values(id=row.id if vector is None else last, vector=vector, fingerprint=mine)
                )
            connection.exec_driver_sql("UPDATE sqlite_sequence SET seq = ? WHERE name = 'entries'", (last,))
        self._counted("reembedded", "", len(rows))
        return True

    # -- contrast sets ------------------------------------------------------------------------------------------------

    def _set(self, other: str, mine: str) -> bool:
        here = wordings.c.contrast_id
        found = self._store.read(select(here).where(wordings.c.fingerprint == other).limit(1))
        if not found:
            return False
        whole = select(wordings).where(here == found[0][0]).order_by(wordings.c.id)
        rows = self._store.read(whole)
        vectors = self._vectors([Request(row.text) for row in rows])
        if None in vectors:
            vectors = [UNREADABLE] * len(rows)
        with self._store.write() as connection:
            if [row.id for row in connection.execute(whole)] != [row.id for row in rows]:
                return True  # somebody taught it meanwhile: once more
            connection.execute(delete(wordings).where(here == found[0][0]))
            for row, vector in zip(rows, vectors, strict=True):
                kept = {name: value for name, value in row._mapping.items() if name != "id"}  # noqa: SLF001 - SQLAlchemy's own
                connection.execute(wordings.insert().values({**kept, "vector": vector, "fingerprint": mine}))
        self._counted("reembedded", "", len(rows))
        return True

    # -- vectors ------------------------------------------------------------------------------------------------------

    def _vectors(self, requests: Sequence[Request]) -> list[bytes | None]:
        """Packed; None for what is not compared by meaning, or not read by the embedder.

        Raises:
            Exception: what the embedder raises, unless single texts are to blame.
        """
        texts = [r.text for r in requests if self._policy.comparable(r) and self._embedder.covers(r.text)]
        try:
            made = dict(zip(texts, self._embedder.embed(texts), strict=True)) if texts else {}
        except Exception:
            self._embedder.embed([_PROBE])  # where this fails too it is down, and all waits
            made = {text: vector for text in texts if (vector := self._alone(text)) is not None}
        return [pack(made[r.text]) if r.text in made else None for r in requests]

    def _alone(self, text: str) -> Any:
        try:
            return self._embedder.embed([text])[0]
        except Exception as error:
            logger.warning("a text could not be embedded anew: %s", type(error).__name__)
            return None


def _never() -> bool:
    return False


def _request(row: Any) -> Request:
    return Request(row.text, vary=row.vary, engine=row.engine, namespace=row.namespace, kind=row.kind)
