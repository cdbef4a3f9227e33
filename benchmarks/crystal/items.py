"""One request of the benchmark, whether a reply to it is right, and what a plausible wrong reply looks like.

A class of requests is a family of reasoning-gym or an office template. `sequence(klass, seed)` is its endless list of
distinct requests; every stream takes them from the front, so streams with one seed share their compile prompts.
"""

import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

Source = Literal["family", "office", "oneoff"]
Kind = Literal["numbers", "final", "text", "yesno", "json"]

_NUMBER = re.compile(r"(?<![\w.,])(-?)([$€£]?)(\d{1,3}(?:,\d{3})+|\d+)((?:\.\d+)?)(?![\d])")
_SIGNS = frozenset("$€£")


@dataclass(frozen=True, slots=True)
class Item:
    """One request and its right reply.

    Attributes:
        text: The request.
        answer: The right reply in the class's one style; empty where any answer of a procedure is wrong.
        klass: Name of the family or template; a one-off has "oneoff".
        phrasing: Which of the class's wordings.
        index: Place in the class's sequence; paraphrases and repeats keep their original's.
        source: Where the class comes from.
        repeat: The same text stood earlier in the stream.
        paraphrase: An earlier request's values in another wording.
        day: Day of the stream, from 0; 0 in streams without days.
        wrong_answers: Wrong replies that a template proposes; `wrong` makes others where there are none.
    """

    text: str
    answer: str
    klass: str
    phrasing: int
    index: int
    source: Source
    repeat: bool = False
    paraphrase: bool = False
    day: int = 0
    wrong_answers: tuple[str, ...] = ()


def classes() -> tuple[str, ...]:
    """Every class of the families and office streams, families first."""
    from benchmarks.crystal import families, office

    return (*families.FAMILIES, *office.names())


def sequence(klass: str, seed: int) -> Iterator[Item]:
    """The endless, distinct, deterministic requests of a class.

    Raises:
        KeyError: There is no such class.
    """
    from benchmarks.crystal import families, office

    return families.sequence(klass, seed) if klass in families.FAMILIES else office.sequence(klass, seed)


def right(item: Item, reply: str) -> bool:
    """Whether a reply has the item's value. Nothing is right for an item without an answer."""
    from benchmarks.crystal import families, office

    if not item.answer or not reply.strip():
        return False
    if item.source == "family":
        return families.score(item, reply.strip()) == 1.0
    kind: Kind = "text" if item.source == "oneoff" else office.kind(item.klass)
    return same(kind, item.answer, reply, item.text)


def wrong(item: Item, rng: random.Random) -> str:
    """A plausible wrong reply in the item's style, never right.

    Raises:
        ValueError: The item has no answer to get wrong.
    """
    if not item.answer:
        raise ValueError("an item without an answer cannot be answered wrongly in its style")
    for _ in range(200):
        reply = rng.choice(item.wrong_answers) if item.wrong_answers else corrupted(item.answer, rng)
        if not right(item, reply):
            return reply
    raise ValueError(f"no wrong reply found for {item.answer!r}")


def numbers(text: str) -> list[Decimal]:
    """The numbers of a text in order, without thousands commas and currency signs."""
    found = _NUMBER.finditer(text)
    return [Decimal(sign + whole.replace(",", "") + part) for sign, _, whole, part in (m.groups() for m in found)]


def same(kind: Kind, answer: str, reply: str, request: str) -> bool:
    """Whether a reply has the value of the right answer.

    numbers: the reply's numbers are the answer's, in order; others only if the request has them. final: the last number.
    text: the same characters, but for spaces and a last full stop. yesno: the first word. json: the same structure.
    """
    if kind == "json":
        return _json(reply) == _json(answer) is not None
    if kind == "yesno":
        return _first_word(reply) == _first_word(answer)
    if kind == "text":
        return _plain(reply) == _plain(answer)
    if not {c for c in reply if c in _SIGNS} <= {c for c in answer if c in _SIGNS}:
        return False
    wanted, got = numbers(answer), numbers(reply)
    if kind == "final":
        return bool(got) and got[-1] == wanted[-1]
    known = set(numbers(request)) - set(wanted)
    return [n for n in got if n not in known] == wanted


def corrupted(answer: str, rng: random.Random) -> str:
    """The answer with one slip: a flipped yes, another digit, two entries or two letters in the other order."""
    word = _first_word(answer)
    if word in {"yes", "no"}:
        return ("No" if word == "yes" else "Yes") + answer[len(word) :]
    digits = [i for i, c in enumerate(answer) if c.isdigit()]
    if digits:
        at = rng.choice(digits[-4:] if rng.random() < 0.7 else digits)
        return answer[:at] + rng.choice([d for d in "123456789" if d != answer[at]]) + answer[at + 1 :]
    for separator in ("\n", ", ", " "):
        parts = answer.split(separator)
        if len(set(parts)) > 1:
            i, j = rng.sample(range(len(parts)), 2)
            parts[i], parts[j] = parts[j], parts[i]
            return separator.join(parts)
    letters = list(answer)
    if len(set(letters)) > 1:
        i, j = rng.sample(range(len(letters)), 2)
        letters[i], letters[j] = letters[j], letters[i]
        return "".join(letters)
    return answer + rng.choice("abcxyz")


def _json(text: str) -> object:
    fenced = re.fullmatch(r"\s*```(?:json)?\s*(.*?)\s*```\s*", text, re.DOTALL)
    try:
        return json.loads(fenced[1] if fenced else text)
    except ValueError:
        return None


def _first_word(text: str) -> str:
    found = re.match(r"\W*(\w+)", text)
    return found[1].lower() if found else ""


def _plain(text: str) -> str:
    lines = (" ".join(line.split()) for line in text.strip().splitlines())
    return "\n".join(lines).removesuffix(".")
