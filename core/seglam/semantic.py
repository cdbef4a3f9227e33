"""The semantic tier: a request that means the same. Nearest stored questions of the same scope, then guards, then threshold.

The score only finds candidates; it cannot tell 17 from 24. Value guards decide whether both texts state the same values, and
where a question has a contrast set, its wordings and look-alikes decide what means the same.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from seglam.catalogue import Catalogue, EntryVectors, drop_snapshot
from seglam.embed import Embedder
from seglam.exchange import Entry, Hit, Miss, Request, TierName, Why
from seglam.flow import Flow, call
from seglam.index import Vector, pack
from seglam.judgements import Judgements
from seglam.matching import Candidate, Match, Matcher
from seglam.policy import Policy
from seglam.readers import Generation
from seglam.reembedding import WANTED, Reembedding
from seglam.store import Store
from seglam.wordbook import Wordbook, WordingVectors, wording_id

logger = logging.getLogger("seglam")

_LATIN_END = 0x24F
_REACH: Final = 32  # neighbours looked at where questions have wordings: the many of one must not hide another question
OnAccept = Callable[[Request, Match, Generation], None]


class SemanticTier:
    """Answers from the entry whose question means the same.

    Args:
        store, wordbook, judgements, embedder, reembedding, policy, clock: shared with the cache.
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
        reembedding: Reembedding,
        policy: Policy,
        clock: Callable[[], float],
        accepted: OnAccept,
    ) -> None:
        self._store = store
        self._wordbook = wordbook
        self._embedder = embedder
        self._reembedding = reembedding
        self._policy = policy
        self._clock = clock
        self._accepted = accepted
        self._matcher = Matcher(store, wordbook, judgements, policy, clock, lambda: embedder.fingerprint)
        self._lock = threading.Lock()
        self._catalogue: Catalogue | None = None
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
        """The vector of a request, with its embedder's fingerprint; None where it has none."""
        if not self.covers(request):
            return None
        return pack(self._vector(request.text)), self._embedder.fingerprint

    def looked_at(self, request: Request) -> str | None:
        """The fingerprint of an entry without a vector: whether another embedder might make one, and which one did not."""
        if not self._policy.comparable(request):
            return None
        try:
            return WANTED if self._embedder.covers(request.text) else self._embedder.fingerprint
        except Exception:  # it is down, which has been told
            return WANTED

    def _vector(self, text: str) -> Vector:
        return np.asarray(self._embedder.embed([text])[0], dtype=np.float32)

    def _search(self, request: Request) -> Hit | Miss | None:
        generation = self._store.generation()  # before any row is read: what goes from now on must not stay in memory
        found = self.match(request, generation)
        self._reembedding.look()
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
        vectors = self._vectors()
        index = vectors.index(generation)
        if index is None or not len(index):
            return None
        vector, worded = self._vector(request.text), vectors.holds(WordingVectors.name)
        reach = _REACH if worded else self._policy.candidates
        floor = min(self._matcher.least, self._policy.contrasting.floor if worded else 1.0)
        found = vectors.nearest(index, request.scope, vector, reach, floor)
        candidates = [candidate for candidate in self._candidates(found) if candidate.key != without]
        return self._matcher.match(request, vector, candidates, generation)

    def serving(self, hit: Hit, request: Request) -> Entry | None:
        """The entry that serves a request with a hit's answer now: its own may have been renewed, or embedded anew, since."""
        found = self.match(request, self._store.generation(), without=request.key)
        return found.entry if found is not None and found.entry.response == hit.response else None

    def _checked(self, request: Request) -> bool:
        """Whether the model answers this hit all the same. The key decides, as for procedures: no chance to slip through."""
        if not self._policy.check_hits or request.control.only_if_cached or request.control.no_store:
            return False
        return int(request.key[12:20], 16) < self._policy.check_hits * 2**32

    def _candidates(self, found: Sequence[tuple[int, float]]) -> list[Candidate]:
        """What the neighbours are, best first."""
        wordings = self._wordbook.wordings([wording_id(row) for row, _ in found if row < 0])
        entries = self._store.entries_by_id([row for row, _ in found if row > 0])
        candidates = []
        for row, score in found:
            if row < 0 and (wording := wordings.get(wording_id(row))) is not None:
                candidates.append(Candidate(score, wording.key, wording.text, sense=wording.sense))
            elif (entry := entries.get(row)) is not None:
                candidates.append(Candidate(score, entry.key, entry.request.text, entry))
        return candidates

    def _vectors(self) -> Catalogue:
        """Made at first use: an embedder may load its model to say what it is."""
        with self._lock:
            if self._catalogue is None:
                fingerprint = self._embedder.fingerprint
                sources = (EntryVectors(self._store, fingerprint), WordingVectors(self._wordbook, fingerprint))
                self._catalogue = Catalogue(self._store, fingerprint, self._embedder.dimension, sources=sources)
            return self._catalogue

    def nearest(self, request: Request, reach: int = _REACH) -> list[tuple[Entry, float]]:
        """The stored questions of the request's scope that sound most like it, best first, without itself.

        Args:
            request: what they are near to.
            reach: rows looked at (at most 1,000), wordings among them.
        """
        if not self.covers(request):
            return []
        vectors = self._vectors()
        index = vectors.index(self._store.generation())
        if index is None:
            return []
        found = vectors.nearest(index, request.scope, self._vector(request.text), reach, 0.0)
        known = self._candidates([(row, score) for row, score in found if row > 0])
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

    def erase(self) -> None:
        """Something was erased on purpose, and is to stay nowhere on the disk."""
        with self._lock:
            if self._catalogue is not None:
                self._catalogue.erase()
            else:
                drop_snapshot(self._store)

    def close(self) -> None:
        """Stop what is done in the background."""
        self._reembedding.close()
        with self._lock:
            if self._catalogue is not None:
                self._catalogue.close()

    def check(self) -> list[str]:
        """Where the index and the store disagree; an empty list is good."""
        return self._vectors().check()
