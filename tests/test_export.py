"""Exports: one file that answers, refuses and tests itself as the procedure does here, where seglam is not installed."""

import ast
import json
import os
import re
import subprocess
import sys
import types
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from seglam import export
from seglam.compiler import readable
from seglam.dataslots import TYPES
from seglam.errors import PatternError, ProcedureError, ReplyError
from seglam.export import module, module_name
from seglam.guard import EXAMPLES
from seglam.procedure import Case, Draft, Finding, Procedure, State, answer, parse_reply
from seglam.sandbox import VERIFY, MontySandbox
from seglam.static import violations

SANDBOX = MontySandbox()
TAPE = Path(export.__file__).parent / "demo" / "tape.jsonl"
WRITTEN = (
    *(template for template, _, _ in EXAMPLES),
    "Round {a:decimal} to whole numbers, then add {b:integer} to the result and {c:decimal}.",
    "What is {p:percent} of {m:money(€)} plus {n:money}, shared by {q:integer}?",
    "Take {f:fraction} of the flour and {g:fraction} of the water.",
    "How many days lie between {a:date} and {b:date(mdy)} in all?",
    "Which day comes {n:integer} days after {a:date(dmy)} please?",
    "The shop opens at {a:time} and closes at {b:time} on weekdays.",
    r"Set \{{size:oneof(big|very big|a\|b|1.500)}\}\t{size} here\\there",
    "Label {code:word} of {who:name}: {what:words(2,5)} - next {code}.",
    "Spell {what:quoted} backwards please",
    r"Sort the numbers:\n{items:list(integer)}\nas {way:oneof(up|down)}",
    "Add these decimals: {items:list(decimal)}, quickly",
    "Add these prices: {items:list(money(£))}; then stop",
    "Add these shares: {items:list(percent)}; then stop",
    "Who comes first of {items:list(name)}?",
    "Sort these things: {items:list}.",
    "Sort these things too: {items:list(words(1, 2))}.",
    "Say these aloud: {items:list(quoted)}!",
    r"Count these lines:\n{items:list(text)}",
    r"Sum the table\n{rows:table}\nby column",
    r"Shorten this note:\n{body:block(120)}",
    r"Shorten this text:\n{body:block}",
    "Count the letters of {body:text(40)} please.",
    "두 수 {a:integer} 와 {b:decimal} 을 더해 주세요",
)
# A type that is new in the language is covered without a word here.
NEW = sorted({*TYPES} - {name for template in WRITTEN for name in re.findall(r"[:(]([a-z]+)", template)})
TEMPLATES = (*WRITTEN, *(rf"Look closely at what stands here:\n{{x:{name}}}\nand say it" for name in NEW))
PIECES = (
    *(
        "a",
        "no",
        " and ",
        ", ",
        ",",
        ".",
        "\n",
        "- ",
        '"',
        "’s",
        "-",
        "twelve",
        "Half",
        "½",
        "1.500",
        "1,000",
        "-7",
        "−3",
    ),
    *(
        "%",
        " percent",
        "€",
        "$5",
        "EUR 7",
        "2 euros",
        "31 February 2026",
        "March 3rd, 2026",
        "03/04/2026",
        "13/01/2026",
    ),
    *(
        "2:30 PM",
        "25:00",
        "e\u0301",
        "五",
        "ภาษาไทยยาวมาก",
        "\0",
        "\ud800",
        "|",
        "\t",
        "quickly",
        "two-thirds",
        "07",
        "très",
    ),
    *("O'Brien", "\r", " ", "", "x" * 41, "more", "1.505", "0.125", "²", "\u2028", "１"),
)


def procedure(*patterns, source=None, examples=(), slots="", intent="repeats what it was given", near_misses=()):
    """A live procedure; without a source it tells its slots' values."""
    code = source or (
        f"def run({slots}):\n    return [{slots}]\n\n"
        f"def check(value, {slots}):\n    return value == [{slots}]\n\n"
        f"def render(value, {slots}):\n    return ' / '.join([str(part) for part in value])\n"
    )
    cases = tuple(Case(f"k{number}", text, "recorded") for number, text in enumerate(examples))
    return Procedure(
        id=1,
        class_id=1,
        version=3,
        namespace="acme",
        vary="",
        engine="",
        state=State.LIVE,
        draft=Draft(intent, "text", "forever", patterns, code, tuple(near_misses)),
        examples=cases,
        model="a model",
        prompt_digest="ab12",
        evidence=(Finding("static", passed=True, detail="12 checks"),),
        agreements=4,
        created=1e9,
    )


def loaded(text, name="exported"):
    """The exported file as a module."""
    found = types.ModuleType(name)
    exec(compile(text, name, "exec", dont_inherit=True), found.__dict__)
    return found


@cache
def told(*templates):
    """The procedure of some templates, and its export."""
    slots = ", ".join(sorted(set(re.findall(r"(?<!\\)\{([a-z]+)", " ".join(templates)))))
    made = procedure(*templates, slots=slots)
    return made, loaded(module(made, SANDBOX))


def agree_on(templates, text):
    """The file reads a request exactly as the guard does: the same values of the same types, or none."""
    made, file = told(*templates)
    expected, actual = made.draft.guard.match(text), file.read_request(file.PATTERNS, file.SLOTS, text)
    assert repr(sorted((actual or {}).items())) == repr(sorted((expected or {}).items()))
    assert (actual is None) == (expected is None)
    return expected


def test_the_templates_have_every_type():
    """What follows is promised for each type of the pattern language."""
    used = {name for template in TEMPLATES for name in re.findall(r":([a-z]+)", template)}
    assert {*TYPES} <= used


@pytest.mark.parametrize("template", TEMPLATES)
def test_what_the_guard_samples_is_read_alike(template):
    """Every form in which a value may be written, and the answer is the sandbox's."""
    made, file = told(template)
    for seed in range(60):
        text = made.draft.guard.patterns[0].sample(seed)
        assert agree_on((template,), text) is not None
        if seed < 10:
            assert file.answer(text) == answer(made.draft, text, SANDBOX, VERIFY).text


@settings(deadline=None, max_examples=500)
@given(
    template=st.sampled_from(TEMPLATES),
    seed=st.integers(0, 500),
    at=st.integers(0, 200),
    cut=st.integers(0, 4),
    put=st.lists(st.sampled_from(PIECES) | st.characters(), max_size=2).map("".join),
)
@example(TEMPLATES[3], 0, 6, 9, "1.500")
@example(TEMPLATES[0], 0, 12, 2, "twelve")
def test_what_was_changed_is_read_alike(template, seed, at, cut, put):
    """Requests with something taken out or put in anywhere: the file never accepts what the guard refuses, nor otherwise."""
    text = told(template)[0].draft.guard.patterns[0].sample(seed)
    at %= len(text) + 1
    agree_on((template,), text[:at] + put + text[at + cut :])


FILLINGS = st.lists(st.lists(st.sampled_from(PIECES), max_size=5).map("".join), min_size=4, max_size=4)


@settings(deadline=None, max_examples=500)
@given(template=st.sampled_from(TEMPLATES), fillings=FILLINGS)
def test_what_stands_in_a_slot_is_read_alike(template, fillings):
    """Slots filled with anything."""
    runs = told(template)[0].draft.guard.patterns[0].skeleton
    text = runs[0] + "".join(filling + run for filling, run in zip(fillings, runs[1:], strict=False))
    agree_on((template,), text)


BOTH = (
    "The day {n:integer} days after {a:date(mdy)} is?",
    "The day {n:integer} days after {a:date(dmy)} is?",
    "The day {n:decimal} days after {a:date} is?",
)


@pytest.mark.parametrize("day", ["03/04/2026", "13/04/2026", "03/13/2026", "2026-04-13", "03/03/2026"])
def test_patterns_that_read_different_values_refuse(day):
    """As in the guard: where one pattern says March and another April, or int and Decimal, nobody can say which."""
    agree_on(BOTH[:2], f"The day 5 days after {day} is?")
    agree_on(BOTH, f"The day 5 days after {day} is?")


def test_a_longer_request_than_here_is_refused():
    """The file reads less than seglam where matching could be slow, never more."""
    made, file = told(TEMPLATES[0])
    text = made.draft.guard.patterns[0].sample(1)
    assert file.answer(text + " " * 100) is not None
    assert file.answer(text + " " * 30_000) is None


def pytest_of(folder):
    """Run pytest on a folder's files where neither seglam nor what it needs can be imported."""
    bare = (
        "import sys\nfor name in ('seglam', 're2', 'pydantic_monty', 'numpy', 'sqlalchemy'): sys.modules[name] = None\n"
    )
    bare += "import glob, pytest\nsys.exit(pytest.main(['-q', '-W', 'error', '-p', 'no:cacheprovider', *glob.glob('*.py')]))"
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.run(
        [sys.executable, "-I", "-c", bare],
        check=False,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


def recorded():
    """Drafts that a real model wrote."""
    for line in TAPE.read_text(encoding="utf-8").splitlines():
        try:
            draft, _ = readable(parse_reply(json.loads(line).get("reply", "")))
        except (ReplyError, PatternError):  # the tape holds plain answers as well, and replies that had to be mended
            continue
        if violations(draft.source):
            continue
        yield replace(procedure("x"), draft=draft)


def test_what_a_model_wrote_is_exported_and_passes_its_own_tests(tmp_path):
    """All procedures of the demonstration, as files in a bare environment: every example answered, every near miss refused."""
    count = 0
    for made in recorded():
        (tmp_path / f"{module_name(made)}.py").write_text(module(made, SANDBOX), encoding="utf-8")
        count += 1
    assert count > 10
    result = pytest_of(tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr
    assert f"{2 * count} passed" in result.stdout


ADD = """\
import re
from decimal import ROUND_HALF_UP, Decimal

# how it is said
WORD = "sum"

def run(a, b):
    if a > 999:
        raise Refuse("too large")
    return a + b

def check(value, a, b):
    return value - a == b and value >= 0

def render(value, a, b):
    return f"The {WORD} is {value}."
"""
ADDS = ("Please add {a:integer} and {b:integer} for me.",)
ASKED = ("Please add 3 and twelve for me.", "Please add 1,000 and 1 for me.")
MISSES = ("Please add 3 and 4 for me twice.", "Please add 3 and -4 for me.")


def test_the_file_is_the_code_as_it_was_written_with_its_story(tmp_path):
    """Code letter by letter, patterns, provenance, and examples with what the code answers; those it refuses are left out."""
    text = module(
        procedure(*ADDS, source=ADD, examples=ASKED, near_misses=(*MISSES, "Please add 3 and 5 for me.")), SANDBOX
    )
    assert ADD.strip() in text
    file = loaded(text)
    assert file.__doc__.startswith("repeats what it was given")
    assert file.PATTERNS == ADDS
    assert [(ASKED[0], "The sum is 15.")] == file.EXAMPLES
    assert [*MISSES] == file.NEAR_MISSES
    facts = file.PROVENANCE
    assert (facts["model"], facts["prompt_digest"], facts["version"], facts["state"]) == ("a model", "ab12", 3, "live")
    assert (facts["created"], facts["agreements"], facts["disagreements"]) == ("2001-09-09T01:46:40+00:00", 4, 0)
    assert facts["gate"] == [("static", "passed", "12 checks")]
    assert [file.answer(text) for text in ASKED] == ["The sum is 15.", None]
    assert file.reply({"a": 2, "b": -3}) is None
    (tmp_path / "sums.py").write_text(text, encoding="utf-8")
    result = pytest_of(tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_files_own_tests_can_fail(tmp_path):
    """Changed code, or a pattern that takes too much, is found by pytest in the file."""
    text = module(procedure(*ADDS, source=ADD, examples=ASKED, near_misses=MISSES), SANDBOX)
    (tmp_path / "wrong.py").write_text(
        text.replace("return a + b", "return a + b + 0 * b + (a == 3)"), encoding="utf-8"
    )
    (tmp_path / "wide.py").write_text(text.replace("for me.',", "for me{x:text(9)}',", 1), encoding="utf-8")
    result = pytest_of(tmp_path)
    assert result.returncode == 1, result.stdout + result.stderr
    assert "wrong.py::test_every_example" in result.stdout


def test_without_examples_made_up_ones_take_their_place():
    """Nothing of a real request is in the file, and it still has something to test."""
    asked = "Please add 4711 and 815 for me."
    made = procedure(*ADDS, source=ADD.replace("999", "9999"), examples=(asked,), near_misses=MISSES)
    assert asked in module(made, SANDBOX)
    text = module(made, SANDBOX, examples=False)
    assert "4711" not in text
    file = loaded(text)
    assert file.EXAMPLES
    assert all(file.answer(request) == told for request, told in file.EXAMPLES)
    assert file.PROVENANCE["examples"] == "made up"


CLASHING = '''\
import re as answer
from decimal import Decimal as reply

EXAMPLES = (1, 2)

def test_add(a, b):
    """test_add() of a and b"""
    return a + b + EXAMPLES[0] - 1

def read_integer(number):
    return int(reply(number))

def run(a, b):
    return read_integer(test_add(a=a, b=b)) if answer.match("a", "abc") else 0

def check(value, a, b):
    return value == test_add(a, b)

def render(value, a, b):
    return f"{read_integer(value)}"
'''


def test_names_of_the_code_do_not_clash_with_those_of_the_file():
    """A helper may be called answer, EXAMPLES or test_add: it is renamed, in strings too, and pytest does not run it."""
    text = module(procedure(*ADDS, source=CLASHING, examples=ASKED), SANDBOX)
    file = loaded(text)
    assert file.answer(ASKED[0]) == "15"
    assert [name for name in vars(file) if name.startswith("test")] == [
        "test_every_example_is_answered_as_in_the_sandbox",
        "test_every_near_miss_is_refused",
    ]
    assert "test_add is own_test_add" in text


def shape(text):
    """The statements of a file by kind and name."""
    return [(type(part), getattr(part, "name", None)) for part in ast.parse(text).body]


@cache
def plain():
    """The same of a file without anything special in it."""
    return shape(module(procedure(*ADDS, source=ADD, examples=ASKED[:1], near_misses=("x",)), SANDBOX))


NASTY = [
    '"""\nimport os\nos.x',
    "\\",
    'a"b\\',
    "'''",
    "{intent}",
    "%s",
    "\u202eevil",
    "\ud800",
    "# coding: utf-7",
    '\\"""',
]


@given(
    st.lists(st.sampled_from(NASTY) | st.text(max_size=10), min_size=1, max_size=4).map("".join), st.sampled_from(NASTY)
)
@settings(deadline=None, max_examples=40)
def test_texts_never_become_code(text, more):
    """Whatever stands in an intent, a near miss, a model's name or a finding: the statements of the file are the same."""
    hostile = procedure(*ADDS, source=ADD, examples=ASKED[:1], intent=text, near_misses=(text,))
    hostile = replace(hostile, model=more, prompt_digest=text, evidence=(Finding(more, passed=False, detail=text),))
    assert shape(module(hostile, SANDBOX)) == plain()
    assert re.fullmatch("[a-z0-9_]+", module_name(hostile))
    assert module_name(hostile).isidentifier()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"source": "import os\n" + ADD}, "static gate"),
        ({"source": ADD + "\nprint(1)\n"}, "static gate"),
        ({"patterns": ("{a:integer}",)}, "only patterns that parse"),
        ({"source": ADD.replace("a > 999", "a == a")}, "no request was found"),
    ],
)
def test_what_did_not_pass_is_not_exported(change, reason):
    """Code is written to a file only when the static gate lets it through, and something shows that it answers."""
    made = procedure(*ADDS, source=ADD, examples=ASKED)
    with pytest.raises(ProcedureError, match=reason):
        module(replace(made, draft=replace(made.draft, **change)), SANDBOX)


def test_the_same_procedure_gives_the_same_file():
    """Equal text, so that a repository of exports shows real changes only."""
    made = procedure(*ADDS, source=ADD, examples=ASKED, near_misses=MISSES)
    assert module(made, SANDBOX) == module(made, MontySandbox())
