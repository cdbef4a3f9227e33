"""A verifier has the last word on a semantic hit, and only to refuse."""

import logging

import pytest

from seglam import ConfigurationError, CrossEncoderVerifier, MissingExtraError, Policy, Request, Response, Verifier
from seglam.reranking import verified

STORED, ASKED = "What are your opening hours?", "what are your opening hours?"


class Says:
    """A verifier that says what it was told, and keeps what it was asked."""

    def __init__(self, said):
        self.said = said
        self.asked = []

    def accepts(self, asked, stored):
        self.asked.append((asked, stored))
        if isinstance(self.said, Exception):
            raise self.said
        return self.said


@pytest.mark.parametrize(
    ("said", "hit"), [(True, True), (False, False), (None, False), (1, False), (OSError("x"), False)]
)
def test_only_a_plain_yes_lets_the_hit_pass(open_cache, said, hit):
    """No, nonsense and a fault are a miss: the hit is refused, the application is not harmed."""
    verifier = Says(said)
    cache = open_cache(policy={"verifier": verifier, "check_hits": 0.0})
    cache.record(Request(STORED), Response("9 to 5"))
    assert bool(cache.lookup(Request(ASKED))) is hit
    assert verifier.asked == [(ASKED, STORED)]
    assert cache.faults == {}


def test_it_is_not_asked_about_what_the_guards_refuse(open_cache):
    """It may refuse, never allow."""
    verifier = Says(True)
    cache = open_cache(policy={"verifier": verifier, "threshold": 0.5})
    cache.record(Request("Is room 12 free?"), Response("yes"))
    assert not cache.lookup(Request("Is room 13 free?"))
    assert verifier.asked == []


def test_a_fault_is_logged_once_without_the_texts(caplog):
    """What fails on every hit must not fill the log, nor tell what was asked."""
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert not verified(Says(LookupError(ASKED)), ASKED, STORED)
    assert len(caplog.records) == 1
    assert "LookupError" in caplog.text
    assert ASKED not in caplog.text


def test_a_policy_wants_a_verifier():
    """The error names the field."""
    with pytest.raises(ConfigurationError, match=r"Policy\.verifier"):
        Policy(verifier="cross-encoder")
    assert isinstance(Says(True), Verifier)


def test_a_cross_encoder_needs_its_extra(monkeypatch):
    """The error says what to install."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match="sentence-transformers"):
        CrossEncoderVerifier("model")


@pytest.mark.parametrize(
    ("scores", "right"), [([0.9, 0.8], True), ([0.9, 0.3], False), ([[0.1, 0.9], [0.2, 0.8]], None)]
)
def test_a_cross_encoder_takes_the_lower_of_both_orders(monkeypatch, scores, right):
    """A pair is no duplicate because one order of it looks like one; a model with several labels is no verifier."""

    class Model:
        def predict(self, pairs, show_progress_bar):
            assert pairs == [(ASKED, STORED), (STORED, ASKED)]
            return scores

    monkeypatch.setattr("importlib.util.find_spec", lambda name: True)
    verifier = CrossEncoderVerifier("model", threshold=0.5)
    verifier._model = Model()
    assert verified(verifier, ASKED, STORED) is (right is True)
    with pytest.raises(ConfigurationError, match="threshold"):
        CrossEncoderVerifier("model", threshold="high")
