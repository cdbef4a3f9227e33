"""seglam for LangChain: one line, and the models of an application stop thinking the same thought twice.

from langchain_core.globals import set_llm_cache
from langchain_seglam import SeglamCache

set_llm_cache(SeglamCache("seglam.db", compiler=ChatOpenAI(model="...")))

``cached(model)`` caches streams too; ``SeglamMiddleware`` stands in front of an agent's model, ``SeglamGraphCache`` behind
LangGraph's nodes. One answer is kept once, however many of them are used.

In a templated prompt (RAG, few-shot) ``asking(prompt)`` names the variable that is the question: exact context, semantic
question.
"""

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from seglam import MissingExtraError

if find_spec("langchain_core") is None:
    raise MissingExtraError("langchain_seglam needs langchain-core: pip install 'seglam[langchain]'")

from langchain_seglam.asking import asked, asking
from langchain_seglam.cache import SeglamCache
from langchain_seglam.wrap import cached, is_cached, unwrap

if TYPE_CHECKING:
    from langchain_seglam.graph import SeglamGraphCache, message_key
    from langchain_seglam.middleware import SeglamMiddleware

# These need more than langchain-core, so they are imported when they are asked for.
_OPTIONAL = {
    "SeglamMiddleware": ("middleware", "langchain"),
    "SeglamGraphCache": ("graph", "langgraph"),
    "message_key": ("graph", "langgraph"),
}

__all__ = [
    "SeglamCache",
    "SeglamGraphCache",
    "SeglamMiddleware",
    "asked",
    "asking",
    "cached",
    "is_cached",
    "message_key",
    "unwrap",
]


def __getattr__(name: str) -> Any:
    """What needs an optional package.

    Raises:
        MissingExtraError: it is not installed.
        AttributeError: there is no such name.
    """
    if name not in _OPTIONAL:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, package = _OPTIONAL[name]
    if find_spec(package) is None:
        raise MissingExtraError(f"{name} needs {package}: pip install {package}")
    return getattr(import_module(f"{__name__}.{module}"), name)
