"""Value guards: may one stored answer serve both questions? Cosine cannot tell 17 from 18, or "enable" from "disable".

Three readings, each looser than the one before; each returns the first thing that stands against serving, or None.

``difference``: both say the same in the same order, values by meaning, words as written, but for a closed list of edits.
``mismatch``: the kind of question agrees, and the content words correspond one to one, phrasing aside.
``conflict``: no value is stated differently: numbers, units, polarity, quantifiers, names, roles. Words are not compared.

A pair that corresponds may score less than the threshold: ``effective`` says what its score counts as.
"""

from typing import Final

from seglam.clashes import clash
from seglam.reading import Item, read
from seglam.wording import departure, slip

_SLACK: Final = 1.5
"""Where the wordings correspond, the score may miss the threshold by so many times what the threshold misses 1 by."""
_KNEE: Final = 0.08
_MISSPELT: Final = 3.75
"""The same where only the spelling differs: one slip breaks a word into other pieces, and costs the model that much."""


def floor(threshold: float, *, misspelt: bool = False) -> float:
    """The least score with which a pair is read at all: 0.80 for a threshold of 0.92, 0.62 if only the spelling differs.

    A threshold of 1 leaves no slack, so that it still switches the looser readings off.

    Args:
        threshold: cosine that the policy asks for, 0 to 1.
        misspelt: whether the wordings differ by slips of the keyboard only.
    """
    return threshold - (_MISSPELT if misspelt else _SLACK) * min(1.0 - threshold, _KNEE)


def effective(score: float, *, misspelt: bool = False) -> float:
    """The highest threshold whose ``floor`` a score reaches: what the score counts as where the wordings correspond."""
    slack = _MISSPELT if misspelt else _SLACK
    strict = (score + slack) / (1.0 + slack)
    return min(1.0, strict if 1.0 - strict <= _KNEE else score + _KNEE * slack)


def difference(new: str, stored: str) -> str | None:
    """What two questions do not say alike, word by word; None if both say the same.

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
        if x[:2] != y[:2] and not (x.typo and y.typo and x.key[1:] == y.key[1:] and slip(str(x.key[0]), str(y.key[0]))):
            return _reason(x, y)
    if len(a) != len(b):
        item = max(a, b, key=len)[min(len(a), len(b))]
        return f"{item.kind} '{item.text}' only in one"
    return None


def mismatch(new: str, stored: str) -> str | None:
    """Where the wordings of two questions do not correspond; None if one is the other in other words.

    Args:
        new: the question that is asked.
        stored: the question whose answer is known.

    Returns:
        A short reason such as "kind of question: how against why", or None.
    """
    if new.strip() == stored.strip():
        return None
    try:
        told = departure(new, stored)
        if told is None:
            return clash(new, stored)
        return told if told.startswith("'") or difference(new, stored) else None
    except (ValueError, OverflowError, RecursionError) as error:
        return f"unreadable: {type(error).__name__}"


def conflict(new: str, stored: str) -> str | None:
    """Which value two questions state differently; None if none, whatever their words are.

    It is no proof that an answer serves both: something else must say that, a contrast set or a person.

    Args:
        new: the question that is asked.
        stored: the question whose answer is known.

    Returns:
        A short reason such as "'enable' against 'disable'", or None.
    """
    if new.strip() == stored.strip():
        return None
    try:
        return clash(new, stored)
    except (ValueError, OverflowError, RecursionError) as error:
        return f"unreadable: {type(error).__name__}"


def _reason(x: Item, y: Item) -> str:
    if "not" in (x.key[0], y.key[0]):
        return "negation differs: 'not'"
    if x.kind == y.kind not in ("word", "sign"):
        return f"{x.kind} {x.text} != {y.text}"
    return f"{x.kind} '{x.text}' against '{y.text}'"
