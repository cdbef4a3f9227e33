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
_Idiom = tuple[str, re.Pattern[str], _Instead]


def _range(match: re.Match[str]) -> str:
    """2025-26 as 2025/26: a tax year, a season; no other pair of numbers."""
    following = (int(match[1]) + 1) % 100 == int(match[2])
    return f"{match[1]}/{match[2]}" if following else match[0]


_IDIOMS: Final[tuple[_Idiom, ...]] = tuple(
    (sign, re.compile(pattern, re.IGNORECASE), instead)
    for sign, pattern, instead in (
        # "at 17" is an age too: so an age is a number without a unit
        ("old", rf"(?<![\w.,/-])(\d+|{_SPOKEN})[- ](?:years?|yrs?)[- ]olds?\b", r"aged \1"),
        ("of age", rf"(?<![\w.,/-])(\d+|{_SPOKEN}) (?:years?|yrs?) of age\b", r"aged \1"),
        ("yo", r"(?<![\w.,/-])(\d+) ?yo\b", r"aged \1"),
        ("-", rf"(?<![\w.,/-])(\d+|{_SPOKEN})-({_TIME}|{_LENGTH})(?:-(?=old)|\b(?!-))", r"\1 \2 "),
        ("20", r"\b(20\d\d)[-–](\d\d)\b(?![-–/.\d])", _range),
        ("dollar", r"\b(?:US|U\.S\.|American) dollars?\b", "USD"),
        ("canadian dollar", r"\bcanadian dollars?\b", "CAD"),
        ("australian dollar", r"\baustralian dollars?\b", "AUD"),
        ("pound", r"\b(?:pounds? sterling|British pounds?)\b", "GBP"),
        (
            "once ",
            r"\bonce (?=(?:i|you|we|he|she|it|they|the|my|your|our|their|his|her|this|that|\d+)(?:[ '’]|\b))",
            "after ",
        ),
        ("with no ", r"\bwith no (?!more|less|later|fewer|longer|one\b)", "without "),
        ("no.", r"\bno\. ?(?=\d)", "number "),
        ("bigger than", r"\bbigger than\b", "larger than"),
    )
)
"""What a text must hold for a pattern to be tried, the pattern, and what it becomes."""
_SIGNS_OF_RATES: Final = ("each", "every", "per ", *_UNITS_OF_TIME)


def plain(text: str) -> str:
    """A text in which one thing is written in one way."""
    low = text.casefold()
    for sign, pattern, instead in _IDIOMS:
        if sign in low:
            text = pattern.sub(instead, text)
    return text


def often(text: str) -> tuple[frozenset[str], frozenset[str]]:
    """How often something is, in units of time: after "each" or "every", and of all rates ("per month", "monthly").

    Args:
        text: in small letters.
    """
    if not any(sign in text for sign in _SIGNS_OF_RATES):
        return frozenset(), frozenset()
    found = [match.groups() for match in _OFTEN.finditer(text)]
    rates = {unit or _UNITS_OF_TIME[adverb] for _, unit, adverb in found}
    return frozenset(unit for word, unit, _ in found if word and word != "per"), frozenset(rates)
