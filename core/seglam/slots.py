"""Slot types whose text is a number, a day, a time or one of a few options; and what every slot type is made of.

A slot is read in two steps. A coarse regular expression finds where its text may stand; ``parse`` then decides strictly,
and may refuse what the expression let through (31 February). The expression must be such that, from a fixed start, the
greedy form takes the longest text that lets the rest match and the lazy form the shortest; guard.py compares the two to
notice a request that can be read in two ways. That holds for runs of a character class, for choices sorted by length,
and for alternatives that differ in their first characters. LAZY marks each variable quantifier.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from random import Random
from typing import Any, Final

import re2

Value = int | Decimal | tuple[int, int] | date | time | str | list[Any] | dict[str, Any]
"""What a slot gives; lists are list[Value] for ``list``, list[list[str]] for ``table`` and ``grid``, any for ``json``."""

LAZY: Final = "~"
_MAX_OPTIONS: Final = 64
_MAX_OPTION: Final = 200


@dataclass(frozen=True, slots=True)
class Slot:
    """One slot type with its arguments.

    Attributes:
        type: as written in a template, for example ``words(1,4)``.
        expressions: for google-re2, greedy and lazy.
        parse: text to value, or None.
        format: value to the plainest text that has it.
        sample: a random text of the type.
        closed: the text is a number, a day, or one of a few options, so that no prose can hide in it.
        spaced: the text may contain spaces.
        lines: the text is made of whole lines.
    """

    type: str
    expressions: tuple[str, str]
    parse: Callable[[str], Value | None]
    format: Callable[[Any], str]
    sample: Callable[[Random], str]
    closed: bool = False
    spaced: bool = False
    lines: bool = False

    def __str__(self) -> str:
        return self.type


def both(expression: str) -> tuple[str, str]:
    """The greedy and the lazy form of an expression whose variable quantifiers are marked."""
    return expression.replace(LAZY, ""), expression.replace(LAZY, "?")


def choice(options: Iterable[str], *, lazy: bool = False) -> str:
    """One of the options, the longest first, or the shortest: of two that begin alike the order decides."""
    return "(?:" + "|".join(re2.escape(option) for option in sorted(options, key=len, reverse=not lazy)) + ")"


def bare(name: str, argument: str | None) -> None:
    """Refuse arguments. Raises ValueError."""
    if argument is not None:
        raise ValueError(f"{name} takes no arguments: write {{slot:{name}}}")


# Numbers ---------------------------------------------------------------------------------------------------------------

_UNITS: Final = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
_TENS: Final = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_SMALL: Final = (*_UNITS.split(), "seventeen", "eighteen", "nineteen")
NUMBER_WORDS: Final[dict[str, int]] = {
    **{word: value for value, word in enumerate(_SMALL)},
    **{word: 10 * value for value, word in enumerate(_TENS, 2)},
    **{f"{ten}-{_SMALL[one]}": 10 * value + one for value, ten in enumerate(_TENS, 2) for one in range(1, 10)},
}
_DIGITS: Final = rf"[0-9]{{1,18}}{LAZY}(?:,[0-9]{{3}}){{0,5}}{LAZY}"
_SIGN: Final = rf"[+\-−]?{LAZY}"
_DECIMAL: Final = rf"{_DIGITS}(?:\.[0-9]{{1,18}}{LAZY})?{LAZY}"
# Digits are spelt out: \d would take those of other scripts. A leading zero is an identifier, not a number.
_NUMBER: Final = re.compile(r"[+\-−]?(?:0|[1-9][0-9]{0,2}(?:,[0-9]{3}){1,5}|[1-9][0-9]{0,17})(?:\.[0-9]{1,18})?")


def _number(text: str) -> Decimal | None:
    if _NUMBER.fullmatch(text) is None:
        return None
    return Decimal(text.replace(",", "").replace("−", "-"))


_THREE: Final = re.compile(rb"[+-]?[1-9][0-9]{0,2}\.[0-9]{2}([0-9])%?")
_BOTH: Final = re.compile(rb"(?<![0-9.,])[1-9][0-9]{0,2}(?:,[0-9]{3})+\.[0-9]+(?![0-9.,])")
_GROUPED: Final = re.compile(rb"(?<![0-9])[1-9][0-9]{0,2}(?:,[0-9]{3})+(?![0-9])")


def two_marks(texts: Iterable[bytes]) -> bool:
    """Whether a point may stand for thousands: 1.500 by itself, and 1.505 beside 1,000 (but not beside 1,000.50)."""
    numbers = [text for text in texts if text[-1:].isdigit() or text.endswith(b"%")]
    if any(map(_BOTH.search, numbers)):
        return False  # this text's commas and points have shown what they are
    thirds = [found[1] for text in numbers if (found := _THREE.fullmatch(text))]
    return b"0" in thirds or bool(thirds and any(map(_GROUPED.search, numbers)))


def plain(value: Decimal) -> str:
    """Without an exponent."""
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def _worded(text: str) -> str:
    """In lower case, where only the first letter is a capital."""
    return text[:1].lower() + text[1:]


def _integer(argument: str | None) -> Slot:
    bare("integer", argument)

    def parse(text: str) -> Value | None:
        if "." in text:
            return None
        number = _number(text)
        return NUMBER_WORDS.get(_worded(text)) if number is None else int(number)

    def sample(rng: Random) -> str:
        value = rng.choice((rng.randrange(100), rng.randrange(1000), rng.randrange(10**7)))
        word = next((word for word, number in NUMBER_WORDS.items() if number == value), str(value))
        return rng.choice((str(value), f"{value:,}", word, f"-{value}"))

    expression = rf"{_SIGN}{_DIGITS}|[A-Za-z][a-z]{{2,8}}{LAZY}(?:-[a-z]{{3,5}}{LAZY})?{LAZY}"
    return Slot("integer", both(expression), parse, str, sample, closed=True)


def _sample_number(rng: Random) -> str:
    return rng.choice((str(rng.randrange(1000)), f"{rng.randrange(10**6) / 100:,.2f}", f"{rng.randrange(100)}.5"))


def _decimal(argument: str | None) -> Slot:
    bare("decimal", argument)
    return Slot("decimal", both(_SIGN + _DECIMAL), _number, plain, _sample_number, closed=True)


_CURRENCIES: Final = {
    "$": ("USD", "dollar", "dollars"),
    "€": ("EUR", "euro", "euros"),
    "£": ("GBP",),  # pounds are a weight as well
    "¥": ("JPY", "yen"),
    "₩": ("KRW", "won"),
}
# Three decimals are another country's thousands: €1.234 must not be read as one euro and a bit.
_AMOUNT: Final = re.compile(r"(?:0|[1-9][0-9]{0,2}(?:,[0-9]{3}){1,5}|[1-9][0-9]{0,17})(?:\.[0-9]{1,2})?")


def _money(argument: str | None) -> Slot:
    sign = "$" if argument is None else argument
    if sign not in _CURRENCIES:
        raise ValueError(f"money takes one currency sign, one of {' '.join(_CURRENCIES)}: write {{slot:money(€)}}")
    before, after = (sign, f"{_CURRENCIES[sign][0]} "), tuple(f" {name}" for name in _CURRENCIES[sign])
    after = (*after, "€", " €") if sign == "€" else after

    def parse(text: str) -> Value | None:
        leads = [lead for lead in before if text.startswith(lead)]
        tails = [tail for tail in after if text.endswith(tail)]
        if len(leads) + min(len(tails), 1) != 1:
            return None  # no currency at all, or two
        amount = text[len(leads[0]) :] if leads else text[: -max(map(len, tails))]
        return Decimal(amount.replace(",", "")) if _AMOUNT.fullmatch(amount) else None

    def sample(rng: Random) -> str:
        amount = rng.choice((f"{rng.randrange(1, 10_000):,}", f"{rng.randrange(10**6) / 100:,.2f}"))
        return rng.choice((f"{sign}{amount}", rng.choice(before) + amount, amount + rng.choice(after)))

    expression = rf"{choice(before)}{_DECIMAL}|{_DECIMAL}{choice(after)}"
    lazy = rf"{choice(before, lazy=True)}{_DECIMAL}|{_DECIMAL}{choice(after, lazy=True)}"
    expressions = (both(expression)[0], both(lazy)[1])
    return Slot(f"money({sign})", expressions, parse, lambda v: sign + plain(v), sample, closed=True, spaced=True)


def _percent(argument: str | None) -> Slot:
    bare("percent", argument)
    tails = ("%", " %", " percent", " per cent")

    def parse(text: str) -> Value | None:
        tail = max((tail for tail in tails if text.endswith(tail)), key=len, default=None)
        return None if tail is None else _number(text[: -len(tail)])

    expressions = both(rf"{_SIGN}{_DECIMAL}{choice(tails)}")

    def sample(rng: Random) -> str:
        return _sample_number(rng) + rng.choice(tails)

    return Slot("percent", expressions, parse, lambda v: plain(v) + "%", sample, closed=True, spaced=True)


_VULGAR: Final = {
    "½": (1, 2),
    "⅓": (1, 3),
    "⅔": (2, 3),
    "¼": (1, 4),
    "¾": (3, 4),
    "⅕": (1, 5),
    "⅖": (2, 5),
    "⅗": (3, 5),
    "⅘": (4, 5),
    "⅙": (1, 6),
    "⅚": (5, 6),
    "⅐": (1, 7),
    "⅛": (1, 8),
    "⅜": (3, 8),
    "⅝": (5, 8),
    "⅞": (7, 8),
    "⅑": (1, 9),
    "⅒": (1, 10),
}
_PARTS: Final = {
    word: below
    for below, words in enumerate(
        ["half", "third", "quarter fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"], 2
    )
    for word in words.split()
} | {"twelfth": 12}
_RATIO: Final = re.compile(r"([0-9]{1,9})/([1-9][0-9]{0,8})")


def _fraction(argument: str | None) -> Slot:
    bare("fraction", argument)
    counts = {"a": 1, **{word: number for number, word in enumerate(_SMALL[1:13], 1)}}
    counts |= {word.capitalize(): number for word, number in counts.items()}
    several = {"halves" if part == "half" else f"{part}s": below for part, below in _PARTS.items()}
    alone = {"half": (1, 2), "Half": (1, 2), **_VULGAR}

    def parse(text: str) -> Value | None:
        ratio = _RATIO.fullmatch(text)
        if ratio is not None:
            return int(ratio[1]), int(ratio[2])
        count, _, part = text.replace("-", " ", 1).partition(" ")
        above = counts.get(count, 0)
        below = (_PARTS if above == 1 else several).get(part)
        return (above, below) if above and below else alone.get(text)

    def sample(rng: Random) -> str:
        above = rng.choice(list(counts))
        part = rng.choice(list(_PARTS if counts[above] == 1 else several))
        words = f"{above}{rng.choice(' -')}{part}"
        return rng.choice((f"{rng.randrange(1, 20)}/{rng.randrange(1, 20)}", rng.choice(list(alone)), words))

    number = rf"[0-9]{{1,9}}{LAZY}/[0-9]{{1,9}}{LAZY}|{choice(alone)}|{choice(counts)}[ -]"
    parts = [choice([*_PARTS, *several], lazy=lazy) for lazy in (False, True)]
    expressions = (both(number)[0] + parts[0], both(number)[1] + parts[1])
    return Slot("fraction", expressions, parse, lambda v: f"{v[0]}/{v[1]}", sample, closed=True, spaced=True)


# Days and times --------------------------------------------------------------------------------------------------------

_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November"),
    "December",
)
_MONTH: Final = {
    **{name: number for number, name in enumerate(_MONTHS, 1)},
    **{name[:3]: number for number, name in enumerate(_MONTHS, 1)},
    "Sept": 9,
}
_ISO: Final = re.compile(r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})")
_DAY: Final = r"(?P<day>[0-9]{1,2})(?P<nth>st|nd|rd|th)?"
_DAY_FIRST: Final = re.compile(rf"{_DAY} (?:of )?(?P<month>[A-Z][a-z]+),? (?P<year>[0-9]{{4}})")
_MONTH_FIRST: Final = re.compile(rf"(?P<month>[A-Z][a-z]+) {_DAY},? (?P<year>[0-9]{{4}})")
_SLASHED: Final = {
    "mdy": re.compile(r"(?P<month>[0-9]{1,2})/(?P<day>[0-9]{1,2})/(?P<year>[0-9]{4})"),
    "dmy": re.compile(r"(?P<day>[0-9]{1,2})/(?P<month>[0-9]{1,2})/(?P<year>[0-9]{4})"),
}


def _ordinal(day: int) -> str:
    return "th" if 10 < day % 100 < 14 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")  # noqa: PLR2004 - 11th-13th


def _date(argument: str | None) -> Slot:
    if argument not in (None, *_SLASHED):
        raise ValueError("date takes nothing, mdy or dmy (how 03/04/2026 is to be read)")
    forms = (_ISO, _DAY_FIRST, _MONTH_FIRST, *([_SLASHED[argument]] if argument else []))

    def parse(text: str) -> Value | None:
        found = next((found for form in forms if (found := form.fullmatch(text))), None)
        if found is None:
            return None
        parts = found.groupdict()
        month = int(parts["month"]) if parts["month"].isdigit() else _MONTH.get(parts["month"], 0)
        day = int(parts["day"])
        if parts.get("nth") not in (None, _ordinal(day)):
            return None
        try:
            return date(int(parts["year"]), month, day)
        except ValueError:
            return None

    def sample(rng: Random) -> str:
        day = date(rng.randint(1950, 2050), rng.randint(1, 12), rng.randint(1, 28))
        month = _MONTHS[day.month - 1]
        slashed = {"mdy": f"{day.month}/{day.day}/{day.year}", "dmy": f"{day.day}/{day.month}/{day.year}"}
        return rng.choice(
            (
                *(day.isoformat(), f"{day.day} {month} {day.year}", f"{month[:3]} {day.day}, {day.year}"),
                *(f"{month} {day.day}{_ordinal(day.day)}, {day.year}", slashed.get(argument or "", day.isoformat())),
            )
        )

    # No date is the beginning of another, so greedy and lazy need not differ.
    expression = r"[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{1,2}(?:st|nd|rd|th)? (?:of )?[A-Z][a-z]{2,8},? [0-9]{4}"
    expression += r"|[A-Z][a-z]{2,8} [0-9]{1,2}(?:st|nd|rd|th)?,? [0-9]{4}"
    expression += r"|[0-9]{1,2}/[0-9]{1,2}/[0-9]{4}" if argument else ""
    name = f"date({argument})" if argument else "date"
    return Slot(name, (expression, expression), parse, lambda v: v.isoformat(), sample, closed=True, spaced=True)


_TIME: Final = re.compile(r"([0-9]{1,2})(?::([0-9]{2})(?::([0-9]{2}))?)?(?: ?([AaPp])(?:[Mm]|\.m\.))?")
_NOON: Final = 12


def _time(argument: str | None) -> Slot:
    bare("time", argument)

    def parse(text: str) -> Value | None:
        found = _TIME.fullmatch(text)
        if found is None or (found[2] is None and found[4] is None):
            return None
        hour = int(found[1])
        if found[4] is not None:
            if not 1 <= hour <= _NOON:
                return None
            hour = hour % _NOON + (_NOON if found[4] in "Pp" else 0)
        try:
            return time(hour, int(found[2] or 0), int(found[3] or 0))
        except ValueError:
            return None

    def sample(rng: Random) -> str:
        hour, minute = rng.randrange(24), rng.randrange(60)
        half = "AM" if hour < _NOON else "PM"
        clock = f"{hour % _NOON or _NOON}"
        return rng.choice((f"{hour:02d}:{minute:02d}", f"{clock}:{minute:02d} {half}", f"{clock}{half.lower()}"))

    seconds = rf"[0-9]{{1,2}}{LAZY}(?::[0-9]{{2}}(?::[0-9]{{2}})?{LAZY})?{LAZY}"
    expression = rf"{seconds}(?: ?{LAZY}[AaPp](?:[Mm]|\.m\.))?{LAZY}"
    return Slot("time", both(expression), parse, lambda v: v.isoformat(), sample, closed=True, spaced=True)


# Choices ---------------------------------------------------------------------------------------------------------------


def _options(argument: str) -> list[str]:
    r"""The parts between the bars; a backslash takes the next character as it is, and \n is a newline."""
    options, characters = [""], iter(argument)
    for char in characters:
        if char == "|":
            options.append("")
        elif char == "\\":
            escaped = next(characters, "\\")
            options[-1] += "\n" if escaped == "n" else escaped
        else:
            options[-1] += char
    return options


def _oneof(argument: str | None) -> Slot:
    options = _options(argument or "")
    if not 1 < len(options) <= _MAX_OPTIONS or len(set(options)) < len(options):
        raise ValueError(f"oneof takes 2 to {_MAX_OPTIONS} different texts with | between them: oneof(cat|dog)")
    if any(not option.strip() or option != option.strip() or len(option) > _MAX_OPTION for option in options):
        raise ValueError(f"each text of oneof has 1 to {_MAX_OPTION} characters and no space at its ends")
    known = frozenset(options)

    def parse(text: str) -> Value | None:
        return text if text in known else None

    def sample(rng: Random) -> str:
        return rng.choice(options)

    expressions, spaced = (choice(options), choice(options, lazy=True)), any(" " in option for option in options)
    return Slot(f"oneof({argument})", expressions, parse, str, sample, closed=True, spaced=spaced)


CLOSED: Final[Mapping[str, Callable[[str | None], Slot]]] = {
    "integer": _integer,
    "decimal": _decimal,
    "money": _money,
    "percent": _percent,
    "fraction": _fraction,
    "date": _date,
    "time": _time,
    "oneof": _oneof,
}
"""Builders by name: from the text between the brackets, None without brackets. They raise ValueError."""
