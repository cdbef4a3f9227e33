"""How an exported procedure reads a request where seglam is not installed: definitions that export.py copies as they stand.

They need the standard library only, and Python's own regular expressions instead of google-re2's, which take linear time.
What a slot's text means is not decided here: the slot types' own readers are copied with them. A test holds the whole
against guard.py, request by request.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from seglam.slots import two_marks

MAX_REQUEST: Final = 20_000
"""Characters; seglam takes more, but here a long text could match slowly."""
PIECE: Final = re.compile(r"\\(.)|\{((?:\\.|[^{}\\])*)\}|([^\\{}]+)")
ESCAPES: Final = {"n": "\n", "t": "\t"}
SURROGATE: Final = re.compile("[\\ud800-\\udfff]")

Slots = Mapping[str, tuple[str, str, Callable[[str], Any]]]
"""By type as written in a template: the greedy and the lazy expression that find a slot's text, and what reads it."""


def read_pieces(template: str) -> list[list[str]]:
    """A template as pairs: literal text with "", or a slot's name with its type."""
    pieces: list[list[str]] = []
    types: dict[str, str] = {}
    for escaped, slot, literal in PIECE.findall(template):
        if slot:
            name, _, kind = (part.strip() for part in slot.partition(":"))
            pieces.append([name, kind if name == "_" else types.setdefault(name, kind)])
        elif pieces and not pieces[-1][1]:
            pieces[-1][0] += ESCAPES.get(escaped, escaped) + literal
        else:
            pieces.append([ESCAPES.get(escaped, escaped) + literal, ""])
    if not pieces[0][1]:
        pieces[0][0] = pieces[0][0].lstrip()
    if not pieces[-1][1]:
        pieces[-1][0] = pieces[-1][0].rstrip()
    return pieces


def read_pattern(template: str, slots: Slots, text: str) -> dict[str, Any] | None:
    """The slots' values, when the whole text is of the pattern and can be read in one way only."""
    pieces = read_pieces(template)
    forms = [
        re.fullmatch("".join(f"({slots[kind][form]})" if kind else re.escape(name) for name, kind in pieces), text)
        for form in (0, 1)
    ]
    if forms[0] is None or forms[1] is None or forms[0].groups() != forms[1].groups():
        return None
    values: dict[str, Any] = {}
    if two_marks([found.encode() for found in forms[0].groups()]):
        return None
    for (name, kind), found in zip([piece for piece in pieces if piece[1]], forms[0].groups(), strict=True):
        value = slots[kind][2](found)
        if value is None or (name != "_" and values.setdefault(name, value) != value):
            return None
    return values


def read_request(templates: Sequence[str], slots: Slots, text: str) -> dict[str, Any] | None:
    """The values of a request; None when no pattern accepts all of it, or two read different values from it."""
    if len(text) > MAX_REQUEST or SURROGATE.search(text):
        return None
    readings = [read_pattern(template, slots, text.strip()) for template in templates]
    found = [values for values in readings if values is not None]
    return found[0] if len({repr(sorted(values.items())) for values in found}) == 1 else None
