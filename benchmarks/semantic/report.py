"""One command, tables, and JSON: ``SEGLAM_DATA=<folder> python -m benchmarks semantic``."""

from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from benchmarks.semantic import data, parts
from benchmarks.semantic.peers import Vectors
from benchmarks.semantic.peers import peers as known_peers
from seglam.minilm import MiniLM
from seglam.tape import Tape

TAPE: Final = Path(__file__).with_name("tape.jsonl.gz")
STORED: Final = 6_500
ASKED: Final = 3_000
_EXAMPLES: Final = 12


def main() -> dict[str, Any]:
    """Measure and print."""
    console = Console()
    place = data.folder()
    if place is None:
        console.print(
            "labelled data skipped: set SEGLAM_DATA to the folder that holds lookalike_pairs.jsonl and banking77/"
        )
    vectors = Vectors(MiniLM())
    peers = known_peers()
    for peer in peers:
        console.print(f"{peer.name}: {peer.what}")
    results: dict[str, Any] = {"peers": {peer.name: peer.what for peer in peers}}
    with Progress(console=console, transient=True) as bar:
        numbers = data.numbers(1_000)
        tick = _ticker(bar, "changed numbers", len(numbers))
        results["changed numbers"] = parts.without_sets(numbers, tick)
        tick = _ticker(bar, "changed numbers, others", len(numbers) * len(peers))
        results["others on changed numbers"] = parts.others_on_pairs(numbers, peers, vectors, tick)
        if place is not None:
            pairs = data.pairs(place)
            tick = _ticker(bar, "pairs, others", len(pairs) * len(peers))
            results["others on pairs"] = parts.others_on_pairs(pairs, peers, vectors, tick)
            results["pairs, plain rule"] = parts.without_sets(pairs, _ticker(bar, "pairs, plain", len(pairs)))
            tape = Tape(TAPE)
            for name, least in (("pairs, several wordings", 0.85), ("pairs, several wordings, no consensus", 1.0)):
                tick = _ticker(bar, name, len(pairs))
                results[name] = parts.with_wordings(pairs, tape, tick, consensus=least)
            others = data.strangers(place)
            tick = _ticker(bar, "pairs, sets", len(pairs))
            results["pairs, contrast sets"] = parts.with_sets(pairs, others, tape, tick)
            tick = _ticker(bar, "pairs, sets at 0.70", len(pairs))
            loose = parts.with_sets(pairs, others, tape, tick, contrast_threshold=0.70)
            results["pairs, contrast sets at 0.70"] = loose
            stored = data.banking(place, "train", 0, STORED)
            asked = data.banking(place, "test", 0, ASKED)
            results["banking77"] = parts.stream(
                stored, asked, peers, vectors, _ticker(bar, "banking77", 2 * len(asked))
            )
            halves = (data.banking(place, "train", 0, STORED + ASKED)[STORED:], asked)
            tick = _ticker(bar, "fitted", len(halves[0]) + len(asked))
            results["fitted to 1 %"] = parts.fitted(stored, halves, 0.01, tick)
    _show(console, results)
    return results


def _ticker(bar: Progress, name: str, total: int) -> parts.Tick:
    task = bar.add_task(name, total=total)
    return lambda: bar.advance(task)


def _show(console: Console, results: dict[str, Any]) -> None:
    table = Table("one number changed", "served", "another question's answer")
    for name, row in {**results["others on changed numbers"], "seglam": results["changed numbers"]}.items():
        table.add_row(name, _rate(row["traps"]), str(row["other question's answer"]))
    console.print(table)
    if "pairs, plain rule" not in results:
        return
    table = Table("look-alike pairs", "same answer, served", "another answer, served", "another question's answer")
    for name, row in results["others on pairs"].items():
        table.add_row(name, _rate(row["same"]), _rate(row["traps"]), str(row["other question's answer"]))
    for name in (
        *("pairs, plain rule", "pairs, several wordings, no consensus", "pairs, several wordings"),
        *("pairs, contrast sets", "pairs, contrast sets at 0.70"),
    ):
        row = results[name]
        table.add_row(
            f"seglam, {name[7:]}", _rate(row["same"]), _rate(row["traps"]), str(row["other question's answer"])
        )
    console.print(table)
    for name in ("pairs, contrast sets", "pairs, contrast sets at 0.70"):
        row = results[name]
        console.print(f"{name[7:]}: questions of other services, served: {_rate(row['strangers'])}; to be read:")
        for example in row["strangers served"]:
            console.print(f"  {example['score']:.2f} {example['asked']!r} as {example['served']!r}", style="dim")
        for example in row["examples"][:_EXAMPLES]:
            console.print(f"  served wrongly: {example['asked']!r} as {example['served']!r}", style="dim")
    table = Table("banking77", "hits", "another intent among hits")
    for name, row in results["banking77"].items():
        table.add_row(name, _rate(row["hits"]), _rate(row["wrong"]))
    row = results["fitted to 1 %"]
    table.add_row(f"seglam, fitted: {row['threshold']:.3f}", _rate(row["hits"]), _rate(row["wrong"]))
    console.print(table)


def _rate(row: dict[str, float]) -> str:
    return f"{row['share']:.1%} ({row['low']:.1%}-{row['high']:.1%}) of {row['n']:,}"
