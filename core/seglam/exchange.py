"""What is asked and answered: Request, Response, Control, Hit, Miss, and how an exact key is derived.

The core never looks behind these shapes. An adapter turns its framework's call into a Request, and a Hit back into what
the framework expects; the words are those of HTTP caching (RFC 9111) wherever it has one.
"""

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from json.encoder import encode_basestring_ascii
from typing import Any, Final

from seglam.errors import ConfigurationError

KEY_VERSION: Final = "seglam/1"
"""Part of every key: raised when the canonical form changes, so that old entries are never read wrongly."""


class TierName(StrEnum):
    """The ways to answer without the model, in the order in which they are asked (rising risk)."""

    EXACT = "exact"
    PROCEDURE = "procedure"
    SEMANTIC = "semantic"


class Why(StrEnum):
    """Why a lookup was a miss."""

    ABSENT = "absent"  # no tier knows an answer
    BYPASS = "bypass"  # the policy or the request says: do not look
    STALE = "stale"  # the exact answer is known but too old
    AUDIT = "audit"  # a procedure could answer; the model is asked all the same, to compare
    DISAGREE = "disagree"  # two live procedures gave different answers; both are suspended
    FAULT = "fault"  # something inside failed; it is logged and counted


@dataclass(frozen=True, slots=True)
class Control:
    """Per-call directives, after HTTP Cache-Control (RFC 9111, section 5.2.1).

    Attributes:
        no_cache: do not answer from the cache; the fresh answer is stored.
        no_store: do not store the answer, nor use it as evidence.
        only_if_cached: never call the origin; ``respond`` raises OnlyIfCachedError on a miss.
        max_age: seconds; an older stored answer is not used (what a procedure computes is new). None: the policy's
            lifetime alone decides.
    """

    no_cache: bool = False
    no_store: bool = False
    only_if_cached: bool = False
    max_age: float | None = None

    def __post_init__(self) -> None:
        if self.max_age is not None and not (isinstance(self.max_age, int | float) and self.max_age >= 0):
            raise ConfigurationError(f"max_age: expected seconds >= 0 or None, got {self.max_age!r}")


@dataclass(frozen=True)
class Request:
    """What is asked.

    Attributes:
        text: the last user text; compared by meaning and matched by procedures.
        vary: a digest of the context that must be equal: system prompt, earlier messages, tools, output schema, tenant.
            Empty when there is none, so that two frameworks that ask the same bare question share what was learnt.
        engine: a digest of who answers: model and sampling parameters.
        namespace: a part of the cache with its own entries and procedures; nothing crosses it.
        kind: the kind of content, which decides its lifetime ("faq", "product", "live", or one of the policy's own).
            Empty: the policy's rules decide from the text.
        compilable: False keeps the procedure tier out of it (images, tool results, anything that text does not hold).
        comparable: False keeps the semantic tier out of it.
        background: what ``vary`` is a digest of, as text; only the compiler reads it, so that a rule which stands in the
            system prompt reaches the procedure. Never part of the key.
        control: per-call directives; never part of the key.
        fits: whether a text is a legal answer (of the output schema, or a call of a known tool); what a procedure gives is
            served only if it is, and an answer of the model that is not teaches no procedure. None: any text is. Never
            part of the key: what it tests stands in ``vary``.
    """

    text: str
    vary: str = ""
    engine: str = ""
    namespace: str = ""
    kind: str = ""
    compilable: bool = True
    comparable: bool = True
    background: str = field(default="", compare=False, repr=False)
    control: Control = field(default=Control(), compare=False)
    fits: Callable[[str], bool] | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        for name in ("text", "vary", "engine", "namespace", "kind", "background"):
            value = getattr(self, name)
            if not isinstance(value, str):
                raise ConfigurationError(f"Request.{name}: expected a str, got {type(value).__name__}")
            # The user's text may hold anything, and is then not stored; what the caller chooses must be storable.
            if name not in ("text", "background") and (why := unstorable(value)):
                raise ConfigurationError(f"Request.{name}: {why}")
        if self.fits is not None and not callable(self.fits):
            raise ConfigurationError(f"Request.fits: expected a function or None, got {type(self.fits).__name__}")

    @cached_property
    def key(self) -> str:
        """The exact key: 64 hex digits. Two requests share it only if text, vary, engine and namespace are equal."""
        return digest(self.namespace, self.vary, self.engine, self.text)

    @property
    def context(self) -> tuple[str, str]:
        """Where a procedure belongs: (namespace, vary)."""
        return (self.namespace, self.vary)

    @property
    def scope(self) -> tuple[str, str, str]:
        """Where a stored answer belongs: (namespace, vary, engine)."""
        return (self.namespace, self.vary, self.engine)


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens that one model call took; zero where the provider did not say."""

    input_tokens: int = 0
    output_tokens: int = 0


class Reuse(StrEnum):
    """How an answer may be used again: what HTTP says with a response's Cache-Control."""

    FREE = "free"  # for the same request, one that means the same, and as evidence for procedures
    EXACT = "exact"  # for the same request only: tool calls, images, anything that its text does not hold
    NEVER = "never"  # errors, truncated and refused answers: shared with those who wait for it, never stored


@dataclass(frozen=True, slots=True)
class Response:
    """What was answered.

    Attributes:
        text: the answer as text, which the core reads, compares and lets procedures imitate.
        payload: JSON that only the adapter which wrote it reads (message blocks, finish reason ...); None for plain text.
        usage: the tokens that this answer cost when the model gave it.
        reuse: how it may be used again.
    """

    text: str
    payload: Mapping[str, Any] | None = None
    usage: Usage = Usage()
    reuse: Reuse = Reuse.FREE

    def __post_init__(self) -> None:
        if not isinstance(self.text, str):
            raise ConfigurationError(f"Response.text: expected a str, got {type(self.text).__name__}")


@dataclass(frozen=True, slots=True)
class Hit:
    """An answer without a model call.

    Attributes:
        response: the answer.
        tier: which tier gave it.
        source: what it came from: ``entry:<id>`` or ``procedure:<id>``.
        score: cosine similarity for the semantic tier, 1.0 otherwise.
        age: seconds since the stored answer was made; 0 for what a procedure has just computed.
        notes: what a tier wants to tell: the wording that matched, the parameters of the procedure.
        request: what was asked; for ``Cache.wrong``.
        stale: the answer's lifetime is over, and it is asked anew (``Policy.stale_while_revalidate``).
    """

    response: Response
    tier: TierName
    source: str
    score: float = 1.0
    age: float = 0.0
    notes: Mapping[str, Any] = field(default_factory=dict)
    request: Request | None = field(default=None, compare=False, repr=False)
    stale: bool = False

    def __bool__(self) -> bool:
        return True


@dataclass(frozen=True, slots=True)
class Miss:
    """No answer, and why. False in a boolean context, like dogpile's NO_VALUE."""

    why: Why
    detail: str = ""

    def __bool__(self) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class Entry:
    """A stored exchange. Times are seconds since the epoch; ``expires`` is inf for an answer without an end."""

    id: int
    key: str
    request: Request
    response: Response
    created: float
    expires: float = math.inf

    def fresh(self, now: float, control: Control) -> bool:
        """Whether the answer may still be served at ``now`` under these directives."""
        return now < self.expires and (control.max_age is None or now - self.created <= control.max_age)


def unstorable(text: str) -> str:
    """Why a text cannot be kept faithfully, or "": not every engine's TEXT holds NUL, and none holds lone surrogates."""
    if "\x00" in text:
        return "text holds NUL"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "text holds lone surrogates"
    return ""


_encoder: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def canonical(value: Any) -> str:
    """Canonical JSON: sorted keys, no spaces, ASCII only, so that lone surrogates and NUL have one form.

    Raises:
        TypeError: for a value that JSON does not have; adapters turn such a request into a bypass.
        ValueError: for NaN or infinity.
    """
    return _encoder.encode(value)


def digest(*parts: Any) -> str:
    """Sha256 of the canonical JSON of the parts, versioned by KEY_VERSION; 64 hex digits."""
    if all(
        isinstance(part, str) for part in parts
    ):  # of every request: the same bytes, without an encoder made for them
        text = f"[{','.join(map(encode_basestring_ascii, (KEY_VERSION, *parts)))}]"
    else:
        text = canonical([KEY_VERSION, *parts])
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def vary_digest(context: Mapping[str, Any]) -> str:
    """The ``vary`` of a context: a digest of its non-empty parts, and "" for an empty context.

    Adapters use the same part names (``system``, ``messages``, ``tools``, ``schema``, ``tenant`` ...), so that one
    context has one digest whichever framework asks.
    """
    parts = {name: value for name, value in context.items() if value not in (None, "", [], {}, ())}
    return digest(parts) if parts else ""
