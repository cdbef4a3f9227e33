"""The semantic tier: a request that means the same. Nearest stored questions of the same scope, then guards, then threshold.

The score only finds candidates; it cannot tell 17 from 24. Value guards decide whether both texts state the same values, and
where a question has a contrast set, its wordings and look-alikes decide what means the same.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from seglam.embed import Embedder
from seglam.exchange import Entry, Hit, Miss, Request, TierName, Why
from seglam.flow import Flow, call
from seglam.index import ScopedIndex, Vector, pack, unpack
from seglam.judgements import Judgements
from seglam.matching import Candidate, Match, Matcher
from seglam.policy import Policy
from seglam.store import Generation, Store
from seglam.wordbook import Wordbook, index_id, wording_id

logger = logging.getLogger("seglam")

_LATIN_END = 0x24F
_SPARE = 1000  # rows that went may stay in the index unnoticed: so many, and then as many as there are
_UNIT = 0.02  # of a squared length: half precision leaves less than a thousandth
_REACH: Final = 32  # neighbours looked at where questions have wordings: the many of one must not hide another question
OnAccept = Callable[[Request, Match, Generation], None]


class SemanticTier:
    """Answers from the entry whose question means the same.

    Args:
        store, wordbook, judgements, embedder, policy, clock: shared with the cache.
        accepted: called with (request, match, generation before its entry was read) for every hit, to keep the wording as
            an exact alias.
    """

    name = TierName.SEMANTIC

    def __init__(
        self,
        store: Store,
        wordbook: Wordbook,
        judgements: Judgements,
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
        self._matcher = Matcher(store, wordbook, judgements, policy, clock, lambda: embedder.fingerprint)
        self._lock = threading.Lock()
        self._index: ScopedIndex | None = None
        self._version = -1
        self._last = 0
        self._worded = 0  # the newest wording in the index
        self._erased = -1
        self._told = False

    def find(self, request: Request) -> Flow[Hit | Miss | None]:
        """A hit from the best neighbour that asks the same; Miss(AUDIT) for a sample that the model is to answer all the same."""
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

    def _search(self, request: Request) -> Hit | Miss | None:
        generation = self._store.generation()  # before any row is read: what goes from now on must not stay in memory
        found = self.match(request, generation)
        if found is None:
            return None
        if self._checked(request):
            return Miss(Why.AUDIT, f"entry:{found.entry.id}")
        self._accepted(request, found, generation)
        age = max(0.0, self._clock() - found.entry.created)
        source = f"entry:{found.entry.id}"
        return Hit(found.entry.response, self.name, source, found.score, age, found.notes, request)

    def match(self, request: Request, generation: Generation, *, without: str = "") -> Match | None:
        """The stored question that asks the same, and why; nothing is counted or written.

        Args:
            request: what is asked.
            generation: of the store, taken before.
            without: the exact key of a question that is left out: the request's own, once it is stored.
        """
        if not self.covers(request):
            return None
        index = self._current(generation)
        if not len(index):
            return None
        vector = self._vector(request.text)
        reach = _REACH if self._worded else self._policy.candidates
        floor = min(self._policy.reading.floor, self._policy.contrasting.floor if self._worded else 1.0)
        found = [(row, score) for row, score in index.search(request.scope, vector, reach) if score >= floor]
        gone: list[int] = []
        try:
            candidates = [c for c in self._candidates(found, gone) if c.key != without]
            return self._matcher.match(request, vector, candidates, generation)
        finally:
            index.remove(gone)

    def _checked(self, request: Request) -> bool:
        """Whether the model answers this hit all the same. The key decides, as for procedures: no chance to slip through."""
        if not self._policy.check_hits or request.control.only_if_cached or request.control.no_store:
            return False
        return int(request.key[12:20], 16) < self._policy.check_hits * 2**32

    def _candidates(self, found: Sequence[tuple[int, float]], gone: list[int]) -> list[Candidate]:
        """What the neighbours are, best first; ids whose rows went are added to ``gone``."""
        wordings = self._wordbook.wordings([wording_id(row) for row, _ in found if row < 0])
        candidates = []
        for row, score in found:
            if row < 0 and (wording := wordings.get(wording_id(row))) is not None:
                candidates.append(Candidate(score, wording.key, wording.text, sense=wording.sense))
                continue
            try:
                entry = None if row < 0 else self._store.entry_by_id(row)
            except ValueError:  # a damaged payload costs this row's hits and no other's
                continue
            if entry is None:
                gone.append(row)
            else:
                candidates.append(Candidate(score, entry.key, entry.request.text, entry))
        return candidates

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

    def warm(self, requests: Sequence[Request]) -> None:
        """Embed the texts of requests in one go; the memo in front of the embedder keeps the vectors."""
        texts = [request.text for request in requests if self.covers(request)]
        if texts:
            self._embedder.embed(texts)

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
