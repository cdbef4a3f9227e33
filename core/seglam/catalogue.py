"""The index kept in step with the store, and made at start: at once where it is small, else beside the application.

A snapshot beside the file shortens the start; the rows decide. Where the two disagree the index is made from the rows. What fails
here is logged and costs hits, never an answer.
"""

import contextlib
import logging
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np

from seglam import snapshot
from seglam.index import LIMIT, Record, ScopedIndex, Vector, unpack
from seglam.readers import Generation
from seglam.segments import Scope
from seglam.store import Store
from seglam.upkeep import Upkeep

logger = logging.getLogger("seglam")

EAGER: Final = 5_000
"""Entries whose vectors are read on the request path, within a tenth of a second; more are read in the background."""

_UNIT: Final = 0.02  # of a squared length: half precision leaves less than a thousandth
_NEAR: Final = 0.02  # what a score of the lists may be off; three times what was seen
_SPARE: Final = 1_000  # vectors that went, or came, before anything is done about it; and then a share of all
_GHOSTS: Final = 0.25
_NEWS: Final = 0.1
_SAMPLE: Final = 64  # rows compared with a snapshot before it is believed
_SAME: Final = 0.97
_LOOKED_UP: Final = 10_000

Row = tuple[int, int, Scope, bytes]
"""Position (ascending), id in the index, scope, packed vector."""


class Source(Protocol):
    """Rows that hold vectors: a table, or a part of one. Ids of two sources never meet."""

    name: str
    """What one of its rows is."""

    def rows(self, last: int) -> Iterator[list[Row]]:
        """Rows after a position, some at a time."""
        ...

    def read(self, ids: Sequence[int]) -> dict[int, tuple[Scope, bytes]]:
        """Scope and vector of those ids (any, of any source, at most 1,000) that are in these rows now."""
        ...

    def ids(self) -> Iterable[int]:
        """Every id that may have a vector now."""
        ...


class EntryVectors:
    """The questions of stored entries; ids and positions are row ids."""

    name = "entry"

    def __init__(self, store: Store, fingerprint: str) -> None:
        self._store = store
        self._fingerprint = fingerprint

    def rows(self, last: int) -> Iterator[list[Row]]:
        """See Source."""
        for rows in self._store.vectors(last, self._fingerprint):
            yield [(row[0], row[0], (row[1], row[2], row[3]), row[4]) for row in rows]

    def read(self, ids: Sequence[int]) -> dict[int, tuple[Scope, bytes]]:
        """See Source."""
        found = self._store.vectors_of([number for number in ids if number > 0], self._fingerprint)
        return {row[0]: ((row[1], row[2], row[3]), row[4]) for row in found}

    def ids(self) -> Iterable[int]:
        """See Source."""
        return self._store.entry_ids()


class Catalogue:
    """The vectors of a store, by scope.

    Args:
        store: the truth.
        fingerprint, dimension: of the embedder.
        sources: what is indexed; None: the entries.
        eager: see EAGER.
        limit: see ScopedIndex.
    """

    def __init__(
        self,
        store: Store,
        fingerprint: str,
        dimension: int,
        *,
        sources: Sequence[Source] | None = None,
        eager: int = EAGER,
        limit: int = LIMIT,
    ) -> None:
        self._store = store
        self._fingerprint = fingerprint
        self._dimension = dimension
        self._sources = [EntryVectors(store, fingerprint)] if sources is None else list(sources)
        self._eager = eager
        self._limit = limit
        self._lock = threading.Lock()
        self._index: ScopedIndex | None = None
        self._last = {source.name: 0 for source in self._sources}
        self._version = -1
        self._erased = 0  # the generation up to which vectors that went are out of the index
        self._saved = 0  # vectors in the snapshot
        self._behind = False  # the background reads rows that the request path left to it
        self._erasures = 0
        self._upkeep = Upkeep(self._work)
        self._told: set[int] = set()

    # -- asking -------------------------------------------------------------------------------------------------------

    def index(self, generation: Generation) -> ScopedIndex | None:
        """The index, with every row that any process has added since the last look; None while it is being made.

        Where very many came at once, the last of them follow in the background.
        """
        with self._lock:
            if self._index is None:
                if self._store.more_entries_than(self._eager):
                    self._upkeep.wake()
                    return None
                self._index = ScopedIndex(self._dimension, limit=self._limit)
                self._erased = generation.entries
                self._catch_up(self._index, self._last)
                self._version = generation.version
                self._tell_foreign()
            elif generation.version != self._version and not self._behind:
                self._behind = not self._catch_up(self._index, self._last, most=self._eager)
                self._version = generation.version
                self._haunted(self._index, generation)
            index = self._index
        if self._behind or index.due():
            self._upkeep.wake()
        return index

    def _haunted(self, index: ScopedIndex, generation: Generation) -> None:
        """See to it that vectors whose rows went leave the index when they are many."""
        if self._ghosts(index, generation):
            if len(index) <= self._eager:
                self._prune(index, generation)
            else:
                self._upkeep.wake()

    def nearest(
        self, index: ScopedIndex, scope: Scope, vector: Vector, k: int, least: float
    ) -> list[tuple[int, float]]:
        """The k nearest of a scope whose cosine is at least ``least``, as (id, cosine), best first.

        The cosine is that of the vector in the store; what is not there any more leaves the index.
        """
        found = [number for number, score in index.search(scope, vector, k) if score >= least - _NEAR]
        rows = self._read(found)
        index.remove(number for number in found if number not in rows)
        scores = []
        for number, (home, blob) in rows.items():
            if home == scope and (own := self._sound(number, blob)) is not None:
                scores.append((number, float(own @ vector)))
        return sorted(((n, s) for n, s in scores if s >= least), key=lambda pair: (-pair[1], pair[0]))

    def _read(self, ids: Sequence[int]) -> dict[int, tuple[Scope, bytes]]:
        rows: dict[int, tuple[Scope, bytes]] = {}
        for source in self._sources if ids else ():
            rows.update(source.read(ids))
        return rows

    def holds(self, name: str) -> bool:
        """Whether a source has had rows."""
        return self._last[name] > 0

    # -- in step ------------------------------------------------------------------------------------------------------

    def _catch_up(self, index: ScopedIndex, last: dict[str, int], *, most: float = float("inf")) -> bool:
        """Add the rows after ``last``, which moves with them; False where ``most`` vectors came and there may be more."""
        count = 0
        for source in self._sources:
            for rows in source.rows(last[source.name]):
                self._add(index, rows)
                last[source.name] = rows[-1][0]
                count += len(rows)
                if count >= most or self._upkeep.stopped():
                    return False
        return True

    def _add(self, index: ScopedIndex, rows: Sequence[Row]) -> None:
        width = 2 * self._dimension
        whole = [row for row in rows if len(row[3]) == width]
        blobs = b"".join(row[3] for row in whole)
        matrix = np.frombuffer(blobs, dtype="<f2").reshape(len(whole), self._dimension).astype(np.float32)
        with np.errstate(all="ignore"):
            sound = np.abs(np.einsum("ij,ij->i", matrix, matrix) - 1.0) <= _UNIT  # False for NaN too
        for row in [row for row in rows if len(row[3]) != width] + [whole[place] for place in np.flatnonzero(~sound)]:
            self._tell_damaged(row[1])
        kept = [whole[place] for place in np.flatnonzero(sound)]
        index.extend([row[1] for row in kept], [row[2] for row in kept], matrix[sound])

    def _sound(self, number: int, blob: bytes) -> Vector | None:
        """The vector of a row; None for a damaged one, which costs this row's hits and no other's."""
        vector = unpack(blob) if len(blob) == 2 * self._dimension else None
        if vector is None or not np.isfinite(vector).all() or abs(float(vector @ vector) - 1.0) > _UNIT:
            self._tell_damaged(number)
            return None
        return vector

    def _tell_damaged(self, number: int) -> None:
        if number not in self._told and len(self._told) < _SPARE:
            self._told.add(number)
            logger.warning("the vector of entry %d is damaged; it answers the same request only", number)

    def _tell_foreign(self) -> None:
        for fingerprint, count in self._store.spaces().items():
            if fingerprint not in ("", self._fingerprint):
                logger.warning(
                    "%d texts have vectors of another embedder (%s); until they are embedded anew they answer the same request "
                    "only, never by meaning",
                    count,
                    fingerprint,
                )

    def _ghosts(self, index: ScopedIndex, generation: Generation) -> bool:
        """Whether so many rows went that those still in the index should be looked for."""
        return generation.entries - self._erased > _SPARE + _GHOSTS * len(index)

    def _prune(self, index: ScopedIndex, generation: Generation) -> None:
        """Take out of the index what is not in the store any more."""
        before = set(index.ids())
        for source in self._sources:
            before.difference_update(source.ids())
        index.remove(before)
        self._erased = generation.entries

    # -- in the background --------------------------------------------------------------------------------------------

    def _work(self) -> None:
        """Everything that takes long and is due."""
        index, stop = self._index, self._upkeep.stopped
        generation = self._store.generation()
        if index is None:
            last, index = self._load(generation)
            self._erased = generation.entries
            if stop():
                return
            with self._lock:
                self._index, self._last, self._version = index, last, -1
            self._tell_foreign()
        if self._ghosts(index, generation):
            self._prune(index, generation)
        with self._lock:
            last = dict(self._last)
        self._catch_up(index, last)
        with self._lock:
            self._last = {name: max(position, self._last[name]) for name, position in last.items()}
            self._behind = False
        index.settle(stop)
        if not stop() and len(index) > self._eager and abs(len(index) - self._saved) > _NEWS * self._saved + _SPARE:
            self._save(index)

    def _load(self, generation: Generation) -> tuple[dict[str, int], ScopedIndex]:
        """A new index with all rows, from the snapshot where there is one that can be believed."""
        began = time.perf_counter()
        last = dict.fromkeys(self._last, 0)
        index = ScopedIndex(self._dimension, limit=self._limit)
        try:
            self._restore(index, last, generation)
        except FileNotFoundError:
            pass
        except Exception as error:
            logger.warning("the index snapshot is not used (%s); the index is made from the rows", error)
            last = dict.fromkeys(self._last, 0)
            index = ScopedIndex(self._dimension, limit=self._limit)
        self._saved = restored = len(index)
        self._catch_up(index, last)
        seconds = time.perf_counter() - began
        logger.info("index: %d vectors in %.1f s, %d of them from the snapshot", len(index), seconds, restored)
        return last, index

    def _restore(self, index: ScopedIndex, last: dict[str, int], generation: Generation) -> None:
        if (path := _snapshot(self._store)) is None:
            raise FileNotFoundError
        with snapshot.opened(path) as records:
            head, _ = next(records)
            if {name: head.get(name) for name in self._marks} != self._marks:
                raise ValueError("it is of another file or embedder")
            if head["erased"] > generation.entries:
                raise ValueError("it is newer than the file")
            index.restore(records)
        if head["erased"] != generation.entries:
            self._prune(index, generation)
        self._compare(index)
        last.update({name: int(head["last"][name]) for name in last})

    def _compare(self, index: ScopedIndex) -> None:
        """Raises ValueError unless a sample of the index is what the rows say."""
        ids = index.ids()
        sample = {*ids[:: len(ids) // _SAMPLE + 1], *ids[:8], *ids[-8:]}  # where two files part, it shows at an end
        rows = self._read(sorted(sample))  # some may have gone since the others were looked for
        for number, (scope, blob) in rows.items():
            own = self._sound(number, blob)
            best = [] if own is None else index.search(scope, own, 8)
            if index.scope(number) != scope or not any(score > _SAME for _, score in best):
                raise ValueError("it disagrees with the rows")
        if ids and 2 * len(rows) < len(sample):
            raise ValueError("it disagrees with the rows")

    @property
    def _marks(self) -> dict[str, Any]:
        marks = {"kind": "head", "fingerprint": self._fingerprint, "dimension": self._dimension}
        return {**marks, "file": self._store.identity(), "sources": sorted(self._last)}

    def _save(self, index: ScopedIndex) -> None:
        if (path := _snapshot(self._store)) is None:
            return
        generation = (
            self._store.generation()
        )  # before the rows are compared: what goes later is looked for at the next start
        with self._lock:
            last = dict(self._last)
        self._prune(index, generation)  # what was erased must not stay on the disk
        head: Record = ({**self._marks, "last": last, "erased": generation.entries}, {})
        count = len(index)

        def records() -> Iterator[Record]:
            yield head
            for record in index.records():
                if self._upkeep.stopped():
                    raise InterruptedError("closed")
                yield record

        erasures = self._erasures
        try:
            snapshot.write(path, records())
        except InterruptedError:
            return
        except OSError as error:
            logger.warning("the index snapshot could not be written: %s", error.strerror)
        self._saved = count  # where another process is writing it too: its snapshot is as good
        if erasures != self._erasures:
            self.erase()

    # -- care ---------------------------------------------------------------------------------------------------------

    def erase(self) -> None:
        """Something was erased on purpose: the snapshot may hold its vector, so it goes, and is written anew in time."""
        self._erasures += 1
        drop_snapshot(self._store)
        self._saved = 0
        if self._index is not None:
            self._upkeep.wake()

    def settle(self) -> ScopedIndex:
        """Wait for the background; the whole index, in step with the store.

        Raises:
            Exception: what kept the index from being made.
        """
        while not self._upkeep.stopped():
            generation = self._store.generation()
            index = self.index(generation)
            self._upkeep.join()
            if index is not None and self._version == generation.version and not self._behind:
                return index
            if self._index is None or self._behind:
                self._work()
        raise RuntimeError("the catalogue is closed")

    def check(self) -> list[str]:
        """Where the index and the rows disagree; an empty list is good. Of many vectors some are looked up."""
        index = self.settle()
        self._prune(index, self._store.generation())  # rows that went are noticed lazily
        known, step, problems = set(index.ids()), 1 + len(index) // _LOOKED_UP, []
        for source in self._sources:
            for rows in source.rows(0):
                for row in rows:
                    if row[1] not in known:
                        problems.append(f"{source.name} {row[1]} is not in the index, or its vector is damaged")
                    elif row[1] % step == 0 and not self._found(index, row):
                        problems.append(f"{source.name} {row[1]} is not found by its own vector")
        return problems

    def _found(self, index: ScopedIndex, row: Row) -> bool:
        best = index.search(row[2], unpack(row[3]), 8)
        return any(number == row[1] for number, _ in best) or bool(best and best[-1][1] > 1.0 - _NEAR)

    def close(self) -> None:
        """Stop the background; a snapshot half written is thrown away. May be called twice."""
        self._upkeep.stop()


def _snapshot(store: Store) -> Path | None:
    return None if store.temporary else store.path.with_name(store.path.name + ".index")


def drop_snapshot(store: Store) -> None:
    """Delete the snapshot of a store, which may hold vectors of what was erased."""
    if (path := _snapshot(store)) is not None:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
