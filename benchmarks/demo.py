"""The demo's stream, as a benchmark: what each tier served, and how often it was wrong."""

import statistics
import time
from typing import Any

from rich.console import Console

from seglam.demo.play import play


def main() -> dict[str, Any]:
    """Play the default stream three times and report the first run's counts and the median time."""
    seconds = []
    runs = []
    for _ in range(3):
        start = time.perf_counter()
        runs.append(play().as_json())
        seconds.append(time.perf_counter() - start)
    first = runs[0]
    same = all(run["by_tier"] == first["by_tier"] for run in runs)
    console = Console()
    console.print(
        f"served without the model {first['served_without_model']:.1%} of {first['requests']} (target >= 70 %)"
    )
    console.print(f"wrong hits {first['wrong_hits']} (target 0); by tier {first['by_tier']}")
    console.print(
        f"seconds, median of {len(seconds)}: {statistics.median(seconds):.1f} (target < 30); runs equal: {same}"
    )
    return {**first, "seconds": seconds, "runs_equal": same}
