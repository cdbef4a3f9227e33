"""Agreement of answers: by value, wherever it stands in the answer; whatever is not certain does not agree."""

import json
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from seglam.agreement import Tolerance, agree, final_value

AGREE = [
    ("The total is **$45.00**.", "45 dollars", "decimal"),
    ("The total is $45.00 for 3 tickets.", "$45", "decimal"),
    ("5 * 2 = 10.\nSo 10 + 2 = 12 km", "12 km", "integer"),
    ("#### 7", "\\boxed{7}", "integer"),
    ("\\[ x = \\boxed{1{,}000} \\]", "1000", "integer"),
    ("3 * 12 = 36.\n\nJohn has 36 apples.", "36", "integer"),
    ("Final answer: **42 apples**", "42", "integer"),
    ("minus 5", "-5", "integer"),
    ("5 km", "5000 m", "integer"),
    ("£50", "fifty pounds", "decimal"),
    ("1,234.50", "1234.5", "decimal"),
    ("\\boxed{\\frac{1}{2}}", "0.5", "fraction"),
    ("2/4", "1/2", "fraction"),
    ("It is March 3rd, 2026.", "2026-03-03", "date"),
    ("Answer: B", "(B)", "option"),
    ("B) Paris", "The answer is **B**.", "option"),
    ("Yes, it is.", "yes", "option"),
    ("  hello world\n", "hello world", "text"),
    ('{"a": 1.0, "b": [true]}', 'Here:\n```json\n{"b": [true], "a": 1}\n```', "json"),
]

DISAGREE = [
    ("5 km", "5 miles", "integer"),
    ("$5", "€5", "decimal"),
    ("3.14", "3.1", "decimal"),
    ("You need 36 boxes. Each holds 12.", "You need 35 boxes. Each holds 12.", "integer"),
    ("You need 36 boxes. Each holds 12.", "12", "integer"),
    ("The total is 36 apples and 12 pears.", "The total is 36 apples and 13 pears.", "integer"),
    ("x = 3, y = 4", "x = 2, y = 4", "integer"),
    ("The answer is 36 to 40", "The answer is 35 to 40", "integer"),
    ("The answer is not 5", "The answer is 5", "integer"),
    ("March 3", "March 3, 2026", "date"),
    ("Answer: A", "Answer: B", "option"),
    ("Hello", "hello", "text"),
    ('{"a": 1}', '{"a": true}', "json"),
    ("[1, 2]", "[2, 1]", "json"),
    ("no value here", "nor here", "integer"),
    ("Yes, it is 5.", "No, it is 5.", "integer"),
    ("The profit is $5.", "The loss is $5.", "decimal"),
    ("It increased by 5%.", "It decreased by 5%.", "decimal"),
    ("at least 5", "at most 5", "integer"),
    ("5 days ago", "in 5 days", "integer"),
    ("Before 2026-03-04", "After 2026-03-04", "date"),
    ("Monday, 2026-03-04", "Tuesday, 2026-03-04", "date"),
    ("Anna pays Bob $5.", "Bob pays Anna $5.", "decimal"),
    ("She owes him $5.", "He owes her $5.", "decimal"),
    ("5%", "5", "decimal"),
    ("a\nb", "a b", "text"),
    ("a  b", "a b", "text"),
    ("Hello.", "Hello", "text"),
]


@pytest.mark.parametrize(("one", "other", "kind"), AGREE)
def test_the_same_value_agrees(one: str, other: str, kind: str) -> None:
    """Wording, marking, units and spelling may differ where the value is the same."""
    assert agree(one, other, kind)
    assert agree(other, one, kind)


@pytest.mark.parametrize(("one", "other", "kind"), DISAGREE)
def test_anything_else_does_not(one: str, other: str, kind: str) -> None:
    """Another value, unit or letter, and every answer whose value is not certain, does not agree."""
    assert not agree(one, other, kind)
    assert not agree(other, one, kind)


def test_rounding_is_asked_for() -> None:
    """Half a unit in the last place is granted only on request, and no more than that."""
    assert agree("3.14", "3.1", "decimal", tolerance=Tolerance(rounding=True))
    assert not agree("3.16", "3.1", "decimal", tolerance=Tolerance(rounding=True))
    assert not agree("3.14", "3", "decimal", tolerance=Tolerance(rounding=True))


_RENDERINGS = (
    "{}", "The answer is {}.", "So the total is **{}**.", "#### {}", "\\boxed{{{}}}", "= {}", "Answer: {}",
    "Therefore, the result is {}.", "First 2 + 2 = 4.\nThe final answer is {}.",
)  # fmt: skip
_NUMBERS = st.decimals(-(10**6), 10**6, places=2).map(lambda d: d.normalize() + 0).map(lambda d: f"{d:f}")


@given(st.sampled_from(_RENDERINGS), st.sampled_from(_RENDERINGS), _NUMBERS)
def test_renderings_of_one_value_agree(one: str, other: str, number: str) -> None:
    """A value agrees with itself in every rendering, and is found there."""
    assert agree(one.format(number), other.format(number), "decimal")
    found = final_value(one.format(number), "decimal")
    assert found is not None
    assert found.value == Fraction(number)


@given(st.sampled_from(_RENDERINGS), st.sampled_from(_RENDERINGS), _NUMBERS, _NUMBERS)
def test_a_changed_number_never_agrees(one: str, other: str, number: str, changed: str) -> None:
    """Another number does not agree in any rendering."""
    assume(Fraction(number) != Fraction(changed))
    assert not agree(one.format(number), other.format(changed), "decimal")


@given(
    st.text(max_size=60),
    st.text(max_size=60),
    st.sampled_from(["integer", "decimal", "date", "option", "text", "json"]),
)
def test_agreement_is_reflexive_symmetric_and_total(one: str, other: str, kind: str) -> None:
    """It never raises; an answer agrees with itself; the order of the two does not matter."""
    assert agree(one, one, kind)
    assert agree(one, other, kind) == agree(other, one, kind)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(_JSON, _JSON)
def test_json_is_compared_by_structure(one: object, other: object) -> None:
    """Layout and the order of keys do not matter, everything else does."""
    assert agree(json.dumps(one), json.dumps(one, indent=2, sort_keys=True), "json")
    if json.dumps(one, sort_keys=True) != json.dumps(other, sort_keys=True):
        assert not agree(json.dumps(one), json.dumps(other), "json")
