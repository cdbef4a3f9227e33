"""The office classes: requests as colleagues write them, each class in several wordings, answers exact by construction."""

import random
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import count

from benchmarks.crystal import office_house, office_money, office_stock, office_text, office_time
from benchmarks.crystal.items import Item, Kind
from benchmarks.crystal.office_kit import REGISTER, AmbiguousError, Template, Values, fill

# A class whose right answer changes one day; its rule is the house's, and its replies show the sum that was done.
DRIFTING = tuple(name for name, made in REGISTER.items() if made.draw.__module__ == office_house.__name__)
MODULES = (office_money, office_time, office_stock, office_text, office_house)


def names() -> tuple[str, ...]:
    """The templates that never drift, in the order of their files."""
    return tuple(name for name in REGISTER if name not in DRIFTING)


def kind(klass: str) -> Kind:
    """How replies of a class are compared.

    Raises:
        KeyError: There is no such template.
    """
    return REGISTER[klass].kind


def sequence(klass: str, seed: int) -> Iterator[Item]:
    """The distinct requests of a template: new values each, its wordings in random order.

    Raises:
        KeyError: There is no such template.
    """
    made = REGISTER[klass]
    place = _drawn(klass, seed)
    return (_item(made, place.at(i), place.phrasing(i), i) for i in count())


def reworded(item: Item, seed: int, rng: random.Random) -> Item:
    """The same values in another wording of the template.

    Raises:
        KeyError: The item is not of a template.
    """
    made = REGISTER[item.klass]
    other = rng.choice([n for n in range(len(made.phrasings)) if n != item.phrasing])
    return _item(made, values(item, seed), other, item.index)


def drifted(item: Item, seed: int) -> Item:
    """The same request with the answer it has after the class's drift.

    Raises:
        KeyError: The class never drifts.
    """
    return replace(item, answer=values(item, seed)["drifted"])


def values(item: Item, seed: int) -> Values:
    """What was drawn for an item of a template.

    Raises:
        KeyError: The item is not of a template.
    """
    return _drawn(item.klass, seed).at(item.index)


class _Drawn:
    """The values of a class in order, each place with values of its own."""

    def __init__(self, made: Template, seed: int) -> None:
        self._made = made
        self._seed = seed
        self._values: list[Values] = []
        self._seen: set[str] = set()

    def at(self, index: int) -> Values:
        while len(self._values) <= index:
            place = len(self._values)
            draws = (self._draw(f"{self._made.name}/{self._seed}/{place}/{attempt}") for attempt in count())
            self._values.append(next(drawn for drawn in draws if drawn is not None))
        return self._values[index]

    def _draw(self, seed: str) -> Values | None:
        try:
            drawn = self._made.draw(random.Random(seed))
        except AmbiguousError:
            return None
        texts = {fill(phrasing, drawn) for phrasing in self._made.phrasings}
        if texts & self._seen:
            return None
        self._seen |= texts
        return drawn

    def phrasing(self, index: int) -> int:
        return random.Random(f"wording/{self._made.name}/{self._seed}/{index}").randrange(len(self._made.phrasings))


@cache
def _drawn(klass: str, seed: int) -> _Drawn:
    return _Drawn(REGISTER[klass], seed)


def _item(made: Template, drawn: Values, phrasing: int, index: int) -> Item:
    text = fill(made.phrasings[phrasing], drawn)
    others = tuple(other for other in drawn.get("others", "").split("|") if other and other != drawn["v"])
    return Item(text, drawn["v"], made.name, phrasing, index, "office", wrong_answers=others)
