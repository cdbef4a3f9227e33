"""The life of a procedure under bad luck: outages, versions refuted meanwhile, full classes, wordings that nobody has proved."""

import pytest

from seglam import Request, Response, State, Why
from seglam.library import Birth
from test_life import NEVER, WIDER, other, states
from test_procedural import SUM, Script, ask, feed

DIFFERENCE = """\
~~~meta
{"intent": "subtracts", "answer_kind": "integer", "staticity": "forever"}
~~~
~~~patterns
Please take {b:integer} away from {a:integer} for me.
~~~
~~~python
def run(a, b):
    return a - b

def check(value, a, b):
    return value + b == a

def render(value, a, b):
    return f"The difference is {value}."
~~~
~~~near_misses
Please take 3 away from 4 for me and double it.
Please take 3 and 4 away from me.
~~~
"""
CROSSED = """\
~~~patterns
What is {a:integer} minus {b:integer}?
How many are left when {a:integer} coins are removed from {b:integer} coins?
~~~
"""


class Down:
    """A model that cannot be reached until it is given replies."""

    name = "down"

    def __init__(self):
        self.script = None
        self.calls = 0

    def complete(self, prompt):
        self.calls += 1
        if self.script is None:
            raise ConnectionError("no route")
        return self.script.complete(prompt)


def minus(a, b):
    """One request of the class, in the words of its first template."""
    return Request(f"Please take {b} away from {a} for me.")


def difference(cache, request, a, b):
    """Let the model answer a request that was looked up."""
    found = cache.lookup(request)
    cache.record(request, Response(f"The difference is {a - b}."))
    return found


@pytest.fixture
def subtracting(open_cache):
    """A cache in which the difference is live, with two further wordings, the second with its slots crossed."""
    cache = open_cache(compiler=Script(DIFFERENCE, CROSSED, votes=["The difference is 7."] * 2), policy=NEVER)
    for a, b in ((10, 4), (20, 5), (9, 2)):
        difference(cache, minus(a, b), a, b)
    cache._casebook._kin = -1.0
    difference(cache, Request("What is 12 minus 7?"), 12, 7)
    assert states(cache) == [State.RETIRED, State.LIVE]
    return cache


def test_a_wording_that_was_only_foreseen_answers_nothing_before_the_model_agreed(subtracting):
    """The code is trusted, the template is not: its slots are crossed, and the first request in its words shows it."""
    assert subtracting.lookup(Request("What is 30 minus 11?")).response.text == "The difference is 19."
    crossed = Request("How many are left when 3 coins are removed from 10 coins?")
    found = difference(subtracting, crossed, 10, 3)
    assert found.why is Why.AUDIT
    assert State.LIVE not in states(subtracting)


def test_equal_values_prove_no_wording(subtracting):
    """Where two slots hold the same value, crossed slots give the same answer: agreeing shows nothing."""
    for n in (5, 6):
        request = Request(f"How many are left when {n} coins are removed from {n} coins?")
        assert difference(subtracting, request, n, n).why is Why.AUDIT


def test_a_proved_wording_answers_in_every_process(open_cache):
    """The first agreement in a wording is kept with the version."""
    crossed = "{a:integer} coins are removed from {b:integer}"
    model = Script(DIFFERENCE, CROSSED.replace(crossed, "{b:integer} coins are removed from {a:integer}"))
    one, two = open_cache(compiler=model, policy=NEVER), open_cache(policy=NEVER)
    for a, b in ((10, 4), (20, 5), (9, 2)):
        difference(one, minus(a, b), a, b)
    one._casebook._kin = -1.0
    difference(one, Request("What is 12 minus 7?"), 12, 7)
    request = Request("How many are left when 4 coins are removed from 30 coins?")
    assert not two.lookup(request)
    first = difference(one, Request("How many are left when 3 coins are removed from 10 coins?"), 10, 3)
    assert first.why is Why.AUDIT
    assert two.lookup(request).response.text == "The difference is 26."


def test_every_template_may_answer_where_the_policy_says_so(open_cache):
    """prove=False: trusting the version is trusting all of its wordings."""
    two = SUM.replace("for me.\n~~~", "for me.\nSum of {a:integer} and {b:integer}?\n~~~", 1)
    cache = open_cache(compiler=Script(two), policy={**NEVER, "prove": False})
    feed(cache, (3, 4), (10, 5), (7, 8))
    assert cache.lookup(Request("Sum of 2 and 5?")).response.text == "The sum is 7."


def test_what_is_refuted_while_it_is_widened_does_not_come_back(open_cache):
    """The wider version has the same code: it is dropped, and the class stays refuted."""
    cache = None

    class Meanwhile(Script):
        def complete(self, prompt):
            if "does not take" in prompt:
                cache.curator.retire(1)
            return super().complete(prompt)

    cache = open_cache(compiler=Meanwhile(SUM, WIDER), policy=NEVER)
    feed(cache, (3, 4), (10, 5), (7, 8))
    cache._casebook._kin = -1.0
    cache.curator._drain = lambda: None  # it waits for the learning that it is called from
    cache.record(other(6, 7), Response("The sum is 13."))
    assert states(cache) == [State.RETIRED]


def test_a_vote_that_breaks_costs_the_procedure_its_trust(open_cache):
    """Contradicted, and nobody to ask: it does not go on answering."""
    cache = open_cache(compiler=Script(SUM), policy={**NEVER, "on_fault": "miss"})
    feed(cache, (3, 4), (10, 5), (7, 8))

    def broken(*_args, **_kwargs):
        raise OSError("disk full")

    cache._learner._votes = broken
    cache.record(ask(2, 2), Response("The sum is 5."))
    assert not cache.lookup(ask(20, 20))


def test_an_outage_says_nothing_about_a_class(open_cache, clock):
    """However long the model was down: when it is back, the class is compiled within minutes."""
    model = Down()
    cache = open_cache(compiler=model, policy={**NEVER, "on_fault": "miss"})
    for n in range(60):
        feed(cache, (n, 1000))
        clock.move(3600)
    assert model.calls > 5
    model.script = Script(SUM)
    clock.move(600)
    feed(cache, (61, 1000))
    assert states(cache) == [State.SHADOW]


def test_a_failed_widening_is_tried_again_when_the_model_is_back(open_cache, clock):
    """An outage costs a widening minutes, not the hours of a reply that failed."""
    model = Script(SUM)
    cache = open_cache(compiler=model, policy={**NEVER, "on_fault": "miss"})
    feed(cache, (3, 4), (10, 5), (7, 8))
    cache._casebook._kin = -1.0
    cache.record(other(6, 7), Response("The sum is 13."))  # the script has no further reply: the call fails
    assert cache.stats().faults["compiler"] == 1
    model.replies.append(WIDER)
    clock.move(301)
    cache.record(other(8, 7), Response("The sum is 15."))
    assert states(cache) == [State.RETIRED, State.LIVE]


def test_every_near_case_that_a_wider_version_takes_is_replayed(open_cache, clock):
    """Also those that are too old to be shown: one that contradicts the code keeps the template out."""
    model = Script(SUM, votes=["The product is 6."] * 9)
    cache = open_cache(compiler=model, policy={**NEVER, "on_fault": "miss"})
    feed(cache, (3, 4), (10, 5), (7, 8))
    cache._casebook._kin = -1.0
    cache.record(other(2, 3), Response("The product is 6."))
    for i in range(7):
        cache.record(other(20 + i, 1), Response(f"The sum is {21 + i}."))
    model.replies += [WIDER] * 3
    clock.move(301)
    cache.record(other(40, 1), Response("The sum is 41."))
    assert states(cache) == [State.LIVE]


def test_a_full_class_keeps_what_is_new(open_cache):
    """Forty requests with one answer must not hide the first that has another: only then does compiling make sense."""
    model = Script("NOT_COMPILABLE: no")
    cache = open_cache(compiler=model, policy=NEVER)
    for i in range(40):
        cache.record(Request(f"Is {2 * i + 1001} an even number?"), Response("No."))
    assert model.prompts == []
    cache.record(Request("Is 2000 an even number?"), Response("Yes."))
    assert len(model.prompts) == 1


def test_a_class_whose_versions_are_all_suspended_is_compiled_again(open_cache):
    """Whatever took the last one away: nobody has to release the class by hand."""
    model = Script(SUM, SUM)
    cache = open_cache(compiler=model, policy=NEVER)
    feed(cache, (3, 4), (10, 5), (7, 8))
    (procedure,) = cache.procedures()
    cache._standing.suspend((procedure,), "broke its limits", stage="limits")
    feed(cache, (9, 9))
    assert len(model.prompts) == 2
    assert states(cache) == [State.SUSPENDED, State.SHADOW]


def test_the_same_request_again_is_no_second_agreement(open_cache):
    """A version that must show three agreements shows them on three requests."""
    cache = open_cache(compiler=Script(SUM), policy={**NEVER, "shadow": 3})
    feed(cache, (3, 4), (10, 5), *[(7, 8)] * 5)
    assert states(cache) == [State.SHADOW]
    feed(cache, (1, 9), (2, 9))
    assert states(cache) == [State.LIVE]


def test_failed_extensions_become_rarer_and_leave_widening_alone(open_cache, clock):
    """A request that no code can answer asks for new code less and less often; another wording is still learnt."""
    timid = SUM.replace("return a + b", "if a > 500:\n        raise Refuse('large')\n    return a + b")
    no = "NOT_COMPILABLE: what large numbers mean is not known"
    model = Script(timid, no, no, WIDER)
    cache = open_cache(compiler=model, policy=NEVER)
    feed(cache, (3, 4), (10, 5), (7, 8))
    feed(cache, *((600 + i, 1) for i in range(50)))
    assert len(model.prompts) == 2  # after three, then not for an hour
    clock.move(3601)
    feed(cache, *((700 + i, 1) for i in range(50)))
    assert len(model.prompts) == 3
    cache._casebook._kin = -1.0
    cache.record(other(6, 7), Response("The sum is 13."))
    assert states(cache) == [State.RETIRED, State.LIVE]


def test_work_that_was_paid_for_and_failed_is_not_paid_for_again_soon(open_cache, clock):
    """A fault after the reply comes again with the next one: it waits as long as any failure."""
    model = Script(*[SUM] * 40)
    cache = open_cache(compiler=model, policy={**NEVER, "on_fault": "miss"})

    def broken(*_args, **_kwargs):
        raise ZeroDivisionError

    cache._author._evidence = broken
    for n in range(200):
        feed(cache, (n, 1000))
        clock.move(300)
    assert len(model.prompts) <= 5


def test_of_two_merges_at_once_one_counts(open_cache):
    """Each would retire the other: whoever comes second finds that its own has gone."""
    cache = open_cache(compiler=Script(SUM), policy=NEVER)
    feed(cache, (3, 4), (10, 5), (7, 8))
    (one,) = cache.procedures()
    other = cache._library.save(
        *(cache._casebook.file(Request("x"), Response("y"), now=1.0), ("", ""), one.draft, one.examples),
        *(Birth("m", "", 1.0, proven=one.proven), State.LIVE),
    )
    two = cache._library.get(other)
    assert cache._library.merge(one, two, 2.0)
    assert not cache._library.merge(two, one, 2.0)
    assert states(cache) == [State.RETIRED, State.LIVE]
