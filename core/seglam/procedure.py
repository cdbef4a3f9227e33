"""A procedure: verified code that answers one class of requests. Its data, its states, and how one is run.

Nothing here decides whether a procedure may answer: that is the verifier's and the tier's work.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any, Final

from seglam.agreement import KINDS
from seglam.errors import ReplyError
from seglam.exchange import Usage
from seglam.guard import Guard
from seglam.sandbox import Limits, Outcome, Sandbox, Status, call_source, compact

ANSWER_KINDS: Final = KINDS


class State(StrEnum):
    """The life of a version. Only LIVE answers."""

    DRAFT = "draft"  # written, refused by the gate; kept so that one can see why
    CANDIDATE = "candidate"  # in the gate
    SHADOW = "shadow"  # passed the gate; compared with the model on real requests, does not answer
    LIVE = "live"
    SUSPENDED = "suspended"  # disagreed with the model or with another procedure, or broke its limits
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class Case:
    """A real exchange kept as evidence."""

    key: str
    text: str
    answer: str
    usage: Usage = Usage()
    verdict: str = "seen"
    created: float = 0.0


@dataclass(frozen=True, slots=True)
class Finding:
    """What one stage of the gate found.

    Attributes:
        outvoted: keys of the cases whose recorded answer the model itself took back, twice, in favour of the code's.
    """

    stage: str
    passed: bool
    detail: str = ""
    outvoted: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """For the version's evidence."""
        plain = {"stage": self.stage, "passed": self.passed, "detail": self.detail}
        return plain | ({"outvoted": [*self.outvoted]} if self.outvoted else {})

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Finding":
        """What ``as_json`` wrote; also without the fields that older versions did not have."""
        return cls(
            data["stage"],
            passed=data["passed"],
            detail=data.get("detail", ""),
            outvoted=tuple(data.get("outvoted", ())),
        )


@dataclass(frozen=True)
class Draft:
    """What the compiler wrote, before anything is believed."""

    intent: str
    answer_kind: str
    staticity: str
    patterns: tuple[str, ...]
    source: str
    near_misses: tuple[str, ...] = ()
    proven: bool = field(default=False, compare=False)
    """The patterns passed the gate here: they are compiled only when a request needs them."""

    @cached_property
    def guard(self) -> Guard:
        """The guard of its patterns. Raises PatternError."""
        return Guard.parse(self.patterns, proven=self.proven)

    @cached_property
    def code(self) -> str:
        """What is sent to the sandbox for an answer: parsing it takes most of a hit, so nothing superfluous."""
        return compact(self.source)


@dataclass(frozen=True)
class Procedure:
    """One version, as the store keeps it.

    Attributes:
        examples: requests and answers that it must reproduce, for ever.
        evidence: what every stage of the gate, shadow and audits found; loaded for those who ask why, not for answering.
        parent: the version that it was made from, if any.
        origin: compiled, recompiled, widened, edited, imported or first (code instead of an answer).
        pinned: a person wants it kept: it is not replaced, merged or retired by itself. A disagreement still suspends it.
        typical: the mean tokens of the answers that it replaces.
        proven: the templates that may answer: requests that were answered rightly have shown that their slots are not crossed.
    """

    id: int
    class_id: int
    version: int
    namespace: str
    vary: str
    engine: str
    state: State
    draft: Draft
    examples: tuple[Case, ...]
    model: str
    prompt_digest: str
    evidence: tuple[Finding, ...] = ()
    agreements: int = 0
    disagreements: int = 0
    hits: int = 0
    created: float = 0.0
    typical: Usage = field(default=Usage(), compare=False)
    parent: int | None = None
    origin: str = "compiled"
    pinned: bool = False
    used: float = 0.0
    proven: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Answer:
    """What running a procedure on a request gave.

    Attributes:
        text: the rendered answer, or None when the procedure abstains.
        params: what the guard extracted; None when the request is not of the class.
        outcome: of the sandbox; None when it was not asked.
    """

    text: str | None
    params: Mapping[str, Any] | None = None
    outcome: Outcome | None = None

    @property
    def why(self) -> str:
        """Why there is no answer."""
        if self.params is None:
            return "no pattern accepts the whole request"
        if self.outcome is None or self.outcome.ok:
            return "check() says that the value is not plausible"
        return f"{self.outcome.status}: {self.outcome.detail}"


def answer(
    draft: Draft,
    text: str,
    sandbox: Sandbox,
    limits: Limits,
    *,
    params: Mapping[str, Any] | None = None,
    as_written: bool = False,
) -> Answer:
    """Ask a draft for the answer to a request: guard, run(), check(), render(). Never raises for what the code does.

    Args:
        draft: the procedure.
        text: the request.
        sandbox: where its code runs.
        limits: what it may take.
        params: what its guard has read from the request, where that is known already.
        as_written: run the source itself, so that an error names the line that the compiler knows.
    """
    params = draft.guard.match(text) if params is None else params
    if params is None:
        return Answer(None)
    outcome = sandbox.run(call_source(draft.source if as_written else draft.code, _CALL), {_PARAMS: params}, limits)
    if not outcome.ok:
        return Answer(None, params, outcome)
    value = outcome.value
    # The code may return anything at all; only what render() promised counts.
    if type(value) is not list or len(value) != 2 or value[0] is not True or type(value[1]) is not str:  # noqa: PLR2004 - what _CALL makes
        return Answer(None, params, Outcome(Status.OK))
    return Answer(value[1], params, outcome)


_PARAMS: Final = "seglam_params"
# What run() returned never leaves the sandbox, so it may be of any type. One dictionary: slots as globals would hide the
# module's own imports (a slot named `date` beside `from datetime import date`).
_CALL: Final = (
    f"seglam_value = run(**{_PARAMS})\n[bool(check(seglam_value, **{_PARAMS})), render(seglam_value, **{_PARAMS})]"
)


_FENCE: Final = re.compile(r"^(~{3,}|`{3,})[ \t]*(\w+)[ \t]*\n(.*?)^\1[ \t]*$", re.MULTILINE | re.DOTALL)
_DECLINED: Final = re.compile(r"^\W*NOT_COMPILABLE\W+(.*)", re.DOTALL)


def declined(reply: str) -> str | None:
    """The reason, when the compiler's reply is ``NOT_COMPILABLE: reason``."""
    found = _DECLINED.match(reply.strip())
    return None if found is None else (found.group(1).strip() or "no reason given")[:500]


def parse_reply(reply: str) -> Draft:
    """The draft in a compiler's reply: the fenced blocks meta (JSON), patterns, python, and near_misses.

    Raises:
        ReplyError: a block is missing or not what it should be; the message tells the model what to mend.
    """
    blocks = {name.lower(): body for _fence, name, body in _FENCE.findall(reply)}
    for name in ("meta", "patterns", "python"):
        if name not in blocks:
            raise ReplyError(f"the block fenced as ~~~{name} is missing")
    try:
        meta = json.loads(blocks["meta"])
    except ValueError as error:
        raise ReplyError(f"the block ~~~meta is not JSON: {error}") from error
    if not isinstance(meta, dict):
        raise ReplyError("the block ~~~meta must be one JSON object")
    for name in ("intent", "answer_kind"):
        if not isinstance(meta.get(name), str) or not meta[name].strip():
            raise ReplyError(f'~~~meta: "{name}" must be a non-empty string')
    if meta["answer_kind"] not in ANSWER_KINDS:
        raise ReplyError(
            f'~~~meta: "answer_kind" must be one of {", ".join(ANSWER_KINDS)}, not {meta["answer_kind"]!r}'
        )
    patterns = _lines(blocks["patterns"])
    if not patterns:
        raise ReplyError("the block ~~~patterns is empty: one template per line is needed")
    near = tuple(line.replace("\\n", "\n") for line in _lines(blocks.get("near_misses", "")))
    staticity = str(meta.get("staticity", "forever"))
    return Draft(meta["intent"].strip()[:300], meta["answer_kind"], staticity, patterns, blocks["python"], near)


def parse_patterns(reply: str) -> tuple[str, ...]:
    """The templates in a reply that was to hold patterns alone.

    Raises:
        ReplyError: there are none.
    """
    blocks = {name.lower(): body for _fence, name, body in _FENCE.findall(reply)}
    patterns = _lines(blocks.get("patterns", ""))
    if not patterns:
        raise ReplyError("the block fenced as ~~~patterns is missing or empty: one template per line is needed")
    return patterns


def _lines(block: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in block.splitlines() if line.strip())


def mean_usage(cases: Sequence[Case]) -> Usage:
    """The mean tokens of some cases."""
    if not cases:
        return Usage()
    count = len(cases)
    return Usage(sum(c.usage.input_tokens for c in cases) // count, sum(c.usage.output_tokens for c in cases) // count)
