"""The items of a list that an answer states: in brackets, as bullets, one a line, or in a sentence.

Items are compared by value where they are quantities in digits ("1,000" and "1000"), letter by letter otherwise. Where it is
not certain what the list is, or where it is cut, there are no items.
"""

import re
import unicodedata
from fractions import Fraction
from typing import Final

from seglam.quantities import measure, scan
from seglam.stated import marked_part, negated, plain, without_markdown

Item = tuple[str, ...]

_BULLET: Final = re.compile(r"\s*(?:[-*•+‣–]|\(?(\d{1,3})[.)])\s+(\S.*)")
_ROUND: Final = re.compile(r"\A\(([^()\[\]]*,[^()\[\]]*)\)\Z")
_BRACKETS: Final = re.compile(r"\[[^\[\]]*\]|\{[^{}]*\}")
_QUOTED: Final = re.compile(r"""\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|“([^”]*)”)\s*(?:,|$)""")
_LEAD: Final = re.compile(
    r"(?:.*\b(?:answers?|results?|lists?|sets?|order(?:ed)?|sorted|output|words|numbers|letters|values|items|names|elements|follows"
    r"|solutions?|ascending|descending|alphabetically|are|is|be|becomes?)\b[^,;]*)",
    re.IGNORECASE | re.DOTALL,
)
_VERB: Final = re.compile(
    r"(?:(?:so|thus|therefore|hence|finally)\b,?\s+)?(?:[A-Z]\w*\s)?[^,;:\d]*\b(?:are|is|becomes?)\b:?\s+(.+)",
    re.IGNORECASE | re.DOTALL,
)
_ANSWERS: Final = re.compile(r"\b(?:final|answer|result|sorted|solution|output|therefore|so|thus)\b", re.IGNORECASE)
_NONE: Final = re.compile(
    r"\W*(?:none|nothing|empty|(?:an |the )?empty (?:list|set)|\[\s*\]|\{\s*\}|∅)\W*", re.IGNORECASE
)
_SPOKEN: Final = re.compile(r"[.!?。](?:\s|$)")
_LONGEST: Final = 8
"""Words of an item; more are a sentence."""


def items(text: str) -> tuple[Item, ...] | None:
    """The items that an answer states in their order, or None where it is not certain which they are."""
    if "~~" in text:  # struck out
        return None
    text = unicodedata.normalize("NFC", plain(text)).strip()
    if _NONE.fullmatch(text):
        return ()
    text = _ROUND.sub(r"[\1]", text)
    found = _bracketed(text)
    if found is None and not _BRACKETS.search(text):
        lines = [line for line in text.splitlines() if line.strip()]
        found = _bulleted(lines) or _by_line(lines) or _inline(lines)
    read = [_item(one) for one in found] if found is not None else [None]
    return tuple(item for item in read if item is not None) if None not in read else None


def _bracketed(text: str) -> list[str] | None:
    """The only bracketed list of the answer, or of its last line where a lead says that it is the answer."""
    every = _BRACKETS.findall(text)
    last = text.splitlines()[-1] if text else ""
    inside = _BRACKETS.findall(last)
    if not every or (len({*every}) > 1 and not (len(inside) == 1 and _ANSWERS.search(last))):
        return None
    chosen = inside[0] if len(inside) == 1 else every[-1]
    head, _, tail = text.rpartition(chosen)
    line = head.rpartition("\n")[2]
    if re.search(r"\w", tail) or negated(line) or re.search(r"[\[\]]", tail + line):
        return None  # nested, or something is said about it afterwards
    body = chosen[1:-1]
    return (_quoted(body) or _split(body, ",")) if body.strip() else []


def _quoted(body: str) -> list[str] | None:
    """The strings of a list that consists of strings; a comma inside one does not part it."""
    found, at = [], 0
    while at < len(body):
        match = _QUOTED.match(body, at)
        if match is None or match.end() == at:
            return None
        found.append('"' + next(group for group in match.groups() if group is not None) + '"')
        at = match.end()
    return found


def _bulleted(lines: list[str]) -> list[str] | None:
    """The block of bullets that the answer ends in, if it is the only one and numbered from 1 without a gap."""
    marks = [_BULLET.fullmatch(line) for line in lines]
    start = next((n + 1 for n in reversed(range(len(lines))) if marks[n] is None), 0)
    if start == len(lines) or (start and not lines[start - 1].rstrip(" *").endswith(":")):
        return None
    lead = lines[start - 1] if start else ""
    if negated(lead) or (any(marks[:start]) and not _ANSWERS.search(lead)):
        return None
    block = [mark for mark in marks[start:] if mark]
    if len({len(line) - len(line.lstrip()) for line in lines[start:]}) > 1:
        return None  # nested
    numbers = [mark.group(1) for mark in block]
    if any(numbers) and numbers != [str(n) for n in range(1, len(block) + 1)]:
        return None
    return [mark.group(2) for mark in block]


def _by_line(lines: list[str]) -> list[str] | None:
    """One item a line, after at most one lead that ends in a colon."""
    if lines and lines[0].rstrip(" *").endswith(":") and not negated(lines[0]):
        lines = lines[1:]
    odd = any(_BULLET.fullmatch(line) or _SPOKEN.search(line) or "," in line or ":" in line for line in lines)
    return lines if len(lines) > 1 and not odd else None


def _inline(lines: list[str]) -> list[str] | None:
    """The items of the last line, "a, b and c", after its lead."""
    if not lines:
        return None
    last, before = lines[-1].strip(), lines[:-1]
    marked = marked_part("\n".join(lines))
    # What "answer:" marks ends at the first full stop, which may stand inside the list.
    body, led = (
        (marked, True) if marked and "," in marked and last.rstrip(" .*").endswith(marked.strip(" .*")) else _led(last)
    )
    if negated(last) or (before and not led and not before[-1].rstrip(" *").endswith(":")):
        return None
    body = re.sub(r"[.!。]+\s*$", "", without_markdown(body).strip())
    return _parted(body) if body and not _SPOKEN.search(body) else None


def _parted(body: str) -> list[str] | None:
    """The items of a body without a lead, by the separator that it uses; "1,234" and "1 234" are one number or two."""
    if ";" in body:
        return _split(body, ";")
    if re.search(r",\s", body):
        return _split(body, r",\s+")
    if re.fullmatch(r"-?\d+(?:\.\d+)?(?:\s+-?\d+(?:\.\d+)?)+", body):
        return None if re.search(r"\d\s\d{3}\b", body) else body.split()
    return None if re.fullmatch(r"\d{1,3}(?:,\d{3})+", body) else _split(body, ",")


def _led(line: str) -> tuple[str, bool]:
    """(what follows the lead of a line, whether there is one)."""
    parts = re.split(r":\**\s+", line)
    if len(parts) == 2 and _LEAD.fullmatch(parts[0].strip(" *")):  # noqa: PLR2004 - one lead, one list
        return parts[1], True
    spoken = _VERB.fullmatch(line) if len(parts) == 1 else None
    return (spoken.group(1), True) if spoken else (line, False)


def _split(body: str, separator: str) -> list[str] | None:
    pieces = [piece.strip() for piece in re.split(separator, body)]
    if pieces and not pieces[-1]:
        pieces.pop()
    final = re.fullmatch(r"(?:and|&)\s+(.+)", pieces[-1], re.DOTALL) if pieces else None
    if final and len(pieces) > 1:
        pieces[-1] = final.group(1)
    elif pieces and not any(re.search(r"\s(?:and|&)\s", piece) for piece in pieces[:-1]):
        pieces[-1:] = re.split(r"\s+(?:and|&)\s+", pieces[-1], maxsplit=1)
    # A date's own comma parts it: "March 3, 2026" is one item, or two.
    dated = any(token.kind == "date" and "," in token.text for token in scan(body))
    cut = any(piece in ("", "...", "…", "etc", "etc.") for piece in pieces)
    return None if dated or cut else pieces


def _item(text: str) -> Item | None:
    """One item, by value where it is a quantity in digits; None for what is no item."""
    text = without_markdown(" ".join(text.split())).strip()
    bare = re.fullmatch(r"""(["'“‘])(.*)(["'”’])""", text)
    text = bare.group(2) if bare else text.rstrip(",;")
    if not bare and (not text or len(text.split()) > _LONGEST or re.search(r"…|\.\.\.|\betc\b", text)):
        return None
    tokens = scan(text)
    if len(tokens) == 1 and tokens[0].kind in ("number", "date", "time") and any(map(str.isdigit, text)):
        _, value, unit = measure(tokens[0])
        own = tokens[0].value
        return ("value", str(own if isinstance(own, Fraction) and not isinstance(value, Fraction) else value), unit)
    return ("text", text)
