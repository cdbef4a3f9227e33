"""Whether two answers say the same, by value: "The total is **$45.00**." and "45 dollars".

An answer is searched for the value it ends in; where that is not certain, everything that it states must be equal, and
where it states nothing, the texts must be. Two answers that only might agree do not.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import partial
from itertools import pairwise
from typing import Any, Final

from seglam.quantities import Token, Value, measure, scan

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
_VERDICT: Final = re.compile(r"\W*(yes|no|true|false)\b", re.IGNORECASE)
_SIDES: Final = tuple(
    (frozenset(one.split()), frozenset(other.split()))
    for one, other in (
        ("more greater larger higher longer older over above exceeds", "less fewer smaller lower shorter younger under below"),
        ("profit gain gains surplus earned", "loss losses deficit lost"),
        ("up rise rises rose risen increase increased increases increasing grew grow grows growth gained",
         "down fall falls fell fallen decrease decreased decreases decreasing shrank shrink drop dropped drops decline declined"),
        ("after later ahead hence", "before earlier ago behind"),
        ("most maximum max", "least minimum min"),
        ("left", "right"),
        ("north", "south"),
        ("east", "west"),
        ("owes pays owe pay paid", "receives gets receive get received"),
        ("cheaper", "dearer pricier"),
        ("faster early", "slower late"),
        ("credit", "debit"),
        ("includes including included with", "excludes excluding excluded without"),
        ("am a.m.", "pm p.m."),
    )
)  # fmt: skip
_DAYS: Final = frozenset("monday tuesday wednesday thursday friday saturday sunday".split())  # noqa: SIM905 - words read better so
_PRONOUNS: Final = {
    **{word: word for word in ("i", "you", "he", "she", "we", "they")},
    "him": "he",
    "her": "she",
    "me": "i",
    "us": "we",
    "them": "they",
}
_WORD: Final = re.compile(r"[^\W\d_]+(?:['’.-][^\W\d_]+)*")
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


def agree(expected: str, actual: str, kind: str, *, rounding: bool = False) -> bool:
    """Whether two answers say the same.

    Args:
        expected: one answer.
        actual: the other; the order does not matter.
        kind: integer, decimal, fraction, date, option, text or json; any other kind is compared as text.
        rounding: decimals may differ by half a unit in the last place of the less precise one. Default: exact.
    """
    if kind == "json":
        return _same_json(expected, actual)
    if kind == "option":
        one, other = _option(expected), _option(actual)
        return one == other if one and other else _normal(expected) == _normal(actual)
    if kind in ("integer", "decimal", "fraction", "date"):
        if _normal(expected) == _normal(actual):
            return True
        same = _same_value(_find(expected, kind), _find(actual, kind), rounding=rounding)
        return same and _same_direction(expected, actual)
    return expected.strip() == actual.strip()


def final_value(text: str, kind: str) -> Stated | None:
    """The value that an answer ends in, or None where none is certain."""
    if kind == "json":
        try:
            return Stated(_canonical(_parse(text)))
        except ValueError:
            return None
    if kind == "option":
        option = _option(text)
        return Stated(option) if option else None
    if kind in ("integer", "decimal", "fraction", "date"):
        found = _find(text, kind)
        return found.final
    return Stated(text.strip()) if text.strip() else None


def _same_direction(one: str, other: str) -> bool:
    """Whether what two answers conclude points the same way: yes or no, profit or loss, who pays whom, the weekday."""
    verdicts = [found.group(1).casefold() if (found := _VERDICT.match(text)) else "" for text in (one, other)]
    if all(verdicts) and verdicts[0] != verdicts[1]:
        return False
    left, right = (_WORD.findall(_last_sentence(text)) for text in (one, other))
    days = [{word.casefold() for word in words} & _DAYS for words in (left, right)]
    return _leanings(left) == _leanings(right) and _roles(left, right) and (not all(days) or days[0] == days[1])


def _leanings(words: Sequence[str]) -> list[tuple[bool, bool]]:
    said = {word.casefold() for word in words}
    return [(bool(said & one), bool(said & other)) for one, other in _SIDES]


def _roles(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether names and pronouns that both have come in one order."""
    named = [[word for word in words if word[0].isupper()] for words in (one, other)]
    meant = [[_PRONOUNS[w] for w in map(str.casefold, words) if w in _PRONOUNS] for words in (one, other)]
    for left, right in (named, meant):
        shared = {*left} & {*right}
        if [word for word in left if word in shared] != [word for word in right if word in shared]:
            return False
    return True


def _same_value(one: _Answer, other: _Answer, *, rounding: bool) -> bool:
    same = partial(_equal, rounding=rounding)
    if one.negated != other.negated:
        return False
    if one.final and other.final:
        return same(one.final, other.final)
    if not one.stated or not other.stated:
        return False
    if one.final or other.final:
        left, right = one.final or one.pointed, other.final or other.pointed
        return left is not None and right is not None and same(left, right)
    return len(one.stated) == len(other.stated) and all(map(same, one.stated, other.stated))


def _equal(one: Stated, other: Stated, *, rounding: bool) -> bool:
    if bool(one.unit) != bool(other.unit):
        return False
    if one.unit and other.unit and one.unit != other.unit and one.base[1] != other.base[1]:
        return {one.unit, other.unit} in ({"GBP", "pound"}, {"lb", "pound"}) and one.value == other.value
    x, y = (one.base[0], other.base[0]) if one.unit and other.unit else (one.value, other.value)
    if x == y:
        return True
    if not (rounding and isinstance(x, Fraction) and isinstance(y, Fraction)) or one.unit != other.unit:
        return False
    places = min(one.places, other.places)
    return places > 0 and abs(_number(one) - _number(other)) <= Fraction(1, 2 * 10**places)


def _number(stated: Stated) -> Fraction:
    assert isinstance(stated.value, Fraction)
    return stated.value


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


def _option(text: str) -> str:
    """The letter that is chosen, or yes, no, true, false; "" where none is certain."""
    verdict = _VERDICT.match(text)
    for pattern in _OPTION:
        letters = {letter.upper() for letter in pattern.findall(text)}
        if letters:
            return letters.pop() if len(letters) == 1 else ""
    return verdict.group(1).casefold() if verdict else ""


def _normal(text: str) -> str:
    return re.sub(r"[\s.!。]+$", "", " ".join(text.split()))


def _same_json(one: str, other: str) -> bool:
    try:
        return _canonical(_parse(one)) == _canonical(_parse(other))
    except (ValueError, RecursionError):
        return _normal(one) == _normal(other)


def _parse(text: str) -> Any:
    """The JSON of an answer: the whole text, a fenced block, or what stands between the outermost brackets."""
    fenced = re.findall(r"```(?:json)?\s*\n(.*?)```", text, re.DOTALL)
    outer = re.search(r"[\[{].*[\]}]", text, re.DOTALL)
    for part in (text, fenced[-1] if len(fenced) == 1 else "", outer.group() if outer else ""):
        try:
            return json.loads(part, parse_float=Decimal, parse_constant=_refuse, object_pairs_hook=_unique)
        except ValueError:
            continue
    raise ValueError("no JSON in the answer")


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a key twice")
    return dict(pairs)


def _canonical(value: Any) -> str:
    """One text for equal JSON: keys sorted, numbers by value, true never 1."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(key)}:{_canonical(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_canonical, value)) + "]"
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return str(Fraction(value))
    return json.dumps(value)
