"""Finds, among many guards, the few that may accept a request: by what their patterns say literally, without the embedder.

A request can match a pattern only if it contains the pattern's literal text. So each pattern is filed under its rarest
anchor: a run of one to three whole words, or of characters where it has no whole word. A request looks up its own runs, and
what they lead to is compared with the whole literal text; almost only guards that accept the request are left.

Two guards overlap where both accept a text. ``overlaps`` looks for such texts before anybody sends one.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain, product
from random import Random
from typing import Final, NamedTuple

from seglam.dataslots import slot_type
from seglam.errors import PatternError
from seglam.guard import MAX_REQUEST, Guard, Pattern
from seglam.slots import Slot
from seglam.template import UNNAMED

Skeleton = tuple[str, ...]
Run = tuple[str, ...] | str
Anchor = tuple[int, Run]
"""A kind, and a run of it: 0 is a beginning; 1 a word; 2 and 3 are so many words in a row; -1 to -3 so many characters."""

_LONGEST: Final = 3
_BEGINNING: Final = 12  # characters
_RARE: Final = 4  # patterns that share a word, beyond which a run of several words is worth its price
_LEAF: Final = 12  # patterns that share an anchor, beyond which they are filed under a second one
_SMALLER: Final = 8  # times that a level has fewer patterns than the one before it
_UNUSED: Final = 2  # times that levels may hold as many patterns as are in use


@dataclass(frozen=True, slots=True)
class Dispatch:
    """The guards of one context, filed by their literal text. Immutable; safe to use from many threads.

    Patterns are filed on levels, each several times smaller than the one before, as in a log-structured merge tree (O'Neil et
    al., 1996): a new pattern makes a small level, and levels that have become alike in size are filed again as one. What is
    gone stays on its level, unused, until that is filed again.

    Attributes:
        guards: by the number that ``candidates`` gives.
        numbers: the guards that have a pattern with this literal text.
        levels: the patterns' literal texts, filed.
    """

    guards: Mapping[int, Guard] = field(default_factory=dict)
    numbers: Mapping[Skeleton, AbstractSet[int]] = field(default_factory=dict)
    levels: Sequence["_Level"] = ()

    def changed(self, guards: Mapping[int, Guard]) -> "Dispatch":
        """The dispatch of these guards; what is filed already is not filed again."""
        numbers = dict(self.numbers)
        fresh: set[Skeleton] = set()
        for number in self.guards.keys() | guards.keys():
            before, after = self.guards.get(number), guards.get(number)
            if before is not None and after is not None and before.patterns == after.patterns:
                continue
            for skeleton in _skeletons(before) - _skeletons(after):
                numbers[skeleton] = numbers[skeleton] - {number}
                if not numbers[skeleton]:
                    del numbers[skeleton]
            for skeleton in _skeletons(after) - _skeletons(before):
                numbers[skeleton] = numbers.get(skeleton, frozenset()) | {number}
                fresh.add(skeleton)
        return Dispatch(dict(guards), numbers, _levels(self.levels, fresh, numbers))

    def candidates(self, text: str) -> list[int]:
        """The numbers of the guards that may accept the text, ascending; every guard that does is among them."""
        if len(text) > MAX_REQUEST:
            return []
        text = text.strip()
        found: set[int] = set()
        near: list[Skeleton] = []
        runs = _Runs(text)
        for level in self.levels:
            level.root.gather(runs, near)
        for skeleton in near:
            numbers = self.numbers.get(skeleton)
            if numbers is not None and text.endswith(skeleton[-1]) and _stands_in(skeleton, text):
                found |= numbers
        return sorted(found)


def _skeletons(guard: Guard | None) -> AbstractSet[Skeleton]:
    return frozenset() if guard is None else {pattern.skeleton for pattern in guard.patterns}


class _Level(NamedTuple):
    """Patterns that were filed together."""

    skeletons: AbstractSet[Skeleton]
    root: "_Node"


def _levels(
    known: Sequence[_Level], fresh: AbstractSet[Skeleton], wanted: Mapping[Skeleton, object]
) -> tuple[_Level, ...]:
    """The known levels, and one for the fresh patterns that takes in all that are not much larger."""
    levels = list(known)
    pending = {skeleton for skeleton in fresh if not any(skeleton in level.skeletons for level in levels)}
    if sum(len(level.skeletons) for level in levels) > _UNUSED * len(wanted) + _LEAF:
        levels, pending = [], set(wanted)
    while pending and levels and len(levels[-1].skeletons) < _SMALLER * len(pending):
        pending |= levels.pop().skeletons & wanted.keys()
    if pending:
        levels.append(_Level(pending, _Node({skeleton: _anchors(skeleton) for skeleton in pending})))
    return tuple(levels)


def _stands_in(skeleton: Skeleton, text: str) -> bool:
    """Whether a pattern's literal text stands in order in a text that ends as it does, with something in place of each slot."""
    if not text.startswith(skeleton[0]):
        return False
    at = len(skeleton[0])
    for literal in skeleton[1:-1]:
        at = text.find(literal, at + 1)
        if at < 0:
            return False
        at += len(literal)
    return at < len(text) - len(skeleton[-1])


class _Runs:
    """A request's runs by kind, each kind made when it is first asked for."""

    __slots__ = ("_made", "_text", "_words")

    def __init__(self, text: str) -> None:
        self._text = text
        self._words = text.split()
        self._made: dict[int, AbstractSet[Run]] = {1: set(self._words)}

    def of(self, kind: int) -> AbstractSet[Run]:
        made = self._made.get(kind)
        if made is None:
            if kind == 0:
                made = {self._text[:length] for length in range(1, _BEGINNING + 1)}
            else:
                made = set(_runs(self._words if kind > 0 else self._text, abs(kind)))
            self._made[kind] = made
        return made


def _runs(whole: Sequence[str], length: int) -> Iterator[tuple[str, ...]]:
    return zip(*(whole[start:] for start in range(length)), strict=False)


def _anchors(skeleton: Skeleton) -> AbstractSet[Anchor]:
    """All anchors of a pattern: a request that it accepts has each of them among its runs."""
    found: set[Anchor] = set()
    for index, literal in enumerate(skeleton):
        words = literal.split()
        # A word that touches a slot is a part of a longer one in the request.
        if words and index > 0 and not literal[0].isspace():
            del words[0]
        if words and index < len(skeleton) - 1 and not literal[-1].isspace():
            del words[-1]
        found.update((1, word) for word in words)
        found.update((kind, run) for kind in range(2, _LONGEST + 1) for run in _runs(words, kind))
    if skeleton[0]:
        found.add((0, skeleton[0][:_BEGINNING]))
    if len(found) <= 1:
        kinds = ((literal, min(len(literal), _LONGEST)) for literal in skeleton if literal)
        found.update((-kind, run) for literal, kind in kinds for run in _runs(literal, kind))
    return found


class _Node:
    """Patterns that share the anchors that lead here, each filed under one more."""

    __slots__ = ("_bare", "_kinds")

    def __init__(self, anchors: Mapping[Skeleton, Collection[Anchor]]) -> None:
        frequency = Counter(chain.from_iterable(anchors.values()))
        # Once for each anchor: patterns share most of theirs.
        costs = {(kind, run): (max(n, _RARE), abs(kind), n, kind, run) for (kind, run), n in frequency.items()}
        self._bare: list[Skeleton] = [skeleton for skeleton, given in anchors.items() if not given]
        filed: defaultdict[Anchor, list[Skeleton]] = defaultdict(list)
        for skeleton, given in anchors.items():
            if given:
                filed[min(given, key=costs.__getitem__)].append(skeleton)
        children: defaultdict[int, dict[Run, _Node | list[Skeleton]]] = defaultdict(dict)
        for (kind, run), sharing in filed.items():
            if len(sharing) <= _LEAF:
                children[kind][run] = sharing
                continue
            counts = Counter(chain.from_iterable(anchors[skeleton] for skeleton in sharing))
            # What all have tells none apart.
            telling = {s: [a for a in anchors[s] if counts[a] < len(sharing)] for s in sharing}
            children[kind][run] = _Node(telling)
        self._kinds = [(kind, frozenset(below), below) for kind, below in children.items()]

    def gather(self, runs: _Runs, into: list[Skeleton]) -> None:
        """Add the patterns all of whose anchors on the way to them are among the runs."""
        into += self._bare
        for kind, known, below in self._kinds:
            for run in known & runs.of(kind):
                child = below[run]
                if isinstance(child, _Node):
                    child.gather(runs, into)
                else:
                    into += child


# Overlaps --------------------------------------------------------------------------------------------------------------

_WHOLE_WORD: Final = re.compile(r"(?<!\S)[^\W\d_]{2,}(?!\S)")
_ATOM: Final = re.compile(r"\w+|\s+|[^\w\s]")
_MOST_STATES: Final = 200_000
_SHARED_SAMPLES: Final = 8
_MOST_WORDS: Final = 12
_TOLD: Final = ("integer", "word", "name")
"""Slot types of which parsing a word, or several of it, tells whether it may stand in them."""

Named = tuple[str, Slot]
Place = tuple[int, int]
Step = tuple[Named | str | None, Named | str | None]
"""What the next piece of a common text is in either pattern; None: it lies inside the slot that the pattern is in."""


def overlaps(one: Guard, other: Guard, tries: int) -> tuple[str, ...]:
    """Different texts that both guards accept, as far as they were found; the same ones every time.

    Args:
        one: a guard.
        other: another one; the order does not matter.
        tries: how many texts are made from each pattern alone, and from each pair of patterns together.
    """
    found: dict[str, None] = {}

    for first, second in product(one.patterns, other.patterns):
        if not _may_meet(first, second):
            continue
        for text in (*_samples(first, tries), *_samples(second, tries), *_common(first, second, tries)):
            # The two patterns before the two guards, which ask all of theirs.
            if text in found or first.match(text) is None or second.match(text) is None:
                continue
            if one.match(text) is not None and other.match(text) is not None:
                found[text] = None
    return tuple(found)


def _samples(pattern: Pattern, tries: int) -> list[str]:
    try:
        return [pattern.sample(seed) for seed in range(tries)]
    except PatternError:
        return []  # nothing of its own was found


def _may_meet(one: Pattern, other: Pattern) -> bool:
    """Whether a text may have the literal beginning, end and words of both: almost no two patterns do."""
    first, second = one.skeleton, other.skeleton
    beginnings, ends = sorted((first[0], second[0]), key=len), sorted((first[-1], second[-1]), key=len)
    if not (beginnings[1].startswith(beginnings[0]) and ends[1].endswith(ends[0])):
        return False
    return _may_carry(one, other) and _may_carry(other, one)


def _may_carry(one: Pattern, other: Pattern) -> bool:
    """Whether each whole literal word of one pattern may stand in a text of the other: literally, or in a slot."""
    if _glued(other.skeleton):
        return True  # "Mon" in a slot and "day" behind it make a word that stands nowhere
    literal = " ".join(other.skeleton)
    kinds = {slot.type for _, slot in other.uses}
    return all(word in literal or any(_may_hold(kind, word) for kind in kinds) for word in _whole_words(one.skeleton))


@lru_cache(maxsize=10_000)
def _whole_words(skeleton: Skeleton) -> tuple[str, ...]:
    """The words that touch no slot."""
    last = len(skeleton) - 1
    parts = (("" if i == 0 else "_") + part + ("" if i == last else "_") for i, part in enumerate(skeleton))
    return tuple(word for part in parts for word in _WHOLE_WORD.findall(part))


@lru_cache(maxsize=10_000)
def _glued(skeleton: Skeleton) -> bool:
    return any(part[:1].isalpha() for part in skeleton[1:]) or any(part[-1:].isalpha() for part in skeleton[:-1])


@lru_cache(maxsize=50_000)
def _may_hold(kind: str, word: str) -> bool:
    if kind.startswith("oneof"):
        return word in kind
    if not kind.startswith(_TOLD):
        return True  # free text, or notation with words of its own: "twenty percent", "half past two"
    slot = slot_type(kind)
    return any(slot.parse(" ".join([word] * count)) is not None for count in range(1, _MOST_WORDS + 1))


def _common(one: Pattern, other: Pattern, tries: int) -> Iterator[str]:
    """Texts that have the literal text of both patterns: where one has a slot, the other's literal text fills it."""
    left, right = _atoms(one), _atoms(other)
    if len(left) * len(right) > _MOST_STATES:
        return
    ways = _ways(left, right)
    rng = Random(0)  # noqa: S311 - the same texts every time
    for _ in range(tries if (0, 0) in ways else 0):
        at, steps = (0, 0), []
        while at != (len(left), len(right)):
            at, step = rng.choice(ways[at])
            steps.append(step)
        yield _text_of(steps, rng)


def _atoms(pattern: Pattern) -> list[Named | str]:
    atoms: list[Named | str] = [*_ATOM.findall(pattern.skeleton[0])]
    for use, literal in zip(pattern.uses, pattern.skeleton[1:], strict=True):
        atoms += [use, *_ATOM.findall(literal)]
    return atoms


def _ways(left: Sequence[Named | str], right: Sequence[Named | str]) -> dict[Place, list[tuple[Place, Step]]]:
    """From each pair of places, the steps that can still lead to the end of both; a slot may swallow what faces it."""
    end = (len(left), len(right))
    reached: dict[Place, list[tuple[Place, Step]]] = {}
    waiting = [(0, 0)]
    while waiting:
        at = waiting.pop()
        if at not in reached:
            reached[at] = _steps(left, right, at)
            waiting += [to for to, _ in reached[at]]
    ways: dict[Place, list[tuple[Place, Step]]] = {end: []} if end in reached else {}
    for at in sorted(reached, reverse=True) if ways else ():  # every step leads to a greater place
        if kept := [(to, step) for to, step in reached[at] if to in ways]:
            ways[at] = kept
    return ways


def _steps(left: Sequence[Named | str], right: Sequence[Named | str], at: Place) -> list[tuple[Place, Step]]:
    i, j = at
    steps: list[tuple[Place, Step]] = []
    a, b = left[i] if i < len(left) else None, right[j] if j < len(right) else None
    inside = (i > 0 and isinstance(left[i - 1], tuple), j > 0 and isinstance(right[j - 1], tuple))
    if a is not None and b is not None and (a == b or not (isinstance(a, str) and isinstance(b, str))):
        steps.append(((i + 1, j + 1), (a, b)))
    if b is not None and inside[0]:
        steps.append(((i, j + 1), (None, b)))
    if a is not None and inside[1]:
        steps.append(((i + 1, j), (a, None)))
    return steps


def _text_of(steps: Sequence[Step], rng: Random) -> str:
    texts: tuple[dict[str, str], dict[str, str]] = ({}, {})
    pieces = []
    for step in steps:
        literal = next((part for part in step if isinstance(part, str)), None)
        if literal is not None:
            pieces.append(literal)
            continue
        named = [(known, part) for known, part in zip(texts, step, strict=True) if isinstance(part, tuple)]
        text = next((known[name] for known, (name, _) in named if name in known), None)
        text = _sample([slot for _, (_, slot) in named], rng) if text is None else text
        for known, (name, _) in named:
            if name != UNNAMED:
                known[name] = text
        pieces.append(text)
    return "".join(pieces)


def _sample(slots: Sequence[Slot], rng: Random) -> str:
    """A text that each of the slots reads, if one is soon found."""
    text = ""
    for _ in range(_SHARED_SAMPLES):
        text = rng.choice(slots).sample(rng)
        if all(slot.parse(text) is not None for slot in slots):
            break
    return text
