"""Plays a stream through a system and keeps one row a request; a finished run is read instead of played again."""

import hashlib
import json
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import seglam
from benchmarks.crystal.items import Item, right
from benchmarks.crystal.metrics import Row
from benchmarks.crystal.oracle import Compile, Oracle, declined
from benchmarks.crystal.systems import START, SYSTEMS, Seglam, System
from seglam.tape import Tape

OUT: Final = Path(__file__).parents[1] / "out" / "crystal"
TAPE: Final = Path(__file__).with_name("tape.jsonl.gz")
VERSION: Final = 1
_DAY: Final = 86_400.0
_MINUTE: Final = 60.0
STREAMS: Final = ("families", "office", "year")


@dataclass(frozen=True, slots=True)
class Plan:
    """One run: a stream of a size (requests per class, or days), a seed, a system, and the model's error rate."""

    stream: str
    size: int
    seed: int
    system: str = "seglam"
    error: float = 0.05

    @property
    def name(self) -> str:
        """The run's file, without an ending."""
        odd = "" if self.error == 0.05 else f"-e{self.error:g}"
        return f"{self.stream}-{self.size}-s{self.seed}-{self.system}{odd}"

    def items(self) -> list[Item]:
        """The stream."""
        from benchmarks.crystal import streams

        if self.stream == "families":
            return streams.families(self.seed, per_class=self.size)
        if self.stream == "office":
            return streams.office(self.seed, per_class=self.size)
        return streams.year(self.seed, days=self.size)


@dataclass(frozen=True)
class Run:
    """A finished run: its rows, and what the system and the model had to say at its end."""

    plan: Plan
    rows: Sequence[Row]
    account: dict[str, Any] = field(default_factory=dict)
    compiles: Sequence[Compile] = ()
    missing: int = 0
    seconds: float = 0.0
    stale: bool = False

    @cached_property  # asked for every row
    def declined(self) -> dict[str, str]:
        """Classes that the compiler declined last and that no procedure ever answered, with its reason."""
        served = {row.klass for row in self.rows if row.tier == "procedure"}
        return {klass: why for klass, why in sorted(declined(self.compiles).items()) if klass not in served}


def fingerprint(plan: Plan, tape: Path | None) -> str:
    """A digest of all that a run's result depends on: the benchmark, the package, and the tape where it is asked."""
    here = Path(__file__).parent
    wanted = ["items.py", "families.py", "streams.py", "oracle.py", "runner.py", "systems.py"]
    files = [*(here / name for name in wanted), *here.glob("office*.py")]
    if plan.system not in ("none", "gptcache", "gptcache-minilm"):
        files += [path for path in Path(seglam.__file__).parent.glob("*.py") if path.name != "cli.py"]
    if plan.system == "seglam" and tape is not None:
        files.append(tape)
    total = hashlib.sha256(json.dumps([VERSION, asdict(plan)]).encode())
    for path in sorted(files):
        total.update(path.name.encode() + hashlib.sha256(path.read_bytes() if path.exists() else b"").digest())
    return total.hexdigest()


def times(items: Sequence[Item]) -> Iterator[float]:
    """The simulated second of each item: one a minute on a stream without days, evenly over its day otherwise."""
    days: dict[int, int] = {}
    for item in items:
        days[item.day] = days.get(item.day, 0) + 1
    step = {day: _MINUTE if len(days) == 1 else _DAY / count for day, count in days.items()}
    place: dict[int, int] = {}
    for item in items:
        number = place[item.day] = place.get(item.day, -1) + 1
        yield START + item.day * _DAY + number * step[item.day]


def play(
    items: Sequence[Item], system: System, oracle: Oracle, tick: Callable[[], None] = lambda: None
) -> Iterator[Row]:
    """Send a stream through a system; the row of each request as it is done. The process restarts with every new day."""
    states: dict[str, int] = {}
    day = items[0].day if items else 0
    for number, (item, now) in enumerate(zip(items, times(items), strict=True)):
        if item.day != day:
            day = item.day
            system.restart()
        oracle.know(item)
        oracle.at = number
        found = system.find(item.text, now)
        reply = found.text
        if reply is None:
            completion = oracle.direct(item, "audit" if found.why == "audit" else "direct")
            reply = completion.text
            system.learn(item.text, completion)
        fell = False
        if found.text is None and isinstance(system, Seglam):
            before, states = states, system.states()
            accused = found.why in ("audit", "disagree") and states.get("live", 0) < before.get("live", 0)
            fell = accused or states.get("suspended", 0) > before.get("suspended", 0)
        correct = right(item, reply)
        yield Row.of(number, item, found, reply, correct=correct, spent=oracle.take(), fell=fell)
        tick()


def run(
    plan: Plan,
    *,
    tape: Path | None = None,
    out: Path = OUT,
    pending: Path | None = None,
    keep: bool = False,
    tick: Callable[[], None] = lambda: None,
    items: Sequence[Item] | None = None,
) -> Run:
    """Play a plan, or read its finished file.

    Args:
        plan: what to play.
        tape: the compiler's replies; None: none.
        out: where rows and caches are kept.
        pending: where prompts without a reply are written.
        keep: take a finished file although code or tape have changed since (its Run is then ``stale``).
        tick: called after every request.
        items: the stream; None: the plan's own.

    Raises:
        ImportError: the plan's system is not installed.
    """
    path = out / f"{plan.name}.jsonl"
    mark = fingerprint(plan, tape)
    done = load(path, plan)
    if done is not None and (keep or done[1] == mark):
        return done[0] if done[1] == mark else replace(done[0], stale=True)
    out.mkdir(parents=True, exist_ok=True)
    database = out / f"{plan.name}.db"
    for old in (database, *(database.with_name(database.name + end) for end in ("-wal", "-shm", "-journal"))):
        old.unlink(missing_ok=True)
    recorded = None if tape is None or not tape.exists() else Tape(tape, pending=pending)
    oracle = Oracle(recorded, error=plan.error, seed=plan.seed)
    system = SYSTEMS[plan.system](database, oracle)
    begin = time.perf_counter()
    try:
        rows = play(plan.items() if items is None else items, system, oracle, tick)
        _write(path, {"crystal": VERSION, "fingerprint": mark, "plan": asdict(plan)}, rows, lambda: {
            "account": _named(system.account(), oracle),
            "compiles": [made.as_json() for made in oracle.compiles],
            "missing": len(oracle.missing),
            "seconds": round(time.perf_counter() - begin, 1),
        })  # fmt: skip
    finally:
        system.close()
    done = load(path, plan)
    assert done is not None
    return done[0]


def _named(account: dict[str, Any], oracle: Oracle) -> dict[str, Any]:
    """The account with the class of every procedure, which only the benchmark knows."""
    for made in account.get("procedures", []):
        made["klass"] = next((klass for text in made["examples"] if (klass := oracle.klass(text))), "")
    return account


def _write(path: Path, header: dict[str, Any], rows: Iterable[Row], last: Callable[[], dict[str, Any]]) -> None:
    """The whole file under another name first: what has the right name is finished."""
    part = path.with_suffix(".part")
    count = 0
    with part.open("w", encoding="utf-8") as file:
        file.write(json.dumps(header) + "\n")
        for row in rows:
            file.write(json.dumps(row.as_json(), ensure_ascii=False, separators=(",", ":")) + "\n")
            count += 1
        file.write(json.dumps({"end": count, **last()}, ensure_ascii=False) + "\n")
    part.replace(path)


def load(path: Path, plan: Plan) -> tuple[Run, str] | None:
    """The run in a file and its fingerprint; None when there is none, or it is broken or another plan's."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        header, end = json.loads(lines[0]), json.loads(lines[-1])
        if header["crystal"] != VERSION or header["plan"] != asdict(plan) or end["end"] != len(lines) - 2:
            return None
        rows = [Row.from_json(json.loads(line)) for line in lines[1:-1]]
        compiles = [Compile(**made) for made in end["compiles"]]
        found = Run(plan, rows, end["account"], compiles, end["missing"], end["seconds"])
    except (OSError, ValueError, KeyError, IndexError, TypeError):
        return None
    return found, str(header["fingerprint"])


def _empty(path: Path) -> Path:
    """A tape without a reply, for the first recording."""
    path.write_text(json.dumps({"tape": 1, "model": "none"}) + "\n", encoding="utf-8")
    return path


def missing(plans: Sequence[Plan], pending: Path, tape: Path, tick: Callable[[], None] = lambda: None) -> int:
    """Play streams only to find prompts without a reply; they go to ``pending``. Returns how many there are."""
    pending.unlink(missing_ok=True)
    recorded = Tape(tape if tape.exists() else _empty(pending.with_suffix(".empty")), pending=pending)
    for plan in plans:
        oracle = Oracle(recorded, error=plan.error, seed=plan.seed)
        with tempfile.TemporaryDirectory() as place:  # a file: a year restarts every day
            system = SYSTEMS["seglam"](Path(place) / "seglam.db", oracle)
            try:
                for _row in play(plan.items(), system, oracle, tick):
                    pass
            finally:
                system.close()
    return len(pending.read_text(encoding="utf-8").splitlines()) if pending.exists() else 0
