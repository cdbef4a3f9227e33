"""Dispatch: no guard that accepts a text is left out, few others are let in; and overlaps between guards are found."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from seglam.dispatch import Dispatch, overlaps
from seglam.errors import PatternError
from seglam.guard import MAX_REQUEST, Guard

TEMPLATES = [
    "What is the total of {n:integer} boxes at {price:money} each?",
    "What is the total of {n:integer} crates at {price:money} each?",
    "What is the total of {n:integer} {thing:word} at {price:money} each?",
    "What is {a:integer}{op:oneof(+|-|*)}{b:integer}?",
    r"Sort these words:\n{items:list(word)}",
    r"Sort these words:\n{items:list(word)}\nAnswer in one line.",
    "{a:integer} 더하기 {b:integer}는 얼마입니까?",
    "{a:integer}加{b:integer}等于多少",
    "a{x:integer}b{y:integer}c{z:integer}d",
    "{text:text(300)}, summed up",
    "{text:text(300)} summed up",
    "Sum it all up: {text:text(300)}",
]
GUARDS = [Guard.parse([template]) for template in TEMPLATES]
SPACES = st.sampled_from(["", " ", "\n", "\x1f", "\u2003", "\x85"])


def accepting(guards, text):
    """By asking every guard."""
    return {number for number, guard in enumerate(guards) if guard.match(text) is not None}


@settings(deadline=None)
@given(
    chosen=st.lists(st.sampled_from(GUARDS), max_size=30),
    merged=st.lists(st.lists(st.sampled_from(TEMPLATES), min_size=1, max_size=3), max_size=4),
    which=st.sampled_from(GUARDS),
    seed=st.integers(0, 1000),
    before=SPACES,
    after=SPACES,
)
def test_every_guard_that_accepts_is_a_candidate(chosen, merged, which, seed, before, after):
    """The candidates that match are those that brute force finds, whatever guards there are, and in ascending order."""
    guards = [*chosen, *(Guard.parse(templates, proven=True) for templates in merged), which]
    text = before + which.patterns[0].sample(seed) + after
    found = Dispatch().changed(dict(enumerate(guards))).candidates(text)
    assert found == sorted(set(found))
    assert {number for number in found if guards[number].match(text) is not None} == accepting(guards, text)
    assert len(guards) - 1 in found


LITERALS = st.text(st.sampled_from("ab é加\n.1"), max_size=6)


@settings(deadline=None, max_examples=300)
@given(
    templates=st.lists(st.lists(LITERALS, min_size=2, max_size=4), min_size=1, max_size=40),
    fillings=st.lists(st.text(st.sampled_from("1a ,é"), min_size=1, max_size=3), min_size=3, max_size=3),
    text=LITERALS,
)
def test_any_literals(templates, fillings, text):
    """Literals that touch slots, have no whole word, or are almost nothing: still no guard is left out."""
    guards = []
    for literals in templates:
        source = literals[0] + "".join(f"{{s{n}:text(9)}}{run}" for n, run in enumerate(literals[1:]))
        try:
            guards.append(Guard.parse(["Please" + source.replace("\n", "\\n")], proven=True))
            guards.append(Guard.parse([source.replace("\n", "\\n") + "Please, do"], proven=True))
        except PatternError:
            continue
    dispatch = Dispatch().changed(dict(enumerate(guards)))
    filled = "".join(run + by for run, by in zip(templates[0], [*fillings, ""], strict=False))
    for made in (text, filled, "Please" + filled, filled + "Please, do"):
        candidates = dispatch.candidates(made)
        assert accepting(guards, made) <= set(candidates)


def many(count):
    """Guards that begin and end alike, each with one word of its own."""
    return [Guard.parse([f"What is the total of {{n:integer}} item{i} goods?"], proven=True) for i in range(count)]


def test_guards_that_look_alike_are_told_apart():
    """Of a thousand guards with the same words but one, only that with the text's word is a candidate."""
    guards = many(1000)
    dispatch = Dispatch().changed(dict(enumerate(guards)))
    assert dispatch.candidates("What is the total of 7 item613 goods?") == [613]
    assert dispatch.candidates("What is the total of 7 items goods?") == []
    assert dispatch.candidates("What is the total of item613 goods?") == []


def test_patterns_of_the_same_words_are_told_apart():
    """Where a hundred patterns share each rare word, a second word decides; equal patterns stay together."""
    words = [f"w{number}" for number in range(40)]
    guards = [Guard.parse([f"Add {{a:integer}} {x} to {{b:integer}} {y}."], proven=True) for x in words for y in words]
    dispatch = Dispatch().changed(dict(enumerate([*guards, *guards])))
    assert dispatch.candidates("Add 3 w7 to 4 w9.") == [7 * 40 + 9, 1600 + 7 * 40 + 9]
    assert dispatch.candidates("Add 3 w7 to 4 w40.") == []


@example(text="\ud800")
@example(text="What is the total of \ud800 boxes at $2 each?")
@example(text="")
@settings(deadline=None)
@given(text=st.text())
def test_any_text(text):
    """Whatever is asked, nothing is raised and nobody who accepts is left out; without guards there are no candidates."""
    assert accepting(GUARDS, text) <= set(Dispatch().changed(dict(enumerate(GUARDS))).candidates(text))
    assert Dispatch().candidates(text) == []


@settings(deadline=None, max_examples=60)
@given(
    steps=st.lists(
        st.dictionaries(st.integers(0, 12), st.lists(st.sampled_from(TEMPLATES), min_size=1, max_size=3), max_size=12),
        max_size=6,
    ),
    seed=st.integers(0, 1000),
)
def test_a_changed_dispatch_equals_a_new_one(steps, seed):
    """However guards come, change and go, what was filed step by step names the same candidates as one made at once."""
    dispatch = Dispatch()
    for step in steps:
        guards = {number: Guard.parse(templates, proven=True) for number, templates in step.items()}
        dispatch = dispatch.changed(guards)
        anew = Dispatch().changed(guards)
        for guard in (*guards.values(), *GUARDS):
            text = guard.patterns[0].sample(seed)
            assert dispatch.candidates(text) == anew.candidates(text)


def test_guards_that_come_one_by_one():
    """Filed one at a time or at once, of hundreds of guards that look alike only the text's own is a candidate."""
    guards, dispatch = dict(enumerate(many(300))), Dispatch()
    for number in guards:
        dispatch = dispatch.changed({n: guards[n] for n in range(number + 1)})
    assert all(dispatch.candidates(f"What is the total of 7 item{n} goods?") == [n] for n in guards)
    last = dispatch.changed({299: guards[299]})
    assert last.candidates("What is the total of 7 item13 goods?") == []
    assert last.candidates("What is the total of 7 item299 goods?") == [299]


def test_a_text_that_is_too_long_is_refused_unread():
    """What no guard would read is no one's."""
    dispatch = Dispatch().changed({0: Guard.parse(["Make this shorter: {passage:text(20000)}"])})
    assert dispatch.candidates("Make this shorter: " + "x" * 10_000) == [0]
    assert dispatch.candidates("Make this shorter: " + "x" * MAX_REQUEST) == []


OVERLAPPING = [
    (["Convert {n:integer} metres to {unit:word}"], ["Convert 5 {unit:word} to feet"]),
    (["Add {a:integer} and {b:integer}"], ["Add {x:decimal} and {y:decimal}"]),
    (["Add {a:integer} and {a:integer}."], ["Add {x:integer} and {y:integer}."]),
    (["Order the {things:words(2,4)} now"], ["Order the blue {thing:word} now"]),
    ([r"Sort this:\n{rows:block}"], [r"Sort this:\n{items:list(word)}"]),
    (["Is {who:name} there, or {other:name}?"], ["Is Ada there, or {other:name}?", "Never mind {who:name}!"]),
]


@pytest.mark.parametrize(("one", "other"), OVERLAPPING, ids=str)
def test_overlaps_are_found(one, other):
    """Texts that both accept are found although neither's samples alone need be such, in both directions, always the same."""
    one, other = Guard.parse(one), Guard.parse(other)
    found = overlaps(one, other, 20)
    assert found
    assert found == overlaps(one, other, 20)
    assert overlaps(other, one, 20)
    assert len(set(found)) == len(found)
    assert all(one.match(text) is not None and other.match(text) is not None for text in found)


APART = [
    (["Add {a:integer} and {b:integer}"], ["Add {a:integer} and {b:integer}."]),
    (["Convert {n:integer} metres to {unit:word}"], ["Convert {n:integer} miles to {unit:word}"]),
    (["What is the total of {n:integer} boxes?"], ["Which is the total of {n:integer} boxes?"]),
]


@pytest.mark.parametrize(("one", "other"), APART, ids=str)
def test_guards_that_nothing_joins(one, other):
    """Where no text is accepted by both, none is named."""
    assert overlaps(Guard.parse(one), Guard.parse(other), 20) == ()
