"""Varied values stay values of their slot, come again for the same seed, and are mostly new."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seglam.guard import Guard
from seglam.inputs import written
from seglam.variation import scrambled, varied

TYPES = (
    *("integer", "decimal", "money(€)", "percent", "fraction", "date", "time", "oneof(cat|dog|owl)", "name", "word"),
    *("words(1,3)", "quoted", "list(integer)", "list(word)", "table", "block(300)", "text(80)"),
)


def slotted(kind):
    """A guard with one slot of a type, and that slot."""
    guard = Guard.parse([f"Please look at what follows here:\\n{{x:{kind}}}"])
    return guard, guard.patterns[0].slots["x"]


@pytest.mark.parametrize("kind", TYPES)
def test_varied_values_are_values_of_the_slot(kind):
    """For every type: the guard accepts the request with the new text, and among twenty some are new."""
    guard, slot = slotted(kind)
    new = 0
    for seed in range(20):
        text = guard.patterns[0].sample(seed)
        value = guard.match(text)["x"]
        other = varied(slot, value, (), Random(seed))
        assert other == varied(slot, value, (), Random(seed))
        assert slot.parse(other) is not None
        given_back = guard.match(written(guard, text, {"x": other}))
        new += given_back is not None and given_back["x"] != value
    assert new >= 10


def test_values_of_the_pool_are_used():
    """What other cases had in the slot is tried as well."""
    _, slot = slotted("word")
    assert "zebra" in {varied(slot, "apple", ["zebra"], Random(seed)) for seed in range(20)}


def test_a_slot_that_stands_twice_is_changed_twice():
    """Else the pattern would no longer match."""
    guard = Guard.parse(["Is {a:word} the same word as {a}, or is it not?"])
    assert (
        written(guard, "Is owl the same word as owl, or is it not?", {"a": "cat"})
        == "Is cat the same word as cat, or is it not?"
    )


@given(text=st.text(max_size=60), seed=st.integers(0, 99))
def test_any_text_can_be_scrambled(text, seed):
    """Whatever stands in free data: one change, no error, the same for the same seed."""
    assert scrambled(text, Random(seed)) == scrambled(text, Random(seed))
