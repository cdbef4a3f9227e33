"""What the language's tables and rules say is true: in the sandbox, and at the gate."""

import re

import pytest

from seglam import language
from seglam.sandbox import HIT, MontySandbox
from seglam.static import LANGUAGE_RULES, violations


@pytest.fixture(scope="module")
def sandbox():
    """One sandbox for the module."""
    it = MontySandbox()
    yield it
    it.close()


def procedure(body="return n", top=""):
    """A procedure with this body of run(), or this at the top of its module."""
    indented = "\n".join("    " + line for line in body.split("\n"))
    rest = "def check(value, n):\n    return value == value\n\ndef render(value, n):\n    return str(value)\n"
    return f"{top}\ndef run(n):\n{indented}\n\n{rest}"


SETUP = (
    "import re\nfrom random import Random\nfrom decimal import Decimal\nfrom collections import Counter, deque\n"
    "from datetime import date, datetime, time, timedelta, timezone\n"
)


def missing(sandbox, source):
    """Whether the sandbox says that it does not have what this source uses."""
    outcome = sandbox.run(SETUP + source, {}, HIT)
    words = (
        "AttributeError",
        "NameError",
        "ImportError",
        "ModuleNotFoundError",
        "NotImplementedError",
        "not supported",
    )
    return any(word in outcome.detail for word in words)


@pytest.mark.parametrize("module", language.MODULES)
def test_every_allowed_import_exists(sandbox, module):
    """Every module and every one of its names that the gate allows can be imported in the sandbox."""
    outcome = sandbox.run("\n".join(f"from {module} import {name}" for name in language.MODULES[module]), {}, HIT)
    assert outcome.ok, outcome.detail


def test_every_allowed_builtin_exists(sandbox):
    """Every builtin that the gate allows is there."""
    outcome = sandbox.run("\n".join(f"a = {name}" for name in language.BUILTINS), {}, HIT)
    assert outcome.ok, outcome.detail


@pytest.mark.parametrize(
    ("expression", "method"), [(made, name) for made, names in language.METHODS.items() for name in sorted(names)]
)
def test_every_allowed_method_exists(sandbox, expression, method):
    """Every method that the gate allows is there; called wrongly it complains about arguments, not about its absence."""
    assert not missing(sandbox, f"({expression}).{method}()")
    assert missing(sandbox, f"({expression}).{method}_()")


@pytest.mark.parametrize(
    ("expression", "name"), [(made, name) for made, names in language.PROPERTIES.items() for name in sorted(names)]
)
def test_every_allowed_property_exists(sandbox, expression, name):
    """Every attribute that the gate allows is there."""
    outcome = sandbox.run(f"{SETUP}str(({expression}).{name})", {}, HIT)
    assert outcome.ok, outcome.detail


PRESENT_BUT_REFUSED = {"csv", "io", "os", "sys", "time"}


def test_what_is_called_missing_is_missing(sandbox):
    """The modules, and the methods, that a fault calls "not available" are not, except those refused for other reasons."""
    assert {m for m in language.LACKING_MODULES if not missing(sandbox, f"import {m}")} <= PRESENT_BUT_REFUSED
    values = ("'a'", "5", "2.5", "datetime(2020, 1, 1)", "re.match('(a)', 'a')", "re.compile('a')", "{1}")
    unavailable = {name for name, advice in language.LACKING_ATTRIBUTES.items() if "is not available" in advice}
    for name in unavailable:
        for value in values:
            called = f"({value}).{name}" + ("" if name in ("numerator", "denominator", "lastgroup") else "()")
            assert missing(sandbox, called) or name == "as_integer_ratio", called


RULES = {
    1: [("top", "x = [i for i in range(3)]"), ("top", "if True: pass"), ("body", "return Refuse('')"), ("top", "n = 1")],
    2: [("top", "import fractions"), ("top", "from math import *"), ("top", "from random import randint")],
    3: [("body", "print(n)\nreturn n"), ("body", "return callable(n)")],
    4: [("body", "yield n"), ("body", "def f(x=[]): return x\nreturn f()"), ("body", "class E(Exception): x = 1\nreturn n")],
    5: [("body", "return sorted(n, key=str.lower)"), ("body", "return max(n, key=n.get)"), ("body", "return str.lower(n)")],
    6: [("body", "return next(x for x in n)"), ("top", "import itertools\ndef f(): return [x for x in itertools.count()]")],
    7: [("body", "return [x for x in {3, 1}]")],
    8: [("body", "return round(n, 2)")],
    9: [("top", "import re\nP = re.compile('" + "a" * 301 + "')"), ("top", "import re\nX = re.VERBOSE")],
    10: [("body", "return n.translate({})"), ("body", "raise ValueError('a', n)"), ("body", "return '{0.a}'.format(n)")],
    11: [("body", "return n.today()"), ("top", "import random\nR = random.random"), ("top", "S = []\ndef f(): S.append(1)")],
    12: [("top", "\n" * 201), ("body", "return 1" + "0" * 18), ("body", "return [" + "1, " * 121 + "]")],
}  # fmt: skip


def test_every_rule_is_enforced():
    """Each numbered rule that the compiler is told has constructs that break it, and the gate refuses every one."""
    numbers = [int(line.partition(".")[0]) for line in LANGUAGE_RULES.splitlines() if re.match(r"\d+\. ", line)]
    assert numbers == list(RULES)
    for number, examples in RULES.items():
        for place, code in examples:
            assert violations(procedure(**{place: code})), (number, code)
    assert violations(procedure()) == []


@pytest.mark.parametrize(
    ("advice", "expected"),
    [
        ("sorted(['b', 'A'], key=lambda s: s.lower())", ["A", "b"]),
        ("[s.strip() for s in [' a ']]", ["a"]),
        ("sorted(['aa', 'b'], key=len) + list(map(str, [1]))", ["b", "aa", "1"]),
        ("next(iter([x for x in [3, 4] if x > 3]), 0)", 4),
        ("sorted({3, 1, 2})", [1, 2, 3]),
        ("from decimal import ROUND_HALF_UP\nstr(Decimal('2.675').quantize(Decimal('0.01'), ROUND_HALF_UP))", "2.68"),
        ("f'{2.675:.2f}'", "2.67"),
        ("round(2.5), round(3.5)", (2, 4)),
        ("len(bin(10)) - 2, bin(10).count('1')", (4, 2)),
        ("(date(2024, 3, 1) - date(2024, 2, 1)).days", 29),
        ("d = {1: 2}\nd.pop(1)\nd", {}),
        ("re.match('[0-9]+', 'ab12'[2:]).group()", "12"),
        ("Random(7).randint(1, 10)", 6),
        ("def f(n): return n and f(n - 1)\nf(99)", 0),
    ],
)  # fmt: skip
def test_the_rewrites_work(sandbox, advice, expected):
    """What the rules tell the compiler to write instead gives in the sandbox what it gives in CPython."""
    outcome = sandbox.run(SETUP + advice, {}, HIT)
    assert outcome.value == expected, outcome


def test_rounding_to_digits_really_differs(sandbox):
    """The reason for rule 8 still holds; when it does not any more, the rule can go."""
    assert sandbox.run("round(2.675, 2)", {}, HIT).value != round(2.675, 2)


def test_the_rules_name_the_tables():
    """The rules list every module, every builtin function and the sizes that the gate enforces."""
    functions = [name for name in language.BUILTINS if name.islower()]
    for word in [*language.MODULES, *language.LACKING_MODULES, *functions]:
        assert re.search(rf"\b{word}\b", LANGUAGE_RULES), word
    for size in (language.MAX_LINES, language.MAX_SOURCE, language.MAX_ELEMENTS, language.MAX_PATTERN):
        assert str(size) in LANGUAGE_RULES
