"""Slot types: which texts they read, as which values, and what they refuse."""

import re
from collections.abc import Iterator
from datetime import date, time
from decimal import Decimal
from random import Random

import pytest
import re2
from hypothesis import example, given, settings
from hypothesis import strategies as st

from seglam.dataslots import TYPES, slot_type
from seglam.guard import PATTERN_RULES

EVERY_TYPE = [
    *("integer", "decimal", "money", "money(€)", "money(£)", "money(¥)", "money(₩)", "percent", "fraction", "date"),
    *(
        "date(mdy)",
        "date(dmy)",
        "time",
        "oneof(x|y|zeta two)",
        "oneof(a|ab|abc)",
        "name",
        "word",
        "words(1,4)",
        "words(3,12)",
    ),
    *(
        "quoted",
        "table",
        "block",
        "block(20)",
        "text(5)",
        "text(500)",
        "list(integer)",
        "list(decimal)",
        "list(percent)",
    ),
    *(
        "list(money)",
        "list(word)",
        "list(words)",
        "list(words(2,3))",
        "list(name)",
        "list(quoted)",
        "list(text)",
        "list",
    ),
    *("token", "token(1)", "tokens", "expression", "grid", "json"),
]

PROMISED = {
    "integer": [("-7", -7), ("1,200", 1200)],
    "decimal": [("2.5", Decimal("2.5")), ("1,200", Decimal(1200)), ("-0.75", Decimal("-0.75"))],
    "money(€)": [(text, Decimal(5)) for text in ("€5", "EUR 5", "5 euros")] + [("€1,234.50", Decimal("1234.50"))],
    "percent": [("15%", Decimal(15)), ("15 percent", Decimal(15))],
    "fraction": [("3/4", (3, 4)), ("½", (1, 2)), ("half", (1, 2)), ("one-third", (1, 3)), ("two fifths", (2, 5))],
    "date": [(text, date(2026, 3, 3)) for text in ("2026-03-03", "3 March 2026", "March 3rd, 2026")],
    "time": [("14:30", time(14, 30)), ("2:30 PM", time(14, 30)), ("2pm", time(14))],
    "word": [("INV-12", "INV-12")],
    "json": [("[[1, 2], [3, 4]]", [[1, 2], [3, 4]]), ("['a', 'b']", ["a", "b"])],
    "expression": [(text, text) for text in ("3 * (x - 2.5)", "2x = 7", "0x1f >> 2", "sqrt(9)", "not (True or False)")],
}
"""Texts that the rules for the compiler show, and their values."""

ACCEPTED = [
    ("integer", "+5", 5),
    ("integer", "−5", -5),
    ("integer", "0", 0),
    ("integer", "Twenty-one", 21),
    ("integer", "999,999,999,999", 999_999_999_999),
    ("money", "$5", Decimal(5)),
    ("money", "USD 1,000.25", Decimal("1000.25")),
    ("money", "5 dollars", Decimal(5)),
    ("money(₩)", "₩12,000", Decimal(12000)),
    ("money(¥)", "500 yen", Decimal(500)),
    ("money(€)", "5 €", Decimal(5)),
    ("percent", "-2.5 per cent", Decimal("-2.5")),
    ("fraction", "A quarter", (1, 4)),
    ("fraction", "three-halves", (3, 2)),
    ("fraction", "6/8", (6, 8)),
    ("date", "29 Feb 2028", date(2028, 2, 29)),
    ("date", "Sept 1 2026", date(2026, 9, 1)),
    ("date", "22nd of May 2026", date(2026, 5, 22)),
    ("date(mdy)", "03/04/2026", date(2026, 3, 4)),
    ("date(dmy)", "03/04/2026", date(2026, 4, 3)),
    ("date(dmy)", "2026-04-03", date(2026, 4, 3)),
    ("time", "12am", time(0)),
    ("time", "12:01 p.m.", time(12, 1)),
    ("time", "08:15:59", time(8, 15, 59)),
    (r"oneof(a\|b|c\)d|\{\})", "a|b", "a|b"),
    (r"oneof(a\|b|c\)d|\{\})", "c)d", "c)d"),
    (r"oneof(a\|b|c\)d|\{\})", "{}", "{}"),
    ("name", "Eun-ji Łukasz O'Brien", "Eun-ji Łukasz O'Brien"),
    ("name", "김민준", "김민준"),
    ("word", "naïve", "naïve"),
    ("word", "नमस्ते", "नमस्ते"),
    ("words(1,4)", "the dogs' AT&T route", "the dogs' AT&T route"),
    ("quoted", "“not 5, no.”", "not 5, no."),
    ("quoted", "'  raw  '", "  raw  "),
    ("list(integer)", "3,1,2", [3, 1, 2]),
    ("list(quoted)", "['a, b', 'c']", ["a, b", "c"]),
    ("list(integer)", "3, 1 and two", [3, 1, 2]),
    ("list(integer)", "- 1,200\n- 5", [1200, 5]),
    ("list(integer)", "-5\n3", [-5, 3]),
    ("list(word)", "pear", ["pear"]),
    ("list(words)", "a red ball, a leaf, and a whale", ["a red ball", "a leaf", "a whale"]),
    ("list(name)", "Ada Lee and Bob", ["Ada Lee", "Bob"]),
    ("list(quoted)", "'a', 'b'", ["a", "b"]),
    ("list(text)", "x = 1, y!, 3.", ["x = 1", "y!", "3."]),
    ("list(money)", "$5, $6.50 and $7", [Decimal(5), Decimal("6.50"), Decimal(7)]),
    ("table", "| a | b |\n|---|:-:|\n| 1 |  |", [["a", "b"], ["1", ""]]),
    ("table", 'a,b\n"x, y",2', [["a", "b"], ["x, y", "2"]]),
    ("table", "a\tb\n1\t2", [["a", "b"], ["1", "2"]]),
    ("block(9)", "a\n\n b", "a\n\n b"),
    ("list(integer)", "1 -2 30", [1, -2, 30]),
    ("list(decimal)", "1.5 2", [Decimal("1.5"), Decimal(2)]),
    ("list(integer)", "[3, 1, 2]", [3, 1, 2]),
    ("list(integer)", "[3,1]", [3, 1]),
    ("list(integer)", "[]", []),
    ("list(word)", "[pear, fig]", ["pear", "fig"]),
    ("list(word)", "['pear', 'fig']", ["pear", "fig"]),
    ("list(text)", '["a, b", "c"]', ["a, b", "c"]),
    *(("token", text, text) for text in ("x", "Q", "1f3a", "AB-12", "x=3", "0b101", "([]{})", "strawberry", ",", "A#")),
    ("tokens", "A# #B 7 pear", ["A#", "#B", "7", "pear"]),
    ("tokens", "x", ["x"]),
    *(
        ("expression", text, text)
        for text in (
            "-5 * -6",
            "(3+4)/2",
            "2(x+1)",
            "x**2 - 4x + 4 = 0",
            "3 × 4 ÷ 2",
            "((0x86c >> 0x3) * ~5)",
            "¬(P ↔ S)",
            "True and not ( False or True )",
        )
    ),
    ("grid", "1 2 3\n4 5 6", [["1", "2", "3"], ["4", "5", "6"]]),
    ("grid", "5 _ | 3\n_ 7 | -1.5", [["5", "_", "|", "3"], ["_", "7", "|", "-1.5"]]),
    ("grid", " 1 20\n10  2", [["1", "20"], ["10", "2"]]),
    ("grid", "1 2 3", [["1", "2", "3"]]),
    ("grid", "#.#\n..#", [["#.#"], ["..#"]]),
    ("grid", "XOX\nOOX", [["XOX"], ["OOX"]]),
    ("json", "[]", []),
    ("json", '{"a": [1, 2.50, null, true]}', {"a": [1, Decimal("2.50"), None, True]}),
    ("json", "{'a': (1, True), 'b': None}", {"a": [1, True], "b": None}),
    ("json", "[\n  [1],\n  [2]\n]", [[1], [2]]),
    ("json", """["it's", "x"]""", ["it's", "x"]),
]

REFUSED = [
    *[
        ("integer", text)
        for text in ("007", "1,23", "1,2345", "5.0", "--5", "5-", "٣", "hundred", "TWENTY", "twenty-ten", "")
    ],
    *[("decimal", text) for text in (".5", "5.", "1.2.3", "1e5", "NaN", "01.5", "1.234,50", "five")],
    *[
        ("money", text)
        for text in ("€5", "5", "$", "-$5", "$5.123", "$5 dollars", "$5 USD", "5 pounds", "$ 5", "$05", "dollars")
    ],
    *[("money(€)", text) for text in ("€1.234", "€1,50", "$5", "€", "€5€")],
    *[("percent", text) for text in ("15", "%", "15%%", "fifteen percent")],
    *[("fraction", text) for text in ("1/0", "3/04", "1/2/3", "two half", "a halves", "one", "third", "0.5")],
    *[("date", text) for text in ("31 February 2026", "2026-02-30", "03/04/2026", "3rd May", "March 2nd3, 2026")],
    *[
        ("date", text)
        for text in ("3st May 2026", "11st May 2026", "3 Mai 2026", "0000-01-01", "2026-3-3", "3 may 2026")
    ],
    *[("date(mdy)", text) for text in ("13/01/2026", "1/1/26", "1-1-2026")],
    *[("time", text) for text in ("14", "25:00", "13pm", "0am", "12:60", "2:5", "14:30 PM", "noon")],
    *[("oneof(cat|dog)", text) for text in ("Cat", "cats", "cat ", "", "cat|dog")],
    *[
        ("name", text)
        for text in ("ada", "Ada lee", "A B C D", "Ada's", "Agent 7", "Nobody", "They", "Three Dogs", "Ada.", "")
    ],
    *[
        ("word", text)
        for text in ("two", "5kg", "12", "a b", "end.", "not", "isn't", "isn’t", "-x", "a,b", "three-legged")
    ],
    *[
        ("word", text)
        for text in (
            "$x",
            "a" * 41,
            "三個",
            "不",
            "못",
            "사과가 아니",
            "これはなんでもいいです",
            "x\u202ey",
            "a\u200bb",
            "",
        )
    ],
    *[
        ("words(1,3)", text)
        for text in ("a b c d", "a  b", " a", "a ", "no hill", "the old, city", "a\nb", "city 3", "dozen eggs")
    ],
    *[("words(2,3)", text) for text in ("a", "")],
    *[("quoted", text) for text in ("''", "'don't'", '"a', '“a"', "'a\nb'", '"' + "x" * 1001 + '"')],
    *[
        ("list(integer)", text)
        for text in (
            "1,234",
            "1,234 and 5",
            "1, 2,345",
            "1  2",
            "1 234",
            "1 2, 3",
            "1 two",
            "1, 2 and 3 and 4",
            "1,,2",
            "1, x",
            ", 1",
            "",
        )
    ],
    *[("list(decimal)", text) for text in ("1,234.5", "12,345,678")],
    *[
        ("list(words)", text)
        for text in ("a and b and c", "a and b, c", "a or b", "two hats", "a, b and", "x\n\ny", "- x\ny")
    ],
    ("list(word)", ",".join(["x"] * 501)),
    *[
        ("table", text)
        for text in ("a,b", "a,b\n1", "a,a\n1,2", "a,\n1,2", "a\n1", 'a,b\n"1,2', "| a | b |\n| 1 | 2 |")
    ],
    *[
        ("table", text)
        for text in ("|a|b|\n|---|---|", "|a|b|\n|---|---|\n|1|2|3|", "|a|b|\n|---|---|\n|1\\|2|", "a,b\r\n1,2")
    ],
    *[("text(3)", text) for text in ("", "abcd", "a\0")],
    ("block", "x" * 4001),
    *[
        ("list(integer)", text)
        for text in (
            "[1, 2",
            "1, 2]",
            "[1 2]",
            "[1, 2] and 3",
            "[1, x]",
            "[[1], [2]]",
            "[1, ]",
            "[1,234]",
            "12 345 678",
        )
    ],
    *[
        ("list(word)", text)
        for text in ("pear fig", "['pear, fig']", "['pear', fig]", "['pear\", 'fig']", "'pear'", "[']", "[pear fig]")
    ],
    *[
        ("token", text)
        for text in ("", "a b", "pear.", "x,", "'x'", "not", "two", "twice-3", "quickly", "a\u2003b", "a" * 61, "x\n")
    ],
    ("token(3)", "abcd"),
    *[("tokens", text) for text in ("a  b", " a", "a b.", "x y then double it", "7 not 8", "pear\nfig", "")],
    *[
        ("expression", text)
        for text in (
            *("5", "x", "3 +", "+ ", "3 4", "3 (4)", "(3 + 4", "3 + 4)", "(3 + 4]", "3 + 4.", "3 +  4", "3 and 4 + 5"),
            *(
                "3 + four",
                "2xy + 1",
                "x y + 1",
                "3 + 4, 5",
                "3 + 4?",
                "3 ++ * 4",
                "() + 3",
                "1,000 + 2",
                "True",
                "",
                "a - b c",
            ),
        )
    ],
    *[
        ("grid", text)
        for text in (
            *(
                "1 2\n3",
                "1 2\n\n3 4",
                "1",
                "ab cd\nef gh",
                "pear\nplum",
                "#.\n#",
                "1 2\n3 4 then",
                "1 2\r3 4",
                "",
                "\n1 2",
                "1 2\n",
            ),
            *("I am\nX O", "STOP", "1 2\u20283 4"),
        )
    ],
    *[
        ("json", text)
        for text in (
            *(
                "",
                "[",
                "[1, 2",
                "[1] and [2]",
                "5",
                '"x"',
                "[NaN]",
                "[1e5]",
                '{"a": 1, "a": 2}',
                r'["\ud800"]',
                "[1, 2,]",
            ),
            *(
                "['a' 'b']",
                "['it's']",
                "[\"a\", 'b']",
                "[1; 2]",
                "[" * 20_000 + "]" * 20_000,
                "[" + "1" * 5000 + "]",
                "[a, b]",
            ),
        )
    ],
]


def _promised() -> Iterator[tuple[str, str, object]]:
    return ((kind, text, value) for kind, cases in PROMISED.items() for text, value in cases)


@pytest.mark.parametrize(("kind", "text", "value"), [*_promised(), *ACCEPTED])
def test_a_text_of_the_type_has_its_value(kind, text, value):
    """Every documented form is read as the documented value, of the documented Python type."""
    read = slot_type(kind).parse(text)
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(("kind", "text"), REFUSED)
def test_what_is_uncertain_is_refused(kind, text):
    """Another notation, a hidden quantity or denial, an impossible day: no value rather than a guess."""
    assert slot_type(kind).parse(text) is None


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, text, _ in _promised()])
def test_the_rules_show_what_the_types_read(kind, text):
    """The forms that the compiler is shown stand in the rules, so the rules cannot promise what no test reads."""
    line = next(line for line in PATTERN_RULES.splitlines() if line.startswith(f"  {kind} "))
    assert text in line


def test_the_rules_name_every_type():
    """A type that the compiler is not told about would never be used; one that does not exist fails its replies."""
    shown = set(re.findall(r"^  ([a-z]+)[ (]", PATTERN_RULES.split("Examples:")[0], re.MULTILINE))
    assert shown == set(TYPES)


@pytest.mark.parametrize("kind", EVERY_TYPE)
@settings(deadline=None)
@given(seed=st.integers(0, 2**32))
def test_round_trip(kind, seed):
    """A sample has a value; the value's plainest text is read back as the same value; both expressions accept both."""
    slot = slot_type(kind)
    text = slot.sample(Random(seed))
    value = slot.parse(text)
    assert value is not None
    plain = slot.format(value)
    assert slot.parse(plain) == value
    for expression in slot.expressions:
        assert re2.fullmatch(expression, text) is not None
        assert re2.fullmatch(expression, plain) is not None


@pytest.mark.parametrize("kind", EVERY_TYPE)
@example(text="\ud800")
@settings(deadline=None)
@given(text=st.one_of(st.text(), st.text("0123456789,.-+/$€% \n|\"'apmAPM:andtwo"), st.text("ab ,\n\t|-")))
def test_parsing_never_raises(kind, text):
    """Whatever the text, a type reads a value or none; what it reads as a value, its expressions would have let through."""
    slot = slot_type(kind)
    if slot.parse(text) is not None and not re.search("[\ud800-\udfff]", text):
        assert all(re2.fullmatch(expression, text) is not None for expression in slot.expressions)


@pytest.mark.parametrize("kind", EVERY_TYPE)
@settings(deadline=None)
@given(
    text=st.one_of(
        st.text("0123,.-+/$€%USD dolars", max_size=12),
        st.text("ab' -&X", max_size=12),
        st.text("12:3 apm.AM", max_size=9),
    ),
    seed=st.integers(0, 2**32),
    rest=st.sampled_from(["", " ", ",", ".", " a", "-", "s", "0", " PM", "\n", " and x", ", 2026"]),
)
def test_greedy_takes_the_longest_and_lazy_the_shortest(kind, text, seed, rest):
    """On this the detection of a second reading rests: the two forms find the longest and the shortest acceptable text."""
    slot = slot_type(kind)
    for whole in (text + rest, slot.sample(Random(seed)) + rest):
        ends = [end for end in range(len(whole) + 1) if re2.fullmatch(slot.expressions[0], whole[:end])]
        assert ends == [end for end in range(len(whole) + 1) if re2.fullmatch(slot.expressions[1], whole[:end])]
        for expression, end in zip(slot.expressions, (ends[-1:], ends[:1]), strict=True):
            found = re2.match(f"({expression})", whole)
            assert ([found.end(1)] if found else []) == end


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("number", "no type 'number'; expected one of integer"),
        ("integer(5)", "takes no arguments"),
        ("money(A)", "one currency sign"),
        ("date(ymd)", "mdy or dmy"),
        ("words(0,3)", "at most 12"),
        ("words(4,2)", "at most 12"),
        ("words(1,13)", "at most 12"),
        ("words", "words(1,4)"),
        ("oneof(a)", "2 to 64"),
        ("oneof(a|a)", "different"),
        ("oneof(a||b)", "1 to 200"),
        ("oneof(a| b)", "no space at its ends"),
        ("list(table)", "the type of its items"),
        ("list(text(5))", "no arguments"),
        ("list(words(9,1))", "at most 12"),
        ("text", "greatest number of characters"),
        ("text(0)", "greatest number of characters"),
        ("text(20001)", "at most 20000"),
        ("token(0)", "at most 20000"),
        ("token(20001)", "at most 20000"),
        ("json(5)", "takes no arguments"),
        ("block(x)", "greatest number of characters"),
        ("words(1,4", "end with )"),
    ],
)
def test_a_wrong_type_says_what_was_expected(kind, said):
    """The message tells a model what to write instead."""
    with pytest.raises(ValueError, match=re.escape(said)):
        slot_type(kind)
