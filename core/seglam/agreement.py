"""Whether two answers say the same, by value: "The total is **$45.00**." and "45 dollars".

An answer is searched for the value it ends in; where that is not certain, everything that it states must be equal, and
where it states nothing, the texts must be. Two answers that only might agree do not.
"""

import json
import math
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import partial
from typing import Any, Final

from seglam.errors import ConfigurationError
from seglam.listing import items
from seglam.quantities import Value  # noqa: TC001 - beside its siblings, for whoever reads the types at run time
from seglam.stated import Answer, Stated, find, last_sentence
from seglam.units import CURRENCIES

KINDS: Final = (
    "integer", "decimal", "fraction", "money", "date", "time", "option", "list", "set", "text", "json",
)  # fmt: skip
"""What an answer may be; any other kind is compared as text."""
_QUANTITIES: Final = frozenset(("integer", "decimal", "fraction", "money", "date", "time"))
_LONGEST: Final = 10_000
"""Characters of an answer that is searched for values; longer ones agree only when they are equal: the search is not linear."""
_INEXACT: Final = frozenset(("decimal", "money"))
_NOT_IMPLIED: Final = frozenset(("%", "cent", "pence"))
"""A hundredth of what the bare number would be: 5 and 5 %, 45 and 45 cents."""
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
_BOXED_OPTION: Final = re.compile(r"\\boxed\s*\{\s*(?:\\text\s*\{)?\s*\(?([A-Z])\)?\s*\}")
_REFUSED: Final = re.compile(
    r"\(?\b[A-Z]\b\)?\W*\s(?:is|are|was)\s+(?:not|wrong|incorrect|false)\b|^\W*(?:yes|no|true|false)\s+(?:and|or)\b"
    r"|\bbut\s+(?:yes|no|true|false|not)\b|\b(?:wait|oops|mistake|correction)\b|(?-i:\b[A-Z]\b\W{0,4}(?:,|and\b|or\b|&)\W{0,4}[A-Z]\b)",
    re.IGNORECASE,
)
"""A letter that is denied, and both at once."""
_VERDICT: Final = re.compile(r"\W*(yes|no|true|false)\b", re.IGNORECASE)
_SIDES: Final = tuple(
    (frozenset(one.split()), frozenset(other.split()))
    for one, other in (
        ("more greater larger higher longer older over above exceeds", "less fewer smaller lower shorter younger under below"),
        ("profit gain gains surplus", "loss losses deficit"),
        ("up rise rises rose risen increase increased increases increasing grew grow grows growth gained",
         "down fall falls fell fallen decrease decreased decreases decreasing shrank shrink drop dropped drops decline declined"),
        ("after later ahead hence", "before earlier ago behind"),
        ("most maximum", "least minimum"),
        ("north", "south"),
        ("east", "west"),
        ("cheaper", "dearer pricier"),
        ("faster early", "slower late"),
        ("credit", "debit"),
        ("includes including included with", "excludes excluding excluded without"),
        ("next tomorrow", "previous yesterday"),
    )
)  # fmt: skip
_OPPOSED: Final = tuple(
    (frozenset(one.split()), frozenset(other.split()))
    for one, other in (
        ("left", "right"),
        ("owes pays owe pay paid", "receives gets receive get received"),
        ("earned earns", "lost loses"),
    )
)
"""Sides that count only against each other: "8 apples left" says no more than "8 apples"."""
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


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far two decimals or amounts of money may lie apart; exact by default. All other kinds are always exact.

    Attributes:
        rounding: half a unit in the last decimal place of the one with fewer places, which must have one: 3.1 and 3.14, not 3.
        relative: share of the larger of the two, at least 0 and below 1.
        absolute: in the unit that both are stated in, at least 0.

    Raises:
        ConfigurationError: for any other value.
    """

    rounding: bool = False
    relative: float = 0.0
    absolute: Decimal | float = 0.0

    def __post_init__(self) -> None:
        """Refuse what is no tolerance."""
        if not isinstance(self.rounding, bool):
            raise ConfigurationError(f"Tolerance.rounding: expected True or False, got {self.rounding!r}")
        for name, kinds, most in (("relative", (int, float), 1.0), ("absolute", (int, float, Decimal), math.inf)):
            value = getattr(self, name)
            if (
                isinstance(value, bool)
                or not isinstance(value, kinds)
                or not math.isfinite(value)
                or not 0 <= value < most
            ):
                limit = "from 0 to below 1" if name == "relative" else "from 0 on"
                raise ConfigurationError(f"Tolerance.{name}: expected a number {limit}, got {value!r}")

    def allows(self, one: Fraction, other: Fraction, places: int) -> bool:
        """Whether two numbers are near enough, of which the less precise one has ``places`` decimal places."""
        off = abs(one - other)
        largest = max(abs(one), abs(other))
        half = Fraction(1, 2 * 10**places) if self.rounding and places else Fraction(0)
        return off <= max(half, Fraction(self.absolute), Fraction(self.relative) * largest)


EXACT: Final = Tolerance()


def agree(expected: str, actual: str, kind: str, *, tolerance: Tolerance = EXACT) -> bool:
    """Whether two answers say the same.

    A number without a unit agrees with the same number with one where its answer is nothing but the number; not so for
    percents and cents, which would be another number. Texts agree letter by letter; white space around them or at the ends
    of lines, the kind of line ends and Unicode composition (NFC) do not matter. The items of lists and sets are exact.

    Args:
        expected: one answer.
        actual: the other; the order does not matter.
        kind: one of KINDS.
        tolerance: for the kinds decimal and money.
    """
    if kind in _QUANTITIES:
        if _normal(expected) == _normal(actual):
            return True
        if max(len(expected), len(actual)) > _LONGEST:
            return False
        allowed = tolerance if kind in _INEXACT else EXACT
        same = _same_value(find(expected, kind), find(actual, kind), allowed)
        return same and _same_direction(expected, actual)
    if kind in ("option", "list", "set", "json"):
        one, other = final_value(expected, kind), final_value(actual, kind)
        return one == other if one and other else _normal(expected) == _normal(actual)
    return _text(expected) == _text(actual)


def differ(expected: str, actual: str, kind: str, *, tolerance: Tolerance = EXACT) -> bool:
    """Whether both answers end in a certain value and the two values are not the same. Texts are never certain."""
    one, other = final_value(expected, kind), final_value(actual, kind)
    if one is None or other is None or kind not in KINDS or kind == "text":
        return False
    if kind not in _QUANTITIES:
        return one != other
    if bool(one.unit) != bool(other.unit):
        return one.value != other.value and not tolerance.relative and not tolerance.absolute
    return not _equal(one, other, tolerance if kind in _INEXACT else EXACT)


def final_value(text: str, kind: str) -> Stated | None:
    """The value that an answer ends in, or None where none is certain."""
    if len(text) > _LONGEST:
        return None
    if kind in _QUANTITIES:
        return find(text, kind).final
    found: Value | None
    if kind == "json":
        found = _json(text)
    elif kind == "option":
        found = _option(text) or None
    elif kind in ("list", "set"):
        listed = items(text)
        found = None if listed is None else str(sorted(listed) if kind == "set" else listed)
    else:
        found = _text(text) or None
    return None if found is None else Stated(found)


def _same_direction(one: str, other: str) -> bool:
    """Whether what two answers conclude points the same way: yes or no, profit or loss, who pays whom, the weekday."""
    verdicts = [found.group(1).casefold() if (found := _VERDICT.match(text)) else "" for text in (one, other)]
    if all(verdicts) and verdicts[0] != verdicts[1]:
        return False
    left, right = (_WORD.findall(last_sentence(text)) for text in (one, other))
    days = [{word.casefold() for word in words} & _DAYS for words in (left, right)]
    return (
        not _opposed(left, right)
        and _leanings(left) == _leanings(right)
        and _roles(left, right)
        and (not all(days) or days[0] == days[1])
    )


def _leanings(words: Sequence[str]) -> list[tuple[bool, bool]]:
    said = {word.casefold() for word in words}
    return [(bool(said & one), bool(said & other)) for one, other in _SIDES]


def _opposed(left: Sequence[str], right: Sequence[str]) -> bool:
    """Whether one says only the one side and the other only the other."""
    said = [{word.casefold() for word in words} for words in (left, right)]
    sides = [[(bool(words & one), bool(words & other)) for one, other in _OPPOSED] for words in said]
    return any({x, y} == {(True, False), (False, True)} for x, y in zip(*sides, strict=True))


def _roles(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether names and pronouns that both have come in one order."""
    named = [[word for word in words if word[0].isupper()] for words in (one, other)]
    meant = [[_PRONOUNS[w] for w in map(str.casefold, words) if w in _PRONOUNS] for words in (one, other)]
    for left, right in (named, meant):
        shared = {*left} & {*right}
        if [word for word in left if word in shared] != [word for word in right if word in shared]:
            return False
    return True


def _same_value(one: Answer, other: Answer, tolerance: Tolerance) -> bool:
    same = partial(_equal, tolerance=tolerance)
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


def _equal(one: Stated, other: Stated, tolerance: Tolerance) -> bool:
    if "time" in (one.sort, other.sort) and one.sort != other.sort:
        return False
    if bool(one.unit) != bool(other.unit):
        bare, named = (other, one) if one.unit else (one, other)
        if not bare.bare or named.unit in _NOT_IMPLIED or bare.hints - {named.unit}:
            return False
        return _near(one.value, other.value, one, other, tolerance)
    if one.unit == other.unit:
        return _near(one.value, other.value, one, other, tolerance)
    if one.base[1] == other.base[1]:
        return one.base[0] == other.base[0]
    return _small_change(one, other) or _small_change(other, one)


def _near(x: Any, y: Any, one: Stated, other: Stated, tolerance: Tolerance) -> bool:
    if not (isinstance(x, Fraction) and isinstance(y, Fraction)):
        return bool(x == y)
    return x == y or tolerance.allows(x, y, min(one.places, other.places))


def _small_change(one: Stated, other: Stated) -> bool:
    """Whether a pound or some cents are the same as an amount whose currency is a pound, or has cents."""
    if one.unit == "pound":
        return other.unit in ("GBP", "lb") and one.value == other.value
    hundred = (one.unit == "cent" and other.unit in CURRENCIES - {"GBP", "JPY", "KRW", "VND", "BTC"}) or (
        one.unit == "pence" and other.unit in ("GBP", "pound")
    )
    return hundred and isinstance(other.value, Fraction) and one.value == other.value * 100


def _option(text: str) -> str:
    """The letter that is chosen, or yes, no, true, false; "" where none is certain."""
    boxed = _BOXED_OPTION.findall(text)
    verdict = _VERDICT.match(text)
    if _REFUSED.search(text) or (boxed and len({*boxed}) > 1):
        return ""
    if boxed:
        return str(boxed[0])
    for pattern in _OPTION:
        letters = {letter.upper() for letter in pattern.findall(text)}
        if letters:
            return letters.pop() if len(letters) == 1 else ""
    return verdict.group(1).casefold() if verdict else ""


def _normal(text: str) -> str:
    # "5!" is no 5, nor "3.333..." 3.333: only one full stop goes, and an exclamation mark after a word.
    return re.sub(r"(?<![.!。])[.。]$|(?<=[^\W\d])!$", "", " ".join(text.split()))


def _text(text: str) -> str:
    """A text without what no reader sees: composition, line ends, white space at the ends of lines and around it."""
    return re.sub(r"[^\S\n]+(?=\n)", "", re.sub(r"\r\n?", "\n", unicodedata.normalize("NFC", text))).strip()


def _json(text: str) -> str | None:
    try:
        return _canonical(_parse(text))
    except (ValueError, RecursionError):
        return None


def _parse(text: str) -> Any:
    """The JSON of an answer: the whole text, a fenced block, or what stands between the outermost brackets."""
    fenced = re.findall(r"```(?:json)?\s*\n(.*?)```", text, re.DOTALL)
    first = min((at for at in (text.find("["), text.find("{")) if at >= 0), default=0)
    outer = text[first : max(text.rfind("]"), text.rfind("}")) + 1]
    for part in (text, fenced[-1] if len(fenced) == 1 else "", outer):
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
