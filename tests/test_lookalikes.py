"""Stored questions that sound alike and have different answers are each other's look-alikes."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import HashEmbedder, InlineExecutor
from seglam import Cache, Policy, Request, Response
from seglam.contrast import Sense
from seglam.lookalikes import MOST
from seglam.policy import DAY

ONE = "How do I reset my password?"
TWO = "How do I change my password?"
THREE = "How do I reset my old password?"
SET = {"same": ["steps to reset a password"], "other": ["what is a password?"]}
POLICY = {"contrast_near": 0.5, "contrast_threshold": 0.95, "check_hits": 0.0, "compile": "off"}


def sets(*questions):
    """A file with the same set for each question."""
    return [json.dumps({"question": question, **SET}) for question in questions]


def neighbours(cache, text, **scope):
    """The look-alikes of a question that its neighbours are, with the ids of their rows."""
    known = cache.wordbook.wordings_of(Request(text, **scope).key)
    found = [w for w in known if w.origin == "neighbour"]
    assert all(w.sense is Sense.OTHER for w in found)
    return {w.text: w.id for w in found}


@pytest.fixture
def cache(open_cache):
    """A cache without a model; sets come from files."""
    return open_cache(policy=POLICY)


def tell(cache, text, answer, **scope):
    """Store an exchange and learn from it."""
    cache.record(Request(text, **scope), Response(answer))


def test_another_answer_makes_look_alikes_both_ways(cache):
    """Whichever came first; each stands on the far side of the other."""
    cache.import_questions(sets(ONE, TWO))
    tell(cache, ONE, "It takes 5 minutes.")
    tell(cache, TWO, "It takes 7 minutes.")
    assert (set(neighbours(cache, ONE)), set(neighbours(cache, TWO))) == ({TWO}, {ONE})


def test_the_same_answer_makes_none(cache):
    """By value, whatever the wording; and where nobody can tell, nothing is put down either."""
    cache.import_questions(sets(ONE, TWO, THREE))
    tell(cache, ONE, "It takes 5 minutes.")
    tell(cache, TWO, "5 minutes")
    tell(cache, THREE, "You get a link by mail, and the rest is easy.")
    assert [neighbours(cache, text) for text in (ONE, TWO, THREE)] == [{}, {}, {}]


def test_a_set_that_is_made_later_finds_its_neighbours(open_cache):
    """A FAQ is stored first; then its questions get their sets, by import or by the model."""
    cache = open_cache(policy=POLICY)
    cache.load([(Request(ONE), Response("5")), (Request(TWO), Response("7"))])
    assert neighbours(cache, ONE) == {}
    cache.import_questions(sets(ONE))
    assert set(neighbours(cache, ONE)) == {TWO}
    assert neighbours(cache, TWO) == {}
    cache = open_cache(policy=POLICY, compiler=lambda _: json.dumps(SET))
    assert cache.crystallise(Request(TWO))
    assert set(neighbours(cache, TWO)) == {ONE}


def test_it_is_a_look_alike_that_refuses(open_cache):
    """A request that is nearest to a wording, but not by the margin over the neighbour."""
    cache = open_cache(policy={**POLICY, "contrast_near": 0.02, "contrast_threshold": 0.6, "contrast_margin": 0.3})
    cache.import_questions(sets(ONE))
    tell(cache, ONE, "5 minutes")
    tell(cache, "steps to renew a password", "Ask the desk.")  # nobody can tell whether that is another answer
    asked = Request("steps to reset a good password")
    assert cache.lookup(asked).notes["rule"] == "contrast"
    cache._store.drop_alias(asked.key)
    tell(cache, "steps to renew a password", "7 minutes")
    assert not cache.lookup(asked)


def test_settling_again_writes_nothing(cache):
    """The same rows stay: no id is new, no other process has to read them again."""
    cache.import_questions(sets(ONE, TWO))
    tell(cache, ONE, "5")
    tell(cache, TWO, "7")
    before = (neighbours(cache, ONE), neighbours(cache, TWO))
    for text in (ONE, TWO):
        assert cache._recognizer._lookalikes.settle(Request(text)) == 0
    cache.import_questions(sets(ONE, TWO))
    assert (neighbours(cache, ONE), neighbours(cache, TWO)) == before


def gone(cache, clock, how):
    """The second question's answer goes."""
    if how == "forgotten":
        cache.forget(Request(TWO))
    elif how == "wrong":
        cache.wrong(cache.lookup(Request(TWO)))
    elif how == "expired":
        clock.move(2 * DAY)
        cache._ledger.flush()
    elif how == "cleared":
        cache.clear()
    else:
        cache._store.drop_taken(("", ""), TWO.__eq__)


@pytest.mark.parametrize("how", ["forgotten", "wrong", "expired", "cleared", "taken by a procedure"])
def test_they_go_with_the_neighbour(cache, clock, how):
    """Whatever takes the answer away."""
    cache.import_questions(sets(ONE))
    tell(cache, ONE, "5")
    tell(cache, TWO, "7")
    assert set(neighbours(cache, ONE)) == {TWO}
    gone(cache, clock, how)
    assert neighbours(cache, ONE) == {}


def test_an_evicted_neighbour_takes_its_words_along(open_cache):
    """The least recently used go first."""
    cache = open_cache(policy={**POLICY, "max_entries": 2})
    cache.import_questions(sets(ONE))
    tell(cache, TWO, "7")
    tell(cache, ONE, "5")
    assert set(neighbours(cache, ONE)) == {TWO}
    tell(cache, "What is the weight of a whale?", "many tons")
    assert neighbours(cache, ONE) == {}


def test_a_renewed_answer_is_compared_anew(cache):
    """On both sides: what agrees now is no look-alike any more, what differs now is one."""
    cache.import_questions(sets(ONE, TWO))
    tell(cache, ONE, "5")
    tell(cache, TWO, "7")
    tell(cache, ONE, "7")
    assert (neighbours(cache, ONE), neighbours(cache, TWO)) == ({}, {})
    tell(cache, TWO, "8")
    assert (set(neighbours(cache, ONE)), set(neighbours(cache, TWO))) == ({TWO}, {ONE})


def test_nothing_crosses_a_scope(cache):
    """Other contexts, engines and namespaces have neighbours of their own."""
    for scope in ({"vary": "v"}, {"engine": "e"}, {"namespace": "n"}):
        tell(cache, TWO, "7", **scope)
    cache.import_questions(sets(ONE))
    tell(cache, ONE, "5")
    assert neighbours(cache, ONE) == {}


def test_what_the_guards_tell_apart_takes_no_place(cache):
    """Another number is refused anyhow."""
    cache.import_questions(sets("How do I reset router 12?"))
    tell(cache, "How do I reset router 12?", "5")
    tell(cache, "How do I reset router 13?", "7")
    assert neighbours(cache, "How do I reset router 12?") == {}


def test_the_words_of_people_stay_and_those_of_the_model_do_not(open_cache):
    """Two answers that differ are evidence against what a model guessed, not against what a person knows."""
    cache = open_cache(policy=POLICY, compiler=lambda _: json.dumps({**SET, "same": [TWO, THREE]}))
    tell(cache, ONE, "5")
    assert cache.crystallise(Request(ONE))
    cache.teach(Request(ONE).key, THREE, "same")
    cache._store.drop_alias(Request(TWO).key)
    cache.load([(Request(TWO), Response("7")), (Request(THREE), Response("8"))])
    cache._recognizer._lookalikes.settle(Request(ONE))
    sides = {w.text: (w.sense, w.origin) for w in cache.wordbook.wordings_of(Request(ONE).key)}
    assert sides[TWO] == (Sense.OTHER, "neighbour")
    assert sides[THREE] == (Sense.SAME, "person")


def test_the_nearest_are_kept(cache):
    """So many at most; a nearer one takes the place of the farthest."""
    words = ["amber", "birch", "cedar", "delta", "ember", "flint", "grove", "heath", "inlet", "jetty", "knoll"]
    words += ["larch", "marsh", "north", "ocean", "pines", "quartz", "ridge"]
    cache.import_questions(sets(ONE))
    tell(cache, ONE, "5")
    far = [f"How do I reset my {word} password? {word} {word}" for word in words]
    for number, text in enumerate(far):
        tell(cache, text, f"{100 + number}")
    known = set(neighbours(cache, ONE))
    assert len(known) == MOST
    tell(cache, THREE, "7")
    later = set(neighbours(cache, ONE))
    assert (len(later), THREE in later, len(later - known)) == (MOST, True, 1)


def test_a_judge_of_the_application_decides(open_cache):
    """In place of the comparison by value; one that fails says no."""

    class Judge:
        def agree(self, question, expected, actual, kind):
            if "boom" in (expected, actual):
                raise ValueError
            return expected[0] == actual[0]

    cache = open_cache(policy={**POLICY, "judge": Judge()})
    cache.import_questions(sets(ONE))
    tell(cache, ONE, "a 5")
    tell(cache, TWO, "a 7")
    assert neighbours(cache, ONE) == {}
    tell(cache, TWO, "boom")
    assert set(neighbours(cache, ONE)) == {TWO}


def test_a_neighbour_that_goes_meanwhile_is_not_put_down(cache):
    """Between the comparison and the line another process may erase it: the trigger has run by then."""
    cache.import_questions(sets(ONE))
    tell(cache, ONE, "5")
    (question,) = cache.wordbook.questions()
    (vector,) = cache._semantic.packed([TWO])
    assert not cache.wordbook.neighbour(question, Request(TWO), vector, fingerprint="test-hash/64", now=0.0)
    assert neighbours(cache, ONE) == {}


def test_a_fault_is_counted_and_costs_no_answer(open_cache, monkeypatch):
    """Learning fails, the exchange is stored."""
    cache = open_cache(policy={**POLICY, "on_fault": "miss"})
    cache.import_questions(sets(ONE))
    monkeypatch.setattr(type(cache.wordbook), "neighbour", lambda *_, **__: 1 / 0)
    tell(cache, ONE, "5")
    tell(cache, TWO, "7")
    assert cache.faults == {"background": 1}
    assert cache.lookup(Request(TWO)).response.text == "7"


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([ONE, TWO, THREE]), st.sampled_from("567x")), max_size=8), st.data())
def test_lines_agree_with_what_is_stored(steps, data):
    """After any exchanges and erasures: every neighbour on a line is stored, and its answer differs; all that do stand there."""
    policy = Policy(on_fault="raise", **POLICY)
    with Cache.open(":memory:", policy=policy, embedder=HashEmbedder(), executor=InlineExecutor()) as cache:
        cache.import_questions(sets(ONE, TWO))
        answers = {}
        for text, answer in steps:
            if answer == "x":
                cache.forget(Request(text))
                cache.import_questions(sets(ONE, TWO))
                answers.pop(text, None)
            else:
                tell(cache, text, answer)
                answers[text] = answer
        for text in (ONE, TWO):
            near = neighbours(cache, text)
            assert set(near) == {t for t, a in answers.items() if t != text and a != answers.get(text, a)}
        assert cache.check() == []
