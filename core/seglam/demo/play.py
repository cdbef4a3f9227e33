"""Play a stream of office requests through the three applications and keep what happened to each."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from seglam import Cache, Hit, Miss, Policy, Procedure, State, Stats, TierName
from seglam.demo.applications import CountedModel, core_application, langchain_application, llamaindex_application
from seglam.demo.traffic import Item, right, stream
from seglam.llm import Model
from seglam.tape import Tape

TAPE: Final = Path(__file__).with_name("tape.jsonl")
"""Replies of a real model to exactly the prompts that the default stream leads to."""
SEGMENTS: Final = 14


@dataclass(frozen=True, slots=True)
class Step:
    """What happened to one request.

    Attributes:
        item: what was asked.
        answer: what the application got.
        tier: which tier answered; None: the model did.
        calls: model calls that this request led to, compiling included.
        correct: whether the answer states the known truth; None where there is none.
    """

    item: Item
    answer: str
    tier: TierName | None
    calls: int
    correct: bool | None

    @property
    def wrong_hit(self) -> bool:
        """Whether the cache served what it must not: a wrong answer, or any for a one-off that was never asked before."""
        return self.tier is not None and self.correct is False


@dataclass(frozen=True)
class Played:
    """A whole stream.

    Attributes:
        steps: in order.
        stats: the cache's own account.
        procedures: every version that was made.
        answers, compiles: model calls by the applications and by the compiler.
    """

    steps: Sequence[Step]
    stats: Stats
    procedures: Sequence[Procedure]
    answers: int
    compiles: int
    model: str
    errors: Sequence[str] = field(default_factory=tuple)

    @property
    def served(self) -> float:
        """Share of the requests answered without the model."""
        return sum(step.tier is not None for step in self.steps) / len(self.steps)

    @property
    def wrong_hits(self) -> int:
        """Hits that did not state the truth."""
        return sum(step.wrong_hit for step in self.steps)

    @property
    def model_errors(self) -> int:
        """Answers of the model itself that did not state the truth."""
        return sum(step.tier is None and step.correct is False for step in self.steps)

    def by_tier(self) -> dict[str, dict[str, int]]:
        """Requests, correct, wrong and unknown, by tier ("model" where no tier answered)."""
        table: dict[str, Counter[str]] = {name: Counter() for name in (*TierName, "model")}
        for step in self.steps:
            row = table[step.tier or "model"]
            row["requests"] += 1
            row[{True: "right", False: "wrong", None: "unknown"}[step.correct]] += 1
        return {name: {k: row[k] for k in ("requests", "right", "wrong", "unknown")} for name, row in table.items()}

    def curve(self) -> list[float]:
        """Model calls (answers and procedures) for each request, by equal parts of the stream."""
        size = -(-len(self.steps) // SEGMENTS)
        parts = [self.steps[start : start + size] for start in range(0, len(self.steps), size)]
        return [sum(step.calls for step in part) / len(part) for part in parts]

    def by_flavour(self) -> dict[str, dict[str, int]]:
        """Requests and hits by flavour."""
        table: dict[str, Counter[str]] = {}
        for step in self.steps:
            row = table.setdefault(step.item.flavour, Counter())
            row["requests"] += 1
            row["hits"] += step.tier is not None
        return {name: dict(row) for name, row in sorted(table.items())}

    def example(self) -> Procedure | None:
        """The live procedure that answered most."""
        live = [procedure for procedure in self.procedures if procedure.state is State.LIVE]
        return max(live, key=lambda procedure: procedure.hits, default=None)

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return {
            "model": self.model,
            "requests": len(self.steps),
            "served_without_model": round(self.served, 4),
            "wrong_hits": self.wrong_hits,
            "model_errors": self.model_errors,
            "model_calls": {"answers": self.answers, "procedures": self.compiles},
            "by_tier": self.by_tier(),
            "by_flavour": self.by_flavour(),
            "model_calls_per_request": [round(value, 4) for value in self.curve()],
            "procedures": dict(Counter(procedure.state.value for procedure in self.procedures)),
            "stats": asdict(self.stats),
            "errors": list(self.errors),
        }


def play(
    model: Model | None = None,
    *,
    path: str | Path = ":memory:",
    seed: int = 2026,
    size: int = 420,
    policy: Policy | None = None,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> Played:
    """Send the stream through the applications.

    Learning is waited for after every request: an office's requests are seconds apart, a demonstration's are not.

    Args:
        model: who answers and compiles; None: the bundled tape.
        path: the cache's file.
        seed: of the stream.
        size: requests in the stream.
        policy: of the cache.
        progress: told (requests done, requests in all).

    Raises:
        MissingExtraError: LangChain or LlamaIndex is not installed.
        TapeError: the tape holds no reply to a prompt (another seed or size than the recorded one).
    """
    counted = CountedModel(Tape(TAPE) if model is None else model)
    found: list[Hit | Miss] = []
    steps: list[Step] = []
    asked: set[tuple[str, str]] = set()
    items = stream(seed, size)
    with Cache.open(path, policy=policy, compiler=counted, listener=lambda _request, what: found.append(what)) as cache:
        ask = {
            "core": core_application(cache, counted),
            "langchain": langchain_application(cache, counted),
            "llamaindex": llamaindex_application(cache, counted),
        }
        for done, item in enumerate(items):
            progress(done, len(items))
            found.clear()
            before = counted.answers + counted.compiles
            answer = ask[item.route](item.text)
            cache.drain()
            hit = next((what for what in found if isinstance(what, Hit)), None)
            calls = counted.answers + counted.compiles - before
            correct = right(item, answer)
            if correct is None and hit is not None:  # no truth is known, so only the same request's own answer is right
                correct = (item.route, item.text) in asked
            asked.add((item.route, item.text))
            steps.append(Step(item, answer, hit.tier if hit else None, calls, correct))
        progress(len(items), len(items))
        return Played(
            steps,
            cache.stats(),
            cache.procedures(),
            counted.answers,
            counted.compiles,
            counted.name,
            tuple(cache.check()),
        )
