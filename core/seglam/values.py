"""Value guards: may one stored answer serve both questions? Cosine cannot tell 17 from 18, or "enable" from "disable".

``difference`` reads both texts and returns the first thing that differs, or None. It looks for reasons to refuse: values,
negation and direction, whose it is, the kind of question, every word that carries meaning, and their order. A word is the
same only if it is equal, inflected, a known synonym, or an obvious misspelling; so a gap in the word lists costs a hit.
"""

import json
from collections import Counter
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Final

from seglam.lexicon import BENIGN, OPPOSITES, RELATIONS
from seglam.quantities import Value
from seglam.reading import Reading, Word, normal, read

_BEFORE_WORDS: Final = frozenset(("to", "from", "by", "with", "for", "about", "and", "or"))
_BEFORE_VALUES: Final = frozenset(("to", "from", "for", "in", "by", "with", "at", "per", "and", "or"))
_ALIKE: Final = (frozenset(("to", "for")), frozenset(("by", "with")), frozenset(("about", "for")))
"""Prepositions that may stand for each other before a word: "a ticket to Rome", "a ticket for Rome"."""


def difference(new: str, stored: str) -> str | None:
    """What forbids to serve the answer of ``stored`` to ``new``; None if both state the same values.

    Args:
        new: the question that is asked.
        stored: the question whose answer is known.

    Returns:
        A short reason such as "number 17 != 18", or None.
    """
    if normal(new) == normal(stored):
        return None
    try:
        a, b = read(new), read(stored)
    except (ValueError, OverflowError, RecursionError) as error:
        return f"unreadable: {type(error).__name__}"
    for judge in (_values, _marks, _owners, _kinds, _contents):
        reason = judge(a, b)
        if reason is not None:
            return reason
    return None


def _values(a: Reading, b: Reading) -> str | None:
    if a.stated == b.stated or (len(a.stated) == len(b.stated) and all(map(_equal, a.stated, b.stated))):
        return None
    if Counter(a.stated) == Counter(b.stated):
        return f"order of values: {', '.join(a.stated_texts)} / {', '.join(b.stated_texts)}"
    for x, y, one, other in zip(a.stated, b.stated, a.stated_texts, b.stated_texts, strict=False):
        if not _equal(x, y):
            return f"{x[0]} {one} != {other}"
    longer = a if len(a.stated) > len(b.stated) else b
    at = min(len(a.stated), len(b.stated))
    return f"{longer.stated[at][0]} {longer.stated_texts[at]} only in one"


def _equal(x: tuple[str, Value, str], y: tuple[str, Value, str]) -> bool:
    return x[:2] == y[:2] and (x[2] == y[2] or {x[2], y[2]} in ({"GBP", "pound"}, {"lb", "pound"}))


def _marks(a: Reading, b: Reading) -> str | None:
    if a.marks == b.marks:
        return None
    only_a, only_b = Counter(a.marks) - Counter(b.marks), Counter(b.marks) - Counter(a.marks)
    one, other = next(iter(only_a), ""), next(iter(only_b), "")
    if "not" in (one, other):
        return "negation differs: 'not'"
    return f"'{one}' against '{other}'" if one and other else f"'{one or other}' only in one"


def _owners(a: Reading, b: Reading) -> str | None:
    if a.owners and b.owners and a.owners != b.owners:
        return f"whose: {'/'.join(sorted(a.owners))} against {'/'.join(sorted(b.owners))}"
    if a.partners == b.partners[::-1] != b.partners:
        return f"who: {' to '.join(a.partners)} against {' to '.join(b.partners)}"
    return None


def _kinds(a: Reading, b: Reading) -> str | None:
    if a.asks and b.asks and a.asks != b.asks:
        return f"asks '{a.asks}' against '{b.asks}'"
    if a.tense and b.tense and a.tense != b.tense:
        return f"{a.tense} against {b.tense}"
    return None


def _contents(a: Reading, b: Reading) -> str | None:
    if not a.words and not b.words:
        return None if a.plain == b.plain else "no words to compare"
    shared = {word.stem for word in a.words} & {word.stem for word in b.words}
    only_a = [word for word in a.words if word.stem not in shared]
    only_b = [word for word in b.words if word.stem not in shared]
    alias = _reconcile(only_a, only_b, a.words, b.words)
    only_a = [word for word in only_a if word.stem not in alias]
    only_b = [word for word in only_b if word.stem not in alias]
    if only_a and only_b:
        return _replaced(only_a, only_b)
    if only_a or only_b:
        word = (only_a or only_b)[0]
        return f"{'name' if word.name else 'word'} '{word.text}' only in one"
    return _roles(a.words, b.words) or _order(a.words, b.words, alias)


def _replaced(only_a: list[Word], only_b: list[Word]) -> str:
    for x in only_a:
        for y in only_b:
            if (
                frozenset((x.text.casefold(), y.text.casefold())) in OPPOSITES
                or frozenset((x.stem, y.stem)) in OPPOSITES
            ):
                return f"opposites: '{x.text}' and '{y.text}'"
    kind = "name" if only_a[0].name or only_b[0].name else "word"
    return f"{kind} '{only_a[0].text}' against '{only_b[0].text}'"


def _reconcile(
    only_a: list[Word], only_b: list[Word], all_a: tuple[Word, ...], all_b: tuple[Word, ...]
) -> dict[str, str]:
    """Stems that are the same word after all: misspelt, or written as one word and as two."""
    alias: dict[str, str] = {}
    for x in only_a:
        for y in only_b:
            if x.stem not in alias and y.stem not in alias and not (x.name or y.name) and _misspelt(x.text, y.text):
                alias[x.stem] = alias[y.stem] = min(x.stem, y.stem)
    for ones, others in ((only_a, all_b), (only_b, all_a)):
        for word in ones:
            for left, right in pairwise(others):
                if not right.before and word.text.casefold() == (left.text + right.text).casefold():
                    alias[word.stem] = alias[left.stem] = alias[right.stem] = word.stem
    return alias


@cache
def _vocabulary() -> frozenset[str]:
    """Common English words: those that the shipped tokenizer knows whole. Empty without it: then nothing is misspelt."""
    path = files("seglam").joinpath("model/tokenizer.json")
    try:
        vocabulary = json.loads(path.read_text("utf-8"))["model"]["vocab"]
    except (OSError, ValueError, KeyError):
        return frozenset()
    return frozenset(word for word in vocabulary if not word.startswith("##"))


def _misspelt(one: str, other: str) -> bool:
    """Whether exactly one is a known word and the other is it with a letter dropped, doubled or swapped.

    A replaced letter is not enough: sulfate and sulfite.
    """
    x, y = sorted((one.casefold(), other.casefold()), key=len)
    if len(x) < 4 or x[0] != y[0] or len(y) - len(x) > 1 or (x in _vocabulary()) == (y in _vocabulary()):  # noqa: PLR2004
        return False
    at = next((i for i, (p, q) in enumerate(zip(x, y, strict=False)) if p != q), len(x))
    if len(x) == len(y):
        return x[at : at + 2] == y[at : at + 2][::-1] and x[at + 2 :] == y[at + 2 :]
    return 0 < at < len(x) and x[at:] == y[at + 1 :]


def _roles(a: tuple[Word, ...], b: tuple[Word, ...]) -> str | None:
    """The same word or value after another preposition: "to Rome" and "from Rome", "in 2 hours" and "for 2 hours"."""
    there = {word.stem: word.before for word in b}
    for word in a:
        value = word.stem.startswith("=")
        looked_at = _BEFORE_VALUES if value else _BEFORE_WORDS
        one, other = word.before & looked_at, there.get(word.stem, frozenset()) & looked_at
        alike = not value and any(pair & one and pair & other for pair in _ALIKE)
        if one and other and not one & other and not alike:
            return f"'{' '.join(sorted(one))} {word.text}' against '{' '.join(sorted(other))} {word.text}'"
    return None


def _order(a: tuple[Word, ...], b: tuple[Word, ...], alias: dict[str, str]) -> str | None:
    """A changed order is harmless only where a phrase moved that grammar lets move: "guest password", "password for guests"."""
    first, second = _sequence(a, alias), _sequence(b, alias)
    left, right = [stem for stem, _ in first], [stem for stem, _ in second]
    if left == right:
        return None
    if sorted(left) == sorted(right):
        lead = next(i for i, (x, y) in enumerate(zip(left, right, strict=True)) if x != y)
        tail = next(i for i, (x, y) in enumerate(zip(left[::-1], right[::-1], strict=True)) if x != y)
        one, other = first[lead : len(left) - tail], second[lead : len(right) - tail]
        for cut in range(1, len(one)):
            stems = [stem for stem, _ in one]
            if stems[cut:] + stems[:cut] == [stem for stem, _ in other] and _moved(one, other, cut):
                return None
    return f"order: {' '.join(left)} / {' '.join(right)}"


def _moved(one: list[tuple[str, frozenset[str]]], other: list[tuple[str, frozenset[str]]], cut: int) -> bool:
    """Whether the two blocks change places without a change of roles."""
    here, there = one[cut][1], other[len(one) - cut][1]
    for x, y in ((here, there), (there, here)):
        if x and (x <= BENIGN or x == {"be"}) and (not y or "," in y) and not y & (RELATIONS - BENIGN):
            return True
    return False


def _sequence(words: tuple[Word, ...], alias: dict[str, str]) -> list[tuple[str, frozenset[str]]]:
    """The stems in order, each with what stands before it; repetitions in a row count once."""
    sequence: list[tuple[str, frozenset[str]]] = []
    for word in words:
        stem = alias.get(word.stem, word.stem)
        if not sequence or sequence[-1][0] != stem:
            sequence.append((stem, word.before))
    return sequence
