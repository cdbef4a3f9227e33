"""Other values for a slot, near those that were seen: what the free inputs of the gate are made of."""

import re
from collections.abc import Callable, Sequence
from datetime import date, time, timedelta
from decimal import Decimal
from random import Random
from typing import Any, Final

from seglam.evidence import kind_of
from seglam.slots import Slot, Value

_FACTORS: Final = (Decimal("0.1"), Decimal("0.5"), Decimal(2), Decimal(3), Decimal(10))
_STEPS: Final = (-2, -1, 1, 2)
_DAYS: Final = (-366, -31, -7, -1, 1, 2, 7, 28, 30, 59, 365)
_MINUTES: Final = (-75, -30, -15, -1, 1, 15, 45, 90, 301)
_DAY: Final = 24 * 60
_FIGURE: Final = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,6})?")
_FEW: Final = 3
_TRIALS: Final = 8


def varied(slot: Slot, value: Value, pool: Sequence[Value], rng: Random) -> str:
    """The text of another value for a slot; of the same one where nothing else was found.

    Args:
        slot: its type.
        value: what stands there.
        pool: values that the slot was seen with.
        rng: decides.
    """
    for _ in range(_TRIALS):
        try:
            other = rng.choice(pool) if pool and rng.random() < 1 / _FEW else _other(slot, value, rng)
            text = slot.format(other)
            read = slot.parse(text)
        except (TypeError, ValueError, AttributeError, ArithmeticError, LookupError):
            continue
        if read is not None and read != value:
            return text
    return slot.format(value)


def _other(slot: Slot, value: Any, rng: Random) -> Any:
    change = next((change for kind, change in _CHANGES if isinstance(value, kind)), None)
    if change is not None:
        return change(value, rng)
    if kind_of(slot.type) in ("text", "block", "quoted"):
        return scrambled(value, rng)
    return slot.parse(slot.sample(rng))


def _integer(value: int, rng: Random) -> int:
    scaled = int(value * rng.choice(_FACTORS))
    return rng.choice((value + rng.choice(_STEPS), scaled, rng.randint(0, 2 * abs(value) + 2)))


def _fraction(value: tuple[int, int], rng: Random) -> tuple[int, int]:
    return rng.randint(1, max(1, value[1])), max(2, value[1] + rng.choice(_STEPS))


def _date(value: date, rng: Random) -> date:
    """Another day near by; often one where calendars are difficult: the end of a month, of a year, of February."""
    year = value.year + rng.choice(_STEPS)
    leap = value.year - value.year % 4
    edges = (date(year, 12, 31), date(year, 1, 31), date(year, 2, 28), date(leap, 2, 29), date(leap, 3, 1))
    return rng.choice((value + timedelta(days=rng.choice((*_DAYS, rng.randint(-400, 400)))), rng.choice(edges)))


def _time(value: time, rng: Random) -> time:
    minutes = (value.hour * 60 + value.minute + rng.choice(_MINUTES)) % _DAY
    return time(minutes // 60, minutes % 60, value.second)


def _decimal(value: Decimal, rng: Random) -> Decimal:
    """Another number with as many decimals."""
    unit = Decimal(1).scaleb(min(int(value.as_tuple().exponent), 0))
    drawn = unit * rng.randint(1, max(2, int(2 * abs(value) / unit)))
    return rng.choice((value * rng.choice(_FACTORS), value + unit * rng.choice(_STEPS), drawn)).quantize(unit)


def _items(value: list[Any], rng: Random) -> list[Any]:
    """A list or a table in another order, with fewer or with changed items; the header of a table stays."""
    head, items = (value[:1], value[1:]) if value and isinstance(value[0], list) else ([], list(value))
    match rng.randrange(_FEW):
        case 0:
            rng.shuffle(items)
        case 1 if len(items) > 1:
            items.pop(rng.randrange(len(items)))
        case _ if items:
            items[rng.randrange(len(items))] = _item(rng.choice(items), rng)
    return head + items


def _item(value: Any, rng: Random) -> Any:
    if isinstance(value, list):
        return [scrambled(cell, rng) if _FIGURE.search(cell) else cell for cell in value]
    if isinstance(value, str):
        return scrambled(value, rng)
    return _decimal(Decimal(value), rng) if isinstance(value, Decimal) else value + rng.choice(_STEPS)


_CHANGES: Final[tuple[tuple[type, Callable[[Any, Random], Any]], ...]] = (
    (int, _integer),
    (Decimal, _decimal),
    (tuple, _fraction),
    (date, _date),
    (time, _time),
    (list, _items),
)


def scrambled(text: str, rng: Random) -> str:
    """Free data with one thing changed: a number, the order or the number of its lines or words."""
    choices: list[Callable[[str, Random], str]] = [_renumbered] if _FIGURE.search(text) else []
    choices += [_reordered] if _mark(text) in text else []
    return rng.choice(choices)(text, rng) if choices else text[::-1]


def _renumbered(text: str, rng: Random) -> str:
    found = rng.choice([*_FIGURE.finditer(text)])
    number = _decimal(Decimal(found[0]), rng)
    return f"{text[: found.start()]}{abs(number):f}{text[found.end() :]}"


def _mark(text: str) -> str:
    """What stands between the parts of a text: lines, or else words."""
    return "\n" if "\n" in text else " "


def _reordered(text: str, rng: Random) -> str:
    mark = _mark(text)
    parts = text.split(mark)
    first, second = rng.sample(range(len(parts)), 2)
    match rng.randrange(_FEW):
        case 0:
            parts.pop(first)
        case 1:
            parts[first] = parts[second].swapcase()  # equal but for its capitals
        case _:
            parts[first], parts[second] = parts[second], parts[first]
    return mark.join(parts)
