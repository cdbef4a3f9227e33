"""Run the benchmark: ``python -m benchmarks.crystal families|office|year|refuse|ablation|baselines|record|picture|all``.

Results are printed beside their targets and written to benchmarks/out/crystal-<name>.json; every request's row and every
cache stays in benchmarks/out/crystal/, and what is finished there is not played again while code and tape are the same.
"""

import argparse
import json
import logging
import platform
from collections.abc import Callable, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from benchmarks.crystal import report, runner
from benchmarks.crystal.runner import STREAMS, Plan, Run
from benchmarks.crystal.systems import SYSTEMS

COMMANDS = (*STREAMS, "refuse", "ablation", "baselines", "record", "picture", "all")
console = Console()


class Session:
    """One command's options, and the runs that it has played or read."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.out: Path = options.out / "crystal"
        self.tape: Path = options.tape
        self.absent: dict[str, str] = {}

    def plans(self, stream: str, system: str = "seglam") -> list[Plan]:
        """A stream's runs, one a seed; the year has one seed unless more are asked for."""
        o = self.options
        size = {"families": o.per_class or 200, "office": o.per_class or 50, "year": o.days}[stream]
        seeds = o.seeds if stream != "year" or o.seeds != list(range(5)) else o.seeds[:1]
        return [Plan(stream, size, seed, system, o.error) for seed in seeds]

    def play(self, plans: Sequence[Plan]) -> list[Run]:
        """Play or read runs, with a progress bar; a system that is not there is left out and remembered."""
        runs = []
        with bar() as progress:
            for plan in plans:
                if plan.system in self.absent:
                    continue
                task = progress.add_task(plan.name, total=None)
                items = plan.items()
                progress.update(task, total=len(items))
                try:
                    run = runner.run(
                        plan,
                        tape=self.tape,
                        out=self.out,
                        pending=self.options.pending,
                        keep=self.options.keep,
                        tick=partial(progress.advance, task),
                        items=items,
                    )
                except ImportError as error:
                    self.absent[plan.system] = str(error)
                    progress.remove_task(task)
                    continue
                progress.update(task, completed=len(items))
                runs.append(run)
        return runs

    def read(self, plan: Plan) -> Run | None:
        """A finished run, whatever code made it."""
        found = runner.load(self.out / f"{plan.name}.jsonl", plan)
        return None if found is None else found[0]

    def save(self, name: str, results: dict[str, Any]) -> None:
        """Write a command's results as JSON."""
        path = self.options.out / f"crystal-{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        data = {"environment": environment(self.tape), "options": _plain(vars(self.options)), "results": results}
        path.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        console.print(f"written: {path}", style="dim")


def bar() -> Progress:
    """The progress bar of all commands."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True))


def environment(tape: Path) -> dict[str, Any]:
    """What the figures were measured with."""
    names = ("seglam", "pydantic-monty", "onnxruntime", "faiss-cpu", "reasoning-gym")
    made = "no tape"
    if tape.exists():
        from seglam.tape import Tape

        made = str(Tape(tape).header.get("made", ""))
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "tape": made,
        **{name: version(name) for name in names},
    }


def stream(session: Session, name: str) -> None:
    """One stream, with asking always beside it."""
    runs = session.play(session.plans(name))
    always = session.play(session.plans(name, "none"))
    results = report.stream(runs, always)
    report.show_stream(console, name, results)
    session.save(name, results)


def baselines(session: Session) -> None:
    """All systems on the first seed of each stream that was asked for."""
    results: dict[str, Any] = {}
    for name in session.options.streams:
        first = [session.plans(name, system)[0] for system in SYSTEMS]
        runs = session.play(first)
        results[name] = {run.plan.system: report.system(run) for run in runs}
    report.show_baselines(console, results, session.absent)
    session.save("baselines", {"streams": results, "absent": session.absent})


def refuse(session: Session) -> None:
    """Near misses against the caches that the streams have left."""
    from benchmarks.crystal import refusal

    runs = session.play([plan for name in ("families", "office") for plan in session.plans(name)])
    results = refusal.refuse(runs, session.out, session.options.near, bar)
    report.show_refuse(console, results)
    session.save("refuse", results)


def ablation(session: Session) -> None:
    """Every stage of the gate left out in turn, against defective mutants of what the runs compiled."""
    from benchmarks.crystal import ablation as trial

    runs = session.play([session.plans(name)[0] for name in ("families", "office")])
    results = trial.ablate(runs, session.out, bar, per_draft=session.options.mutants)
    report.show_ablation(console, results)
    session.save("ablation", results)


def record(session: Session) -> None:
    """Find the prompts that the tape lacks."""
    o = session.options
    plans = [plan for name in o.streams for plan in session.plans(name)]
    with bar() as progress:
        task = progress.add_task("looking for prompts without a reply", total=sum(len(plan.items()) for plan in plans))
        count = runner.missing(plans, o.pending, o.tape, lambda: progress.advance(task))
    console.print(f"{count} prompts have no reply; they are in {o.pending}" if count else "every prompt has its reply")


def picture(session: Session) -> None:
    """The curves of the runs that are there."""
    from benchmarks.crystal import picture as drawing

    runs = {}
    for name in STREAMS:
        plans = [plan for system in SYSTEMS for plan in session.plans(name, system)]
        runs[name] = [run for plan in plans if (run := session.read(plan))]
    path = drawing.draw(runs, session.options.out / "crystal.png")
    console.print(f"written: {path}", style="dim")


def everything(session: Session) -> None:
    """All of it, one after the other."""
    for name in STREAMS:
        stream(session, name)
    for work in (baselines, refuse, ablation, picture):
        work(session)


WORK: dict[str, Callable[[Session], None]] = {
    "refuse": refuse,
    "ablation": ablation,
    "baselines": baselines,
    "record": record,
    "picture": picture,
    "all": everything,
}


def numbers(text: str) -> list[int]:
    """Seeds: "0-4", "3", "0,2,4"."""
    found: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        found.extend(range(int(first), int(last or first) + 1))
    return found


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        "python -m benchmarks.crystal", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("pending", nargs="?", type=Path, help="record: where prompts without a reply go")
    parser.add_argument("--seeds", type=numbers, default=list(range(5)), help="0-4, or a list (the year: 0)")
    parser.add_argument("--per-class", type=int, default=0, help="requests of each class (families 200, office 50)")
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--streams", type=lambda text: text.split(","), default=list(STREAMS), help="record, baselines")
    parser.add_argument("--near", type=int, default=60, help="refuse: near misses of each class")
    parser.add_argument("--mutants", type=int, default=24, help="ablation: defective mutants of each draft, at most")
    parser.add_argument("--error", type=float, default=0.05, help="share of the model's direct answers that are wrong")
    parser.add_argument("--tape", type=Path, default=runner.TAPE)
    parser.add_argument("--out", type=Path, default=runner.OUT.parent)
    parser.add_argument("--keep", action="store_true", help="take finished runs although code or tape have changed")
    options = parser.parse_args(arguments)
    if options.command == "record" and options.pending is None:
        parser.error("record: say where the prompts without a reply go")
    if unknown := sorted(set(options.streams) - set(STREAMS)):
        parser.error(f"unknown stream: {', '.join(unknown)}; there are {', '.join(STREAMS)}")
    return options


def _plain(options: dict[str, Any]) -> dict[str, Any]:
    return {name: str(value) if isinstance(value, Path) else value for name, value in options.items()}


def main() -> None:
    """Run what the command line says."""
    session = Session(parse())
    # A missing reply is counted and said at the end; a warning for each would tear the progress bar.
    logging.getLogger("seglam").setLevel(logging.ERROR)
    command = session.options.command
    if command in STREAMS:
        stream(session, command)
    else:
        WORK[command](session)


if __name__ == "__main__":
    main()
