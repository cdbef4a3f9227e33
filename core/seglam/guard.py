"""Guards: the typed, anchored patterns that say whether a request belongs to a class, and extract its parameters.

A pattern accounts for every character of a request, as literal text or inside a bounded typed slot; text that is left over
means: not this class. It compiles to linear-time google-re2 expressions. A request that a pattern could read in two ways
is refused, because nobody can say which of them was meant.
"""

import builtins
import keyword
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from random import Random
from typing import Any, Final, NamedTuple

import re2

from seglam.errors import ConfigurationError, PatternError
from seglam.slots import Slot, Value, two_marks
from seglam.textslots import MAX_ITEMS, MAX_TEXT, slot_type

Params = dict[str, Value]

MAX_PATTERNS: Final = 32
MAX_TEMPLATE: Final = 4_000
MAX_REQUEST: Final = 65_536
"""Characters; a longer request is refused unread."""
_MAX_SLOTS: Final = 32
_MAX_NAME: Final = 40
_MAX_PROGRAM: Final = 20_000  # re2 instructions; a long pattern has about a thousand
_ENOUGH: Final = 8  # letters of literal text, where prose may stand in a slot
_ENOUGH_CLOSED: Final = 4  # where it may not
_TRIALS: Final = 40
_MODULE: Final = "run check render gen value params seed re math json datetime decimal itertools collections functools"
# They must keep their meaning in the code.
_RESERVED: Final = frozenset({*dir(builtins), *keyword.kwlist, *_MODULE.split()})
_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
_UNFIT: Final = re.compile("[\\x00\\r\\n\\ud800-\\udfff]")
_ESCAPES: Final = {"n": "\n", "t": "\t", "{": "{", "}": "}", "\\": "\\"}

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
{{kind}} or with the same type again, must have the same value there. Nothing is optional: write another template. A request \
that a template can read in two ways is refused, so put literal text between slots of words.
  integer       -7, 1,200, or a number word up to ninety-nine -> int
  decimal       2.5 or 1,200 or -0.75 -> Decimal
  money(€)      €5, €1,234.50, EUR 5, 5 euros; one sign of $ € £ ¥ ₩ for each slot; money alone is money($) -> Decimal
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
and a last "and", or one a line with or without "- "; at most {MAX_ITEMS} -> list
  table         a Markdown, comma or tab separated table with a header, on its own lines -> list of rows, each a list of str
  block(n)      lines of free text, at most n characters (4000 without n), last or on its own lines -> str
  text(n)       at most n characters of anything (n up to {MAX_TEXT}); only where the request carries free data that run() \
checks completely -> str
word, words and name refuse number words (two, dozen, half), denials (no, without) and all, each, more, less: what counts must \
be seen by the code.
Examples:
{chr(10).join("  " + template for template, _, _ in EXAMPLES)}
"""
"""What the compiler is told about the language."""


class _Literal(NamedTuple):
    text: str
    start: int


class _Use(NamedTuple):
    name: str
    slot: Slot
    start: int


class Span(NamedTuple):
    """Where a slot stands in a request: the characters from ``start`` to before ``end``."""

    name: str
    type: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Expressions:
    greedy: Any
    lazy: Any


class Pattern:
    """One template, compiled. Made by ``Pattern.parse``; immutable and safe to use from many threads.

    Attributes:
        template: as it was written.
        slots: name to type, in the order of their first use.
        literal: the longest run of literal text; a request without it cannot match.
        literal_characters: how many characters of a request are literal.
    """

    __slots__ = ("_expressions", "_first", "_last", "_parts", "literal", "literal_characters", "slots", "template")

    def __init__(self, template: str, parts: Sequence["_Literal | _Use"], slots: Mapping[str, Slot]) -> None:
        self.template = template
        self.slots = slots
        self._parts = tuple(parts)
        literals = [part.text for part in parts if isinstance(part, _Literal)]
        self.literal = max(literals, key=len, default="")
        self.literal_characters = sum(map(len, literals))
        self._first, self._last = (part.text if isinstance(part, _Literal) else "" for part in (parts[0], parts[-1]))
        self._expressions = _Expressions(*(self._compile(lazy=lazy) for lazy in (False, True)))

    @classmethod
    def parse(cls, template: str) -> "Pattern":
        """Compile a template.

        Raises:
            PatternError: it does not parse, would match too much, or accepts no text at all; says where and what to write.
        """
        if not 0 < len(template.strip()) <= len(template) <= MAX_TEMPLATE:
            raise _error(template, 0, f"{len(template)} characters", f"a template of 1 to {MAX_TEMPLATE}")
        parts, slots = _Reader(template).read()
        parts = _trimmed(parts)
        _review(template, parts)
        pattern = cls(template, parts, slots)
        pattern.sample(0)
        return pattern

    def match(self, text: str) -> Params | None:
        """The slots' values, when the whole text is of the class and can be read in one way only. Never raises."""
        if self.literal not in text or len(text) > MAX_REQUEST:
            return None
        return None if (texts := self._texts(text.strip())) is None else self._values(texts)

    def spans(self, text: str) -> tuple[Span, ...]:
        """Where the slots of a text that ``match`` accepts stand in it; the text has no space at its ends."""
        spans, at, found = [], 0, iter(self._texts(text) or ())
        for part in self._parts:
            start, at = at, at + len(part.text if isinstance(part, _Literal) else next(found).decode())
            spans += [Span(part.name, part.slot.type, start, at)] if isinstance(part, _Use) else []
        return tuple(spans)

    def _texts(self, text: str) -> Sequence[bytes] | None:
        if not (text.startswith(self._first) and text.endswith(self._last)):
            return None
        try:
            data = text.encode()
        except UnicodeEncodeError:
            return None  # a lone surrogate
        found = self._expressions.greedy.fullmatch(data)
        if found is None:
            return None
        texts: Sequence[bytes] = found.groups()
        # Equal texts mean the only reading: if another had the same first slots up to here, this slot's text would be
        # shorter or longer there, and one of the two forms would have found it.
        return None if texts and texts != self._expressions.lazy.fullmatch(data).groups() else texts

    def _values(self, texts: Sequence[bytes]) -> Params | None:
        values: Params = {}
        if two_marks(texts):
            return None
        uses = (part for part in self._parts if isinstance(part, _Use))
        for use, data in zip(uses, texts, strict=True):
            value = use.slot.parse(data.decode())
            if value is None or values.setdefault(use.name, value) != value:
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
        return self._joined(texts)

    def _joined(self, texts: Mapping[str, str]) -> str:
        return "".join(part.text if isinstance(part, _Literal) else texts[part.name] for part in self._parts)

    def sample(self, seed: int) -> str:
        """A text that the pattern accepts, with random values in random forms; equal seeds give equal texts.

        Raises:
            PatternError: no text was found that the pattern accepts.
        """
        rng = Random(seed)  # noqa: S311 - samples must come again
        for _ in range(_TRIALS):
            texts = {name: slot.sample(rng) for name, slot in self.slots.items()}
            text = self._joined(texts)
            if self.match(text) is not None:
                return text
        raise _error(
            *(self.template, 0, f"a template that reads {text[:200]!r} in two ways or not at all"),
            "literal text between its slots that cannot stand inside them",
        )

    def __repr__(self) -> str:
        return f"Pattern.parse({self.template!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pattern) and self.template == other.template

    def __hash__(self) -> int:
        return hash(self.template)

    def _compile(self, *, lazy: bool) -> Any:
        options = re2.Options()
        options.log_errors = False
        source = "".join(
            re2.escape(part.text) if isinstance(part, _Literal) else f"({part.slot.expressions[lazy]})"
            for part in self._parts
        )
        try:
            compiled = re2.compile(source.encode(), options)
        except re2.error as error:
            raise _error(self.template, 0, f"what cannot be compiled ({error})", "a simpler template") from None
        if compiled.programsize > _MAX_PROGRAM:
            raise _error(self.template, 0, "a template that compiles to too much", "fewer or smaller slots")
        return compiled


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
    def parse(cls, templates: Sequence[str]) -> "Guard":
        """Compile the templates.

        Raises:
            PatternError: for the first that does not parse, with its number, or for none or too many.
        """
        patterns = []
        for number, template in enumerate(templates[: MAX_PATTERNS + 1], 1):
            try:
                patterns.append(Pattern.parse(template))
            except PatternError as error:
                raise PatternError(f"pattern {number}: {error}") from None
        return cls(patterns)

    def match(self, text: str) -> Params | None:
        """The values, when a pattern accepts the whole text and no other reads different values from it. Never raises."""
        found: Params | None = None
        for pattern in self.patterns:
            values = pattern.match(text)
            if values is None:
                continue
            # repr, because 5 == Decimal(5), and code may treat them differently
            if found is not None and repr(sorted(values.items())) != repr(sorted(found.items())):
                return None
            found = values
        return found

    def spans(self, text: str) -> tuple[Span, ...]:
        """Where the slots stand in a request without space at its ends; none when it is refused."""
        found = (pattern.spans(text) for pattern in self.patterns if pattern.match(text) is not None)
        return () if self.match(text) is None else next(found)

    def __repr__(self) -> str:
        return f"Guard.parse({[pattern.template for pattern in self.patterns]!r})"


def _written(slot: Slot, value: Any) -> str | None:
    """The text of a value, if it is read back as that value."""
    try:
        text = slot.format(value)
        parsed = slot.parse(text)
    except (TypeError, ValueError, AttributeError, ArithmeticError, LookupError):
        return None
    return text if parsed is not None and type(parsed) is type(value) and parsed == value else None


class _Reader:
    """Reads one template from left to right."""

    def __init__(self, template: str) -> None:
        self.template = template
        self.slots: dict[str, Slot] = {}

    def read(self) -> tuple[list[_Literal | _Use], dict[str, Slot]]:
        parts: list[_Literal | _Use] = []
        literal, start, at = "", 0, 0
        if (unfit := _UNFIT.search(self.template)) is not None:
            raise _error(
                self.template, unfit.start(), ascii(unfit[0]), r"\n for a newline, and no NUL or lone surrogate"
            )
        while at < len(self.template):
            char = self.template[at]
            if char == "{":
                parts += [_Literal(literal, start)] if literal else []
                use, at = self._use(at)
                parts.append(use)
                literal, start = "", at
                continue
            if char == "\\":
                char = self._escape(at)
                at += 1
            elif char == "}":
                raise _error(self.template, at, "a } without its {", r"\} for a brace")
            literal += char
            at += 1
        parts += [_Literal(literal, start)] if literal else []
        if not self.slots:
            raise _error(self.template, 0, "no slot", "at least one {name:type}")
        return parts, self.slots

    def _escape(self, at: int) -> str:
        escaped = self.template[at + 1 : at + 2]
        if escaped not in _ESCAPES:
            raise _error(self.template, at, repr("\\" + escaped), r"\n, \t, \{, \} or \\")
        return _ESCAPES[escaped]

    def _use(self, start: int) -> tuple[_Use, int]:
        """The slot that begins at ``start``, and where it ends."""
        at = start + 1
        while self.template[at : at + 1] not in ("", "{", "}"):
            at += 2 if self.template[at] == "\\" else 1
        if self.template[at : at + 1] != "}":
            raise _error(self.template, start, "a { without its }", r"{name:type}, or \{ for a brace")
        name, colon, kind = (piece.strip() for piece in self.template[start + 1 : at].partition(":"))
        if _NAME.fullmatch(name) is None or len(name) > _MAX_NAME or name in _RESERVED:
            raise _error(
                self.template,
                start,
                f"the slot name {name!r}",
                "a lower-case identifier that Python and the code do not use",
            )
        return _Use(name, self._type(name, kind, start, named=bool(colon)), start), at + 1

    def _type(self, name: str, kind: str, start: int, *, named: bool) -> Slot:
        known = self.slots.get(name)
        if not named:
            if known is None:
                raise _error(self.template, start, f"{{{name}}} without a type", f"{{{name}:type}} at its first use")
            return known
        try:
            slot = slot_type(kind)
        except ValueError as error:
            raise _error(self.template, start, f"{{{name}:{kind[:80]}}}", str(error)) from None
        if known is not None and known.type != slot.type:
            raise _error(
                self.template, start, f"{{{name}:{kind}}}", f"{{{name}}} or {{{name}:{known}}}, as at its first use"
            )
        if len(self.slots) >= _MAX_SLOTS and known is None:
            raise _error(self.template, start, "one slot more", f"at most {_MAX_SLOTS} slots")
        return self.slots.setdefault(name, slot)


def _error(template: str, at: int, found: str, expected: str) -> PatternError:
    return PatternError(f"column {at + 1}: found {found}; expected {expected}; near {template[at : at + 40]!r}")


def _trimmed(parts: list[_Literal | _Use]) -> list[_Literal | _Use]:
    """Without the space at the ends, which requests are stripped of as well."""
    first, last = parts[0], parts[-1]
    if isinstance(last, _Literal):
        parts = [*parts[:-1], _Literal(last.text.rstrip(), last.start)]
    if isinstance(first, _Literal):
        parts = [_Literal(first.text.lstrip(), first.start), *parts[1:]]
    return [part for part in parts if isinstance(part, _Use) or part.text]


def _review(template: str, parts: Sequence[_Literal | _Use]) -> None:
    """Refuse what would match too much, or could be read in two ways by its form alone."""
    uses = [part for part in parts if isinstance(part, _Use)]
    letters = sum(_letters(part.text) for part in parts if isinstance(part, _Literal))
    needed = _ENOUGH_CLOSED if all(use.slot.closed for use in uses) else _ENOUGH
    if letters < needed:
        raise _error(
            template, 0, f"{letters} letters of literal text", f"at least {needed}, or it would match too much"
        )
    for before, after in pairwise(parts):
        if isinstance(before, _Use) and isinstance(after, _Use):
            kinds = (before.slot, after.slot)
            if not all(slot.closed for slot in kinds) or not any(slot.type.startswith("oneof") for slot in kinds):
                raise _error(template, after.start, "two slots side by side", "literal text between them")
    for before, gap, after in zip(parts, parts[1:], parts[2:], strict=False):
        if not (isinstance(before, _Use) and isinstance(after, _Use) and isinstance(gap, _Literal)):
            continue
        if gap.text == " " and all(slot.spaced and not slot.closed for slot in (before.slot, after.slot)):
            raise _error(template, after.start, "two slots of several words", "more than a space between them")
    _review_lines(template, parts)


def _review_lines(template: str, parts: Sequence[_Literal | _Use]) -> None:
    for index, part in enumerate(parts):
        if not isinstance(part, _Use) or not part.slot.lines or index == len(parts) - 1:
            continue
        before, after = parts[index - 1] if index else None, parts[index + 1]
        begins = before is None or (isinstance(before, _Literal) and before.text.endswith("\n"))
        if not begins or not isinstance(after, _Literal) or not after.text.startswith("\n"):
            raise _error(
                template, part.start, f"{part.slot} inside a line", r"\n before and after it, or it at the very end"
            )


def _letters(text: str) -> int:
    """Letters, of which the wide ones (Hangul, Han, kana: a syllable or more) count twice."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text if char.isalpha())
