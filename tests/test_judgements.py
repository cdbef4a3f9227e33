"""The semantic tier's evidence: hits that are compared, complaints, and what follows from them."""

import json

import pytest

from seglam import ConfigurationError, Fitted, Fixed, Hit, Miss, Request, Response, Split, TierName, Why
from seglam.contrast import Sense
from seglam.judgements import READING, Judgement, Judgements
from seglam.llm import Completion

QUESTION = Request("How many legs has a spider?")
POLITE = Request("Please, how many legs has a spider?")
LOOSE = {"threshold": 0.5}


class Model:
    """Writes one contrast set, then says whether answers are the same."""

    name = "model"

    def __init__(self, same="SAME"):
        self.same = same
        self.asked = []

    def complete(self, prompt):
        self.asked.append(prompt)
        if "QUESTION" in prompt:
            wordings = ["a spider has how many legs", "number of legs of a spider"]
            return Completion(json.dumps({"same": wordings, "other": ["How many eyes has a spider?"]}))
        return Completion(self.same)


@pytest.fixture
def cached(open_cache):
    """Opens a cache that holds the question; hits are not checked unless it is wished."""

    def make(answer="Eight.", compiler=None, **policy):
        cache = open_cache(compiler=compiler, policy={**LOOSE, "check_hits": 0.0, "heat": 1_000, **policy})
        cache.record(QUESTION, Response(answer))
        return cache

    return make


def rights(cache):
    """What was judged, in order."""
    return [one.right for one in cache.judgements.all()]


# -- checks ---------------------------------------------------------------------------------------------------------------


def test_a_checked_hit_is_answered_by_the_model_and_compared(cached):
    """A share of the hits goes to the model all the same; equal answers are evidence for the rule."""
    cache = cached("There are 8.", check_hits=1.0)
    found = cache.lookup(POLITE)
    assert isinstance(found, Miss)
    assert found.why is Why.AUDIT
    cache.record(POLITE, Response("There are 8."))
    (judged,) = cache.judgements.all()
    assert (judged.right, judged.rule, judged.origin, judged.text) == (True, READING, "audit", POLITE.text)
    (told,) = cache.judgements.reliability()
    assert (told.judged, told.wrong, told.undecided) == (1, 0, 0)
    assert told.low < told.high <= 1.0
    assert cache.lookup(POLITE).tier is TierName.EXACT


def test_a_value_that_differs_is_a_wrong_hit(cached):
    """It is not served to that request again, should its own answer expire."""
    cache = cached("There are 8.", check_hits=1.0)
    cache.record(POLITE, Response("There are 6."))
    assert rights(cache) == [False]
    (told,) = cache.judgements.reliability()
    assert told.wrong == 1
    assert told.upper == 1.0


def test_prose_is_undecided_without_anybody_to_ask(cached):
    """Two texts that only might say the same are evidence of nothing."""
    cache = cached("Eight of them.")
    cache.record(POLITE, Response("A spider walks on eight legs."))
    assert rights(cache) == [None]
    assert cache.judgements.reliability()[0].undecided == 1


@pytest.mark.parametrize(("said", "right"), [("SAME", True), ("DIFFERENT", False), ("well...", False)])
def test_the_model_is_asked_about_prose(cached, said, right):
    """One vote of the compiler's model, only where values do not decide."""
    model = Model(said)
    cache = cached("Eight of them.", model)
    cache.record(POLITE, Response("A spider walks on eight legs."))
    assert rights(cache) == [right]
    assert len(model.asked) == 1


def test_a_judge_of_the_users_own_decides(cached):
    """Before values and model."""

    class Judge:
        def agree(self, question, expected, actual, kind):
            return "eight" in expected.lower() and "8" in actual

    cache = cached("Eight.", judge=Judge())
    cache.record(POLITE, Response("8"))
    assert rights(cache) == [True]


def test_no_check_where_nothing_could_be_learnt(cached):
    """only_if_cached must not become a miss for the sake of evidence."""
    from seglam import Control

    cache = cached("8", check_hits=1.0)
    assert cache.lookup(Request(POLITE.text, control=Control(only_if_cached=True)))
    assert cache.lookup(Request(POLITE.text, control=Control(no_store=True)))


# -- complaints -----------------------------------------------------------------------------------------------------------


def test_a_wrong_hit_is_not_served_again(cached):
    """Neither from memory, nor as an exact wording, nor by meaning; the question keeps its answer."""
    cache = cached()
    hit = cache.lookup(POLITE)
    assert hit.tier is TierName.SEMANTIC
    cache.drain()
    assert cache.lookup(POLITE).tier is TierName.EXACT
    cache.wrong(hit)
    assert not cache.lookup(POLITE)
    assert cache.lookup(QUESTION)
    assert [one.origin for one in cache.judgements.all()] == ["feedback"]
    assert cache.judgements.reliability() == []  # complaints are no sample


def test_what_was_wrong_is_wrong_by_every_rule(cached):
    """A complaint about one reading keeps the other rule from serving the same again, also after a change of embedder."""
    cache = cached()
    complaint = Judgement(
        "", "another embedder", QUESTION.key, POLITE.text, QUESTION.text, "contrast", 0.9, right=False
    )
    assert cache.lookup(POLITE).notes["rule"] == READING
    cache.judgements.add(complaint, 0.0)
    assert cache._semantic.match(POLITE, cache._store.generation()) is None
    assert cache._semantic.match(Request("PLEASE, how many legs has a spider?"), cache._store.generation())


def test_a_complaint_counts_at_what_the_hit_counted(cached):
    """Thresholds compare like with like: checked hits and complaints are kept at the same score."""
    cache = cached()
    match = cache._semantic.match(POLITE, cache._store.generation())
    cache.wrong(cache.lookup(POLITE))
    (judged,) = cache.judgements.all()
    assert judged.score == match.counted > match.score


def test_a_fixed_threshold_reads_no_evidence(cached, monkeypatch):
    """A hit reads only what it needs."""
    cache = cached()
    monkeypatch.setattr(cache.judgements, "evidence", lambda *_: 1 / 0)
    assert cache.lookup(POLITE)


def test_a_wrong_exact_answer_is_erased(cached):
    """Whoever complains about the answer to the very same request wants another."""
    cache = cached()
    cache.wrong(cache.lookup(QUESTION))
    assert not cache.lookup(QUESTION)


def test_a_wrong_wording_of_a_hot_question_becomes_a_look_alike(cached):
    """The line moves; what is on its other side stays where it was."""
    cache = cached("Eight.", Model(), contrast_margin=0.02)
    assert cache.crystallise(QUESTION)
    request = Request("number of long legs of a spider")
    hit = cache.lookup(request)
    assert hit.notes["rule"] == "contrast"
    cache.wrong(hit)
    assert not cache.lookup(request)
    known = cache.wordbook.of(QUESTION.key, "test-hash/64")
    assert [(w.sense, w.origin) for w in known if w.text == request.text] == [(Sense.OTHER, "feedback")]
    assert cache.lookup(Request("number of legs of a black spider"))


def test_a_confirmed_paraphrase_becomes_a_wording(cached):
    """What was compared and found right widens the question's side."""
    cache = cached("8", Model())
    assert cache.crystallise(QUESTION)
    request = Request("number of legs of a black spider")
    cache.record(request, Response("8"))
    known = cache.wordbook.of(QUESTION.key, "test-hash/64")
    assert [(w.sense, w.origin) for w in known if w.text == request.text] == [(Sense.SAME, "traffic")]


def test_only_a_hit_can_be_wrong(cached):
    """The error names the argument."""
    cache = cached()
    for no_hit in (None, cache.lookup(Request("Who?")), Hit(Response("x"), TierName.EXACT, "entry:1")):
        with pytest.raises(ConfigurationError, match="hit"):
            cache.wrong(no_hit)


# -- thresholds on live traffic --------------------------------------------------------------------------------------------


def test_a_fitted_threshold_uses_what_was_judged(cached):
    """Proof from checked hits lowers it, in this namespace only."""
    cache = cached("8", threshold=Fitted(target=0.2, start=0.99, floor=0.3))
    near = Request("Please tell me how many legs has a spider?")
    assert not cache.lookup(near)
    for n in range(20):
        score = 0.99 - n / 1000
        judged = Judgement("", "test-hash/64", "other", f"text {n}", "wording", READING, score, right=True)
        cache.judgements.add(judged, 0.0)
    assert not cache.lookup(near)
    for n in range(40):
        judged = Judgement("", "test-hash/64", "other", f"text {n}", "wording", READING, 0.995, right=True)
        cache.judgements.add(judged, 0.0)
    assert cache.lookup(near)
    assert not cache.lookup(Request(near.text, namespace="another"))


def test_two_thresholds_compete(cached):
    """Each request is decided by its side, and its evidence tells which."""
    cache = cached("8", threshold=Split(Fixed(0.5), Fixed(1.0), share=0.5), check_hits=0.0)
    requests = [Request(f"{'please ' * n}how many legs has a spider?") for n in range(1, 3)]
    requests += [Request(f"{greeting}, how many legs has a spider?") for greeting in ("Hi", "Hello", "Hey", "Thanks")]
    for request in requests:
        found = cache.lookup(request)
        arm = cache.policy.reading.arm(request.key)
        assert bool(found) is (arm == "a") or found.score == 1.0
        if found:
            assert found.notes["arm"] == arm


# -- keeping --------------------------------------------------------------------------------------------------------------


def test_only_the_newest_are_kept(cached, monkeypatch):
    """A bound on what is kept of a namespace; another's is not touched."""
    monkeypatch.setattr("seglam.judgements._MOST", 3)
    cache = cached()
    kept = Judgements(cache._store)
    for n in range(5):
        for space in ("", "b"):
            kept.add(Judgement(space, "f", "k", f"{n}", "w", READING, 0.9, right=True), float(n))
    assert [one.text for one in kept.all("")] == ["2", "3", "4"]
    assert len(kept.all()) == 6


def test_forgetting_a_question_forgets_its_judgements(cached):
    """Nothing of it stays in the file."""
    cache = cached()
    cache.wrong(cache.lookup(POLITE))
    cache.forget(QUESTION)
    assert cache.judgements.all() == []
