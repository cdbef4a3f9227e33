"""Bundles: procedures as one JSON text that another installation can read, with a digest for each and an optional signature.

A bundle is data. Reading one parses JSON, checks every type, size and digest, and executes nothing: what it holds is a draft
with its cases, and must pass the gate where it arrives. A digest shows damage, not malice, because whoever changes a bundle
can compute it anew; only a signature shows who made it.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from seglam.errors import ConfigurationError, PatternError, ProcedureError
from seglam.exchange import Usage, canonical
from seglam.fields import Fields
from seglam.guard import MAX_PATTERNS, MAX_REQUEST
from seglam.language import MAX_SOURCE
from seglam.procedure import ANSWER_KINDS, Case, Draft, Finding, Procedure, State

FORMAT: Final = "seglam-procedures"
VERSION: Final = 1
MAX_BUNDLE: Final = 32 * 2**20
"""Bytes of a whole bundle."""
MAX_PROCEDURES: Final = 10_000
_MAX_LINE: Final = 2_000  # an intent, a model's name, a key
_MAX_TEMPLATE: Final = 4_000
_MAX_DETAIL: Final = 8_000
_MAX_ITEMS: Final = 1_000  # examples, near misses, findings
_SHORTEST_KEY: Final = 16
_TELLING: Final = 4  # characters; shorter slot texts stand in many requests by chance

Signer = Callable[[bytes], bytes]
Verifier = Callable[[bytes, bytes], bool]
"""Given the message and the signature, True where the signature is right."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a procedure comes from, as its bundle says. A claim, to be shown and not to be relied on.

    Attributes:
        created: seconds since the epoch.
        state: where it was exported.
        origin: compiled, recompiled, widened, edited, imported or first.
    """

    model: str
    prompt_digest: str
    created: float
    version: int
    state: str
    origin: str
    agreements: int
    disagreements: int
    evidence: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Packed:
    """One procedure of a bundle: nothing about it has been verified here.

    Attributes:
        digest: SHA-256 of the record, 64 hex digits.
    """

    draft: Draft
    cases: tuple[Case, ...]
    provenance: Provenance
    digest: str


def pack(procedures: Iterable[Procedure], *, sign: Signer | None = None, examples: bool = True) -> str:
    """The bundle of some procedures: equal procedures give equal text. Equal records are written once.

    Args:
        procedures: in any state, in the order to keep; with their evidence loaded, where that is to go along.
        sign: given a message, returns its signature.
        examples: False leaves out what quotes real requests, see ``impersonal``.

    Raises:
        ProcedureError: a procedure is larger than a bundle may hold, or has NUL or lone surrogates in it; says which and what.
    """
    records: dict[str, dict[str, Any]] = {}
    for procedure in procedures:
        record = _record(procedure if examples else impersonal(procedure))
        _read(record, f"procedure {procedure.id}")  # what is written can be read again
        digest = _digest(record)
        records[digest] = {"digest": digest, **record}
    if len(records) > MAX_PROCEDURES:
        raise ProcedureError(f"a bundle holds at most {MAX_PROCEDURES} procedures, got {len(records)}")
    whole = _whole(records)
    bundle: dict[str, Any] = {"format": FORMAT, "version": VERSION, "procedures": [*records.values()], "digest": whole}
    if sign is not None:
        bundle["signature"] = base64.b64encode(sign(_message(whole))).decode("ascii")
    text = json.dumps(bundle, ensure_ascii=False, indent=1, allow_nan=False) + "\n"
    if (size := len(text.encode())) > MAX_BUNDLE:
        raise ProcedureError(f"the bundle would have {size} bytes; at most {MAX_BUNDLE} can be read again")
    return text


def unpack(text: str, *, verify: Verifier | None = None, most: int = MAX_PROCEDURES) -> list[Packed]:
    """The procedures of a bundle. Nothing in it is compiled or run.

    Args:
        text: what ``pack`` gave.
        verify: where given, a bundle without a signature that it accepts is refused.
        most: the greatest number of procedures to take.

    Raises:
        ProcedureError: the bundle is damaged, too large, newer than this version, or its signature is missing or wrong; says
            which, and of which procedure.
    """
    try:
        return _unpack(text, verify, most)
    except ProcedureError as error:
        raise ProcedureError(f"the bundle is refused: {error}") from error.__cause__


def impersonal(procedure: Procedure) -> Procedure:
    """The procedure without what quotes real requests; the words of its patterns, code and intent stay.

    Left out are the examples, the details of the evidence, and near misses that repeat the text of an example's slot.
    """
    told: set[str] = set()
    for case in procedure.examples:
        told |= {text.casefold() for text in _slot_texts(procedure.draft, case.text) if len(text) >= _TELLING}
    kept = tuple(miss for miss in procedure.draft.near_misses if not any(text in miss.casefold() for text in told))
    evidence = tuple(Finding(found.stage, passed=found.passed) for found in procedure.evidence)
    return replace(procedure, examples=(), evidence=evidence, draft=replace(procedure.draft, near_misses=kept))


def draft_digest(draft: Draft) -> str:
    """SHA-256 of what a procedure does (intent, kinds, patterns, source), 64 hex digits; near misses do not count."""
    facts = (draft.intent, draft.answer_kind, draft.staticity, list(draft.patterns), draft.source)
    return _digest({"draft": facts})


def hmac_signer(key: bytes) -> Signer:
    """Signs with a shared secret (HMAC-SHA-256).

    For a bundle that many read and only one may write, use a key pair instead, for example with ``cryptography``::

        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

        private = Ed25519PrivateKey.generate()
        text = pack(procedures, sign=private.sign)

        def verify(message: bytes, signature: bytes) -> bool:
            try:
                private.public_key().verify(signature, message)
            except InvalidSignature:
                return False
            return True

        unpack(text, verify=verify)

    Raises:
        ConfigurationError: the key has fewer than 16 bytes.
    """
    if len(key) < _SHORTEST_KEY:
        raise ConfigurationError(f"key: expected at least {_SHORTEST_KEY} bytes, got {len(key)}")
    return lambda message: hmac.digest(key, message, "sha256")


def hmac_verifier(key: bytes) -> Verifier:
    """Checks what ``hmac_signer`` with the same key signed.

    Raises:
        ConfigurationError: the key has fewer than 16 bytes.
    """
    sign = hmac_signer(key)
    return lambda message, signature: hmac.compare_digest(sign(message), signature)


# Writing ---------------------------------------------------------------------------------------------------------------


def _record(procedure: Procedure) -> dict[str, Any]:
    draft = procedure.draft
    return {
        "intent": draft.intent,
        "answer_kind": draft.answer_kind,
        "staticity": draft.staticity,
        "patterns": [*draft.patterns],
        "source": draft.source,
        "near_misses": [*draft.near_misses],
        "examples": [
            {
                "key": case.key,
                "request": case.text,
                "answer": case.answer,
                "verdict": case.verdict,
                "created": float(case.created),
                "input_tokens": case.usage.input_tokens,
                "output_tokens": case.usage.output_tokens,
            }
            for case in procedure.examples
        ],
        "provenance": {
            "model": procedure.model,
            "prompt_digest": procedure.prompt_digest,
            "created": float(procedure.created),
            "version": procedure.version,
            "state": procedure.state.value,
            "origin": procedure.origin,
            "agreements": procedure.agreements,
            "disagreements": procedure.disagreements,
            "evidence": [
                {"stage": f.stage, "passed": f.passed, "detail": f.detail, "outvoted": [*f.outvoted]}
                for f in procedure.evidence
            ],
        },
    }


def _digest(value: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical(value).encode("ascii")).hexdigest()


def _whole(digests: Iterable[str]) -> str:
    return _digest({"format": FORMAT, "version": VERSION, "procedures": [*digests]})


def _message(whole: str) -> bytes:
    """What is signed; the format's name keeps a signature from meaning anything elsewhere."""
    return f"{FORMAT}/{VERSION}:{whole}".encode("ascii")


def _slot_texts(draft: Draft, text: str) -> list[str]:
    request = text.strip()
    try:
        return [request[span.start : span.end] for span in draft.guard.spans(request)]
    except PatternError:  # a draft that never passed: no example of it can be taken apart, so every word of it counts
        return request.split()


# Reading ---------------------------------------------------------------------------------------------------------------


def _unpack(text: str, verify: Verifier | None, most: int) -> list[Packed]:
    bundle = _parsed(text)
    if not isinstance(bundle, dict) or bundle.get("format") != FORMAT:
        raise ProcedureError(f'it is no bundle of procedures: "format" must be {FORMAT!r}')
    version = bundle.get("version")
    if type(version) is not int or version < 1:
        raise ProcedureError(f'"version" must be a whole number from 1, not {version!r:.80}')
    if version > VERSION:
        raise ProcedureError(f"it has version {version}, and this seglam reads up to {VERSION}: install a newer one")
    fields = Fields(bundle, "", ("format", "version", "procedures", "digest"), optional=("signature",))
    records = fields.array("procedures", most)
    found = [_packed(record, f"procedure {number} of {len(records)}") for number, record in enumerate(records, 1)]
    digests = [packed.digest for packed in found]
    if len({*digests}) < len(digests):
        twice = next(number for number, digest in enumerate(digests) if digest in {*digests[:number]})
        raise ProcedureError(f"procedure {twice + 1} stands in it twice")
    whole = fields.text("digest", 64)
    if whole != _whole(digests):
        raise ProcedureError('"digest" is not that of its procedures: some were added, removed or reordered')
    _signed(fields, whole, verify)
    return found


def _parsed(text: str) -> Any:
    if not isinstance(text, str):
        raise ConfigurationError(f"text: expected the bundle as a str, got {type(text).__name__}")
    if len(text) > MAX_BUNDLE or len(text.encode(errors="surrogatepass")) > MAX_BUNDLE:
        raise ProcedureError(f"it is larger than {MAX_BUNDLE} bytes")
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_no_number)
    except RecursionError:
        raise ProcedureError("it is nested too deeply") from None
    except ValueError as error:
        cut = text.strip().startswith("{") and not text.rstrip().endswith("}")
        raise ProcedureError(f"it is {'truncated' if cut else 'not JSON'} ({error})") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a key that stands twice: readers differ in which one they take."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _signed(fields: Fields, whole: str, verify: Verifier | None) -> None:
    if "signature" not in fields.data:
        if verify is not None:
            raise ProcedureError("it has no signature, and one is demanded")
        return
    try:
        signature = base64.b64decode(fields.text("signature", _MAX_DETAIL), validate=True)
    except ValueError:
        raise ProcedureError('"signature" is not base64') from None
    if verify is None:
        return
    try:
        right = verify(_message(whole), signature) is True
    except Exception as error:
        raise ProcedureError(f"its signature cannot be checked: {type(error).__name__}") from error
    if not right:
        raise ProcedureError("its signature is wrong")


def _packed(data: Any, where: str) -> Packed:
    if not isinstance(data, dict) or not isinstance(digest := data.get("digest"), str):
        raise ProcedureError(f'{where}: "digest" is missing')
    record = {name: value for name, value in data.items() if name != "digest"}
    where = f"{where} ({data.get('intent')!r:.80})"
    try:
        actual = _digest(record)
    except (ValueError, RecursionError) as error:
        raise ProcedureError(f"{where}: {error}") from None
    if actual != digest:
        raise ProcedureError(f"{where}: it was changed: its digest is {actual}, but {digest:.64} is recorded")
    return _read(record, where)


def _read(record: Any, where: str) -> Packed:
    named = ("intent", "answer_kind", "staticity", "patterns", "source", "near_misses", "examples", "provenance")
    fields = Fields(record, where, named)
    kind = fields.text("answer_kind", _MAX_LINE)
    if kind not in ANSWER_KINDS:
        raise fields.wrong("answer_kind", f"one of {', '.join(ANSWER_KINDS)}")
    draft = Draft(
        intent=fields.text("intent", _MAX_LINE),
        answer_kind=kind,
        staticity=fields.text("staticity", _MAX_LINE),
        patterns=fields.texts("patterns", MAX_PATTERNS, _MAX_TEMPLATE),
        source=fields.text("source", 4 * MAX_SOURCE),
        near_misses=fields.texts("near_misses", _MAX_ITEMS, MAX_REQUEST),
    )
    if not draft.patterns or not draft.source.strip():
        raise fields.wrong("source" if draft.patterns else "patterns", "something in it")
    cases = tuple(_case(data, f"{where}, an example") for data in fields.array("examples", _MAX_ITEMS))
    provenance = _provenance(fields.data["provenance"], f"{where}, provenance")
    return Packed(draft, cases, provenance, _digest(record))


def _case(data: Any, where: str) -> Case:
    named = ("key", "request", "answer", "verdict", "created", "input_tokens", "output_tokens")
    fields = Fields(data, where, named)
    return Case(
        key=fields.text("key", _MAX_LINE),
        text=fields.text("request", 4 * MAX_REQUEST),
        answer=fields.text("answer", 4 * MAX_REQUEST),
        usage=Usage(fields.count("input_tokens"), fields.count("output_tokens")),
        verdict=fields.text("verdict", _MAX_LINE),
        created=fields.moment("created"),
    )


def _provenance(data: Any, where: str) -> Provenance:
    named = (
        "model",
        "prompt_digest",
        "created",
        "version",
        "state",
        "origin",
        "agreements",
        "disagreements",
        "evidence",
    )
    fields = Fields(data, where, named)
    if (state := fields.text("state", _MAX_LINE)) not in [*State]:
        raise fields.wrong("state", f"one of {', '.join(State)}")
    evidence = []
    for found in fields.array("evidence", _MAX_ITEMS):
        one = Fields(found, f"{where}, a finding", ("stage", "passed", "detail", "outvoted"))
        if type(passed := one.data["passed"]) is not bool:
            raise one.wrong("passed", "true or false")
        outvoted = one.texts("outvoted", _MAX_ITEMS, _MAX_LINE)
        evidence.append(Finding(one.text("stage", _MAX_LINE), passed, one.text("detail", _MAX_DETAIL), outvoted))
    return Provenance(
        model=fields.text("model", _MAX_LINE),
        prompt_digest=fields.text("prompt_digest", _MAX_LINE),
        created=fields.moment("created"),
        version=fields.count("version"),
        state=state,
        origin=fields.text("origin", _MAX_LINE),
        agreements=fields.count("agreements"),
        disagreements=fields.count("disagreements"),
        evidence=tuple(evidence),
    )
