"""Consensus: several stored questions around a request have one answer, and none has another."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seglam import Hit, Miss, Policy, Request, Response
from seglam.consensus import Voice, contested, telling, unanimous
from seglam.contrast import Sense
from seglam.errors import ConfigurationError
from seglam.judgements import CONSENSUS
from seglam.minilm import MiniLM

ANSWER = "Refunds take three to five working days; the shop sees the state of yours."
OTHER = "Exchanges are made at the counter, with the receipt, on any working day."
STORED = (
    "How long does a refund take to reach my card?",
    "How long does my refund to the card take?",
    "How long until a refund is back on my card?",
)
ASKED = "On my card, how long does the refund take?"


MINILM = MiniLM()  # lazy: nothing is loaded here


@pytest.fixture
def handbook(open_cache):
    """Opens a cache with several wordings of one question."""

    def make(answers=(ANSWER,) * 3, questions=STORED, **policy):
        cache = open_cache(embedder=MINILM, policy={"check_hits": 0.0, "compile": "off", "contrast": "off", **policy})
        cache.load((Request(q), Response(a)) for q, a in zip(questions, answers, strict=True))
        return cache

    return make


def voices(*texts, answer=ANSWER, score=0.9):
    """Neighbours with one answer."""
    return [Voice(text, answer, score) for text in texts]


def test_three_questions_with_one_answer_serve_a_fourth(handbook):
    """A request that says nothing new is served, and told why."""
    found = handbook().lookup(Request(ASKED))
    assert isinstance(found, Hit)
    assert found.response.text == ANSWER
    assert found.notes["rule"] == CONSENSUS
    assert found.notes["voices"] == 3


@pytest.mark.parametrize(
    ("answers", "questions"),
    [
        ((ANSWER, ANSWER, OTHER), STORED),
        ((ANSWER, ANSWER), STORED[:2]),
        (("Yes.",) * 3, STORED),
        (("12 days",) * 3, STORED),
        (("",) * 3, STORED),
    ],
)
def test_too_few_or_another_or_an_empty_answer_is_no_consensus(handbook, answers, questions):
    """Two are not enough, another answer is doubt, and a short answer may be shared by chance."""
    assert isinstance(handbook(answers, questions).lookup(Request(ASKED)), Miss)


@pytest.mark.parametrize(
    "text",
    [
        "On my gift card, how long does the refund take?",  # a word that no question has
        "How long does the card take to reach me?",  # what all speak of is missing
        "On my card, why does the refund take so long?",  # another kind of question
        "On my card, how long does a refund of 20 dollars take?",  # a value
        "On my card, how long does the refund not take?",  # a negation
        "내 카드로 환불은 얼마나 걸리나요?",  # a language whose content words are not read
    ],
)
def test_what_says_something_new_or_less_is_not_served(handbook, text):
    """The questions vouch for what they say, and for nothing else."""
    assert isinstance(handbook().lookup(Request(text)), Miss)


def test_another_context_has_no_voice(handbook):
    """Only questions of the request's own scope speak."""
    assert isinstance(handbook().lookup(Request(ASKED, "another system prompt")), Miss)


def test_a_complaint_ends_it(handbook):
    """What was found wrong is not served again."""
    cache = handbook()
    found = cache.lookup(Request(ASKED))
    cache.wrong(found)
    assert isinstance(cache.lookup(Request(ASKED)), Miss)


def test_off(handbook):
    """With 1.0 the rule does not exist."""
    assert isinstance(handbook(consensus=1.0).lookup(Request(ASKED)), Miss)
    with pytest.raises(ConfigurationError, match=r"Policy\.consensus"):
        Policy(consensus=2)


def test_a_question_with_a_contrast_set_is_not_overruled(handbook):
    """Where a line is drawn by examples, it decides, not a count."""
    cache = handbook()
    asked = Request(ASKED)
    found = cache._semantic.match(asked, cache._store.generation())
    assert found is not None
    others = ["How long does the refund to my account take?"]
    cache.wordbook.add(
        cache.wordbook.claim(Request(found.wording), 0.0),
        [(text, Sense.OTHER, vector) for text, vector in zip(others, cache._semantic.packed(others), strict=True)],
        fingerprint=cache._semantic.fingerprint,
        origin="person",
        now=0.0,
    )
    assert cache._semantic.match(asked, cache._store.generation()) is None


def test_a_shared_answer_beside_another_contests_every_reading():
    """Where some questions share an answer and a neighbour has another, even equal wordings prove nothing."""
    mixed = [*voices(*STORED[:2]), Voice("How long does the refund take?", OTHER, 0.9)]
    assert contested("how long does the refund take", OTHER, mixed)
    assert contested(STORED[0], ANSWER, mixed)


def test_answers_that_nobody_shares_contest_nothing():
    """What a model wrote freely is never twice the same: then the wordings alone decide."""
    free = [Voice(text, f"{ANSWER} ({n})", 0.9) for n, text in enumerate(STORED)]
    assert not contested(ASKED, free[0].answer, free)
    assert not contested(ASKED, ANSWER, [])


def test_who_stands_too_far_away_has_no_say():
    """Beyond the band a question neither supports nor contests."""
    far = Voice("How long does the exchange take?", OTHER, 0.7)
    assert unanimous(ASKED, [*voices(*STORED), far])
    assert not contested(ASKED, ANSWER, [*voices(*STORED), far])


@given(st.lists(st.tuples(st.sampled_from(STORED), st.sampled_from([ANSWER, OTHER, "yes"]), st.floats(0.5, 1.0))))
def test_no_answer_is_both_agreed_and_contested(drawn):
    """Agreement leaves no room for a contest, whatever stands around."""
    ranked = sorted((Voice(*one) for one in drawn), key=lambda voice: -voice.score)
    if ranked and unanimous(ASKED, ranked):
        assert not contested(ASKED, ranked[0].answer, ranked)
        assert telling(ranked[0].answer)
