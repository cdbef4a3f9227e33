"""The white box: why, differences, approve, edit, pin, retire, roll back, export and import; and the same at the command line."""

import json

import pytest
from typer.testing import CliRunner

from seglam import Cache, ConfigurationError, ProcedureError, Request, Response, State, TierName
from seglam.bundle import hmac_signer, hmac_verifier
from seglam.cli import app
from seglam.desk import existing
from seglam.procedure import Finding
from test_life import NEVER, states
from test_procedural import SUM, Script, ask, feed

KEY = b"a key of thirty-two bytes or more"
BETTER = (
    "def run(a, b):\n    total = a + b\n    return total\n\n"
    + SUM.partition("def check")[1]
    + (SUM.partition("def check")[2].partition("~~~")[0])
)


@pytest.fixture
def live(open_cache):
    """A cache in which the sum is live."""
    cache = open_cache(compiler=Script(SUM), policy=NEVER)
    feed(cache, (3, 4), (10, 5), (7, 8))
    return cache


def test_why_tells_cases_evidence_and_provenance(live):
    """What it was made from, what every stage found, who wrote it, and how often the model has agreed since."""
    account = live.curator.why(1)
    assert [case.verdict for case in account.cases] == ["seen", "seen", "agree"]
    assert account.procedure.model == "scripted"
    assert len(account.procedure.prompt_digest) == 64
    assert account.procedure.evidence[-1].stage == "shadow"
    assert (account.difference, len(account.versions)) == ("", 1)


def test_an_edit_is_a_new_version_through_the_gate(live):
    """It passes, runs in shadow beside the old one, and takes its place at the first agreement."""
    new = live.curator.edit(1, source=BETTER, by="Ada")
    assert states(live) == [State.LIVE, State.SHADOW]
    account = live.curator.why(new)
    assert (account.procedure.origin, account.procedure.parent) == ("edited", 1)
    assert "+    total = a + b" in account.difference
    feed(live, (20, 20))
    assert states(live) == [State.RETIRED, State.LIVE]
    assert live.lookup(ask(1, 2)).source == f"procedure:{new}"


@pytest.mark.parametrize(
    ("change", "stage"),
    [
        ({"source": BETTER.replace("a + b", "a * b")}, "replay"),
        ({"source": "import os\n" + BETTER}, "static"),
        ({"patterns": ["Please add {a:nothing}"]}, "patterns"),
        ({"near_misses": ["Please add 30 and 4 for me.", "Please add 3 or 4 for me."]}, "near_misses"),
    ],
)
def test_an_edit_that_the_gate_refuses_answers_nothing(live, change, stage):
    """The reason is told, the version is kept as a draft, and cannot be approved."""
    with pytest.raises(ProcedureError, match=f"the stage {stage} refuses it"):
        live.curator.edit(1, **change)
    assert states(live) == [State.LIVE, State.DRAFT]
    with pytest.raises(ConfigurationError, match="edit it instead"):
        live.curator.approve(2)
    assert live.lookup(ask(1, 2)).source == "procedure:1"


def test_roll_back_retire_and_approve(live):
    """An earlier version comes back in place of the present one; a retired one answers nothing."""
    new = live.curator.edit(1, source=BETTER)
    live.curator.approve(new, by="Ada")
    assert states(live) == [State.RETIRED, State.LIVE]
    assert live.curator.why(new).procedure.evidence[-1].detail == "by Ada"
    live.curator.roll_back(1)
    assert states(live) == [State.LIVE, State.RETIRED]
    live.curator.retire(1)
    assert not live.lookup(ask(1, 2))
    assert live.curator.difference(1, new).startswith("--- version 1 (procedure 1)")


def refuted(open_cache):
    """A cache in which the sum is suspended, because the model holds that two and two are five."""
    model = Script(SUM, *["NOT_COMPILABLE: no"] * 9, votes=["The sum is 5.", "5", *["The sum is 15."] * 2])
    cache = open_cache(compiler=model, policy=NEVER)
    feed(cache, (3, 4), (10, 5), (7, 8))
    cache.record(ask(2, 2), Response("The sum is 5."))
    assert states(cache) == [State.SUSPENDED]
    return cache


def test_what_the_gate_refused_is_not_approved_by_way_of_retirement(live):
    """Its evidence counts, not the state that it is in."""
    with pytest.raises(ProcedureError):
        live.curator.edit(1, source=BETTER.replace("a + b", "a * b"))
    live.curator.retire(2)
    for act in (live.curator.approve, live.curator.roll_back):
        with pytest.raises(ConfigurationError, match=r"the gate refused it \(replay: .*edit it instead"):
            act(2)
    assert states(live) == [State.LIVE, State.RETIRED]


def test_a_roll_back_takes_the_place_of_a_pinned_version(live):
    """A pin holds against what happens by itself, not against a person; a roll back that is refused unpins nothing."""
    new = live.curator.edit(1, source=BETTER)
    live.curator.approve(new)
    live.curator.pin(new)
    with pytest.raises(ProcedureError):
        live.curator.edit(1, source=BETTER.replace("a + b", "a * b"))
    with pytest.raises(ConfigurationError, match="edit it instead"):
        live.curator.roll_back(3)
    assert live.procedures()[1].pinned
    live.curator.roll_back(1)
    assert states(live) == [State.LIVE, State.RETIRED, State.DRAFT]
    assert not live.procedures()[1].pinned


def test_what_has_not_changed_is_not_read_again(live, open_cache):
    """When one of several procedures changes, another process keeps the others as they were, and its dispatch too."""
    other = open_cache(policy=NEVER)
    live.curator.approve(live.curator.edit(1, source=BETTER))
    live.curator.pin(2)
    (seen,) = other._library.working(("", ""))
    before = other._library.working(("", ""))
    live.curator.edit(2, source=SUM.partition("~~~python")[2].partition("~~~")[0])
    assert other._library.held(("", "")) is None
    after = other._library.working(("", ""))
    assert [p.state for p in after] == [State.LIVE, State.SHADOW]
    assert after[0] is seen
    assert other._library.held(("", "")) is after is not before


def test_a_change_elsewhere_leaves_a_context_as_it_is(open_cache):
    """A procedure of another context costs this one nothing: what was derived from its procedures stays."""
    cache = open_cache(compiler=Script(SUM, SUM), policy=NEVER)
    feed(cache, (3, 4), (10, 5), (7, 8))
    before = cache._library.working(("", ""))
    feed(cache, (3, 4), (10, 5), (7, 8), namespace="other")
    assert len(cache._library.working(("other", ""))) == len(before) == 1
    assert cache._library.working(("", "")) is before


def test_a_pin_is_seen_by_everybody_at_once(live, open_cache):
    """Another process's snapshot says so, and nobody who has read the version before can retire it."""
    other = open_cache(policy=NEVER)
    (seen,) = other._library.working(("", ""))
    live.curator.pin(1)
    assert [p.pinned for p in other._library.working(("", ""))] == [True]
    other._library.move(seen.id, State.RETIRED, Finding("merged", passed=True), 0.0)
    assert states(live) == [State.LIVE]
    live.curator.pin(1, pinned=False)
    assert [p.pinned for p in other._library.working(("", ""))] == [False]
    live.curator.pin(1)
    live.curator.retire(1)
    assert states(live) == [State.RETIRED]


def test_a_suspended_version_answers_again_on_a_persons_word(open_cache):
    """A person knows better than the model; the next disagreement suspends it again."""
    cache = refuted(open_cache)
    cache.curator.approve(1, by="Ada")
    assert cache.lookup(ask(1, 2)).tier is TierName.PROCEDURE


def test_an_edit_must_know_what_an_earlier_version_got_wrong(open_cache):
    """The counterexample is replayed although it is no example; templates that no longer take it are an answer to it."""
    cache = refuted(open_cache)
    with pytest.raises(ProcedureError, match=r"the stage replay refuses it: request 'Please add 2 and 2"):
        cache.curator.edit(1, intent="adds")
    narrower = "Please add {a:integer} and {b:oneof(4|5)} for me."
    source = BETTER.replace("a + b", "a + int(b)").replace("== b", "== int(b)")
    new = cache.curator.edit(1, source=source, patterns=[narrower])
    assert cache.procedures()[-1].examples == cache.procedures()[0].examples
    assert states(cache) == [State.SUSPENDED, State.DRAFT, State.SHADOW]
    assert cache.curator.why(new).procedure.draft.patterns == (narrower,)


def test_a_pinned_version_is_not_replaced_or_retired_by_itself(live, clock):
    """Neither by a newer version, nor for want of use."""
    live.curator.pin(1)
    new = live.curator.edit(1, source=BETTER)
    feed(live, (20, 20))
    assert states(live) == [State.LIVE, State.LIVE]
    clock.move(live.policy.retire_after + 86_401)
    live.record(Request("Who wrote Faust?"), Response("Goethe"))
    assert states(live) == [State.LIVE, State.RETIRED]
    live.curator.pin(1, pinned=False)
    live.curator.approve(new)
    assert states(live) == [State.RETIRED, State.LIVE]


def test_a_bundle_enters_at_shadow_in_one_context(live, open_cache, tmp_path):
    """The importing cache runs the gate itself, asks for an agreement, and keeps to the namespace."""
    text = live.curator.pack(sign=hmac_signer(KEY))
    bundle = tmp_path / "sums.json"
    bundle.write_text(text)
    other = open_cache(path=tmp_path / "other.db", policy=NEVER)
    (taken,) = other.curator.unpack(bundle, namespace="office", verify=hmac_verifier(KEY))
    assert (taken.state, taken.origin, taken.model) == (State.SHADOW, "imported", "scripted")
    assert "static" in [finding.stage for finding in taken.evidence]
    assert not other.lookup(ask(1, 2, namespace="office"))
    feed(other, (1, 1), namespace="office")
    assert other.lookup(ask(1, 2, namespace="office")).response.text == "The sum is 3."
    assert not other.lookup(ask(1, 2))


def test_a_bundle_is_bound_to_the_engine_that_it_is_given(live, open_cache, tmp_path):
    """Under bind_engine it is compared with that engine and answers it, no other, and widens in its class."""
    other = open_cache(path=tmp_path / "other.db", policy={**NEVER, "bind_engine": True})
    (taken,) = other.curator.unpack(live.curator.pack(), engine="A")
    feed(other, (1, 1), engine="B")
    assert (states(other), taken.engine) == ([State.SHADOW], "A")
    feed(other, (1, 1), engine="A")
    assert other.lookup(ask(1, 2, engine="A")).response.text == "The sum is 3."
    assert not other.lookup(ask(1, 2, engine="B"))
    assert other._casebook.group(taken.class_id).engine == "A"


def test_a_poisoned_bundle_is_refused_whole(live, open_cache, tmp_path):
    """Changed code, a truncated text, a missing signature: the reason, and nothing taken over."""
    text = live.curator.pack()
    other = open_cache(path=tmp_path / "other.db")
    for bad, verify in (
        (text.replace("return a + b", "return a - b"), None),
        (text[:-40], None),
        (text, hmac_verifier(KEY)),
    ):
        with pytest.raises(ProcedureError):
            other.curator.unpack(bad, verify=verify)
    assert other.procedures() == []


def test_a_wrong_procedure_in_a_sound_bundle_does_not_pass_the_gate(live, open_cache, tmp_path):
    """Digests show damage, not malice: code that contradicts its own cases is kept as a draft."""
    from dataclasses import replace

    from seglam.bundle import pack

    (good,) = live.procedures()
    bad = replace(good, draft=replace(good.draft, source=good.draft.source.replace("a + b", "a + b + 1")))
    other = open_cache(path=tmp_path / "other.db")
    (taken,) = other.curator.unpack(pack([bad]))
    assert taken.state is State.DRAFT
    assert not other.lookup(ask(1, 2))


def test_what_is_not_covered_says_why(open_cache):
    """A declined class with its reason, and one that waits for a second request."""
    cache = open_cache(compiler=Script("NOT_COMPILABLE: a matter of taste"))
    feed(cache, (3, 4), (10, 5))
    cache.record(Request("Who wrote Faust?"), Response("Goethe"))
    found = cache.curator.uncovered()
    assert [(group.state, group.reason) for group in found] == [("open", ""), ("declined", "a matter of taste")]


def test_unknown_numbers_are_named(live):
    """Every entrance says which procedure there is not."""
    curator = live.curator
    for act in (curator.why, curator.approve, curator.retire, curator.pin, curator.edit, curator.module):
        with pytest.raises(ConfigurationError, match="there is no procedure 99"):
            act(99)


def test_the_command_line_does_the_same(live, path, tmp_path):
    """list, why, edit, approve, retire, pin, export, pack, unpack."""
    live.drain()
    run = CliRunner()

    def call(*arguments, code=0):
        result = run.invoke(app, ["procedures", *map(str, arguments)])
        assert result.exit_code == code, result.output
        return result.output

    assert "compiled" in call("list", path)
    assert json.loads(call("uncovered", path, "--json")) == []
    assert json.loads(call("list", path, "--json"))[0]["state"] == "live"
    assert "passed  replay" in call("why", path, 1)
    assert json.loads(call("why", path, 1, "--json"))["cases"][0]["answer"] == "The sum is 7."
    code = tmp_path / "better.py"
    code.write_text(BETTER)
    assert "runs in shadow" in call("edit", path, 1, "--source", code, "--by", "Ada")
    assert "is live" in call("approve", path, 2)
    assert "pinned" in call("pin", path, 2)
    assert "no longer" in call("pin", path, 2, "--off")
    out, key, packed = tmp_path / "sum.py", tmp_path / "key", tmp_path / "all.json"
    call("export", path, 2, "--out", out)
    compile(out.read_text(), str(out), "exec")
    key.write_bytes(KEY)
    call("pack", path, "--out", packed, "--key", key)
    assert "shadow" in call("unpack", path, packed, "--namespace", "n", "--engine", "e", "--key", key)
    assert json.loads(call("list", path, "--json"))[-1]["namespace"] == "n"
    assert "retired" in call("retire", path, 2)


def test_a_missing_file_is_named(tmp_path):
    """No empty cache is made by looking for one."""
    with pytest.raises(ConfigurationError, match="there is no file"):
        existing(tmp_path / "none.db")
    assert not (tmp_path / "none.db").exists()
    assert isinstance(Cache, type)
