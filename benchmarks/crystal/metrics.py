"""What a run shows, as pure functions of its rows. Intervals come from drawing classes, never requests."""

import math
import random
import statistics
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from benchmarks.crystal.items import Item
from benchmarks.crystal.oracle import KINDS, Spent
from benchmarks.crystal.systems import Found

DRAWS: Final = 2_000


@dataclass(frozen=True, slots=True)
class Row:
    """What happened to one request.

    Attributes:
        at: its place in the stream.
        klass, source, day, phrasing, repeat, paraphrase: as in its Item.
        tier: "exact", "procedure", "semantic", or "model".
        why: of a miss.
        by: the procedure or entry that answered.
        right: whether the answer that was given is right by value, whoever gave it.
        reply: the answer, kept where it is wrong.
        calls: model calls that this request led to, by kind.
        tokens: (repeated prefix, other input, output) by kind.
        us: microseconds of the lookup.
        fell: it cost a procedure its place: one was suspended, or was live no longer after an audit or a disagreement.
    """

    at: int
    klass: str
    source: str
    tier: str
    right: bool
    day: int = 0
    phrasing: int = 0
    repeat: bool = False
    paraphrase: bool = False
    why: str = ""
    by: str = ""
    reply: str = ""
    calls: Mapping[str, int] = field(default_factory=dict)
    tokens: Mapping[str, Sequence[int]] = field(default_factory=dict)
    us: float = 0.0
    fell: bool = False

    @classmethod
    def of(
        cls, at: int, item: Item, found: Found, reply: str, *, correct: bool, spent: Sequence[Spent], fell: bool
    ) -> "Row":
        """The row of a request that has just been answered."""
        calls: dict[str, int] = {kind: n for kind in KINDS if (n := sum(s.kind == kind for s in spent))}
        used: dict[str, list[int]] = {
            kind: [sum(getattr(s, name) for s in spent if s.kind == kind) for name in ("prefix", "input", "output")]
            for kind in calls
        }
        return cls(
            at, item.klass, item.source, found.tier, correct, item.day, item.phrasing, item.repeat, item.paraphrase,
            found.why, found.source, "" if correct else reply, calls, used, round(found.us, 1), fell,
        )  # fmt: skip

    def as_json(self) -> dict[str, Any]:
        """Without what has its usual value."""
        usual: tuple[Any, ...] = ("", {})
        return {name: value for name, value in asdict(self).items() if value not in usual and value is not False}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Row":
        """The row that ``as_json`` wrote."""
        return cls(**{"right": False, **data})

    @property
    def hit(self) -> bool:
        """Whether the model was not needed for the answer."""
        return self.tier != "model"

    @property
    def total(self) -> int:
        """Model calls of all kinds."""
        return sum(self.calls.values())


@dataclass(frozen=True, slots=True)
class Estimate:
    """A ratio with its 95 % interval from drawing classes, and what it was counted from."""

    value: float
    low: float
    high: float
    count: float
    of: float

    def as_json(self) -> dict[str, float]:
        return asdict(self)


def pooled(parts: Iterable[tuple[str, float, float]]) -> Estimate:
    """sum(a) / sum(b) over (class, a, b); the interval draws classes with replacement. 0/0 is 0."""
    sums: dict[str, list[float]] = {}
    for klass, a, b in parts:
        pair = sums.setdefault(klass, [0.0, 0.0])
        pair[0] += a
        pair[1] += b
    pairs = [(a, b) for a, b in sums.values() if b or a]
    count, of = sum(a for a, _ in pairs), sum(b for _, b in pairs)
    low, high = interval(pairs)
    return Estimate(count / of if of else 0.0, low, high, count, of)


def share(rows: Iterable[Row], which: Callable[[Row], bool]) -> Estimate:
    """The share of rows that are so."""
    return pooled((row.klass, which(row), 1) for row in rows)


def interval(pairs: Sequence[tuple[float, float]], draws: int = DRAWS, seed: int = 0) -> tuple[float, float]:
    """The 2.5 % and 97.5 % points of sum(a) / sum(b) over resampled pairs."""
    if not pairs:
        return 0.0, 0.0
    rng = random.Random(seed)
    found = []
    for _ in range(draws):
        drawn = rng.choices(pairs, k=len(pairs))
        of = sum(b for _, b in drawn)
        found.append(sum(a for a, _ in drawn) / of if of else 0.0)
    found.sort()
    return found[int(0.025 * draws)], found[min(draws - 1, int(0.975 * draws))]


def upper_bound(wrong: int, n: int, confidence: float = 0.95) -> float:
    """One-sided exact (Clopper-Pearson) bound: the rate at which seeing so few wrong would have probability 1 - confidence."""
    if n == 0 or wrong >= n:
        return 1.0
    low, high = wrong / n, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _at_most(wrong, n, middle) > 1 - confidence else (low, middle)
    return high


def _at_most(k: int, n: int, p: float) -> float:
    """P(X <= k) for X binomial(n, p), 0 < p < 1."""
    logs = (
        math.lgamma(n + 1) - math.lgamma(i + 1) - math.lgamma(n - i + 1) + i * math.log(p) + (n - i) * math.log1p(-p)
        for i in range(k + 1)
    )
    return math.fsum(math.exp(value) for value in logs)


# -- hits and right answers --------------------------------------------------------------------------------------------


def hit_rate(rows: Iterable[Row], declined: Collection[str] = (), tier: str = "") -> Estimate:
    """Share of requests answered without the model (by one tier), over the classes that were not declined."""
    return share((r for r in rows if r.klass not in declined), lambda r: r.hit and tier in ("", r.tier))


def by_class(rows: Iterable[Row]) -> dict[str, dict[str, Any]]:
    """Requests, hits by tier, wrong hits, right answers and model calls of each class."""
    table: dict[str, dict[str, Any]] = {}
    for row in rows:
        line = table.setdefault(
            row.klass,
            {
                "n": 0,
                "hits": 0,
                "procedure": 0,
                "exact": 0,
                "semantic": 0,
                "wrong_hits": 0,
                "right": 0,
                "audit_misses": 0,
            }
            | dict.fromkeys(KINDS, 0),
        )
        line["n"] += 1
        line["hits"] += row.hit
        line["right"] += row.right
        line["audit_misses"] += row.why == "audit"
        if row.hit:
            line[row.tier] += 1
            line["wrong_hits"] += not row.right
        for kind, count in row.calls.items():
            line[kind] += count
    return dict(sorted(table.items()))


def wrong_hits(rows: Iterable[Row], tier: str = "procedure") -> dict[str, Any]:
    """Wrong among the hits of a tier ("": of all): rate, interval over classes, exact upper bound, and the first few."""
    hits = [row for row in rows if row.hit and tier in ("", row.tier)]
    found = share(hits, lambda r: not r.right)
    wrong = [row for row in hits if not row.right]
    return {
        **found.as_json(),
        "upper": upper_bound(len(wrong), len(hits)),
        "classes": dict(sorted(_count(row.klass for row in wrong).items())),
        "examples": [{"at": r.at, "klass": r.klass, "by": r.by, "reply": r.reply} for r in wrong[:10]],
    }


def accuracy(rows: Sequence[Row], always: Sequence[Row] | None = None) -> dict[str, Any]:
    """Share of right answers, and the difference to asking the model always on the same stream, with its interval.

    Raises:
        ValueError: the other run is of another stream.
    """
    result: dict[str, Any] = {"ours": share(rows, lambda r: r.right).as_json()}
    if always is not None:
        if [(r.at, r.klass) for r in rows] != [(r.at, r.klass) for r in always]:
            raise ValueError("the two runs are not of one stream")
        both = zip(rows, always, strict=True)
        result["always"] = share(always, lambda r: r.right).as_json()
        result["difference"] = pooled((r.klass, r.right - other.right, 1) for r, other in both).as_json()
    return result


def _count(names: Iterable[str]) -> dict[str, int]:
    table: dict[str, int] = {}
    for name in names:
        table[name] = table.get(name, 0) + 1
    return table


# -- calls -------------------------------------------------------------------------------------------------------------


def calls_by_day(rows: Iterable[Row], *, oneoffs: bool = False) -> dict[int, dict[str, int]]:
    """Of each day: requests, and model calls by kind and together; recurring traffic alone unless ``oneoffs``."""
    table: dict[int, dict[str, int]] = {}
    for row in rows:
        if not oneoffs and row.source == "oneoff":
            continue
        line = table.setdefault(row.day, dict.fromkeys(("n", *KINDS, "all"), 0))
        line["n"] += 1
        for kind, count in row.calls.items():
            line[kind] += count
            line["all"] += count
    return table


def call_rate(rows: Iterable[Row], day: int, *, window: int = 1, oneoffs: bool = False) -> dict[str, float]:
    """Model calls a request by kind and together, over the ``window`` days that end with ``day`` (days count from 1)."""
    table = calls_by_day(rows, oneoffs=oneoffs)
    lines = [line for number, line in table.items() if day - window < number + 1 <= day]
    n = sum(line["n"] for line in lines)
    return {"n": n, **{kind: sum(line[kind] for line in lines) / n if n else 0.0 for kind in (*KINDS, "all")}}


def counts_by_number(rows: Iterable[Row]) -> list[tuple[int, int]]:
    """Of the k-th requests of all classes of one run: their model calls, and how many classes have so many."""
    places: dict[str, int] = {}
    sums: list[list[int]] = []
    for row in rows:
        k = places[row.klass] = places.get(row.klass, -1) + 1
        if k == len(sums):
            sums.append([0, 0])
        sums[k][0] += row.total
        sums[k][1] += 1
    return [(calls, n) for calls, n in sums]


@dataclass(frozen=True, slots=True)
class Prices:
    """Dollars for a million tokens, and tokens that a model spends on thinking before it gives a direct answer or vote.

    The defaults are the usual shape of a price list: output five times the input, a repeated prefix at a tenth of it.
    """

    input: float = 3.0
    output: float = 15.0
    prefix: float = 0.3
    thinking: int = 0

    def dollars(self, row: Row) -> float:
        """What a request's calls cost."""
        total = 0.0
        for kind, (prefix, given, output) in row.tokens.items():
            thought = 0 if kind == "compile" else self.thinking * row.calls[kind]
            total += prefix * self.prefix + given * self.input + (output + thought) * self.output
        return total / 1e6


def break_even(ours: Sequence[float], always: Sequence[float]) -> int | None:
    """The request number (from 1) from which the cumulative sum stays below asking always; None: not by the end."""
    a = b = 0.0
    since: int | None = None
    for number, (one, other) in enumerate(zip(ours, always, strict=True), 1):
        a, b = a + one, b + other
        below = a < b - 1e-12
        since = (since or number) if below else None
    return since


def break_evens(rows: Sequence[Row], always: Sequence[Row], prices: Prices | None = None) -> dict[str, int | None]:
    """Break-even of every class: in calls, or in money; ``always`` holds the same requests when the model is always asked."""
    ours: dict[str, list[float]] = {}
    other: dict[str, list[float]] = {}
    for row, asked in zip(rows, always, strict=True):
        ours.setdefault(row.klass, []).append(row.total if prices is None else prices.dollars(row))
        other.setdefault(row.klass, []).append(asked.total if prices is None else prices.dollars(asked))
    return {klass: break_even(spent, other[klass]) for klass, spent in sorted(ours.items())}


def summary(found: Mapping[str, int | None]) -> dict[str, Any]:
    """Break-evens of many classes in a few numbers."""
    known = sorted(n for n in found.values() if n is not None)
    return {
        "n": len(found),
        "reached": len(known),
        "within_12": sum(n <= 12 for n in known),
        "median": statistics.median_low(known) if known else None,
        "worst": known[-1] if known else None,
        "never": [klass for klass, n in found.items() if n is None],
        "classes": dict(found),
    }


# -- drift and time ----------------------------------------------------------------------------------------------------


def drift(rows: Sequence[Row], klass: str, day: int) -> dict[str, Any]:
    """What a change of a class's right answers on ``day`` (from 0) did: wrong answers served until it was noticed, and after.

    Noticed is the first request of the class that cost a procedure its place.
    """
    after = [row for row in rows if row.klass == klass and row.day >= day]
    noticed = next((place for place, row in enumerate(after) if row.fell), None)
    until = after if noticed is None else after[: noticed + 1]
    later = [] if noticed is None else after[noticed + 1 :]
    served = sum(row.tier == "procedure" for row in rows if row.klass == klass and row.day < day)
    back = next((row for row in later if row.tier == "procedure" and row.right), None)
    return {
        "klass": klass,
        "day": day,
        "procedure_hits_before": served,
        "requests_after": len(after),
        "noticed_day": None if noticed is None else after[noticed].day,
        "days_until_noticed": None if noticed is None else after[noticed].day - day,
        "requests_until_noticed": None if noticed is None else noticed + 1,
        "wrong_until_noticed": sum(row.hit and not row.right for row in until),
        "wrong_later": sum(row.hit and not row.right for row in later),
        "days_until_served_again": None if back is None else back.day - day,
    }


def unnoticed(rows: Sequence[Row], klass: str, day: int) -> set[int]:
    """The places of a class's requests from its drift until that was noticed."""
    places: set[int] = set()
    for row in rows:
        if row.klass == klass and row.day >= day:
            places.add(row.at)
            if row.fell:
                break
    return places


def cold(rows: Iterable[Row]) -> tuple[list[Row], list[Row]]:
    """The first procedure hit of each day, when the process has just begun and starts its sandbox; and all other rows."""
    first: list[Row] = []
    rest: list[Row] = []
    day = -1
    for row in rows:
        begins = row.tier == "procedure" and row.day != day
        (first if begins else rest).append(row)
        day = row.day if begins else day
    return first, rest


def latency(rows: Iterable[Row], tier: str = "procedure") -> dict[str, float]:
    """Microseconds of the lookups that a tier answered: p50, p95, p99, and how many."""
    found = sorted(row.us for row in rows if row.tier == tier)
    if not found:
        return {"n": 0}
    points = {f"p{q}": found[min(len(found) - 1, math.ceil(q / 100 * len(found)) - 1)] for q in (50, 95, 99)}
    return {"n": len(found), **points}
