"""Bundles: what was packed comes out equal, and whatever was changed is refused with the reason."""

import base64
import contextlib
import hashlib
import json
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from seglam import bundle
from seglam.bundle import Packed, Provenance, draft_digest, hmac_signer, hmac_verifier, impersonal, pack, unpack
from seglam.errors import ConfigurationError, ProcedureError
from seglam.exchange import Usage, canonical
from seglam.procedure import ANSWER_KINDS, Case, Draft, Finding, Procedure, State

KEY = b"a secret of 16 b"
TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=40)
COUNT = st.integers(0, 2**53)
DRAFTS = st.builds(
    Draft,
    intent=TEXT,
    answer_kind=st.sampled_from(ANSWER_KINDS),
    staticity=TEXT,
    patterns=st.lists(TEXT, min_size=1, max_size=4).map(tuple),
    source=TEXT.map(lambda text: f"x{text}"),
    near_misses=st.lists(TEXT, max_size=4).map(tuple),
)
MOMENTS = st.floats(0, 2e9)
CASES = st.builds(Case, TEXT, TEXT, TEXT, st.builds(Usage, COUNT, COUNT), TEXT, MOMENTS)
FINDINGS = st.builds(Finding, TEXT, st.booleans(), TEXT, st.lists(TEXT, max_size=2).map(tuple))
PROCEDURES = st.builds(
    Procedure,
    id=COUNT,
    class_id=COUNT,
    version=COUNT,
    namespace=TEXT,
    vary=TEXT,
    engine=TEXT,
    state=st.sampled_from(State),
    draft=DRAFTS,
    examples=st.lists(CASES, max_size=3).map(tuple),
    model=TEXT,
    prompt_digest=TEXT,
    evidence=st.lists(FINDINGS, max_size=2).map(tuple),
    agreements=COUNT,
    disagreements=COUNT,
    created=MOMENTS,
    origin=TEXT,
)

DRAFT = Draft(
    intent="adds two whole numbers",
    answer_kind="integer",
    staticity="forever",
    patterns=("Please add {a:integer} and {b:integer} for {who:name}.",),
    source="def run(a, b, who):\n    return a + b\n",
    near_misses=("Please add 3 and 4 for me twice.", "Please add 9 and 4 for Ada Moreau and Bilal."),
)
PROCEDURE = Procedure(
    id=7,
    class_id=1,
    version=2,
    namespace="acme",
    vary="v",
    engine="e",
    state=State.LIVE,
    draft=DRAFT,
    examples=(Case("k1", "Please add 3 and 4 for Ada Moreau.", "It is 7.", Usage(9, 3), "agree", 5.0),),
    model="a model",
    prompt_digest="ab12",
    evidence=(Finding("replay", passed=True, detail="Ada Moreau", outvoted=("k1",)),),
    agreements=3,
    created=1e9,
)
OTHER = replace(PROCEDURE, id=8, draft=replace(DRAFT, intent="세 번째 — \"quoted\" 'text' \\ \n { }"))


def content(procedure):
    """What of a procedure must come out of a bundle."""
    provenance = Provenance(
        procedure.model,
        procedure.prompt_digest,
        procedure.created,
        procedure.version,
        procedure.state.value,
        procedure.origin,
        procedure.agreements,
        procedure.disagreements,
        procedure.evidence,
    )
    return procedure.draft, procedure.examples, provenance


def contents(found):
    """The same of what came out."""
    return [(packed.draft, packed.cases, packed.provenance) for packed in found]


@settings(deadline=None)
@given(st.lists(PROCEDURES, max_size=3))
def test_what_was_packed_comes_out_equal(procedures):
    """Every field, in the order given, equal ones once; and equal procedures give equal bytes."""
    text = pack(procedures)
    expected = []
    for procedure in procedures:
        if content(procedure) not in expected:
            expected.append(content(procedure))
    assert contents(unpack(text)) == expected
    assert pack(procedures) == text


def test_nothing_of_the_installation_goes_along():
    """The namespace may name a customer, the context and the engine belong to this installation."""
    text = pack([replace(PROCEDURE, namespace="secret-tenant", vary="secret-vary", engine="secret-engine", id=987654)])
    assert "secret" not in text
    assert "987654" not in text


BUNDLE = pack([PROCEDURE, OTHER], sign=hmac_signer(KEY))
OPENED = contents(unpack(BUNDLE))


@settings(deadline=None, max_examples=400, suppress_health_check=[HealthCheck.too_slow])
@given(
    at=st.integers(0, len(BUNDLE) - 1),
    cut=st.integers(0, 1),
    put=st.sampled_from([*'{}[]":,\\ 0129.eE-+ntuxé\n\0\ud800', "", '"x": 1,', "null", "Infinity"]),
    signed=st.booleans(),
)
def test_a_changed_bundle_is_refused_or_means_the_same(at, cut, put, signed):
    """Whatever single character is taken out, replaced or put in: never a changed procedure."""
    changed = BUNDLE[:at] + put + BUNDLE[at + cut :]
    found = OPENED
    with contextlib.suppress(ProcedureError):
        found = contents(unpack(changed, verify=hmac_verifier(KEY) if signed else None))
    assert found == OPENED


def test_every_truncation_is_refused():
    """However much of a bundle is there, it says that it is cut off."""
    for end in range(len(BUNDLE.rstrip())):
        with pytest.raises(ProcedureError, match=r"^the bundle is refused: it is (truncated|not JSON)"):
            unpack(BUNDLE[:end])


@settings(deadline=None)
@given(st.permutations(range(4)), st.sets(st.integers(0, 3)))
def test_reordered_and_dropped_procedures_are_refused(order, dropped):
    """The digest of the whole covers which procedures there are, and their order."""
    four = [replace(PROCEDURE, version=number) for number in range(4)]
    data = json.loads(pack(four))
    data["procedures"] = [data["procedures"][number] for number in order if number not in dropped]
    if list(order) == [0, 1, 2, 3] and not dropped:
        assert len(unpack(json.dumps(data))) == 4
    else:
        with pytest.raises(ProcedureError, match="added, removed or reordered"):
            unpack(json.dumps(data))


def forged(change):
    """A bundle whose one record was changed by somebody who knows how digests are made."""
    data = json.loads(pack([PROCEDURE]))
    record = data["procedures"][0]
    del record["digest"]
    change(record)
    digest = bundle._digest(record)
    data["procedures"] = [{"digest": digest, **record}]
    data["digest"] = bundle._whole([digest])
    return json.dumps(data)


def test_a_forged_digest_is_what_a_signature_is_for():
    """A bundle that was changed with care opens as what it now says; with a signature demanded it does not."""
    text = forged(lambda record: record.update(source="x = 1"))
    assert unpack(text)[0].draft.source == "x = 1"
    with pytest.raises(ProcedureError, match="no signature"):
        unpack(text, verify=hmac_verifier(KEY))
    data = json.loads(text) | {"signature": json.loads(BUNDLE)["signature"]}
    with pytest.raises(ProcedureError, match="signature is wrong"):
        unpack(json.dumps(data), verify=hmac_verifier(KEY))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda r: r.update(intent=5), '"intent" must be a text'),
        (lambda r: r.update(intent="x" * 2001), '"intent" must be a text of at most'),
        (lambda r: r.update(answer_kind="poem"), '"answer_kind" must be one of integer'),
        (lambda r: r.update(patterns="{a:integer}"), '"patterns" must be an array'),
        (lambda r: r.update(patterns=[]), '"patterns" must be something'),
        (lambda r: r.update(patterns=["x"] * 33), '"patterns" must be an array of at most 32'),
        (lambda r: r.update(patterns=["x" * 4001]), '"patterns" must be a text of at most 4000'),
        (lambda r: r.update(source="x" * 40_000), '"source" must be a text of at most'),
        (lambda r: r.update(source="  \n"), '"source" must be something'),
        (lambda r: r.update(source="a\0b"), '"source" must be a text without NUL'),
        (lambda r: r.update(near_misses=["\ud800"]), '"near_misses" must be a text without NUL and lone surrogates'),
        (lambda r: r.update(near_misses=[["x"]]), '"near_misses" must be a text'),
        (lambda r: r.update(examples={}), '"examples" must be an array'),
        (lambda r: r.update(examples=["x"]), "an example: expected an object, got str"),
        (lambda r: r["examples"][0].update(input_tokens=-1), '"input_tokens" must be a whole number'),
        (lambda r: r["examples"][0].update(input_tokens=True), '"input_tokens" must be a whole number'),
        (lambda r: r["examples"][0].update(created=10**400), '"created" must be a number of seconds'),
        (lambda r: r["examples"][0].pop("answer"), "'answer' is missing"),
        (lambda r: r.update(command="rm"), "unknown field 'command'"),
        (lambda r: r.pop("source"), "'source' is missing"),
        (lambda r: r["provenance"].update(state="trusted"), '"state" must be one of draft'),
        (lambda r: r["provenance"].update(version="2"), '"version" must be a whole number'),
        (lambda r: r["provenance"].update(created=1e300), '"created" must be a number of seconds'),
        (lambda r: r["provenance"]["evidence"][0].update(passed="yes"), '"passed" must be true or false'),
    ],
)
def test_fields_of_a_wrong_type_or_size_are_refused(change, reason):
    """The error names the procedure, the field and what was expected."""
    with pytest.raises(ProcedureError) as caught:
        unpack(forged(change))
    assert reason in str(caught.value)
    assert "procedure 1 of 1" in str(caught.value)


def altered(**fields):
    """A bundle with other fields at the top."""
    return json.dumps(json.loads(BUNDLE) | fields)


DEEP = "[" * 100_000


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not JSON"),
        ("PK\x03\x04", "not JSON"),
        (DEEP, "nested too deeply|not JSON"),
        ("[]", "no bundle of procedures"),
        ("{}", "no bundle of procedures"),
        (altered(format="other"), "no bundle of procedures"),
        (altered(version=2), "install a newer one"),
        (altered(version=True), '"version" must be a whole number'),
        (altered(version=0), '"version" must be a whole number'),
        (altered(extra=1), "unknown field 'extra'"),
        (altered(digest="0" * 64), "added, removed or reordered"),
        (altered(procedures=None), '"procedures" must be an array'),
        (altered(procedures=[1]), 'procedure 1 of 1: "digest" is missing'),
        (altered(signature="!"), "not base64"),
        (altered(signature=None), '"signature" must be a text'),
        ('{"format": "seglam-procedures", "format": "seglam-procedures"}', "stands twice"),
        ('{"format": NaN}', "NaN is no JSON"),
        ('{"format": ' + "9" * 5000 + "}", "not JSON"),
    ],
)
def test_what_is_no_bundle_is_refused_with_the_reason(text, reason):
    """Other files, other formats, newer versions, tricks of JSON."""
    with pytest.raises(ProcedureError, match=reason):
        unpack(text)


def test_a_changed_procedure_is_named():
    """Among many, the error says which one was changed, by number and intent."""
    data = json.loads(BUNDLE)
    data["procedures"][1]["source"] += "\n"
    with pytest.raises(ProcedureError, match=r"procedure 2 of 2 .*세 번째.* it was changed"):
        unpack(json.dumps(data))


def test_the_same_procedure_twice_is_refused():
    """A bundle made by hand may repeat one; it cannot come from pack."""
    data = json.loads(pack([PROCEDURE]))
    data["procedures"] *= 2
    data["digest"] = bundle._whole([data["procedures"][0]["digest"]] * 2)
    with pytest.raises(ProcedureError, match="procedure 2 stands in it twice"):
        unpack(json.dumps(data))


def test_too_large_is_refused_on_both_sides():
    """More procedures than wanted, more bytes than allowed, and a procedure that could not be read again."""
    with pytest.raises(ProcedureError, match='"procedures" must be an array of at most 1'):
        unpack(BUNDLE, most=1)
    with pytest.raises(ProcedureError, match="larger than 33554432 bytes"):
        unpack(" " * (bundle.MAX_BUNDLE + 1))
    with pytest.raises(ProcedureError, match=r'procedure 7: "source" must be a text of at most'):
        pack([replace(PROCEDURE, draft=replace(DRAFT, source="x" * 100_000))])
    with pytest.raises(ProcedureError, match="NUL and lone surrogates"):
        pack([replace(PROCEDURE, draft=replace(DRAFT, intent="\udfff"))])


def test_opening_runs_nothing():
    """Code that would not even parse, and patterns that are none, come out as text: judging them is the gate's work."""
    hostile = replace(DRAFT, source="import os; os._exit(1)\n)(", patterns=("{", "(a+)+$"))
    (packed,) = unpack(pack([replace(PROCEDURE, draft=hostile)]))
    assert packed.draft == hostile


def test_a_signature_shows_who_made_it():
    """Only the same key opens it; a verifier that raises, or says something else than True, refuses."""
    assert unpack(BUNDLE, verify=hmac_verifier(KEY)) == unpack(BUNDLE)
    with pytest.raises(ProcedureError, match="signature is wrong"):
        unpack(BUNDLE, verify=hmac_verifier(b"another secret of some bytes"))
    with pytest.raises(ProcedureError, match="signature is wrong"):
        unpack(BUNDLE, verify=lambda message, signature: "yes")

    def broken(message, signature):
        raise ValueError("no key")

    with pytest.raises(ProcedureError, match="cannot be checked: ValueError"):
        unpack(BUNDLE, verify=broken)
    with pytest.raises(ConfigurationError, match="at least 16 bytes"):
        hmac_signer(b"short")


def test_what_is_signed_is_bound_to_the_format_and_to_every_procedure():
    """The message names the format, and another bundle has another message."""
    seen = []
    pack([PROCEDURE], sign=lambda message: seen.append(message) or b"")
    pack([OTHER], sign=lambda message: seen.append(message) or b"")
    assert all(message.startswith(b"seglam-procedures/1:") for message in seen)
    assert len({*seen}) == 2


@example("Ada Moreau", "3")
@given(st.sampled_from(["Ada Moreau", "Zoë Okafor"]), st.sampled_from(["3", "98765"]))
def test_without_examples_nothing_of_a_request_is_left(who, number):
    """Examples, details of the evidence, and near misses that repeat what stood in a slot are left out; others stay."""
    private = replace(
        PROCEDURE,
        examples=(Case("k", f"Please add {number} and 4 for {who}.", "7"),),
        evidence=(Finding("replay", passed=True, detail=f"{who} {number}"),),
        draft=replace(DRAFT, near_misses=("Add up.", f"Please add 9 and 4 for {who.upper()} twice.")),
    )
    text = pack([private], examples=False)
    assert who not in text
    assert who.upper() not in text
    (packed,) = unpack(text)
    assert (packed.cases, packed.draft.near_misses) == ((), ("Add up.",))
    assert [found.stage for found in packed.provenance.evidence] == ["replay"]
    assert impersonal(private).draft.patterns == DRAFT.patterns


def test_without_examples_even_where_the_patterns_do_not_parse():
    """An example that cannot be taken apart counts with all its words."""
    broken = replace(PROCEDURE, draft=replace(DRAFT, patterns=("{",)))
    assert impersonal(broken).draft.near_misses == ()


@settings(deadline=None)
@given(DRAFTS, DRAFTS)
def test_the_digest_of_a_draft_tells_drafts_apart(one, other):
    """Equal digests exactly where intent, kinds, patterns and source are equal."""
    same = replace(one, near_misses=()) == replace(other, near_misses=())
    assert (draft_digest(one) == draft_digest(other)) == same
    assert draft_digest(one) == draft_digest(replace(one, near_misses=()))


def test_the_digest_is_what_the_format_says():
    """SHA-256 of the canonical JSON of the record without it: another tool can check it."""
    record = json.loads(BUNDLE)["procedures"][0]
    digest = record.pop("digest")
    assert hashlib.sha256(canonical(record).encode()).hexdigest() == digest
    assert isinstance(unpack(BUNDLE)[0], Packed)
    assert len(base64.b64decode(json.loads(BUNDLE)["signature"])) == 32
