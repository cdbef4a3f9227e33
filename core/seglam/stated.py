"""What an answer states: the value that it ends in, found in a long reply, and every other value with its unit.

A final value is certain when it is set off (boxed, after ####, after "answer:", in bold), when the answer states only one,
or when the last sentence concludes with one. Everything else is not certain, and what is not certain does not agree.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Final

from seglam.quantities import Token, Value, measure, scan
from seglam.units import BASE, CURRENCIES, PARTS, UNITS, canonical_unit

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
_LIST: Final = frozenset([*"^:,;+-*/×–—±÷%", "and", "or", "to", "plus", "minus", "times", "over", "in", "per"])
_VALUES: Final = frozenset(("number", "ordinal", "date", "time", "code"))
_NOT: Final = re.compile(r"\b(?:not|cannot|never|neither|nor|un(?:able|defined)|impossible)\b|n['’]t\b", re.IGNORECASE)
_COUNTABLE: Final = frozenset(("number", "ordinal", "code"))
_PER: Final = frozenset(("per", "/", "a", "an", "each", "every"))
_SYMBOLIC: Final = re.compile(
    r"\\[A-Za-z]{2,}|[√∛π±∞≠≤≥]|(?<=[\dxyzn)])\s*\^|(?<![-=])[<>]=?\s*[-\d$]|\b(?:sqrt|log|ln|sin|cos|tan|pi)\b|\d\.{3}|\d…"
    r"|\d/[xyzn]\b|\d\+(?!\s*\d)|\d\s+i\b(?!\w)|\d\s*BCE?\b"
)
"""An expression, a bound, or digits without end: the number in it is not the answer."""
_REASON: Final = re.compile(r",?\s+(?:since|because|given that|as)\s")
"""What follows is not the claim."""
_FACTORIAL: Final = re.compile(r"\W*\d+!\W*")
_TAKEN_BACK: Final = re.compile(
    r"\b(?:wait|mistake|correction|actually|sorry|oops|apologi[sz]e|wrong|incorrect|instead|rather)\b", re.IGNORECASE
)
_ONE_PART: Final = re.compile(
    r"\bone[- ](half|third|quarter|fourth|fifth|sixth|seventh|eighth|ninth|tenth)\b", re.IGNORECASE
)
_POWER: Final = {"square": "^2", "squared": "^2", "sq": "^2", "cubic": "^3", "cubed": "^3"}
_SPEED: Final = {"km/h": "kmh", "mile/h": "mph"}
_NATION: Final = {
    "us": "USD", "american": "USD", "canadian": "CAD", "australian": "AUD", "singapore": "SGD", "mexican": "MXN", "swiss": "CHF",
    "british": "GBP", "indian": "INR", "japanese": "JPY", "chinese": "CNY",
}  # fmt: skip
_SMALLER: Final = {"h": ("min", "s"), "min": ("s",), "day": ("h", "min"), "week": ("day",), "year": ("month",), "kg": ("g",),
                   "km": ("m",), "m": ("cm", "mm"), "cm": ("mm",), "l": ("ml",), "decade": ("year",), "g": ("mg",)}  # fmt: skip
"""What may follow a quantity as its smaller part: 3 hours 20 minutes."""
_CENTS: Final = frozenset(("USD", "EUR", "CAD", "AUD"))
_GLUED: Final = re.compile(r"(?<=\d)(?=(?:[a-zµ]{1,3}/[a-z]{1,4}|[a-z]{1,2}[²³])(?!\w))")
_HOURS: Final = {"noon": "12:00 PM", "midday": "12:00 PM", "midnight": "00:00"}
_LATEX: Final = tuple(
    (re.compile(pattern), instead)
    for pattern, instead in (
        (r"\\[dt]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}", r" \1/\2"),
        (r"\\(?:text|mathrm|mathbf|textbf|operatorname)\s*\{([^{}]*)\}", r"\1"),
        (r"(?<=\d)\^\{?\\circ\}?|(?<=\d)\\%", lambda match: "%" if "%" in match.group() else "°"),
        (r"\{,\}|\\!", lambda match: "," if match.group() == "{,}" else ""),
        (r"\\[,;: ]|~|\\(?:left|right|displaystyle)\b|\\[()\[\]]", " "),
        (r"\^\s*\{?\\circ\}?", "°"),
        (r"\\(?:times|cdot)\b", "×"),
        (r"\\approx\b", "≈"),
        (r"\\(?:Rightarrow|implies|to|rightarrow)\b", "→"),
        (r"\\q?quad\b|</?[A-Za-z]{1,6}>", " "),
        (r"\$\$(.+?)\$\$", r"\1"),
        (r"(?<![\\\w$])\$(?=\S)(?=[^$\n]*[\\=^_{}])([^$\n]*\S)\$(?!\d)", r"\1"),
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
        value: a Fraction, (year, month, day), a letter, a text, or JSON and lists in canonical form.
        unit: canonical unit or currency, "" where none is stated.
        base: value and unit after exact conversion, so that 5 km is 5000 m.
        places: digits behind the decimal point, as written.
        sort: number, ordinal, date, time, code, or "" for what is no quantity.
        bare: nothing else was said: no unit, no word; a bare number may be meant in the other answer's unit.
        hints: the units that the same number carries elsewhere in the answer.
    """

    value: Value
    unit: str = ""
    base: tuple[Value, str] = (Fraction(0), "")
    places: int = 0
    sort: str = ""
    bare: bool = False
    hints: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Answer:
    """What was found: every value, the final one if it is certain, and the one that a cue points at if it is not."""

    stated: tuple[Stated, ...]
    final: Stated | None
    pointed: Stated | None
    negated: bool


@dataclass(frozen=True, slots=True)
class _Piece:
    """A value in a text: the tokens from ``start`` to ``end``, and the word or sign before them."""

    stated: Stated
    before: str
    start: int
    end: int


def find(text: str, kind: str) -> Answer:
    """The values that an answer states, and the final one."""
    text = plain(text)
    every = _stated(text)
    marked = marked_part(text)
    last = _REASON.split(last_sentence(text))[0]
    marked = None if marked is None else _REASON.split(marked)[0]
    scope = (text if len(every) == 1 else last) if marked is None else marked
    if _SYMBOLIC.search(_BOXED.sub("", scope)) or _FACTORIAL.fullmatch(text):
        return Answer((), None, None, negated(scope))
    if marked is not None and _TAKEN_BACK.search(text.rpartition(marked)[2]):
        return Answer((), None, None, negated(marked))
    if marked is not None:
        certain = _certain(marked, kind)
        final = _bared(certain, marked, every) if certain else None
        return Answer(_stated(marked), final, final or _pointed(marked, kind), negated(marked))
    if len(every) == 1:
        sole = _bared(every[0], text, every) if _fits(every[0], kind) else None
        return Answer(every, sole, None, negated(last))
    certain = _certain(last, kind)
    if certain and (_CONCLUDES.search(last) or certain in _results(text)):
        return Answer(every, certain, certain, negated(last))
    return Answer(every, None, _pointed(last, kind), negated(last))


def negated(text: str) -> bool:
    """Whether a text denies something."""
    return bool(_NOT.search(text))


def plain(text: str) -> str:
    """Without LaTeX: fractions as a/b, text as text, no mathematics signs around numbers."""
    for pattern, instead in _LATEX:
        if pattern is not _LATEX[0][0] or "frac" in text:
            text = _replace(pattern, instead, text)
    return text


def last_sentence(text: str) -> str:
    """The last sentence or line with a word in it."""
    sentences = [part for part in _SENTENCE.split(text.strip()) if part.strip(" *_.")]
    return sentences[-1] if sentences else ""


def marked_part(text: str) -> str | None:
    """The part that is set off as the answer: boxed, after ####, after "answer:", or the only bold value."""
    for pattern in (_BOXED, _HASHES, _ANSWER):
        found = pattern.findall(text)
        if found:
            return str(found[-1])
    bold = [inside for _, inside in _BOLD.findall(text) if any(char.isdigit() for char in inside)]
    return bold[0] if len(bold) == 1 and not bold[0].rstrip().endswith(":") else None


def without_markdown(text: str) -> str:
    """Without Markdown, so that "**45** km" reads "45 km"; a bare product sign stays."""
    return re.sub(r"\*\*|__|`|(?<=\s)\*(?=\w)|(?<=\w)\*(?=\s|$)", "", text)


def _bared(stated: Stated, text: str, every: Sequence[Stated]) -> Stated:
    """With the mark "bare" where the text is nothing but this number."""
    tokens = [token for token in _tokens(text) if token.kind != "punct"]
    if stated.unit or stated.sort != "number" or len(tokens) != 1:
        return stated
    return replace(stated, bare=True, hints=frozenset(s.unit for s in every if s.unit and s.value == stated.value))


def _certain(text: str, kind: str) -> Stated | None:
    """The only value of a text, or the last one if it follows the only equals sign."""
    inside, results = _stated(text), _results(text)
    alone = len(inside) == 1 or (len(results) == 1 == text.count("=") and inside[-1] == results[0])
    return inside[-1] if alone and _fits(inside[-1], kind) else None


def _results(text: str) -> list[Stated]:
    """The values that directly follow an equals sign."""
    return [piece.stated for piece in _pieces(_tokens(text)) if piece.before == "="]


def _pointed(text: str, kind: str) -> Stated | None:
    """The only value that directly follows "is", "=" or ":", unless it begins a list, a range or a longer quantity."""
    tokens = _tokens(text)
    pieces = _pieces(tokens)
    found = [n for n, piece in enumerate(pieces) if piece.before in _CUE]
    if len(found) != 1 or not _fits(pieces[found[0]].stated, kind):
        return None
    piece, later = pieces[found[0]], pieces[found[0] + 1 :]
    between = {token.text.casefold() for token in tokens[piece.end :] if token.kind not in _VALUES}
    adjacent = bool(later) and later[0].start == piece.end
    return None if later and (adjacent or between & _LIST) else piece.stated


def _stated(text: str) -> tuple[Stated, ...]:
    return tuple(piece.stated for piece in _pieces(_tokens(text)))


def _tokens(text: str) -> tuple[Token, ...]:
    spelled = _ONE_PART.sub(lambda found: f"1/{PARTS[found.group(1).casefold()]}", text)
    return scan(_GLUED.sub(" ", without_markdown(spelled)))


def _pieces(tokens: Sequence[Token]) -> list[_Piece]:
    """Every value with all of its unit; "3 hours 20 minutes" is one."""
    pieces: list[_Piece] = []
    n = 0
    while n < len(tokens):
        token = tokens[n]
        if token.kind == "word" and token.text.casefold() in _HOURS:
            token = scan(_HOURS[token.text.casefold()])[0]
        if token.kind not in _VALUES:
            n += 1
            continue
        unit, end = _unit(tokens, n)
        piece = _Piece(_of(token, unit), tokens[n - 1].text.casefold() if n else "", n, end)
        joined = _joined(pieces[-1], piece, tokens) if pieces else None
        pieces[-1:] = [joined] if joined else [*pieces[-1:], piece]
        n = end
    return pieces


def _joined(larger: _Piece, smaller: _Piece, tokens: Sequence[Token]) -> _Piece | None:
    """One quantity of two: 3 hours and 20 minutes."""
    between = [token.text.casefold() for token in tokens[larger.end : smaller.start]]
    one, other = larger.stated, smaller.stated
    if between == ["and"] and one.unit in _CENTS and other.unit == "cent" and not one.places:
        whole, cents = one.value, other.value
        assert isinstance(whole, Fraction)
        assert isinstance(cents, Fraction)
        amount = whole + (cents if whole >= 0 else -cents) / 100
        return replace(larger, stated=replace(one, value=amount, base=(amount, one.unit), places=2), end=smaller.end)
    if between not in ([], ["and"], [","]) or other.unit not in _SMALLER.get(one.unit, ()):
        return None
    (x, unit), (y, _) = one.base, other.base
    assert isinstance(x, Fraction)
    assert isinstance(y, Fraction)
    total = x + (y if x >= 0 else -y)
    stated = replace(one, value=total / BASE[other.unit][0], unit=other.unit, base=(total, unit), places=other.places)
    return replace(larger, stated=stated, end=smaller.end)


def _unit(tokens: Sequence[Token], n: int) -> tuple[str, int]:
    """(unit, position after it) of the value at n: as read, to a power, per another unit, of another nation."""
    token = tokens[n]
    words = [following.text for following in tokens[n + 1 : n + 4]] + [""] * 3
    low = [word.casefold() for word in words]
    unit, end = token.unit, n + 1
    if token.kind == "time" and re.fullmatch(r"(?!AM|PM)[A-Z]{2,5}", words[0]):
        return words[0], n + 2  # the time zone
    if token.kind != "number":
        return unit, end
    if not unit and low[0] in _NATION and UNITS.get(low[1]) in CURRENCIES:
        unit, end = _NATION[low[0]], n + 3
    elif not unit and low[0] in _POWER and canonical_unit(words[1]):
        unit, end = canonical_unit(words[1]) + _POWER[low[0]], n + 3
    elif not unit and low[0] == "nautical" and low[1] in ("mile", "miles"):
        unit, end = "nautical mile", n + 3
    elif not unit and re.fullmatch(r"[A-Z]{3}", words[0]) and tokens[n + 1].glue != "-":
        unit, end = words[0], n + 2
    elif unit in CURRENCIES and re.fullmatch(r"[A-Z]{3}", words[0]) and (UNITS.get(low[0]) or unit) in CURRENCIES:
        unit, end = UNITS.get(low[0], words[0]), n + 2
    elif unit and low[0] in _POWER:
        unit, end = unit + _POWER[low[0]], n + 2
    elif unit and low[0] == "^" and low[1] in ("2", "3"):
        unit, end = f"{unit}^{low[1]}", n + 3
    return _rate(tokens, unit, end) if unit else (unit, end)


def _rate(tokens: Sequence[Token], unit: str, end: int) -> tuple[str, int]:
    """The unit with what it is counted per: km per hour, $/kg, m/s."""
    words = [following.text for following in tokens[end : end + 2]] + ["", ""]
    if words[0] and tokens[end].glue == "/":
        words, step = ["/", words[0]], 1
    else:
        step = 2
    below = "s" if words[1].casefold() in ("second", "s") else canonical_unit(words[1])
    if words[0].casefold() not in _PER or not below:
        return unit, end
    end += step
    if end + 1 < len(tokens) and tokens[end].text == "^" and tokens[end + 1].text in ("2", "3"):
        below, end = f"{below}^{tokens[end + 1].text}", end + 2
    elif end < len(tokens) and tokens[end].text.casefold() in _POWER:
        below, end = below + _POWER[tokens[end].text.casefold()], end + 1
    return _SPEED.get(f"{unit}/{below}", f"{unit}/{below}"), end


def _of(token: Token, unit: str) -> Stated:
    value: Value = token.value
    if token.kind == "code" and re.fullmatch(r"\d+/\d+", token.text) and not re.search(r"/0+$", token.text):
        value = Fraction(token.text)
    base, measured = (value, unit) if unit != token.unit else measure(token)[1:]
    if isinstance(value, Fraction) and not isinstance(base, Fraction):
        base = value
    decimals = re.search(r"\.(\d+)", token.text)
    return Stated(value, unit, (base, measured), len(decimals.group(1)) if decimals else 0, token.kind)


def _fits(stated: Stated, kind: str) -> bool:
    if kind == "time":
        return stated.sort == "time"
    if kind == "date":
        return stated.sort in ("date", "code")
    return (
        stated.sort in _COUNTABLE
        and isinstance(stated.value, Fraction)
        and (kind != "integer" or stated.value.denominator == 1)
    )


def _replace(pattern: re.Pattern[str], instead: Any, text: str) -> str:
    previous = None
    while previous != text:  # fractions and text may be nested; every pass removes a backslash or a brace
        previous, text = text, pattern.sub(instead, text)
    return text
