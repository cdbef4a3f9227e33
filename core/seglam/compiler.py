"""The compiler: asks a model, once for a class of requests, for the procedure that answers all of them.

The contract began with the trial in which one-shot replies served 82 % of new requests of twenty unseen classes with none
wrong; what it adds is the sandbox's language, the differences between the requests, repair, a second opinion and widening.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from seglam.errors import PatternError, ReplyError
from seglam.exchange import Usage, digest
from seglam.guard import MAX_PATTERNS, Pattern
from seglam.llm import Completion, Model
from seglam.policy import HOUR
from seglam.procedure import Case, Draft, Finding, declined, parse_patterns, parse_reply
from seglam.prompts import again_prompt, compile_prompt, question, repair_prompt, widen_prompt

logger = logging.getLogger("seglam")

Gate = Callable[[Draft], tuple[Finding, ...]]
Spent = Callable[[str, str, Usage], None]
"""Told of every model call: its purpose ("compile", "widen", "vote" or "contrast"), for which namespace, and its tokens."""


@dataclass(frozen=True, slots=True)
class Compilation:
    """What came of one compilation.

    Attributes:
        draft: the last draft that could be read; None when there was none.
        findings: what the gate found on it; all passed, or the last one did not.
        declined: the compiler's reason when it replied NOT_COMPILABLE.
        prompt_digest: of the first prompt.
    """

    draft: Draft | None
    findings: tuple[Finding, ...]
    declined: str | None
    prompt_digest: str

    @property
    def passed(self) -> bool:
        """Whether the draft passed every stage."""
        return self.draft is not None and self.declined is None and all(finding.passed for finding in self.findings)

    @property
    def reason(self) -> str:
        """Why it did not pass."""
        return self.declined or next((f"{f.stage}: {f.detail}" for f in self.findings if not f.passed), "")

    @property
    def outvoted(self) -> tuple[str, ...]:
        """The keys of the cases whose reply the model itself no longer holds."""
        return tuple(key for finding in self.findings for key in finding.outvoted)


def readable(draft: Draft) -> tuple[Draft, tuple[Finding, ...]]:
    """The draft without the templates that do not parse, and a finding that names them: one slip costs one wording.

    Raises:
        PatternError: none of them parses, or there are too many.
    """
    good, errors = [], []
    for number, template in enumerate(draft.patterns, 1):
        try:
            Pattern.parse(template)
        except PatternError as error:
            errors.append(f"pattern {number}: {error}")
        else:
            good.append(template)
    kept = replace(draft, patterns=tuple(good)) if good else draft
    _ = kept.guard
    return kept, (Finding("reply", passed=True, detail="; ".join(errors)[:2000]),) if errors else ()


class Compiler:
    """Writes candidates with a model, within a budget of calls per hour.

    Args:
        model: the language model; it must not go through the cache.
        repairs: how often a reply may be mended.
        calls_per_hour: upper bound of compile and widening calls.
        clock: seconds since the epoch.
        spent: told of every call as soon as it is over, so that none is lost when a later one fails.
    """

    def __init__(
        self, model: Model, *, repairs: int, calls_per_hour: int, clock: Callable[[], float], spent: Spent
    ) -> None:
        self.model = model
        self._repairs = repairs
        self._budget = calls_per_hour
        self._clock = clock
        self._spent = spent
        self._lock = threading.Lock()
        self._asked: deque[float] = deque()
        self.stopped = False
        self.paid = 0  # replies so far

    def affordable(self) -> bool:
        """Whether the budget of this hour allows another call."""
        now = self._clock()
        with self._lock:
            while self._asked and not now - HOUR < self._asked[0] <= now:  # later than now: the clock was set back
                self._asked.popleft()
            return len(self._asked) < self._budget

    def compile(self, cases: Sequence[Case], background: str, space: str, gate: Gate) -> Compilation:
        """Ask for a procedure, put it through the gate, and let the model mend what the gate refuses.

        Raises:
            Exception: whatever the model raises.
        """
        return self._write(compile_prompt(cases, background), ("compile", space), parse_reply, gate)

    def widen(
        self, draft: Draft, near: Sequence[Case], background: str, space: str, gate: Gate, needed: Sequence[str] = ()
    ) -> Compilation:
        """Ask for further patterns for the same code; where there would be too many, old ones that are not ``needed`` go.

        Raises:
            Exception: whatever the model raises.
        """

        def wider(reply: str) -> Draft:
            new = [template for template in parse_patterns(reply) if template not in draft.patterns]
            surplus = max(0, len(draft.patterns) + len(new) - MAX_PATTERNS)
            spare = [template for template in draft.patterns if template not in needed][::-1][:surplus]
            kept = [template for template in draft.patterns if template not in spare]
            return replace(draft, patterns=(*kept, *new)[:MAX_PATTERNS])

        return self._write(widen_prompt(draft, near, background), ("widen", space), wider, gate)

    def again(self, cases: Sequence[Case], background: str, space: str) -> Draft | None:
        """A second, independent procedure for the same cases; None when there is none that can be read."""
        if not self.affordable() or self.stopped:
            return None
        reply = self.ask(again_prompt(cases, background), ("compile", space)).text
        if declined(reply) is not None:
            return None
        try:
            return readable(parse_reply(reply))[0]
        except (ReplyError, PatternError):
            return None

    def vote(self, text: str, background: str, space: str) -> str | None:
        """The model's fresh answer to a request; None when it cannot be had. Never raises."""
        if self.stopped:
            return None
        try:
            completion = self.model.complete(question(text, background))
            self._spent("vote", space, completion.usage)
            return completion.text
        except Exception as error:  # the caller decides without it
            logger.warning("the model could not be asked for a vote: %s", type(error).__name__)
            return None

    def _write(self, first: str, purpose: tuple[str, str], parse: Callable[[str], Draft], gate: Gate) -> Compilation:
        prompt = first
        draft: Draft | None = None
        findings: tuple[Finding, ...] = ()
        calls = 0
        while calls <= self._repairs and (calls == 0 or (self.affordable() and not self.stopped)):
            calls += 1
            reply = self.ask(prompt, purpose).text
            reason = declined(reply)
            if reason is not None:
                return Compilation(draft, findings, reason, digest(first))
            try:
                draft, left_out = readable(parse(reply))
            except (ReplyError, PatternError) as error:
                findings = (Finding("reply", passed=False, detail=str(error)),)
            else:
                findings = (*left_out, *gate(draft))
            if all(finding.passed for finding in findings):
                break
            prompt = repair_prompt(first, reply, findings)
        return Compilation(draft, findings, None, digest(first))

    def ask(self, prompt: str, purpose: tuple[str, str]) -> Completion:
        """One call within the budget; the caller has asked ``affordable`` first.

        Args:
            prompt: what is asked.
            purpose: what for, and for which namespace.

        Raises:
            Exception: whatever the model raises.
        """
        with self._lock:
            self._asked.append(self._clock())
        completion = self.model.complete(prompt)
        self.paid += 1
        self._spent(*purpose, completion.usage)
        return completion
