"""The gate: what a draft must show before it may run in shadow, cheapest stage first. Each stage leaves its evidence.

STAGES is the whole gate of this version. The later stages of the design (metamorphic changes, a second independent version
run on generated inputs, the posterior over agreements) are further entries of that tuple; nothing else changes for them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from seglam.agreement import agree
from seglam.procedure import Case, Draft, Finding, Procedure, answer
from seglam.sandbox import VERIFY, Sandbox
from seglam.static import violations

_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a draft is held against.

    Attributes:
        cases: the class's own exchanges; an empty answer means that there is none yet (compile "first").
        others: exchanges of the context's other classes.
        rivals: live and shadow procedures of the context.
        sandbox: where code runs.
    """

    cases: Sequence[Case]
    others: Sequence[Case]
    rivals: Sequence[Procedure]
    sandbox: Sandbox


Stage = Callable[[Draft, Evidence], str]
"""Returns what is wrong, or "" when the draft passes."""


def static(draft: Draft, evidence: Evidence) -> str:
    """The code keeps to the sandbox's language, and the sandbox can load it."""
    found = [*violations(draft.source)]
    if not found:
        found = evidence.sandbox.check(draft.source)
    return "; ".join(found[:_SHOWN])


def replay(draft: Draft, evidence: Evidence) -> str:
    """Every case is accepted and reproduced, by value."""
    for case in evidence.cases:
        given = answer(draft, case.text, evidence.sandbox, VERIFY, as_written=True)
        if given.text is None:
            return f"request {case.text!r} must be answered, but: {given.why}"
        if case.answer and not agree(case.answer, given.text, draft.answer_kind):
            return f"request {case.text!r} must give {case.answer!r}, but gave {given.text!r}"
    return ""


def near_misses(draft: Draft, evidence: Evidence) -> str:
    """Every look-alike that the compiler itself named is refused."""
    own = {case.text for case in evidence.cases}
    for text in draft.near_misses:
        if text not in own and (given := answer(draft, text, evidence.sandbox, VERIFY)).text is not None:
            return f"the near miss {text!r} must be refused, but was answered {given.text!r}"
    return ""


def specificity(draft: Draft, evidence: Evidence) -> str:
    """Requests of other classes are refused, or answered as they were answered."""
    for case in evidence.others:
        given = answer(draft, case.text, evidence.sandbox, VERIFY)
        if given.text is not None and not agree(case.answer, given.text, draft.answer_kind):
            return f"a request of another kind, {case.text!r}, whose reply was {case.answer!r}, was answered {given.text!r}"
    return ""


def rivals(draft: Draft, evidence: Evidence) -> str:
    """No other procedure of the context answers one of our cases otherwise, nor we one of its examples."""
    for rival in evidence.rivals:
        for case in (*evidence.cases, *rival.examples):
            ours = answer(draft, case.text, evidence.sandbox, VERIFY)
            theirs = answer(rival.draft, case.text, evidence.sandbox, VERIFY)
            if ours.text is None or theirs.text is None:
                continue
            if not rival.agrees(case.text, theirs.text, ours.text):
                return f"procedure {rival.id} answers {case.text!r} with {theirs.text!r}, this one with {ours.text!r}"
    return ""


STAGES: Final[tuple[tuple[str, Stage], ...]] = (
    ("static", static),
    ("replay", replay),
    ("near_misses", near_misses),
    ("specificity", specificity),
    ("rivals", rivals),
)


def gate(draft: Draft, evidence: Evidence) -> tuple[Finding, ...]:
    """Put a draft through every stage, up to the first that refuses it. A stage that errs refuses (law 5)."""
    findings: list[Finding] = []
    for name, stage in STAGES:
        try:
            wrong = stage(draft, evidence)
        except Exception as error:
            wrong = f"the stage failed: {type(error).__name__}: {error}"
        findings.append(Finding(name, passed=not wrong, detail=wrong[:2000]))
        if wrong:
            break
    return tuple(findings)
