"""The benchmark's runner: a deterministic model, runs that are resumed, and one run from end to end."""

import json
import random
from dataclasses import replace
from itertools import islice

import pytest

from benchmarks.crystal import metrics, report, runner
from benchmarks.crystal.__main__ import numbers, parse
from benchmarks.crystal.items import right, sequence
from benchmarks.crystal.metrics import Row
from benchmarks.crystal.mutants import mutants
from benchmarks.crystal.oracle import Oracle, shared_prefix
from benchmarks.crystal.refusal import live, trained
from benchmarks.crystal.runner import Plan, times
from benchmarks.crystal.systems import START, Found
from seglam import Completion, TapeError
from seglam.procedure import parse_reply
from seglam.tape import Tape

GCD = """\
~~~meta
{"intent": "greatest common divisor of two numbers", "answer_kind": "integer", "staticity": "forever"}
~~~
~~~patterns
Find the Greatest Common Divisor (GCD) of these numbers: {a:integer}, {b:integer}. Give only the GCD as your final answer.
~~~
~~~python
import math

def run(a, b):
    if a < 1 or b < 1:
        raise Refuse("not positive")
    return math.gcd(a, b)

def check(value, a, b):
    return value >= 1 and a % value == 0 and b % value == 0

def render(value, a, b):
    return str(value)

def gen(seed):
    return {"a": 2 + seed * 37 % 900, "b": 2 + seed * 53 % 900}
~~~
~~~near_misses
Find the Least Common Multiple (LCM) of these numbers: 12, 18. Give only the LCM as your final answer.
Find the Greatest Common Divisor (GCD) of these numbers: 12, 18, 30. Give the GCD and the LCM as your final answer.
Find the Greatest Common Divisor (GCD) of these numbers: 12, 18. Do not give the GCD as your final answer.
Find the Greatest Common Divisor (GCD) of these numbers: 12 dozen, 18. Give only the GCD as your final answer.
Find the Greatest Common Divisor (GCD) of these numbers: 12, 18. Give only twice the GCD as your final answer.
~~~
"""


class Author:
    """A tape that has the same reply to every compile prompt about one class, and declines every other."""

    name = "author"

    def holds(self, prompt):
        return True

    def complete(self, prompt):
        return Completion(GCD if "Greatest Common Divisor" in prompt else "NOT_COMPILABLE: it is a matter of taste")


# -- the model ---------------------------------------------------------------------------------------------------------


def gcds(count, seed=0):
    """Some real requests."""
    return list(islice(sequence("gcd", seed), count))


def test_the_model_is_deterministic_and_errs_at_its_rate():
    """A reply depends on seed, request and attempt alone; wrong replies are wrong by value."""
    items = gcds(400)
    one, other = Oracle(None, error=0.25, seed=3), Oracle(None, error=0.25, seed=3)
    for item in items:
        one.know(item)
    first = [one.direct(item).text for item in items]
    assert first == [other.direct(item).text for item in reversed(items)][::-1]
    assert first != [one.direct(item).text for item in items]  # another attempt errs elsewhere
    errors = sum(not right(item, text) for item, text in zip(items, first, strict=True))
    assert 0.15 < errors / len(items) < 0.35
    assert all(right(item, Oracle(None, error=0.0).direct(item).text) for item in items[:50])


def test_votes_are_fresh_answers_and_counted_as_votes():
    """A prompt that is a known request is answered by its truth, the newest where it changed."""
    item = gcds(1)[0]
    oracle = Oracle(None, error=0.0)
    oracle.know(item)
    assert oracle.complete(item.text).text == item.answer
    oracle.know(replace(item, answer="999"))
    assert oracle.complete(item.text).text == "999"
    oracle.direct(item, "audit")
    assert [(spent.kind, spent.output) for spent in oracle.take()] == [("vote", 1), ("vote", 1), ("audit", 1)]
    assert oracle.take() == []


def test_only_prompts_that_can_be_needed_wait_for_a_reply(tmp_path):
    """A class is tried again with its first request in the prompt: that prompt will not be made once the first has a reply."""
    (tmp_path / "t.jsonl").write_text('{"tape": 1, "model": "m"}\n')
    pending = tmp_path / "pending.jsonl"
    oracle = Oracle(Tape(tmp_path / "t.jsonl", pending=pending))
    first, second, third = gcds(3)
    for item in (first, second, third):
        oracle.know(item)
    for prompt in (f"compile {first.text}", f"compile {first.text} {second.text}", f"compile {third.text}"):
        with pytest.raises(TapeError):
            oracle.complete(prompt)
    waiting = [json.loads(line)["prompt"] for line in pending.read_text().splitlines()]
    assert waiting == [f"compile {first.text}", f"compile {third.text}"]
    assert len(oracle.missing) == 3
    assert [made.reply for made in oracle.compiles] == [None] * 3


def test_a_repeated_prefix_is_counted_apart():
    """From the second compile prompt on, what both begin with; nothing where it is too short to be kept."""
    oracle = Oracle(Author())
    oracle.know(gcds(1)[0])
    long = "x" * 8000
    for prompt in (f"{long}one", f"{long}other", "short one", "short other"):
        oracle.complete(prompt)
    assert [spent.prefix for spent in oracle.take()] == [0, 2000, 0, 0]
    assert (shared_prefix("abcd", "abxd"), shared_prefix("", "a"), shared_prefix("ab", "ab")) == (2, 0, 2)


# -- runs --------------------------------------------------------------------------------------------------------------


def small(count=12):
    """A stream of two classes."""
    words = list(islice(sequence("spell_backward", 0), count))
    return [item for pair in zip(gcds(count), words, strict=True) for item in pair]


def test_a_finished_run_is_read_and_a_broken_one_is_played_again(tmp_path):
    """Cut, emptied, another plan, other code: played again with the same rows; untouched: not played."""
    plan = Plan("families", 12, 0, "none")
    ticks = []
    options = {"out": tmp_path, "items": small(), "tick": lambda: ticks.append(1)}
    first = runner.run(plan, **options)
    path = tmp_path / f"{plan.name}.jsonl"
    whole = path.read_text()
    assert runner.run(plan, **options).rows == first.rows
    assert len(ticks) == 24
    lines = whole.splitlines(keepends=True)
    short, other = "".join(lines[:3] + lines[4:]), whole.replace('"size": 12', '"size": 13')
    for broken in ("", "".join(lines[:-1]), short, whole[:-20], other):
        path.write_text(broken)
        before = len(ticks)
        assert runner.run(plan, **options).rows == first.rows
        assert len(ticks) == before + 24
    header = json.loads(lines[0])
    path.write_text(json.dumps({**header, "fingerprint": "other code"}) + "\n" + "".join(lines[1:]))
    assert runner.run(plan, keep=True, **options).stale
    assert not runner.run(plan, **options).stale


def test_an_interrupted_run_leaves_nothing_that_looks_finished(tmp_path):
    """Ctrl-C in the middle: the next time begins anew."""
    plan = Plan("families", 12, 0, "none")

    def stop():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        runner.run(plan, out=tmp_path, items=small(), tick=stop)
    assert not (tmp_path / f"{plan.name}.jsonl").exists()
    assert len(runner.run(plan, out=tmp_path, items=small()).rows) == 24


def test_the_clock_runs_a_minute_a_request_or_evenly_over_a_day():
    """Streams without days are one long shift; with days, each day begins at midnight."""
    items = gcds(3)
    assert list(times(items)) == [START, START + 60, START + 120]
    days = [replace(item, day=day) for item, day in zip(items, (0, 0, 2), strict=True)]
    assert list(times(days)) == [START, START + 43_200, START + 2 * 86_400]


@pytest.fixture(scope="module")
def trained_run(tmp_path_factory):
    """One stream through seglam with a compiler that knows one of its two classes."""
    from benchmarks.crystal.systems import SYSTEMS

    out = tmp_path_factory.mktemp("crystal")
    plan = Plan("families", 12, 0, "seglam", 0.0)
    items = [replace(item, day=place // 12) for place, item in enumerate(small())]
    oracle = Oracle(Author(), error=0.0)
    system = SYSTEMS["seglam"](out / f"{plan.name}.db", oracle)
    rows = list(runner.play(items, system, oracle))
    account = runner._named(system.account(), oracle)
    system.close()
    return runner.Run(plan, rows, account, oracle.compiles), out


def test_a_stream_is_played_from_end_to_end(trained_run):
    """The compiled class is served by its procedure after a restart too, rightly; the declined one never; calls add up."""
    run, _ = trained_run
    table = metrics.by_class(run.rows)
    assert table["gcd"]["procedure"] >= 6
    assert table["gcd"]["wrong_hits"] == 0
    assert table["gcd"]["procedure"] + table["gcd"]["direct"] + table["gcd"]["audit"] == 12
    assert table["spell_backward"]["hits"] == 0
    assert run.declined == {"spell_backward": "it is a matter of taste"}
    assert metrics.hit_rate(run.rows, run.declined).of == 12
    assert run.account["check"] == []
    assert sum(run.account["faults"].values()) == 0
    assert {one["klass"] for one in run.account["procedures"]} == {"gcd"}
    assert {row.day for row in run.rows if row.tier == "procedure"} >= {1}


def test_a_trained_cache_can_be_asked_without_being_changed(trained_run):
    """A copy answers what its procedure knows, and refuses what only looks like it; the original stays as it was."""
    run, out = trained_run
    before = (out / f"{run.plan.name}.db").read_bytes()
    assert live(run) == ["gcd"]
    (out / "copy").mkdir()
    system = trained(run, out, out / "copy")
    new = gcds(40)[-1]
    assert system.find(new.text, START + 3 * 86_400).tier == "procedure"
    assert system.find(new.text.replace("Give only", "Give only twice"), START + 3 * 86_400).tier == "model"
    system.close()
    assert (out / f"{run.plan.name}.db").read_bytes() == before


def test_a_report_holds_every_figure_and_can_be_written(trained_run):
    """Plain JSON, with the targets' figures in it."""
    run, _ = trained_run
    always = replace(run, rows=[replace(row, tier="model", calls={"direct": 1}, tokens={}) for row in run.rows])
    found = json.loads(json.dumps(report.stream([run], [always])))
    assert found["declined"] == {"spell_backward (seed 0)": "it is a matter of taste"}
    assert found["accuracy"]["difference"]["value"] == 0
    assert found["break_even"]["calls"]["n"] == 1
    assert found["hit_rate"]["value"] == found["hit_rate_procedure"]["value"] > 0.5


def test_mutants_are_readable_and_leave_the_check_alone():
    """Each is another draft with one defect; what guards the answer stays; the same seed gives the same mutants."""
    draft = parse_reply(GCD)
    made = list(mutants(draft, random.Random(1)))
    assert [m.draft for m in made] == [m.draft for m in mutants(draft, random.Random(1))]
    assert {m.what for m in made} >= {"code: constant changed", "code: comparison flipped", "code: slots swapped",
                                      "pattern: integer widened", "pattern: literal replaced"}  # fmt: skip
    for mutant in made:
        assert (mutant.draft.source, mutant.draft.patterns) != (draft.source, draft.patterns)
        assert mutant.draft.guard is not None
        assert "value >= 1 and a % value == 0 and (b % value == 0)" in mutant.draft.source.replace(
            "value >= 1 and a % value == 0 and b % value == 0", "value >= 1 and a % value == 0 and (b % value == 0)"
        )


def test_the_command_line_reads_seeds_and_refuses_nonsense(capsys):
    """A range, a list, an unknown stream, a recording without a place."""
    assert (numbers("0-2"), numbers("3"), numbers("0,4")) == ([0, 1, 2], [3], [0, 4])
    assert parse(["families", "--seeds", "1-2", "--per-class", "5"]).seeds == [1, 2]
    for bad in (["record"], ["baselines", "--streams", "decade"], ["nothing"]):
        with pytest.raises(SystemExit):
            parse(bad)
    assert "unknown stream" in capsys.readouterr().err


def test_what_a_system_did_becomes_a_row():
    """Calls and tokens by kind, the reply only where it is wrong."""
    item = gcds(1)[0]
    oracle = Oracle(None, error=0.0)
    oracle.know(item)
    oracle.direct(item)
    made = Row.of(
        5, item, Found(None, why="absent", us=12.34), "nonsense", correct=False, spent=oracle.take(), fell=False
    )
    assert (made.calls, made.tier, made.reply, made.us) == ({"direct": 1}, "model", "nonsense", 12.3)
    assert made.tokens == {"direct": [0, -(-len(item.text) // 4), 1]}
    assert Row.of(5, item, Found("x", "exact"), "x", correct=True, spent=[], fell=False).reply == ""
