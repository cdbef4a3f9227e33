"""Results of runs as JSON, and as tables with the targets beside the figures."""

from collections.abc import Sequence
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from benchmarks.crystal import metrics
from benchmarks.crystal.metrics import Prices, Row
from benchmarks.crystal.oracle import KINDS
from benchmarks.crystal.runner import Run

THINKING: Final = (0, 300)
"""Tokens of thinking for a direct answer, at which the break-even in money is stated."""
_WINDOW: Final = 7
_DAYS: Final = (30, 365)
_TARGETS: Final = {
    "families": 0.92,
    "office": 0.85,
}
_RATES: Final = {30: 0.10, 365: 0.02}


def kept(runs: Sequence[Run]) -> list[Row]:
    """The rows of all classes that their run's compiler did not decline."""
    return [row for run in runs for row in run.rows if row.klass not in run.declined]


def stream(runs: Sequence[Run], always: Sequence[Run]) -> dict[str, Any]:
    """All figures of one stream, its seeds together."""
    rows = [row for run in runs for row in run.rows]
    asked = [row for run in always for row in run.rows]
    good = kept(runs)
    halves = [metrics.cold(run.rows) for run in runs]
    started, warm = ([row for half in halves for row in half[part]] for part in (0, 1))
    recurring = [row for row in good if row.source != "oneoff"]
    results: dict[str, Any] = {
        "stream": runs[0].plan.stream,
        "requests": len(rows),
        "runs": [facts(run) for run in runs],
        "missing": sum(run.missing for run in runs),
        "declined": {f"{klass} (seed {run.plan.seed})": why for run in runs for klass, why in run.declined.items()},
        "hit_rate": metrics.hit_rate(recurring).as_json(),
        "hit_rate_procedure": metrics.hit_rate(recurring, tier="procedure").as_json(),
        "hit_rate_with_declined": metrics.hit_rate(r for r in rows if r.source != "oneoff").as_json(),
        "wrong_procedure": metrics.wrong_hits(rows),
        "wrong_all_tiers": metrics.wrong_hits(rows, ""),
        "oneoffs_served": metrics.share((r for r in rows if r.source == "oneoff" and not r.repeat), _hit).as_json(),
        "accuracy": metrics.accuracy(rows, asked),
        "calls": {kind: sum(r.calls.get(kind, 0) for r in rows) for kind in KINDS},
        "call_rate": sum(r.total for r in rows) / len(rows),
        "break_even": _break_evens(runs, always),
        "latency_us": metrics.latency(warm),
        "latency_cold_us": metrics.latency(started),
        "miss_us": metrics.latency(rows, "model"),
        "by_class": metrics.by_class(rows),
        "without_procedure": unserved(runs),
    }
    if runs[0].plan.stream == "year":
        results["year"] = _year(runs)
    return results


def _hit(row: Row) -> bool:
    return row.hit


def facts(run: Run) -> dict[str, Any]:
    """What must be known about a run before its figures are believed."""
    return {
        "name": run.plan.name,
        "requests": len(run.rows),
        "seconds": run.seconds,
        "missing": run.missing,
        "stale": run.stale,
        "faults": run.account.get("faults", {}),
        "check": run.account.get("check", []),
        "procedures": run.account.get("states", {}),
    }


def unserved(runs: Sequence[Run]) -> dict[str, str]:
    """Classes that were not declined and that no procedure ever answered, with what was last said about their drafts."""
    found: dict[str, str] = {}
    for run in runs:
        served = {row.klass for row in run.rows if row.tier == "procedure"}
        names = {row.klass for row in run.rows if row.source != "oneoff"} - served - set(run.declined)
        for klass in sorted(names):
            drafts = [made for made in run.account.get("procedures", []) if made["klass"] == klass]
            tried = [made for made in run.compiles if made.klass == klass]
            why = "never compiled"
            if drafts:
                why = f"{drafts[-1]['state']}: " + "; ".join(drafts[-1]["refused"])
            elif tried and tried[-1].reply is None:
                why = "no reply on the tape"
            elif tried:
                why = "no reply was a procedure"
            found[f"{klass} (seed {run.plan.seed})"] = why
    return found


def _break_evens(runs: Sequence[Run], always: Sequence[Run]) -> dict[str, Any]:
    """In calls, and in money at every amount of thinking, over the classes that were not declined."""
    kinds: dict[str, Prices | None] = {"calls": None}
    kinds |= {f"money, {n} tokens of thinking": Prices(thinking=n) for n in THINKING}
    results: dict[str, Any] = {}
    for name, prices in kinds.items():
        found: dict[str, int | None] = {}
        for run, asked in zip(runs, always, strict=True):
            pairs = [
                (row, other)
                for row, other in zip(run.rows, asked.rows, strict=True)
                if row.source != "oneoff" and row.klass not in run.declined
            ]
            one = metrics.break_evens([row for row, _ in pairs], [other for _, other in pairs], prices)
            found |= {f"{klass} (seed {run.plan.seed})": number for klass, number in one.items()}
        results[name] = metrics.summary(found)
    return results


def _year(runs: Sequence[Run]) -> dict[str, Any]:
    """Call rates by day and what the drifts did."""
    rows = [row for run in runs for row in run.rows]
    last = max(row.day for row in rows) + 1
    rates: dict[str, Any] = {}
    for day in sorted({min(day, last) for day in _DAYS}):
        rates[str(day)] = {
            "day": metrics.call_rate(rows, day),
            "week": metrics.call_rate(rows, day, window=_WINDOW),
            "week_with_oneoffs": metrics.call_rate(rows, day, window=_WINDOW, oneoffs=True),
            "recurring_without_declined": metrics.call_rate(kept(runs), day, window=_WINDOW),
        }
    steady = [
        row
        for run in runs
        for gone in [{at for klass, day in drifts(run) for at in metrics.unnoticed(run.rows, klass, day)}]
        for row in run.rows
        if row.at not in gone
    ]
    return {
        "rates": rates,
        "wrong_procedure_without_drifts": metrics.wrong_hits(steady),
        "by_day": {str(day): line for day, line in sorted(metrics.calls_by_day(rows).items())},
        "drifts": [metrics.drift(run.rows, klass, day) for run in runs for klass, day in drifts(run)],
    }


def drifts(run: Run) -> list[tuple[str, int]]:
    """The classes of a year whose right answers change, with the day."""
    from benchmarks.crystal import streams

    return sorted(streams.drifts(run.plan.seed, days=run.plan.size).items())


def system(run: Run) -> dict[str, Any]:
    """One line of the comparison of systems."""
    rows = [row for row in run.rows if row.source != "oneoff"]
    return {
        **facts(run),
        "hit_rate": metrics.hit_rate(rows).as_json(),
        "wrong": metrics.wrong_hits(run.rows, ""),
        "accuracy": metrics.accuracy(run.rows)["ours"],
        "call_rate": sum(row.total for row in run.rows) / len(run.rows),
        "dollars": sum(Prices().dollars(row) for row in run.rows),
        "lookup_us": _times(run),
    }


def _times(run: Run) -> dict[str, dict[str, float]]:
    return {tier: metrics.latency(run.rows, tier) for tier in ("exact", "procedure", "semantic", "model")}


# -- tables ------------------------------------------------------------------------------------------------------------


def percent(value: float, digits: int = 2) -> str:
    """A share for a table."""
    return f"{100 * value:.{digits}f} %"


def _estimate(value: dict[str, float]) -> str:
    span = f"{percent(value['low'])} to {percent(value['high'])}"
    return f"{percent(value['value'])} ({span}; {value['count']:.0f}/{value['of']:.0f})"


def show_stream(console: Console, name: str, results: dict[str, Any]) -> None:
    """One stream's table; what makes its figures worthless comes first."""
    warn(console, results["runs"])
    table = Table(title=f"{name}: {results['requests']} requests", title_justify="left")
    for column in ("metric", "measured (95 % over classes)", "target", ""):
        table.add_column(column)
    for metric, measured, target, met in _lines(name, results):
        table.add_row(metric, measured, target, "" if met is None else "[green]yes[/]" if met else "[bold red]NO[/]")
    console.print(table)
    for title, part in (("declined by the compiler", "declined"), ("never served by a procedure", "without_procedure")):
        for klass, why in results[part].items():
            console.print(f"{title}: {klass}: {why[:200]}", markup=False)


def warn(console: Console, runs: Sequence[dict[str, Any]]) -> None:
    """What no reader may overlook."""
    for run in runs:
        faults = {place: n for place, n in run["faults"].items() if n}
        for wrong, what in (
            (run["missing"], f"{run['missing']} prompts had no reply on the tape: these figures are too low"),
            (run["stale"], "played with other code or another tape than now"),
            (faults, f"faults inside: {faults}"),
            (run["check"], f"Cache.check() found: {run['check']}"),
        ):
            if wrong:
                console.print(f"{run['name']}: {what}", style="bold red", markup=False)


Line = tuple[str, str, str, bool | None]


def _lines(name: str, results: dict[str, Any]) -> list[Line]:
    hits, wrong, right = results["hit_rate"], results["wrong_procedure"], results["accuracy"]
    target = _TARGETS.get(name)
    lines: list[Line] = [
        (
            "hit rate, declined classes left out",
            _estimate(hits),
            "" if target is None else f">= {percent(target, 0)}",
            None if target is None else hits["value"] >= target,
        ),
        ("  by procedures", _estimate(results["hit_rate_procedure"]), "", None),
        ("  with the declined classes", _estimate(results["hit_rate_with_declined"]), "", None),
        ("wrong among procedure hits", _estimate(wrong), "<= 0.20 %", wrong["value"] <= 0.002),
        ("  exact upper 95 % bound", percent(wrong["upper"]), "<= 0.50 %", wrong["upper"] <= 0.005),
        ("wrong among all hits", _estimate(results["wrong_all_tiers"]), "", None),
        (
            "accuracy",
            _estimate(right["ours"]),
            f">= {percent(right['always']['value'])}",
            right["difference"]["value"] >= 0,
        ),
        ("  minus asking always", _estimate(right["difference"]), ">= 0", right["difference"]["value"] >= 0),
        ("model calls a request, all kinds", f"{percent(results['call_rate'])}  {results['calls']}", "", None),
    ]
    for kind, found in results["break_even"].items():
        part = f"{found['within_12']}/{found['n']} classes within 12; median {found['median']}, worst {found['worst']}"
        wanted, met = ("<= 12", found["within_12"] == found["n"]) if kind == "calls" else ("", None)
        lines.append((f"break-even, {kind}", f"{part}, never {len(found['never'])}", wanted, met))
    if "year" in results:
        lines += _year_lines(results)
    warm = results["latency_us"]
    met = warm["p50"] <= 600 and warm["p99"] <= 5000 if warm["n"] else None
    lines.append(("procedure hit, microseconds", _times_text(warm), "p50 <= 600, p99 <= 5000", met))
    lines.append(("  the first after each start", _times_text(results["latency_cold_us"]), "", None))
    return lines


def _times_text(found: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.0f}" for name, value in found.items())


def _year_lines(results: dict[str, Any]) -> list[Line]:
    lines: list[Line] = []
    for day, found in results["year"]["rates"].items():
        target = _RATES.get(int(day))
        week = found["week"]
        apart = ", ".join(f"{kind} {percent(week[kind])}" for kind in KINDS)
        wanted = "" if target is None else f"<= {percent(target, 0)}"
        met = None if target is None else week["all"] <= target
        lines += [
            (f"calls a recurring request, week to day {day}", f"{percent(week['all'])} ({apart})", wanted, met),
            ("  that day alone", percent(found["day"]["all"]), "", None),
            ("  with one-offs", percent(found["week_with_oneoffs"]["all"]), "", None),
            ("  declined classes left out", percent(found["recurring_without_declined"]["all"]), "", None),
        ]
    steady = results["year"]["wrong_procedure_without_drifts"]
    met = steady["value"] <= 0.002 and steady["upper"] <= 0.005
    text = f"{_estimate(steady)}; upper {percent(steady['upper'])}"
    lines.append(("wrong among procedure hits, drifts left out until noticed", text, "<= 0.20 %, upper 0.50 %", met))
    for one in results["year"]["drifts"]:
        text = (
            f"noticed after {one['days_until_noticed']} days, {one['requests_until_noticed']} requests, "
            f"{one['wrong_until_noticed']} wrong; served again after {one['days_until_served_again']} days; "
            f"wrong later {one['wrong_later']}"
        )
        lines.append((f"drift of {one['klass']} on day {one['day'] + 1}", text, "", None))
    lines.append(("one-offs that were served", _estimate(results["oneoffs_served"]), "", None))
    return lines


def show_baselines(console: Console, results: dict[str, Any], absent: dict[str, str]) -> None:
    """Systems side by side on each stream."""
    for name, systems in results.items():
        warn(console, list(systems.values()))
        table = Table(title=f"{name}, seed of the first run", title_justify="left")
        for column in (
            "system",
            "hit rate",
            "wrong among hits",
            "upper 95 %",
            "accuracy",
            "calls a request",
            "dollars",
        ):
            table.add_column(column)
        for label, found in systems.items():
            table.add_row(
                label,
                percent(found["hit_rate"]["value"]),
                f"{percent(found['wrong']['value'])} ({found['wrong']['count']:.0f}/{found['wrong']['of']:.0f})",
                percent(found["wrong"]["upper"]) if found["wrong"]["of"] else "-",
                percent(found["accuracy"]["value"]),
                percent(found["call_rate"]),
                f"{found['dollars']:.2f}",
            )
        for label, why in absent.items():
            table.add_row(label, f"absent: {why}"[:80], *[""] * 5)
        console.print(table)


def show_refuse(console: Console, results: dict[str, Any]) -> None:
    """Refused near misses by kind."""
    table = Table(title="near misses asked of every class with a live procedure", title_justify="left")
    for column in ("kind", "asked", "served by a procedure", "refused", "served by meaning"):
        table.add_column(column)
    for kind, found in results["kinds"].items():
        refused = 1 - found["procedure"] / found["asked"] if found["asked"] else 1.0
        table.add_row(kind, str(found["asked"]), str(found["procedure"]), percent(refused), str(found["semantic"]))
    console.print(table)
    whole = results["refused"]
    met = "[green]yes[/]" if whole["value"] >= 0.998 else "[bold red]NO[/]"
    console.print(f"refused by the procedure tier: {_estimate(whole)}, target >= 99.80 %: {met}")
    for one in results["served"][:20]:
        console.print(f"  {one['klass']} ({one['kind']}): {one['text']!r} -> {one['reply']!r}", markup=False)


def show_ablation(console: Console, results: dict[str, Any]) -> None:
    """What each stage of the gate earns and costs."""
    title = f"gate: {results['drafts']} live drafts, {results['mutants']} defective mutants; passed with all stages: "
    table = Table(title=title + str(results["passed_all"]), title_justify="left")
    for column in ("stage left out", "mutants that then pass", "caught by it first", "by it alone", "model calls", "ms a draft",
                   "good drafts refused by it"):  # fmt: skip
        table.add_column(column)
    for stage, found in results["stages"].items():
        table.add_row(
            stage, str(found["pass_without"]), str(found["first"]), str(found["unique"]), str(found["calls"]),
            f"{found['ms']:.1f}", str(found["false"]),
        )  # fmt: skip
    console.print(table)
    console.print(f"good drafts refused by the whole gate: {results['false_rejections']}/{results['drafts']}")
    console.print(f"second versions: {results['rewrites']}")
