"""Stored questions that sound alike and have different answers are each other's look-alikes.

A contrast set is written for one question, without knowing what else is stored. Where a neighbour's answer is another one, its
words are the look-alike that matters most: somebody asked them. They go to the far side of the line as long as the neighbour is
stored; a trigger in the store takes them away with it.
"""

from collections.abc import Callable, Mapping
from typing import Final

from seglam.exchange import Control, Entry, Request
from seglam.index import unpack
from seglam.judging import settled
from seglam.policy import Policy
from seglam.semantic import SemanticTier
from seglam.store import Store
from seglam.values import conflict
from seglam.wordbook import NEIGHBOUR, Question, Wordbook

MOST: Final = 16
"""Neighbours on one line: the nearest ones."""
_CONSIDERED: Final = 16
_REACH: Final = 256  # rows of the index looked at: most are the wordings of the few questions around
_ANY: Final = Control()


class Lookalikes:
    """Keeps the lines between stored questions.

    Args:
        store, semantic, wordbook, policy, clock: shared with the cache.
    """

    def __init__(
        self,
        store: Store,
        semantic: SemanticTier,
        wordbook: Wordbook,
        policy: Policy,
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._semantic = semantic
        self._wordbook = wordbook
        self._policy = policy
        self._clock = clock

    def settle(self, request: Request) -> int:
        """Compare a stored question with its neighbours, where one of the two has a contrast set; for the background.

        Returns:
            How many look-alikes are new.
        """
        entry = self._store.entry(request.key)
        if entry is None or entry.key != request.key or self._wordbook.empty():
            return 0
        now, least = self._clock(), self._policy.contrast_near
        found = self._semantic.nearest(entry.request, _REACH)
        near = [other for other, score in found if score >= least and other.fresh(now, _ANY)]
        made = self._wordbook.made([request.key, *(other.key for other in near)])
        lined = [other for other in near if made.keys() & {request.key, other.key}]
        return sum(self._draw(entry, other, made) for other in lined[:_CONSIDERED])

    def _draw(self, one: Entry, other: Entry, made: Mapping[str, Question]) -> int:
        """The line between two entries, on both sides; how many look-alikes are new."""
        if conflict(one.request.text, other.request.text) is not None:  # the value guards tell them apart, at no cost
            return 0
        same = settled(self._policy.judge, one.request.text, one.response.text, other.response.text)
        new = 0
        for owner, neighbour in ((one, other), (other, one)):
            question = made.get(owner.key)
            if question is None:
                continue
            if same is False:
                new += self._put(question, neighbour.request)
            else:
                self._wordbook.part(question, neighbour.request.text)
        return new

    def _put(self, question: Question, other: Request) -> bool:
        own, vector = self._semantic.packed([question.text, other.text])
        fingerprint = self._semantic.fingerprint
        known = [w for w in self._wordbook.of(question.key, fingerprint) if w.origin == NEIGHBOUR]
        if any(w.text == other.text for w in known):
            return False
        if len(known) >= MOST:
            centre = unpack(own)
            scores = [float(centre @ w.vector) if w.vector is not None else -1.0 for w in known]
            farthest = min(range(len(known)), key=scores.__getitem__)
            if float(centre @ unpack(vector)) <= scores[farthest]:
                return False
            self._wordbook.remove([known[farthest].id])
        return self._wordbook.neighbour(question, other, vector, fingerprint=fingerprint, now=self._clock())
