"""What the semantic tier serves and refuses: generated number changes, and look-alike pairs from a file.

SEGLAM_PAIRS names a JSON Lines file of {"a", "b", "same_answer", "category"}; SEGLAM_INTENTS names a folder with train.csv and
test.csv of (text, category), a natural stream. Without them those parts are skipped and say so. The same vectors are judged
by every rule, in one run.
"""

import csv
import json
import os
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from seglam.embed import MiniLM
from seglam.values import conflict, difference, refusal

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
RULES: dict[str, Callable[[str, str, float], bool]] = {
    "bare .85": lambda _new, _stored, score: score >= 0.85,
    "bare .92": lambda _new, _stored, score: score >= 0.92,
    "bare .95": lambda _new, _stored, score: score >= 0.95,
    "strict .92": lambda new, stored, score: score >= 0.92 and difference(new, stored) is None,
    "default .92": lambda new, stored, score: refusal(new, stored, score, 0.92) is None,
    "conflict only": lambda new, stored, _score: conflict(new, stored) is None,
}
"""Name -> whether it serves (new, stored, score). "conflict only" is no rule to serve by: it stands beside contrast sets."""
SEED = 7
CACHED, ASKED, NEAREST = 2500, 600, 8


def changed(count: int) -> list[tuple[str, str]]:
    """Pairs that differ in exactly one number."""
    rng = random.Random(SEED)
    pairs = []
    while len(pairs) < count:
        template = rng.choice(TEMPLATES)
        a, b, c = (rng.randint(2, 60) for _ in range(3))
        if c not in (a, b):
            pairs.append((template.format(a, b), template.format(*rng.choice([(c, b), (a, c)]))))
    return pairs


def served(pairs: list[tuple[str, str]], embedder: MiniLM) -> dict[str, int]:
    """By rule: how many pairs are served."""
    scores = [float(np.dot(*embedder.embed(pair))) for pair in pairs]
    return {
        rule: sum(serves(b, a, score) for (a, b), score in zip(pairs, scores, strict=True))
        for rule, serves in RULES.items()
    }


def read_pairs(path: Path) -> list[tuple[str, str, bool, str]]:
    """Pairs of a labelled file."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [(row["a"], row["b"], bool(row["same_answer"]), str(row.get("category", ""))) for row in rows]


def read_intents(path: Path) -> list[tuple[str, str]]:
    """(text, intent) rows of one file."""
    with path.open(encoding="utf-8", newline="") as file:
        return [(row["text"], row["category"]) for row in csv.DictReader(file)]


def stream(folder: Path, embedder: MiniLM) -> dict[str, dict[str, float]]:
    """By rule: hit rate, and the share of hits whose stored question has another intent.

    A sample of the training rows is cached, a sample of the test rows is asked; the first of the nearest rows that the rule
    lets pass answers. Intent is a lenient label, and some labels are wrong.
    """
    rng = random.Random(SEED)
    cached = rng.sample(read_intents(folder / "train.csv"), CACHED)
    asked = rng.sample(read_intents(folder / "test.csv"), ASKED)
    stored, new = (
        np.concatenate([embedder.embed([text for text, _ in rows[i : i + 64]]) for i in range(0, len(rows), 64)])
        for rows in (cached, asked)
    )
    scores = new @ stored.T
    hits: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    for (text, intent), row in zip(asked, scores, strict=True):
        nearest = np.argsort(-row)[:NEAREST]
        for rule, serves in RULES.items():
            hit = next((i for i in nearest if serves(text, cached[i][0], float(row[i]))), None)
            if hit is not None:
                hits[rule] += 1
                wrong[rule] += cached[hit][1] != intent
    return {rule: {"hits": hits[rule] / ASKED, "wrong": wrong[rule] / max(hits[rule], 1)} for rule in RULES}


def main() -> dict[str, Any]:
    """Measure and print."""
    embedder = MiniLM()
    table = Table(title="served, by rule", title_justify="left")
    for column in ("pairs", "n", *RULES):
        table.add_column(column)
    results: dict[str, Any] = {}

    def report(name: str, pairs: list[tuple[str, str]]) -> None:
        counts = served(pairs, embedder)
        results[name] = {"n": len(pairs), **counts}
        table.add_row(name, str(len(pairs)), *(f"{count / len(pairs):.1%}" for count in counts.values()))

    console = Console()
    report("one number changed (want 0)", changed(1000))
    if place := os.environ.get("SEGLAM_PAIRS", ""):
        labelled = read_pairs(Path(place))
        report("same answer (want all)", [(a, b) for a, b, same, _ in labelled if same])
        report("another answer (want 0)", [(a, b) for a, b, same, _ in labelled if not same])
        for category in sorted({row[3] for row in labelled if not row[2]}):
            report(f"  of them {category}", [(a, b) for a, b, same, c in labelled if not same and c == category])
    else:
        console.print("labelled pairs skipped: set SEGLAM_PAIRS to a JSON Lines file of look-alike questions")
    if folder := os.environ.get("SEGLAM_INTENTS", ""):
        results["stream"] = stream(Path(folder), embedder)
        rates = (f"{r['hits']:.1%} / {r['wrong']:.1%}" for r in results["stream"].values())
        table.add_row("stream: hits / of them another intent", str(ASKED), *rates)
    else:
        console.print("natural stream skipped: set SEGLAM_INTENTS to a folder with train.csv and test.csv")
    console.print(table)
    return results
