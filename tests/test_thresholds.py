"""How near is near enough: thresholds keep their promise about hits."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seglam import ConfigurationError
from seglam.thresholds import Evidence, Fitted, Fixed, Judged, PerEntry, Split, Threshold, as_threshold, curve
from seglam.trust import upper_bound

JUDGED = st.builds(
    Judged,
    score=st.floats(0.0, 1.0).map(lambda s: round(s, 3)),
    right=st.booleans(),
    entry=st.sampled_from(["", "a", "b"]),
)


def rights(n, score=0.95):
    """So many right hits at a score."""
    return [Judged(score, right=True)] * n


@given(st.lists(JUDGED, max_size=40), st.floats(0.0, 1.0))
def test_evidence_counts_like_brute_force(judged, threshold):
    """(wrong, all) of the hits at or above a score, and an entry's own."""
    evidence = Evidence(judged)
    above = [one for one in judged if one.score >= threshold]
    assert evidence.above(threshold) == (sum(not one.right for one in above), len(above))
    assert sorted(one.score for one in evidence.of("a")) == sorted(one.score for one in judged if one.entry == "a")


def test_a_number_is_a_fixed_threshold():
    """0.92 in a policy means: 0.92 for all."""
    threshold = as_threshold("Policy.threshold", 0.92)
    assert threshold == Fixed(0.92)
    assert threshold.accepts(0.92, "a", Evidence())
    assert not threshold.accepts(0.919, "a", Evidence())
    assert threshold.arm("x") == ""


@pytest.mark.parametrize("value", [True, "0.9", 1.5, -0.1, None, float("nan")])
def test_what_is_no_threshold_is_refused(value):
    """The error names the field."""
    with pytest.raises(ConfigurationError, match=r"Policy\.threshold"):
        as_threshold("Policy.threshold", value)


@pytest.mark.parametrize("options", [{"target": 2}, {"start": -1}, {"floor": 0.95}, {"confidence": "high"}])
def test_arguments_of_a_fitted_threshold_are_checked(options):
    """Each at the edge."""
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        Fitted(**options)


# -- fitted -------------------------------------------------------------------------------------------------------------


def test_without_evidence_it_starts_where_it_was_told():
    """Little evidence proves nothing."""
    fitted = Fitted(target=0.01, start=0.92)
    assert fitted.fit(Evidence()) == 0.92
    assert fitted.fit(Evidence(rights(298, 0.80))) == 0.92


def test_proof_lowers_it_as_far_as_it_reaches():
    """299 right hits above a score prove one per cent at 95 %; below the lowest of them nothing is known."""
    fitted = Fitted(target=0.01, start=0.92, floor=0.75)
    assert fitted.fit(Evidence(rights(299, 0.95))) == pytest.approx(0.75)
    evidence = Evidence(rights(299, 0.95) + [Judged(0.85, right=False)] * 3)
    assert fitted.fit(evidence) == pytest.approx(0.855)
    assert fitted.accepts(0.86, "", evidence)
    assert not fitted.accepts(0.85, "", evidence)


def test_wrong_hits_raise_it():
    """Where more than the target are wrong for certain, fewer are served."""
    fitted = Fitted(target=0.05, start=0.90)
    evidence = Evidence([Judged(0.91, right=False)] * 10 + rights(20, 0.97))
    assert fitted.fit(evidence) > 0.91


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.75, 0.95))
def test_the_promise_holds_on_traffic_it_was_not_fitted_on(seed, edge):
    """Whatever is right above an edge and half wrong below it: of new hits at most three times the target are wrong."""
    rng = random.Random(seed)

    def draw(n):
        scores = [rng.uniform(0.7, 1.0) for _ in range(n)]
        return [Judged(score, right=score >= edge or rng.random() < 0.5) for score in scores]

    fitted = Fitted(target=0.02, start=0.97)
    threshold = fitted.fit(Evidence(draw(3000)))
    wrong, n = Evidence(draw(3000)).above(threshold)
    assert wrong <= 3 * 0.02 * max(n, 1)


# -- for each entry -------------------------------------------------------------------------------------------------------


def test_an_entry_earns_and_loses_its_threshold():
    """Right hits at lower scores speak for a score, wrong ones at higher scores against it; of this entry only."""
    per_entry = PerEntry(target=0.02)
    evidence = Evidence(
        [Judged(0.85, right=True, entry="good")] * 80 + [Judged(0.97, right=False, entry="bad")] * 2 + rights(300, 0.9)
    )
    assert per_entry.accepts(0.88, "good", evidence)
    assert not per_entry.accepts(0.82, "new", Evidence())
    assert not per_entry.accepts(0.95, "bad", evidence)
    assert per_entry.wrong(0.95, "bad", evidence) > per_entry.wrong(0.95, "other", evidence)


@given(st.lists(JUDGED, max_size=30), st.floats(0.8, 1.0))
def test_another_right_hit_never_makes_it_stricter(judged, score):
    """And another wrong one never looser."""
    per_entry = PerEntry()
    now = per_entry.wrong(score, "a", Evidence(judged))
    assert per_entry.wrong(score, "a", Evidence([*judged, Judged(score, right=True, entry="a")])) <= now + 1e-12
    assert per_entry.wrong(score, "a", Evidence([*judged, Judged(score, right=False, entry="a")])) >= now - 1e-12


# -- two that compete -----------------------------------------------------------------------------------------------------


def test_a_request_is_always_on_the_same_side():
    """By its key, about the share that was wished; each side decides for itself."""
    split = Split(Fixed(0.95), Fixed(0.85), share=0.3)
    arms = [split.arm(f"key {n}") for n in range(2000)]
    assert arms == [split.arm(f"key {n}") for n in range(2000)]
    assert 0.25 < arms.count("b") / len(arms) < 0.35
    assert split.floor == 0.85
    assert split.accepts(0.9, "", Evidence(), "b")
    assert not split.accepts(0.9, "", Evidence(), "a")
    assert isinstance(split, Threshold)


@pytest.mark.parametrize(
    "arguments", [(0.9, Fixed(0.9)), (Fixed(0.9), None), (Split(Fixed(0.9), Fixed(0.8)), Fixed(0.9))]
)
def test_sides_must_be_thresholds(arguments):
    """The error names the side."""
    with pytest.raises(ConfigurationError, match=r"^[ab]: "):
        Split(*arguments)


# -- labelled pairs -------------------------------------------------------------------------------------------------------


def pairs(score, count, wrong=0):
    """Labelled pairs of one score."""
    return [Judged(score, n >= wrong, labelled=True) for n in range(count)]


def test_labelled_pairs_prove_a_threshold_before_any_hit_was_judged():
    """299 right pairs prove 1 %, as 299 right hits would; a thousand prove no more."""
    fitted = Fitted(target=0.01, start=0.9, floor=0.8)
    assert fitted.fit(Evidence(pairs(0.95, 298))) == 0.9
    assert fitted.fit(Evidence(pairs(0.95, 299))) == pytest.approx(0.8)
    assert Evidence(pairs(0.85, 1000)).above(0.8) == (0, 299)


def test_judged_hits_take_the_place_of_labelled_pairs():
    """After 299 judged hits the labelled pairs say nothing, for good or ill."""
    hits = [Judged(0.85, n >= 20) for n in range(299)]
    assert Evidence([*hits, *pairs(0.85, 5000)]).above(0.8) == (20, 299)
    assert Evidence([*hits[100:], *pairs(0.85, 5000, wrong=5000)]).above(0.8) == (100, 299)


@given(st.lists(st.booleans(), max_size=400), st.lists(st.booleans(), max_size=400), st.floats(0.0, 1.0))
def test_a_judged_hit_is_never_outvoted(hits, labelled, threshold):
    """Every hit counts in full; pairs only fill what is missing, and their wrong ones are never rounded away."""
    live = [Judged(0.5, right) for right in hits]
    known = [Judged(0.5, right, labelled=True) for right in labelled]
    wrong, n = Evidence([*live, *known]).above(threshold)
    own_wrong, own = Evidence(live).above(threshold)
    assert own_wrong <= wrong
    assert own <= n <= max(own, 299)
    if n > own and False in labelled:
        assert wrong > own_wrong


# -- tune -----------------------------------------------------------------------------------------------------------------


def test_the_curve_of_labelled_pairs():
    """Recall is of the right pairs, the share of wrong ones of what is served."""
    judged = [Judged(0.9, right=True), Judged(0.8, right=True), Judged(0.85, right=False)]
    rows = curve(judged, (0.95, 0.88, 0.8))
    assert [(row["served"], row["wrong"], row["recall"]) for row in rows] == [(0, 0, 0.0), (1, 0, 0.5), (3, 1, 1.0)]
    assert rows[2]["wrong_share"] == pytest.approx(1 / 3)
    assert rows[2]["upper"] == upper_bound(1, 3)
