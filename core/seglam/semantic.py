"""The semantic tier: a request that means the same. Nearest stored questions of the same scope, then guards, then threshold.

The score only finds candidates; it cannot tell 17 from 24. Value guards decide whether both texts state the same values, and
where a question has a contrast set, its wordings and look-alikes decide what means the same.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from seglam import values
from seglam.contrast import Sense
from seglam.embed import Embedder
from seglam.exchange import Entry, Hit, Request, TierName
from seglam.flow import Flow, call
from seglam.index import ScopedIndex, Vector, pack, unpack
from seglam.policy import Policy
from seglam.store import Generation, Store
from seglam.wordbook import Wordbook, Wording, index_id, wording_id

logger = logging.getLogger("seglam")

_LATIN_END = 0x24F
_SPARE = 1000  # rows that went may stay in the index unnoticed: so many, and then as many as there are
_UNIT = 0.02  # of a squared length: half precision leaves less than a thousandth
_REACH: Final = 32  # neighbours looked at where questions have wordings: the many of one must not hide another question
_TIED: Final = 2e-3  # scores of equal texts: half precision and another index may part them by so much
OnAccept = Callable[[Request, Entry, float, Generation], None]


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A neighbour: a stored question (then with its entry), or a wording of one."""

    score: float
    key: str
    text: str
    entry: Entry | None = None
    sense: Sense = Sense.SAME


class SemanticTier:
    """Answers from the entry whose question means the same.

    Args:
        store, wordbook, embedder, policy, clock: shared with the cache.
        accepted: called with (request, entry, score, generation before the entry was read) for every hit, to keep the
            wording as an exact alias.
    """

    name = TierName.SEMANTIC

    def __init__(
        self,
        store: Store,
        wordbook: Wordbook,
        embedder: Embedder,
        policy: Policy,
        clock: Callable[[], float],
        accepted: OnAccept,
    ) -> None:
        self._store = store
        self._wordbook = wordbook
        self._embedder = embedder
        self._policy = policy
        self._clock = clock
        self._accepted = accepted
        self._lock = threading.Lock()
        self._index: ScopedIndex | None = None
        self._version = -1
        self._last = 0
        self._worded = 0  # the newest wording in the index
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
        vector = self._vector(request.text)
        reach = _REACH if self._worded else self._policy.candidates
        floor = min(self._policy.threshold, self._policy.contrast_threshold) if self._worded else self._policy.threshold
        found = [(row, score) for row, score in index.search(request.scope, vector, reach) if score >= floor]
        gone: list[int] = []
        try:
            candidates = self._candidates(found, gone)
            return self._reading(request, candidates, generation) or self._contrast(
                request, vector, candidates, generation
            )
        finally:
            index.remove(gone)

    def _candidates(self, found: Sequence[tuple[int, float]], gone: list[int]) -> list[_Candidate]:
        """What the neighbours are, best first; ids whose rows went are added to ``gone``."""
        wordings = self._wordbook.wordings([wording_id(row) for row, _ in found if row < 0])
        candidates = []
        for row, score in found:
            if row < 0 and (wording := wordings.get(wording_id(row))) is not None:
                candidates.append(_Candidate(score, wording.key, wording.text, sense=wording.sense))
                continue
            try:
                entry = None if row < 0 else self._store.entry_by_id(row)
            except ValueError:  # a damaged payload costs this row's hits and no other's
                continue
            if entry is None:
                gone.append(row)
            else:
                candidates.append(_Candidate(score, entry.key, entry.request.text, entry))
        return candidates

    def _reading(self, request: Request, candidates: Sequence[_Candidate], generation: Generation) -> Hit | None:
        """The answer to a question, or to a wording of one, that reads the same word by word."""
        for candidate in candidates:
            if candidate.sense is Sense.OTHER or candidate.score < self._policy.threshold:
                continue
            why = values.difference(request.text, candidate.text)
            if why is not None:
                logger.debug("semantic candidate refused: %s", why.split(" ", 1)[0])
            elif hit := self._hit(request, candidate, generation, {"rule": "reading"}):
                return hit
        return None

    def _contrast(
        self, request: Request, vector: Vector, candidates: Sequence[_Candidate], generation: Generation
    ) -> Hit | None:
        """The answer to the nearest question, where its wordings win over its look-alikes and over every other question."""
        sames = [candidate for candidate in candidates if candidate.sense is Sense.SAME]
        if not self._worded or not sames or sames[0].score < self._policy.contrast_threshold:
            return None
        nearest = sames[0]
        for candidate in sames:  # the nearest question may be stored itself, and be a wording of one that has a set
            if candidate.score < nearest.score - _TIED or (candidate is not nearest and candidate.text != nearest.text):
                continue
            known = self._wordbook.of(candidate.key, self._embedder.fingerprint)
            hit = self._inside(request, vector, candidate, known, generation) if known else None
            if hit is not None:
                return hit
        return None

    def _inside(
        self,
        request: Request,
        vector: Vector,
        candidate: _Candidate,
        known: Sequence[Wording],
        generation: Generation,
    ) -> Hit | None:
        others = [wording for wording in known if wording.sense is Sense.OTHER]
        if not others or len(others) == len(known):
            return None  # a line needs both sides
        scores = [float(vector @ wording.vector) for wording in others if wording.vector is not None]
        closest = int(np.argmax(scores))
        margin = candidate.score - scores[closest]
        if margin < self._policy.contrast_margin:
            logger.debug("semantic candidate refused: nearer to a look-alike")
            return None
        why = values.conflict(request.text, candidate.text)
        if why is not None:
            logger.debug("semantic candidate refused: %s", why.split(" ", 1)[0])
            return None
        notes = {"rule": "contrast", "lookalike": others[closest].text, "margin": f"{margin:.3f}"}
        return self._hit(request, candidate, generation, notes)

    def _hit(
        self, request: Request, candidate: _Candidate, generation: Generation, notes: dict[str, Any]
    ) -> Hit | None:
        now = self._clock()
        entry = candidate.entry or self._store.entry(candidate.key)
        if entry is None or entry.request.scope != request.scope or not entry.fresh(now, request.control):
            return None
        self._accepted(request, entry, candidate.score, generation)
        age = max(0.0, now - entry.created)
        score = min(candidate.score, 1.0)
        told = {"wording": candidate.text, **notes}
        return Hit(entry.response, self.name, f"entry:{entry.id}", score=score, age=age, notes=told)

    def _current(self, generation: Generation) -> ScopedIndex:
        """The index, with every row that any process has added since the last look."""
        with self._lock:
            if self._index is None:
                self._index = ScopedIndex(self._embedder.dimension)
                self._tell_foreign()
            if generation.entries != self._erased and len(self._index) > _SPARE + 2 * self._count():
                self._index, self._last, self._worded, self._version = ScopedIndex(self._embedder.dimension), 0, 0, -1
            self._erased = generation.entries
            if generation.version != self._version:
                for rows in self._store.vectors(self._last, self._embedder.fingerprint):
                    self._index.add(
                        (r.id, (r.namespace, r.vary, r.engine), v) for r in rows if (v := self._sound(r)) is not None
                    )
                    self._last = rows[-1].id
                for rows in self._wordbook.vectors(self._worded, self._embedder.fingerprint):
                    self._index.add(
                        (index_id(r.id), (r.namespace, r.vary, r.engine), v)
                        for r in rows
                        if (v := self._sound(r)) is not None
                    )
                    self._worded = rows[-1].id
                self._version = generation.version
            return self._index

    def _count(self) -> int:
        fingerprint = self._embedder.fingerprint
        return self._store.count_vectors(fingerprint) + self._wordbook.count_vectors(fingerprint)

    def nearest(self, request: Request) -> list[tuple[Entry, float]]:
        """The stored questions of the request's scope that sound most like it, best first, without itself."""
        if not self.covers(request):
            return []
        index = self._current(self._store.generation())
        found = index.search(request.scope, self._vector(request.text), _REACH)
        known = self._candidates([(row, score) for row, score in found if row > 0], [])
        return [(c.entry, c.score) for c in known if c.entry is not None and c.key != request.key]

    def packed(self, texts: Sequence[str]) -> list[bytes]:
        """The vectors of wordings, as the store keeps them."""
        return [pack(self._vector(text)) for text in texts]

    @property
    def fingerprint(self) -> str:
        """Of the embedder."""
        return self._embedder.fingerprint

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
        fingerprint = self._embedder.fingerprint
        rows = [row for some in self._store.vectors(0, fingerprint) for row in some]
        worded = {index_id(row.id) for some in self._wordbook.vectors(0, fingerprint) for row in some}
        index.remove(sorted(set(index.ids()) - {row.id for row in rows} - worded))  # rows that went are noticed lazily
        known = set(index.ids())
        problems = [
            f"entry {row.id} is not in the index, or its vector is damaged" for row in rows if row.id not in known
        ]
        problems += [f"wording {wording_id(i)} is not in the index" for i in sorted(worded - known)]
        for row in rows:
            if row.id not in known:
                continue
            scope = (row.namespace, row.vary, row.engine)
            best = index.search(scope, unpack(row.vector), _REACH)
            own = next((score for found, score in best if found == row.id), None)
            if own is None and (not best or best[-1][1] < 1.0 - 1e-2):
                problems.append(f"entry {row.id} is not found by its own vector")
        return problems
