"""What needs more than langchain-core says so, and costs nothing before."""

import subprocess
import sys

import pytest

import langchain_seglam
from seglam import MissingExtraError


def test_importing_the_package_imports_no_optional_one():
    """Neither langchain nor langgraph is loaded for SeglamCache and cached."""
    code = (
        "import sys, langchain_seglam; "
        "print(sorted({'langchain', 'langgraph'} & sys.modules.keys()), langchain_seglam.cached.__name__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[] cached"


@pytest.mark.parametrize("name", ["SeglamMiddleware", "SeglamGraphCache", "message_key"])
def test_a_missing_package_is_named(monkeypatch, name):
    """MissingExtraError, an ImportError, that says what to install."""
    monkeypatch.setattr(langchain_seglam, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match="pip install lang"):
        getattr(langchain_seglam, name)


def test_every_public_name_is_there():
    """And no other name is."""
    for name in langchain_seglam.__all__:
        assert getattr(langchain_seglam, name) is not None
    with pytest.raises(AttributeError, match="nothing_like_that"):
        langchain_seglam.nothing_like_that  # noqa: B018 - the look-up is what is tested
