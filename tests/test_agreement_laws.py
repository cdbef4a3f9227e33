"""Laws of agreement: symmetry, reflexivity, no agreement of certain values that differ, and the dress of a value."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from seglam.agreement import KINDS, Tolerance, agree, differ, final_value
from seglam.errors import ConfigurationError

_PIECES = (
    "5", "45", "1,234", "1.50", "-3", "1/2", "5!", "...", "$", "€", "USD", "km", "m", "%", "cents", "per hour", "²", "^2",
    "and", ",", ";",
    ":", "\n", "- ", "1. ", "[", "]", "{", "}", "\\boxed{", "\\frac{1}{2}", "####", "Answer:", "**", "is", "are", "not",
    "=", ">", "a",
    "b", "(A)", "Yes", "No", "March 3, 2026", "2026-03-03", "17:30", "PM", "noon", "forty-two", "one half", "hours", "20 minutes",
    '"', "'", "The sorted words are", "wait", "apples", "left", "```", "|",
)  # fmt: skip
_REPLIES = st.lists(st.sampled_from(_PIECES), max_size=10).map(" ".join) | st.text(max_size=40)
_KINDS = st.sampled_from(KINDS)


@given(_REPLIES, _REPLIES, _KINDS)
def test_symmetric_reflexive_and_total(one: str, other: str, kind: str) -> None:
    """It never raises; an answer agrees with itself; the order of the two does not matter."""
    assert agree(one, one, kind)
    assert agree(one, other, kind) == agree(other, one, kind)
    assert differ(one, other, kind) == differ(other, one, kind)
    assert not differ(one, one, kind)


@given(_REPLIES, _REPLIES, _KINDS)
def test_certain_values_that_differ_never_agree(one: str, other: str, kind: str) -> None:
    """No wording makes two certain values agree that are not the same."""
    assert not (differ(one, other, kind) and agree(one, other, kind))


@given(_REPLIES, st.sampled_from(["integer", "decimal", "money"]))
def test_no_bare_number_bridges_two_units(reply: str, kind: str) -> None:
    """Where a reply agrees with 45 km it does not agree with 45 m, unless it is a bare 45; so with currencies."""
    for one, other in (("45 km", "45 m"), ("45 USD", "45 EUR"), ("45 hours", "45 minutes")):
        assert not agree(one, other, kind)
        if agree(reply, one, kind) and agree(reply, other, kind):
            found = final_value(reply, kind)
            assert found is not None
            assert (found.value, found.unit, found.bare) == (45, "", True)


_AMOUNTS = st.integers(-(10**9), 10**9).map(lambda cents: Decimal(cents) / 100)
_DRESS = (
    "{:.2f}",
    "{:,.2f}",
    "{:.3f}",
    "**{:.2f}**",
    "The answer is {:,.2f}.",
    "\\boxed{{{:.2f}}}",
    "So x = {:.2f}",
    "${:.2f}$",
)


@given(_AMOUNTS, st.sampled_from(_DRESS), st.sampled_from(_DRESS))
def test_dress_does_not_count(amount: Decimal, one: str, other: str) -> None:
    """Thousands separators, trailing zeros and marks leave the value."""
    assert agree(one.format(amount), other.format(amount), "decimal")


@given(_AMOUNTS.filter(lambda amount: amount >= 0), _AMOUNTS.filter(lambda amount: amount >= 0))
def test_a_currency_is_the_same_as_sign_word_or_code(amount: Decimal, changed: Decimal) -> None:
    """Sign, code and word name one currency; the amount and the currency count."""
    dress = [
        f"${amount:,.2f}",
        f"{amount} USD",
        f"USD {amount:.2f}",
        f"{amount:,.2f} dollars",
        f"The total is **${amount:.2f}**.",
    ]
    for text in dress:
        assert agree(dress[0], text, "money")
        assert not agree(text, f"€{amount:.2f}", "money")
        assert amount == changed or not agree(text, f"${changed:.2f}", "money")


_ITEMS = st.lists(
    st.from_regex(r"[b-z]{2,9}", fullmatch=True).filter(lambda word: word not in ("none", "nothing", "etc")),
    min_size=2,
    max_size=7,
)
_BAD = frozenset(("are", "be", "is", "and", "not", "never", "empty", "becomes", "become", "cannot", "neither", "nor"))
_LISTS = (
    ", ".join,
    lambda words: ", ".join(words[:-1]) + " and " + words[-1],
    lambda words: ", ".join(words[:-1]) + ", and " + words[-1] + ".",
    str,
    lambda words: "[" + ", ".join(words) + "]",
    lambda words: "\n".join("- " + word for word in words),
    lambda words: "Here is the list:\n\n" + "\n".join(f"{n}. {word}" for n, word in enumerate(words, 1)),
    "\n".join,
    lambda words: "The sorted words are: " + ", ".join(words) + ".",
    lambda words: "**Answer:** " + ", ".join(words),
)  # fmt: skip


@given(_ITEMS, st.sampled_from(_LISTS), st.sampled_from(_LISTS), st.randoms(use_true_random=False))
def test_list_dress_does_not_count_but_order_does(words, one, other, random) -> None:
    """However a list is written it has the same items; another order is another list and the same set."""
    assume(not {*words} & _BAD)
    shuffled = random.sample(words, len(words))
    assert agree(one(words), other(words), "list")
    assert agree(one(words), other(shuffled), "set")
    assert agree(one(words), other(shuffled), "list") == (words == shuffled)
    assert not agree(one(words), other([*words, words[0]]), "set")


@given(
    st.lists(st.integers(-9999, 9999), min_size=2, max_size=6),
    st.lists(st.integers(-9999, 9999), min_size=2, max_size=6),
)
def test_lists_of_numbers_agree_by_value(one: list[int], other: list[int]) -> None:
    """Brackets, quotes and decimals leave the numbers; other numbers never agree."""
    dress = [str(one), ", ".join(map(str, one)), str([str(n) for n in one]), ", ".join(f"{n}.0" for n in one)]
    assert all(agree(dress[0], text, "list") for text in dress)
    assert one == other or not any(agree(text, str(other), "list") for text in dress)
    assert sorted(one) == sorted(other) or not any(agree(text, str(other), "set") for text in dress)


@given(st.text(max_size=30), st.text(max_size=30))
def test_text_is_letter_by_letter(one: str, other: str) -> None:
    """Only what no reader sees may differ."""
    assert agree(one, f"  {one}\n", "text")
    if one.split() != other.split() and one.isascii() and other.isascii():
        assert not agree(one, other, "text")


@pytest.mark.parametrize(
    "wrong",
    [
        {"relative": -0.1}, {"relative": 1.0}, {"relative": float("nan")}, {"relative": "0.1"}, {"relative": True},
        {"absolute": -1}, {"absolute": Decimal("inf")}, {"absolute": Decimal("nan")}, {"absolute": None}, {"rounding": 1},
    ],
)  # fmt: skip
def test_a_tolerance_that_is_none_is_refused(wrong) -> None:
    """The error names the argument."""
    with pytest.raises(ConfigurationError, match=f"Tolerance.{next(iter(wrong))}"):
        Tolerance(**wrong)


def test_tolerance_is_for_decimals_and_money_only() -> None:
    """Relative and absolute distances are granted as asked, and never to whole numbers, fractions or lists."""
    wide = Tolerance(relative=0.01, absolute=Decimal("0.5"))
    assert agree("100", "100.9", "decimal", tolerance=wide)
    assert agree("$0.10", "$0.60", "money", tolerance=wide)
    assert not agree("100", "102", "decimal", tolerance=wide)
    assert not agree("$100", "€100.5", "money", tolerance=wide)
    for one, other, kind in (
        ("1000", "1001", "integer"),
        ("1/2", "0.501", "fraction"),
        ("[1.0, 2]", "[1.001, 2]", "list"),
    ):
        assert not agree(one, other, kind, tolerance=wide)


@given(st.fractions(), st.fractions(), st.integers(0, 6))
def test_exact_allows_nothing(one: Fraction, other: Fraction, places: int) -> None:
    """Without a tolerance only equal numbers are near enough."""
    assert Tolerance().allows(one, other, places) == (one == other)
