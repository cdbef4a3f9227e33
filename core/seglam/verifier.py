"""The gate: what a draft must show before it may run in shadow, cheapest stage first. Each stage leaves its evidence.

STAGES is the whole gate before traffic; what follows it (shadow, posterior, audits) needs real requests and is the tier's.
"""

import re
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Final

from seglam.agreement import final_value
from seglam.dispatch import overlaps
from seglam.evidence import (
    MOST_RUNS,
    Evidence,
    Runs,
    Stage,
    Verdict,
    examined,
    kind_of,
    passed,
    refused,
    slot_texts,
    slots_of,
    told_wrongly,
    varies,
)
from seglam.guard import Guard, Pattern
from seglam.metamorphic import metamorphic, substance
from seglam.probes import DATA, probes
from seglam.procedure import Case, Draft, Finding
from seglam.static import memorised, unread, violations, years
from seglam.versions import versions

__all__ = ["STAGES", "Evidence", "Stage", "Verdict", "gate"]

_SHOWN: Final = 5
_FEWEST: Final = 2
_VOTES: Final = 2
_DISPUTED: Final = 3  # cases for which the model is asked again; a draft that needs more of them is not believed
_NEAR: Final = (
    20  # procedures whose patterns are searched for texts that ours accept too: those with most words in common
)
_TRIES: Final = 2
_SHARED: Final = 24
_NUMBER: Final = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
_DETAIL: Final = 2000
_SLOT: Final = re.compile(r"\{[^{}]*\}|\\[nt]")


def static(draft: Draft, evidence: Evidence) -> Verdict:
    """The code keeps to the sandbox's language, and the sandbox can load it."""
    found = [*violations(draft.source)]
    if not found:
        found = evidence.sandbox.check(draft.source) or _unbased(draft, evidence)
    return refused("; ".join(found[:_SHOWN])) if found else passed(f"{len(draft.source)} characters of source")


def _unbased(draft: Draft, evidence: Evidence) -> list[str]:
    """Slots that run() never looks at although they may matter, and years that will be wrong."""
    found = []
    slots = slots_of(draft.guard)
    untold = unread(draft.source, "run", "render")  # what render() tells, such as a currency sign, run() need not read
    for name in unread(draft.source):
        if name not in slots:
            continue
        if kind_of(slots[name].type) in DATA:
            found.append(
                f"run() never reads the slot {name!r}: whatever stands in it would be swallowed; check it or drop it"
            )
        elif name in untold and slots[name].closed and not varies(draft, evidence, name):
            found.append(
                f"run() never reads the slot {name!r}, and no two requests differ in it: use it, or make it literal"
            )
    found += _by_heart(draft, evidence)
    return found + [
        f"the year {year} stands in the code but not in the requests; what depends on today cannot be compiled"
        for year in years(draft.source)
        if not all(str(year) in case.text for case in evidence.cases)
    ]


def _by_heart(draft: Draft, evidence: Evidence) -> list[str]:
    """Tables that lead from what stands in a case to the answer that it had: they answer the cases, and nothing else."""
    table = {*memorised(draft.source)}
    slots = slots_of(draft.guard)
    found = []
    for case in evidence.cases if table else ():
        stated = final_value(case.answer, "decimal")
        answers = {
            case.answer.strip(),
            str(stated.value) if stated else "",
            *(re.findall(_NUMBER, case.answer)[-1:]),
        } - {""}
        params = draft.guard.match(case.text) or {}
        asked = {str(value) for name, value in params.items() if not slots[name].type.startswith("oneof")}
        found += [(key, given) for key, given in table if key in asked and given in answers]
    words = [key for key, _ in found if not re.fullmatch(_NUMBER, key)]
    known = found if words or len(found) > 1 else []
    return [f"the code knows the answer {given!r} to {key!r} by heart: compute it" for key, given in known]


def replay(draft: Draft, evidence: Evidence) -> Verdict:
    """Every case is accepted and reproduced: the value, and which of the request's names and numbers are told.

    A minority of cases that the code answers otherwise is put to the model again: it is wrong now and then itself.
    """
    foreign = frozenset(text for case in evidence.cases for text in slot_texts(draft, case.text).values())
    disputed: list[tuple[Case, str, str]] = []
    for case in evidence.cases:
        given = examined(draft, case.text, evidence.sandbox, as_written=True)
        if given.text is None:
            return refused(f"request {case.text!r} must be answered, but: {given.why}")
        if case.answer and (wrong := _differs(draft, evidence, case, given.text, foreign)) is not None:
            disputed.append((case, given.text, wrong))
    known = sum(bool(case.answer) for case in evidence.cases)
    taken: list[str] = []
    for case, said, wrong in disputed:
        votes = _votes(evidence, case.text) if 2 * len(disputed) <= known and len(disputed) <= _DISPUTED else ()
        if not votes or any(
            _differs(draft, evidence, replace(case, answer=vote), said, foreign) is not None for vote in votes
        ):
            return refused(f"request {case.text!r} must give {case.answer!r}, but gave {said!r}{wrong}")
        taken.append(f"{case.text!r} had the reply {case.answer!r}, but asked twice more the model said {votes[0]!r}")
    detail = f"{known - len(disputed)} of {len(evidence.cases)} cases reproduced" + "".join(f"; {t}" for t in taken)
    return Verdict(passed=True, detail=detail, outvoted=tuple(case.key for case, _, _ in disputed))


def _differs(draft: Draft, evidence: Evidence, case: Case, given: str, foreign: frozenset[str]) -> str | None:
    """How an answer differs from the case's, as a continuation of a sentence with both; None: it does not."""
    if not evidence.same(case.text, case.answer, given, draft.answer_kind):
        return ""
    wrong = told_wrongly(draft, case.text, case.answer, given, foreign)
    return f": {wrong}" if wrong else None


def _votes(evidence: Evidence, text: str) -> tuple[str, ...]:
    """The model's replies to a request, asked twice more; none unless it replied both times."""
    if evidence.ask is None:
        return ()
    votes = [evidence.ask(text) for _ in range(_VOTES)]
    return tuple(vote for vote in votes if vote) if all(votes) else ()


def made(draft: Draft, evidence: Evidence) -> Verdict:
    """Every near miss that the host makes of the cases is refused; inside data, it at least changes the answer."""
    runs, count = Runs(draft, evidence.sandbox, MOST_RUNS), 0
    if why := runs.unanswered(evidence.cases[:2]):
        return refused(why)
    for case in evidence.cases[:2]:
        plain = runs(case.text).text
        for text, data in probes(draft.guard, case.text):
            count += 1
            if draft.guard.match(text) is None:
                continue
            if runs.spent:
                return refused("the patterns accept too many requests with a changed meaning; make the slots narrower")
            given = runs(text)
            if given.text is not None and (not data or given.text == plain):
                return refused(f"the near miss {text!r} must be refused, but was answered {given.text!r}")
    return passed(f"{count} near misses made of the cases are refused")


def near_misses(draft: Draft, evidence: Evidence) -> Verdict:
    """Every look-alike that the compiler itself named is refused, and there are some."""
    named = [text for text in draft.near_misses if any(_alike(pattern, text) for pattern in draft.guard.patterns)]
    if len(named) < _FEWEST:
        return refused(
            "the block near_misses must hold at least 5 requests that share most words with a pattern, yet must be refused"
        )
    own = {case.text for case in evidence.cases}
    for text in draft.near_misses:
        if text not in own and (given := examined(draft, text, evidence.sandbox)).text is not None:
            return refused(f"the near miss {text!r} must be refused, but was answered {given.text!r}")
    return passed(f"{len(draft.near_misses)} near misses of the compiler's own are refused")


def _alike(pattern: Pattern, text: str) -> bool:
    """Whether most of a pattern's literal words stand in a text."""
    words = {*re.findall(r"\w+", _SLOT.sub(" ", pattern.template).casefold())}
    return 5 * len(words & {*re.findall(r"\w+", text.casefold())}) >= 3 * len(words)


def specificity(draft: Draft, evidence: Evidence) -> Verdict:
    """Requests of other classes are refused, or answered as they were answered."""
    runs, asked = Runs(draft, evidence.sandbox, MOST_RUNS), 0
    for case in evidence.others:
        if draft.guard.match(case.text) is None:
            continue
        if runs.spent:
            return refused(f"over {MOST_RUNS} requests of other kinds are accepted; make the patterns narrower")
        given = runs(case.text).text
        if given is None or not case.answer or evidence.same(case.text, case.answer, given, draft.answer_kind):
            continue
        asked += 1
        votes = _votes(evidence, case.text) if asked <= _DISPUTED else ()
        if not votes or any(not evidence.same(case.text, vote, given, draft.answer_kind) for vote in votes):
            return refused(
                f"a request of another kind, {case.text!r}, whose reply was {case.answer!r}, was answered {given!r}"
            )
    return passed(f"{len(evidence.others)} requests of other kinds are refused, or answered as they were")


def rivals(draft: Draft, evidence: Evidence) -> Verdict:
    """No other procedure of the context answers otherwise: our cases, its examples, and texts that both guards accept."""
    ours, compared = Runs(draft, evidence.sandbox, _NEAR * _SHARED + MOST_RUNS), 0
    words = _words(draft.guard)
    near = sorted(evidence.rivals, key=lambda rival: -len(words & _words(rival.draft.guard)))[:_NEAR]
    for rival in (*near, *(other for other in evidence.rivals if other not in near)):
        theirs = Runs(rival.draft, evidence.sandbox, _SHARED)
        shared = overlaps(draft.guard, rival.draft.guard, _TRIES)[:_SHARED] if rival in near else ()
        texts = [*(case.text for case in (*evidence.cases, *rival.examples)), *shared]
        for text in texts:
            if rival.draft.guard.match(text) is None or (one := ours(text).text) is None:
                continue
            other = theirs(text).text
            compared += other is not None
            if other is not None and not evidence.same(text, other, one, rival.draft.answer_kind):
                return refused(
                    f"procedure {rival.id} ({rival.draft.intent}) answers {text!r} with {other!r}, this one with {one!r}: "
                    "no two may accept the same request; make the patterns narrower"
                )
        if ours.spent:
            return refused("the patterns accept too many requests of other procedures; make them narrower")
    return passed(f"{compared} requests shared with {len(evidence.rivals)} other procedures are answered alike")


def _words(guard: Guard) -> frozenset[str]:
    """The words that stand literally in a guard's patterns."""
    return frozenset(
        word for pattern in guard.patterns for word in re.findall(r"\w+", _SLOT.sub(" ", pattern.template).casefold())
    )


STAGES: Final[tuple[tuple[str, Stage], ...]] = (
    ("static", static),
    ("replay", replay),
    ("near_misses", near_misses),
    ("substance", substance),
    ("probes", made),
    ("metamorphic", metamorphic),
    ("specificity", specificity),
    ("rivals", rivals),
    ("versions", versions),
)


def gate(draft: Draft, evidence: Evidence, skip: AbstractSet[str] = frozenset()) -> tuple[Finding, ...]:
    """Put a draft through every stage, up to the first that refuses it. A stage that errs refuses (law 5).

    Args:
        draft: what the compiler wrote.
        evidence: what it is held against.
        skip: names of stages to leave out.

    Returns:
        What each stage that was asked found, in order; the draft passed when all of them passed.
    """
    findings: list[Finding] = []
    for name, stage in STAGES:
        if name in skip:
            continue
        try:
            verdict = stage(draft, evidence)
        except Exception as error:
            verdict = refused(f"the stage failed: {type(error).__name__}: {error}")
        findings.append(Finding(name, verdict.passed, verdict.detail[:_DETAIL], verdict.outvoted))
        if not verdict.passed:
            break
    return tuple(findings)
