"""Every threshold, lifetime and limit, and every yes/no rule, in one frozen object. Nothing here performs I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Final, Literal

from seglam.errors import ConfigurationError
from seglam.exchange import Entry, Request, Response, Reuse, unstorable
from seglam.judging import Judge
from seglam.lifetimes import DAY, LIFETIMES, Rule, first
from seglam.moment import time_dependent
from seglam.reranking import Verifier
from seglam.thresholds import Threshold, as_threshold

HOUR: Final = 3600.0
_MOST: Final = 10**9
_MARGIN: Final = 0.02
_MARGIN_ELSEWHERE: Final = (
    0.06  # with 0.02 two other models served 2 and 3 of 74 questions wrongly, with 0.06 none and 1
)

_WHOLE: Final = (
    *("candidates", "heat", "shadow", "repairs", "compiles_per_hour", "max_entries", "memory_entries"),
    *("audit_hits", "votes", "widen"),
)
_SHARES: Final = (
    *("trust", "audit_first", "audit", "kin", "kin_recurring"),
    *("contrast_near", "check_hits"),
)
_LEAST: Final[Mapping[str, float]] = MappingProxyType(
    {
        "candidates": 1,
        "heat": 2,
        "shadow": 0,
        "repairs": 0,
        "compiles_per_hour": 0,
        "audit_hits": 0,
        "votes": 0,
        "widen": 1,
        "window": 0,
        "retire_after": 0,
        "retry_after": 0,
        "max_entries": 1,
        "memory_entries": 0,
        "max_text": 1,
        "flush_after": 0,
        "stale_while_revalidate": 0,
    }
)


@dataclass(frozen=True)
class Policy:
    """Every number and yes/no rule.

    Attributes:
        threshold: cosine similarity that a semantic hit needs, for the embedder in use: 0.92 default, 0.95 strict, 0.85 loose
            (less is enough where the wordings correspond: ``values.floor``); or a ``Fitted``, ``PerEntry`` or ``Split``
            threshold that learns from evidence.
        candidates: how many nearest entries the semantic tier considers.
        contrast: "hot": a stored question gets a contrast set from the compiler's model when a second request comes near;
            "off": only sets that exist are used.
        contrast_near: cosine similarity from which a second request counts as near a question.
        contrast_threshold: the same for a hit by a contrast set.
        consensus: the same where several stored questions around a request have one answer and none has another; 1.0: never.
        verifier: reads both texts of a semantic hit after guards and threshold, and may refuse it; what fails in it refuses.
        check_hits: the share of semantic hits that the model answers all the same, to be compared.
        contrast_margin: by how much its nearest wording must win over its nearest look-alike. None: 0.02 for the embedded model,
            and 0.06 for any other, whose scores nobody has seen.
        compile: "hot": in the background at the ``heat``-th similar miss; "first": at the first miss the model is asked
            for code instead of an answer; "off": never.
        heat: similar misses before a class is compiled ("hot").
        window: seconds within which the similar misses must have come: a class that does not recur is not worth a compile.
        shadow: the least number of agreements with the model that a new procedure needs before it answers.
        trust: what the posterior mean of agreement (or, strict, its Wilson lower bound) must reach before it answers.
        strict: True lets only a version's own comparisons count, with the Wilson lower bound; False starts from the record
            of all procedures that the gate let through.
        skip: stages of the gate that are left out, by name.
        audit_first, audit_hits, audit: the share of a version's first ``audit_hits`` hits, and of all later ones, that the
            model answers all the same, to be compared.
        prove: True asks the model at the first request in each wording that a procedure's templates foresee, and answers in
            that wording once they agreed; False lets every template of a trusted version answer.
        votes: how often the model is asked again before a procedure is blamed for a disagreement; 0: never, one suspends.
        widen: near requests that no pattern takes before the compiler is asked for one more; doubles with every failure.
        kin: cosine similarity from which a request counts as near a class although their words differ.
        kin_recurring: the same, where requests recur in those other words; one alone is left to itself.
        retire_after: seconds without a hit after which a procedure is retired.
        judge: says whether two answers agree, in place of the comparison by value.
        repairs: how often the compiler may mend its reply, told what is wrong.
        compiles_per_hour: upper bound on compile attempts.
        retry_after: seconds before a class whose compilation failed is tried again; 24 times as long where the compiler
            declined; doubles with every try.
        bind_engine: True keeps a procedure to the engine whose answers it was made from.
        lifetimes: seconds by kind of content; the kind "" is the default; 0 means never stored.
        rules: lifetimes, and kinds for requests without one, by tag, text, or a function; the first that decides wins.
        stale_while_revalidate: seconds after its end (RFC 5861) in which a stored answer is still served to the very same
            request, while it is asked anew; 0: never. Wording that depends on the moment is never served so.
        max_entries: stored answers; the least recently used go first.
        reembed: True has texts whose vectors another embedder made embedded anew, in the background, when no process works with
            that embedder any more; False leaves it to ``Cache.reembedding.run`` and ``seglam reembed``.
        memory_entries: answers kept in memory in front of the store.
        max_text: characters; longer requests are matched exactly only.
        flush_after: seconds after which counters, uses and aliases are written down.
        on_fault: "miss": a fault inside is logged, counted and a miss; "raise": for tests.
    """

    threshold: float | Threshold = 0.92
    candidates: int = 8
    contrast: Literal["hot", "off"] = "hot"
    contrast_near: float = 0.75
    contrast_threshold: float | Threshold = 0.80
    contrast_margin: float | None = None
    consensus: float | Threshold = 0.85
    verifier: Verifier | None = None
    check_hits: float = 0.02
    compile: Literal["hot", "first", "off"] = "hot"
    heat: int = 2
    window: float = 60 * DAY
    shadow: int = 1
    trust: float = 0.9
    strict: bool = False
    skip: frozenset[str] = frozenset()
    audit_first: float = 0.05
    audit_hits: int = 20
    audit: float = 0.01
    prove: bool = True
    votes: int = 2
    widen: int = 1
    kin: float = 0.70
    kin_recurring: float = 0.60
    retire_after: float = 180 * DAY
    judge: Judge | None = None
    repairs: int = 2
    compiles_per_hour: int = 60
    retry_after: float = HOUR
    bind_engine: bool = False
    lifetimes: Mapping[str, float] = field(default_factory=lambda: LIFETIMES)
    rules: tuple[Rule, ...] = ()
    stale_while_revalidate: float = 0.0
    max_entries: int = 10_000
    reembed: bool = True
    memory_entries: int = 2048
    max_text: int = 65_536
    flush_after: float = 5.0
    on_fault: Literal["miss", "raise"] = "miss"

    def __post_init__(self) -> None:
        for name in ("threshold", "contrast_threshold", "consensus"):
            as_threshold(f"Policy.{name}", getattr(self, name))
        for name, least in _LEAST.items():
            _at_least(name, getattr(self, name), least)
        for name in _SHARES:
            _within(name, getattr(self, name), 0.0, 1.0)
        if self.contrast_margin is not None:
            _within("contrast_margin", self.contrast_margin, 0.0, 1.0)
        _one_of("compile", self.compile, ("hot", "first", "off"))
        _one_of("contrast", self.contrast, ("hot", "off"))
        _one_of("on_fault", self.on_fault, ("miss", "raise"))
        self._check_parts()
        for name in _WHOLE:
            if not isinstance(getattr(self, name), int) or getattr(self, name) > _MOST:
                raise ConfigurationError(f"Policy.{name}: expected a whole number, got {getattr(self, name)!r}")
        for kind, seconds in self.lifetimes.items():
            _at_least(f"lifetimes[{kind!r}]", seconds, 0)
        object.__setattr__(self, "skip", frozenset(self.skip))
        # What the caller leaves out keeps its default, so that naming one kind does not make live data storable.
        object.__setattr__(self, "lifetimes", MappingProxyType({**LIFETIMES, **self.lifetimes}))

    def _check_parts(self) -> None:
        if not isinstance(self.lifetimes, Mapping):
            raise ConfigurationError(f"Policy.lifetimes: expected seconds by kind, got {self.lifetimes!r}")
        if not isinstance(self.rules, tuple) or not all(isinstance(rule, Rule) for rule in self.rules):
            raise ConfigurationError(f"Policy.rules: expected a tuple of Rule, got {self.rules!r}")
        if not 0.0 < self.trust < 1.0:
            raise ConfigurationError(f"Policy.trust: expected a number between 0 and 1, got {self.trust!r}")
        if isinstance(self.skip, str) or not all(isinstance(name, str) for name in self.skip):
            raise ConfigurationError(f"Policy.skip: expected names of stages, got {self.skip!r}")
        if self.verifier is not None and not callable(getattr(self.verifier, "accepts", None)):
            kind = type(self.verifier).__name__
            raise ConfigurationError(f"Policy.verifier: expected an object with accepts(), got {kind}")
        if self.judge is not None and not callable(getattr(self.judge, "agree", None)):
            raise ConfigurationError(f"Policy.judge: expected an object with agree(), got {type(self.judge).__name__}")

    @cached_property
    def reading(self) -> Threshold:
        """The threshold of hits that read the same."""
        return as_threshold("Policy.threshold", self.threshold)

    @cached_property
    def contrasting(self) -> Threshold:
        """The threshold of hits by contrast sets."""
        return as_threshold("Policy.contrast_threshold", self.contrast_threshold)

    @cached_property
    def agreeing(self) -> Threshold:
        """The threshold of hits by consensus."""
        return as_threshold("Policy.consensus", self.consensus)

    def threshold_of(self, rule: str) -> Threshold:
        """The threshold of the hits of a rule: "reading", "contrast" or "consensus"."""
        return {"contrast": self.contrasting, "consensus": self.agreeing}.get(rule, self.reading)

    def margin(self, fingerprint: str) -> float:
        """By how much a wording must win over a look-alike, in the space of this embedder."""
        if self.contrast_margin is not None:
            return self.contrast_margin
        return _MARGIN if fingerprint.startswith("minilm:") else _MARGIN_ELSEWHERE

    def kind(self, request: Request) -> str:
        """The kind of content: the request's own, else that of the first rule which gives one, else "live" or ""."""
        given = (rule.kind for rule in self.rules if rule.kind and rule.takes(request))
        return request.kind or next(given, "live" if time_dependent(request.text) else "")

    def lifetime(self, request: Request, response: Response | None = None) -> float:
        """Seconds that an answer to this request stays fresh; 0: it is never stored.

        Args:
            request: what is asked.
            response: the answer; None: nothing yet, so rules that are functions are passed over.
        """
        said = first(self.rules, request, response, self.lifetimes)
        return self.lifetimes.get(self.kind(request), self.lifetimes[""]) if said is None else said

    def fresh(self, request: Request, entry: Entry, now: float) -> bool:
        """Whether a stored answer may serve the request at ``now``: one to another request only as long as its own might."""
        if not entry.fresh(now, request.control):
            return False
        return entry.key == request.key or now - entry.created < self.lifetime(request, entry.response)

    def revalidable(self, request: Request, entry: Entry, now: float) -> bool:
        """Whether a stored answer that is too old may serve the request while it is asked anew."""
        return (
            entry.key == request.key
            and entry.expires <= now < entry.expires + self.stale_while_revalidate
            and request.control.max_age is None
            and self._timeless(request)
        )

    def bypass(self, request: Request) -> str:
        """Why this request is not looked up at all, or ""."""
        if request.control.no_cache:
            return "no_cache"
        return unstorable(request.text)

    def storable(self, request: Request, response: Response) -> bool:
        """Whether the answer may be kept, as an entry and as evidence."""
        if request.control.no_store or response.reuse is Reuse.NEVER:
            return False
        if unstorable(request.text) or unstorable(response.text):
            return False
        return self.lifetime(request, response) > 0

    def comparable(self, request: Request) -> bool:
        """Whether the request may be matched by meaning: never where its wording depends on the moment, whatever its kind."""
        size = len(request.text)
        return (
            request.comparable and 0 < size <= self.max_text and self.lifetime(request) > 0 and self._timeless(request)
        )

    def _timeless(self, request: Request) -> bool:
        return self.kind(request) != "live" and not time_dependent(request.text)

    def compilable(self, request: Request) -> bool:
        """Whether a procedure may be made from the request."""
        return (
            self.compile != "off"
            and self.answerable(request)
            and not request.control.no_store
            and self.lifetime(request) > 0
            and self._timeless(request)
        )

    def answerable(self, request: Request) -> bool:
        """Whether an existing procedure may answer the request."""
        return request.compilable and len(request.text.strip()) > 0 and len(request.text) <= self.max_text


def _within(name: str, value: float, low: float, high: float) -> None:
    if not (isinstance(value, int | float) and low <= value <= high):
        raise ConfigurationError(f"Policy.{name}: expected a number from {low} to {high}, got {value!r}")


def _at_least(name: str, value: float, least: float) -> None:
    if not (isinstance(value, int | float) and value >= least):
        raise ConfigurationError(f"Policy.{name}: expected a number >= {least}, got {value!r}")


def _one_of(name: str, value: str, names: tuple[str, ...]) -> None:
    if value not in names:
        raise ConfigurationError(f"Policy.{name}: expected one of {', '.join(names)}, got {value!r}")
