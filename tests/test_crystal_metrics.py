"""The benchmark's metrics against small cases computed by hand."""

import json
import math
from dataclasses import replace

import pytest

from benchmarks.crystal import metrics
from benchmarks.crystal.metrics import Prices, Row
from benchmarks.crystal.oracle import Compile, declined
from benchmarks.crystal.picture import smooth


def row(klass="a", tier="procedure", *, right=True, **more):
    """Make a row."""
    return Row(more.pop("at", 0), klass, more.pop("source", "family"), tier, right, **more)


def model(klass="a", **calls):
    """Make a row that the model answered."""
    return row(klass, "model", calls=calls or {"direct": 1})


@pytest.mark.parametrize(
    ("wrong", "n", "bound"),
    [(0, 849, 1 - 0.05 ** (1 / 849)), (0, 1, 0.95), (1, 2, math.sqrt(0.95)), (3, 3, 1.0), (0, 0, 1.0)],
)
def test_the_exact_bound_is_the_closed_form_where_there_is_one(wrong, n, bound):
    """Clopper-Pearson: nothing wrong gives 1 - 0.05^(1/n), one of two gives the root of 1 - p^2 = 0.05."""
    assert metrics.upper_bound(wrong, n) == pytest.approx(bound, abs=1e-9)


def test_an_interval_comes_from_classes_and_not_from_requests():
    """Two classes, all right and all wrong: however many requests, a draw of two classes is 0, 1/2 or 1."""
    rows = [row("good") for _ in range(500)] + [row("bad", right=False) for _ in range(500)]
    found = metrics.wrong_hits(rows)
    assert (found["value"], found["low"], found["high"]) == (0.5, 0.0, 1.0)
    assert found["classes"] == {"bad": 500}


def test_equal_classes_have_no_spread():
    """Every draw of equal classes is the same."""
    rows = [row(name, right=number > 0) for name in "abc" for number in range(4)]
    found = metrics.wrong_hits(rows)
    assert (found["value"], found["low"], found["high"], found["count"], found["of"]) == (0.25, 0.25, 0.25, 3, 12)


def test_hit_rate_leaves_declined_classes_out():
    """Their requests are in neither part of the ratio; an audited request is no hit."""
    rows = [row(), row(), row(tier="exact"), row(tier="model", why="audit"), *[model("declined")] * 6]
    assert metrics.hit_rate(rows).value == 0.3
    assert metrics.hit_rate(rows, {"declined"}).value == 0.75
    assert metrics.hit_rate(rows, {"declined"}, "procedure").value == 0.5
    assert metrics.by_class(rows)["a"] == {
        "n": 4, "hits": 3, "procedure": 2, "exact": 1, "semantic": 0, "wrong_hits": 0, "right": 4, "audit_misses": 1,
        "direct": 0, "audit": 0, "vote": 0, "compile": 0,
    }  # fmt: skip


def test_wrong_hits_of_other_tiers_are_counted_apart():
    """A wrong answer by meaning is not a procedure's, and a wrong answer of the model is no hit."""
    rows = [row(), row(tier="semantic", right=False), row(tier="model", right=False)]
    assert metrics.wrong_hits(rows)["count"] == 0
    assert (metrics.wrong_hits(rows, "")["count"], metrics.wrong_hits(rows, "")["of"]) == (1, 2)


def test_accuracy_is_compared_request_by_request():
    """The difference is that of the same stream; another stream is refused."""
    ours = [row(at=i, right=i != 0) for i in range(4)]
    always = [row(at=i, tier="model", right=i > 1) for i in range(4)]
    found = metrics.accuracy(ours, always)
    assert (found["ours"]["value"], found["always"]["value"], found["difference"]["value"]) == (0.75, 0.5, 0.25)
    with pytest.raises(ValueError, match="one stream"):
        metrics.accuracy(ours, always[::-1])


@pytest.mark.parametrize(
    ("spent", "number"),
    [
        ([1, 1, 1, 1], None),  # never below one a request
        ([2, 1, 0, 0, 0], 4),  # 2 3 3 3 3 against 1 2 3 4 5
        ([0, 0, 3, 0, 0], 4),  # below, not below at the third, below again
        ([1, 0], 2),
        ([0], 1),
        ([0, 0, 3], None),  # below twice, but not at the end
    ],
)
def test_break_even_is_where_the_sum_stays_below(spent, number):
    """The last crossing counts, and equal is not below."""
    assert metrics.break_even(spent, [1] * len(spent)) == number


def test_break_even_in_money_counts_the_repeated_prefix_cheaper_and_thinking_dearer():
    """One compile (1M prefix, 1M input, 1M output) costs 18.30; a direct call 18.00, with a million tokens of thinking 33.00."""
    compile_ = row(tier="model", calls={"compile": 1}, tokens={"compile": [10**6, 10**6, 10**6]})
    direct = row(tier="model", calls={"direct": 1}, tokens={"direct": [0, 10**6, 10**6]})
    assert Prices().dollars(compile_) == pytest.approx(18.3)
    assert Prices(thinking=10**6).dollars(compile_) == pytest.approx(18.3)
    assert Prices().dollars(direct) == pytest.approx(18.0)
    assert Prices(thinking=10**6).dollars(direct) == pytest.approx(33.0)
    assert metrics.break_evens([compile_, row(), row()], [direct] * 3, Prices()) == {"a": 2}
    assert metrics.break_evens([compile_, row(), row()], [direct] * 3, Prices(thinking=10**6)) == {"a": 1}


def test_a_summary_of_break_evens_names_those_that_never_came():
    """Twelve is within twelve."""
    found = metrics.summary({"a": 12, "b": 13, "c": None})
    assert (found["n"], found["within_12"], found["median"], found["worst"]) == (3, 1, 12, 13)
    assert found["never"] == ["c"]


def test_call_rates_count_every_kind_and_leave_one_offs_out():
    """Day 2 has three recurring requests with one call of each of three kinds, and a one-off."""
    rows = [
        model(direct=1, compile=2), row(day=1), replace(model(direct=1), day=1), replace(model(audit=1, vote=1), day=1),
        replace(model(direct=1), day=1, source="oneoff"),
    ]  # fmt: skip
    day = metrics.call_rate(rows, 2)
    assert (day["n"], day["direct"], day["audit"], day["vote"], day["all"]) == (3, 1 / 3, 1 / 3, 1 / 3, 1.0)
    assert metrics.call_rate(rows, 2, window=7)["all"] == 6 / 4
    assert metrics.call_rate(rows, 2, oneoffs=True)["all"] == 1.0
    assert metrics.call_rate(rows, 9) == {"n": 0, "direct": 0.0, "audit": 0.0, "vote": 0.0, "compile": 0.0, "all": 0.0}


def test_counts_by_number_follow_each_class():
    """The k-th request of a class, wherever it stands in the stream."""
    rows = [model("a", direct=1, compile=1), model("b"), row("a"), row("a"), model("b")]
    assert metrics.counts_by_number(rows) == [(3, 2), (1, 2), (0, 1)]


def test_a_drift_is_noticed_when_a_procedure_falls():
    """Two wrong hits, then the request that suspends it; right hits later end it."""
    rows = [
        row(day=1), row(day=2, right=False), row("b", day=2, right=False), row(day=3, right=False),
        row(day=5, tier="model", fell=True), row(day=6, tier="model"), row(day=8),
    ]  # fmt: skip
    found = metrics.drift(rows, "a", 2)
    assert found["wrong_until_noticed"] == 2
    assert (found["days_until_noticed"], found["requests_until_noticed"]) == (3, 3)
    assert (found["days_until_served_again"], found["wrong_later"], found["procedure_hits_before"]) == (6, 0, 1)
    numbered = [replace(one, at=place) for place, one in enumerate(rows)]
    assert metrics.unnoticed(numbered, "a", 2) == {1, 3, 4}
    unseen = metrics.drift(rows[:4], "a", 2)
    assert (unseen["noticed_day"], unseen["wrong_until_noticed"], unseen["days_until_served_again"]) == (None, 2, None)


def test_percentiles_are_measured_values():
    """Nearest rank, of the one tier."""
    rows = [row(us=float(n)) for n in range(1, 101)] + [row(tier="exact", us=1e6)]
    assert metrics.latency(rows) == {"n": 100, "p50": 50.0, "p95": 95.0, "p99": 99.0}
    assert metrics.latency(rows, "semantic") == {"n": 0}


def test_the_first_procedure_hit_of_a_day_is_the_cold_one():
    """Other tiers' hits before it start no sandbox."""
    rows = [row(tier="exact", at=0), row(at=1), row(at=2), row(at=3, day=2), row(at=4, day=2)]
    first, rest = metrics.cold(rows)
    assert [one.at for one in first] == [1, 3]
    assert [one.at for one in rest] == [0, 2, 4]


def test_a_row_survives_its_json():
    """What is left out of the file has its usual value when it is read."""
    calls, tokens = {"audit": 1}, {"audit": [0, 3, 2]}
    full = Row(7, "k", "office", "model", False, 3, 1, True, True, "audit", "x", "wrong", calls, tokens, 1.5, True)
    for one in (full, row()):
        assert Row.from_json(json.loads(json.dumps(one.as_json()))) == one


def test_smoothing_looks_back_only():
    """The mean of what is known so far."""
    assert smooth([4, 2, 0], 2) == [4.0, 3.0, 1.0]


def test_declined_is_the_last_word_of_the_compiler():
    """A class that was declined and compiled later is not declined; a missing reply says nothing."""
    said = [("a", "NOT_COMPILABLE: taste"), ("b", "NOT_COMPILABLE: no"), ("b", "~~~meta"), ("a", None)]
    assert declined([Compile(klass, 0, "", reply) for klass, reply in said]) == {"a": "taste"}
