"""Ways of writing one value, bound or negation, brought to one form before what a question states is compared.

Each entry is a mechanism of the language, not a phrase: "2-hour" is two hours, "with no" is without, and "once I have paid"
counts nothing. What is rewritten here is only compared; texts are kept and shown as they were written.
"""

import re
from collections.abc import Callable
from typing import Final

from seglam.units import SMALL, TENS

_SPOKEN: Final = "|".join(sorted({*SMALL, *TENS}, key=len, reverse=True))
_TIME: Final = r"second|minute|hour|day|night|week|month|year"
_LENGTH: Final = r"mile|kilometre|kilometer|metre|meter|foot|inch|litre|liter"
_UNITS_OF_TIME: Final = {"daily": "day", "hourly": "hour", "weekly": "week", "monthly": "month"} | dict.fromkeys(
    ("yearly", "annual", "annually"), "year"
)
_OFTEN: Final = re.compile(
    rf"\b(each|every|per)\s+({_TIME}|morning|evening)\b|\b({'|'.join(_UNITS_OF_TIME)})\b", re.IGNORECASE
)

_Instead = str | Callable[[re.Match[str]], str]


def _range(match: re.Match[str]) -> str:
    """2025-26 as 2025/26: a tax year, a season; no other pair of numbers."""
    following = (int(match[1]) + 1) % 100 == int(match[2])
    return f"{match[1]}/{match[2]}" if following else match[0]


_IDIOMS: Final[tuple[tuple[re.Pattern[str], _Instead], ...]] = tuple(
    (re.compile(pattern, re.IGNORECASE), instead)
    for pattern, instead in (
        # "at 17" is an age too: so an age is a number without a unit
        (rf"(?<![\w.,/-])(\d+|{_SPOKEN})[- ](?:years?|yrs?)[- ](?:olds?|of age)\b", r"aged \1"),
        (r"(?<![\w.,/-])(\d+) ?yo\b", r"aged \1"),
        (rf"(?<![\w.,/-])(\d+|{_SPOKEN})-({_TIME}|{_LENGTH})(?:-(?=old)|\b(?!-))", r"\1 \2 "),
        (r"\b(20\d\d)[-–](\d\d)\b(?![-–/.\d])", _range),
        (r"\b(?:US|U\.S\.|American) dollars?\b", "USD"),
        (r"\bCanadian dollars?\b", "CAD"),
        (r"\bAustralian dollars?\b", "AUD"),
        (r"\b(?:pounds? sterling|British pounds?)\b", "GBP"),
        (r"\bonce (?=(?:i|you|we|he|she|it|they|the|my|your|our|their|his|her|this|that|\d+)(?:[ '’]|\b))", "after "),
        (r"\bwith no (?!more|less|later|fewer|longer|one\b)", "without "),
        (r"\bno\. ?(?=\d)", "number "),
        (r"\bbigger than\b", "larger than"),
    )
)


def plain(text: str) -> str:
    """A text in which one thing is written in one way."""
    for pattern, instead in _IDIOMS:
        text = pattern.sub(instead, text)
    return text


def often(text: str) -> tuple[frozenset[str], frozenset[str]]:
    """How often something is: the units of time after "each" or "every", and those of all rates ("per month", "monthly")."""
    found = [match.groups() for match in _OFTEN.finditer(text)]
    rates = {(unit or "").lower() or _UNITS_OF_TIME[adverb.lower()] for _, unit, adverb in found}
    every = {unit.lower() for word, unit, _ in found if word and word.lower() != "per"}
    return frozenset(every), frozenset(rates)
