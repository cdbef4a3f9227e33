"""The demonstration: what `make demo` shows is true, and the same every time."""

import json

import pytest
from typer.testing import CliRunner

from seglam.cli import _curve, app, main
from seglam.demo.play import TAPE, play
from seglam.tape import Tape

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:llama_index", "ignore::DeprecationWarning:pydantic")


@pytest.fixture(scope="module")
def played():
    """The default stream, played once."""
    return play()


def test_no_hit_is_wrong_and_most_requests_need_no_model(played):
    """0 wrong hits; at least 70 % of at least 300 requests served without the model."""
    assert len(played.steps) >= 300
    assert played.wrong_hits == 0
    assert played.served >= 0.7
    assert played.errors == ()


def test_every_tier_and_every_application_takes_part(played):
    """Exact, procedure and semantic hits; a third of the stream through each application; Korean among them."""
    tiers = played.by_tier()
    assert all(tiers[name]["requests"] > 0 for name in ("exact", "procedure", "semantic", "model"))
    routes = [step.item.route for step in played.steps]
    assert {routes.count(route) for route in ("langchain", "llamaindex", "core")} == {len(routes) // 3}
    assert {step.tier for step in played.steps if step.item.route == "llamaindex"} >= {"exact", "procedure", None}
    assert any("가" <= character <= "힣" for step in played.steps for character in step.item.text)


def test_look_alikes_and_one_offs_go_to_the_model(played):
    """What resembles a class but asks something else is never answered from it."""
    flavours = played.by_flavour()
    assert flavours["look-alike"]["hits"] == flavours["one-off"]["hits"] == 0


def test_model_calls_fall_over_the_stream(played):
    """The last third of the stream needs less than half of the calls that the first third needed."""
    calls = [step.calls for step in played.steps]
    third = len(calls) // 3
    assert sum(calls[-third:]) < sum(calls[:third]) / 2
    assert sum(calls) == played.answers + played.compiles


def test_the_caches_own_account_agrees(played):
    """Hits and lookups as counted by the ledger are those that the applications saw: one lookup for each request."""
    assert played.stats.requests == len(played.steps)
    assert sum(played.stats.hits.values()) == sum(step.tier is not None for step in played.steps)
    asked = played.stats.compile_calls + played.stats.vote_calls + played.stats.contrast_calls
    assert asked == played.compiles
    assert sum(p.hits for p in played.procedures) == played.stats.hits["procedure"]


def test_the_stream_plays_the_same_twice(played):
    """Every step has the same tier and the same answer again: nothing depends on timing."""
    again = play()
    assert [(s.tier, s.answer) for s in again.steps] == [(s.tier, s.answer) for s in played.steps]


def test_the_tape_says_how_it_was_made():
    """Replies are a real model's, and the header says so."""
    tape = Tape(TAPE)
    assert "recorded from a large language model" in tape.header["made"]
    assert len(tape) > 300


def test_the_command_prints_json_for_machines():
    """`seglam demo --json` is one JSON object with the figures."""
    done = CliRunner().invoke(app, ["demo", "--json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["wrong_hits"] == 0
    assert found["served_without_model"] >= 0.7


def test_the_command_shows_tiers_a_curve_and_a_procedure():
    """What a person sees: the table, the picture, one procedure with pattern and code, and the hint for Korean."""
    done = CliRunner().invoke(app, ["demo"], env={"COLUMNS": "140"})
    assert done.exit_code == 0, done.output
    for part in (
        "procedure tier",
        "Served without the model",
        "model calls",
        "pattern ",
        "def run(",
        "Saved:",
        "Korean:",
    ):
        assert part in done.stdout


def test_stats_and_check_read_a_cache(path, open_cache):
    """The two commands that look at a file."""
    from seglam import Request, Response

    cache = open_cache()
    cache.respond(Request("q"), lambda _: Response("x"))
    cache.close()
    found = json.loads(CliRunner().invoke(app, ["stats", str(path), "--json"]).stdout)
    assert (found["requests"], found["misses"]) == (1, {"absent": 1})
    assert "requests" in CliRunner().invoke(app, ["stats", str(path)]).stdout
    assert CliRunner().invoke(app, ["check", str(path)]).stdout == "all is well\n"
    assert json.loads(CliRunner().invoke(app, ["check", str(path), "--json"]).stdout) == {"problems": []}


@pytest.mark.parametrize(
    "arguments", [["stats", "nowhere.db"], ["demo", "--model", "gpt"], ["demo", "--size", "3"], ["check", "."]]
)
def test_a_wrong_argument_is_one_line_and_status_2(arguments, monkeypatch, capsys):
    """No traceback for what the user typed."""
    monkeypatch.setattr("sys.argv", ["seglam", *arguments])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_the_curve_is_drawn_to_scale():
    """The highest column reaches the top, zero is empty."""
    text = str(_curve([1.0, 0.5, 0.0]).renderable)
    assert text.splitlines()[0].startswith(" 1.00 ████")
    assert text.count("█") == 4 * (5 + 2)
