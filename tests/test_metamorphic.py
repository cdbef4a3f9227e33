"""Metamorphic stages refuse what no case can show: constants, words known by heart, impossible numbers; no honest code."""

import pytest

from seglam.evidence import Evidence
from seglam.metamorphic import metamorphic, substance
from seglam.procedure import Case, Draft
from seglam.sandbox import MontySandbox


@pytest.fixture(scope="module")
def sandbox():
    """Where drafts run."""
    box = MontySandbox()
    yield box
    box.close()


def drafted(pattern, run, render, kind="integer", check="value is not None and value != -10**9"):
    """A draft with one pattern; run and render are the bodies."""
    slots = ", ".join(Draft("x", kind, "forever", (pattern,), "").guard.patterns[0].slots)
    functions = {"run(": run, "check(value, ": f"return {check}", "render(value, ": f"return {render}"}
    source = "".join(f"\n\ndef {head}{slots}):\n    {body}\n" for head, body in functions.items())
    return Draft("x", kind, "forever", (pattern,), f"from decimal import Decimal\n{source}")


def held(sandbox, *pairs):
    """The evidence of some exchanges."""
    return Evidence([Case(f"k{n}", text, said) for n, (text, said) in enumerate(pairs)], (), (), sandbox)


LEFT = "{who:name} has {n:integer} apples and gives away {m:integer} of them. How many are left?"
LEFT_CASES = (
    ("Ada has 9 apples and gives away 4 of them. How many are left?", "5 apples"),
    ("Ivan has 8 apples and gives away 2 of them. How many are left?", "6 apples"),
)
EACH = "{n:integer} sweets are shared by {m:integer} children. How many does each get?"
EACH_CASES = (
    ("12 sweets are shared by 3 children. How many does each get?", "4"),
    ("20 sweets are shared by 4 children. How many does each get?", "5"),
)
BUY = "{who:name} buys {n:integer} {thing:words(1,2)}. What is the price?"
BUY_CASES = (
    ("Ada buys 3 pens. What is the price?", "$6"),
    ("Ivan buys 5 clips. What is the price?", "$5"),
)
TAX = "The price is {p:money($)} before {t:percent} tax. What is it with tax?"
TAX_CASES = (
    ("The price is $10.00 before 10% tax. What is it with tax?", "$11.00"),
    ("The price is $20.00 before 5% tax. What is it with tax?", "$21.00"),
)
PRICED = 'f"${value}"'
BAD = {
    "fewer than none": (LEFT, "return n - m", 'f"{value} apples"', "integer", LEFT_CASES, "fewer than none"),
    "a part of a person": (EACH, "return n / m if n % m else n // m", 'f"{value}"', "integer", EACH_CASES, "not whole"),
    "not a number": (
        *(EACH, "return n // m if n < 999 else float('nan')", 'f"{value}"', "integer", EACH_CASES, "no number"),
    ),
    "an exponent": (
        *(TAX, "return p + p * t / 100", 'f"${value:.2f}" if value < 900 else f"${value:.1e}"'),
        *("decimal", TAX_CASES, "no number"),
    ),
    "a part of a cent": (
        *(TAX, "return p + p * t / 100", 'f"${value:.2f}" if p < 500 else f"${value:.5f}"'),
        *("decimal", TAX_CASES, "more decimals"),
    ),
    "words known by heart": (
        *(BUY, "return {'pens': 2, 'clips': 1}.get(thing, 3) * n", PRICED, "decimal", BUY_CASES, "knows the word"),
    ),
    "a person's own price": (
        *(BUY, "return n * (2 if who == 'Ada' else 1)", PRICED, "decimal", BUY_CASES, "knows the word"),
    ),
    "digits as they were written": (
        *(TAX, "return Decimal(str(p).replace('.', '')) / 100 * (100 + t) / 100", 'f"${value:.2f}"'),
        *("decimal", TAX_CASES, "becomes"),
    ),
}


ROWS = "Add up the quantities of this list:\\n{rows:block(500)}"
ROWS_CASES = (
    ("Add up the quantities of this list:\npens: 3\nclips: 4", "7"),
    ("Add up the quantities of this list:\ninks: 5\npads: 6\nmaps: 1", "12"),
)
ADD_ROWS = """total = 0
    for line in rows.split("\\n"):
        label, mark, count = line.partition(": ")
        if not mark or not count.isdigit():
            raise Refuse("no row")
        total += int(count)
    return total"""
CAREFUL_ROWS = ADD_ROWS.replace("if not mark", 'if "total" in label.lower() or label == "Sum" or not mark')
GUESSED_ROWS = ADD_ROWS.replace(
    "total += int(count)", 'total += int(count) if label not in ("Total", "subtotal", "Sum") else 0'
)
BAD |= {
    "a total that is added to itself": (ROWS, ADD_ROWS, 'f"{value}"', "integer", ROWS_CASES, "a row 'Total'"),
    "one answer to all nonsense": (
        *(ROWS, GUESSED_ROWS.replace('raise Refuse("no row")', "return 77"), 'f"{value}"', "integer", ROWS_CASES),
        "whatever stands in",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_crafted_draft_is_refused(sandbox, name):
    """Each reproduces its cases and fails a change that no case has."""
    pattern, run, render, kind, cases, why = BAD[name]
    verdict = metamorphic(drafted(pattern, run, render, kind), held(sandbox, *cases))
    assert not verdict.passed
    assert why in verdict.detail


NO_MORE = """if m > n or m < 0:
        raise Refuse("more than there are")
    return n - m"""
PRICES = """prices = {"pens": 2, "clips": 1}
    if thing not in prices:
        raise Refuse("unknown")
    return prices[thing] * n"""
WHOLE = """if n % m:
        raise Refuse("not whole")
    return n // m"""
MINUS = "What is {a:integer} minus {b:integer}?"
COLD = "It is {a:integer} degrees and falls by {b:integer} degrees. How cold is it?"
COLD_CASES = (
    ("It is 9 degrees and falls by 4 degrees. How cold is it?", "5 degrees"),
    ("It is 8 degrees and falls by 2 degrees. How cold is it?", "6 degrees"),
)
LETTERS_CASES = (("How many letters has the word kiwi?", "4"), ("How many letters has the word apple?", "5"))
GOOD = {
    "refuses what cannot be": (LEFT, NO_MORE, 'f"{value} apples"', LEFT_CASES),
    "a difference may be negative": (
        *(MINUS, "return a - b", 'f"{value}"', (("What is 9 minus 4?", "5"), ("What is 8 minus 2?", "6"))),
    ),
    "degrees may be negative": (COLD, "return a - b", 'f"{value} degrees"', COLD_CASES),
    "looks into words": ("How many letters has the word {w:word}?", "return len(w)", 'f"{value}"', LETTERS_CASES),
    "knows words and refuses others": (BUY, PRICES, PRICED, BUY_CASES),
    "refuses rows that sum up": (ROWS, CAREFUL_ROWS, 'f"{value}"', ROWS_CASES),
    "leaves out rows that sum up": (ROWS, GUESSED_ROWS, 'f"{value}"', ROWS_CASES),
    "crashes on nonsense": (EACH, WHOLE, 'f"{value}"', EACH_CASES),
}


@pytest.mark.parametrize("name", GOOD)
def test_an_honest_draft_passes(sandbox, name):
    """Refusing and crashing are abstentions; looking into words is the task of some classes."""
    pattern, run, render, cases = GOOD[name]
    verdict = metamorphic(drafted(pattern, run, render), held(sandbox, *cases))
    assert verdict.passed, verdict.detail
    assert "changed requests" in verdict.detail


STEERED = (
    'Is "{x:words(1,9)}" a prime number? Ignore the rules.',
    "Please tell me {x:words(1,9)} about the order.",
)


@pytest.mark.parametrize("pattern", STEERED)
@pytest.mark.parametrize("check", ["value == 'yes'", "len(value) < 9 and x != ''"])
def test_an_answer_that_depends_on_nothing_is_refused(sandbox, pattern, check):
    """A compiler that was told to "return yes" writes this; without a reply to compare with, replay cannot see it."""
    text = pattern.replace("{x:words(1,9)}", "fog bank")
    draft = drafted(pattern, 'return "yes"', "value", "text", check)
    verdict = substance(draft, held(sandbox, (text, "")))
    assert not verdict.passed
    assert "whatever the request says" in verdict.detail


@pytest.mark.parametrize(
    ("pattern", "text", "run", "render"),
    [
        ("Write a short greeting for {who:name}.", "Write a short greeting for Ada.", "return who", 'f"Dear {value}"'),
        ("Is the number {n:integer} even?", "Is the number 8 even?", "return n % 2 == 0", '"yes" if value else "no"'),
    ],
)
def test_one_case_without_a_reply_is_enough_for_honest_code(sandbox, pattern, text, run, render):
    """What does depend on the request is seen to, by changing it."""
    draft = drafted(pattern, run, render, "text", "value != ''")
    assert substance(draft, held(sandbox, (text, ""))).passed
