"""Patterns and guards: what belongs to a class, what is refused, and that a request is never read in one of two ways."""

import contextlib
import itertools
import re
from decimal import Decimal

import pytest
import re2
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from seglam.errors import ConfigurationError, PatternError
from seglam.guard import EXAMPLES, MAX_PATTERNS, MAX_REQUEST, PATTERN_RULES, Guard, Pattern
from seglam.template import MAX_TEMPLATE

FOG = "A fog bank takes {t:integer} minutes to cover every {d:integer} miles of the {place:words(1,4)}."
TEMPLATES = [
    *(template for template, _, _ in EXAMPLES),
    "Order {number:integer} for {who:name}: {n:integer} {one:words(1,3)} at {price:money} each. What is the total?",
    "{who:name} worked on {day:oneof(Monday|Friday)} from {begin:time} to {end:time} with a break of {rest:integer} minutes.",
    "Convert {n:integer} {unit:word} to {target:word}, taking 1 {unit} = {factor:decimal} {target}. Number only.",
    r"Please add up this delivery note:\n\n{rows:table}\n\nWhat are the goods worth altogether?",
    "By which date must {company:words(1,3)} pay invoice {number:word}, dated {day:date}, on a {term:integer}-day term?",
    "{who:name} ate {part:fraction} of the {food:word} and paid {share:percent} of the bill of {bill:money(€)}.",
    'Clean up this name, reply with the name only. "{raw:text(60)}"',
    "Make this shorter: {passage:block}",
    "What is {a:integer}{op:oneof(+|-|*)}{b:integer}?",
    "Sort in reverse: {items:list(decimal)}.",
    "{a:integer} 더하기 {b:integer}는 얼마입니까?",
    "Will {who:name}{_:oneof('s|'|’s)} {thing:word} reach {_:oneof(a|an)} {kind:word} of {n:integer} {_:oneof(mile|miles)}?",
    r"Turn this matrix by 90 degrees:\n{rows:grid}",
    "Calculate {term:expression}.",
    "Which of {items:json} is the greatest?",
    r"Write {digits:token(20)} in base {base:integer}: {unsorted:tokens}",
]
PATTERNS = [Pattern.parse(template) for template in TEMPLATES]
CLAUSE = st.sampled_from(
    [" not", " each", " and 2 more", ", twice", " (paid)", " that 3 people share", " x;", "\n", "  ", "!", "é"]
)


@pytest.mark.parametrize(("template", "text", "values"), EXAMPLES)
def test_the_examples_of_the_rules_hold(template, text, values):
    """The compiler is shown templates that parse and mean what is said beside them."""
    assert f"  {template}\n" in PATTERN_RULES
    assert Pattern.parse(template).match(text) == values


@pytest.mark.parametrize("pattern", PATTERNS, ids=str)
@settings(deadline=None)
@given(seed=st.integers(0, 2**32))
def test_round_trip(pattern, seed):
    """A sample is accepted, and the text filled from its values gives the values back."""
    text = pattern.sample(seed)
    assert text == pattern.sample(seed)
    values = pattern.match(text)
    assert values is not None
    assert list(values) == list(pattern.slots)
    assert pattern.match(pattern.fill(values)) == values
    assert pattern.match(f" \n{text}\t") == values


def literal_places(pattern: Pattern, text: str) -> list[int]:
    """Places in the text that lie strictly inside literal runs."""
    places, at = [], 0
    for literal in re.split(r"\{[^}]*\}", pattern.template):
        run = literal.replace(r"\n", "\n")
        found = text.find(run, at)
        if found >= 0 and len(run) > 1:
            places += range(found + 1, found + len(run))
            at = found + len(run)
    return places


CLOSED = [
    pattern
    for pattern in PATTERNS
    if not any(slot.type.startswith(("text", "block")) for slot in pattern.slots.values())
]


@pytest.mark.parametrize("pattern", CLOSED, ids=str)
@settings(deadline=None)
@given(seed=st.integers(0, 10_000), clause=CLAUSE, data=st.data())
def test_near_misses_are_refused(pattern, seed, clause, data):
    """A clause put into the literal text, a character taken from it, or anything appended: not this class."""
    text = pattern.sample(seed)
    at = data.draw(st.sampled_from(literal_places(pattern, text)))
    changed = text[:at] + clause + text[at:]
    assert pattern.match(changed) is None
    assert (
        pattern.match(text[:at] + text[at + 1 :]) is None or text[at : at + 1] == text[at - 1 : at] or at == len(text)
    )
    if clause.strip() and not pattern.template.endswith("}"):
        assert pattern.match(text + clause) is None
        assert pattern.match(clause.strip() + text) is None or pattern.template.startswith("{")


NASTY = [
    *("", " ", "\0", "\ud800", "A fog bank takes \ud800 minutes", "\u202e" + FOG, "🌫️" * 50, "א" * 100, "x" * 1_000_000),
    *(
        "A fog bank takes " + "9" * 60_000,
        "A fog bank takes 1 minutes to cover every 2 miles of the " + "a " * 30_000 + ".",
    ),
]


@pytest.mark.parametrize("text", NASTY, ids=range(len(NASTY)))
def test_nasty_texts_are_refused_without_an_exception(text):
    """Surrogates, NUL, another direction, emoji, and great lengths end in a refusal."""
    assert Guard(PATTERNS[:6]).match(text) is None


def test_the_longest_request_is_read_in_linear_time():
    """64 KB that match a pattern whose naive reading takes exponential time return, and a character more is refused unread."""
    pattern = Pattern.parse("Shorten it: {a:text(20000)} or {b:text(20000)} or {c:text(20000)} or {d:block}")
    assert pattern.match("Shorten it: " + "a or " * ((MAX_REQUEST - 12) // 5)) is None
    block = Pattern.parse("Make this shorter: {passage:text(20000)}")
    assert block.match("Make this shorter: " + "x" * 20_000) is not None
    assert block.match("Make this shorter: x" + " " * MAX_REQUEST) is None


@pytest.mark.parametrize("pattern", PATTERNS, ids=str)
@example(text="\ud800\0")
@settings(deadline=None)
@given(text=st.text())
def test_matching_never_raises(pattern, text):
    """Any text at the place of a slot is read or refused."""
    pieces = re.split(r"\{[^}]*\}", pattern.template.replace(r"\n", "\n"))
    for whole in (text, text.join(pieces)):
        values = pattern.match(whole)
        assert values is None or list(values) == list(pattern.slots)


# Two readings ----------------------------------------------------------------------------------------------------------


def readings(pattern: Pattern, text: str) -> list[dict[str, object]]:
    """Every way to read the text, by trying all divisions: what match() must never have to choose among."""

    def read(index: int, at: int, values: dict[str, object]):
        if index == len(pattern._parts):
            if at == len(text):
                yield dict(values)
            return
        part = pattern._parts[index]
        if not hasattr(part, "slot"):
            if text.startswith(part.text, at):
                yield from read(index + 1, at + len(part.text), values)
            return
        for end in range(at, len(text) + 1):
            value = part.slot.parse(text[at:end])
            if value is not None and values.get(part.name, value) == value:
                yield from read(index + 1, end, {**values, part.name: value})

    found = list(read(0, 0, {}))
    return [values for number, values in enumerate(found) if values not in found[:number]]


SHORT = [
    *(
        "words(1,3)",
        "words(1,2)",
        "words(2,3)",
        "word",
        "name",
        "integer",
        "decimal",
        "text(9)",
        "list(words)",
        "list(integer)",
    ),
    *("oneof(a|a b|a b a)", "oneof(b|ba)", "quoted", "time", "fraction", "money", "percent", "date"),
    *("token", "token(2)", "tokens", "expression", "json"),
]
GAPS = [" a ", " b ", ", ", "-", " ", " and ", ".", " of ", ",", "1", "\\n", "'"]
PIECES = [
    "a",
    "b",
    "A",
    "B",
    "1",
    "2",
    "12",
    ",",
    " ",
    " ",
    "-",
    ".",
    "and",
    "of",
    "one",
    "half",
    "$1",
    "%",
    "1:00",
    " pm",
    "'",
    "/",
    "[",
    "]",
    "+",
]


@settings(max_examples=400, deadline=None)
@given(
    kinds=st.lists(st.sampled_from(SHORT), min_size=1, max_size=3),
    gaps=st.lists(st.sampled_from(GAPS), min_size=3, max_size=3),
    pieces=st.lists(st.lists(st.sampled_from(PIECES), min_size=1, max_size=5), min_size=3, max_size=3),
    seed=st.integers(0, 100),
)
def test_a_match_is_the_only_reading(kinds, gaps, pieces, seed):
    """Against all divisions of the text: what match() returns is the one reading there is; with two it returns None."""
    template = "Solve this: " + "".join(
        f"{{s{index}:{kind}}}{gap}" for index, (kind, gap) in enumerate(zip(kinds, gaps, strict=False))
    )
    try:
        pattern = Pattern.parse(template + "(end)")
        sampled = pattern.sample(seed)  # may find none for this seed, and says so
    except PatternError:
        assume(False)
    texts = "".join("".join(piece) + gap for piece, gap in zip(pieces[: len(kinds)], gaps, strict=False))
    for text in (f"Solve this: {texts}(end)".replace("\\n", "\n"), sampled):
        values = pattern.match(text)
        if len(text) < 120 and values is not None:
            assert readings(pattern, text) == [values]


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("He saw the {a:words(1,4)} of the {b:words(1,4)}", "He saw the top of the hill of the king"),
        ("He wrote {a:text(50)} and then {b:text(50)}", "He wrote x and then y and then z"),
        ("They met at {t:time} {w:words(1,2)}.", "They met at 2:30 pm sharp."),
        (r"Compare this:\n{a:block}\n---\n{b:block}", "Compare this:\nx\n---\ny\n---\nz"),
        ("Compute: {a:integer}{b:oneof(0|00|5)}", "Compute: 100"),
    ],
)
def test_two_readings_are_refused(template, text):
    """Nobody can say which reading was meant, so the guard does not choose."""
    pattern = Pattern.parse(template)
    assert len(readings(pattern, text)) > 1
    assert pattern.match(text) is None


def test_bounds_can_make_a_reading_unique():
    """A text that only one division fits is read, however often the literal between the slots occurs."""
    pattern = Pattern.parse("He saw the {a:words(1,1)} of the {b:words(4,4)}")
    assert pattern.match("He saw the top of the hill of the king") == {"a": "top", "b": "hill of the king"}


# Slots that come again, several patterns -------------------------------------------------------------------------------


def test_a_repeated_slot_needs_an_equal_value():
    """By name alone or with its type again; equal in value, not in letters."""
    pattern = Pattern.parse("{n:integer} {kind:word} coins and {n:integer} {kind} bars, {n} in all")
    assert list(pattern.slots) == ["n", "kind"]
    assert pattern.match("12 gold coins and twelve gold bars, 12 in all") == {"n": 12, "kind": "gold"}
    assert pattern.match("12 gold coins and 13 gold bars, 12 in all") is None
    assert pattern.match("12 gold coins and 12 silver bars, 12 in all") is None


def test_forms_of_a_word_that_nobody_needs():
    """An unnamed choice accepts its options and no other text, differs between its places, and gives no value."""
    pattern = Pattern.parse("{who:name}{_:oneof('s|')} house is {_:oneof(a|an)} {n:integer} {_:oneof(mile|miles)} away")
    assert pattern.match("Ada's house is an 8 miles away") == {"who": "Ada", "n": 8}
    assert pattern.match("James' house is a 1 mile away") == {"who": "James", "n": 1}
    assert pattern.match("Ada's house is the 8 miles away") is None
    assert pattern.match("Ada house is an 8 miles away") is None
    assert [span.name for span in pattern.spans("Ada's house is an 8 miles away")] == ["who", "n"]
    assert pattern.match(pattern.fill({"who": "Ada", "n": 8})) == {"who": "Ada", "n": 8}


@pytest.mark.parametrize(
    "kind",
    [
        "oneof(more|less)",
        "oneof(he|she)",
        "oneof(is|was)",
        "oneof(a|an|no)",
        "oneof(old|new)",
        "word",
        "words(1,3)",
        "integer",
        "oneof(s|less)",
    ],
)
def test_what_matters_must_have_a_name(kind):
    """A choice between words of different meaning is never hidden from the code."""
    with pytest.raises(PatternError, match=r"a\|an, is\|are"):
        Pattern.parse(f"Is it {{n:integer}} {{_:{kind}}} than before?")


def test_a_proper_name_may_stand_unseen():
    """A name that makes no difference to the code is read, refused where it is none, and kept from the code."""
    pattern = Pattern.parse("One server runs {_:name} {a:token(9)}, the other {b:token(9)}.")
    text = "One server runs Ledgerly 1.2.3, the other 1.3."
    assert pattern.match(text) == {"a": "1.2.3", "b": "1.3"}
    assert pattern.overlooks
    assert pattern.overlooked(text) == ("Ledgerly",)
    assert pattern.match("One server runs nothing 1.2.3, the other 1.3.") is None
    assert [span.name for span in pattern.spans(text)] == ["a", "b"]
    assert not Pattern.parse("It is {n:integer} {_:oneof(mile|miles)} away.").overlooks


def test_several_currencies():
    """A sign and an amount side by side: the code sees which currency it was."""
    pattern = Pattern.parse("It costs {sign:oneof($|€)}{price:decimal} a day")
    assert pattern.match("It costs €4.50 a day") == {"sign": "€", "price": Decimal("4.50")}
    assert pattern.match("It costs £4.50 a day") is None


def test_a_guard_takes_the_pattern_that_matches():
    """Several wordings, one class."""
    guard = Guard.parse(["Add {a:integer} and {b:integer}", "What is {a:integer} plus {b:integer}?"])
    assert guard.match("What is 3 plus 4?") == guard.match("Add 3 and 4") == {"a": 3, "b": 4}
    assert guard.match("What is 3 minus 4?") is None


def test_patterns_that_disagree_refuse():
    """Two patterns of one guard that read different values, names or Python types from a text: fail closed."""
    first = "Shift the {a:word} {b:word} now"
    assert Guard.parse([first, first]).match("Shift the red ball now") == {"a": "red", "b": "ball"}
    assert Guard.parse([first, "Shift the {b:word} {a:word} now"]).match("Shift the red ball now") is None
    assert Guard.parse([first, "Shift the {c:words(2,2)} now"]).match("Shift the red ball now") is None
    numbers = Guard.parse(["Double {n:integer}", "Double {n:decimal}"])
    assert numbers.match("Double 5") is None
    assert numbers.match("Double 5.5") == {"n": Decimal("5.5")}


@settings(deadline=None)
@given(st.permutations(range(len(PATTERNS))), st.integers(0, 1000))
def test_the_order_of_patterns_does_not_matter(order, seed):
    """A guard gives the same values whichever pattern stands first."""
    text = PATTERNS[order[0]].sample(seed)
    assert Guard([PATTERNS[index] for index in order]).match(text) == Guard(PATTERNS).match(text)


def test_classes_do_not_accept_each_others_requests():
    """No pattern of this file accepts a text of another, forty texts each."""
    for one, other in itertools.permutations(PATTERNS, 2):
        assert all(other.match(one.sample(seed)) is None for seed in range(40)), (one, other)


# What a pattern says of itself -----------------------------------------------------------------------------------------


def test_literals():
    """The longest literal run is in every text of the class; escapes are what they stand for."""
    pattern = Pattern.parse(r"Sort \{this\}\\:\n\t{items:list(word)}\nplease")
    assert pattern.literal == "Sort {this}\\:\n\t"
    assert pattern.literal_characters == len(pattern.literal) + len("\nplease")
    assert pattern.match("Sort {this}\\:\n\tpear, fig\nplease") == {"items": ["pear", "fig"]}
    assert str(pattern.slots["items"]) == "list(word)"


def test_patterns_are_values():
    """Equal templates are equal patterns, and the repr parses again."""
    assert Pattern.parse(FOG) == eval(repr(Pattern.parse(FOG)))
    assert len({Pattern.parse(FOG), Pattern.parse(FOG), Pattern.parse(FOG + " Now.")}) == 2
    assert eval(repr(Guard.parse([FOG]))).patterns == (Pattern.parse(FOG),)


@pytest.mark.parametrize(
    "values",
    [
        {"t": 1, "d": 2},
        {"t": 1, "d": 2, "place": "x", "more": 1},
        {"t": "1", "d": 2, "place": "hill"},
        {"t": True, "d": 2, "place": "hill"},
        {"t": Decimal(1), "d": 2, "place": "hill"},
        {"t": 10**18, "d": 2, "place": "hill"},
        {"t": 1, "d": 2, "place": "hill, the"},
        {"t": 1, "d": 2, "place": None},
    ],
)
def test_fill_takes_only_values_of_the_class(values):
    """A text that would not give its values back is never written."""
    with pytest.raises(ConfigurationError, match="values"):
        Pattern.parse(FOG).fill(values)


# Errors ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("template", "column", "said"),
    [
        ("", 1, "a template of 1 to"),
        ("   ", 1, "a template of 1 to"),
        ("x" * (MAX_TEMPLATE + 1), 1, "a template of 1 to"),
        ("Nothing varies in this sentence.", 1, "at least one {name:type}"),
        ("Count up to {n:integer", 13, r"\{ for a brace"),
        ("Count up to {n:{integer}}", 13, r"\{ for a brace"),
        ("Count up to n}: {n:integer}", 14, r"\} for a brace"),
        ("Count up to\n{n:integer}", 12, r"\n for a newline"),
        ("Count up to \ud800 {n:integer}", 13, "no NUL or lone surrogate"),
        (r"Count up \to \d {n:integer}", 14, r"\n, \t, \{, \} or \\"),
        ("Count up to {n:integer} \\", 25, r"\n, \t, \{, \} or \\"),
        ("Count up to {N:integer}", 13, "lower-case identifier"),
        ("Count up to {:integer}", 13, "lower-case identifier"),
        ("Count up to {from:integer}", 13, "lower-case identifier"),
        ("Count up to {len:integer}", 13, "lower-case identifier"),
        ("Count up to {value:integer}", 13, "lower-case identifier"),
        ("Count up to {__x:integer}", 13, "lower-case identifier"),
        ("Count up to {n}", 13, "{n:type} at its first use"),
        ("Count up to {n:number}", 13, "expected one of integer"),
        ("Count up to {n:}", 13, "expected one of integer"),
        ("Count up to {n:oneof(a)}", 13, "2 to 64 different texts"),
        ("Count {n:integer} up to {n:decimal}", 25, "{n:integer}, as at its first use"),
        ("Count the {a:word}{b:word}", 19, "literal text between them"),
        ("Count the {a:integer}{b:integer}", 22, "literal text between them"),
        ("Count the {a:words(1,2)} {b:words(1,2)}", 26, "more than a space between them"),
        ("{a:integer} + {b:integer}", 1, "at least 4, or it would match too much"),
        ("I saw {a:words(1,3)}.", 1, "at least 8, or it would match too much"),
        ("{a:text(500)}", 1, "at least 8, or it would match too much"),
        ("Shorten {b:block} to a line", 9, r"\n before and after it"),
        (r"Total of {rows:table}\nplease", 10, r"\n before and after it"),
        ("Count " + " and ".join(f"{{n{number}:integer}}" for number in range(33)), 573, "at most 32 slots"),
        ("Count " + " and ".join(f"{{n{number}:text(200)}}" for number in range(20)), 1, "fewer or smaller slots"),
        (
            "Choose " + "".join(f"{{s{number}:oneof(x|xx)}}" for number in range(20)),
            1,
            "literal text between its slots",
        ),
        ("Choose from {a:oneof(x|\ud800)}", 24, "lone surrogate"),
    ],
)
def test_an_error_says_where_and_what_was_expected(template, column, said):
    """Enough for a model to repair its template: the column, what was found, what to write."""
    with pytest.raises(PatternError) as caught:
        Pattern.parse(template)
    message = str(caught.value)
    assert message.startswith(f"column {column}: found ")
    assert said in message


@settings(deadline=None)
@given(st.text("{}()|:,\\nabc123 integrwods", max_size=40), st.text(max_size=10))
def test_parsing_never_raises_anything_else(middle, end):
    """Whatever a model writes, a template is a pattern or a PatternError."""
    with contextlib.suppress(PatternError):
        pattern = Pattern.parse(f"Please answer {{a:integer}} {middle}{end}")
        assert pattern.match(pattern.sample(1)) is not None


def test_a_guard_is_bounded():
    """None or too many patterns are refused, and an error names the pattern it is in."""
    with pytest.raises(PatternError, match="expected 1 to 32"):
        Guard.parse([])
    with pytest.raises(PatternError, match="expected 1 to 32"):
        Guard.parse([FOG] * (MAX_PATTERNS + 1))
    with pytest.raises(PatternError, match="pattern 2: column 13: found"):
        Guard.parse([FOG, "Count up to {n}"])


def test_the_expressions_are_anchored_and_linear():
    """google-re2 compiles every pattern: no backtracking engine ever sees a request."""
    for pattern in PATTERNS:
        for expression in pattern._compiled():
            assert isinstance(expression, type(re2.compile("x")))
            assert expression.programsize < 2000


@pytest.mark.parametrize(
    ("text", "accepted"),
    [
        ("Sales went from 1,000 to 1,500.", True),
        ("Sales went from 1,000 to 1.500.", False),
        ("Sales went from 1,000 to 1.505.", False),
        ("Sales went from 1,000.50 to 1.505.", True),
        ("Sales went from 1.500 to 1,000.5.", True),
        ("Sales went from 1.500 to 2.", False),
        ("Sales went from 3.785 to 0.125.", True),
    ],
)
def test_a_point_that_may_stand_for_thousands_is_refused(text, accepted):
    """Three digits behind a point are another country's thousands beside 1,000, or where they end in a zero."""
    assert (Pattern.parse("Sales went from {a:decimal} to {b:decimal}.").match(text) is not None) is accepted
