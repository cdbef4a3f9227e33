"""The streams of requests: the families, the office, and a year of both.

Classes come by Zipf's law: the class of rank r has weight 1/r, ranks are drawn by the seed. In `families` and `office`
each next class is drawn by weight among those with requests left; so heavy classes are dense at the front, and
what the light ones have left makes up the end. In `year` the weights are those of the classes known on that day.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace

from benchmarks.crystal import families as gym
from benchmarks.crystal import items, office_oneoffs
from benchmarks.crystal import office as desk
from benchmarks.crystal.items import Item

REPEATS, PARAPHRASES, ONEOFFS = 0.10, 0.10, 0.20
KNOWN = 0.4  # of the classes on the first day; the others come evenly over the year
DRIFT_RANKS = (4, 7, 11)  # high enough that a change shows within days
DRIFT_TIMES = (0.3, 0.5, 0.7)  # of the year


def families(seed: int, per_class: int = 200) -> list[Item]:
    """The 22 development families, `per_class` distinct requests of each, interleaved."""
    return _interleaved(gym.FAMILIES, seed, per_class)


def office(seed: int, per_class: int = 50) -> list[Item]:
    """The office templates that never drift, `per_class` distinct requests of each, interleaved."""
    return _interleaved(desk.names(), seed, per_class)


def ranking(seed: int) -> list[str]:
    """The classes of a year, the most popular first."""
    rng = random.Random(f"ranking/{seed}")
    order = list(items.classes())
    rng.shuffle(order)
    for rank, klass in zip(DRIFT_RANKS, desk.DRIFTING, strict=True):
        order.insert(rank, klass)
    return order


def drifts(seed: int, days: int = 365) -> dict[str, int]:
    """The classes whose right answer changes, with the first day of the new one."""
    rng = random.Random(f"drifts/{seed}")
    return {
        klass: min(days - 1, max(1, round(days * time) + rng.randint(-days // 30, days // 30)))
        for klass, time in zip(desk.DRIFTING, DRIFT_TIMES, strict=True)
    }


def arrivals(seed: int, days: int = 365) -> dict[str, int]:
    """The day on which each class of a year first may come; those that drift are there from the first."""
    rng = random.Random(f"arrivals/{seed}")
    later = [klass for klass in ranking(seed) if klass not in desk.DRIFTING]
    rng.shuffle(later)
    late = later[round(KNOWN * len(later)) :]
    return dict.fromkeys(ranking(seed), 0) | {klass: 1 + at * (days - 1) // len(late) for at, klass in enumerate(late)}


def year(seed: int, days: int = 365, per_day: int = 60) -> list[Item]:
    """Days of recurring requests, repeats, paraphrases and one-offs in fixed shares, each day shuffled."""
    return [item for day in _Year(seed, days).through(per_day) for item in day]


class _Year:
    """What a year has seen so far."""

    def __init__(self, seed: int, days: int) -> None:
        self._seed = seed
        self._days = days
        self._rng = random.Random(f"year/{seed}")
        self._drifts = drifts(seed, days)
        self._order = ranking(seed)
        self._arrivals = arrivals(seed, days)
        self._sequences = {klass: items.sequence(klass, seed) for klass in self._order}
        self._oneoffs = office_oneoffs.sequence(seed)
        self._earlier: list[Item] = []
        self._texts: set[str] = set()

    def through(self, per_day: int) -> Iterator[list[Item]]:
        repeats, paraphrases, oneoffs = (round(share * per_day) for share in (REPEATS, PARAPHRASES, ONEOFFS))
        rest = per_day - repeats - paraphrases - oneoffs
        for day in range(self._days):
            kinds = [self._recurring] * rest + [self._oneoff] * oneoffs
            again = [self._repeat] * repeats + [self._paraphrase] * paraphrases
            kinds += again
            if day:  # on the first day there is nothing to repeat before the end
                self._rng.shuffle(kinds)
            yield [self._sent(make(day), day) for make in kinds]

    def _sent(self, item: Item, day: int) -> Item:
        """Of this day, with this day's answer."""
        changed = self._drifts.get(item.klass)
        if changed is not None and day >= changed:
            item = desk.drifted(item, self._seed)
        item = replace(item, day=day)
        if item.text not in self._texts:
            self._texts.add(item.text)
            self._earlier.append(item)
        return item

    def _recurring(self, day: int) -> Item:
        """The next request of a class that is known today."""
        known = [klass for klass in self._order if self._arrivals[klass] <= day]
        weights = [1 / rank for rank in range(1, len(known) + 1)]
        return next(self._sequences[self._rng.choices(known, weights)[0]])

    def _oneoff(self, day: int) -> Item:
        return next(self._oneoffs)

    def _repeat(self, day: int) -> Item:
        return replace(self._rng.choice(self._earlier), repeat=True, paraphrase=False)

    def _paraphrase(self, day: int) -> Item:
        """An earlier request in a wording that was not yet sent; where none is found, a recurring request."""
        for _ in range(200):
            item = self._rng.choice(self._earlier)
            if item.source == "office":
                other = desk.reworded(item, self._seed, self._rng)
                if other.text not in self._texts:
                    return replace(other, paraphrase=True)
        return self._recurring(day)


def _interleaved(names: Sequence[str], seed: int, per_class: int) -> list[Item]:
    rng = random.Random(f"interleaved/{seed}")
    order = list(names)
    rng.shuffle(order)
    left = dict.fromkeys(order, per_class)
    weights = {klass: 1 / rank for rank, klass in enumerate(order, 1)}
    sequences = {klass: items.sequence(klass, seed) for klass in order}
    stream = []
    while left:
        klass = rng.choices(list(left), [weights[klass] for klass in left])[0]
        stream.append(next(sequences[klass]))
        left[klass] -= 1
        if not left[klass]:
            del left[klass]
    return stream
