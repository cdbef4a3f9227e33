"""The LangChain examples, run as a user runs them, against the local server."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from openai_server import calling, serve

EXAMPLES = Path(__file__).parent.parent / "examples"


def run(name, provider, folder):
    """One run of an example in a folder of its own; its output, line by line."""
    environment = {**os.environ, "OPENAI_API_KEY": "k", "OPENAI_BASE_URL": provider.url}
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    command = [sys.executable, str(EXAMPLES / name)]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def paying(messages):
    """Asks the price, then says the bill."""
    if messages[-1]["role"] == "tool":
        return calling("Bill", {"total": float(messages[-1]["content"])})
    return calling("price", {"item": "lamp"})


@pytest.mark.parametrize(
    ("name", "answer", "calls", "lines"),
    [
        (
            "langchain_chain.py",
            lambda _: "Light scatters.",
            2,
            ["Light scatters.", "Light scatters.", "1 answer to three equal requests", "from: exact tokens: 0"],
        ),
        (
            "langchain_agent.py",
            paying,
            4,
            [
                "ada total=3.0 ['model', 'model']",
                "ada total=3.0 ['exact', 'exact']",
                "bob total=3.0 ['model', 'model']",
            ],
        ),
        ("langgraph_nodes.py", lambda _: "Light scatters.", 1, ["the node runs", "Light scatters.", "Light scatters."]),
    ],
)
def test_an_example_does_what_it_says(tmp_path, name, answer, calls, lines):
    """What it prints, how often it asks the model, and that a second run asks it no more."""
    with serve(answer) as provider:
        assert run(name, provider, tmp_path) == lines
        assert provider.calls == calls
        run(name, provider, tmp_path)
        assert provider.calls == calls
