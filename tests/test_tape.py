"""Tapes: strict replay of recorded replies."""

import gzip
import json
import subprocess
import sys

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


def test_a_compressed_tape_replays_like_a_plain_one(tmp_path):
    """The name's end says how to read it; strictness is the same."""
    plain = write(tmp_path / "t.jsonl", row("p", "r"))
    packed = tmp_path / "t.jsonl.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    tape = Tape(packed)
    assert tape.complete("p") == Tape(plain).complete("p")
    assert tape.holds("p")
    assert not tape.holds("p ")
    with pytest.raises(TapeError, match="no reply"):
        tape.complete("p ")


@pytest.mark.parametrize("keep", [0, 1, 12, 60, -1])
def test_a_truncated_compressed_tape_is_refused(tmp_path, keep):
    """Not compressed at all, cut in the header, in the data, before the check sum."""
    packed = tmp_path / "t.jsonl.gz"
    packed.write_bytes(gzip.compress(write(tmp_path / "t.jsonl", row("p", "r")).read_bytes())[:keep])
    with pytest.raises(TapeError, match="damaged"):
        Tape(packed)


def test_asking_whether_a_prompt_is_held_does_not_make_it_pending(tmp_path):
    """Only a call that found nothing is worth recording."""
    pending = tmp_path / "pending.jsonl"
    tape = Tape(write(tmp_path / "t.jsonl", row("p", "r")), pending=pending)
    assert not tape.holds("q")
    assert not pending.exists()


def record(tmp_path, tape, replies):
    """Join the pending prompts p and q with these replies."""
    pending, answers = tmp_path / "pending.jsonl", tmp_path / "replies.jsonl"
    pending.write_text("".join(json.dumps({"digest": prompt_digest(p), "prompt": p}) + "\n" for p in "pq"))
    answers.write_text("".join(json.dumps({"digest": prompt_digest(p), "reply": r}) + "\n" for p, r in replies.items()))
    command = [sys.executable, "tools/record_tape.py", tape, pending, answers, "--model", "m", "--date", "2026-01-01"]
    return subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True).stdout


def test_recording_into_a_compressed_tape_gives_equal_bytes_for_equal_rows(tmp_path):
    """No time and no name in the file; a second recording keeps what was there and adds what is new."""
    first, second = tmp_path / "a.jsonl.gz", tmp_path / "b.jsonl.gz"
    assert "1 exchanges on the tape, 1 pending" in record(tmp_path, first, {"p": "one"})
    record(tmp_path, second, {"p": "one"})
    assert first.read_bytes() == second.read_bytes()
    assert "2 exchanges on the tape, 0 pending" in record(tmp_path, first, {"p": "another", "q": "two"})
    assert [Tape(first).complete(prompt).text for prompt in "pq"] == ["one", "two"]
