"""The language model of the benchmark: it knows every answer, errs at a stated rate, and compiles from a tape.

What it is asked is counted by kind (direct, audit, vote, compile), with tokens of characters / 4, rounded up. A compile
prompt's tokens that stand at the front of an earlier compile prompt too are counted apart, because providers sell a repeated
prefix cheaper.
"""

import random
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final, Literal

from benchmarks.crystal.items import Item, right, wrong
from seglam import Completion, TapeError, Usage
from seglam.tape import Tape, prompt_digest

Kind = Literal["direct", "audit", "vote", "compile"]
KINDS: Final[tuple[Kind, ...]] = ("direct", "audit", "vote", "compile")

_CACHEABLE: Final = 1024
"""Tokens below which providers do not keep a prefix."""
_REMEMBERED: Final = 64


def tokens(text: str) -> int:
    """The benchmark's token count of a text."""
    return -(-len(text) // 4)


@dataclass(frozen=True, slots=True)
class Spent:
    """One model call: its kind and tokens. ``prefix`` are those of the input that an earlier call began with."""

    kind: Kind
    prefix: int
    input: int
    output: int


@dataclass(frozen=True, slots=True)
class Compile:
    """One compile call: for which class, at which request of the run, and what came of it (None: no reply on the tape)."""

    klass: str
    at: int
    digest: str
    reply: str | None

    def as_json(self) -> dict[str, object]:
        return asdict(self)


class Oracle:
    """The model of one run. Deterministic: a reply depends only on seed, request, its right answer and how often it was asked.

    Args:
        tape: replies to compile prompts; None: there are none, every compile fails.
        error: share of direct answers that are wrong.
        seed: of the errors.

    Attributes:
        item: what the run is at; a compile call counts for its class. Set by the runner.
        at: the number of that request.
        compiles: every compile call so far.
        missing: prompts without a reply, in all classes.
    """

    name = "benchmark oracle"

    def __init__(self, tape: Tape | None, *, error: float = 0.05, seed: int = 0) -> None:
        self._tape = tape
        self._error = error
        self._seed = seed
        self._lock = threading.Lock()
        self._known: dict[str, Item] = {}
        self._attempts: Counter[str] = Counter()
        self._spent: list[Spent] = []
        self._prompts: list[str] = []
        self._stuck: dict[str, set[str]] = {}
        self.item: Item | None = None
        self.at = 0
        self.compiles: list[Compile] = []
        self.missing: set[str] = set()
        if tape is not None:
            self.name = tape.name

    def know(self, item: Item) -> None:
        """Let votes about this request be answered by its truth; a later item with the same text takes its place."""
        self._known[item.text] = item
        self.item = item

    def klass(self, text: str) -> str:
        """The class of a request that was asked; "" for another text."""
        return self._known[text].klass if text in self._known else ""

    def direct(self, item: Item, kind: Kind = "direct") -> Completion:
        """The model's own answer to a request."""
        with self._lock:
            attempt = self._attempts[item.text]
            self._attempts[item.text] += 1
            reply = self.reply(item, attempt)
            usage = Usage(tokens(item.text), tokens(reply))
            self._spent.append(Spent(kind, 0, usage.input_tokens, usage.output_tokens))
        return Completion(reply, usage)

    def reply(self, item: Item, attempt: int) -> str:
        """What the model says to a request when it is asked for the ``attempt``-th time (from 0)."""
        rng = random.Random(f"{self._seed}|{attempt}|{item.text}")
        if not item.answer or rng.random() >= self._error:
            return item.answer or "I am not sure what you are asking."
        return wrong(item, rng)

    def complete(self, prompt: str) -> Completion:
        """What the cache's compiler and votes call.

        Raises:
            TapeError: the tape holds no reply to a compile prompt.
        """
        item = self._known.get(prompt)
        if item is not None:
            return self.direct(item, "vote")
        klass = self.item.klass if self.item is not None else ""
        key = prompt_digest(prompt)
        try:
            completion = self._recorded(prompt, klass)
        except TapeError:
            self.missing.add(key)
            self.compiles.append(Compile(klass, self.at, key, None))
            raise
        with self._lock:
            prefix = self._prefix(prompt)
            self._spent.append(Spent("compile", prefix, tokens(prompt) - prefix, tokens(completion.text)))
            self.compiles.append(Compile(klass, self.at, key, completion.text))
        return completion

    def _recorded(self, prompt: str, klass: str) -> Completion:
        if self._tape is None:
            raise TapeError("there is no tape")
        if not self._tape.holds(prompt):
            # Another try for a class whose first prompt waits for its reply will not be made once that reply is there.
            inside = {text for text, item in self._known.items() if item.klass == klass and text in prompt}
            waiting = self._stuck.setdefault(klass, set())
            if inside & waiting:
                raise TapeError("an earlier prompt of this class waits for its reply")
            waiting |= inside
        return self._tape.complete(prompt)

    def _prefix(self, prompt: str) -> int:
        """Tokens at the front that the longest match among the last prompts has too; 0 below what providers keep."""
        shared = max((shared_prefix(prompt, earlier) for earlier in self._prompts), default=0)
        self._prompts = [*self._prompts[-_REMEMBERED:], prompt]
        return shared // 4 if shared // 4 >= _CACHEABLE else 0

    def take(self) -> list[Spent]:
        """The calls since the last time, which are then forgotten."""
        with self._lock:
            spent, self._spent = self._spent, []
        return spent


def shared_prefix(one: str, other: str) -> int:
    """Characters that two texts begin with alike."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if one.startswith(other[:middle]) else (low, middle - 1)
    return low


def declined(compiles: Sequence[Compile]) -> dict[str, str]:
    """The classes whose last compile reply was NOT_COMPILABLE, with the reason."""
    from seglam.procedure import declined as reason_of

    last: dict[str, str | None] = {}
    for made in compiles:
        if made.reply is not None:
            last[made.klass] = reason_of(made.reply)
    return {klass: reason for klass, reason in last.items() if reason is not None}


__all__ = ["KINDS", "Compile", "Kind", "Oracle", "Spent", "declined", "right", "shared_prefix", "tokens"]
