"""What each stage of the gate earns: defective mutants of live drafts, put through the gate with and without it.

Compile replies are recorded for the gate as it is, so a whole stream cannot be played with another gate. Instead every live
draft of the finished runs is mutated; mutants that really answer one of their class's requests wrongly, or any near miss,
are put through ``gate`` with all stages and with each left out. A stage that refuses what no other stage would have
refused has a unique catch.
"""

import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, Final

from rich.progress import Progress

from benchmarks.crystal import refuse as near
from benchmarks.crystal.items import Item, right, sequence
from benchmarks.crystal.mutants import Mutant, mutants
from benchmarks.crystal.oracle import Oracle
from benchmarks.crystal.refusal import trained
from benchmarks.crystal.runner import Run
from seglam import ProcedureError, State
from seglam.evidence import Evidence
from seglam.procedure import Case, Draft, Procedure, answer, parse_reply
from seglam.sandbox import VERIFY, MontySandbox, Sandbox
from seglam.verifier import STAGES, gate

HELD_OUT: Final = 40
NEAR: Final = 40
_FIRST: Final = 300
"""Held-out requests stand so far back in their class's sequence that neither stream has used them."""
_DRAWN: Final = 5
"""Mutants looked at for each one that is wanted: most are equal to the original in all that is asked."""
_OTHERS: Final = 200
STAGE_NAMES: Final = tuple(name for name, _ in STAGES)


@dataclass(frozen=True)
class Subject:
    """A live draft with what the gate held it against, and with requests that it never saw."""

    klass: str
    draft: Draft
    cases: Sequence[Case]
    others: Sequence[Case]
    rivals: Sequence[Procedure]
    second: Draft | None
    held_out: Sequence[Item]
    near: Sequence[Item]
    replies: Sequence[Draft]


class Calls:
    """Counts the model calls that stages make: votes on a request, and the second version."""

    def __init__(self, subject: Subject, seed: int, truth: dict[str, Item]) -> None:
        self._oracle = Oracle(None, seed=seed)
        self._truth = truth
        self._subject = subject
        self._attempt = 100
        self.count = 0

    def ask(self, text: str) -> str | None:
        """The model's reply to a request that the benchmark knows; None to any other."""
        self.count += 1
        self._attempt += 1
        item = self._truth.get(text)
        return None if item is None else self._oracle.reply(item, self._attempt)

    def rewrite(self) -> Draft | None:
        """The recorded second version, else the draft before it was mutated."""
        self.count += 1
        return self._subject.second or self._subject.draft

    def evidence(self, sandbox: Sandbox) -> Evidence:
        """What the gate is given."""
        s = self._subject
        return Evidence(s.cases, s.others, s.rivals, sandbox, ask=self.ask, rewrite=self.rewrite)


def subjects(run: Run, out: Path) -> list[Subject]:
    """The live drafts of a run."""
    with tempfile.TemporaryDirectory() as folder:
        system = trained(run, out, Path(folder))
        try:
            made = system.cache.procedures()
        finally:
            system.close()
    names = {one["id"]: one["klass"] for one in run.account["procedures"]}
    working = [p for p in made if p.state is State.LIVE and names.get(p.id)]
    return [_subject(run, p, working, names) for p in working]


def _subject(run: Run, one: Procedure, working: Sequence[Procedure], names: dict[int, str]) -> Subject:
    klass = names[one.id]
    rest = [p for p in working if p.id != one.id]
    others = [case for p in rest if names[p.id] != klass for case in p.examples][:_OTHERS]
    replies = list(parsed(made.reply for made in run.compiles if made.klass == klass))
    second = next((d for d in reversed(replies) if d.source != one.draft.source and _reads(d, one.examples)), None)
    return Subject(
        klass, one.draft, one.examples, others, rest, second, held_out(klass, run.plan.seed),
        near.refuse(klass, run.plan.seed, NEAR), replies,
    )  # fmt: skip


@cache
def held_out(klass: str, seed: int) -> tuple[Item, ...]:
    """Requests of a class that no stream has asked."""
    return tuple(islice(sequence(klass, seed), _FIRST, _FIRST + HELD_OUT))


def parsed(replies: Iterable[str | None]) -> Iterator[Draft]:
    """The drafts among compile replies, each once."""
    seen: set[tuple[str, tuple[str, ...]]] = set()
    for reply in replies:
        try:
            draft = parse_reply(reply or "")
            _ = draft.guard
        except ProcedureError:
            continue
        if (draft.source, draft.patterns) not in seen:
            seen.add((draft.source, draft.patterns))
            yield draft


def _reads(draft: Draft, cases: Sequence[Case]) -> bool:
    return any(draft.guard.match(case.text) is not None for case in cases)


def defect(draft: Draft, subject: Subject, sandbox: Sandbox) -> str:
    """The first held-out request that a draft answers wrongly, or near miss that it answers; "" when there is none."""
    for item in (*subject.near, *subject.held_out):
        given = answer(draft, item.text, sandbox, VERIFY).text
        if given is not None and not right(item, given):
            return item.text
    return ""


def useful(draft: Draft, subject: Subject, sandbox: Sandbox) -> bool:
    """Whether a draft answers at least one held-out request, and none wrongly."""
    served = any(answer(draft, item.text, sandbox, VERIFY).text is not None for item in subject.held_out)
    return served and not defect(draft, subject, sandbox)


def refusing(draft: Draft, evidence: Evidence, skip: frozenset[str] = frozenset()) -> str:
    """The stage that refuses a draft; "" when it passes."""
    return next((finding.stage for finding in gate(draft, evidence, skip) if not finding.passed), "")


def ablate(runs: Sequence[Run], out: Path, bar: Callable[[], Progress], *, per_draft: int = 12) -> dict[str, Any]:
    """The whole trial.

    Args:
        runs: finished runs of seglam.
        out: where their caches are.
        bar: makes the progress bar.
        per_draft: defective mutants of each draft, at most.
    """
    sandbox = MontySandbox()
    tally = Tally()
    try:
        with bar() as progress:
            for run in runs:
                truth = {item.text: item for item in run.plan.items()}
                for subject in progress.track(subjects(run, out), description=f"mutants, {run.plan.name}"):
                    tally.examine(subject, Calls(subject, run.plan.seed, truth), sandbox, per_draft)
    finally:
        sandbox.close()
    return tally.as_json()


class Tally:
    """What has been found so far."""

    def __init__(self) -> None:
        self.drafts = self.unsound = self.passed = self.mutants = self.false = 0
        self.kinds: Counter[str] = Counter()
        self.survivors: list[dict[str, str]] = []
        self.first: Counter[str] = Counter()
        self.unique: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        self.seconds: dict[str, float] = dict.fromkeys(STAGE_NAMES, 0.0)
        self.refused_good: Counter[str] = Counter()
        self.refused_bad: Counter[str] = Counter()
        self.replies: Counter[str] = Counter()
        self.rewrites: Counter[str] = Counter()

    def examine(self, subject: Subject, calls: Calls, sandbox: Sandbox, per_draft: int) -> None:
        """One live draft: is it sound, what does the gate say to it, to its mutants, and to the other replies of its class."""
        if not useful(subject.draft, subject, sandbox):
            self.unsound += 1
            return
        self.drafts += 1
        self.rewrites["recorded" if subject.second is not None else "the unmutated draft"] += 1
        evidence = calls.evidence(sandbox)
        refused = refusing(subject.draft, evidence)
        self.false += bool(refused)
        self._stages(subject, calls, sandbox)
        for mutant in self._defective(subject, sandbox, per_draft):
            self._judge(subject, mutant, evidence)
        for draft in subject.replies:
            good = useful(draft, subject, sandbox)
            stage = refusing(draft, evidence)
            self.replies[f"{'good' if good else 'bad'}, {'refused' if stage else 'passed'}"] += 1
            if stage:
                (self.refused_good if good else self.refused_bad)[stage] += 1

    def _stages(self, subject: Subject, calls: Calls, sandbox: Sandbox) -> None:
        for name in STAGE_NAMES:
            before, begin = calls.count, time.perf_counter()
            gate(subject.draft, calls.evidence(sandbox), frozenset(STAGE_NAMES) - {name})
            self.seconds[name] += time.perf_counter() - begin
            self.calls[name] += calls.count - before

    def _defective(self, subject: Subject, sandbox: Sandbox, per_draft: int) -> Iterator[Mutant]:
        found = 0
        for number, mutant in enumerate(mutants(subject.draft, random.Random(subject.klass))):
            if found >= per_draft or number >= per_draft * _DRAWN:
                return
            if defect(mutant.draft, subject, sandbox):
                found += 1
                yield mutant

    def _judge(self, subject: Subject, mutant: Mutant, evidence: Evidence) -> None:
        self.mutants += 1
        self.kinds[mutant.what] += 1
        stage = refusing(mutant.draft, evidence)
        if not stage:
            self.passed += 1
            self.survivors.append({"klass": subject.klass, "what": mutant.what, "source": mutant.draft.source,
                                   "patterns": "\n".join(mutant.draft.patterns)})  # fmt: skip
            return
        self.first[stage] += 1
        # Only the first that refuses can be missed: leave another out, and this one still refuses.
        if not refusing(mutant.draft, evidence, frozenset({stage})):
            self.unique[stage] += 1

    def as_json(self) -> dict[str, Any]:
        """Everything, and by stage."""
        stages = {
            name: {
                "pass_without": self.passed + self.unique[name],
                "first": self.first[name],
                "unique": self.unique[name],
                "calls": self.calls[name],
                "calls_a_draft": self.calls[name] / self.drafts if self.drafts else 0.0,
                "ms": 1e3 * self.seconds[name] / self.drafts if self.drafts else 0.0,
                "false": self.refused_good[name],
                "bad_replies": self.refused_bad[name],
            }
            for name in STAGE_NAMES
        }
        return {
            "drafts": self.drafts,
            "unsound_live_drafts": self.unsound,
            "mutants": self.mutants,
            "kinds": dict(sorted(self.kinds.items())),
            "passed_all": self.passed,
            "false_rejections": self.false,
            "stages": stages,
            "replies": dict(self.replies),
            "rewrites": dict(self.rewrites),
            "survivors": self.survivors,
        }
