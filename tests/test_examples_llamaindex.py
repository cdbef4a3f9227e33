"""The LlamaIndex examples, run as a user runs them, against the local server."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from openai_server import Provider, Said, calling, serve

EXAMPLES = Path(__file__).parent.parent / "examples"


def run(name: str, provider: Provider, folder: Path) -> list[str]:
    """One run of an example in a folder of its own; its output, line by line."""
    environment = {**os.environ, "OPENAI_API_KEY": "k", "OPENAI_BASE_URL": provider.url}
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    command = [sys.executable, str(EXAMPLES / name)]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def legs(messages: list[dict[str, Any]]) -> str:
    """Answers from the context that it is given."""
    return "Eight legs." if "Spiders have" in str(messages) else "Six legs."


def paying(messages: list[dict[str, Any]]) -> str | Said:
    """Asks the price, then says it."""
    if messages[-1]["role"] == "tool":
        return f"It costs {messages[-1]['content']} dollars."
    return calling("price", {"item": "lamp"})


TOOL, HIT, SAID = "  the tool runs for lamp", "  from the cache: exact", "  It costs 3.0 dollars."


@pytest.mark.parametrize(
    ("name", "answer", "calls", "first", "second"),
    [
        (
            "llamaindex_query_engine.py",
            legs,
            2,
            ["Eight legs.", "Eight legs.", "Six legs."],
            ["Eight legs.", "Eight legs.", "Six legs."],
        ),
        (
            "llamaindex_agent.py",
            paying,
            4,
            ["ada", TOOL, SAID, "ada", HIT, TOOL, HIT, SAID, "bob", TOOL, SAID],
            [line for user in ("ada", "ada", "bob") for line in (user, HIT, TOOL, HIT, SAID)],
        ),
    ],
)
def test_an_example_does_what_it_says(
    tmp_path: Path, name: str, answer: Any, calls: int, first: list[str], second: list[str]
) -> None:
    """What it prints, how often it asks the model, and that a second run asks it no more."""
    with serve(answer) as provider:
        assert run(name, provider, tmp_path) == first
        assert provider.calls == calls
        assert run(name, provider, tmp_path) == second
        assert provider.calls == calls
