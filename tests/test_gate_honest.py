"""Honest procedures of many kinds pass the whole gate: what it refuses must be wrong, not unusual."""

import pytest

from seglam.evidence import Evidence
from seglam.procedure import Case, Draft
from seglam.sandbox import MontySandbox
from seglam.verifier import gate


@pytest.fixture(scope="module")
def sandbox():
    """Where drafts run."""
    box = MontySandbox()
    yield box
    box.close()


HONEST = {
    "weekday": (
        *("text", "Which day of the week is {d:date}?", ["2026-03-03|Tuesday", "2025-12-25|Thursday"]),
        ("from datetime import date\n"
        'DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")\n'
        "def run(d):\n    return DAYS[d.weekday()]\n"
        "def check(value, d):\n    return value in DAYS and d.year > 1583\n"
        "def render(value, d):\n    return value\n"),
    ),
    "letters": (
        *("integer", 'How often does the letter "r" stand in the word {w:quoted}?', ['"strawberry"|3', '"carrot"|2']),
        ('def run(w):\n    if not w.isalpha():\n        raise Refuse("no word")\n    return w.lower().count("r")\n'
        "def check(value, w):\n    return 0 <= value <= len(w)\n"
        "def render(value, w):\n    return str(value)\n"),
    ),
    "palindrome": (
        *("option", "Is the word {w:word} a palindrome? Answer yes or no.", ["level|yes", "river|no"]),
        ("def run(w):\n    return w.lower() == w.lower()[::-1]\n"
        "def check(value, w):\n    return isinstance(value, bool) and len(w) > 0\n"
        'def render(value, w):\n    return "yes" if value else "no"\n'),
    ),
    "sorting": (
        *("text", "Sort these words by the alphabet: {xs:list(word)}"),
        ["pear, apple, fig|apple, fig, pear", "kiwi, date|date, kiwi"],
        ("def run(xs):\n    return sorted(xs, key=lambda x: (x.lower(), x))\n"
        "def check(value, xs):\n    return sorted(value) == sorted(xs)\n"
        'def render(value, xs):\n    return ", ".join(value)\n'),
    ),
    "sum of a list": (
        *("integer", "What is the sum of these numbers: {xs:list(integer)}", ["3, 4, 5|12", "10, -2|8"]),
        ("def run(xs):\n    return sum(xs)\n"
        "def check(value, xs):\n    return min(xs) * len(xs) <= value <= max(xs) * len(xs)\n"
        "def render(value, xs):\n    return str(value)\n"),
    ),
    "expression": (
        *("integer", "Compute {e:text(80)} and reply with the number only.", ["4 + 5 - 3|6", "10 - 2 + 30|38"]),
        ("def run(e):\n    parts = e.split(' ')\n    if len(parts) % 2 == 0:\n        raise Refuse('no expression')\n"
        "    total = 0\n    sign = 1\n    for i, part in enumerate(parts):\n        if i % 2 == 0:\n"
        "            if not part.isdigit():\n                raise Refuse('no number')\n            total += sign * int(part)\n"
        "        elif part in ('+', '-'):\n            sign = 1 if part == '+' else -1\n"
        "        else:\n            raise Refuse('no sign')\n"
        "    return total\n"
        "def check(value, e):\n    return abs(value) < 10**80 and len(e) > 0\n"
        "def render(value, e):\n    return str(value)\n"),
    ),
    "greatest common divisor": (
        *("integer", "Find the greatest common divisor of {a:integer} and {b:integer}.", ["12/18|6", "35/21|7"]),
        ("import math\n"
        "def run(a, b):\n    if a < 1 or b < 1:\n        raise Refuse('not positive')\n    return math.gcd(a, b)\n"
        "def check(value, a, b):\n    return a % value == 0 and b % value == 0\n"
        "def render(value, a, b):\n    return str(value)\n"),
    ),
    "linear equation": (
        *("integer", "Solve for x: {a:integer}x + {b:integer} = {c:integer}", ["3/4/19|5", "2/8/2|-3"]),
        ("def run(a, b, c):\n    if a == 0 or (c - b) % a != 0:\n        raise Refuse('not whole')\n    return (c - b) // a\n"
        "def check(value, a, b, c):\n    return a * value + b == c\n"
        'def render(value, a, b, c):\n    return f"x = {value}"\n'),
    ),
    "binary": (
        *("text", "Write the number {n:integer} in binary.", ["10|1010", "7|111"]),
        ("def run(n):\n    if n < 0:\n        raise Refuse('negative')\n    return bin(n)[2:]\n"
        "def check(value, n):\n    return int(value, 2) == n\n"
        "def render(value, n):\n    return value\n"),
    ),
    "cipher": (
        *("text", "Shift each letter of {w:quoted} by {k:integer} in the alphabet.", ['"abc"/2|cde', '"hello"/1|ifmmp']),
        ("def run(w, k):\n    if not all([c in 'abcdefghijklmnopqrstuvwxyz ' for c in w]):\n"
        "        raise Refuse('other letters')\n"
        "    return ''.join([c if c == ' ' else chr((ord(c) - 97 + k) % 26 + 97) for c in w])\n"
        "def check(value, w, k):\n    return len(value) == len(w)\n"
        "def render(value, w, k):\n    return value\n"),
    ),
    "fraction": (
        *("fraction", "Simplify the fraction {f:fraction} completely.", ["6/8|3/4", "10/15|2/3"]),
        ("import math\n"
        "def run(f):\n    g = math.gcd(f[0], f[1])\n    return (f[0] // g, f[1] // g)\n"
        "def check(value, f):\n    return value[0] * f[1] == value[1] * f[0]\n"
        'def render(value, f):\n    return f"{value[0]}/{value[1]}" if value[1] != 1 else str(value[0])\n'),
    ),
    "who is tallest": (
        *("text", "{a:name} is taller than {b:name}, and {b} is taller than {c:name}. Who is the tallest?",
          ["Ada/Ivan/Grace|Ada", "Farah/Bilal/Zoë|Farah"]),
        ("def run(a, b, c):\n    if a in (b, c) or b == c:\n        raise Refuse('twice')\n    return a\n"
        "def check(value, a, b, c):\n    return value == a and value != c\n"
        "def render(value, a, b, c):\n    return value\n"),
    ),
    "as json": (
        *("json", "Give the order as JSON: {n:integer} of {thing:words(1,3)} for {who:name}.",
          ['3/gel pens/Ada Bell|{"item": "gel pens", "count": 3, "customer": "Ada Bell"}',
           '5/clips/Ivan Hall|{"item": "clips", "count": 5, "customer": "Ivan Hall"}']),
        ("import json\n"
        "def run(n, thing, who):\n    if n < 1:\n        raise Refuse('none')\n"
        "    return {'item': thing, 'count': n, 'customer': who}\n"
        "def check(value, n, thing, who):\n    return value['count'] == n\n"
        "def render(value, n, thing, who):\n    return json.dumps(value)\n"),
    ),
    "average": (
        *("decimal", "What is the mean of {a:decimal} and {b:decimal}?", ["4/6|5", "3/4|3.5"]),
        ("def run(a, b):\n    return (a + b) / 2\n"
        "def check(value, a, b):\n    return min(a, b) <= value <= max(a, b)\n"
        "def render(value, a, b):\n    text = f'{value:f}'\n    return text.rstrip('0').rstrip('.') if '.' in text else text\n"),
    ),
    "temperature": (
        *("decimal", "Convert {c:decimal} degrees Celsius to Fahrenheit."),
        ["20|68 degrees Fahrenheit", "37.5|99.5 degrees Fahrenheit"],
        ("from decimal import Decimal\n"
        "def run(c):\n    return c * 9 / 5 + 32\n"
        "def check(value, c):\n    return c > -274 and value > -460\n"
        "def render(value, c):\n    text = f'{value:f}'\n    text = text.rstrip('0').rstrip('.') if '.' in text else text\n"
        "    return text + ' degrees Fahrenheit'\n"),
    ),
    "ages": (
        *("integer", "{a:name} is {n:integer} years old and {b:name} is {m:integer} years younger. How old is {b}?",
          ["Ada/40/Ivan/12|28", "Grace/33/Farah/3|30"]),
        ("def run(a, n, b, m):\n    if a == b or m > n or m < 0:\n        raise Refuse('impossible')\n    return n - m\n"
        "def check(value, a, n, b, m):\n    return value + m == n\n"
        "def render(value, a, n, b, m):\n    return f'{b} is {value} years old.'\n"),
    ),
}  # fmt: skip


def filled(pattern, values):
    """The pattern with these texts in its slots; a slot that comes again by name alone has the same text."""
    names: dict[str, str] = {}
    left, pieces = iter(values), []
    for number, part in enumerate(pattern.replace("}", "{").split("{")):
        name = part.partition(":")[0]
        pieces.append(
            names[name] if number % 2 and name in names else names.setdefault(name, next(left)) if number % 2 else part
        )
    return "".join(pieces)


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_procedure_passes_every_stage(sandbox, name):
    """With a second version that is as right as it is; no stage needs the model."""
    kind, pattern, examples, code = HONEST[name]
    cases = []
    for example in examples:
        slots, _, said = example.partition("|")
        values = [slots] if pattern.count("{") == 1 else slots.split("/")
        text = filled(pattern, values)
        cases.append(
            Case(
                text,
                text,
                f"{values[2]} is {said} years old."
                if name == "ages"
                else f"x = {said}"
                if "for x" in pattern
                else said,
            )
        )
    near = tuple(f"{before} {case.text}" for case in cases for before in ("Do not answer:", "Never mind:"))
    draft = Draft(name, kind, "forever", (pattern,), code, near)
    findings = gate(draft, Evidence(cases, (), (), sandbox, rewrite=lambda: draft))
    assert [(finding.stage, finding.detail) for finding in findings if not finding.passed] == []
    assert "answered alike" in findings[-1].detail
