"""The traffic that ``seglam demo`` plays: a seeded stream of an office's requests, each with its known truth.

Recurring work with ever new names and numbers, questions to a handbook in several wordings (some of them Korean), exact
repeats, one-offs, and look-alikes that must not be served from what they resemble. The same seed and size give the same
stream in every process, so that a recorded run can be replayed.
"""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from random import Random
from typing import Final, Literal, TypeVar

from seglam.demo.handbook import FAQ, HANDBOOK, ONE_OFFS, SYSTEM, Question, Route
from seglam.demo.office import TASKS, Params, Task, Truth, Twist, name
from seglam.errors import ConfigurationError

__all__ = [
    "HANDBOOK",
    "LARGEST",
    "ROUTES",
    "SMALLEST",
    "SYSTEM",
    "Item",
    "Route",
    "Summary",
    "Truth",
    "right",
    "stream",
    "summary",
]

Flavour = Literal["recurring", "faq", "repeat", "one-off", "look-alike"]
K = TypeVar("K", bound=Hashable)

ROUTES: Final[tuple[Route, ...]] = ("langchain", "llamaindex", "core")
SMALLEST: Final = 60
"""The smallest stream: below it a flavour has less than two requests."""
LARGEST: Final = 6000
"""The largest stream: beyond it the smallest class runs out of new texts."""

_BY_TOPIC: Final = {task.topic: task for task in TASKS}
_SHARES: Final[Mapping[Flavour, float]] = {
    "recurring": 0.624,
    "faq": 0.181,
    "repeat": 0.1215,
    "one-off": 0.045,
    "look-alike": 0.0285,
}
_ASKED_BEFORE: Final = 0.49  # of the FAQ requests
_SECOND_WORDING: Final = 0.35  # of a class that has two
_KNOWN_AFTER: Final = 3  # requests of a wording before its look-alike comes: a cache has learnt it by then
_TWINS: Final = 0.5  # of the look-alikes keep all names and numbers of an earlier request, where meaning alone is blind
_CLOCK: Final = re.compile(r"\d:\d\d|\d ?[ap]\.?m|시")
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH: Final = r"(?:jan|febr?|mar|apr|jun|jul|aug|sept?|oct|nov|dec)[a-z]*|may"
_DATE: Final = re.compile(
    r"(?<!\d)(?:(?P<year1>\d{4})-(?P<month1>\d\d)-(?P<day1>\d\d)"
    rf"|(?P<day2>\d\d?)(?:st|nd|rd|th)?(?: of)? (?P<month2>{_MONTH})\.?,? (?P<year2>\d{{4}})"
    rf"|(?P<month3>{_MONTH})\.? (?P<day3>\d\d?)(?:st|nd|rd|th)?,? (?P<year3>\d{{4}}))(?!\d)",
    re.IGNORECASE,
)
_TAILS: Final[Mapping[str, tuple[str, ...]]] = {
    "$": ("usd", "dollar", "dollars"),
    "%": ("%", "percent", "per cent"),
    "hours": ("hours", "hour", "hrs", "hr", "h"),
    "minutes": ("minutes", "minute", "mins", "min"),
    "points": ("loyalty points", "points", "point", "pts"),
    "measure": ("cm", "km", "kg", "g", "l", "m"),
}
_NUMBER: Final = re.compile(  # possessive digits: in 91.44x neither 91.44 nor 91 is a number
    r"(?:(?<!\w)(?P<sign>[-−–]))?(?P<lead>(?:\$|\bUSD) ?)?(?<![\w.,])(?<!\d[/:])(?P<digits>\d[\d.,]*+)"
    rf"(?P<tail> ?(?:{'|'.join(word for words in _TAILS.values() for word in words)}))?(?!\w|[/:]\d)",
    re.IGNORECASE,
)
_FALL: Final = re.compile(r"\b(?:decreas|fell|fall|drop|declin|down|lower|less|shrank|reduc)", re.IGNORECASE)
_RISE: Final = re.compile(r"\b(?:increas|rose|rise|grew|grow|up\b|higher|more\b|gain)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Item:
    """One request of the stream.

    Attributes:
        text: what is asked.
        route: the application that asks it.
        topic: its class, its FAQ topic, or ``one-off``; a look-alike carries the class that it resembles.
        flavour: how it relates to the rest of the stream.
        truth: what a right answer states.
    """

    text: str
    route: Route
    topic: str
    flavour: Flavour
    truth: Truth


@dataclass(frozen=True, slots=True)
class Summary:
    """Counts of a stream: by route, flavour and topic, and which texts had occurred before.

    Attributes:
        faq_repeats: FAQ requests whose exact text was asked before.
        accidents: requests that had to be new (recurring, one-off, look-alike) but whose exact text was asked before.
    """

    size: int
    routes: Mapping[str, int]
    flavours: Mapping[str, int]
    topics: Mapping[str, int]
    faq_repeats: int
    accidents: int


def stream(seed: int = 2026, size: int = 420) -> list[Item]:
    """Write a stream of ``size`` requests; equal arguments give an equal stream.

    Raises:
        ConfigurationError: for a size outside SMALLEST to LARGEST.
    """
    if not SMALLEST <= size <= LARGEST:
        raise ConfigurationError(f"size: expected {SMALLEST} to {LARGEST} requests, got {size}")
    rng = Random(seed)  # noqa: S311 - a stream that can be replayed is the point
    plans = {route: iter(plan) for route, plan in _plan(rng, size).items()}
    desk = _Desk(rng)
    order = [route for _ in range(-(-size // len(ROUTES))) for route in rng.sample(ROUTES, len(ROUTES))]
    visits = [(route, next(plans[route], None)) for route in order]
    return [desk.write(route, visit) for route, visit in visits if visit is not None]


def right(item: Item, answer: str) -> bool | None:
    """Whether ``answer`` states the truth of ``item``; None where nobody can say. What is unclear counts as wrong.

    Numbers and dates are compared by value, and the last one that is stated counts: the last with the unit of the
    truth, where one has it.
    """
    truth = item.truth
    if truth.kind == "open":
        return None
    if truth.kind == "text":
        return answer.strip() == truth.value
    plain = " ".join(unicodedata.normalize("NFKC", answer).split())
    if truth.kind == "facts":
        return all(any(_states(plain.lower(), fact) for fact in facts) for facts in truth.facts)
    if truth.kind == "date":
        return _last_date(plain) == date.fromisoformat(truth.value)
    return _last_number(plain, truth.unit) == Decimal(truth.value)


def _states(answer: str, fact: str) -> bool:
    """Whether the fact occurs, and not as a part of a longer number nor, times apart, as the end of a range."""
    alone = "" if _CLOCK.search(fact) else r"(?<!\d[-–~])"
    return re.search(rf"(?<![\d.,:]){alone}{re.escape(fact)}(?!\d)", answer) is not None


def _last_date(answer: str) -> date | None:
    last = None
    for found in _DATE.finditer(answer):
        parts = {key.rstrip("123"): value for key, value in found.groupdict().items() if value is not None}
        month = parts["month"]
        number = int(month) if month.isdigit() else 1 + _MONTHS.index(month[:3].lower())
        try:
            last = date(int(parts["year"]), number, int(parts["day"]))
        except ValueError:
            last = None  # no such day: the answer is unclear, even if an earlier date was right
    return last


def _last_number(answer: str, unit: str) -> Decimal | None:
    found = list(_NUMBER.finditer(answer))
    fitting = [one for one in found if unit and _unit(one) == unit]
    fitting = fitting or [one for one in found if not (unit and _unit(one))]
    if not fitting or (unit == "hours" and any(_unit(one) == "minutes" for one in found)):
        return None
    last = fitting[-1]
    digits = last["digits"].rstrip(".,")
    if not re.fullmatch(r"\d{1,3}(,\d{3})+(\.\d+)?|\d+(\.\d+)?", digits):
        return None  # 12,50 or 1.234,50: another country's notation, which must not be read as 50
    value = Decimal(digits.replace(",", ""))
    falls = unit == "%" and bool(_FALL.search(answer)) and not _RISE.search(answer)
    return -value if last["sign"] or falls else value


def _unit(number: re.Match[str]) -> str:
    """The unit that a stated number carries, in the words of Truth.unit; empty for none."""
    if number["lead"]:
        return "$"
    tail = (number["tail"] or "").strip().lower()
    return next((unit for unit, words in _TAILS.items() if tail and tail in words), "")


def summary(items: Sequence[Item]) -> Summary:
    """Count what a stream consists of."""
    seen: set[str] = set()
    again: Counter[str] = Counter()
    for item in items:
        again[item.flavour] += item.text in seen
        seen.add(item.text)
    return Summary(
        size=len(items),
        routes=Counter(item.route for item in items),
        flavours=Counter(item.flavour for item in items),
        topics=Counter(item.topic for item in items),
        faq_repeats=again["faq"],
        accidents=again["recurring"] + again["one-off"] + again["look-alike"],
    )


@dataclass(frozen=True, slots=True)
class _Visit:
    """A request to be written: when it comes (0 to 1), and what the plan knows of it already."""

    time: float
    flavour: Flavour
    topic: str = ""
    wording: str = ""
    again: bool = False


def _apportion(total: int, weights: Mapping[K, float]) -> dict[K, int]:
    """Split ``total`` in proportion to the weights, by largest remainders; the parts sum to it."""
    whole = sum(weights.values())
    exact = {key: total * weight / whole for key, weight in weights.items()}
    parts = {key: int(share) for key, share in exact.items()}
    for key in sorted(exact, key=lambda key: parts[key] - exact[key])[: total - sum(parts.values())]:
        parts[key] += 1
    return parts


def _plan(rng: Random, size: int) -> dict[Route, list[_Visit]]:
    """What each route asks, in order. The FAQ is the llamaindex route's alone."""
    totals = _apportion(size, _SHARES)
    free = _apportion(size, dict.fromkeys(ROUTES, 1.0))
    free["llamaindex"] -= totals["faq"]
    visits: dict[Route, list[_Visit]] = {route: [] for route in ROUTES}
    again = round(_ASKED_BEFORE * totals["faq"])
    visits["llamaindex"] += _visits(rng, _Visit(0.0, "faq"), totals["faq"] - again, 1.8)
    visits["llamaindex"] += _visits(rng, _Visit(0.04, "faq", again=True), again, 0.8)
    recurring = dict(free)
    for first in (_Visit(0.2, "repeat"), _Visit(0.0, "one-off"), _Visit(0.3, "look-alike")):
        for route, count in _apportion(totals[first.flavour], free).items():
            recurring[route] -= count
            visits[route] += _visits(rng, first, count, 0.8)
    for route, count in recurring.items():
        for line, share in _apportion(count, _lines(route)).items():
            visits[route] += _visits(rng, line, share, 1.5)
    return {route: sorted(plan, key=lambda visit: visit.time) for route, plan in visits.items()}


def _visits(rng: Random, first: _Visit, count: int, bend: float) -> list[_Visit]:
    """Spread ``count`` visits from the first one's time to 1; a bend above 1 draws them to the front."""
    times = (first.time + (1 - first.time) * ((step + rng.random()) / count) ** bend for step in range(count))
    return [replace(first, time=time) for time in times]


def _lines(route: Route) -> dict[_Visit, float]:
    """Each wording of the route's classes as its first visit, with its weight."""
    lines: dict[_Visit, float] = {}
    for task in TASKS:
        shares = (1 - _SECOND_WORDING, _SECOND_WORDING) if len(task.wordings) > 1 else (1.0,)
        for (wording, start), share in zip(task.wordings.items(), shares, strict=True):
            if task.route == route:
                lines[_Visit(start, "recurring", task.topic, wording)] = task.weight * share
    return lines


class _Desk:
    """Writes the planned requests in their order, and remembers what it wrote."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.texts: set[str] = set()
        self.written: dict[Route, list[Item]] = defaultdict(list)
        self.drawn: dict[tuple[str, str], list[Params]] = defaultdict(list)
        self.unasked = {question: list(question.wordings) for question in FAQ}
        self.twisted: Counter[str] = Counter()
        self.notes = rng.sample(ONE_OFFS, len(ONE_OFFS))

    def write(self, route: Route, visit: _Visit) -> Item:
        """Write one request of ``route``."""
        if visit.flavour == "faq":
            item = self._question(route, again=visit.again)
        elif visit.flavour == "repeat":
            item = self._repeat(route)
        elif visit.flavour == "look-alike":
            item = self._look_alike(route)
        elif visit.flavour == "one-off":
            item = self._one_off(route)
        else:
            item = self._recurring(_BY_TOPIC[visit.topic], visit.wording)
        self.texts.add(item.text)
        self.written[route].append(item)
        return item

    def _recurring(self, task: Task, wording: str) -> Item:
        while True:  # new names and numbers until the text is new
            params = task.draw(self.rng)
            text = wording.format(**params)
            if text not in self.texts:
                self.drawn[task.topic, wording].append(params)
                return Item(text, task.route, task.topic, "recurring", task.truth(params))

    def _question(self, route: Route, *, again: bool) -> Item:
        left = [question for question in FAQ if self.unasked[question]]
        asked = [question for question in FAQ if len(self.unasked[question]) < len(question.wordings)]
        again = bool(asked) and (again or not left)
        question = self._popular(asked if again else left)
        if again:
            text = self.rng.choice(question.wordings[: len(question.wordings) - len(self.unasked[question])])
        else:
            text = self.unasked[question].pop(0)
        return Item(text, route, question.topic, "faq", Truth("facts", facts=question.facts))

    def _popular(self, questions: Sequence[Question]) -> Question:
        weights = [1 / (1 + FAQ.index(question)) for question in questions]
        return self.rng.choices(questions, weights)[0]

    def _repeat(self, route: Route) -> Item:
        source = [item for item in self.written[route] if item.flavour not in ("faq", "repeat")]
        item = self.rng.choice(source[:-4] or source or self.written[route])
        return Item(item.text, route, item.topic, "repeat", item.truth)

    def _one_off(self, route: Route) -> Item:
        self.notes.append(self.notes.pop(0))
        while True:
            text = self.notes[-1].format(name=name(self.rng))
            if text not in self.texts:
                return Item(text, route, "one-off", "one-off", Truth("open"))

    def _look_alike(self, route: Route) -> Item:
        while True:
            task, twist, wording = self._twist(route)
            known = self.drawn[task.topic, wording]
            twin = known and self.rng.random() < _TWINS
            params = self.rng.choice(known) if twin else task.draw(self.rng)
            text, truth = wording.replace(twist.old, twist.new).format(**params), twist.truth(params)
            if text not in self.texts and truth != task.truth(params):
                self.twisted[twist.new] += 1
                return Item(text, route, task.topic, "look-alike", truth)

    def _twist(self, route: Route) -> tuple[Task, Twist, str]:
        """The least used look-alike of a class that is known by now, or of the best known class."""
        found = [
            (task, twist, wording)
            for task in TASKS
            if task.route == route
            for twist in task.twists
            for wording in task.wordings
            if twist.old in wording
        ]
        self.rng.shuffle(found)
        known = [one for one in found if len(self.drawn[one[0].topic, one[2]]) >= _KNOWN_AFTER]
        if known:
            return min(known, key=lambda one: self.twisted[one[1].new])
        return max(found, key=lambda one: len(self.drawn[one[0].topic, one[2]]))
