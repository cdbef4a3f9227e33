"""Trust in numbers: bounds as published, a prior that learns from the gate's record, and nothing believed without evidence.

And who is trusted meanwhile: what is suspended or accused, by however many threads.
"""

import math
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seglam.errors import ConfigurationError
from seglam.procedure import State
from seglam.trust import MOST_WEIGHT, START, Record, posterior, prior, trusted, upper_bound, wilson_lower
from test_procedural import SUM, Script, ask, feed

COUNTS = st.integers(0, 400)


@pytest.mark.parametrize(
    ("agreed", "n", "bound"),
    [
        (0, 0, 0.0),
        (3, 3, 0.4385),
        (10, 10, 0.7225),
        (100, 100, 0.9630),
        (45, 50, 0.7864),
        (8, 10, 0.4902),
        (0, 10, 0.0),
    ],
)
def test_wilson_has_the_known_values(agreed, n, bound):
    """Values of R's binom.confint and of the design's own table."""
    assert wilson_lower(agreed, n) == pytest.approx(bound, abs=5e-5)


@pytest.mark.parametrize(
    ("wrong", "n", "confidence", "bound"),
    [
        (0, 849, 0.95, 0.003522),
        (0, 1, 0.95, 0.95),
        (0, 10, 0.975, 0.308498),
        (1, 10, 0.975, 0.445016),
        (5, 10, 0.975, 0.812914),
        (3, 1000, 0.95, 0.007733),
        (10, 10, 0.95, 1.0),
        (0, 0, 0.95, 1.0),
    ],
)
def test_the_exact_bound_has_the_known_values(wrong, n, confidence, bound):
    """Published Clopper-Pearson limits (a two-sided 95 % interval has one-sided 97.5 % ends)."""
    assert upper_bound(wrong, n, confidence) == pytest.approx(bound, abs=5e-6)


@given(n=st.integers(1, 10**6), confidence=st.floats(0.5, 0.999))
def test_none_wrong_has_the_closed_form(n, confidence):
    """With no failure the bound is 1 - (1 - c)^(1/n), for small and for very many trials."""
    assert upper_bound(0, n, confidence) == pytest.approx(-math.expm1(math.log(1 - confidence) / n), rel=1e-9)


@settings(deadline=None)
@given(wrong=COUNTS, right=st.integers(1, 400))
def test_the_exact_bound_only_falls_with_good_news(wrong, right):
    """One more right answer lowers it, one more wrong one raises it, and it is above the rate seen."""
    n = wrong + right
    bound = upper_bound(wrong, n)
    assert wrong / n < bound <= 1
    assert upper_bound(wrong, n + 1) < bound < upper_bound(wrong + 1, n + 1) + 1e-12


@given(agreed=COUNTS, disagreed=COUNTS)
def test_wilson_is_below_the_rate_and_rises_with_agreement(agreed, disagreed):
    """It never claims more than was seen."""
    n = agreed + disagreed
    bound = wilson_lower(agreed, n)
    assert 0 <= bound <= (agreed / n if n else 0) + 1e-12
    assert wilson_lower(agreed + 1, n + 1) > bound


def test_without_a_record_the_prior_is_the_start():
    """And with the default target one agreement is needed, no less."""
    assert prior(Record()) == START
    assert not trusted(Record(), 0, 0)
    assert trusted(Record(), 1, 0)


@given(agreed=COUNTS, disagreed=COUNTS, own=COUNTS, against=COUNTS)
def test_the_prior_is_capped_and_its_mean_is_pooled(agreed, disagreed, own, against):
    """A long record moves the mean, never the weight beyond the cap; the posterior lies between prior and own rate."""
    record = Record(agreed, disagreed)
    a, b = prior(record)
    assert a + b <= MOST_WEIGHT + 1e-9
    pooled = (START[0] + agreed) / (sum(START) + agreed + disagreed)
    assert a / (a + b) == pytest.approx(pooled)
    after = posterior(record, own, against)
    rate = own / (own + against) if own + against else pooled
    assert min(pooled, rate) - 1e-12 <= after <= max(pooled, rate) + 1e-12


def test_a_gate_that_lets_bad_ones_through_demands_more():
    """The same version is believed at once after a clean record, and late after a poor one."""
    clean, poor = Record(300, 0), Record(80, 20)
    assert trusted(clean, 1, 0)
    assert not trusted(poor, 10, 0)
    assert trusted(poor, 25, 0)
    assert not trusted(clean, 5, 5)


def test_strict_mode_ignores_the_gates_record():
    """Its Wilson bound reaches .9 at the 35th straight agreement."""
    clean = Record(10_000, 0)
    assert not trusted(clean, 34, 0, strict=True)
    assert trusted(Record(), 35, 0, strict=True)
    assert not trusted(clean, 99, 10, strict=True)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Record(-1, 0),
        lambda: posterior(Record(), 0, -1),
        lambda: wilson_lower(3, 2),
        lambda: upper_bound(3, 2),
        lambda: upper_bound(1, 2, 1.0),
        lambda: trusted(Record(), 1, 0, target=1.0),
    ],
)
def test_impossible_numbers_are_errors(wrong):
    """Counts below zero and certainties are mistakes of the caller."""
    with pytest.raises(ConfigurationError):
        wrong()


def test_one_suspension_is_one_disagreement(open_cache, monkeypatch):
    """Flushed by another thread meanwhile or told more exactly later: one finding, and one in the prior of later versions."""
    cache = open_cache(compiler=Script(SUM))
    feed(cache, (3, 4), (10, 5), (7, 8))
    (procedure,) = cache.procedures()
    settle = cache._library.settle

    def slow(*arguments, **options):
        time.sleep(0.05)
        return settle(*arguments, **options)

    monkeypatch.setattr(cache._library, "settle", slow)
    cache._standing.distrust(procedure, "why", "disagreed")
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: cache._standing.persist(), range(2)))
    assert [p.state for p in cache.procedures()] == [State.SUSPENDED]
    cache._standing.suspend((procedure,), "why")
    assert (cache.procedures()[0].disagreements, cache._library.record()) == (1, Record(1, 1))
    cache._standing.suspend((procedure,), "why", stage="drifted")
    assert [f.stage for f in cache.procedures()[0].evidence if not f.passed] == ["drifted"]
    cache._standing.suspend((procedure,), "another request")
    assert cache.procedures()[0].disagreements == 2


def test_an_accusation_holds_until_every_vote_is_in(open_cache):
    """Two threads ask about one procedure: the first to finish does not let it answer again."""
    cache = open_cache(compiler=Script(SUM))
    feed(cache, (3, 4), (10, 5), (7, 8))
    (procedure,) = cache.procedures()
    standing = cache._standing
    standing.accuse(procedure)
    standing.accuse(procedure)
    standing.clear(procedure)
    assert not standing.may(procedure, ask(1, 1))
    standing.clear(procedure)
    assert standing.may(procedure, ask(1, 1))
