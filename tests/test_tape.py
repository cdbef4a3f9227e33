"""Tapes: strict replay of recorded replies."""

import json

import pytest

from seglam import TapeError
from seglam.tape import Tape, prompt_digest


def write(path, *rows, header=None):
    """Write a tape file."""
    lines = [header or {"tape": 1, "model": "m", "made": "by a test"}, *rows]
    path.write_text("".join(json.dumps(row) + "\n" for row in lines), encoding="utf-8")
    return path


def row(prompt, reply):
    """Make one exchange."""
    return {"digest": prompt_digest(prompt), "prompt": prompt, "reply": reply, "input_tokens": 1, "output_tokens": 2}


def test_replay_gives_the_recorded_reply_and_usage(tmp_path):
    """The exact prompt gives the exact reply."""
    tape = Tape(write(tmp_path / "t.jsonl", row("p", "r")))
    completion = tape.complete("p")
    assert (completion.text, completion.usage.output_tokens, tape.name, len(tape)) == ("r", 2, "m", 1)


def test_an_unknown_prompt_is_an_error_and_pending_once(tmp_path):
    """Nothing is invented; the prompt is kept for recording, once."""
    pending = tmp_path / "pending.jsonl"
    tape = Tape(write(tmp_path / "t.jsonl", row("p", "r")), pending=pending)
    for _ in range(2):
        with pytest.raises(TapeError, match="no reply"):
            tape.complete("p ")
    assert [json.loads(line)["prompt"] for line in pending.read_text().splitlines()] == ["p "]


@pytest.mark.parametrize("damage", ["", "not json\n", '{"tape": 2}\n', '{"tape": 1}\n{"digest": "x"}\n'])
def test_a_damaged_tape_is_refused(tmp_path, damage):
    """Empty, not JSON, another version, missing fields."""
    (tmp_path / "t.jsonl").write_text(damage)
    with pytest.raises(TapeError):
        Tape(tmp_path / "t.jsonl")


def test_a_changed_prompt_is_noticed(tmp_path):
    """A tape that was edited by hand does not replay."""
    changed = {**row("p", "r"), "prompt": "q"}
    with pytest.raises(TapeError, match="changed"):
        Tape(write(tmp_path / "t.jsonl", changed))


def test_a_missing_tape_is_an_error(tmp_path):
    """Named, with the reason."""
    with pytest.raises(TapeError, match="cannot be read"):
        Tape(tmp_path / "none.jsonl")
