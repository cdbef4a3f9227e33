"""Guards: the typed, anchored patterns that say whether a request belongs to a class, and extract its parameters.

A pattern accounts for every character of a request, as literal text or inside a bounded typed slot; text that is left over
means: not this class. It compiles to linear-time google-re2 expressions. A request that a pattern could read in two ways
is refused, because nobody can say which of them was meant.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from random import Random
from typing import Any, Final, NamedTuple

import re2

from seglam.dataslots import MAX_ITEMS, MAX_TEXT
from seglam.errors import ConfigurationError, PatternError
from seglam.slots import Slot, Value, two_marks
from seglam.template import UNNAMED, Literal, Part, Use, error_at, read

Params = dict[str, Value]

MAX_PATTERNS: Final = 32
MAX_REQUEST: Final = 65_536
"""Characters; a longer request is refused unread."""
_BESIDE: Final = 2
_ARTICLES: Final = frozenset({"a", "an", "the", "and", "of", "is", "are"})
_REMEMBERED: Final = 20_000  # templates; a compiled one takes some ten kilobytes, and most are compiled by no text
_MAX_PROGRAM: Final = 20_000  # re2 instructions; a long pattern has about a thousand
_TRIALS: Final = 40

EXAMPLES: Final[tuple[tuple[str, str, Params], ...]] = (
    (
        "A fog bank takes {t:integer} minutes to cover every {d:integer} miles of the {place:words(1,4)}.",
        "A fog bank takes 10 minutes to cover every 3 miles of the old grey city.",
        {"t": 10, "d": 3, "place": "old grey city"},
    ),
    (
        "{who:name} has {n:integer} {kind:word} coins and finds {m:integer} more {kind} coins.",
        "Ada Moreau has twelve silver coins and finds 1,200 more silver coins.",
        {"who": "Ada Moreau", "n": 12, "kind": "silver", "m": 1200},
    ),
    (
        r"Sort these words {way:oneof(up|down)}:\n{items:list(word)}",
        "Sort these words down:\npear, apple and fig",
        {"way": "down", "items": ["pear", "apple", "fig"]},
    ),
)
"""Template, a request that it accepts, and the values."""

PATTERN_RULES: Final = f"""\
A template is one line of text and must match the WHOLE request (spaces at the request's ends aside). Every character is \
literal, capitals and spaces included, or stands in a slot {{name:type}}. Write \\n for a newline, \\t for a tab, \\{{ \\}} \\\\ \
for a brace or a backslash. Names are lower-case identifiers, no Python keyword, builtin or module, and none of value, \
params, seed, run, check, render, gen; the slot's value is passed to the code by its name. A slot that stands a second time, \
{{kind}} or with the same type again, must have the same value there. Nothing is optional: write another template. \
{{_:oneof(a|an)}} is for forms of one word that the code need not see: a|an, is|are, mile|miles, 's|'. A request that a \
template can read in two ways is refused, so put literal text between slots of words.
  integer       -7, 1,200, or a number word up to ninety-nine -> int
  decimal       2.5 or 1,200 or -0.75 -> Decimal
  money(€)      €5, €1,234.50, EUR 5, 5 euros; one sign of $ € £ ¥ ₩ for each slot; money alone is money($); any \
of several: {{sign:oneof($|€)}}{{price:decimal}} -> Decimal
  percent       15%, 15 percent -> Decimal (15)
  fraction      3/4, ½, half, one-third, two fifths -> tuple (numerator, denominator), as written
  date          2026-03-03, 3 March 2026, March 3rd, 2026 -> datetime.date; date(mdy) or date(dmy) reads 03/04/2026 as well
  time          14:30, 2:30 PM, 2pm -> datetime.time
  oneof(x|y|z)  exactly one of these texts -> str
  name          one to three capitalised words -> str
  word          one word (letters first; digits, - ' & inside: INV-12) -> str
  words(a,b)    a to b words (at most 12) with single spaces, no punctuation -> str
  quoted        text in quotation marks -> str without the marks
  list(type)    items of type integer, decimal, percent, money, word, words(a,b), name, quoted or text, separated by commas \
and a last "and", one a line with or without "- ", or in [ ]; numbers also by single spaces; at most {MAX_ITEMS} -> list
  table         a Markdown, comma or tab separated table with a header, on its own lines -> list of rows, each a list of str
  grid          rows on their own lines, cells (numbers or single characters) with spaces between them, or lines of symbols \
without spaces (one cell a row) -> list of rows, each a list of str
  json          a list or object as JSON or Python prints it: [[1, 2], [3, 4]], ['a', 'b'] -> list or dict, Decimal for 2.5
  expression    3 * (x - 2.5), 2x = 7, 0x1f >> 2, sqrt(9), not (True or False) -> str; run() evaluates it and raises Refuse \
on what it cannot
  token(n)      one run without spaces, at most n characters (60 without n): Q, 1f3a, AB-12, x=3 -> str
  tokens        such runs with single spaces between them -> list of str
  block(n)      lines of free text, at most n characters (4000 without n), last or on its own lines -> str
  text(n)       at most n characters of anything (n up to {MAX_TEXT}); only where the request carries free data that run() \
checks completely -> str
word, words and name refuse number words (two, dozen, half), denials (no, without) and all, each, more, less: what counts must \
be seen by the code.
Examples:
{chr(10).join("  " + template for template, _, _ in EXAMPLES)}
"""
"""What the compiler is told about the language."""


class Span(NamedTuple):
    """Where a slot stands in a request: the characters from ``start`` to before ``end``."""

    name: str
    type: str
    start: int
    end: int


class Pattern:
    """One template. Made by ``Pattern.parse`` or ``Pattern.load``; immutable and safe to use from many threads.

    Attributes:
        template: as it was written.
        slots: name to type, in the order of their first use.
        literal: the longest run of literal text; a request without it cannot match.
        literal_characters: how many characters of a request are literal.
        skeleton: what stands before the first slot, between the slots, and behind the last; "" where nothing does.
    """

    __slots__ = ("_expressions", "_parts", "literal", "literal_characters", "skeleton", "slots", "template")

    def __init__(self, template: str, parts: Sequence[Part], slots: Mapping[str, Slot]) -> None:
        self.template = template
        self.slots = slots
        self._parts = tuple(parts)
        self.skeleton = _skeleton(parts)
        self.literal = max(self.skeleton, key=len)
        self.literal_characters = sum(map(len, self.skeleton))
        self._expressions: tuple[Any, Any] | None = None  # greedy and lazy; made when they are needed first

    @property
    def uses(self) -> tuple[tuple[str, Slot], ...]:
        """The slots in the order of the text, repeated ones as often as they stand there: name and type."""
        return tuple((part.name, part.slot) for part in self._parts if isinstance(part, Use))

    @classmethod
    def parse(cls, template: str) -> "Pattern":
        """Compile a template.

        Raises:
            PatternError: it does not parse, would match too much, or accepts no text at all; says where and what to write.
        """
        pattern = cls.load(template)
        pattern.sample(0)
        return pattern

    @classmethod
    def load(cls, template: str) -> "Pattern":
        """A template that ``parse`` has accepted before. Compiled by the first text that has its literals.

        The same template gives the same object while it is remembered: whenever a procedure changes, all of them are read again,
        and what was compiled must not be compiled anew.

        Raises:
            PatternError: it does not parse, or would match too much.
        """
        return _loaded(template)

    def match(self, text: str) -> Params | None:
        """The slots' values, when the whole text is of the class and can be read in one way only. Never raises."""
        if self.literal not in text or len(text) > MAX_REQUEST:
            return None
        return None if (texts := self._texts(text.strip())) is None else self._values(texts)

    def reads(self, text: str) -> bool:
        """Whether the text has the pattern's form; ``match`` may refuse it for a slot's value, or for a second reading."""
        return len(text) <= MAX_REQUEST and self._found(text.strip()) is not None

    def spans(self, text: str) -> tuple[Span, ...]:
        """Where the slots of a text that ``match`` accepts stand in it; the text has no space at its ends."""
        spans: list[Span] = []
        at, found = 0, iter(self._texts(text) or ())
        for part in self._parts:
            start, at = at, at + len(part.text if isinstance(part, Literal) else next(found).decode())
            if isinstance(part, Use) and part.name != UNNAMED:
                spans.append(Span(part.name, part.slot.type, start, at))
        return tuple(spans)

    def beside(self) -> dict[str, frozenset[tuple[str, str]]]:
        """The words that stand next to each named slot: ("before" or "after", word), up to two on a side, without articles."""
        found: dict[str, set[tuple[str, str]]] = {name: set() for name in self.slots}
        for before, use, after in zip((None, *self._parts), self._parts, (*self._parts[1:], None), strict=False):
            if not isinstance(use, Use) or use.name == UNNAMED:
                continue
            if isinstance(before, Literal):
                found[use.name] |= {("before", word) for word in _words(before.text)[-_BESIDE:]}
            if isinstance(after, Literal):
                found[use.name] |= {("after", word) for word in _words(after.text)[:_BESIDE]}
        return {name: frozenset(words) for name, words in found.items()}

    @property
    def overlooks(self) -> bool:
        """Whether the code does not see some words of what the pattern takes, and they may be any."""
        return any(_overlooked(part) for part in self._parts)

    def overlooked(self, text: str) -> tuple[str, ...]:
        """The words of a text that the code does not see; () for one that ``match`` refuses."""
        found = self._texts(text)
        uses = (part for part in self._parts if isinstance(part, Use))
        return tuple(data.decode() for use, data in zip(uses, found or (), strict=False) if _overlooked(use))

    def _found(self, text: str) -> tuple[bytes, Sequence[bytes]] | None:
        """The text's bytes, and those of the slots in its greediest reading."""
        if not (text.startswith(self.skeleton[0]) and text.endswith(self.skeleton[-1])):
            return None
        try:
            greedy, _ = self._compiled()
            data = text.encode()
        except (UnicodeEncodeError, PatternError):
            return None  # a lone surrogate; or a stored template that this version of re2 cannot compile
        found = greedy.fullmatch(data)
        return None if found is None else (data, found.groups())

    def _texts(self, text: str) -> Sequence[bytes] | None:
        found = self._found(text)
        if found is None:
            return None
        data, texts = found
        # Equal texts mean the only reading: if another had the same first slots up to here, this slot's text would be
        # shorter or longer there, and one of the two forms would have found it.
        return None if texts and texts != self._compiled()[1].fullmatch(data).groups() else texts

    def _values(self, texts: Sequence[bytes]) -> Params | None:
        values: Params = {}
        if two_marks(texts):
            return None
        uses = (part for part in self._parts if isinstance(part, Use))
        for use, data in zip(uses, texts, strict=True):
            value = use.slot.parse(data.decode())
            if value is None or (use.name != UNNAMED and values.setdefault(use.name, value) != value):
                return None
        return values

    def fill(self, values: Mapping[str, Any]) -> str:
        """The text of the class with these values, in their plainest form.

        Raises:
            ConfigurationError: a slot's value is missing, or is none that its type can have.
        """
        if values.keys() != self.slots.keys():
            raise ConfigurationError(f"values: expected {', '.join(self.slots)}; got {', '.join(map(str, values))}")
        texts = {}
        for name, slot in self.slots.items():
            text = _written(slot, values[name])
            if text is None:
                raise ConfigurationError(f"values[{name!r}]: expected a value of type {slot}, got {values[name]!r:.80}")
            texts[name] = text
        return self._joined(texts, Random(0))  # noqa: S311 - the same text every time

    def _joined(self, texts: Mapping[str, str], rng: Random) -> str:
        return "".join(
            part.text if isinstance(part, Literal) else texts.get(part.name) or part.slot.sample(rng)
            for part in self._parts
        )

    def sample(self, seed: int) -> str:
        """A text that the pattern accepts, with random values in random forms; equal seeds give equal texts.

        Raises:
            PatternError: no text was found that the pattern accepts.
        """
        self._compiled()  # its error is more precise than that below
        rng = Random(seed)  # noqa: S311 - samples must come again
        for _ in range(_TRIALS):
            texts = {name: slot.sample(rng) for name, slot in self.slots.items()}
            text = self._joined(texts, rng)
            if self.match(text) is not None:
                return text
        raise error_at(
            *(self.template, 0, f"a template that reads {text[:200]!r} in two ways or not at all"),
            "literal text between its slots that cannot stand inside them",
        )

    def __repr__(self) -> str:
        return f"Pattern.parse({self.template!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pattern) and self.template == other.template

    def __hash__(self) -> int:
        return hash(self.template)

    def _compiled(self) -> tuple[Any, Any]:
        if self._expressions is None:
            self._expressions = self._compile(lazy=False), self._compile(lazy=True)
        return self._expressions

    def _compile(self, *, lazy: bool) -> Any:
        options = re2.Options()
        options.log_errors = False
        source = "".join(
            re2.escape(part.text) if isinstance(part, Literal) else f"({part.slot.expressions[lazy]})"
            for part in self._parts
        )
        try:
            compiled = re2.compile(source.encode(), options)
        except re2.error as error:
            raise error_at(self.template, 0, f"what cannot be compiled ({error})", "a simpler template") from None
        if compiled.programsize > _MAX_PROGRAM:
            raise error_at(self.template, 0, "a template that compiles to too much", "fewer or smaller slots")
        return compiled


@lru_cache(maxsize=_REMEMBERED)
def _loaded(template: str) -> Pattern:
    return Pattern(template, *read(template))


class Guard:
    """The patterns of one procedure.

    Args:
        patterns: 1 to MAX_PATTERNS.

    Raises:
        PatternError: none, or too many.
    """

    __slots__ = ("patterns",)

    def __init__(self, patterns: Sequence[Pattern]) -> None:
        if not 1 <= len(patterns) <= MAX_PATTERNS:
            raise PatternError(f"found {len(patterns)} patterns; expected 1 to {MAX_PATTERNS}")
        self.patterns = tuple(patterns)

    @classmethod
    def parse(cls, templates: Sequence[str], *, proven: bool = False) -> "Guard":
        """Compile the templates; those ``proven`` (they passed here before) only when a request needs them.

        Raises:
            PatternError: for the first that does not parse, with its number, or for none or too many.
        """
        patterns, make = [], Pattern.load if proven else Pattern.parse
        for number, template in enumerate(templates[: MAX_PATTERNS + 1], 1):
            try:
                patterns.append(make(template))
            except PatternError as error:
                raise PatternError(f"pattern {number}: {error}") from None
        return cls(patterns)

    def match(self, text: str) -> Params | None:
        """The values, when a pattern accepts the whole text and no other reads different values from it. Never raises."""
        found = self.read(text)
        return None if found is None else found[0]

    def read(self, text: str) -> tuple[Params, Pattern] | None:
        """As ``match``, with the first pattern that accepts the text."""
        found: tuple[Params, Pattern] | None = None
        for pattern in self.patterns:
            values = pattern.match(text)
            if values is None:
                continue
            # repr, because 5 == Decimal(5), and code may treat them differently
            if found is not None and repr(sorted(values.items())) != repr(sorted(found[0].items())):
                return None
            found = found or (values, pattern)
        return found

    def reads(self, text: str) -> bool:
        """Whether the text has the form of a pattern; ``match`` may refuse it for what stands in its slots."""
        return any(pattern.reads(text) for pattern in self.patterns)

    def spans(self, text: str) -> tuple[Span, ...]:
        """Where the slots stand in a request without space at its ends; none when it is refused."""
        found = (pattern.spans(text) for pattern in self.patterns if pattern.match(text) is not None)
        return () if self.match(text) is None else next(found)

    def __repr__(self) -> str:
        return f"Guard.parse({[pattern.template for pattern in self.patterns]!r})"


def _words(text: str) -> list[str]:
    return [word for word in re.findall(r"[^\W\d_]+|[%°$€£]", text.lower()) if word not in _ARTICLES]


def _overlooked(part: Part) -> bool:
    return isinstance(part, Use) and part.name == UNNAMED and not part.slot.type.startswith("oneof(")


def _skeleton(parts: Sequence[Part]) -> tuple[str, ...]:
    runs = [""]
    for part in parts:
        if isinstance(part, Literal):
            runs[-1] = part.text
        else:
            runs.append("")
    return tuple(runs)


def _written(slot: Slot, value: Any) -> str | None:
    """The text of a value, if it is read back as that value."""
    try:
        text = slot.format(value)
        parsed = slot.parse(text)
    except (TypeError, ValueError, AttributeError, ArithmeticError, LookupError):
        return None
    return text if parsed is not None and type(parsed) is type(value) and parsed == value else None
