"""seglam for LlamaIndex: a reasoning cache in front of any LLM, one line.

from llama_index.core import Settings
from llamaindex_seglam import cached

Settings.llm = cached(OpenAI(model="..."), "seglam.db")
"""

try:
    from llamaindex_seglam.embeddings import cached_embeddings
    from llamaindex_seglam.events import SeglamHitEvent
    from llamaindex_seglam.kvstore import SeglamKVStore
    from llamaindex_seglam.wrap import as_model, cached, is_cached, unwrap
except ModuleNotFoundError as error:
    if (error.name or "").partition(".")[0] != "llama_index":
        raise
    from seglam import MissingExtraError

    raise MissingExtraError("LlamaIndex is not installed: pip install 'seglam[llamaindex]'") from error

__all__ = ["SeglamHitEvent", "SeglamKVStore", "as_model", "cached", "cached_embeddings", "is_cached", "unwrap"]
