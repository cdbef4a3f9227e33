"""The procedure tier: learning from two misses, answering by code, and never being trusted too early."""

import json
from dataclasses import replace

import pytest

from seglam import Completion, Hit, Miss, Policy, Request, Response, State, TierName, Usage, Why
from seglam.library import Birth
from seglam.procedure import Case, Draft, answer, declined, parse_reply
from seglam.prompts import compile_prompt
from seglam.sandbox import HIT, MontySandbox, Outcome, Status
from seglam.verifier import STAGES

SUM = """\
~~~meta
{"intent": "adds two whole numbers", "answer_kind": "integer", "staticity": "forever"}
~~~
~~~patterns
Please add {a:integer} and {b:integer} for me.
~~~
~~~python
def run(a, b):
    return a + b

def check(value, a, b):
    return value - a == b

def render(value, a, b):
    return f"The sum is {value}."
~~~
~~~near_misses
Please add 3 and 4 for me and double it.
Please subtract 3 and 4 for me.
~~~
"""


class Script:
    """A model that replies from a list, and keeps what it was asked.

    A second version it declines; when it is asked a request again, it gives ``votes`` one after another, then no answer.
    """

    name = "scripted"

    def __init__(self, *replies, votes=(), second="NOT_COMPILABLE: once is enough"):
        self.replies = list(replies)
        self.votes = list(votes)
        self.second = second
        self.prompts = []
        self.asked = []

    def complete(self, prompt):
        if "TASK: " not in prompt:
            self.asked.append(prompt)
            return Completion(self.votes.pop(0), Usage(20, 6))
        if "another engineer" in prompt:
            return Completion(self.second, Usage(100, 50))
        self.prompts.append(prompt)
        return Completion(self.replies.pop(0), Usage(100, 50))


def ask(a, b, **context):
    """One request of the class."""
    return Request(f"Please add {a} and {b} for me.", **context)


def feed(cache, *pairs, **context):
    """Let the origin answer requests of the class, rightly."""
    for a, b in pairs:
        cache.record(ask(a, b, **context), Response(f"The sum is {a + b}.", usage=Usage(20, 6)))


def test_two_misses_make_a_procedure_one_agreement_makes_it_live(open_cache):
    """Compile at the second similar miss, shadow at the third, answer from the fourth: with values never seen."""
    model = Script(SUM)
    cache = open_cache(compiler=model)
    feed(cache, (3, 4))
    assert model.prompts == []
    feed(cache, (10, 5))
    assert len(model.prompts) == 1
    assert [p.state for p in cache.procedures()] == [State.SHADOW]
    assert not cache.lookup(ask(7, 8))
    feed(cache, (7, 8))
    assert [p.state for p in cache.procedures()] == [State.LIVE]
    found = cache.lookup(ask(1234, 5678))
    assert (found.tier, found.response.text) == (TierName.PROCEDURE, "The sum is 6912.")
    stats = cache.stats()
    assert (stats.hits["procedure"], stats.compile_calls, stats.saved_input_tokens) == (1, 2, 20)


def test_a_hit_asks_the_file_what_changed_once_for_each_tier(open_cache, monkeypatch):
    """Twice, by the exact tier and by this one; what the hit saved is known from memory, the right procedure's among many."""
    cache = open_cache(compiler=Script(SUM), policy={"audit": 0.0, "audit_first": 0.0})
    feed(cache, (3, 4), (10, 5), (7, 8))
    (sound,) = cache.procedures()
    other = replace(sound.draft, patterns=("Sum {a:integer} and {b:integer} up.",))
    class_id = cache._casebook.file(Request("another class"), Response("x"), now=0.0)
    cheap = [replace(case, usage=Usage(1, 1)) for case in sound.examples]
    cache._library.save(class_id, ("", ""), other, cheap, Birth("m", "", 1.0), State.LIVE)
    cache.lookup(Request("What is known is made ready."))
    asked, generation = [], cache._store.generation
    monkeypatch.setattr(cache._store, "generation", lambda: (asked.append(1), generation())[1])
    assert cache.lookup(ask(1234, 5678)).tier is TierName.PROCEDURE
    assert len(asked) == 2
    assert cache.stats().saved_input_tokens == 20


def test_what_run_returns_stays_in_the_sandbox():
    """run() may give check() and render() a value of any type, even one that may not cross the boundary."""
    source = "def run(a):\n    return lambda: a\n\ndef check(value, a):\n    return value() == a\n\n"
    source += "def render(value, a):\n    return f'It is {value()}.'\n"
    draft = Draft("says it again", "integer", "forever", ("Say {a:integer} again.",), source)
    sandbox = MontySandbox()
    try:
        assert answer(draft, "Say 12 again.", sandbox, HIT).text == "It is 12."
        assert answer(draft, "Say 12 again.", sandbox, HIT, as_written=True).text == "It is 12."
    finally:
        sandbox.close()


def test_near_misses_are_refused(open_cache):
    """One clause more, another verb, another case of the same words: not this class."""
    cache = open_cache(compiler=Script(SUM))
    feed(cache, (3, 4), (10, 5), (7, 8))
    for text in (
        "Please add 3 and 4 for me, then double it.",
        "Please add 3 and four fifths for me.",
        "Please do not add 3 and 4 for me.",
        "please add 3 and 9 for me",
        "Please add 3 and 4 and 5 for me.",
    ):
        assert not cache.lookup(Request(text)), text


def test_nothing_crosses_a_context_but_a_new_engine_may_use_it(open_cache):
    """A procedure belongs to (namespace, vary); it survives a change of model unless the policy binds it."""
    cache = open_cache(compiler=Script(SUM))
    feed(cache, (3, 4), (10, 5), (7, 8), vary="v", namespace="n", engine="e")
    assert cache.lookup(ask(1, 2, vary="v", namespace="n", engine="another model"))
    assert not cache.lookup(ask(1, 2, vary="w", namespace="n", engine="e"))
    assert not cache.lookup(ask(1, 2, vary="v", namespace="m", engine="e"))
    cache.close()
    bound = open_cache(policy={"bind_engine": True})
    assert bound.lookup(ask(1, 2, vary="v", namespace="n", engine="e"))
    assert not bound.lookup(ask(1, 2, vary="v", namespace="n", engine="another model"))


def test_a_disagreement_in_shadow_keeps_it_from_answering(open_cache):
    """Code that differs from the model on the next real request never goes live; the counterexample is kept."""
    cache = open_cache(compiler=Script(SUM))
    feed(cache, (3, 4), (10, 5))
    cache.record(ask(7, 8), Response("The sum is 16."))
    (procedure,) = cache.procedures()
    assert (procedure.state, procedure.disagreements) == (State.SUSPENDED, 1)
    assert "16" in procedure.evidence[-1].detail
    assert not cache.lookup(ask(1, 2))


def test_a_disagreement_later_suspends_a_live_one(open_cache):
    """A refreshed answer (no_cache) is an audit."""
    cache = open_cache(compiler=Script(SUM))
    feed(cache, (3, 4), (10, 5), (7, 8))
    assert cache.lookup(ask(1, 1))
    cache.record(ask(2, 2), Response("The sum is 5."))
    assert not cache.lookup(ask(1, 1))


def test_two_live_procedures_that_differ_are_both_suspended(open_cache):
    """Neither answer is served; the model decides."""
    other = SUM.replace("a + b", "a + b + 1").replace("value - a == b", "value == value")
    cache = open_cache(compiler=Script(SUM))
    feed(cache, (3, 4), (10, 5), (7, 8))
    (first,) = cache.procedures()
    class_id = cache._casebook.file(Request("another class"), Response("x"), now=1.0)
    birth = Birth("m", "", 1.0, proven=first.proven)
    cache._library.save(class_id, ("", ""), parse_reply(other), first.examples, birth, State.LIVE)
    assert cache.lookup(ask(1, 2)).why is Why.DISAGREE
    assert {p.state for p in cache.procedures()} == {State.SUSPENDED}
    assert cache.respond(ask(1, 2), lambda _: Response("The sum is 3.")).text == "The sum is 3."


@pytest.mark.parametrize(
    ("fault", "stage"),
    [
        (SUM.replace("a + b", "a - b").replace("value - a == b", "value == value"), "replay"),
        (SUM.replace("def run(a, b):", "import os\ndef run(a, b):"), "static"),
        (SUM.replace("Please subtract 3 and 4 for me.", "Please add 30 and 4 for me."), "near_misses"),
        (SUM.replace("{b:integer}", "{b:unknown}"), "reply"),
        (SUM.replace("~~~python", "~~~ruby"), "reply"),
        (SUM.replace('"integer"', '"number"'), "reply"),
        (SUM.replace("return a + b", "while True:\n        a = b\n    return a"), "replay"),
        ("I would rather write a poem.", "reply"),
        ("", "reply"),
        ("~~~meta\n[]\n~~~\n~~~patterns\nx\n~~~\n~~~python\nx\n~~~", "reply"),
    ],
)
def test_what_the_gate_refuses_never_answers(open_cache, fault, stage):
    """Wrong code, forbidden code, wide patterns, endless loops, replies that are no procedure: refused with the reason."""
    model = Script(*[fault] * 3)
    cache = open_cache(compiler=model)
    feed(cache, (3, 4), (10, 5), (7, 8), (9, 9))
    assert len(model.prompts) == 3
    assert all(p.state is State.DRAFT for p in cache.procedures())
    assert not cache.lookup(ask(1, 2))
    assert f"- {stage}: " in model.prompts[1]
    assert fault.strip() in model.prompts[1]


def test_a_repair_is_given_the_failure_and_may_succeed(open_cache):
    """The second reply passes: it is the one that counts."""
    model = Script(SUM.replace("a + b", "a * b").replace("value - a == b", "value == value"), SUM)
    cache = open_cache(compiler=model)
    feed(cache, (3, 4), (10, 5), (7, 8))
    assert "must give 'The sum is 7.', but gave 'The sum is 12.'" in model.prompts[1]
    assert cache.lookup(ask(1, 2)).response.text == "The sum is 3."


def test_other_classes_requests_must_not_be_taken(open_cache):
    """A pattern so wide that it takes another class's request, with another answer, does not pass."""
    wide = SUM.replace(
        "Please add {a:integer} and {b:integer} for me.", "Please {verb:word} {a:integer} and {b:integer} for me."
    )
    wide = wide.replace("(a, b)", "(a, b, verb)").replace("value, a, b)", "value, a, b, verb)")
    wide = wide.replace("Please subtract 3 and 4 for me.", "Please do subtract 3 and 4 for me.")
    model = Script(wide, wide, wide)
    cache = open_cache(compiler=model, policy={"heat": 3, "bind_engine": True})
    # Of another engine, so that it is another class's, and does not join the sums.
    cache.record(Request("Please combine 6 and 7 for me.", engine="e"), Response("The product is 42."))
    feed(cache, (3, 4), (10, 5), (2, 2))
    assert "specificity" in model.prompts[1]
    assert not cache.lookup(Request("Please combine 2 and 3 for me."))


def test_declined_is_remembered_with_back_off(open_cache, clock):
    """NOT_COMPILABLE costs one call, not one for every further request; much later it is tried again."""
    model = Script("NOT_COMPILABLE: a matter of taste", SUM)
    cache = open_cache(compiler=model)
    feed(cache, *((i, i + 1) for i in range(6)))
    assert len(model.prompts) == 1
    assert cache.procedures() == []
    clock.move(cache.policy.retry_after * 24 * 4)
    feed(cache, (50, 1))
    assert len(model.prompts) == 2
    assert [p.state for p in cache.procedures()] == [State.SHADOW]


def test_a_failing_compiler_costs_nothing_but_the_procedure(open_cache):
    """An error of the model in the background is counted; answers and exact hits go on."""

    def down(prompt):
        raise ConnectionError("no route")

    cache = open_cache(compiler=down, policy={"on_fault": "miss"})
    feed(cache, (3, 4), (10, 5), (7, 8))
    assert cache.lookup(ask(3, 4)).tier is TierName.EXACT
    assert cache.stats().faults == {"compiler": 1}


def test_the_budget_bounds_compile_calls(open_cache, clock):
    """No more than compiles_per_hour calls, then none until the hour has passed."""
    model = Script(*["nonsense"] * 9)
    cache = open_cache(compiler=model, policy={"compiles_per_hour": 2})
    feed(cache, (3, 4), (10, 5))
    assert len(model.prompts) == 2
    for i in range(4):
        cache.record(Request(f"Which of {i} and {i + 5} is larger?"), Response(str(i + 5)))
    assert len(model.prompts) == 2
    clock.move(3601)
    cache.record(Request("Which of 50 and 70 is larger?"), Response("70"))
    assert len(model.prompts) == 4


def test_wordings_of_one_question_are_not_compiled(open_cache):
    """Different requests with one answer are paraphrases, not a class: no compile call is spent."""
    model = Script()
    cache = open_cache(compiler=model)
    for text in ("How long may I return goods?", "How long may I return items?", "How long may I return things?"):
        cache.record(Request(text), Response("30 days"))
    assert model.prompts == []


def test_compile_off_uses_what_exists_and_makes_nothing(open_cache):
    """A cache opened without compiling still answers by live procedures."""
    first = open_cache(compiler=Script(SUM))
    feed(first, (3, 4), (10, 5), (7, 8))
    first.close()
    model = Script()
    second = open_cache(compiler=model, policy={"compile": "off"})
    assert second.lookup(ask(40, 2)).response.text == "The sum is 42."
    for i in range(3):
        second.record(Request(f"Which of {i} and {i + 5} is larger?"), Response(str(i + 5)))
    assert model.prompts == []


def test_first_answers_the_first_request_with_code(open_cache):
    """compile="first": the model is asked for code instead of an answer; the second request needs an agreement first."""
    model = Script(SUM)
    cache = open_cache(compiler=model, policy={"compile": "first"})
    found = cache.lookup(ask(20, 22))
    assert isinstance(found, Hit)
    assert (found.tier, found.response.text) == (TierName.PROCEDURE, "The sum is 42.")
    assert "no reply yet" in model.prompts[0]
    assert not cache.lookup(ask(1, 2))
    feed(cache, (1, 2))
    assert cache.lookup(ask(5, 6)).response.text == "The sum is 11."
    assert len(model.prompts) == 1


def test_first_falls_back_to_the_model_when_the_compiler_declines(open_cache):
    """The model answers as usual, and the class is not asked for again at the next request."""
    model = Script("NOT_COMPILABLE: opinion")
    cache = open_cache(compiler=model, policy={"compile": "first"})
    assert cache.respond(ask(1, 2), lambda _: Response("The sum is 3.")).text == "The sum is 3."
    assert isinstance(cache.lookup(ask(3, 4)), Miss)
    assert len(model.prompts) == 1


def test_a_request_that_may_not_be_compiled_is_not(open_cache):
    """Images, tool results: the adapter says so, and the tier neither answers nor learns."""
    cache = open_cache(compiler=Script(SUM))
    feed(cache, (3, 4), (10, 5), (7, 8))
    assert not cache.lookup(ask(1, 2, compilable=False))


class Exhausted:
    """A sandbox in which everything runs out of time."""

    name = "exhausted"

    def run(self, source, arguments, limits):
        return Outcome(Status.TIMEOUT)

    def check(self, source):
        return []

    def close(self):
        pass


def test_three_strikes_suspend_a_procedure(open_cache):
    """Code that keeps breaking its limits stops being asked; each time is a miss."""
    first = open_cache(compiler=Script(SUM))
    feed(first, (3, 4), (10, 5), (7, 8))
    first.close()
    cache = open_cache(sandbox=Exhausted())
    for _ in range(3):
        assert not cache.lookup(ask(1, 2))
    assert [p.state for p in cache.procedures()] == [State.SUSPENDED]
    assert cache.stats().faults == {"sandbox.timeout": 3}


def test_another_process_uses_a_new_procedure_at_once(open_cache):
    """What one learnt, the other knows."""
    one, other = open_cache(compiler=Script(SUM)), open_cache()
    assert not other.lookup(ask(1, 2))
    feed(one, (3, 4), (10, 5), (7, 8))
    assert other.lookup(ask(1, 2)).tier is TierName.PROCEDURE


def test_one_class_is_compiled_by_one_process(open_cache):
    """A claimed class is left alone by others until the lease lapses."""
    one, other = open_cache(compiler=Script()), open_cache(compiler=Script())
    one.record(ask(1, 2), Response("The sum is 3."))
    assert one._casebook.claim(1, 10.0)
    assert not other._casebook.claim(1, 11.0)
    assert other._casebook.claim(1, 10.0 + 901)


def test_the_version_says_why_it_was_made(open_cache):
    """Model, prompt digest, cases and the evidence of every stage are kept with it."""
    cache = open_cache(compiler=Script(SUM))
    feed(cache, (3, 4), (10, 5), (7, 8))
    (procedure,) = cache.procedures()
    assert procedure.model == "scripted"
    assert len(procedure.prompt_digest) == 64
    assert [case.answer for case in procedure.examples] == ["The sum is 7.", "The sum is 15."]
    assert [(f.stage, f.passed) for f in procedure.evidence] == [
        (stage, True) for stage in (*(name for name, _ in STAGES), "shadow")
    ]


def test_the_prompt_shows_cases_differences_and_context_and_is_deterministic():
    """What the compiler needs: requests, replies, which spans differ, and the system prompt's rules."""
    cases = [Case("k1", "Add 1 and 2.", "3"), Case("k2", "Add 10 and 20.", "30")]
    prompt = compile_prompt(cases, "Answer with digits only.")
    assert "Add ⟦1⟧ and ⟦2⟧." in prompt
    assert "Answer with digits only." in prompt
    assert prompt == compile_prompt(list(cases), "Answer with digits only.")


def test_replies_are_read_strictly():
    """Fences of either kind; declining with a reason."""
    draft = parse_reply(SUM)
    assert (draft.answer_kind, len(draft.near_misses)) == ("integer", 2)
    assert parse_reply(SUM.replace("~~~", "```")).patterns == draft.patterns
    assert declined("NOT_COMPILABLE: opinions differ") == "opinions differ"
    assert declined("**NOT_COMPILABLE**: opinions differ") == "opinions differ"
    assert declined(SUM) is None
    assert declined(json.dumps({"NOT": 1})) is None


def test_policy_shadow_zero_is_live_at_once(open_cache):
    """Who trusts the gate alone may say so."""
    cache = open_cache(compiler=Script(SUM), policy={"shadow": 0})
    feed(cache, (3, 4), (10, 5))
    assert cache.lookup(ask(1, 2))
    assert Policy().shadow == 1
