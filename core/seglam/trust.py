"""How far the comparisons of a procedure with the model justify letting it answer. Pure numbers.

Few comparisons with one procedure say little: three agreements in three leave a 95 % lower bound of .44. What the gate has let
through before says more, so its pooled record is the prior of each new version (empirical Bayes: Robbins 1956, Efron and
Morris 1975, here for a binomial rate with its conjugate Beta prior). Strict mode believes nothing but the version's own record.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from seglam.errors import ConfigurationError

START: Final = (8.0, 1.0)
"""Beta prior while the gate has no record: mean .89, so that with a target of .9 one agreement is needed."""
MOST_WEIGHT: Final = 20.0
"""Comparisons that the pooled record may count for: procedures differ, so after as many a version speaks for itself."""
_HALVINGS: Final = 60  # more than a double has bits


@dataclass(frozen=True, slots=True)
class Record:
    """Comparisons with the model, in shadow and by audits, pooled over every procedure that the gate let through.

    Raises:
        ConfigurationError: a count is negative.
    """

    agreed: int = 0
    disagreed: int = 0

    def __post_init__(self) -> None:
        _counts(agreed=self.agreed, disagreed=self.disagreed)


def prior(record: Record) -> tuple[float, float]:
    """The Beta prior (a, b) of a procedure that has just passed the gate.

    Its mean is that of START with the pooled record added; its weight a + b is capped at MOST_WEIGHT.
    """
    a, b = START[0] + record.agreed, START[1] + record.disagreed
    scale = min(1.0, MOST_WEIGHT / (a + b))
    return a * scale, b * scale


def posterior(record: Record, agreed: int, disagreed: int) -> float:
    """The expected share of right answers of a version, in (0, 1), after its own comparisons.

    ``record`` should not hold this version's comparisons, or they count twice.
    """
    _counts(agreed=agreed, disagreed=disagreed)
    a, b = prior(record)
    return (a + agreed) / (a + b + agreed + disagreed)


def wilson_lower(agreed: int, n: int, z: float = 1.96) -> float:
    """Lower end of the score interval for a rate (E. B. Wilson, JASA 22, 1927, 209-212); 0 without comparisons.

    Args:
        agreed: of n.
        n: comparisons.
        z: normal quantile; 1.96 for a two-sided 95 % interval.
    """
    _counts(agreed=agreed, n_minus_agreed=n - agreed)
    if n == 0:
        return 0.0
    rate, square = agreed / n, z * z
    spread = z * math.sqrt(rate * (1 - rate) / n + square / (4 * n * n))
    return max(0.0, (rate + square / (2 * n) - spread) / (1 + square / n))


def upper_bound(wrong: int, n: int, confidence: float = 0.95) -> float:
    """One-sided exact upper bound of a rate (Clopper and Pearson, Biometrika 26, 1934, 404-413); 1 without trials.

    It is the rate at which ``wrong`` or fewer of n would be seen with probability 1 - confidence; for none wrong that is
    1 - (1 - confidence) ** (1 / n), about 3 / n at 95 %.
    """
    _counts(wrong=wrong, n_minus_wrong=n - wrong)
    if not 0 < confidence < 1:
        raise ConfigurationError(f"confidence: expected between 0 and 1, got {confidence!r}")
    if wrong == n:
        return 1.0
    ways = [math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) for k in range(wrong + 1)]
    low, high = wrong / n, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if _at_most(ways, n, middle) > 1 - confidence:
            low = middle
        else:
            high = middle
    return high


def _at_most(ways: Sequence[float], n: int, rate: float) -> float:
    """The probability of fewer than ``len(ways)`` of n, for a rate in [0, 1]; ``ways``: logarithms of binomials."""
    if rate <= 0.0 or rate >= 1.0:
        return float(rate <= 0.0)
    yes, no = math.log(rate), math.log1p(-rate)
    return math.fsum(math.exp(way + k * yes + (n - k) * no) for k, way in enumerate(ways))


def trusted(record: Record, agreed: int, disagreed: int, *, target: float = 0.9, strict: bool = False) -> bool:
    """Whether a version's comparisons suffice for it to answer.

    Args:
        record: of the gate, without this version.
        agreed: this version's comparisons with the model that agreed.
        disagreed: those that did not.
        target: the expected share of right answers that is demanded.
        strict: demand the Wilson lower bound of the version's own comparisons instead, whatever the gate's record.
    """
    if not 0 < target < 1:
        raise ConfigurationError(f"target: expected between 0 and 1, got {target!r}")
    if strict:
        return wilson_lower(agreed, agreed + disagreed) >= target
    return posterior(record, agreed, disagreed) >= target


def _counts(**counts: int) -> None:
    for name, count in counts.items():
        if count < 0:
            raise ConfigurationError(f"{name}: expected at least 0, got {count!r}")
