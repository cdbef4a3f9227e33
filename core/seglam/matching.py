"""Which of the nearest stored questions, if any, asks the same: the semantic tier's decision, apart from how they were found.

Three rules. Reading: both texts say the same word by word, and the score is enough. Contrast: the question has wordings and
look-alikes; the nearest wording wins over its nearest look-alike by a margin and over every other question, and no value differs.
Consensus: several stored questions around the request have one answer, and none has another.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from seglam import consensus, values
from seglam.contrast import Sense
from seglam.exchange import Entry, Request
from seglam.index import Vector
from seglam.judgements import CONSENSUS, CONTRAST, READING, Judgements
from seglam.policy import Policy
from seglam.readers import Generation
from seglam.reranking import verified
from seglam.store import Store
from seglam.thresholds import Evidence
from seglam.wordbook import Wordbook
from seglam.wording import respelt

logger = logging.getLogger("seglam")

_NO_EVIDENCE: Final = Evidence()
_TIED: Final = 2e-3  # scores of equal texts: half precision and another index may part them by so much


@dataclass(frozen=True, slots=True)
class Candidate:
    """A neighbour: a stored question (then with its entry), or a wording of one.

    Attributes:
        score: cosine similarity.
        key: exact key of the question.
        text: of the question or the wording.
    """

    score: float
    key: str
    text: str
    entry: Entry | None = None
    sense: Sense = Sense.SAME


@dataclass(frozen=True, slots=True)
class Match:
    """A stored question that asks the same, and why it is believed to.

    Attributes:
        rule: "reading", "contrast" or "consensus".
        counted: what the score was taken for, by the threshold: more where the wordings correspond.
        notes: for whoever asks why: wording, rule, and for contrast the nearest look-alike and the margin.
        arm: of an A/B test of thresholds, or "".
    """

    entry: Entry
    score: float
    rule: str
    wording: str
    counted: float
    arm: str = ""
    notes: dict[str, Any] = field(default_factory=dict)


class Matcher:
    """Decides. Reads the store, never writes it.

    Args:
        store, wordbook, judgements, policy, clock: shared with the cache.
        fingerprint: of the embedder.
    """

    def __init__(
        self,
        store: Store,
        wordbook: Wordbook,
        judgements: Judgements,
        policy: Policy,
        clock: Callable[[], float],
        fingerprint: Callable[[], str],
    ) -> None:
        self._store = store
        self._wordbook = wordbook
        self._judgements = judgements
        self._policy = policy
        self._clock = clock
        self._fingerprint = fingerprint

    @property
    def least(self) -> float:
        """The lowest score at which two texts are read at all, without contrast sets."""
        return values.floor(self._policy.reading.floor, misspelt=True)

    def match(
        self, request: Request, vector: Vector, candidates: Sequence[Candidate], generation: Generation
    ) -> Match | None:
        """The question whose answer serves the request.

        Args:
            request: what is asked.
            vector: of its text, unit length.
            candidates: the neighbours in its scope, best first.
            generation: of the store, for evidence.
        """
        voices = self._voices(request, candidates)
        found = self._reading(request, candidates, generation)
        if found is not None and consensus.contested(request.text, found.entry.response.text, voices):
            logger.debug("semantic candidate refused: contested")
            found = None
        found = found or self._contrast(request, vector, candidates, generation)
        return found or self._consensus(request, candidates, voices, generation)

    def _voices(self, request: Request, candidates: Sequence[Candidate]) -> list[consensus.Voice]:
        """The stored questions around the request, best first; none where the policy has no such rule."""
        if self._policy.agreeing.floor >= 1.0:
            return []
        now = self._clock()
        return [
            consensus.Voice(one.text, one.entry.response.text, one.score)
            for one in candidates
            if one.entry is not None and one.entry.fresh(now, request.control)
        ]

    def _consensus(
        self,
        request: Request,
        candidates: Sequence[Candidate],
        voices: Sequence[consensus.Voice],
        generation: Generation,
    ) -> Match | None:
        if not voices or voices[0].score < self._policy.agreeing.floor:
            return None
        nearest = candidates[0]
        around = [one for one in candidates if one.score >= nearest.score - consensus.BAND]
        # A wording, or an answer that is no longer fresh, may be of another question: where one stands near, nothing is agreed.
        if len(around) > len(voices) or not all(
            one.text == voice.text for one, voice in zip(around, voices, strict=False)
        ):
            return None
        if not consensus.unanimous(request.text, voices) or self._wordbook.of(nearest.key, self._fingerprint()):
            return None
        return self._accepted(request, nearest, CONSENSUS, generation, {"voices": len(around)})

    def _reading(self, request: Request, candidates: Sequence[Candidate], generation: Generation) -> Match | None:
        least = self.least
        for candidate in candidates:
            if candidate.sense is Sense.OTHER or candidate.score < least:
                continue
            why = values.mismatch(request.text, candidate.text)
            if why is not None:
                logger.debug("semantic candidate refused: %s", why.split(" ", 1)[0])
            elif found := self._read_alike(request, candidate, generation):
                return found
        return None

    def _read_alike(self, request: Request, candidate: Candidate, generation: Generation) -> Match | None:
        """A pair whose wordings correspond needs less than the threshold, and one that is only misspelt still less."""
        score = values.effective(candidate.score, misspelt=respelt(request.text, candidate.text))
        return self._accepted(request, candidate, READING, generation, score=score)

    def _contrast(
        self, request: Request, vector: Vector, candidates: Sequence[Candidate], generation: Generation
    ) -> Match | None:
        sames = [candidate for candidate in candidates if candidate.sense is Sense.SAME]
        if not sames or sames[0].score < self._policy.contrasting.floor:
            return None
        nearest = sames[0]
        for candidate in sames:
            # The nearest question may be stored itself, and be a wording of one that has a set: then their texts are equal.
            tied = candidate.score >= nearest.score - _TIED and candidate.text == nearest.text
            if tied and (found := self._inside(request, vector, candidate, generation)) is not None:
                return found
        return None

    def _inside(self, request: Request, vector: Vector, candidate: Candidate, generation: Generation) -> Match | None:
        """Whether the request is on the candidate's side of its line."""
        known = self._wordbook.of(candidate.key, self._fingerprint())
        others = [wording for wording in known if wording.sense is Sense.OTHER]
        if not others or len(others) == len(known):
            return None  # a line needs both sides
        scores = [float(vector @ wording.vector) for wording in others if wording.vector is not None]
        closest = int(np.argmax(scores))
        margin = candidate.score - scores[closest]
        if margin < self._policy.margin(self._fingerprint()):
            logger.debug("semantic candidate refused: nearer to a look-alike")
            return None
        # The wording alone may have lost what the question says: "get my water running" does not tell on from off.
        question = self._wordbook.text(candidate.key) or candidate.text
        why = values.conflict(request.text, candidate.text) or values.conflict(request.text, question)
        if why is not None:
            logger.debug("semantic candidate refused: %s", why.split(" ", 1)[0])
            return None
        told = {"lookalike": others[closest].text, "margin": f"{margin:.3f}"}
        return self._accepted(request, candidate, CONTRAST, generation, told)

    def _accepted(
        self,
        request: Request,
        candidate: Candidate,
        rule: str,
        generation: Generation,
        told: dict[str, Any] | None = None,
        *,
        score: float | None = None,
    ) -> Match | None:
        """The match, if the score (what it counts as) is enough, and there is an answer that is fresh."""
        counted = candidate.score if score is None else score
        threshold = self._policy.threshold_of(rule)
        arm = threshold.arm(request.key)
        if self._judgements.refuted(request.namespace, candidate.key, request.text, generation):
            return None
        evidence = _NO_EVIDENCE
        if threshold.learns:
            evidence = self._judgements.evidence(request.namespace, self._fingerprint(), rule, generation)
        if not threshold.accepts(counted, candidate.key, evidence, arm):
            return None
        entry = candidate.entry or self._store.entry(candidate.key)
        usable = entry is not None and entry.request.scope == request.scope
        if entry is None or not usable or not self._policy.fresh(request, entry, self._clock()):
            return None
        verifier = self._policy.verifier
        if verifier is not None and not verified(verifier, request.text, candidate.text):
            return None
        notes = {"wording": candidate.text, "rule": rule, **(told or {})}
        notes |= {"arm": arm} if arm else {}
        return Match(entry, min(candidate.score, 1.0), rule, candidate.text, counted, arm, notes)
