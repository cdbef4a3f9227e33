"""The static gate refuses what it says, says what to do instead, and what it tells the compiler is true in the sandbox."""

import ast
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seglam.sandbox import HIT, MontySandbox, call_source, compact
from seglam.static import MAX_FOUND, violations

GOOD = {
    "tax": '''"""Totals."""
import math
from decimal import Decimal, ROUND_HALF_UP

CENT = Decimal("0.01")
RATES = {"food": Decimal("0.07"), "other": Decimal("0.19")}
STEPS = (1, -2, 3 * 4)
LIMIT: int = 10**6


def run(qty, price, kind="other"):
    """Add the tax."""
    if kind not in RATES or qty > LIMIT:
        raise Refuse(f"unknown kind {kind}")
    return (qty * price * (1 + RATES[kind])).quantize(CENT, ROUND_HALF_UP)


def check(value, qty, price, kind="other"):
    return value >= 0 and math.isfinite(value)


def render(value, **slots):
    return "The total is ${:,.2f} for {}.".format(value, slots["qty"])


def gen(seed):
    return {"qty": seed % 9 + 1, "price": Decimal(seed % 1000) / 100, "kind": sorted(RATES)[seed % 2]}
''',
    "words": r'''import re
import random
from collections import Counter, namedtuple
from dataclasses import dataclass, field
from itertools import count, islice

WORD = re.compile(r"[a-z]+")
Pair = namedtuple("Pair", "word times")


@dataclass(frozen=True)
class Tally:
    """Counted words."""

    counts: dict = field(default_factory=dict)

    def best(self):
        return max(self.counts, key=lambda word: (self.counts[word], word))


def tally(text, start=0):
    found = {}
    for match in WORD.finditer(text.lower()):
        found[match.group(0)] = found.get(match.group(0), start) + 1
    return Tally(found)


def run(text):
    try:
        best = tally(text).best()
    except ValueError as error:
        raise Refuse(str(error)) from error
    first = next(iter([c for c in text if c.isupper()]), "")
    [a, *_rest], numbers = (best, first), list(islice(count(), 3))
    pair = Pair(a, len(numbers))
    match pair.times, pair.word:
        case (3, str(word)) if word:
            result = word
        case _:
            result = ""
    return result.upper() if (size := len(result)) > 2 else result * size


def check(value, *, text):
    assert isinstance(value, str)
    return value.lower() in text.lower() or value == ""


def render(value, text):
    return f"{value!s:>10}".strip()


def gen(seed):
    words = ["tea", "ship", "cloud"]
    return {"text": " ".join(random.Random(seed).choices(words, k=5))}
''',
    "dates": """from datetime import date, timedelta
import functools


def months(year):
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    lengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    lengths[1] += 1 if leap else 0
    return lengths


def run(day, offset):
    def shifted(by):
        nonlocal total
        total += by
        return day + timedelta(days=by)

    total = 0
    result = functools.reduce(lambda acc, n: max(acc, n), [shifted(offset)], date(1, 1, 1))
    while total > sum(months(result.year)):
        total -= 1
    return result


def check(value, day, offset):
    return (value - day).days == offset


def render(value, day, offset):
    return value.strftime("%B %-d, %Y") + ", " + ", ".join(sorted({str(value.year)}))
""",
}
CALLS = {
    "tax": ("p = Decimal(2)\n[check(run(3, p), 3, p), render(run(3, p), qty=3, price=p)]", "The total is $7.14 for 3."),
    "words": ("t = 'Tea tea ship'\n[check(run(t), text=t), render(run(t), t)]", "TEA"),
    "dates": ("d = date(2024, 1, 1)\n[check(run(d, 30), d, 30), render(run(d, 30), d, 30)]", "January 31, 2024, 2024"),
}


@pytest.fixture(scope="module")
def sandbox():
    """One sandbox for the module."""
    it = MontySandbox()
    yield it
    it.close()


@pytest.mark.parametrize("name", GOOD)
def test_good_procedures_pass_and_run(sandbox, name):
    """Ordinary procedures, which use most of the language, pass the gate, load, and work in the sandbox."""
    assert violations(GOOD[name]) == []
    assert sandbox.check(GOOD[name]) == []
    call, expected = CALLS[name]
    for source in (GOOD[name], compact(GOOD[name]), GOOD[name].replace("\n", "\r\n")):
        outcome = sandbox.run(call_source(source, call), {}, HIT)
        assert outcome.value == [True, expected], outcome.detail


def procedure(body="return n", top="", check="return value == value", slots="n"):
    """A procedure around a body of run()."""
    indented = "\n".join("    " + line for line in body.split("\n"))
    return (
        f"{top}\ndef run({slots}):\n{indented}\n\ndef check(value, **slots):\n    {check}\n\n"
        "def render(value, **slots):\n    return str(value)\n"
    )


BODIES = {
    "yield n": "yield is not available",
    "yield from [n]": "yield is not available",
    "del n": "del is not available",
    "global q": "global is not available",
    "with n as m: return m": "with is not available",
    "async def f(): return 1\nreturn n": "async is not available",
    "try:\n    return 1\nexcept* ValueError:\n    return n": "except* is not available",
    "try:\n    return 1\nexcept:\n    return n": "a bare except",
    "try:\n    return 1\nexcept BaseException:\n    return n": "a refusal must not be caught",
    "try:\n    return 1\nexcept SystemExit:\n    return n": 'use raise Refuse("why")',
    "try:\n    return 1\nexcept Refuse:\n    return n": "it cannot be caught",
    "try:\n    return 1\nfinally:\n    return n": "would swallow a refusal",
    "for i in [1]:\n    try:\n        raise Refuse('')\n    finally:\n        break\nreturn 1": "would swallow a refusal",
    "return Refuse('x')": "only as raise Refuse",
    "raise Refuse": "only as raise Refuse",
    "raise ValueError('a', 'b')": "takes one argument",
    "import math\nreturn n": "at the top of the module",
    "class A(dict):\n    pass\nreturn n": "class inheritance is not available",
    "class A:\n    x = 1\nreturn n": "must be a plain @dataclass",
    "@lru_cache\ndef f(): return 1\nreturn n": "decorators are not available",
    "def f(x=[]): return x\nreturn n": "a default argument must be a literal",
    "def f(*, x={}): return x\nreturn n": "a default argument must be a literal",
    "return (lambda x=[]: x)()": "a default argument must be a literal",
    "print(n)\nreturn n": "return the text instead of printing",
    "return eval('1')": "eval is not available",
    "return exec('1')": "exec is not available",
    "return open('/etc/passwd')": "there are no files",
    "return input()": "comes as parameters",
    "return getattr(n, 'a')": "name the attribute",
    "return type(n)": "use isinstance()",
    "return hash(n)": "differs between runs",
    "return globals()": "pass values as parameters",
    "return __import__('os')": "is not defined",
    "return __name__": "is not defined",
    "return undefined_thing": "the name 'undefined_thing' is not defined",
    "return math.pi": "import math",
    "__x = 1\nreturn n": "begins with two underscores",
    "return n.__class__": "begins with an underscore",
    "return n._asdict()": "begins with an underscore",
    "return ().__class__.__base__.__subclasses__()": "begins with an underscore",
    "n.x = 1\nreturn n": "attributes are not assigned",
    "return sorted(n, key=str.lower)": "methods are not values",
    "return sorted(n, key=n.get)": "methods are not values",
    "return list(map(str.strip, n))": "methods are not values",
    "return str.lower(n)": "methods are not values",
    "return next(x for x in n)": "a generator expression is a list here",
    "return next((x for x in n), 0)": "a generator expression is a list here",
    "return round(n, 2)": "differs from CPython on ties",
    "return round(n, ndigits=2)": "differs from CPython on ties",
    "return pow(n, -1, 7)": "negative exponent",
    "return n.translate({})": "str.translate is not available",
    "return n.bit_length()": "int.bit_length is not available",
    "return n.is_integer()": "is_integer is not available",
    "return n.isocalendar()": "isocalendar is not available",
    "return n.numerator": "keep a fraction as two integers",
    "return n.now()": "there is no clock",
    "return n.today()": "there is no clock",
    "match n:\n    case int(__class__=c): return c\nreturn n": "not available in a pattern",
    "match n:\n    case object(): return 1\nreturn n": "use None as a marker",
    "return f'{n.__class__}'": "begins with an underscore",
    "return n.frobnicate()": "the attribute 'frobnicate' is not available",
    "return n.format(1)": "only called on a string literal",
    "return '{0.real}'.format(n)": "a plain name or number",
    "return '{0[a]}'.format(n)": "a plain name or number",
    "return '{:{}}'.format(n, n)": "a plain name or number",
    "return [x for x in set(n)]": "iterate over sorted",
    "for x in {1, 2}:\n    n += x\nreturn n": "iterate over sorted",
    "return b'x'": "is not part of the language",
    "return 1j": "is not part of the language",
    "return ...": "is not part of the language",
    "return 10000000000000000000": "10**18",
    "return '" + "x" * 2100 + "'": "a string of 2100 characters",
    "return [" + "1, " * 130 + "]": "compute instead of tabulating",
    "return {" + ", ".join(f"{i}: 1" for i in range(130)) + "}": "compute instead of tabulating",
    "sum = 1\nreturn n": "'sum' is predefined",
    "for list in n: pass\nreturn n": "'list' is predefined",
    "Refuse = 1\nreturn n": "'Refuse' is predefined",
    "return [max for max in n]": "'max' is predefined",
    "run = 1\nreturn n": "already a name of the module",
    "naïve = 1\nreturn n": "other than ASCII",
    "return '\\d'": "invalid escape",
    "return n +": "invalid syntax",
    "return await n": "await is not available",
    "return " + "(" * 60 + "n" + ")" * 60 + "".join(f"[{i}]" for i in range(60)): "nested too deeply",
}


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body[:40])
def test_what_a_body_may_not_hold(body):
    """Each forbidden construct is refused, with the line it stands in and a word on what to do instead."""
    found = violations(procedure(body))
    assert found
    assert all(re.match(r"line \d+: .", fault) for fault in found)
    assert any(BODIES[body] in fault for fault in found), found


TOPS = {
    "import os": "the module 'os' is not available; there is no system",
    "import os.path": "the module 'os.path' is not available",
    "import socket": "the module 'socket' is not available; there are bisect",
    "from fractions import Fraction": "reduce it with math.gcd",
    "import statistics": "the mean is",
    "import string": "write the alphabet",
    "import operator": "use a lambda",
    "from math import *": "math.* is not available",
    "from . import x": "is not available",
    "from math import tau, nothing": "math.nothing is not available",
    "from functools import lru_cache": "every call starts afresh",
    "from decimal import getcontext": "give quantize() a rounding",
    "from random import randint": "use random.Random(seed)",
    "import math as sum": "'sum' is predefined",
    "import math\nx = math.nothing": "math.nothing is not available",
    "import random\ndef f(): return random.random()": "random.random is not available",
    "import random\ndef f(): return random.Random()": "needs the seed",
    "import re\ndef f(p): return re.search(p, 'a')": "must be a string literal",
    "import re\ndef f(p): return re.sub('a', lambda m: 'b', p)": "loop over finditer()",
    "import re\nP = re.compile('a')\ndef g(m): return ''\ndef f(p): return P.sub(g, p)": "loop over finditer()",
    "import re\nP = re.compile('a')\ndef f(p): return P.match(p, 3)": "text[pos:]",
    "import re\nP = re.compile('" + "a" * 301 + "')": "has 301 characters",
    "import re\nX = re.VERBOSE": "without spaces and comments",
    "from itertools import count\ndef f(): return [x for x in count()]": "put itertools.islice around",
    "x = [i for i in range(3)]": "compute it inside a function",
    "x = max(1, 2)": "compute it inside a function",
    "x = y = 1": "only imports, def, and NAME = constant",
    "x, y = 1, 2": "only imports, def, and NAME = constant",
    "for i in [1]: pass": "only imports, def, and NAME = constant",
    "if True: pass": "only imports, def, and NAME = constant",
    "x = 1\nx += 1": "only imports, def, and NAME = constant",
    "x = 1\nx = 2": "defined twice",
    "def f(): return 1\ndef f(): return 2": "defined twice",
    "def run(n): return 1": "defined twice",
    "SEEN = []\ndef f(x): SEEN.append(x)": "'SEEN' is a constant of the module",
    "SEEN = {}\ndef f(x): SEEN[x] = 1": "'SEEN' is a constant of the module",
    "SEEN = {}\ndef f(x): SEEN['a'].append(x)": "'SEEN' is a constant of the module",
    "n = 3": "the slot 'n' has the name of something at module level",
    "def n(): return 3": "the slot 'n' has the name of something at module level",
    "from math import pi as n": "already a name of the module",
    "def gen(): return {}": "gen takes exactly one parameter",
    "def gen(a, b): return {}": "gen takes exactly one parameter",
    "def gen(seed): pass": "gen must return a value",
    "x = '\u202e'": "control character U+202E",
    "x = 'a\u200bb'": "control character U+200B",
    "x = '\x00'": "control character U+0000",
    "# \u2066": "control character U+2066",
    "x = '\ud800'": "control character U+D800",
    "\n" * 201: "at most 200 are allowed",
    "# " + "x" * 8200: "at most 8192 are allowed",
    "X = (" + "-1 + " * 600 + "1)": "nested too deeply",
    "\n".join(f"A{i} = (1, 2, 3, (4, 5, 6), (7, 8, 9), (1, 2, 3, 4), (5, 6, 7, 8, 9))" for i in range(95)): "too large",
}


@pytest.mark.parametrize("top", TOPS, ids=lambda top: ascii(top[:40]))
def test_what_a_module_may_not_hold(top):
    """Each forbidden statement of the module, and each source beyond the sizes, is refused and named."""
    found = violations(procedure(top=top))
    assert any(TOPS[top] in fault for fault in found), found


CONTRACTS = {
    "x = 1": ["def run(slots) is missing", "def check(value, slots) is missing", "def render(value, slots) is missing"],
    procedure(slots="*n"): ["without / and * and **"],
    procedure(slots="**n"): ["without / and * and **"],
    procedure(slots="n, /"): ["without / and * and **"],
    procedure("pass"): ["run must return a value"],
    procedure(slots="len"): ["'len' is predefined and must not be bound again; use another name (also for a slot)"],
    procedure(check="return True"): ["check never looks at 'value'"],
    procedure(check="pass"): ["check must return a value", "check never looks at 'value'"],
    procedure().replace("check(value, **slots)", "check(value, m)"): [
        "check must take (value, n): the same slots as run"
    ],
    procedure().replace("check(value, **slots)", "check(value)"): ["check must take (value, n): the same slots as run"],
    procedure().replace("check(value, **slots)", "check(**value)"): ["the first parameter of check is the value"],
    procedure().replace("render(value, **slots)", "render(value=1, n=2)"): [
        "the first parameter of render is the value"
    ],
    procedure().replace("str(value)", "'42'"): ["render never looks at 'value'"],
}


@pytest.mark.parametrize("source", CONTRACTS, ids=range(len(CONTRACTS)))
def test_the_contract(source):
    """run, check and render must be there, take the same slots, look at the value, and give one back."""
    found = violations(source)
    for expected in CONTRACTS[source]:
        assert any(expected in fault for fault in found), found


def test_faults_are_in_order_and_bounded():
    """Faults come in the order of lines, without repetition, and no source makes a flood of them."""
    found = violations(procedure("\n".join(f"print(x{i})" for i in range(60)) + "\nreturn n"))
    lines = [int(fault.split()[1].rstrip(":")) for fault in found]
    assert lines == sorted(lines)
    assert len(found) == MAX_FOUND == len(set(found))


def test_a_long_elif_chain_is_not_deep():
    """A chain of elif reads flat, so it is not counted as nesting; nested ifs are."""
    chain = (
        "if n == 0:\n    return 0\n"
        + "".join(f"elif n == {i}:\n    return {i * i}\n" for i in range(1, 40))
        + "return n"
    )
    assert violations(procedure(chain)) == []
    nested = "".join("    " * i + f"if n > {i}:\n" for i in range(40)) + "    " * 40 + "return 1\nreturn n"
    assert any("nested too deeply" in fault for fault in violations(procedure(nested)))


def test_local_names_may_be_changed():
    """Only names of the module are constant: parameters and locals may be changed, also where they share a name."""
    body = "ITEMS = [n]\nITEMS.append(1)\nITEMS[0] = 2\nd = {}\nd['a'] = ITEMS\nd['a'].sort()\nreturn ITEMS"
    assert violations(procedure(body, top="ITEMS = (1, 2)")) == []


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=200) | st.text("()[]{}:=.,'\"\n defrunchk+-*@lambdi_0", max_size=80))
def test_any_text_is_judged(text):
    """The gate judges any text without raising, and a text without the three functions never passes."""
    assert violations(text)


CONTEXT_FREE = sorted(body for body, fault in BODIES.items() if "invalid" not in fault and body != "return math.pi")


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(GOOD)), st.sampled_from(CONTEXT_FREE), st.integers(0, 9))
def test_a_fault_is_found_wherever_it_stands(name, body, place):
    """A forbidden construct put into any function of a good procedure makes it fail."""
    lines = ast.unparse(ast.parse(GOOD[name])).split("\n")
    heads = [number for number, line in enumerate(lines) if re.match(r" *def \w+\(", line)]
    head = heads[place % len(heads)]
    indent = " " * (len(lines[head]) - len(lines[head].lstrip()) + 4)
    lines[head + 1 : head + 1] = [indent + line for line in body.split("\n")]
    assert violations("\n".join(lines))
