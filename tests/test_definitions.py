"""Definitions: functions and constants as text that means the same without the package."""

import re
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seglam.dataslots import slot_type
from seglam.definitions import Definitions, literal

DATA = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals(allow_nan=False) | st.text() | st.binary(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=12)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=9), inner, max_size=12)
        | st.frozensets(st.text(max_size=12) | st.sampled_from("abcdefghijklmnop"), max_size=20)
    ),
    max_leaves=30,
)


@settings(deadline=None)
@given(DATA)
def test_constants_are_written_as_they_are(value):
    """The Python text of any plain data, read by Python, is the same data of the same types."""
    assert repr_of(eval(literal(value), {"Decimal": Decimal})) == repr_of(value)


def repr_of(value):
    """Like repr, but the order of a set, which is none, does not show."""
    if isinstance(value, frozenset):
        return f"frozenset{sorted(value)!r}"
    if isinstance(value, dict):
        return f"{{{[(key, repr_of(item)) for key, item in value.items()]}}}"
    if isinstance(value, list | tuple):
        return f"{type(value).__name__}{[repr_of(item) for item in value]}"
    return repr(value)


def test_expressions_are_written_as_they_are():
    """Regular expressions keep their pattern and flags, whatever quotes are in them."""
    for pattern in (
        re.compile(r"\d\"'"),
        re.compile(b'[\xff"]'),
        re.compile("a\\\\", re.DOTALL | re.IGNORECASE),
        re.compile("\n"),
    ):
        again = eval(literal(pattern), {"re": re})
        assert (again.pattern, again.flags) == (pattern.pattern, pattern.flags)


def test_what_cannot_be_written_is_refused():
    """Never a text that means something else: an object, or a function without a name, is a TypeError."""
    for value in (object(), {1: object()}, [lambda: 1], 1j):
        with pytest.raises(TypeError, match="cannot be written out"):
            literal(value)
    with pytest.raises(TypeError, match="cannot be written out"):
        Definitions().name(lambda: 1, "named")
    with pytest.raises(TypeError, match="not of the standard library"):
        Definitions().name(pytest)


def test_a_name_that_is_taken_gets_another():
    """Two modules may use one name for two things; both are in the file, each under its own, and each is used rightly."""
    own = Definitions({"MAX_TEXT"})
    assert own.name(3, "MAX_TEXT") == "MAX_TEXT_2"
    assert own.name(7000, "MAX_TEXT") == "MAX_TEXT_3"
    own.reader(slot_type("table"))
    assert "len(text) > MAX_TEXT_4" in "".join(own.functions)
    assert "MAX_TEXT_4 = 20000" in own.constants
    assert own.reader(slot_type("money(€)")) != own.reader(slot_type("money(£)"))
    assert own.reader(slot_type("money(€)")) == own.reader(slot_type("money(€)"))
