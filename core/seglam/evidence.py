"""What the gate holds a draft against, what a stage of it says, and what its stages share."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from seglam.agreement import agree
from seglam.guard import Guard
from seglam.procedure import Answer, Case, Draft, Procedure, answer
from seglam.sandbox import VERIFY, Sandbox, Status
from seglam.slots import Slot

MOST_RUNS: Final = 60
"""Sandbox calls of one stage, unless it says otherwise."""
_MORE_ATTEMPTS: Final = 2
_PASSING: Final = frozenset((Status.BUSY, Status.TIMEOUT, Status.CRASH))
"""What a loaded machine may cause: taken for an abstention at once, it would hide what a stage looks for."""
NUMBERS: Final = frozenset({"integer", "decimal", "money", "percent", "fraction", "date", "time"})
"""Slot types whose value is counted with."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a draft is held against.

    Attributes:
        cases: the class's own exchanges; an empty answer means that there is none yet (compile "first").
        others: exchanges of the context's other classes.
        rivals: live and shadow procedures of the context.
        sandbox: where code runs.
        ask: a fresh reply of the model to a request's text; it returns None when it cannot be asked now.
        rewrite: a second draft of the class, written independently: one call of the model, when a stage wants it. None, or
            returning None: there is none.
        judge: whether two replies to a question (the question, one, the other, answer_kind) say the same; None: by value.
    """

    cases: Sequence[Case]
    others: Sequence[Case]
    rivals: Sequence[Procedure]
    sandbox: Sandbox
    ask: Callable[[str], str | None] | None = None
    rewrite: Callable[[], Draft | None] | None = None
    judge: Callable[[str, str, str, str], bool] | None = None

    def same(self, question: str, expected: str, actual: str, kind: str) -> bool:
        """Whether two replies to a question agree."""
        return agree(expected, actual, kind) if self.judge is None else self.judge(question, expected, actual, kind)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one stage says.

    Attributes:
        passed: whether the draft may go on.
        detail: what was tried, when it passed; what is wrong, in words that the compiler can act on, when it did not.
        outvoted: keys of cases whose answer the model took back in favour of the code's.
    """

    passed: bool
    detail: str = ""
    outvoted: tuple[str, ...] = ()


Stage = Callable[[Draft, Evidence], Verdict]
"""One examination. It may raise: the gate takes that for a refusal."""


def passed(detail: str) -> Verdict:
    """The draft may go on."""
    return Verdict(passed=True, detail=detail)


def refused(why: str) -> Verdict:
    """The draft may not."""
    return Verdict(passed=False, detail=why)


def examined(draft: Draft, text: str, sandbox: Sandbox, *, as_written: bool = False) -> Answer:
    """A draft's answer while it is examined; asked again where a loaded machine may be why there is none."""
    given = answer(draft, text, sandbox, VERIFY, as_written=as_written)
    for _ in range(_MORE_ATTEMPTS):
        if given.outcome is None or given.outcome.status not in _PASSING:
            break
        given = answer(draft, text, sandbox, VERIFY, as_written=as_written)
    return given


class Runs:
    """Runs a draft on texts, at most so often; an answer that was given before is not computed again.

    Args:
        most: sandbox calls; after them every new text is left unanswered and ``spent`` is true.
    """

    def __init__(self, draft: Draft, sandbox: Sandbox, most: int = MOST_RUNS) -> None:
        self.draft = draft
        self.left = most
        self._sandbox = sandbox
        self._known: dict[str, Answer] = {}

    @property
    def spent(self) -> bool:
        """Whether no further call is allowed."""
        return self.left <= 0

    def __call__(self, text: str) -> Answer:
        """The draft's answer."""
        known = self._known.get(text)
        if known is None:
            if self.draft.guard.match(text) is None or self.spent:
                return Answer(None)
            self.left -= 1
            known = self._known[text] = examined(self.draft, text, self._sandbox)
        return known

    def unanswered(self, cases: Sequence[Case]) -> str:
        """Which case has no answer: nothing that is derived from it could be compared; "" when all have one."""
        for case in cases:
            if (given := self(case.text)).text is None:
                return f"request {case.text!r} must be answered, but: {given.why}"
        return ""


def kind_of(slot_type: str) -> str:
    """The name of a slot's type, without its arguments."""
    return slot_type.partition("(")[0]


def slots_of(guard: Guard) -> Mapping[str, Slot]:
    """The slots of all patterns of a guard by name; of two types for one name, the last."""
    return {name: slot for pattern in guard.patterns for name, slot in pattern.slots.items()}


def varies(draft: Draft, evidence: Evidence, name: str) -> bool:
    """Whether the cases show the slot with more than one value: then replay shows whether it matters."""
    given = [draft.guard.match(case.text) for case in evidence.cases if case.answer]
    return len({repr(params[name]) for params in given if params and name in params}) > 1


def stands(text: str, inside: str) -> bool:
    """Whether a text stands in another as whole words, in any case."""
    return re.search(rf"(?<!\w){re.escape(text.casefold())}(?!\w)", inside.casefold()) is not None


def told_wrongly(draft: Draft, request: str, expected: str, rendered: str, foreign: frozenset[str]) -> str:
    """Which of the request's names an answer leaves out, or which of another request's it tells; "" when neither.

    Args:
        draft: whose patterns say what the names are.
        request: what was asked.
        expected: the answer as it should be; only what it tells must be told.
        rendered: the code's answer.
        foreign: texts of the slots of all requests.
    """
    closed = {name for name, slot in slots_of(draft.guard).items() if slot.closed}
    for name, text in slot_texts(draft, request).items():
        if name not in closed and stands(text, expected) and not stands(text, rendered):
            return f"{text!r} is missing"
    for text in sorted(foreign):
        if stands(text, rendered) and not stands(text, expected) and not stands(text, request):
            return f"{text!r} is of another request"
    return ""


def slot_texts(draft: Draft, text: str) -> dict[str, str]:
    """The slots' texts as they stand in a request."""
    request = text.strip()
    return {span.name: request[span.start : span.end] for span in draft.guard.spans(request)}
