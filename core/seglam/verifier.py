"""The gate: what a draft must show before it may run in shadow, cheapest stage first. Each stage leaves its evidence.

STAGES is the whole gate of this version. The later stages of the design (metamorphic changes, a second independent version
run on generated inputs, the posterior over agreements) are further entries of that tuple; nothing else changes for them.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from seglam.agreement import agree
from seglam.guard import Pattern
from seglam.probes import DATA, probes
from seglam.procedure import Answer, Case, Draft, Finding, Procedure, answer
from seglam.sandbox import VERIFY, Sandbox
from seglam.static import unread, vacuous, violations, years

_SHOWN: Final = 5
_FEWEST: Final = 2
_MOST_RUNS: Final = 60  # sandbox calls of one stage
_NUMBERS: Final = frozenset({"integer", "decimal", "money", "percent", "fraction", "date", "time"})
_FIGURES: Final = re.compile(r"[0-9]+")
_STEPS: Final = (1, 3, 7, 60, -1)
_SLOT: Final = re.compile(r"\{[^{}]*\}|\\[nt]")


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
        found = evidence.sandbox.check(draft.source) or _unbased(draft, evidence)
    return "; ".join(found[:_SHOWN])


def _unbased(draft: Draft, evidence: Evidence) -> list[str]:
    """Slots that run() never looks at although they may matter, and years that will be wrong."""
    found = []
    types = {name: slot for pattern in draft.guard.patterns for name, slot in pattern.slots.items()}
    ignored = [name for name in unread(draft.source) if name in types]
    for name in ignored:
        kind = types[name].type.partition("(")[0]
        if kind in DATA:
            found.append(
                f"run() never reads the slot {name!r}: whatever stands in it would be swallowed; check it or drop it"
            )
        elif types[name].closed and not _varies(draft, evidence, name):
            found.append(
                f"run() never reads the slot {name!r}, and no two requests differ in it: use it, or make it literal"
            )
    return found + [
        f"the year {year} stands in the code but not in the requests; what depends on today cannot be compiled"
        for year in years(draft.source)
        if not all(str(year) in case.text for case in evidence.cases)
    ]


def _varies(draft: Draft, evidence: Evidence, name: str) -> bool:
    """Whether the cases show the slot with more than one value: then replay shows that it does not matter."""
    given = [draft.guard.match(case.text) for case in evidence.cases if case.answer]
    return len({repr(params[name]) for params in given if params and name in params}) > 1


def replay(draft: Draft, evidence: Evidence) -> str:
    """Every case is accepted and reproduced: the value, and which of the request's names and numbers are told."""
    written = [_texts(draft, case.text) for case in evidence.cases]
    foreign = {text for texts in written for text in texts.values()}
    for case in evidence.cases:
        given = answer(draft, case.text, evidence.sandbox, VERIFY, as_written=True)
        if given.text is None:
            return f"request {case.text!r} must be answered, but: {given.why}"
        if case.answer and not agree(case.answer, given.text, draft.answer_kind):
            return f"request {case.text!r} must give {case.answer!r}, but gave {given.text!r}"
        if case.answer and (wrong := _told(draft, case, given.text, foreign)):
            return f"request {case.text!r} must give {case.answer!r}, but gave {given.text!r}: {wrong}"
    return ""


def _texts(draft: Draft, text: str) -> dict[str, str]:
    """The slots' texts as they stand in a request."""
    request = text.strip()
    return {span.name: request[span.start : span.end] for span in draft.guard.spans(request)}


def _told(draft: Draft, case: Case, rendered: str, foreign: set[str]) -> str:
    closed = {name for pattern in draft.guard.patterns for name, slot in pattern.slots.items() if slot.closed}
    for name, text in _texts(draft, case.text).items():
        if name not in closed and _stands(text, case.answer) and not _stands(text, rendered):
            return f"{text!r} is missing"
    for text in sorted(foreign):
        if _stands(text, rendered) and not _stands(text, case.answer) and not _stands(text, case.text):
            return f"{text!r} is of another request"
    return ""


def _stands(text: str, inside: str) -> bool:
    """Whether a text stands in another as whole words, in any case."""
    return re.search(rf"(?<!\w){re.escape(text.casefold())}(?!\w)", inside.casefold()) is not None


def substance(draft: Draft, evidence: Evidence) -> str:
    """check() can fail, and every number that the cases do not show to be idle changes the answer."""
    if vacuous(draft.source):
        return "check() compares the value with no slot and no bound; let it test the value against what the request states"
    types = {name: slot.type for pattern in draft.guard.patterns for name, slot in pattern.slots.items()}
    left = _MOST_RUNS
    for name, kind in types.items():
        if kind.partition("(")[0] not in _NUMBERS or _varies(draft, evidence, name):
            continue
        moved = False
        for text, expected in _changed(draft, evidence, name):
            left -= 1
            given = answer(draft, text, evidence.sandbox, VERIFY) if left > 0 else Answer(None)
            moved = given.text is not None and given.text != expected
            if moved:
                break
        if not moved:
            return f"the number {name!r} never changes the answer, and all requests have the same: it must not be a constant"
    return ""


def _changed(draft: Draft, evidence: Evidence, name: str) -> Iterator[tuple[str, str]]:
    """The cases with another number in one slot, and what the code answers without the change."""
    for case in evidence.cases:
        request = case.text.strip()
        before = answer(draft, request, evidence.sandbox, VERIFY).text
        for span in draft.guard.spans(request):
            if span.name != name or before is None:
                continue
            inside = request[span.start : span.end]
            number = _FIGURES.search(inside)
            for more in _STEPS if number else ():
                other = (
                    inside[: number.start()] + str(int(number[0]) + more) + inside[number.end() :] if number else inside
                )
                yield request[: span.start] + other + request[span.end :], before


def made(draft: Draft, evidence: Evidence) -> str:
    """Every near miss that the host makes of the cases is refused; inside data, it at least changes the answer."""
    left = _MOST_RUNS
    for case in evidence.cases[:2]:
        plain: str | None = None
        for text, data in probes(draft.guard, case.text):
            if draft.guard.match(text) is None:
                continue
            left -= 1
            if left < 0:
                return "the patterns accept too many requests with a changed meaning; make the slots narrower"
            given = answer(draft, text, evidence.sandbox, VERIFY)
            if given.text is None:
                continue
            if data:
                plain = plain or answer(draft, case.text, evidence.sandbox, VERIFY).text
            if not data or given.text == plain:
                return f"the near miss {text!r} must be refused, but was answered {given.text!r}"
    return ""


def near_misses(draft: Draft, evidence: Evidence) -> str:
    """Every look-alike that the compiler itself named is refused, and there are some."""
    named = [text for text in draft.near_misses if any(_alike(pattern, text) for pattern in draft.guard.patterns)]
    if len(draft.near_misses) < _FEWEST or 2 * len(named) < len(draft.near_misses):
        return "the block near_misses must hold at least 5 requests that share most words with a pattern, yet must be refused"
    own = {case.text for case in evidence.cases}
    for text in draft.near_misses:
        if text not in own and (given := answer(draft, text, evidence.sandbox, VERIFY)).text is not None:
            return f"the near miss {text!r} must be refused, but was answered {given.text!r}"
    return ""


def _alike(pattern: Pattern, text: str) -> bool:
    """Whether most of a pattern's literal words stand in a text."""
    words = {*re.findall(r"\w+", _SLOT.sub(" ", pattern.template).casefold())}
    return 5 * len(words & {*re.findall(r"\w+", text.casefold())}) >= 3 * len(words)


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
    ("substance", substance),
    ("probes", made),
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
