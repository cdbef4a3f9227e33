"""Value guards: may one stored answer serve both questions? Cosine cannot tell 17 from 18, or "enable" from "disable".

``difference`` reads both texts and returns the first thing that differs, or None. Both must say the same in the same order:
values by meaning, words as written. Only a closed list of edits is overlooked (``lexicon``), and obvious misspellings.
"""

import json
from collections import Counter
from functools import cache
from importlib.resources import files
from typing import Final

from seglam.reading import Item, read

_SHORT: Final = 7
"""A shorter word is too often another word with one letter changed: "clam", "calm"."""
_ENDINGS: Final = ("ing", "ings", "ed", "er", "ers", "y", "ies", "est", "e", "a", "o")
"""A double letter before these tells words apart: "planing", "planning"."""


def difference(new: str, stored: str) -> str | None:
    """What forbids to serve the answer of ``stored`` to ``new``; None if both say the same.

    Args:
        new: the question that is asked.
        stored: the question whose answer is known.

    Returns:
        A short reason such as "number 17 != 18", or None.
    """
    if new.strip() == stored.strip():
        return None
    try:
        a, b = read(new), read(stored)
    except (ValueError, OverflowError, RecursionError) as error:
        return f"unreadable: {type(error).__name__}"
    if not a or not b:
        return "nothing to compare"
    for x, y in zip(a, b, strict=False):
        if x[:2] != y[:2] and not (
            x.typo and y.typo and x.key[1:] == y.key[1:] and _misspelt(str(x.key[0]), str(y.key[0]))
        ):
            return _reason(x, y)
    if len(a) != len(b):
        item = max(a, b, key=len)[min(len(a), len(b))]
        return f"{item.kind} '{item.text}' only in one"
    return None


def conflict(new: str, stored: str) -> str | None:
    """Which value of one text the other does not state; ordinary words are not compared. None where there is no such value."""
    try:
        a, b = (
            Counter((i.kind, i.key) for i in read(text) if i.kind not in ("word", "sign")) for text in (new, stored)
        )
        negated = [sum("not" in map(str, i.key) for i in read(text)) % 2 for text in (new, stored)]
    except (ValueError, OverflowError, RecursionError) as error:
        return f"unreadable: {type(error).__name__}"
    if negated[0] != negated[1]:
        return "negation differs: 'not'"
    apart = (a - b) + (b - a)
    return None if not apart else f"{next(iter(apart))[0]} differs"


def _reason(x: Item, y: Item) -> str:
    if "not" in (x.key[0], y.key[0]):
        return "negation differs: 'not'"
    if x.kind == y.kind not in ("word", "sign"):
        return f"{x.kind} {x.text} != {y.text}"
    return f"{x.kind} '{x.text}' against '{y.text}'"


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
    """Whether exactly one is a known word, and the other is it with a double letter halved or doubled, or two swapped.

    Another letter is not enough: sulfate and sulfite, prostate and prostrate.
    """
    x, y = sorted((one, other), key=len)
    if len(y) < _SHORT or x[0] != y[0] or len(y) - len(x) > 1 or (x in _vocabulary()) == (y in _vocabulary()):
        return False
    at = next((i for i, (p, q) in enumerate(zip(x, y, strict=False)) if p != q), len(x))
    if len(x) == len(y):
        swapped = x[at : at + 2] == y[at : at + 2][::-1] and x[at + 2 :] == y[at + 2 :]
        return swapped and (len(x) > _SHORT or set(x[at : at + 2]) == {"i", "e"})
    doubled = 1 < at < len(x) and x[at:] == y[at + 1 :] and y[at] == y[at - 1]
    return doubled and y[at] not in "aeiou" and y[at + 1 :] not in _ENDINGS
