"""The semantic tier: a request that means the same. Nearest stored questions of the same scope, then guards, then threshold.

The score only finds candidates; it cannot tell 17 from 24. Value guards decide whether both texts state the same values.
"""

import logging
import threading
from collections.abc import Callable

import numpy as np

from seglam import values
from seglam.catalogue import Catalogue, drop_snapshot
from seglam.embed import Embedder
from seglam.exchange import Entry, Hit, Request, TierName
from seglam.flow import Flow, call
from seglam.index import Vector, pack
from seglam.policy import Policy
from seglam.store import Generation, Store

logger = logging.getLogger("seglam")

_LATIN_END = 0x24F
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
        self._catalogue: Catalogue | None = None
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
        vectors = self._vectors()
        index = vectors.index(generation)
        if index is None or not len(index):
            return None
        vector, policy = self._vector(request.text), self._policy
        for row, score in vectors.nearest(index, request.scope, vector, policy.candidates, policy.threshold):
            try:
                entry = self._store.entry_by_id(row)
            except ValueError:  # a damaged payload costs this row's hits and no other's
                continue
            if entry is not None and (hit := self._judge(request, entry, score, generation)):
                return hit
        return None

    def _judge(self, request: Request, entry: Entry, score: float, generation: Generation) -> Hit | None:
        now = self._clock()
        if entry.request.scope != request.scope or not entry.fresh(now, request.control):
            return None
        why = values.difference(request.text, entry.request.text)
        if why is not None:
            logger.debug("semantic candidate refused: %s", why.split(" ", 1)[0])
            return None
        self._accepted(request, entry, score, generation)
        notes = {"wording": entry.request.text}
        age = max(0.0, now - entry.created)
        return Hit(entry.response, self.name, f"entry:{entry.id}", score=min(score, 1.0), age=age, notes=notes)

    def _vectors(self) -> Catalogue:
        """Made at first use: an embedder may load its model to say what it is."""
        with self._lock:
            if self._catalogue is None:
                self._catalogue = Catalogue(self._store, self._embedder.fingerprint, self._embedder.dimension)
            return self._catalogue

    def erase(self) -> None:
        """Something was erased on purpose, and is to stay nowhere on the disk."""
        with self._lock:
            if self._catalogue is not None:
                self._catalogue.erase()
            else:
                drop_snapshot(self._store)

    def close(self) -> None:
        """Stop what is done in the background."""
        with self._lock:
            if self._catalogue is not None:
                self._catalogue.close()

    def check(self) -> list[str]:
        """Where the index and the store disagree; an empty list is good."""
        return self._vectors().check()
