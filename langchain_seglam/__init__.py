"""seglam for LangChain: one line, and the models of an application stop thinking the same thought twice.

from langchain_core.globals import set_llm_cache
from langchain_seglam import SeglamCache

set_llm_cache(SeglamCache("seglam.db", compiler=ChatOpenAI(model="...")))

In a templated prompt (RAG, few-shot) ``asking(prompt)`` names the variable that is the question: exact context, semantic
question.
"""

from importlib.util import find_spec

from seglam import MissingExtraError

if find_spec("langchain_core") is None:
    raise MissingExtraError("langchain_seglam needs langchain-core: pip install 'seglam[langchain]'")

from langchain_seglam.asking import asked, asking
from langchain_seglam.cache import SeglamCache

__all__ = ["SeglamCache", "asked", "asking"]
