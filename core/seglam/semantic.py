"""The semantic tier: a request that means the same. Nearest stored questions of the same scope, then guards, then threshold.

The score only finds candidates; it cannot tell 17 from 24. Value guards decide whether both texts state the same values.
"""

import logging
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from seglam import values
from seglam.embed import Embedder
from seglam.exchange import Entry, Hit, Request, TierName
from seglam.flow import Flow, call
from seglam.index import ScopedIndex, Vector, pack, unpack
from seglam.policy import Policy
from seglam.store import Generation, Store

logger = logging.getLogger("seglam")

_LATIN_END = 0x24F
_SPARE = 1000  # rows that went may stay in the index unnoticed: so many, and then as many as there are
_UNIT = 0.02  # of a squared length: half precision leaves less than a thousandth
OnAccept = Callable[[Request, Entry, float, Generation], None]


class SemanticTier:
    """Answers from the entry whose question means the same.

    Args:
        store, embedder, policy, clock: shared with the cache.
        accepted: called with (request, entry, score, generation before the entry was read) for every hit, to keep the
            wording as an exact alias.
    """

    name = TierName.SEMANTIC

    def __init__(
        self, store: Store, embedder: Embedder, policy: Policy, clock: Callable[[], float], accepted: OnAccept
    ) -> None:
        self._store = store
        self._embedder = embedder
        self._policy = policy
        self._clock = clock
        self._accepted = accepted
        self._lock = threading.Lock()
        self._index: ScopedIndex | None = None
        self._version = -1
        self._last = 0
        self._erased = -1
        self._told = False

    def find(self, request: Request) -> Flow[Hit | None]:
        """A hit from the best neighbour that every guard lets pass."""
        if not self._policy.comparable(request):
            return None
        return (yield from call(self._search, request))  # covers() too: an embedder may load its model there

    def covers(self, request: Request) -> bool:
        """Whether the request can be matched by meaning at all; says so once when a script is not covered."""
        if not self._policy.comparable(request):
            return False
        if self._embedder.covers(request.text):
            return True
        if not self._told and any(
            ord(character) > _LATIN_END and character.isalpha() for character in request.text[:200]
        ):
            self._told = True
            logger.warning(
                "the embedder %s does not cover the script of some requests; they are matched exactly and by procedures "
                "only. Configure a multilingual model: embedder='<sentence-transformers name or path>'",
                self._embedder.fingerprint,
            )
        return False

    def embed(self, request: Request) -> tuple[bytes, str] | None:
        """The vector to store with an entry, with its embedder's fingerprint; None where it has none."""
        if not self.covers(request):
            return None
        return pack(self._vector(request.text)), self._embedder.fingerprint

    def _vector(self, text: str) -> Vector:
        return np.asarray(self._embedder.embed([text])[0], dtype=np.float32)

    def _search(self, request: Request) -> Hit | None:
        if not self.covers(request):
            return None
        generation = self._store.generation()  # before any row is read: what goes from now on must not stay in memory
        index = self._current(generation)
        if not len(index):
            return None
        gone: list[int] = []
        try:
            for row, score in index.search(request.scope, self._vector(request.text), self._policy.candidates):
                if score < values.floor(self._policy.threshold, misspelt=True):
                    return None
                try:
                    entry = self._store.entry_by_id(row)
                except ValueError:  # a damaged payload costs this row's hits and no other's
                    continue
                if entry is None:
                    gone.append(row)
                elif hit := self._judge(request, entry, score, generation):
                    return hit
            return None
        finally:
            index.remove(gone)

    def _judge(self, request: Request, entry: Entry, score: float, generation: Generation) -> Hit | None:
        now = self._clock()
        if entry.request.scope != request.scope or not entry.fresh(now, request.control):
            return None
        why = values.refusal(request.text, entry.request.text, score, self._policy.threshold)
        if why is not None:
            logger.debug("semantic candidate refused: %s", why.split(" ", 1)[0])
            return None
        self._accepted(request, entry, score, generation)
        notes = {"wording": entry.request.text}
        age = max(0.0, now - entry.created)
        return Hit(entry.response, self.name, f"entry:{entry.id}", score=min(score, 1.0), age=age, notes=notes)

    def _current(self, generation: Generation) -> ScopedIndex:
        """The index, with every row that any process has added since the last look."""
        with self._lock:
            if self._index is None:
                self._index = ScopedIndex(self._embedder.dimension)
                self._tell_foreign()
            if generation.entries != self._erased and len(self._index) > _SPARE + 2 * self._store.count_vectors(
                self._embedder.fingerprint
            ):
                self._index, self._last, self._version = ScopedIndex(self._embedder.dimension), 0, -1
            self._erased = generation.entries
            if generation.version != self._version:
                for rows in self._store.vectors(self._last, self._embedder.fingerprint):
                    self._index.add(
                        (r.id, (r.namespace, r.vary, r.engine), v) for r in rows if (v := self._sound(r)) is not None
                    )
                    self._last = rows[-1].id
                self._version = generation.version
            return self._index

    def _sound(self, row: Any) -> Vector | None:
        """The vector of a row; None for a damaged one, which costs this row's hits and no other's."""
        vector = unpack(row.vector) if len(row.vector) == 2 * self._embedder.dimension else None
        if vector is None or not np.isfinite(vector).all() or abs(float(vector @ vector) - 1.0) > _UNIT:
            logger.warning("the vector of entry %d is damaged; it answers the same request only", row.id)
            return None
        return vector

    def _tell_foreign(self) -> None:
        for fingerprint, count in self._store.other_fingerprints(self._embedder.fingerprint):
            logger.warning(
                "%d entries hold vectors of another embedder (%s); they answer the same request only, never by meaning",
                count,
                fingerprint,
            )

    def check(self) -> list[str]:
        """Where the index and the store disagree; an empty list is good."""
        index = self._current(self._store.generation())
        rows = [row for some in self._store.vectors(0, self._embedder.fingerprint) for row in some]
        index.remove(sorted(set(index.ids()) - {row.id for row in rows}))  # rows that went are noticed lazily
        known = set(index.ids())
        problems = [
            f"entry {row.id} is not in the index, or its vector is damaged" for row in rows if row.id not in known
        ]
        for row in rows:
            if row.id not in known:
                continue
            scope = (row.namespace, row.vary, row.engine)
            best = index.search(scope, unpack(row.vector), self._policy.candidates)
            own = next((score for found, score in best if found == row.id), None)
            if own is None and (not best or best[-1][1] < 1.0 - 1e-2):
                problems.append(f"entry {row.id} is not found by its own vector")
        return problems
