"""Recordings: answers written down once, replayed only to exactly the same request, and never a model called in a replay."""

import asyncio
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seglam import (
    Cache,
    ConfigurationError,
    OnlyIfCachedError,
    ReplayError,
    Request,
    Response,
    Reuse,
    TapeError,
    Usage,
    bypass,
    record,
    refresh,
    replay,
)
from seglam.contexts import behind, beside, door, forbid
from seglam.recording import Recording

QUESTION = Request("How many legs has a spider?", vary="v", engine="m", namespace="n")


@pytest.fixture
def tape(tmp_path: Path) -> Path:
    """Where the recording goes."""
    return tmp_path / "recordings" / "suite.jsonl"


def unreachable() -> Cache:
    """A cache that must not be touched."""
    return object()  # type: ignore[return-value]


def answer(text: str, **more: Any) -> Any:
    """A model with one answer."""
    return lambda _: Response(text, **more)


def fail(_: Request) -> Response:
    """A model that must not be called."""
    pytest.fail("the model was called")


def test_what_was_recorded_is_replayed_and_nothing_else(tape: Path) -> None:
    """The same request gets its answer with payload and usage; any other part of a key makes another request, which raises."""
    payload = {"message": {"blocks": [1, "é", None]}}
    with record(tape):
        told = door(unreachable()).respond(
            QUESTION, answer("eight", payload=payload, usage=Usage(7, 3), reuse=Reuse.EXACT)
        )
    with replay(tape):
        found = door(unreachable()).lookup(QUESTION)
        assert found
        assert found.response == told == Response("eight", payload, Usage(7, 3), Reuse.EXACT)
        assert door(unreachable()).respond(QUESTION, fail) == told
        for other in ({"text": "x"}, {"vary": "w"}, {"engine": "k"}, {"namespace": "o"}):
            request = Request(**{**{n: getattr(QUESTION, n) for n in ("text", "vary", "engine", "namespace")}, **other})
            with pytest.raises(ReplayError, match=r"suite\.jsonl' \(1 exchanges\)"):
                door(unreachable()).lookup(request)
            with pytest.raises(ReplayError):
                door(unreachable()).respond(request, fail)


def test_a_recording_run_sees_what_its_replays_will_see(tape: Path) -> None:
    """A request that comes twice is asked once, in this run and in a later one, whose new requests are added."""
    calls: list[str] = []

    def model(request: Request) -> Response:
        calls.append(request.text)
        return Response(f"{request.text} {len(calls)}")

    for texts in (("a", "a", "b"), ("b", "c")):
        with record(tape):
            for text in texts:
                door(unreachable()).respond(Request(text), model)
    assert calls == ["a", "b", "c"]
    with replay(tape):
        assert [door(unreachable()).respond(Request(text), fail).text for text in "abc"] == ["a 1", "b 2", "c 3"]
    assert [json.loads(line)["text"] for line in tape.read_text().splitlines()] == ["a", "b", "c"]


def test_a_replay_is_strict_whatever_else_is_said(tape: Path) -> None:
    """Inside, bypass and refresh call no model; a call without a key is refused; node caches stay out of it."""
    with record(tape):
        door(unreachable()).respond(QUESTION, answer("eight"))
        forbid("nothing is forbidden while recording")
    with replay(tape), bypass(), refresh():
        assert door(unreachable()).respond(QUESTION, fail).text == "eight"
        with pytest.raises(ReplayError, match="a call without a key"):
            forbid("a call without a key")
        assert beside(unreachable()) is None
    assert issubclass(ReplayError, OnlyIfCachedError)


def test_a_replay_without_a_recording_answers_nothing(tape: Path) -> None:
    """A file that does not exist is an empty recording: a test that calls no model passes, one that does fails."""
    with replay(tape), pytest.raises(ReplayError, match="0 exchanges"):
        door(unreachable()).lookup(QUESTION)
    assert not tape.exists()


def test_errors_and_bad_answers_are_not_recorded(tape: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The error is the caller's; what must never be stored is not written; the log tells of the first."""

    def broken(_: Request) -> Response:
        raise ValueError("overloaded")

    with record(tape):
        with pytest.raises(ValueError, match="overloaded"):
            door(unreachable()).respond(QUESTION, broken)
        door(unreachable()).respond(QUESTION, answer("cut", reuse=Reuse.NEVER))
    assert not tape.exists()
    assert "not recorded: ValueError" in caplog.text
    assert "overloaded" not in caplog.text


def test_equal_calls_at_one_time_are_one_call(tape: Path) -> None:
    """While recording, threads that ask the same wait for the first; none asks again."""
    calls: list[int] = []
    ready = threading.Barrier(8)

    def model(_: Request) -> Response:
        calls.append(1)
        time.sleep(0.3)
        return Response("eight")

    with record(tape):
        at = door(unreachable())
        assert at is behind(unreachable())

        def one(_: int) -> str:
            ready.wait()
            return at.respond(QUESTION, model).text

        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(one, range(8))) == {"eight"}
    assert len(calls) == 1
    assert len(tape.read_text().splitlines()) == 1


async def test_the_same_on_a_loop(tape: Path) -> None:
    """Tasks share one call, and what a surface records by itself is replayed too."""
    calls: list[int] = []

    async def model(_: Request) -> Response:
        calls.append(1)
        await asyncio.sleep(0.05)
        return Response("eight")

    with record(tape):
        at = door(unreachable())
        assert not await at.alookup(Request("six?"))
        await at.arecord(Request("six?"), Response("six"))
        await asyncio.gather(*(at.arespond(QUESTION, model) for _ in range(8)))
    assert len(calls) == 1
    with replay(tape):
        assert (await door(unreachable()).alookup(Request("six?"))).response.text == "six"
        await door(unreachable()).arecord(Request("seven?"), Response("never written"))
    assert len(Recording(tape)) == 2


TEXT = st.text(st.characters())  # lone surrogates and NUL among them
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


@settings(deadline=None)
@given(
    text=TEXT,
    said=TEXT,
    payload=st.none() | st.dictionaries(TEXT, JSON, max_size=3),
    reuse=st.sampled_from([Reuse.FREE, Reuse.EXACT]),
)
def test_every_exchange_comes_back_as_it_went(
    tmp_path_factory: Any, text: str, said: str, payload: Any, reuse: Reuse
) -> None:
    """Any text in any script, line ends and surrogates among them: one line of the file, and the same answer."""
    path = tmp_path_factory.mktemp("r") / "one.jsonl"
    request, response = Request(text), Response(said, payload, Usage(1, 2), reuse)
    Recording(path).keep(request, response)
    again = Recording(path)
    assert again.find(request) == response
    assert len(again) == 1


@pytest.mark.parametrize(
    "line",
    [
        "{",
        '{"seglam": 2, "key": "k", "answer": "a", "payload": null, "usage": [0, 0], "reuse": "free"}',
        "[]",
        '{"a": 1}',
    ],
)
def test_a_damaged_recording_is_refused_with_its_line(tape: Path, line: str) -> None:
    """At the beginning of the block, not at the first request, and nothing is guessed."""
    with record(tape):
        door(unreachable()).respond(QUESTION, answer("eight"))
    tape.write_text(f"{tape.read_text()}\n{line}\n")
    for block in (record, replay):
        with pytest.raises(TapeError, match="line 3"):
            block(tape)


def test_what_is_no_recording_is_refused(tmp_path: Path) -> None:
    """A folder, bytes that are no text, something that is no path."""
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path, tmp_path / "binary"):
        with pytest.raises(TapeError):
            replay(path)
    with pytest.raises(ConfigurationError, match="path"):
        replay(7)  # type: ignore[arg-type]


def test_a_recording_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    """The answer is the application's all the same where a surface catches it; here the error is told as what it is."""
    with record(tmp_path / "sub" / "suite.jsonl"):
        (tmp_path / "sub").write_text("a file where the folder would be")
        with pytest.raises(TapeError, match="cannot be written"):
            door(unreachable()).record(QUESTION, Response("eight"))
