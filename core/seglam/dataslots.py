"""Slot types that carry data: lists, tables, grids, JSON, expressions, quotations, free text; and every type by its name.

Data is typed as far as it has a type: the items of a list, the cells of a grid, the brackets of an expression. What is left
over is no data, and refused. See slots.py for how expression and parser divide the work.
"""

import csv
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from random import Random
from typing import Any, Final

from seglam.slots import CLOSED, LAZY, Slot, Value, bare, both
from seglam.symbolslots import SYMBOLS
from seglam.textslots import VOCABULARY, WORDS

MAX_TEXT: Final = 20_000
MAX_ITEMS: Final = 500
_MAX_ITEM: Final = 200
_MAX_QUOTED: Final = 1000
_BLOCK: Final = 4000
_BOUNDED: Final = 200  # up to here a length is counted by the expression itself, beyond by the parser

_QUOTES: Final = {'"': '"', "“": "”", "‘": "’", "'": "'", "«": "»", "「": "」"}


def _quoted(argument: str | None) -> Slot:
    bare("quoted", argument)

    def parse(text: str) -> Value | None:
        if not 2 < len(text) <= _MAX_QUOTED + 2 or _QUOTES.get(text[0]) != text[-1]:  # noqa: PLR2004 - the two marks
            return None
        inside = text[1:-1]
        return None if any(char in inside for char in (text[0], text[-1], "\n", "\r", "\0")) else inside

    def sample(rng: Random) -> str:
        left = rng.choice(list(_QUOTES))
        return left + " ".join(rng.choices([*VOCABULARY, "17", "e=mc²"], k=rng.randint(1, 5))) + _QUOTES[left]

    # No quotation is the beginning of another, so greedy and lazy need not differ.
    expression = "|".join(f"{left}[^{left}{right}\\x00\n\r]+{right}" for left, right in _QUOTES.items())
    return Slot("quoted", (expression, expression), parse, _in_quotes, sample, spaced=True)


def _in_quotes(value: str) -> str:
    left = next((left for left, right in _QUOTES.items() if left not in value and right not in value), '"')
    return left + value + _QUOTES[left]


_THOUSANDS: Final = re.compile(r"[+\-−]?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?")
_SPACED: Final = re.compile(r"[+\-−]?[0-9]+(?:\.[0-9]+)?(?: [+\-−]?[0-9]+(?:\.[0-9]+)?)+")
_SPACED_THOUSANDS: Final = re.compile(r"[+\-−]?[0-9]{1,3}(?: [0-9]{3})+(?:\.[0-9]+)?")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_JOINING: Final = re.compile(r"(?<!\S)(?:and|or|nor|but|&)(?!\S)")
_BULLETS: Final = ("- ", "* ", "• ")
_NUMERIC: Final = ("integer", "decimal", "percent", "money")
_ITEMS: Final = {
    **dict.fromkeys(_NUMERIC, r"[0-9A-Za-z,.+\-−%$€£¥₩*• \[\]\n]"),
    **dict.fromkeys(
        ("word", "words", "name"), r"[^\x00-\x09\x0b-\x1f\x21\x23-\x25\x28-\x29\x2b./\x3a-\x40\x5c\x5e\x60\x7b-\x7f]"
    ),
    **dict.fromkeys(("quoted", "text"), r"[^\x00-\x09\x0b-\x1f\x7f]"),
}


def _split(text: str, *, numeric: bool) -> list[str] | None:
    """The items as texts: in brackets, one a line, or separated by commas and a last "and"; None when that is not sure."""
    if text.startswith("[") and text.endswith("]") and "\n" not in text:
        return None if numeric and _THOUSANDS.fullmatch(text[1:-1]) else _bracketed(text[1:-1])
    if numeric and _SPACED.fullmatch(text):
        return None if _SPACED_THOUSANDS.fullmatch(text) else text.split(" ")
    if "\n" in text:
        lines = text.split("\n")
        bullet = next((bullet for bullet in _BULLETS if lines[0].startswith(bullet)), "")
        return [line[len(bullet) :] for line in lines] if all(line.startswith(bullet) for line in lines) else None
    head, joined, last = text.rpartition(" and ")
    head = head.removesuffix(",") if joined else last
    if numeric and _THOUSANDS.fullmatch(head):
        return None  # 1,234 is one number or two
    items = head.split(", " if ", " in head else ",")
    items += [last] if joined else []
    sure = not any("," in item or _JOINING.search(item) for item in items)
    return items if sure else None


def _bracketed(inside: str) -> list[str] | None:
    """The items between brackets: all in the same quotation marks, which are taken off, or none."""
    if not inside:
        return []
    mark = inside[0]
    if mark in "'\"":
        items = inside[1:-1].split(f"{mark}, {mark}" if f"{mark}, {mark}" in inside else f"{mark},{mark}")
        return items if len(inside) > 1 and inside[-1] == mark and not any(mark in item for item in items) else None
    items = inside.split(", " if ", " in inside else ",")
    return None if any(char in item for item in items for char in '"[],') else items


def _list(argument: str | None) -> Slot:
    given = argument or "words(1,6)"
    kind = given.partition("(")[0]
    if kind not in _ITEMS:
        raise ValueError(f"list takes the type of its items, one of {', '.join(_ITEMS)}: list(integer)")
    if kind == "text" and given != kind:
        raise ValueError(f"the items of list(text) take no arguments; each has at most {_MAX_ITEM} characters")
    numeric = kind in _NUMERIC
    item = None if given == "text" else slot_type("words(1,6)" if given == "words" else given)

    def read(text: str, *, bare_quotation: bool) -> Value | None:
        if item is not None and not bare_quotation:
            return item.parse(text)
        return text if 0 < len(text) <= _MAX_ITEM and text == text.strip() and not _CONTROL.search(text) else None

    def parse(text: str) -> Value | None:
        parts = _split(text, numeric=numeric) if len(text) <= MAX_TEXT else None
        if parts is None or len(parts) > MAX_ITEMS:
            return None
        # Between brackets the quotation marks are off already.
        bare_quotation = kind == "quoted" and text[:2] in ("['", '["')
        values = [read(part, bare_quotation=bare_quotation) for part in parts]
        return None if None in values else values

    def write(value: Any) -> str:
        parts = [part if item is None else item.format(part) for part in value]
        line = ", ".join(parts)
        return next((text for text in (line, f"[{line}]") if parse(text) == value), "\n".join(parts))

    def sample(rng: Random) -> str:
        count = rng.randint(2, 6)
        parts = [rng.choice(VOCABULARY) if item is None else item.sample(rng) for _ in range(count)]
        parts = [part.replace(",", "") for part in parts] if numeric else parts
        series = f"{', '.join(parts[:-1])}{rng.choice(('', ','))} and {parts[-1]}"
        forms = [", ".join(parts), series, "\n".join(parts), "- " + "\n- ".join(parts), f"[{', '.join(parts)}]"]
        forms += [" ".join(parts)] if numeric else []
        return rng.choice([form for form in forms if parse(form) is not None] or forms)

    return Slot(f"list({given})", both(f"{_ITEMS[kind]}+{LAZY}"), parse, write, sample, spaced=True)


def _table(argument: str | None) -> Slot:
    bare("table", argument)

    def parse(text: str) -> Value | None:
        lines = text.split("\n")
        if len(text) > MAX_TEXT or not 2 <= len(lines) <= MAX_ITEMS + 2 or "\r" in text:  # noqa: PLR2004 - header, a row
            return None
        rows = _markdown(lines) if lines[0].startswith("|") else _separated(lines)
        if rows is None or not 2 <= len(rows) <= MAX_ITEMS + 1 or any(len(row) != len(rows[0]) for row in rows):  # noqa: PLR2004
            return None
        header = rows[0]
        return None if len(header) < 2 or not all(header) or len(set(header)) < len(header) else list(rows)  # noqa: PLR2004

    def sample(rng: Random) -> str:
        header = rng.sample(VOCABULARY, rng.randint(2, 4))
        rows = [header, *([str(rng.randrange(1000)) for _ in header] for _ in range(rng.randint(1, 5)))]
        return rng.choice((_as_markdown(rows), *("\n".join(mark.join(row) for row in rows) for mark in (",", "\t"))))

    expression = rf"[^\x00\n\r]+{LAZY}(?:\n[^\x00\n\r]+{LAZY})+{LAZY}"
    return Slot("table", both(expression), parse, _as_markdown, sample, spaced=True, lines=True)


def _as_markdown(rows: Any) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([*lines[:1], "|" + "---|" * len(rows[0]), *lines[1:]]) if rows else ""


def _markdown(lines: list[str]) -> list[list[str]] | None:
    bare_lines = [line.strip() for line in lines]
    if any(len(line) < 2 or line[0] != "|" or line[-1] != "|" or "\\" in line for line in bare_lines):  # noqa: PLR2004 - |...|
        return None  # a backslash may hide a bar
    rows = [[cell.strip() for cell in line[1:-1].split("|")] for line in bare_lines]
    rule = rows.pop(1)
    return rows if all(re.fullmatch(r":?-+:?", cell) for cell in rule) and len(rule) == len(rows[0]) else None


def _separated(lines: list[str]) -> list[list[str]] | None:
    mark = "\t" if "\t" in lines[0] else ","
    try:
        rows = list(csv.reader(lines, delimiter=mark, strict=True, skipinitialspace=True))
    except csv.Error:
        return None
    return [[cell.strip() for cell in row] for row in rows]


def _most(name: str, argument: str | None, default: int | None) -> int:
    if argument is None and default is not None:
        return default
    most = int(argument) if argument and re.fullmatch(r"[0-9]{1,5}", argument) else 0
    if not 1 <= most <= MAX_TEXT:
        raise ValueError(f"{name} takes the greatest number of characters, at most {MAX_TEXT}: {name}(200)")
    return most


def _free(name: str, most: int, *, lines: bool) -> Slot:
    """At most so many characters of anything."""

    def parse(text: str) -> Value | None:
        return text if 0 < len(text) <= most and "\0" not in text else None

    def sample(rng: Random) -> str:
        words = " ".join(rng.choices([*VOCABULARY, "3.5", "(x", "é?"], k=rng.randint(1, 12)))
        return words[:most].strip()

    expression = rf"[^\x00]{{1,{most}}}{LAZY}" if most <= _BOUNDED else rf"[^\x00]+{LAZY}"
    return Slot(f"{name}({most})", both(expression), parse, str, sample, spaced=True, lines=lines)


def _block(argument: str | None) -> Slot:
    return _free("block", _most("block", argument, _BLOCK), lines=True)


def _text(argument: str | None) -> Slot:
    return _free("text", _most("text", argument, None), lines=False)


TYPES: Final[Mapping[str, Callable[[str | None], Slot]]] = {
    **CLOSED,
    **WORDS,
    **SYMBOLS,
    "quoted": _quoted,
    "list": _list,
    "table": _table,
    "block": _block,
    "text": _text,
}
"""Every slot type: builders by name."""


@lru_cache(maxsize=1024)
def slot_type(text: str) -> Slot:
    """The slot type that ``text`` names, such as ``integer`` or ``list(words(1,3))``.

    Raises:
        ValueError: for no such type, or wrong arguments; the message says what was expected.
    """
    name, bracket, rest = text.partition("(")
    if bracket and not rest.endswith(")"):
        raise ValueError("the arguments of a type end with ) just before the closing }")
    build = TYPES.get(name)
    if build is None:
        raise ValueError(f"there is no type {name[:40]!r}; expected one of {', '.join(TYPES)}")
    return build(rest[:-1] if bracket else None)
