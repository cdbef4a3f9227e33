"""What the office templates are made of: the template itself, its register, and the words and formats they share."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

from benchmarks.crystal.items import Kind

Values = dict[str, str]
Draw = Callable[[random.Random], Values]
Edit = tuple[str, str, str]

CENT = Decimal("0.01")


def _words(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(";" if ";" in text else None))


FIRST = _words(
    "Ana Björn Carla Dmitri Elena Farid Greta Hugo Ines Jonas Katya Liam Mira Nadia Oscar Priya Quentin Rosa "
    "Stefan Tara Umar Vera Wendy Ximena Yusuf Zoe Aiko Boris Chloe Dalia Emil Fatima Gustav Hana Ivan Julia Kofi "
    "Lena Marco Noor Olga Pablo Rita Samir Tess Victor Anton Bella Cyril Doris"
)
LAST = _words(
    "Abbott Berger Costa Dahl Eriksen Fischer Garcia Hansen Ibrahim Jansen Keller Larsen Moreau Novak Okafor "
    "Petrov Quinn Rossi Schmidt Tanaka Urban Vogel Weber Yilmaz Zhang Adeyemi Bianchi Castro Duarte Ekström "
    "Ferrari Gruber Horvat Iwata Jovic Kaya Lindgren Mancini Nowak Olsen Park Reyes Santos Thorne Ueda Varga"
)
CITIES = _words(
    "Lisbon Oslo Turin Graz Leeds Porto Malmo Bern Lyon Gdansk Cork Ghent Zagreb Tampere Bilbao Essen Brno "
    "Utrecht Denver Austin Boise Halifax Perth Nagoya Lima Quito Accra Tunis Izmir Pune"
)
GOODS = _words(
    "stapler; desk lamp; office chair; whiteboard; notebook; toner cartridge; headset; keyboard; monitor arm; "
    "filing box; label roll; shredder; webcam; cable tray; footrest; paper tray; laptop stand; door sign; wall "
    "clock; first-aid kit"
)
FIRMS = _words(
    "Nordwind Papyra Alder Birchway Castelo Dunmore Everline Foxglove Granite Harborline Ironleaf Juniper Kestrel "
    "Lumen Marigold Northgate Oakridge Pinecrest Quarry Redstone Silverbrook Tidewater"
)


@dataclass(frozen=True, slots=True)
class Template:
    """A class of office requests.

    Attributes:
        name: The class.
        kind: How replies are compared, see `items.same`.
        phrasings: Wordings of the request with the names of the values in braces.
        draw: New values: every name in the phrasings, `v` the right reply, `others` tempting
            wrong ones between bars, `drifted` the right one after a drift, and `idle` where part of the rule does
            not matter with these values, so that a changed rule would have the same answer.
        edits: Near misses as (kind, piece of a phrasing, what stands there instead).
        relative: Names of the quantities that a near miss may state relative to another; with a star, only as a multiple.
    """

    name: str
    kind: Kind
    phrasings: tuple[str, ...]
    draw: Draw
    edits: tuple[Edit, ...]
    relative: tuple[str, ...]


REGISTER: dict[str, Template] = {}


def template(
    kind: Kind, *phrasings: str, edits: tuple[Edit, ...] = (), relative: tuple[str, ...] = ()
) -> Callable[[Draw], Draw]:
    """Register a drawing function as the template of its name."""

    def register(draw: Draw) -> Draw:
        name = draw.__name__
        REGISTER[name] = Template(name, kind, phrasings, draw, edits, relative)
        return draw

    return register


def fill(phrasing: str, values: Mapping[str, str]) -> str:
    """A phrasing with its values."""
    return phrasing.format_map(values)


class AmbiguousError(Exception):
    """The values drawn would leave the answer open to taste, so others are drawn."""


def cents(amount: Decimal) -> Decimal:
    """Rounded to the nearest cent.

    Raises:
        AmbiguousError: It lies in the middle, where habits of rounding differ.
    """
    if abs(amount * 100 % 1) == Decimal("0.5"):
        raise AmbiguousError
    return amount.quantize(CENT, ROUND_HALF_UP)


def exact(amount: Decimal) -> Decimal:
    """The amount, of whole cents, so that it does not matter whether one rounds on the way.

    Raises:
        AmbiguousError: It has a fraction of a cent.
    """
    if amount * 100 % 1:
        raise AmbiguousError
    return amount


def price(rng: random.Random, low: int, high: int) -> Decimal:
    """An amount between whole `low` and `high`: often with cents, often whole, sometimes .50 or .99."""
    base = Decimal(rng.randint(low, high - 1))
    return base + rng.choice(
        [Decimal(0), Decimal(0), Decimal("0.50"), Decimal("0.99"), Decimal(rng.randint(1, 99)) / 100]
    )


def money(amount: Decimal, sign: str = "$") -> str:
    """An amount as the replies write it: sign, thousands commas, cents."""
    return f"{'-' if amount < 0 else ''}{sign}{abs(amount):,.2f}"


def typed(rng: random.Random, amount: Decimal, sign: str = "$") -> str:
    """An amount as people type it: cents left out where they are zero, commas or none."""
    whole_amount = amount == amount.to_integral_value()
    digits = f"{amount:,.{0 if whole_amount and rng.random() < 0.7 else 2}f}"
    return sign + (digits if rng.random() < 0.6 else digits.replace(",", ""))


def count(rng: random.Random, number: int) -> str:
    """A whole number as people type it, with thousands commas or without."""
    return f"{number:,}" if rng.random() < 0.5 else str(number)


def short(number: Decimal) -> str:
    """A decimal without trailing zeros."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def plural(number: int, noun: str) -> str:
    """The number with its noun: "1 box", "2 boxes"."""
    if number == 1:
        return f"1 {noun}"
    return f"{number} {noun}{'es' if noun.endswith(('x', 's', 'ch', 'sh')) else 's'}"


def idle(*reasons: bool) -> Values:
    """The mark of values with which part of the rule does not matter; nothing where all of it does."""
    return {"idle": "yes"} if any(reasons) else {}


def person(rng: random.Random) -> str:
    """A first and a last name."""
    return f"{rng.choice(FIRST)} {rng.choice(LAST)}"


def day(rng: random.Random, first: int = 2019, last: int = 2031) -> date:
    """A day of the years from `first` to `last`."""
    start = date(first, 1, 1)
    return start + timedelta(days=rng.randrange((date(last, 12, 31) - start).days + 1))


def long_date(when: date) -> str:
    """Such as 3 May 2026."""
    return f"{when.day} {when:%B} {when.year}"


def clock(minutes: int) -> str:
    """Minutes of the day as HH:MM."""
    return f"{minutes // 60 % 24:02d}:{minutes % 60:02d}"
