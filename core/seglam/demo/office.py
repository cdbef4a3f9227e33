"""The office behind the demo's traffic: its rules, what it asks again and again, and how each answer is computed.

Amounts are whole cents and dates are explicit, so that every truth is exact. A rule that an answer depends on stands in
the request itself or in the context of its route.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from math import ceil
from random import Random
from typing import Any, Final, Literal

from seglam.demo.handbook import Route

Params = Mapping[str, Any]

SHIPPING: Final = 650
FREE_FROM: Final = 7500


@dataclass(frozen=True, slots=True)
class Truth:
    """What a right answer states.

    Attributes:
        kind: number, date, text (compared exactly), facts (all must occur), or open (nobody can say).
        value: a decimal number, an ISO date, or the text; empty for facts and open.
        unit: of a number: ``$``, ``%``, ``hours``, ``points``, or empty.
        facts: each a tuple of alternatives in lower case, one of which must occur.
    """

    kind: Literal["number", "date", "text", "facts", "open"]
    value: str = ""
    unit: str = ""
    facts: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Twist:
    """A look-alike: in the wording that contains ``old`` it becomes ``new``, and the truth is another one."""

    old: str
    new: str
    truth: Callable[[Params], Truth]


@dataclass(frozen=True, slots=True)
class Task:
    """A class of requests that keeps coming with other names and numbers.

    Attributes:
        topic: its name.
        route: the one application that asks it.
        weight: its share of the route's recurring requests, relative to the others.
        draw: draws parameters, such that every truth that can be computed from them is exact.
        truth: computes the answer.
        wordings: format strings over the parameters, each with when it may first come, from 0 to 1 of the stream.
        twists: its look-alikes.
    """

    topic: str
    route: Route
    weight: float
    draw: Callable[[Random], Params]
    truth: Callable[[Params], Truth]
    wordings: Mapping[str, float]
    twists: tuple[Twist, ...]


class Money(int):
    """An amount in cents, written ``$1,234.50``."""

    __slots__ = ()

    def __format__(self, spec: str, /) -> str:
        return f"${self // 100:,}.{self % 100:02d}"


class Clock(int):
    """A time of day in minutes after midnight, written ``08:15``."""

    __slots__ = ()

    def __format__(self, spec: str, /) -> str:
        return f"{self // 60:02d}:{self % 60:02d}"


FIRST: Final = (
    "Anna Bilal Carla Daniel Elif Farid Grace Hugo Ines Jonas Kavya Liam Maria Noah Olga Priya Quentin Rosa Samuel Uma "
    "Tomas Victor Wanda Yusuf Zoe Minjun Seoyeon Alice Bruno Chloe Derek Emma Felix Hana Ivan Julia Karim Lena Marco"
)
LAST: Final = (
    "Adams Bauer Costa Dalton Evans Fischer Garcia Haddad Ivanov Jensen Keller Lopez Moreau Nolan Okafor Park Quinn "
    "Kim Rossi Silva Tanaka Ueda Vargas Walker Young Zeller Brandt Cohen Dupont Engel Foster Gupta Hoffman Ito Jordan"
)
SUPPLIES: Final = (
    "stapler toner glue markers scissors envelopes rulers pencils erasers folders labels stamps binders chalk tape "
    "notepads calendars clips pens lamps trays punches"
)
ITEMS: Final = (
    "gel pens,notebooks,ring binders,staplers,desk trays,clipboards,mouse pads,glue sticks,rulers,sticky note pads,"
    "hole punches,card boxes,file folders,whiteboard markers,tape dispensers,index card sets,letter openers,pen holders"
)
PRODUCTS: Final = (
    "label printer,desk lamp,paper shredder,filing cabinet,laminator,standing desk,webcam,headset,monitor arm,keyboard,"
    "document scanner,space heater,desk fan,coffee maker,projector,calculator"
)
COMPANIES: Final = (
    "Harbor Dental,Linden Bakery,Northgate Law,Blue Door Studio,Mason Travel,Cedar Clinic,Kepler Optics,Violet Press,"
    "Rosewood Hotel,Tidewater Labs,Willow School,Summit Roofing,Orchard Foods,Pine Street Gym,Granite Works"
)
MEASURES: Final = (
    "Website visits,Newsletter sign-ups,Orders per week,Phone calls,Support tickets,Returned parcels,Store visitors,"
    "Printed pages,New members,Open invoices,Monthly sales,Job applications"
)
UNITS: Final = (
    ("in", "cm", "2.54"),
    ("mi", "km", "1.6"),
    ("lb", "kg", "0.45"),
    ("gal", "l", "3.8"),
    ("oz", "g", "28.35"),
    ("yd", "m", "0.9"),
    ("ft", "cm", "30.5"),
    ("st", "kg", "6.35"),
)
SHIFTS: Final = (0, 15, 30, 45)
CENTS: Final = (0, 25, 50, 75, 99)
CHANGES: Final = "2.5 4 5 7.5 8 10 12 12.5 15 16 20 22.5 24 25 30 35 40 45 50 60 75"


def _one(rng: Random, pool: str) -> str:
    return rng.choice(pool.split("," if "," in pool else None))


def name(rng: Random) -> str:
    """Draw a full name."""
    return f"{_one(rng, FIRST)} {_one(rng, LAST)}"


def _price(rng: Random, low: int = 1, high: int = 9) -> Money:
    return Money(100 * rng.randint(low, high) + rng.choice(CENTS))


def _day(rng: Random) -> date:
    return date(2025, 9, 1) + timedelta(days=rng.randrange(300))


def _money(cents: int) -> Truth:
    return Truth("number", f"{cents // 100}.{cents % 100:02d}", "$")


def _number(value: Decimal | int, unit: str = "") -> Truth:
    return Truth("number", f"{Decimal(value).normalize():f}", unit)


def _date(day: date) -> Truth:
    return Truth("date", day.isoformat())


def _order(rng: Random) -> Params:
    one, two = rng.sample(ITEMS.split(","), 2)
    counts = {"n": rng.randint(2, 12), "m": rng.randint(2, 12)}
    prices = {"price": _price(rng), "cost": _price(rng)}
    return {"name": name(rng), "number": rng.randint(20000, 89999), "one": one, "two": two, **counts, **prices}


def _goods(p: Params) -> int:
    return int(p["n"] * p["price"] + p["m"] * p["cost"])


def _shipped(p: Params) -> Truth:
    return _money(_goods(p) + (0 if _goods(p) >= FREE_FROM else SHIPPING))


def _discount(rng: Random) -> Params:
    while True:  # a discount on one piece must come out in whole cents
        price, percent = _price(rng, 2, 18), rng.choice((5, 10, 15, 20, 25, 30, 40, 50))
        if price * percent % 100 == 0:
            pieces = {"n": rng.randint(3, 24), "item": _one(rng, ITEMS)}
            return {"name": name(rng), "price": price, "percent": percent, **pieces}


def _discounted(p: Params, full: int = 0) -> Truth:
    return _money((p["n"] - full) * p["price"] * (100 - p["percent"]) // 100 + full * p["price"])


def _table(rng: Random) -> Params:
    items = rng.sample(ITEMS.split(","), rng.randint(3, 5))
    rows = tuple((item, rng.randint(1, 12), _price(rng, 1, 12)) for item in items)
    lines = "\n".join(f"| {item} | {n} | {price} |" for item, n, price in rows)
    return {"company": _one(rng, COMPANIES), "rows": rows, "lines": lines}


def _summed(rows: Sequence[tuple[str, int, Money]]) -> Truth:
    return _money(sum(n * price for _, n, price in rows))


def _bill(rng: Random) -> Params:
    while True:  # the tip on one share must come out in whole cents
        share, tip = Money(50 * rng.randint(16, 60)), rng.choice((10, 12, 15, 18, 20))
        if share * tip % 100 == 0:
            people = rng.randint(3, 9)
            meal = rng.choice(("lunch", "dinner", "breakfast", "coffee", "pizza", "farewell party"))
            return {"meal": meal, "bill": Money(share * people), "share": share, "tip": tip, "people": people}


def _invoice(rng: Random) -> Params:
    parties = {"company": _one(rng, COMPANIES), "number": f"INV-{rng.randint(1000, 9899)}"}
    return {**parties, "day": _day(rng), "term": rng.choice((7, 10, 14, 21, 30, 45, 60))}


def _due(p: Params, early: int = 0) -> Truth:
    return _date(p["day"] + timedelta(days=p["term"] - early))


def _purchase(rng: Random) -> Params:
    serial = f"{rng.choice('ABCDEFGHKMNPRSTUVWXZ')}{rng.randint(10000, 98999)}"
    return {"product": _one(rng, PRODUCTS), "serial": serial, "day": _day(rng)}


def _covered(p: Params, years: int) -> Truth:
    return _date(p["day"].replace(year=p["day"].year + years))  # _day draws no 29 February, which would raise here


def _member(rng: Random) -> Params:
    return {"name": name(rng), "number": rng.randint(20000, 89999), "amount": _price(rng, 12, 240)}


def _points(p: Params, rate: int) -> Truth:
    return _number(rate * (p["amount"] // 100), "points")


def _shift(rng: Random) -> Params:
    begin = Clock(60 * rng.randint(6, 11) + rng.choice(SHIFTS))
    end = Clock(60 * rng.randint(14, 19) + rng.choice(SHIFTS))
    weekday = rng.choice(("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"))
    return {"name": name(rng), "weekday": weekday, "begin": begin, "end": end, "rest": rng.choice((15, 30, 45, 60))}


def _worked(p: Params, rest: int) -> Truth:
    return _number(Decimal(p["end"] - p["begin"] - rest) / 60, "hours")


def _measure(rng: Random) -> Params:
    unit, target, factor = rng.choice(UNITS)
    return {"count": rng.randint(3, 98), "unit": unit, "target": target, "factor": factor}


def _converted(p: Params) -> Decimal:
    return Decimal(p["factor"]) * int(p["count"])


def _change(rng: Random) -> Params:
    while True:  # both figures are whole numbers
        before, percent = 20 * rng.randint(2, 60), Decimal(_one(rng, CHANGES)) * rng.choice((1, -1))
        after = before * (100 + percent) / 100
        if after == int(after):
            return {"what": _one(rng, MEASURES), "before": before, "after": int(after), "percent": percent}


def _untidy(rng: Random) -> Params:
    words = [_one(rng, FIRST), *rng.sample(FIRST.split(), rng.choice((0, 0, 1))), _one(rng, LAST)]
    rough = [rng.choice((str.lower, str.upper, str.swapcase))(word) for word in words]
    text = rough[0] + "".join(" " * rng.randint(1, 4) + word for word in rough[1:])
    return {"words": words, "raw": " " * rng.randint(0, 3) + text + " " * rng.randint(1, 3)}


def _surname_first(p: Params) -> Truth:
    return Truth("text", f"{p['words'][-1]}, {' '.join(p['words'][:-1])}")


def _unsorted(rng: Random) -> Params:
    words = rng.sample(SUPPLIES.split(), rng.randint(4, 7))
    return {"words": words, "list": ", ".join(words)}


def _sorted(p: Params, *, reverse: bool = False) -> Truth:
    return Truth("text", ", ".join(sorted(p["words"], reverse=reverse)))


def _phone(rng: Random) -> Params:
    parts = (str(rng.randint(201, 989)), "555", f"{rng.randint(100, 199):04d}")
    return {"parts": parts, "raw": rng.choice((".", "-", " ", "")).join(parts)}


def _dialled(p: Params, form: str) -> Truth:
    return Truth("text", form.format(*p["parts"]))


TASKS: Final[tuple[Task, ...]] = (
    Task(
        *("order total", "langchain", 1.0, _order, _shipped),
        {
            "Order {number} for {name}: {n} {one} at {price} each and {m} {two} at {cost} each. "
            "What is the total with shipping?": 0.0,
            "{name} wants {n} {one} ({price} a piece) plus {m} {two} ({cost} a piece). "
            "How much is that, including our shipping charge?": 0.2,
        },
        (
            Twist("with shipping?", "without shipping?", lambda p: _money(_goods(p))),
            Twist("charge?", "charge? We waive it for this customer.", lambda p: _money(_goods(p))),
        ),
    ),
    Task(
        *("discount", "langchain", 0.5, _discount, _discounted),
        {
            "{name} gets {percent}% off {n} {item} at {price} each. "
            "What do we charge for the goods, without shipping?": 0.0
        },
        (Twist("each. What", "each, but two of them stay at full price. What", lambda p: _discounted(p, full=2)),),
    ),
    Task(
        *("table sum", "langchain", 0.34, _table, lambda p: _summed(p["rows"])),
        {
            "Please add up this delivery note for {company}:\n\n| article | quantity | unit price |\n|---|---|---|\n"
            "{lines}\n\nWhat are the goods worth altogether?": 0.1
        },
        (Twist("altogether?", "altogether if the last line is left out?", lambda p: _summed(p["rows"][:-1])),),
    ),
    Task(
        *("bill split", "langchain", 0.26, _bill, lambda p: _money(p["share"] * (100 + p["tip"]) // 100)),
        {
            "The {meal} cost {bill}, with a {tip}% tip to be added on top. "
            "If {people} of us share it equally, what does each one pay?": 0.36
        },
        (Twist("to be added on top", "already included", lambda p: _money(p["share"])),),
    ),
    Task(
        *("working hours", "core", 1.0, _shift, lambda p: _worked(p, p["rest"])),
        {
            "{name} worked on {weekday} from {begin} to {end} with a break of {rest} minutes. "
            "How many hours of work is that? Reply with a decimal number only.": 0.0,
            "Time sheet of {name}: in {begin}, out {end}, break {rest} min. Net hours as a decimal, number only?": 0.22,
        },
        (
            Twist("with a break", "with a paid break that counts as work,", lambda p: _worked(p, 0)),
            Twist("break {rest} min.", "two breaks of {rest} min each.", lambda p: _worked(p, 2 * p["rest"])),
        ),
    ),
    Task(
        *("unit conversion", "core", 0.5, _measure, lambda p: _number(_converted(p))),
        {"Convert {count} {unit} to {target}, taking 1 {unit} = {factor} {target}. Reply with the number only.": 0.0},
        (Twist("only.", "only, rounded up to the next whole number.", lambda p: _number(ceil(_converted(p)))),),
    ),
    Task(
        *("name clean-up", "core", 0.33, _untidy, lambda p: Truth("text", " ".join(p["words"]))),
        {
            "Clean up this name: trim it, collapse repeated spaces, make the first letter of each word a capital and "
            'the others small. Reply with the name only. "{raw}"': 0.06
        },
        (Twist("Reply", "Put the last word first, with a comma after it. Reply", _surname_first),),
    ),
    Task(
        *("list sorting", "core", 0.27, _unsorted, _sorted),
        {"Sort this list alphabetically and reply with nothing but the sorted list: {list}": 0.14},
        (Twist("alphabetically", "in reverse alphabetical order", lambda p: _sorted(p, reverse=True)),),
    ),
    Task(
        *("percentage change", "core", 0.22, _change, lambda p: _number(p["percent"], "%")),
        {
            "{what} went from {before} to {after}. By how many percent did that change? "
            "Reply with the number only, negative for a decrease.": 0.4
        },
        (Twist("many percent", "many units", lambda p: _number(p["after"] - p["before"])),),
    ),
    Task(
        *("phone format", "core", 0.18, _phone, lambda p: _dialled(p, "+1 ({}) {}-{}")),
        {"Rewrite the phone number {raw} in the form +1 (AAA) BBB-CCCC and reply with the result alone.": 0.4},
        (Twist("+1 (AAA) BBB-CCCC", "+1-AAA-BBB-CCCC", lambda p: _dialled(p, "+1-{}-{}-{}")),),
    ),
    Task(
        *("invoice due date", "llamaindex", 1.0, _invoice, _due),
        {
            "Invoice {number} was issued on {day} and is payable within {term} days. When is it due?": 0.0,
            "By which date must {company} pay invoice {number}, dated {day}, on a {term}-day term?": 0.25,
        },
        (
            Twist("is payable", "is payable, the issue date being the first day,", lambda p: _due(p, early=1)),
            Twist(
                "on a {term}-day term", "on a {term}-day term that we extended by a week", lambda p: _due(p, early=-7)
            ),
        ),
    ),
    Task(
        *("warranty end", "llamaindex", 0.5, _purchase, lambda p: _covered(p, 2)),
        {"A {product} with serial number {serial} was bought on {day}. When does its warranty end?": 0.05},
        (Twist("was bought on", "was bought refurbished on", lambda p: _covered(p, 1)),),
    ),
    Task(
        *("loyalty points", "llamaindex", 0.4, _member, lambda p: _points(p, 3)),
        {"Order {number} of our member {name} came to {amount}. How many loyalty points does it earn?": 0.34},
        (Twist("our member", "our gold member", lambda p: _points(p, 6)),),
    ),
)
"""The recurring classes; each belongs to exactly one route."""
