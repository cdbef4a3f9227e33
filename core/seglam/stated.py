"""What an answer states: the value that it ends in, found in a long reply, and every other value with its unit.

A final value is certain when it is set off (boxed, after ####, after "answer:", in bold), when the answer states only one,
or when the last sentence concludes with one. Everything else is not certain, and what is not certain does not agree.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from typing import Any, Final

from seglam.quantities import Token, Value, measure, scan
from seglam.units import BASE, canonical_unit

_BOXED: Final = re.compile(r"\\boxed\s*\{((?:[^{}]|\{[^{}]*\})*)\}")
_HASHES: Final = re.compile(r"####\s*([^\n]+)")
_ANSWER: Final = re.compile(
    r"\b(?:final\s+)?(?:answer|result)\b\**\s*(?:\([^)]*\))?\s*(?:is|=|:|would be|comes to)+\s*\**\s*:?\s*"
    r"([^\n]+?)(?:[.!]?\s*(?:\n|$)|[.!]\s)",
    re.IGNORECASE,
)
_BOLD: Final = re.compile(r"(\*\*|__)(?=\S)(.+?)(?<=\S)\1")
_CONCLUDES: Final = re.compile(
    r"=|\b(?:so|therefore|thus|hence|total|totals|altogether|overall|finally|in all|equals?|sum|answer|result)\b",
    re.IGNORECASE,
)
_CUE: Final = frozenset(
    [
        "=",
        "is",
        "are",
        "was",
        "were",
        "equals",
        "equal",
        "be",
        ":",
        "costs",
        "cost",
        "total",
        "totals",
        "≈",
        "→",
        "gives",
    ]
)
_LIST: Final = frozenset(["and", "or", ",", ";", "to", "-", "–", "—", "±", "+", "*", "/", "×", "plus", "minus"])
_VALUES: Final = frozenset(("number", "ordinal", "date", "time", "code"))
_NOT: Final = re.compile(r"\b(?:not|cannot|never|neither|nor|un(?:able|defined)|impossible)\b|n['’]t\b", re.IGNORECASE)
_LATEX: Final = tuple(
    (re.compile(pattern), instead)
    for pattern, instead in (
        (r"\\[dt]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}", r" \1/\2"),
        (r"\\(?:text|mathrm|mathbf|textbf|operatorname)\s*\{([^{}]*)\}", r"\1"),
        (r"\{,\}|\\!", lambda match: "," if match.group() == "{,}" else ""),
        (r"\\[,;: ]|~|\\(?:left|right|displaystyle)\b|\\[()\[\]]", " "),
        (r"\^\s*\{?\\circ\}?", "°"),
        (r"\\times\b", "×"),
        (r"\$\$(.+?)\$\$", r"\1"),
        (r"(?<![\\\w$])\$(?=[^$\n]*[\\=^_{}])([^$\n]+)\$", r"\1"),
        (r"(?<![\\\w$])\$(-?[\d.,/]+)\$(?![\d\w])", r"\1"),
        (r"\\([$%&#_{}])", r"\1"),
    )
)
_OPTION: Final = tuple(
    re.compile(pattern)
    for pattern in (
        r"^\W*([A-Z])\W*$",
        r"(?i:\b(?:option|choice|answer)\b)\W*(?i:is|:)?\W*(?i:option|choice)?\W*\(?\b([A-Z])\b\)?(?=\s*(?:[).,:;!*\]]|$|\n|because))",
        r"(?:^|\n)\W*\(?([A-Z])[).:](?=\s|$|\*)",
        r"\(([A-Za-z])\)",
        r"\*\*\s*([A-Z])\s*\*\*",
    )
)
_SENTENCE: Final = re.compile(r"(?<=[.!?。])\s+(?=\S)|\n+")


@dataclass(frozen=True, slots=True)
class Stated:
    """The value that an answer ends in.

    Attributes:
        value: a Fraction, (year, month, day), a letter, a text, or parsed JSON in canonical form.
        unit: canonical unit or currency, "" where none is stated.
        base: value and unit after exact conversion, so that 5 km is 5000 m.
        places: digits behind the decimal point, as written.
    """

    value: Value
    unit: str = ""
    base: tuple[Value, str] = (Fraction(0), "")
    places: int = 0


@dataclass(frozen=True, slots=True)
class _Answer:
    """What was found: every value, the final one if it is certain, and the one that a cue points at if it is not."""

    stated: tuple[Stated, ...]
    final: Stated | None
    pointed: Stated | None
    negated: bool


def _find(text: str, kind: str) -> _Answer:
    for pattern, instead in _LATEX:
        if pattern is not _LATEX[0][0] or "frac" in text:
            text = _replace(pattern, instead, text)
    every = _stated(text, kind)
    negated = bool(_NOT.search(_last_sentence(text)))
    marked = _marked(text)
    if marked is not None:
        certain = _certain(marked, kind)
        return _Answer(_stated(marked, kind), certain, certain or _pointed(marked, kind), bool(_NOT.search(marked)))
    if len(every) == 1:
        return _Answer(every, every[0] if _fits(every[0], kind) else None, None, negated)
    last = _last_sentence(text)
    certain = _certain(last, kind)
    if certain and (_CONCLUDES.search(last) or certain in _results(text, kind)):
        return _Answer(every, certain, certain, negated)
    return _Answer(every, None, _pointed(last, kind), negated)


def _certain(text: str, kind: str) -> Stated | None:
    """The only value of a text, or the last one if it follows the only equals sign."""
    inside = _stated(text, kind)
    results = _results(text, kind)
    alone = len(inside) == 1 or (len(results) == 1 == text.count("=") and inside[-1] == results[0])
    return inside[-1] if alone and _fits(inside[-1], kind) else None


def _results(text: str, kind: str) -> list[Stated]:
    """The values that directly follow an equals sign."""
    tokens = scan(_plain(text))
    pairs = pairwise(tokens)
    return [_of(token, kind) for before, token in pairs if before.text == "=" and token.kind in _VALUES]


def _replace(pattern: re.Pattern[str], instead: Any, text: str) -> str:
    previous = None
    while previous != text:  # fractions and text may be nested; every pass removes a backslash or a brace
        previous, text = text, pattern.sub(instead, text)
    return text


def _marked(text: str) -> str | None:
    """The part that is set off as the answer: boxed, after ####, after "answer:", or the only bold value."""
    for pattern in (_BOXED, _HASHES, _ANSWER):
        found = pattern.findall(text)
        if found:
            return str(found[-1])
    bold = [inside for _, inside in _BOLD.findall(text) if any(char.isdigit() for char in inside)]
    return bold[0] if len(bold) == 1 and not bold[0].rstrip().endswith(":") else None


def _last_sentence(text: str) -> str:
    sentences = [part for part in _SENTENCE.split(text.strip()) if part.strip(" *_.")]
    return sentences[-1] if sentences else ""


def _stated(text: str, kind: str) -> tuple[Stated, ...]:
    return tuple(_of(token, kind) for token in scan(_plain(text)) if token.kind in _VALUES)


def _plain(text: str) -> str:
    """Without Markdown, so that "**45** km" reads "45 km"; a bare product sign stays."""
    return re.sub(r"\*\*|__|`|(?<=\s)\*(?=\w)|(?<=\w)\*(?=\s|$)", "", text)


def _of(token: Token, kind: str) -> Stated:
    value: Value = token.value
    if (
        token.kind == "code"
        and kind != "date"
        and re.fullmatch(r"\d+/\d+", token.text)
        and not token.text.endswith("/0")
    ):
        value = Fraction(token.text)
    _, base, unit = measure(token)
    if isinstance(value, Fraction) and not isinstance(base, Fraction):
        base = value
    decimals = re.search(r"\.(\d+)", token.text)
    return Stated(value, token.unit, (base, unit), len(decimals.group(1)) if decimals else 0)


def _fits(stated: Stated, kind: str) -> bool:
    if kind == "date":
        return not isinstance(stated.value, Fraction)
    return isinstance(stated.value, Fraction) and (kind != "integer" or stated.value.denominator == 1)


def _pointed(text: str, kind: str) -> Stated | None:
    """The only value that directly follows "is", "=" or ":", unless it is the first of a list or a range."""
    tokens = scan(_plain(text))
    found = [
        n for n, token in enumerate(tokens) if n and token.kind in _VALUES and tokens[n - 1].text.casefold() in _CUE
    ]
    if len(found) != 1:
        return None
    following = {token.text.casefold() for token in tokens[found[0] + 1 :] if token.kind not in _VALUES}
    more = any(token.kind in _VALUES for token in tokens[found[0] + 1 :])
    stated = _of(tokens[found[0]], kind)
    return None if (more and following & _LIST) or not _fits(stated, kind) else stated


