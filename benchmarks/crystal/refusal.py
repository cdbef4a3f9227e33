"""Asks trained caches what only looks like the requests they know: whatever a procedure answers is wrong."""

import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.progress import Progress

from benchmarks.crystal import metrics
from benchmarks.crystal.runner import Run, times
from benchmarks.crystal.systems import Seglam
from seglam import Policy


def live(run: Run) -> list[str]:
    """The classes that had a live procedure at a run's end."""
    made = run.account.get("procedures", [])
    return sorted({one["klass"] for one in made if one["state"] == "live" and one["klass"]})


def trained(run: Run, out: Path, folder: Path) -> Seglam:
    """A copy of the cache that a run has left, which answers and learns nothing; audits would only hide what it serves."""
    copy = folder / f"{run.plan.name}.db"
    shutil.copyfile(out / copy.name, copy)
    return Seglam(copy, Policy(compile="off", audit=0.0, audit_first=0.0, prove=False))


def refuse(runs: Sequence[Run], out: Path, count: int, bar: Callable[[], Progress]) -> dict[str, Any]:
    """Ask every class with a live procedure ``count`` near misses, in each run's own cache, right after its last request.

    Args:
        runs: finished runs of seglam.
        out: where their caches are.
        count: near misses of each class.
        bar: makes the progress bar.
    """
    from benchmarks.crystal import refuse as near

    asked: list[tuple[str, bool]] = []
    kinds: dict[str, dict[str, int]] = {}
    served: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder, bar() as progress:
        for run in runs:
            classes = live(run)
            *_, now = times(run.plan.items())
            system = trained(run, out, Path(folder))
            try:
                for klass in progress.track(classes, description=f"near misses, {run.plan.name}"):
                    for item in near.refuse(klass, run.plan.seed, count):
                        found = system.find(item.text, now)
                        line = kinds.setdefault(kind(item), {"asked": 0, "procedure": 0, "semantic": 0, "exact": 0})
                        line["asked"] += 1
                        asked.append((klass, found.tier == "procedure"))
                        if found.text is not None:
                            line[found.tier] += 1
                            served.append({"klass": klass, "seed": run.plan.seed, "kind": kind(item), "tier": found.tier,
                                           "by": found.source, "text": item.text, "reply": found.text})  # fmt: skip
            finally:
                system.close()
    wrong = sum(hit for _, hit in asked)
    return {
        "refused": metrics.pooled((klass, not hit, 1) for klass, hit in asked).as_json(),
        "upper_wrong": metrics.upper_bound(wrong, len(asked)),
        "classes": len({klass for klass, _ in asked}),
        "kinds": dict(sorted(kinds.items())),
        "served": [one for one in served if one["tier"] == "procedure"],
        "served_by_meaning": [one for one in served if one["tier"] != "procedure"],
    }


def kind(item: Any) -> str:
    """Which way of looking alike a near miss is of."""
    return str(getattr(item, "kind", "")) or "near miss"
