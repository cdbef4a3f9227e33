"""How long answers stay fresh: an ordered list of rules, the first of which decides. Nothing here performs I/O."""

import inspect
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from numbers import Real
from types import MappingProxyType
from typing import Final

from seglam.errors import ConfigurationError
from seglam.exchange import Request, Response
from seglam.opinions import told

DAY: Final = 86_400.0

LIFETIMES: Final[Mapping[str, float]] = MappingProxyType({"faq": 7 * DAY, "product": DAY, "live": 0.0, "": DAY})
"""Seconds that a stored answer stays fresh, by kind of content; "" is every other kind; 0 is never stored."""

Lifetime = Callable[[Request, Response], float | None]
"""Seconds for this answer (0: never stored), or None: the next rule decides."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of ``Policy.rules``: which requests it is for, and what becomes of their answers.

    Attributes:
        pattern: regular expression that the text contains; "" is in every text.
        kind: the kind of content that it gives requests which have none of their own; its lifetime is that of the kind.
        tag: only requests of this kind; "" is all of them.
        seconds: the lifetime itself, or a function of request and response that says it; a function is asked once there is an
            answer. What it raises, and anything but a number >= 0 or None, means that the answer is never stored.

    Raises:
        ConfigurationError: the pattern is no regular expression, or it is not exactly one of ``kind`` and ``seconds``.
    """

    pattern: str = ""
    kind: str = ""
    tag: str = ""
    seconds: float | Lifetime | None = None

    def __post_init__(self) -> None:
        for name in ("pattern", "kind", "tag"):
            if not isinstance(getattr(self, name), str):
                raise ConfigurationError(f"Rule.{name}: expected a str, got {getattr(self, name)!r}")
        try:
            re.compile(self.pattern)
        except re.error as error:
            raise ConfigurationError(f"Rule.pattern: not a regular expression: {self.pattern!r} ({error})") from error
        if bool(self.kind) == (self.seconds is not None):
            raise ConfigurationError(f"Rule: expected either kind or seconds, got {self.kind!r} and {self.seconds!r}")
        if self.kind and self.tag:
            raise ConfigurationError(f"Rule.tag: a request of kind {self.tag!r} is not given another one; use seconds")
        if inspect.iscoroutinefunction(self.seconds):
            raise ConfigurationError("Rule.seconds: expected a plain function, got an async one")
        if self.seconds is not None and not callable(self.seconds) and _lifetime(self.seconds) is None:
            raise ConfigurationError(f"Rule.seconds: expected seconds >= 0 or a function, got {self.seconds!r}")

    def takes(self, request: Request) -> bool:
        """Whether the rule is for this request."""
        own = request.kind == self.tag if self.tag else not (self.kind and request.kind)
        return own and (not self.pattern or re.search(self.pattern, request.text) is not None)

    def decides(self, request: Request, response: Response | None, lifetimes: Mapping[str, float]) -> float | None:
        """Seconds that an answer to a request which it takes stays fresh; None: the next rule decides.

        Args:
            request: what was asked.
            response: what was answered; None: nothing yet.
            lifetimes: seconds by kind.
        """
        if self.kind:
            return lifetimes.get(self.kind, lifetimes[""])
        if not callable(self.seconds):
            return self.seconds
        if response is None:
            return None
        rule, answered = self.seconds, response
        never: float | None = 0.0
        return told(
            "lifetime rule", rule, lambda: _said(rule(request, answered)), "the answer is not kept", failed=never
        )


def first(
    rules: Iterable[Rule], request: Request, response: Response | None, lifetimes: Mapping[str, float]
) -> float | None:
    """What the first rule says that takes the request and decides; None where there is none."""
    said = (rule.decides(request, response, lifetimes) for rule in rules if rule.takes(request))
    return next((seconds for seconds in said if seconds is not None), None)


def _said(value: object) -> float | None:
    if value is None:
        return None
    if (seconds := _lifetime(value)) is None:
        raise TypeError(f"expected seconds >= 0 or None, got {type(value).__name__}")
    return seconds


def _lifetime(value: object) -> float | None:
    """A number of seconds, infinity among them; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return None
    try:
        seconds = float(value)
    except OverflowError:
        return None
    return seconds if not math.isnan(seconds) and seconds >= 0 else None
