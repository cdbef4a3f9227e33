"""The call-rate curves, by request number and by day, as one PNG picture (needs matplotlib: the extra [bench])."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.crystal import metrics
from benchmarks.crystal.runner import Run

_COLOURS = {
    "seglam": "tab:blue",
    "none": "tab:gray",
    "exact": "tab:olive",
    "semantic-0.92": "tab:orange",
    "semantic-0.97": "tab:brown",
    "gptcache": "tab:red",
    "gptcache-minilm": "tab:pink",
}
_STYLES = {"families": "-", "office": "--"}
_WINDOW = 7


def curve(runs: Sequence[Run]) -> list[float]:
    """Model calls at the k-th request of a class, mean over all classes and seeds that were not declined."""
    sums: list[list[float]] = []
    for run in runs:
        rates = metrics.counts_by_number(row for row in run.rows if row.klass not in run.declined)
        for k, (calls, n) in enumerate(rates):
            if k == len(sums):
                sums.append([0.0, 0.0])
            sums[k][0] += calls
            sums[k][1] += n
    return [calls / n for calls, n in sums]


def smooth(values: Sequence[float], window: int) -> list[float]:
    """The mean of each value and those before it, up to ``window`` of them."""
    return [sum(part) / len(part) for end in range(1, len(values) + 1) if (part := values[max(0, end - window) : end])]


def by_day(runs: Sequence[Run], kinds: Sequence[str]) -> list[float]:
    """Model calls of these kinds for each recurring request, day by day, each over the week that ends with it."""
    rows = [row for run in runs for row in run.rows]
    table = metrics.calls_by_day(rows)
    days = range(max(table, default=-1) + 1)
    weeks = [[table[d] for d in range(max(0, day - _WINDOW + 1), day + 1) if d in table] for day in days]
    return [
        sum(line[kind] for line in week for kind in kinds) / max(1, sum(line["n"] for line in week)) for week in weeks
    ]


def draw(runs: Mapping[str, Sequence[Run]], path: Path) -> Path:
    """Draw what there is; an axis without a run stays empty and says so.

    Raises:
        ImportError: matplotlib is not installed.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(13, 5), layout="constrained")
    _by_number(left, runs)
    _by_day(right, runs.get("year", ()))
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)
    plt.close(figure)
    return path


def _systems(runs: Sequence[Run]) -> dict[str, list[Run]]:
    found: dict[str, list[Run]] = {}
    for run in runs:
        found.setdefault(run.plan.system, []).append(run)
    return found


def _wrong(runs: Sequence[Run]) -> str:
    """Beside a low call rate must stand what it cost: how many of the hits were wrong."""
    found = metrics.wrong_hits([row for run in runs for row in run.rows], "")
    return f"{found['value']:.2%} of hits wrong" if found["of"] else "no hits"


def _by_number(axis: Any, runs: Mapping[str, Sequence[Run]]) -> None:
    for stream, style in _STYLES.items():
        for system, some in _systems(runs.get(stream, ())).items():
            if system == "none":
                continue
            values = smooth(curve(some), 3)
            label = f"{system}, {stream} ({_wrong(some)})"
            axis.plot(range(1, len(values) + 1), values, style, color=_COLOURS[system], label=label, lw=1.5)
    axis.axhline(1.0, color="tab:gray", lw=0.8)
    axis.set(
        title="Model calls for the k-th request of a class\n(new values each time; all calls counted; declined classes left out)",
        xlabel="k", ylabel="model calls", xscale="log", ylim=(0, None),
    )  # fmt: skip
    axis.xaxis.set_major_formatter("{x:.0f}")
    axis.xaxis.set_minor_formatter("")
    _legend(axis)


def _by_day(axis: Any, runs: Sequence[Run]) -> None:
    for system, some in _systems(runs).items():
        if system == "none":
            continue
        values = by_day(some, ("all",))
        axis.plot(range(1, len(values) + 1), values, color=_COLOURS[system], label=f"{system} ({_wrong(some)})", lw=1.5)
        if system == "seglam":
            for kind, style in (("direct", ":"), ("compile", "--"), ("audit", "-."), ("vote", (0, (1, 4)))):
                part = by_day(some, (kind,))
                axis.plot(range(1, len(part) + 1), part, ls=style, color="tab:blue", lw=0.9, label=f"  of it {kind}")
    for day, target in ((30, 0.10), (365, 0.02)):
        axis.plot([day], [target], "kv", ms=6, label=f"target on day {day}: {target:.0%}")
    axis.axhline(1.0, color="tab:gray", lw=0.8)
    axis.set(
        title="Model calls a recurring request, by day\n(mean of 7 days, restarted daily, new classes all year)",
        xlabel="day", ylabel="model calls", ylim=(0, None),
    )  # fmt: skip
    axis.set_yscale("symlog", linthresh=0.02)
    axis.set_yticks([0, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0], ["0", "2 %", "5 %", "10 %", "20 %", "50 %", "100 %"])
    _legend(axis)


def _legend(axis: Any) -> None:
    if axis.lines[:-1]:
        axis.legend(fontsize=7)
    else:
        axis.text(0.5, 0.5, "no finished run", transform=axis.transAxes, ha="center")
