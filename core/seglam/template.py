"""Reads a template of the pattern language into its parts, and refuses what would match too much.

An error says where, what was found, and what to write instead: enough for a model to mend its template.
"""

import builtins
import keyword
import re
import unicodedata
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from seglam.dataslots import slot_type
from seglam.errors import PatternError
from seglam.slots import NUMBER_WORDS, Slot

MAX_TEMPLATE: Final = 4_000
_MAX_SLOTS: Final = 32
_MAX_NAME: Final = 40
_ENOUGH: Final = 8  # letters of literal text, where prose may stand in a slot
_ENOUGH_CLOSED: Final = 4  # where it may not
_MODULE: Final = "run check render gen value params seed re math json datetime decimal itertools collections functools"
# They must keep their meaning in the code.
_RESERVED: Final = frozenset({*dir(builtins), *keyword.kwlist, *_MODULE.split()})
UNNAMED: Final = "_"
_SAME: Final = tuple(
    frozenset(group.split("|"))
    for group in (
        "a|an",
        "is|are",
        "was|were",
        "has|have",
        "does|do",
        "this|these",
        "that|those",
        "'s|’s|'|’",
        ".|?|!",
        "x|×|*",
        "-|–|—",
    )
)
_ONE_WORD: Final = re.compile(r"[A-Za-z]+")
_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
_UNFIT: Final = re.compile("[\\x00\\r\\n\\ud800-\\udfff]")
_ESCAPES: Final = {"n": "\n", "t": "\t", "{": "{", "}": "}", "\\": "\\"}


class Literal(NamedTuple):
    """Text that stands in every request of the class; ``start`` is its place in the template."""

    text: str
    start: int


class Use(NamedTuple):
    """One place of a slot."""

    name: str
    slot: Slot
    start: int


Part = Literal | Use


def read(template: str) -> tuple[tuple[Part, ...], Mapping[str, Slot]]:
    """The parts of a template in order, without space at its ends; and its slots by name, in the order of their first use.

    Raises:
        PatternError: it does not parse, or would match too much; says where and what to write.
    """
    if not 0 < len(template.strip()) <= len(template) <= MAX_TEMPLATE:
        raise error_at(template, 0, f"{len(template)} characters", f"a template of 1 to {MAX_TEMPLATE}")
    parts, slots = _Reader(template).read()
    parts = _trimmed(parts)
    _review(template, parts)
    return tuple(parts), slots


def error_at(template: str, at: int, found: str, expected: str) -> PatternError:
    """The error of a template: what was found at the place ``at``, and what was expected."""
    return PatternError(f"column {at + 1}: found {found}; expected {expected}; near {template[at : at + 40]!r}")


class _Reader:
    """Reads one template from left to right."""

    def __init__(self, template: str) -> None:
        self.template = template
        self.slots: dict[str, Slot] = {}

    def read(self) -> tuple[list[Part], dict[str, Slot]]:
        parts: list[Part] = []
        literal, start, at = "", 0, 0
        if (unfit := _UNFIT.search(self.template)) is not None:
            raise error_at(
                self.template, unfit.start(), ascii(unfit[0]), r"\n for a newline, and no NUL or lone surrogate"
            )
        while at < len(self.template):
            char = self.template[at]
            if char == "{":
                parts += [Literal(literal, start)] if literal else []
                use, at = self._use(at)
                parts.append(use)
                literal, start = "", at
                continue
            if char == "\\":
                char = self._escape(at)
                at += 1
            elif char == "}":
                raise error_at(self.template, at, "a } without its {", r"\} for a brace")
            literal += char
            at += 1
        parts += [Literal(literal, start)] if literal else []
        if not self.slots:
            raise error_at(self.template, 0, "no slot", "at least one {name:type}")
        return parts, self.slots

    def _escape(self, at: int) -> str:
        escaped = self.template[at + 1 : at + 2]
        if escaped not in _ESCAPES:
            raise error_at(self.template, at, repr("\\" + escaped), r"\n, \t, \{, \} or \\")
        return _ESCAPES[escaped]

    def _use(self, start: int) -> tuple[Use, int]:
        """The slot that begins at ``start``, and where it ends."""
        at = start + 1
        while self.template[at : at + 1] not in ("", "{", "}"):
            at += 2 if self.template[at] == "\\" else 1
        if self.template[at : at + 1] != "}":
            raise error_at(self.template, start, "a { without its }", r"{name:type}, or \{ for a brace")
        name, colon, kind = (piece.strip() for piece in self.template[start + 1 : at].partition(":"))
        if name == UNNAMED:
            return Use(name, self._unnamed(kind, start), start), at + 1
        if _NAME.fullmatch(name) is None or len(name) > _MAX_NAME or name in _RESERVED:
            raise error_at(
                self.template,
                start,
                f"the slot name {name!r}",
                "a lower-case identifier that Python and the code do not use",
            )
        return Use(name, self._type(name, kind, start, named=bool(colon)), start), at + 1

    def _unnamed(self, kind: str, start: int) -> Slot:
        try:
            slot = slot_type(kind)
        except ValueError as error:
            raise error_at(self.template, start, f"{{_:{kind[:80]}}}", str(error)) from None
        if kind == "name":
            return slot
        if not kind.startswith("oneof(") or not _alike(kind[len("oneof(") : -1].split("|")):
            expected = (
                "a oneof of forms of one word, a|an, is|are, mile|miles; {_:name} for a proper name that makes no "
                "difference; or a name before the colon, so that the code sees the value"
            )
            raise error_at(self.template, start, f"{{_:{kind[:80]}}}", expected)
        return slot

    def _type(self, name: str, kind: str, start: int, *, named: bool) -> Slot:
        known = self.slots.get(name)
        if not named:
            if known is None:
                raise error_at(self.template, start, f"{{{name}}} without a type", f"{{{name}:type}} at its first use")
            return known
        try:
            slot = slot_type(kind)
        except ValueError as error:
            raise error_at(self.template, start, f"{{{name}:{kind[:80]}}}", str(error)) from None
        if known is not None and known.type != slot.type:
            raise error_at(
                self.template, start, f"{{{name}:{kind}}}", f"{{{name}}} or {{{name}:{known}}}, as at its first use"
            )
        if len(self.slots) >= _MAX_SLOTS and known is None:
            raise error_at(self.template, start, "one slot more", f"at most {_MAX_SLOTS} slots")
        return self.slots.setdefault(name, slot)


_SHORT_FORM: Final = 3
_WORDS: Final = re.compile(r"[^\W\d_]+(?: [^\W\d_]+)*")
_OPPOSED: Final = NUMBER_WORDS.keys() | frozenset(
    (  # noqa: SIM905 - words read better so
        "no not never nor neither without with more less fewer most least greater smaller larger higher lower bigger longer "
        "shorter older younger before after until since above below over under up down out on off to from plus minus times by "
        "divided per and or either both all any each every none some only except but first last next previous former latter old "
        "new left right min max minimum maximum include includes including exclude excludes excluding included excluded he she "
        "him her his hers it they i you we is are was were will would had has been ascending descending increase decrease rise "
        "fall gain loss profit credit debit buy sell bought sold pay receive paid received owe lend borrow add subtract multiply "
        "divide double half triple twice gross net today tomorrow yesterday am pm north south east west hour day week month year"
    ).split()
)


def _alike(options: Sequence[str]) -> bool:
    """Whether a text may mean the same with each of them: forms of one word, marks, or words that are no opposites.

    Code that does not see which of them stood there could as well have had a template for each; but a choice between opposites
    in one place is a slip.
    """
    plain = {option[:1].lower() + option[1:] for option in options}
    if len(plain) == 1 or any(plain <= group for group in _SAME):
        return True
    one = min(plain, key=len)
    several = {f"{one}s", f"{one}es", f"{one[:-1]}ies"} if one[-1:] == "y" else {f"{one}s", f"{one}es"}
    if _ONE_WORD.fullmatch(one) is not None and plain - {one} <= several:
        return True
    # min, mins, minutes: a short form and the word.
    if len(one) >= _SHORT_FORM and all(_ONE_WORD.fullmatch(form) and form.startswith(one) for form in plain):
        return True
    words: list[set[str]] = [{*option.lower().split(" ")} for option in options]
    if all(_WORDS.fullmatch(option) for option in options):
        return not (set[str]().union(*words) - words[0].intersection(*words)) & _OPPOSED
    return False


def _trimmed(parts: list[Part]) -> list[Part]:
    """Without the space at the ends, which requests are stripped of as well."""
    first, last = parts[0], parts[-1]
    if isinstance(last, Literal):
        parts = [*parts[:-1], Literal(last.text.rstrip(), last.start)]
    if isinstance(first, Literal):
        parts = [Literal(first.text.lstrip(), first.start), *parts[1:]]
    return [part for part in parts if isinstance(part, Use) or part.text]


def _review(template: str, parts: Sequence[Part]) -> None:
    """Refuse what would match too much, or could be read in two ways by its form alone."""
    uses = [part for part in parts if isinstance(part, Use)]
    letters = sum(_letters(part.text) for part in parts if isinstance(part, Literal))
    needed = _ENOUGH_CLOSED if all(use.slot.closed for use in uses) else _ENOUGH
    if letters < needed:
        raise error_at(
            template, 0, f"{letters} letters of literal text", f"at least {needed}, or it would match too much"
        )
    for before, after in pairwise(parts):
        if isinstance(before, Use) and isinstance(after, Use):
            kinds = (before.slot, after.slot)
            if UNNAMED in (before.name, after.name):
                continue
            if not all(slot.closed for slot in kinds) or not any(slot.type.startswith("oneof") for slot in kinds):
                raise error_at(template, after.start, "two slots side by side", "literal text between them")
    for before, gap, after in zip(parts, parts[1:], parts[2:], strict=False):
        if not (isinstance(before, Use) and isinstance(after, Use) and isinstance(gap, Literal)):
            continue
        # A quotation tells where it begins and ends by itself.
        quoted = "quoted" in (before.slot.type, after.slot.type)
        if (
            gap.text == " "
            and not quoted
            and all(slot.spaced and not slot.closed for slot in (before.slot, after.slot))
        ):
            raise error_at(template, after.start, "two slots of several words", "more than a space between them")
    _review_lines(template, parts)


def _review_lines(template: str, parts: Sequence[Part]) -> None:
    for index, part in enumerate(parts):
        if not isinstance(part, Use) or not part.slot.lines or index == len(parts) - 1:
            continue
        before, after = parts[index - 1] if index else None, parts[index + 1]
        begins = before is None or (isinstance(before, Literal) and before.text.endswith("\n"))
        if not begins or not isinstance(after, Literal) or not after.text.startswith("\n"):
            raise error_at(
                template, part.start, f"{part.slot} inside a line", r"\n before and after it, or it at the very end"
            )


def _letters(text: str) -> int:
    """Letters, of which the wide ones (Hangul, Han, kana: a syllable or more) count twice."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text if char.isalpha())
