"""Contrast sets as JSON Lines: what ``seglam questions export`` writes and ``import`` reads. Pure."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from seglam.contrast import LONGEST, MOST_OF_A_SENSE, Contrast, Sense, apart
from seglam.errors import ConfigurationError
from seglam.exchange import unstorable
from seglam.wordbook import Question, Wording

MOST_SETS: Final = 5_000
"""In one file: their vectors are written in one transaction."""
_LONGEST_QUESTION: Final = 65_536


@dataclass(frozen=True, slots=True)
class Filed:
    """The set of one question, as a file has it.

    Attributes:
        question: its text.
        contrast: wordings and look-alikes; one side may be empty.
        model: who wrote it, or "".
    """

    question: str
    contrast: Contrast
    model: str = ""


def line(question: Question, known: Sequence[Wording]) -> str:
    """One set as a line of JSON: question, same, other, model, namespace."""
    sides = {str(sense): [w.text for w in known if w.sense is sense] for sense in Sense}
    told = {"question": question.text, **sides, "model": question.model, "namespace": question.scope[0]}
    return json.dumps(told, ensure_ascii=False)


def read(lines: Iterable[str]) -> tuple[list[Filed], int]:
    """The sets of a file, one for each question, and how many wordings were left out.

    Left out is what can never be served or never refuses: a wording that states other values than its question, a look-alike
    that says the same, and what two lines about one question (from two contexts) put on different sides.

    Raises:
        ConfigurationError: a line is no set; the message names it. Nothing is read then.
    """
    found: dict[str, Filed] = {}
    for number, text in enumerate(lines, 1):
        if not text.strip():
            continue
        filed = _set(text, number)
        known = found.get(filed.question)
        found[filed.question] = filed if known is None else _merged(known, filed)
        if len(found) > MOST_SETS:
            raise ConfigurationError(f"line {number}: more than {MOST_SETS} questions; split the file")
    sets = [Filed(f.question, apart(f.contrast, f.question), f.model) for f in found.values()]
    left_out = sum(map(_count, found.values())) - sum(map(_count, sets))
    return [filed for filed in sets if _count(filed)], left_out


def _count(filed: Filed) -> int:
    return len(filed.contrast.same) + len(filed.contrast.other)


def _merged(one: Filed, other: Filed) -> Filed:
    same = dict.fromkeys((*one.contrast.same, *other.contrast.same))
    opposite = dict.fromkeys((*one.contrast.other, *other.contrast.other))
    sides = (tuple(same)[:MOST_OF_A_SENSE], tuple(opposite)[:MOST_OF_A_SENSE])
    return Filed(one.question, Contrast(*sides), one.model or other.model)


def _set(text: str, number: int) -> Filed:
    try:
        row: Any = json.loads(text)
    except (ValueError, RecursionError):
        raise ConfigurationError(f"line {number}: expected one JSON object, as `questions export` writes it") from None
    if not isinstance(row, dict):
        raise ConfigurationError(f"line {number}: expected a JSON object, got {type(row).__name__}")
    question = _text(row.get("question"), f"line {number}, question", _LONGEST_QUESTION)
    model = row.get("model", "")
    if not isinstance(model, str) or unstorable(model):
        raise ConfigurationError(f"line {number}, model: expected a text, got {model!r:.80}")
    same, other = (_side(row, str(sense), number) for sense in Sense)
    if both := next((text for text in same if text in other), None):
        raise ConfigurationError(f"line {number}: stands on both sides: {both!r:.80}")
    return Filed(question, Contrast(same, other), model)


def _side(row: dict[str, Any], sense: str, number: int) -> tuple[str, ...]:
    found = row.get(sense)
    if not isinstance(found, list):
        raise ConfigurationError(f"line {number}, {sense}: expected a list of texts, got {type(found).__name__}")
    if len(found) > MOST_OF_A_SENSE:
        raise ConfigurationError(f"line {number}, {sense}: expected at most {MOST_OF_A_SENSE} texts, got {len(found)}")
    texts = [_text(text, f"line {number}, {sense}[{at}]") for at, text in enumerate(found)]
    if len({*texts}) < len(texts):
        raise ConfigurationError(f"line {number}, {sense}: the same text twice")
    return tuple(texts)


def _text(value: Any, place: str, most: int = LONGEST) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ConfigurationError(f"{place}: expected a text, got {value!r:.80}")
    if why := unstorable(value):
        raise ConfigurationError(f"{place}: {why}")
    if len(value) > most:
        raise ConfigurationError(f"{place}: expected at most {most} characters, got {len(value)}")
    return value
