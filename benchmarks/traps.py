"""What the semantic tier serves and refuses: generated number changes, and look-alike pairs from a file.

SEGLAM_PAIRS names a JSON Lines file of {"a", "b", "same_answer", "category"}; without it that part is
skipped and says so. The same vectors are judged by the bare threshold and by ours, in one run.
"""

import json
import os
import random
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from seglam.embed import MiniLM
from seglam.values import difference

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
THRESHOLDS = (0.85, 0.92, 0.95)


def changed(count: int) -> list[tuple[str, str]]:
    """Pairs that differ in exactly one number."""
    rng = random.Random(7)
    pairs = []
    while len(pairs) < count:
        template = rng.choice(TEMPLATES)
        a, b, c = (rng.randint(2, 60) for _ in range(3))
        if c not in (a, b):
            pairs.append((template.format(a, b), template.format(*rng.choice([(c, b), (a, c)]))))
    return pairs


def served(pairs: list[tuple[str, str]], embedder: MiniLM) -> dict[float, tuple[int, int]]:
    """By threshold: pairs served by the bare rule, and by ours."""
    scores = [float(np.dot(*embedder.embed(pair))) for pair in pairs]
    same = [difference(b, a) is None for a, b in pairs]
    return {
        t: (sum(s >= t for s in scores), sum(s >= t and ok for s, ok in zip(scores, same, strict=True)))
        for t in THRESHOLDS
    }


def read_pairs(path: Path) -> list[tuple[str, str, bool, str]]:
    """Pairs of a labelled file."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [(row["a"], row["b"], bool(row["same_answer"]), str(row.get("category", ""))) for row in rows]


def main() -> dict[str, Any]:
    """Measure and print."""
    embedder = MiniLM()
    table = Table(title="served: bare threshold / with value guards", title_justify="left")
    for column in ("pairs", "n", *(f"cosine >= {t}" for t in THRESHOLDS)):
        table.add_column(column)
    results: dict[str, Any] = {}

    def report(name: str, pairs: list[tuple[str, str]]) -> None:
        counts = served(pairs, embedder)
        results[name] = {"n": len(pairs), **{str(t): {"bare": b, "seglam": s} for t, (b, s) in counts.items()}}
        table.add_row(
            name, str(len(pairs)), *(f"{b / len(pairs):.1%} / {s / len(pairs):.1%}" for b, s in counts.values())
        )

    report("one number changed (want 0)", changed(1000))
    place = os.environ.get("SEGLAM_PAIRS", "")
    console = Console()
    if place:
        labelled = read_pairs(Path(place))
        report("same answer (want all)", [(a, b) for a, b, same, _ in labelled if same])
        report("another answer (want 0)", [(a, b) for a, b, same, _ in labelled if not same])
        for category in sorted(Counter(row[3] for row in labelled)):
            report(
                f"  another answer, {category}",
                [(a, b) for a, b, same, c in labelled if not same and c == category] or [("", "x")],
            )
    else:
        console.print("labelled pairs skipped: set SEGLAM_PAIRS to a JSON Lines file of look-alike questions")
    console.print(table)
    return results
