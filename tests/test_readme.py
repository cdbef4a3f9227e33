"""The README: every block of Python runs as it stands, every command exists."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser

from openai_server import serve

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:llama_index", "ignore::DeprecationWarning:pydantic")


@pytest.fixture
def provider(monkeypatch, tmp_path):
    """An OpenAI-compatible server where the clients look for one, and an empty directory to work in."""
    from langchain_core.globals import set_llm_cache
    from llama_index.core import Settings

    with serve(lambda messages: "The postage is $13.50.") as server:
        for name in ("OPENAI_BASE_URL", "OPENAI_API_BASE"):
            monkeypatch.setenv(name, server.url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
        monkeypatch.chdir(tmp_path)
        yield server
    set_llm_cache(None)
    Settings._llm = None


def test_every_python_block_runs_in_order(provider, capsys):
    """Copied into one session, the examples work and print what their comments say."""
    document = Sybil(parsers=[PythonCodeBlockParser(), SkipParser()], pattern="*.md").parse(README)
    examples = list(document.examples())
    for example in examples:
        example.evaluate()
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    skipped = README.read_text(encoding="utf-8").count("<!-- skip: next -->")
    assert len(examples) == len(blocks) + skipped  # a skip directive is an example of its own
    expected = re.findall(r"print\(.*?\)  # (.+)", "".join(blocks))
    assert capsys.readouterr().out.splitlines() == expected
    assert provider.calls == 4


def test_only_the_block_that_needs_another_model_is_skipped():
    """What cannot run without a download is one example, and says so."""
    text = README.read_text(encoding="utf-8")
    assert text.count("<!-- skip: next -->") == 1
    assert "embedder=" in text.split("<!-- skip: next -->")[1].split("```")[1]


def test_every_command_exists():
    """`make` targets and `seglam` commands that the README names are there."""
    blocks = "".join(re.findall(r"```bash\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL))
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"make (\w+)", blocks)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    for command in set(re.findall(r"^seglam (\w+)", blocks, re.MULTILINE)):
        call = [sys.executable, "-c", "from seglam.cli import main; main()", command, "--help"]
        assert subprocess.run(call, capture_output=True, check=False).returncode == 0, command
    for extra in set(re.findall(r"seglam\[([\w,-]+)\]", blocks)):
        project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
        assert all(re.search(rf"^{name} = \[", project, re.MULTILINE) for name in extra.split(",")), extra


def test_figures_are_filled_in():
    """No placeholder is left."""
    assert "FIGURES" not in README.read_text(encoding="utf-8")
