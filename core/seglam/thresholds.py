"""How near is near enough: a fixed score, one that evidence has fitted, one for each entry, or two that compete. Pure numbers.

The promise is about hits, not requests: of the hits that are served, at most the target share is wrong. (vCache, Schroeder et
al., 2025, arXiv 2502.03771, learns a threshold for each entry and bounds errors per request, where every miss helps to keep the
promise.)
"""

import hashlib
import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, Protocol, runtime_checkable

from seglam.errors import ConfigurationError
from seglam.trust import upper_bound

_STEP: Final = 0.005  # of cosine, between the thresholds that are tried
_WEIGHT: Final = 20.0
"""Hits that the evidence of all entries may count for where one is judged: questions differ, after as many it speaks alone."""
_LABELLED: Final = 299
"""Hits without a wrong one that prove a target of 1 % with 95 % confidence."""
_START: Final = (1.0, 20.0)
"""Beta prior (wrong, right) before there is any evidence: a hit that passed the guards is wrong once in some twenty."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A hit, or a pair of texts, of which is known whether one answer was right for both.

    Attributes:
        score: cosine similarity.
        right: whether the stored answer served the request.
        entry: the exact key of the stored question; "" where it is no entry.
        arm: of an A/B test; "" without one.
        labelled: whether it is a pair that somebody labelled, not a hit.
    """

    score: float
    right: bool
    entry: str = ""
    arm: str = ""
    labelled: bool = False


class _Counts:
    """How many of some scores are above a threshold, and how many of them are wrong."""

    def __init__(self, judged: Sequence[Judged]) -> None:
        self._scores = [one.score for one in judged]
        self._wrong = [0, *accumulate(not one.right for one in judged)]  # among the first n

    def above(self, threshold: float) -> tuple[int, int]:
        first = bisect_left(self._scores, threshold)
        return self._wrong[-1] - self._wrong[first], len(self._scores) - first


class Evidence:
    """Judged hits and labelled pairs, sorted by score.

    Labelled pairs stand in for hits that were not judged yet: all together they count for as many hits as are missing to a
    proof of 1 %, wrong ones rounded up. Each judged hit at such a score takes the place of a pair, until hits speak alone.

    Args:
        judged: in any order.
    """

    def __init__(self, judged: Iterable[Judged] = ()) -> None:
        self.judged = tuple(sorted(judged, key=lambda one: one.score))
        self._hits = _Counts([one for one in self.judged if not one.labelled])
        self._pairs = _Counts([one for one in self.judged if one.labelled])
        self._entries: dict[str, list[Judged]] = {}
        self.fits: dict[object, float] = {}  # what thresholds have derived from this evidence
        for one in self.judged:
            if one.entry:
                self._entries.setdefault(one.entry, []).append(one)

    def __len__(self) -> int:
        return len(self.judged)

    def above(self, threshold: float) -> tuple[int, int]:
        """(wrong, all) of the hits with at least this score, labelled pairs in place of those that are missing."""
        wrong, n = self._hits.above(threshold)
        bad, pairs = self._pairs.above(threshold)
        counted = min(pairs, max(0, _LABELLED - n))
        return wrong + (-(-bad * counted // pairs) if pairs else 0), n + counted

    def of(self, entry: str) -> Sequence[Judged]:
        """What is known of one entry, by score."""
        return self._entries.get(entry, ())


@runtime_checkable
class Threshold(Protocol):
    """Decides whether a score is enough. ``Fixed``, ``Fitted``, ``PerEntry`` and ``Split`` are the ones that seglam ships."""

    @property
    def floor(self) -> float:
        """The least score that can ever be enough, so that nothing below it is looked at."""
        ...

    @property
    def learns(self) -> bool:
        """Whether ``accepts`` looks at evidence; where not, none is read for it."""
        ...

    def arm(self, key: str) -> str:
        """Which side of an A/B test the request with this exact key is on; "" where there is none."""
        ...

    def accepts(self, score: float, entry: str, evidence: Evidence, arm: str = "") -> bool:
        """Whether the entry with this exact key may answer at this score."""
        ...


@dataclass(frozen=True, slots=True)
class Fixed:
    """One score for all.

    Attributes:
        score: cosine similarity, from 0 to 1: 0.92 default, 0.95 strict, 0.85 loose, for the embedded model.

    Raises:
        ConfigurationError: it is no such number.
    """

    score: float

    def __post_init__(self) -> None:
        _share("score", self.score)

    @property
    def floor(self) -> float:
        """The score."""
        return self.score

    @property
    def learns(self) -> bool:
        """No."""
        return False

    def arm(self, key: str) -> str:  # noqa: ARG002 - Threshold's signature
        """No A/B test."""
        return ""

    def accepts(self, score: float, entry: str, evidence: Evidence, arm: str = "") -> bool:  # noqa: ARG002 - Threshold's signature
        """Whether it is reached."""
        return score >= self.score


@dataclass(frozen=True, slots=True)
class Fitted:
    """The lowest score at which the share of wrong hits is proved to keep to a target; ``start`` until there is evidence.

    The thresholds are tested downwards from ``start``, each at the full confidence; the first that is not proved ends the walk:
    fixed-sequence testing, as in Learn then Test (Angelopoulos et al., 2021, arXiv 2110.01052). With a target of 1 % and 95 %
    confidence that takes 299 judged hits without a wrong one. Where more than the target were wrong at ``start``, the threshold
    rises until they are not.

    Attributes:
        target: wrong hits among hits.
        start: where nothing is known.
        floor: never lower.
        confidence: one-sided, of the bound (Clopper-Pearson) at each threshold.

    Raises:
        ConfigurationError: an argument is out of range.
    """

    target: float = 0.01
    start: float = 0.92
    floor: float = 0.75
    confidence: float = 0.95

    def __post_init__(self) -> None:
        for name in ("target", "start", "floor", "confidence"):
            _share(name, getattr(self, name))
        if self.floor > self.start:
            raise ConfigurationError(f"floor: expected at most start ({self.start}), got {self.floor}")

    @property
    def learns(self) -> bool:
        """Yes."""
        return True

    def arm(self, key: str) -> str:  # noqa: ARG002 - Threshold's signature
        """No A/B test."""
        return ""

    def accepts(self, score: float, entry: str, evidence: Evidence, arm: str = "") -> bool:  # noqa: ARG002 - Threshold's signature
        """Whether the fitted score is reached."""
        return score >= self.fit(evidence)

    def fit(self, evidence: Evidence) -> float:
        """The threshold that this evidence justifies."""
        if self not in evidence.fits:
            evidence.fits[self] = self._walk(evidence)
        return evidence.fits[self]

    def _walk(self, evidence: Evidence) -> float:
        threshold = self.start
        while threshold < 1.0 and self._exceeded(*evidence.above(threshold)):
            threshold += _STEP
        if threshold > self.start:
            return min(threshold, 1.0)
        lowest = self.start
        while threshold >= self.floor - 1e-9 and self._kept(*evidence.above(threshold)):
            lowest, threshold = threshold, threshold - _STEP
        return max(lowest, self.floor)

    def _kept(self, wrong: int, n: int) -> bool:
        return upper_bound(wrong, n, self.confidence) <= self.target

    def _exceeded(self, wrong: int, n: int) -> bool:
        return wrong > self.target * n


@dataclass(frozen=True, slots=True)
class PerEntry:
    """A threshold for each entry, from what was judged of its own hits, with the evidence of all as prior.

    A right hit at a lower score speaks for this one, a wrong hit at a higher score against it (a wording that is nearer is not
    worse). The hit is served if the posterior mean of being wrong is at most the target, so that the expected share of wrong
    hits is too, whatever is missed.

    Attributes:
        target: wrong hits among hits.
        floor: the least score ever served.

    Raises:
        ConfigurationError: an argument is out of range.
    """

    target: float = 0.02
    floor: float = 0.80

    def __post_init__(self) -> None:
        _share("target", self.target)
        _share("floor", self.floor)

    @property
    def learns(self) -> bool:
        """Yes."""
        return True

    def arm(self, key: str) -> str:  # noqa: ARG002 - Threshold's signature
        """No A/B test."""
        return ""

    def accepts(self, score: float, entry: str, evidence: Evidence, arm: str = "") -> bool:  # noqa: ARG002 - Threshold's signature
        """Whether the hit is expected to be right often enough."""
        return score >= self.floor and self.wrong(score, entry, evidence) <= self.target

    def wrong(self, score: float, entry: str, evidence: Evidence) -> float:
        """The posterior mean of being wrong, of a hit of the entry at this score."""
        wrong, n = evidence.above(score)
        a, b = _START[0] + wrong, _START[1] + n - wrong
        scale = min(1.0, _WEIGHT / (a + b))
        own = evidence.of(entry)
        against = sum(not one.right and one.score >= score for one in own)
        speaking = sum(one.right and one.score <= score for one in own)
        return (a * scale + against) / ((a + b) * scale + against + speaking)


@dataclass(frozen=True, slots=True)
class Split:
    """Two thresholds on live traffic: each request belongs to one by its key, so that the same request always meets the same.

    Attributes:
        a, b: the thresholds.
        share: of the requests that ``b`` decides.

    Raises:
        ConfigurationError: an argument is no threshold, or the share is out of range.
    """

    a: Threshold
    b: Threshold
    share: float = 0.5

    def __post_init__(self) -> None:
        _share("share", self.share)
        for name in ("a", "b"):
            if not isinstance(getattr(self, name), Threshold) or isinstance(getattr(self, name), Split):
                raise ConfigurationError(f"{name}: expected a Fixed, Fitted or PerEntry, got {getattr(self, name)!r}")

    @property
    def floor(self) -> float:
        """The lower of the two."""
        return min(self.a.floor, self.b.floor)

    @property
    def learns(self) -> bool:
        """Whether one of them does."""
        return self.a.learns or self.b.learns

    def arm(self, key: str) -> str:
        """The side, by the digest of the key."""
        drawn = int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8, person=b"seglam-split").digest(), "big")
        return "b" if drawn < self.share * 2.0**64 else "a"

    def accepts(self, score: float, entry: str, evidence: Evidence, arm: str = "") -> bool:
        """What the threshold of this arm says."""
        return (self.b if arm == "b" else self.a).accepts(score, entry, evidence)


def as_threshold(name: str, value: object) -> Threshold:
    """A threshold from what a policy holds: a number is a fixed one.

    Raises:
        ConfigurationError: it is neither; names the field.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return Fixed(float(value))
        except ConfigurationError as error:
            raise ConfigurationError(f"{name}: {error}") from None
    if isinstance(value, Threshold):
        return value
    raise ConfigurationError(f"{name}: expected a number from 0.0 to 1.0 or a Threshold, got {value!r}")


def curve(judged: Iterable[Judged], thresholds: Sequence[float]) -> list[dict[str, float]]:
    """Recall against wrong hits: for each threshold the share of right pairs served, and of wrong ones among those served.

    Returns:
        Rows with threshold, served, wrong, recall, wrong_share and upper (95 % Clopper-Pearson bound of wrong_share).
    """
    evidence = Evidence(judged)
    total = len(evidence) - evidence.above(-math.inf)[0]
    rows = []
    for threshold in thresholds:
        wrong, n = evidence.above(threshold)
        rows.append(
            {
                "threshold": threshold,
                "served": n,
                "wrong": wrong,
                "recall": (n - wrong) / total if total else 0.0,
                "wrong_share": wrong / n if n else 0.0,
                "upper": upper_bound(wrong, n),
            }
        )
    return rows


def _share(name: str, value: object) -> None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0.0 <= value <= 1.0:
        raise ConfigurationError(f"{name}: expected a number from 0 to 1, got {value!r}")
