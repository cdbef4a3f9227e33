"""The data of the benchmark. SEGLAM_DATA names the folder: lookalike_pairs.jsonl, banking77/train.csv and test.csv."""

import csv
import json
import os
import random
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Pair:
    """Two questions, and whether one answer serves both."""

    a: str
    b: str
    same: bool
    category: str


def folder() -> Path | None:
    """Where the data is; None where it was not said."""
    place = os.environ.get("SEGLAM_DATA", "")
    return Path(place) if place else None


def pairs(place: Path) -> list[Pair]:
    """The look-alike pairs."""
    lines = (place / "lookalike_pairs.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines if line.strip()]
    return [Pair(row["a"], row["b"], bool(row["same_answer"]), str(row["category"])) for row in rows]


def banking(place: Path, part: str, seed: int, most: int) -> list[tuple[str, str]]:
    """(question, intent) of a part of banking77, in random order."""
    with (place / "banking77" / f"{part}.csv").open(encoding="utf-8", newline="") as file:
        rows = [(row["text"], row["category"]) for row in csv.DictReader(file)]
    random.Random(f"{part}/{seed}").shuffle(rows)
    return rows[:most]


def strangers(place: Path, most: int = 800) -> list[str]:
    """Questions to a bank and to an assistant, from banking77 and clinc150."""
    rows = json.loads((place / "clinc150" / "data_full.json").read_text("utf-8"))["test"]
    return [text for text, _ in banking(place, "test", 0, most)] + [str(row[0]) for row in rows[:most]]


TEMPLATES = (
    "What is {} * {}?",
    "How many days are {} weeks and {} days?",
    "Convert {} miles to kilometres, rounded to {} decimals.",
    "What does a {} litre tank cost at {} dollars?",
    "Who won the match on {} May {}?",
    "Summarise chapter {} of part {}.",
    "Is flight {} on time at gate {}?",
    "How do I upgrade from version {} to version {}?",
)


def numbers(count: int) -> list[Pair]:
    """Pairs that differ in exactly one number."""
    rng = random.Random(7)
    found: list[Pair] = []
    while len(found) < count:
        template = rng.choice(TEMPLATES)
        a, b, c = (rng.randint(2, 60) for _ in range(3))
        if c not in (a, b):
            other = template.format(*rng.choice([(c, b), (a, c)]))
            found.append(Pair(template.format(a, b), other, same=False, category="number"))
    return found
