"""The life of a procedure: audits, votes, suspension, a changed world, widening, merging, retirement."""

import pytest

from seglam import Control, Request, Response, State, TierName, Why
from seglam.casebook import NEAR
from test_procedural import SUM, Script, ask, feed

NEVER = {"audit_first": 0.0, "audit": 0.0}
ALWAYS = {"audit_first": 1.0, "audit": 1.0}
WIDER = "~~~patterns\nWhat do {a:integer} and {b:integer} make?\n~~~\n"


def other(a, b):
    """The same question in other words."""
    return Request(f"What do {a} and {b} make?")


def states(cache):
    """The states of all versions, oldest first."""
    return [p.state for p in cache.procedures()]


@pytest.fixture
def live(open_cache):
    """Opens a cache in which the sum is live; the model votes as given."""

    def make(*replies, votes=(), policy=NEVER):
        model = Script(SUM, *replies, votes=votes)
        cache = open_cache(compiler=model, policy=policy)
        feed(cache, (3, 4), (10, 5), (7, 8))
        assert states(cache) == [State.LIVE]
        return cache, model

    return make


def test_an_audited_hit_asks_the_model_and_an_agreement_is_kept(live):
    """The lookup is a Miss that says why; what the model says then is compared; the next hit may be served."""
    cache, _ = live(policy=ALWAYS)
    found = cache.lookup(ask(1, 2))
    assert (found.why, found.detail) == (Why.AUDIT, "procedure:1")
    feed(cache, (1, 2))
    (procedure,) = cache.procedures()
    assert [f.stage for f in procedure.evidence[-2:]] == ["shadow", "audit"]
    assert (cache.stats().compared, cache.stats().disagreed) == (1, 0)


def test_audits_are_rarer_after_the_first_hits(live):
    """5 % of the first twenty hits of a version, then 1 %, within what chance allows; the same request decides alike."""
    cache, _ = live(policy={"audit_hits": 400, "audit_first": 0.5, "audit": 0.1})
    audited = [cache.lookup(ask(i, 1000)).__class__.__name__ == "Miss" for i in range(800)]
    assert 150 < sum(audited[:400]) < 250
    assert 15 < sum(audited[400:]) < 70


def test_an_audit_never_stands_in_the_way(live):
    """Who wants only what is cached, or wants nothing stored, gets the procedure's answer."""
    cache, _ = live(policy=ALWAYS)
    for control in ({"only_if_cached": True}, {"no_store": True}):
        assert cache.lookup(ask(1, 2, control=Control(**control))).tier is TierName.PROCEDURE


def test_the_bound_on_wrong_hits_comes_from_audits(live):
    """No comparison: nothing is promised; each clean one lowers the bound."""
    cache, _ = live(policy=ALWAYS)
    assert cache.stats().wrong_at_most == 1.0
    feed(cache, *((i, 100) for i in range(59)))
    assert cache.stats().compared == 59
    assert 0.04 < cache.stats().wrong_at_most < 0.051


def test_a_wrong_reply_of_the_model_is_outvoted_and_forgotten(live):
    """Two further votes side with the code: it stays live, and the wrong reply is not served again."""
    cache, model = live(votes=("4", "The sum is 4."))
    cache.record(ask(2, 2), Response("The sum is 5."))
    assert model.asked == ["Please add 2 and 2 for me."] * 2
    assert states(cache) == [State.LIVE]
    found = cache.lookup(ask(2, 2))
    assert (found.tier, found.response.text) == (TierName.PROCEDURE, "The sum is 4.")
    assert cache.stats().vote_calls == 2


@pytest.mark.parametrize(
    ("votes", "blamed"),
    [
        (("The sum is 5.", "The sum is 5."), True),
        (("The sum is 5.", "The sum is 4."), True),
        (("The sum is 4.", "The sum is 6."), False),
        (("The sum is 6.", "The sum is 7."), True),
        ((), True),
        (("The sum is 4.",), False),
    ],
)
def test_votes_decide_who_is_wrong(live, votes, blamed):
    """A majority against the code suspends it; so does the lack of anybody on its side."""
    cache, _ = live("NOT_COMPILABLE: no", votes=(*votes, *["The sum is 7."] * (2 if blamed and len(votes) == 2 else 0)))
    cache.record(ask(2, 2), Response("The sum is 5."))
    assert states(cache)[0] is (State.SUSPENDED if blamed else State.LIVE)


def test_a_confirmed_disagreement_recompiles_with_the_counterexample(live):
    """Old cases still hold: the new version is written from them and the counterexample, and must reproduce all."""
    better = SUM.replace("return a + b", "return 5 if a == b == 2 else a + b").replace(
        "return value - a == b", "return value - a == b or a == 2"
    )
    cache, model = live(better, votes=("The sum is 5.", "5", "The sum is 15.", "The sum is 15."))
    cache.record(ask(2, 2), Response("The sum is 5."))
    assert "Please add 2 and 2 for me." in model.prompts[1]
    assert states(cache) == [State.SUSPENDED, State.SHADOW]
    assert cache.procedures()[1].origin == "recompiled"
    assert len(cache.procedures()[1].examples) == 4


def test_a_changed_rule_drops_what_the_old_one_taught(live):
    """The model answers old requests otherwise now: old cases and stored answers go, and the class is learnt anew."""
    new = SUM.replace("a + b", "a + b + 1").replace("value - a == b", "value - a == b + 1")
    cache, model = live(new, votes=("The sum is 5.", "The sum is 5.", "The sum is 16.", "The sum is 16."))
    assert cache.lookup(ask(10, 5)).tier is TierName.EXACT
    cache.record(ask(2, 2), Response("The sum is 5."))
    assert not cache.lookup(ask(10, 5))
    assert "The sum is 15." not in model.prompts[1]
    assert states(cache) == [State.SUSPENDED, State.SHADOW]
    cache.record(ask(8, 8), Response("The sum is 17."))
    assert cache.lookup(ask(20, 20)).response.text == "The sum is 41."


def test_a_near_request_widens_the_class(live):
    """Another wording: the compiler is asked for a pattern for the same code, without the reply, which then proves it."""
    cache, model = live(WIDER)
    cache._casebook._kin = -1.0  # the test's embedder knows words, not meaning
    assert not cache.lookup(other(6, 7))
    cache.record(other(6, 7), Response("The sum is 13."))
    assert "does not take" in model.prompts[1]
    assert "The sum is 13." not in model.prompts[1]
    assert states(cache) == [State.RETIRED, State.LIVE]
    wider = cache.procedures()[1]
    assert (wider.origin, wider.parent, len(wider.draft.patterns)) == ("widened", 1, 2)
    assert cache.lookup(other(20, 22)).response.text == "The sum is 42."
    assert cache.lookup(ask(1, 1)).tier is TierName.PROCEDURE


def test_a_pattern_whose_case_contradicts_the_code_is_refused(live):
    """What looks near but has another answer stays out, and becomes a class of its own."""
    product = WIDER.replace("make", "make multiplied")
    cache, _ = live(product, product, product, votes=("The product is 30.",) * 6)
    cache._casebook._kin = -1.0
    text = "What do 5 and 6 make multiplied?"
    cache.record(Request(text), Response("The product is 30."))
    assert states(cache) == [State.LIVE]
    assert not cache.lookup(Request(text.replace("5", "7")))
    groups = cache._casebook.groups(("", ""))
    assert [len(g.cases) for g in groups] == [1, 3]
    assert all(not g.near for g in groups)


def test_a_declined_widening_is_tried_again_later_only(live):
    """The next attempt wants twice as many near requests."""
    cache, model = live("NOT_COMPILABLE: another question", "NOT_COMPILABLE: another question")
    cache._casebook._kin = -1.0
    for i in range(2, 5):
        cache.record(Request(f"Is {i} one of {i} and {i}?"), Response(f"It is {i}."))
    assert sum("does not take" in prompt for prompt in model.prompts) == 1
    assert len(model.prompts) == 3  # the sum, one widening, and the new class compiled when it was hot


def test_an_unused_procedure_is_retired(live, clock):
    """What nobody asked for in a long time only costs every lookup; its class may be learnt again."""
    cache, _ = live()
    clock.move(cache.policy.retire_after + 86_401)
    cache.record(Request("Who wrote Faust?"), Response("Goethe"))
    assert states(cache) == [State.RETIRED]
    assert not cache.lookup(ask(1, 2))


def test_duplicates_are_merged(open_cache):
    """Two live procedures of which one answers all that the other was made from: one is enough."""
    both = SUM.replace(
        "Please add {a:integer} and {b:integer} for me.",
        "What is the sum if somebody adds {a:integer} to {b:integer}?\nPlease add {a:integer} and {b:integer} for me.",
    )
    model = Script(SUM, both)
    cache = open_cache(compiler=model, policy={**NEVER, "kin": 1.0})
    feed(cache, (3, 4), (10, 5), (7, 8))
    for a, b in ((2, 3), (4, 9), (11, 5)):
        text = f"What is the sum if somebody adds {a} to {b}?"
        cache.record(Request(text), Response(f"The sum is {a + b}."))
    assert states(cache) == [State.RETIRED, State.LIVE]
    assert cache.procedures()[0].evidence[-1].stage == "merged"
    assert cache.lookup(ask(100, 1)).response.text == "The sum is 101."


def test_posterior_and_strict_mode_ask_for_more(open_cache):
    """A target above what one agreement gives keeps a version in shadow; strict counts only its own comparisons."""
    cache = open_cache(compiler=Script(SUM), policy={**NEVER, "trust": 0.93})
    feed(cache, (3, 4), (10, 5), (7, 8))
    assert states(cache) == [State.SHADOW]
    feed(cache, *((i, 50) for i in range(5)))
    assert states(cache) == [State.LIVE]


def test_a_near_case_is_kept_with_its_class(live):
    """Until there are enough of them, near requests wait beside the class's own cases."""
    cache, _ = live(policy={**NEVER, "widen": 2})
    cache._casebook._kin = -1.0
    cache.record(other(6, 7), Response("The sum is 13."))
    (group,) = cache._casebook.groups(("", ""))
    assert [case.verdict for case in group.near] == [NEAR]


def test_code_that_keeps_refusing_is_written_anew(open_cache):
    """Requests that a pattern takes but the code does not answer are no new wording: the second asks for better code."""
    timid = SUM.replace("return a + b", "if a > 500:\n        raise Refuse('large')\n    return a + b")
    model = Script(timid, SUM)
    cache = open_cache(compiler=model, policy=NEVER)
    feed(cache, (3, 4), (10, 5), (7, 8), (700, 1))
    assert len(model.prompts) == 1
    feed(cache, (800, 1))
    assert "Please add 800 and 1 for me." in model.prompts[1]
    assert "does not take" not in model.prompts[1]
    assert states(cache) == [State.LIVE, State.SHADOW]
    assert cache.procedures()[1].origin == "extended"
    feed(cache, (900, 1))
    assert states(cache) == [State.RETIRED, State.LIVE]
    assert cache.lookup(ask(1000, 1)).response.text == "The sum is 1001."


def test_what_a_pattern_reads_but_refuses_asks_for_no_further_pattern(open_cache):
    """The wording is known; only other slots or code can take what stands in it, so the class is written anew, if at all."""
    narrow = SUM.replace(" for me.\n~~~", " for {who:word}.\n~~~", 1).replace("a, b)", "a, b, who)")
    model = Script(narrow, SUM)
    cache = open_cache(compiler=model, policy=NEVER)
    for a, b, end in ((3, 4, "Ada"), (10, 5, "school"), (7, 8, "work")):
        cache.record(Request(f"Please add {a} and {b} for {end}."), Response(f"The sum is {a + b}."))
    assert states(cache) == [State.LIVE]
    for end in ("nobody", "exactly"):
        assert len(model.prompts) == 1
        cache.record(Request(f"Please add 6 and 6 for {end}."), Response("The sum is 12."))
    assert "does not take" not in model.prompts[1]
    assert "for exactly." in model.prompts[1]


def test_an_unreadable_template_costs_one_wording_only(open_cache):
    """The other templates are used, and the evidence names what was left out."""
    slip = SUM.replace("Please add {a:integer}", "Add {a:whole} to {b:integer}, please\nPlease add {a:integer}")
    cache = open_cache(compiler=Script(slip), policy=NEVER)
    feed(cache, (3, 4), (10, 5), (7, 8))
    (procedure,) = cache.procedures()
    assert procedure.state is State.LIVE
    assert procedure.draft.patterns == ("Please add {a:integer} and {b:integer} for me.",)
    assert procedure.evidence[0].detail.startswith("pattern 1: ")


def test_wordings_that_came_before_are_gathered(open_cache):
    """When a class is covered, open classes near it become its near cases: one widening takes what was asked before."""
    model = Script(SUM, WIDER)
    cache = open_cache(compiler=model, policy=NEVER)
    cache._casebook._kin = 1.0
    cache.record(other(6, 7), Response("The sum is 13."))
    feed(cache, (3, 4))
    cache._casebook._kin = -1.0
    feed(cache, (10, 5))
    assert states(cache) == [State.RETIRED, State.LIVE]
    assert cache.lookup(other(20, 22)).response.text == "The sum is 42."


BOTH = SUM.replace("Please add", "What do {a:integer} and {b:integer} make?\nPlease add", 1)


def test_wordings_are_compiled_together(open_cache):
    """Two requests of one meaning are enough, whatever their words: both are shown, without marks where nothing is alike."""
    model = Script(BOTH)
    cache = open_cache(compiler=model, policy=NEVER)
    cache._casebook._kin = -1.0
    cache.record(other(6, 7), Response("The sum is 13."))
    feed(cache, (3, 4))
    assert "What do 6 and 7 make?" in model.prompts[0]
    assert "Please add 3 and 4 for me." in model.prompts[0]
    assert "⟦6⟧" not in model.prompts[0]
    assert states(cache) == [State.SHADOW]
    feed(cache, (10, 5))
    assert cache.lookup(other(20, 22)).response.text == "The sum is 42."
    assert cache.lookup(ask(20, 22)).response.text == "The sum is 42."


def test_wordings_that_were_compiled_together_in_vain_part(open_cache):
    """Two kinds that only sound alike: each goes its own way, is not joined again, and is compiled by itself."""
    model = Script("NOT_COMPILABLE: two kinds of requests", SUM)
    cache = open_cache(compiler=model, policy=NEVER)
    cache._casebook._kin = -1.0
    cache.record(other(6, 7), Response("The product is 42."))
    feed(cache, (3, 4))
    assert [len(group.cases) for group in cache._casebook.groups(("", ""))] == [1, 1]
    cache.record(Request("Who knows what 5 and 6 could be?"), Response("Nobody."))
    assert len(model.prompts) == 1
    feed(cache, (10, 5), (7, 8))
    assert "What do 6 and 7 make?" not in model.prompts[1]
    assert states(cache) == [State.LIVE]


def test_recurring_words_near_a_class_are_tried_as_its_wording(live):
    """One request that is only faintly near is left to itself; a second in its words has the class widened, not another made."""
    cache, model = live(WIDER)
    cache._casebook._kin, cache._casebook._recurring = 1.0, -1.0
    cache.record(other(6, 7), Response("The sum is 13."))
    assert len(model.prompts) == 1
    cache.record(other(8, 9), Response("The sum is 17."))
    assert "does not take" in model.prompts[1]
    assert states(cache) == [State.RETIRED, State.LIVE]
    assert len(cache._casebook.groups(("", ""))) == 1
    assert cache.lookup(other(20, 22)).response.text == "The sum is 42."


def test_recurring_words_of_another_kind_become_a_class(live):
    """The compiler finds that they ask for something else: they are compiled by themselves at once."""
    product = SUM.replace("Please add {a:integer} and {b:integer} for me.", "What do {a:integer} and {b:integer} make?")
    product = (
        product.replace("a + b", "a * b").replace("value - a == b", "value == a * b").replace("The sum", "The product")
    )
    misses = "".join(
        f"What do {a} and 4 make{more}?\n" for a, more in enumerate((" now", " not", " twice", " less", " to you"))
    )
    product = product.replace("~~~near_misses\n", "~~~near_misses\n" + misses)
    cache, model = live("NOT_COMPILABLE: they ask for a product", product)
    cache._casebook._kin, cache._casebook._recurring = 1.0, -1.0
    for a, b in ((6, 7), (8, 9), (3, 5)):
        cache.record(other(a, b), Response(f"The product is {a * b}."))
    assert "does not take" in model.prompts[1]
    assert "What do 6 and 7 make?" in model.prompts[2]
    assert cache.lookup(other(20, 22)).response.text == "The product is 440."
    assert cache.lookup(ask(20, 22)).response.text == "The sum is 42."


def test_the_counterexample_is_shown_however_many_cases_there_are(live):
    """The prompt shows six cases; what went wrong is one of them."""
    cache, model = live("NOT_COMPILABLE: no", votes=("The sum is 5.", "5", "The sum is 115.", "The sum is 116."))
    feed(cache, *((i, 100) for i in range(10, 20)))
    cache.record(ask(2, 2), Response("The sum is 5."))
    assert "Please add 2 and 2 for me." in model.prompts[1]
