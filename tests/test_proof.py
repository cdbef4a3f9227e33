"""Which templates are proved: crossed slots are found before they answer."""

import pytest

from seglam.agreement import agree
from seglam.procedure import Draft
from seglam.proof import proved
from seglam.sandbox import MontySandbox

SUBTRACT = "def run(a, b):\n    return a - b\n"
ADD = "def run(a, b):\n    return a + b\n"
DIVIDES = "def run(a, b):\n    return 'yes' if a != 0 and b % a == 0 else 'no'\n"
REST = "def check(value, a, b):\n    return True\ndef render(value, a, b):\n    return str(value)\n"


@pytest.fixture(scope="module")
def sandbox():
    """One sandbox for all."""
    made = MontySandbox()
    yield made
    made.close()


def shown(sandbox, template, source, *texts):
    """Whether the texts prove the template for this code."""
    draft = Draft("", "text", "", (template,), source + REST)
    return template in proved(draft, texts, sandbox, lambda text, one, other: agree(one, other, "text"))


TAKEN = "What is {a:integer} minus {b:integer}?"


def test_a_request_that_tells_the_slots_apart_proves_the_template(sandbox):
    """Exchanged, the code would have given another answer than the right one."""
    assert shown(sandbox, TAKEN, SUBTRACT, "What is 9 minus 4?")
    assert not shown(sandbox, TAKEN, SUBTRACT)
    assert not shown(sandbox, TAKEN, SUBTRACT, "What is it?")


def test_an_answer_that_fits_both_ways_proves_nothing(sandbox):
    """Five does not go into seven, nor seven into five: only four and twelve show which is which."""
    template = "Does {a:integer} go into {b:integer} without rest?"
    same = [f"Does {a} go into {b} without rest?" for a, b in ((5, 7), (3, 4), (9, 2))]
    assert not shown(sandbox, template, DIVIDES, *same)
    assert shown(sandbox, template, DIVIDES, *same, "Does 4 go into 12 without rest?")


NEWER = """
def key(text):
    parts = text.split(".")
    if len(parts) < 2 or not all(part.isdigit() for part in parts):
        raise Refuse("no version")
    return [int(part) for part in parts]

def run(a, b):
    return a if key(a) > key(b) else b
"""
VERSUS, WHICH = "{a:token(40)} or {b:token(40)}: which is newer?", "Which is newer, {a:token(40)} or {b:token(40)}?"


def test_what_was_asked_in_other_words_shows_that_order_is_all_one(sandbox):
    """Of tokens made up hardly any is a version number; those of earlier requests are, whatever words they came in."""

    def said(*texts):
        draft = Draft("", "text", "", (VERSUS, WHICH), NEWER + REST)
        return proved(draft, texts, sandbox, lambda text, one, other: agree(one, other, "text"))

    assert said("Which is newer, 2.10 or 2.9?") == frozenset()
    asked = ("2.10 or 2.9: which is newer?", "3.1 or 3.0: which is newer?", "7.4.1 or 7.11: which is newer?")
    assert said(*asked, "Which is newer, 2.3 or 2.8?") == {VERSUS, WHICH}


def test_where_order_matters_requests_in_other_words_prove_nothing(sandbox):
    """Many answered requests of one wording say nothing about slots that may be crossed in another."""
    other = "Take {b:integer} away from {a:integer}."
    draft = Draft("", "text", "", (TAKEN, other), SUBTRACT + REST)
    texts = [f"What is {a} minus {b}?" for a, b in ((9, 4), (7, 2), (8, 3), (30, 1))]
    given = proved(draft, [*texts, "Take 5 away from 5."], sandbox, lambda text, one, two: agree(one, two, "text"))
    assert given == {TAKEN}


def test_equal_values_prove_nothing_however_they_are_written(sandbox):
    """5.0 is 5."""
    template = "What is {a:decimal} minus {b:decimal}?"
    assert not shown(sandbox, template, SUBTRACT, "What is 5.0 minus 5?")


def test_the_same_request_again_proves_no_more(sandbox):
    """Three requests with equal values show that the kind has it so; one of them three times does not."""
    assert not shown(sandbox, TAKEN, SUBTRACT, *["What is 5 minus 5?"] * 3)
    assert shown(sandbox, TAKEN, SUBTRACT, *(f"What is {n} minus {n}?" for n in (5, 6, 7)))


def test_where_the_order_is_all_one_nothing_can_be_crossed(sandbox):
    """A sum needs no proof of which comes first."""
    assert shown(sandbox, "What is {a:integer} plus {b:integer}?", ADD, "What is 2 plus 2?")


def test_slots_that_cannot_read_each_other_need_no_proof(sandbox):
    """An amount of money is no count."""
    template = "What is {a:money} for {b:integer} boxes?"
    assert shown(sandbox, template, "def run(a, b):\n    return a * b - b\n", "What is $4.50 for 3 boxes?")


def test_requests_that_agree_both_ways_prove_that_the_order_is_all_one(sandbox):
    """Where the code refuses made-up values, four requests with different answers are enough, and three are not."""
    template = "How far is it from {a:integer} to {b:integer} on this line?"
    far = "def run(a, b):\n    if a + b not in (10, 12, 16, 22):\n        raise Refuse('no such line')\n    return abs(a - b)\n"
    asked = [f"How far is it from {a} to {b} on this line?" for a, b in ((3, 7), (1, 11), (4, 12), (2, 20))]
    assert not shown(sandbox, template, far, *asked[:3])
    assert shown(sandbox, template, far, *asked)


def test_what_the_code_refuses_when_exchanged_says_nothing_about_order(sandbox):
    """A product with a limit on one side: where both ways are answered they agree, and that counts."""
    template = "What are {a:integer} a day for {b:integer} days?"
    limited = "def run(a, b):\n    if b > 400:\n        raise Refuse('too long')\n    return a * b\n"
    asked = [f"What are {a} a day for {b} days?" for a, b in ((7, 3), (9, 300), (20, 11), (5, 2))]
    assert shown(sandbox, template, limited, *asked)


def test_a_name_that_the_code_does_not_see_is_proved_by_two(sandbox):
    """One name alone does not show that it makes no difference."""
    template = "{_:name} takes {a:integer} minus {b:integer}."
    assert not shown(sandbox, template, SUBTRACT, "Ada takes 9 minus 4.", "Ada takes 8 minus 1.")
    assert shown(sandbox, template, SUBTRACT, "Ada takes 9 minus 4.", "Bo takes 8 minus 1.")


FLIGHT = "def run(a, b):\n    return a + ' then ' + b\n"
SHOWN = "How do I get from {a:name} to {b:name}?"
ASKED = "How do I get from Paris to Rome?"


@pytest.mark.parametrize(
    ("template", "told"),
    [
        ("Please show the way from {a:name} to {b:name}.", True),
        ("Please show the way to {b:name} from {a:name}.", True),
        ("Please show the way from {b:name} to {a:name}.", False),
        ("Please show the way to {a:name} from {b:name}.", False),
        ("{a:name} and {b:name}: how do I get there?", False),
        ("How do I not get from {a:name} to {b:name}?", False),
    ],
)
def test_the_words_beside_the_slots_tell_which_is_which(sandbox, template, told):
    """A template that was only foreseen needs no request of its own where its words say of each slot what a proved one's say."""
    draft = Draft("", "text", "", (SHOWN, template), FLIGHT + REST)
    found = proved(draft, [ASKED], sandbox, lambda text, one, other: agree(one, other, "text"))
    assert SHOWN in found
    assert (template in found) is told


def test_nothing_is_told_by_a_template_that_is_not_proved(sandbox):
    """Words lean on requests, not on other words."""
    draft = Draft("", "text", "", (SHOWN, "Please show the way from {a:name} to {b:name}."), FLIGHT + REST)
    assert not proved(draft, [], sandbox, lambda text, one, other: agree(one, other, "text"))
