"""Real questions with their intents (banking77, clinc150), and as many more as wanted by editing their words.

``SEGLAM_TEXTS`` names a folder with banking77/{train,test}.csv and clinc150/data_full.json. The vectors are kept beside the
results, because a million of them take the embedded model some twenty minutes.
"""

import csv
import json
import os
import random
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from seglam.minilm import MiniLM

OPENERS = (
    "hi, ", "hello, ", "hey, ", "please, ", "quick question: ", "sorry to ask, but ", "i was wondering, ", "tell me, ",
    "good morning, ", "excuse me, ", "just checking, ", "can you help? ", "help! ", "one more thing: ", "so ", "okay, ",
)  # fmt: skip
CLOSERS = (
    " please", " thanks", " thank you", " today", " right now", " asap", " for me", " if possible", " again", " by any chance",
    " or not", " this week", " in general", " at the moment", " as soon as possible", " if i may ask",
)  # fmt: skip
SEED = 7
Labelled = tuple[str, str]


def place() -> Path | None:
    """The folder of the texts; None where it is not given."""
    folder = os.environ.get("SEGLAM_TEXTS", "")
    return Path(folder) if folder and (Path(folder) / "banking77" / "train.csv").is_file() else None


def read(folder: Path) -> tuple[list[Labelled], list[Labelled]]:
    """(text, intent) to be stored and to be asked, distinct and without a common text, each in a fixed shuffled order."""
    stored, asked = [], []
    for name, rows in (("train", stored), ("test", asked)):
        with (folder / "banking77" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            rows += [(line["text"].strip(), f"bank.{line['category']}") for line in csv.DictReader(file)]
    for name, lines in json.loads((folder / "clinc150" / "data_full.json").read_text(encoding="utf-8")).items():
        (asked if name.endswith("test") else stored).extend((text, f"clinc.{intent}") for text, intent in lines)
    first = list({text: (text, intent) for text, intent in stored}.values())
    known = {text for text, _ in first}
    second = list({text: (text, intent) for text, intent in asked if text not in known}.values())
    for rows in (first, second):
        random.Random(SEED).shuffle(rows)
    return first, second


def expand(stored: list[Labelled]) -> Iterator[Labelled]:
    """The stored texts, then endlessly new ones: one to three edits of their words, within an intent."""
    groups: dict[str, list[list[str]]] = defaultdict(list)
    for text, intent in stored:
        groups[intent].append(text.split())
    rng, seen = random.Random(SEED), {text for text, _ in stored}
    yield from stored
    while True:
        text, intent = rng.choice(stored)
        words = text.split()
        for _ in range(rng.randint(1, 3)):
            words = _edit(words, rng.choice(groups[intent]), rng)
        new = " ".join(words)
        if new not in seen:
            seen.add(new)
            yield new, intent


def _edit(words: list[str], other: list[str], rng: random.Random) -> list[str]:
    """One edit: a word of another text of the intent in place of one, a word left out, two texts crossed, a phrase more."""
    kind, here = rng.randrange(5), rng.randrange(len(words))
    if kind == 0:
        return [*words[:here], rng.choice(other), *words[here + 1 :]]
    if kind == 1 and len(words) > 3:
        return [*words[:here], *words[here + 1 :]]
    if kind == 2 and len(words) < 25:
        return [*words[: here + 1], *other[min(here + 1, len(other) // 2) :]]
    if kind == 3:
        return (rng.choice(OPENERS) + " ".join(words)).split()
    return (" ".join(words).rstrip("?.! ") + rng.choice(CLOSERS)).split()


def vectors(texts: Iterator[str] | list[str], count: int, file: Path) -> Any:
    """Half-precision vectors (count, 384) of the first ``count`` texts, from the file where it has them.

    The file grows in place, so that a run that was stopped goes on where it was.
    """
    model, width = MiniLM(), 2 * MiniLM().dimension
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("ab") as out:
        done = out.tell() // width
        out.truncate(done * width)
        for number, text in enumerate(texts):
            if number >= count:
                break
            if number >= done:
                out.write(model.embed([text])[0].astype("<f2").tobytes())
    return np.memmap(file, dtype="<f2", mode="r").reshape(-1, model.dimension)[:count]
