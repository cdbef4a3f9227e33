"""The pytest plugin, in suites of its own: recorded once, replayed strictly, and never a model called unasked."""

import json
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

pytest_plugins = ["pytester"]

# Where seglam is installed with its entry point pytest loads the plugin by itself, and refuses it a second time.
_installed = any(point.value == "pytest_seglam" for point in entry_points(group="pytest11"))
PLUGIN = () if _installed else ("-p", "pytest_seglam")

SUITE = """
import threading
from pathlib import Path
import pytest
from seglam import Cache, Request, Response, bypass, only_if_cached
from seglam.contexts import door

CALLS = Path({calls!r})

def model(request):
    CALLS.write_text(CALLS.read_text() + request.text)
    return Response("answer to " + request.text)

def ask(text):
    with Cache.open(":memory:") as cache:
        return door(cache).respond(Request(text), model).text

@pytest.fixture
def prepared():
    yield ask("a")
    ask("z")  # also while fixtures end

def test_a(prepared):
    assert prepared == "answer to a"
    assert ask("b") == "answer to b"

def test_b_in_a_thread_without_our_context():
    found = []
    thread = threading.Thread(target=lambda: found.append(ask("b")))
    thread.start()
    thread.join()
    assert found == ["answer to b"]

class TestOthers:
    async def test_c(self):
        with bypass():
            assert ask("c") == "answer to c"

@pytest.mark.seglam(live=True)
def test_live():
    assert ask("L") == "answer to L"
"""

MARKED = """
import pytest
from pathlib import Path
from seglam import Request, Response
from seglam.contexts import door

def ask(text):
    return door(Model()).respond(Request(text), print).text

class Model:
    def respond(self, request, origin, found=None):
        return Response("from the model")

@pytest.mark.seglam("tapes/other.jsonl")
def test_marked():
    assert ask("q") == "recorded"

def test_unmarked():
    assert ask("q") == "from the model"
"""


@pytest.fixture
def suite(pytester: pytest.Pytester) -> Any:
    """A suite of four tests; running it tells what its model was asked."""
    calls = pytester.path / "calls.txt"
    pytester.makepyfile(test_suite=SUITE.format(calls=str(calls)))
    pytester.makeini("[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n")

    def run(*options: str, **outcomes: int) -> str:
        calls.write_text("")
        result = pytester.runpytest_subprocess(*PLUGIN, "-q", *options)
        result.assert_outcomes(**outcomes)
        return calls.read_text()

    return run


def test_a_suite_is_recorded_once_and_replayed_without_its_models(suite: Any, pytester: pytest.Pytester) -> None:
    """Fixtures, classes, coroutines and threads included; the second recording and the replay ask nothing."""
    assert suite(passed=4) == "abzbcL"
    assert suite("--seglam=record", passed=4) == "abzcL"
    recording = pytester.path / "recordings" / "test_suite.jsonl"
    assert [json.loads(line)["text"] for line in recording.read_text().splitlines()] == ["a", "b", "z", "c"]
    assert suite("--seglam=record", passed=4) == "L"
    assert suite("--seglam=replay", passed=4) == "L"


def test_a_call_that_was_not_recorded_fails_its_test(suite: Any, pytester: pytest.Pytester) -> None:
    """Strictly: in the test, in its fixtures, in a thread. The tests beside it are not touched."""
    suite("--seglam=record", passed=4)
    recording = pytester.path / "recordings" / "test_suite.jsonl"
    rows = [line for line in recording.read_text().splitlines() if json.loads(line)["text"] != "c"]
    recording.write_text("\n".join(rows))
    assert suite("--seglam=replay", passed=3, failed=1) == "L"
    recording.unlink()
    assert suite("--seglam=replay", "-W", "ignore", passed=1, failed=2, errors=1) == "L"


def test_one_recording_may_serve_all(suite: Any, pytester: pytest.Pytester) -> None:
    """The setting names it; the run says what it holds."""
    (pytester.path / "calls.txt").write_text("")
    result = pytester.runpytest_subprocess(
        *PLUGIN, "--seglam=record", "-o", "seglam_recording=tests/all.jsonl", "-o", "asyncio_mode=auto"
    )
    result.stdout.fnmatch_lines(["seglam: record", "*", "seglam: 4 exchanges in *all.jsonl"])
    assert (pytester.path / "tests" / "all.jsonl").exists()


def test_a_damaged_recording_is_an_error_of_its_tests(suite: Any, pytester: pytest.Pytester) -> None:
    """Nothing is asked of a model in its place."""
    recording = pytester.path / "recordings" / "test_suite.jsonl"
    recording.parent.mkdir()
    recording.write_text("{")
    assert suite("--seglam=record", passed=1, errors=3) == "L"


def test_without_the_option_marked_tests_are_replayed(pytester: pytest.Pytester) -> None:
    """From the recording that the marker names, beside the test file; the others are as if there were no plugin."""
    from seglam import Request, Response
    from seglam.recording import Recording

    pytester.makepyfile(test_marked=MARKED)
    Recording(pytester.path / "tapes" / "other.jsonl").keep(Request("q"), Response("recorded"))
    pytester.runpytest_subprocess(*PLUGIN, "--strict-markers", "-p", "no:asyncio").assert_outcomes(passed=2)


def test_the_plugin_is_registered_and_light() -> None:
    """It is an entry point of the distribution, and importing it does not import seglam."""
    text = (Path(__file__).parent.parent / "pyproject.toml").read_text()
    assert '[project.entry-points.pytest11]\nseglam = "pytest_seglam"' in text
    code = "import sys, pytest_seglam; sys.exit(any(name.partition('.')[0] == 'seglam' for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
