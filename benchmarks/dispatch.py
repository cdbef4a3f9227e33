"""Dispatch over many live procedures: how long it takes to see that none, or which few, may answer a request.

Three corpora of 10,000 patterns: each with a word of its own; all of the same few words in other combinations; and of a script
without spaces. Texts of about 300 characters that none takes, with as many words of the patterns as a text can have.
"""

import random
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

from rich.console import Console
from rich.table import Table

from seglam.dispatch import Dispatch
from seglam.guard import Guard

PATTERNS = 10_000
ROUNDS = 2_000
TARGET = 0.05
_SYLLABLES = [first + vowel + last for first in "bdfgklmnprst" for vowel in "aeiou" for last in "lmnrst"]
_COMMON = [
    "What",
    "is",
    "the",
    "total",
    "of",
    "all",
    "goods",
    "in",
    "that",
    "order",
    "when",
    "each",
    "box",
    "and",
    "a",
    "crate",
]


def word(number: int) -> str:
    """A word for each number, so that a corpus has as many words as it needs."""
    return _SYLLABLES[number % len(_SYLLABLES)] + _SYLLABLES[number // len(_SYLLABLES) % len(_SYLLABLES)]


def distinct(number: int) -> str:
    """The same beginning and end, one word of its own."""
    return f"What is the total of {{n:integer}} boxes of {word(number)} at {{price:money}} each, in dollars?"


def combined(number: int) -> str:
    """Of a hundred words, two each."""
    return f"What is the total of {{n:integer}} {word(number % 100)} and {{m:integer}} {word(number // 100)} goods?"


def unspaced(number: int) -> str:
    """No whole word that is literal."""
    return f"{chr(0x4E00 + number)}{{n:integer}}的{chr(0x4E00 + 7 * number % 9973)}{{m:integer}}等于多少千克"


def misses(corpus: Callable[[int], str], rng: random.Random) -> Iterator[str]:
    """Texts of 300 characters made of the literal words of the corpus, and of what patterns have in common."""
    while True:
        pieces = [rng.choice(_COMMON) for _ in range(10)]
        while sum(map(len, pieces)) + len(pieces) < 300:
            template = corpus(rng.randrange(PATTERNS))
            pieces += [piece for piece in template.replace("{", " {").replace("}", "} ").split() if "{" not in piece]
        yield ("What is the total of " + " ".join(pieces))[:300]


def timed(work: Callable[[str], Any], texts: list[str]) -> dict[str, float]:
    """Milliseconds of one call."""
    samples = []
    for text in texts:
        start = time.perf_counter()
        work(text)
        samples.append((time.perf_counter() - start) * 1e3)
    cuts = statistics.quantiles(samples, n=100)
    return {"p50": statistics.median(samples), "p95": cuts[94], "p99": cuts[98], "n": len(samples)}


def corpus_of(make: Callable[[int], str], name: str, results: dict[str, Any]) -> None:
    """Build it, and measure misses and hits."""
    rng = random.Random(1)
    start = time.perf_counter()
    guards = [Guard.parse([make(number)], proven=True) for number in range(PATTERNS)]
    parsed = time.perf_counter()
    dispatch = Dispatch().changed(dict(enumerate(guards)))
    done = time.perf_counter()
    results[f"{name}: read 10,000 patterns"] = {"p50": (parsed - start) * 1e3, "n": 1}
    results[f"{name}: file 10,000 guards"] = {"p50": (done - parsed) * 1e3, "n": 1}
    texts = misses(make, rng)
    missed = [next(texts) for _ in range(ROUNDS)]
    results[f"{name}: miss"] = timed(dispatch.candidates, missed)
    results[f"{name}: miss"]["candidates"] = statistics.mean(len(dispatch.candidates(text)) for text in missed)
    taken = [guards[number].patterns[0].sample(number) for number in rng.sample(range(PATTERNS), 500)]
    results[f"{name}: taken"] = timed(dispatch.candidates, taken)
    results[f"{name}: taken"]["candidates"] = statistics.mean(len(dispatch.candidates(text)) for text in taken)


def main() -> dict[str, Any]:
    """Measure all and print the table."""
    results: dict[str, Any] = {}
    for make in (distinct, combined, unspaced):
        corpus_of(make, make.__name__, results)
    table = Table(
        title=f"milliseconds, {PATTERNS:,} live procedures; a miss is to cost <= {TARGET} ms", title_justify="left"
    )
    for column in ("", "p50", "p95", "p99", "n", "candidates"):
        table.add_column(column, justify="left" if not column else "right")
    for name, row in results.items():
        cells = [f"{row[key]:.3f}" if key in row else "" for key in ("p50", "p95", "p99")]
        table.add_row(name, *cells, f"{row['n']:,}", f"{row['candidates']:.2f}" if "candidates" in row else "")
    Console().print(table)
    return results


if __name__ == "__main__":
    main()
