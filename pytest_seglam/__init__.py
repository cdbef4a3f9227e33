"""A pytest plugin: a suite that calls no model. Record once, then replay strictly.

    pytest --seglam=record    # asks models for what is not recorded yet, and writes the answers down
    pytest --seglam=replay    # the recordings alone answer; a call that they hold no answer to fails its test

It speaks for every model behind seglam (``langchain_seglam``, ``llamaindex_seglam``), in all threads of the process; a test needs
no change. The recording of a test file stands beside it, in ``recordings/<test file>.jsonl``, and is made to be committed.
Without the option, tests marked ``@pytest.mark.seglam`` are replayed and others are left alone.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator

    from seglam.contexts import Directives
    from seglam.recording import Recorder

# seglam itself is imported by the first test that needs it: this module is loaded in every run of pytest, before coverage begins.

_recorders: "pytest.StashKey[dict[Path, Recorder]]" = pytest.StashKey()
_before: "pytest.StashKey[Directives | None]" = pytest.StashKey()

_MARKER = (
    "seglam(path=None, live=False): answers of models come from a recording (path: another one than "
    "recordings/<test file>.jsonl, beside the test file); live: this test calls its models whatever --seglam says"
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--seglam``, and the setting for one recording of a whole suite."""
    parser.getgroup("seglam").addoption(
        "--seglam",
        choices=("record", "replay"),
        help="record: ask models for what is not recorded yet; replay: never call one (default: marked tests are replayed)",
    )
    parser.addini("seglam_recording", "one recording for all tests, relative to the root directory", default="")


def pytest_configure(config: pytest.Config) -> None:
    """Add the marker."""
    config.addinivalue_line("markers", _MARKER)
    config.stash[_recorders] = {}


def pytest_report_header(config: pytest.Config) -> str | None:
    """Say in which mode the suite runs."""
    mode = config.getoption("--seglam")
    return f"seglam: {mode}" if mode else None


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_setup(item: pytest.Item) -> "Generator[None, Any, Any]":
    """From here to the end of its teardown the test's models are those of its recording."""
    recorder = _recorder(item)
    if recorder is not None:
        from seglam.contexts import Directives, set_everywhere

        item.stash[_before] = set_everywhere(Directives(recorder=recorder))
    return (yield)


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_teardown(item: pytest.Item) -> "Generator[None, Any, Any]":
    """Whatever happens, the next test starts with none."""
    try:
        return (yield)
    finally:
        if _before in item.stash:
            from seglam.contexts import set_everywhere

            set_everywhere(item.stash[_before])
            del item.stash[_before]


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say what the recordings hold after they were recorded."""
    if config.getoption("--seglam") == "record":
        for path, recorder in sorted(config.stash[_recorders].items()):
            terminalreporter.write_line(f"seglam: {len(recorder.recording)} exchanges in {path}")


def _recorder(item: pytest.Item) -> "Recorder | None":
    """What answers for this test; None where its models do."""
    config = item.config
    marker = item.get_closest_marker("seglam")
    mode = config.getoption("--seglam") or ("replay" if marker else None)
    told: dict[str, Any] = {} if marker is None else _told(*marker.args, **marker.kwargs)
    if mode is None or told.get("live"):
        return None
    from seglam.recording import Recorder, Recording

    path = _path(item, told.get("path"))
    known = config.stash[_recorders]
    if path not in known:
        known[path] = Recorder(Recording(path), strict=mode == "replay")
    return known[path]


def _told(path: str | None = None, *, live: bool = False) -> dict[str, Any]:
    return {"path": path, "live": live}


def _path(item: pytest.Item, told: str | None) -> Path:
    if told is not None:
        return item.path.parent / told
    one = item.config.getini("seglam_recording")
    return item.config.rootpath / one if one else item.path.parent / "recordings" / f"{item.path.stem}.jsonl"
