"""Other caches, over the vectors that seglam uses. Where a package is installed, it is what runs; else only its rule does.

``pip install 'seglam[peers]'`` installs them. GPTCache runs whole: its adapter, its SQLite and FAISS data manager, its default
evaluation and threshold. LangChain runs a model with a plain cache behind ``BaseCache``. RedisVL and langchain-redis need a
server, so of them the rule runs, with the threshold that the installed package has as its default. Each answers with the
nearest question, and looks at nothing else.
"""

import inspect
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from seglam.index import Vector
from seglam.minilm import MiniLM

Ask = Callable[[str], int | None]
"""The position of the stored question whose answer a text gets; None for a miss."""


class Vectors:
    """Unit vectors of texts, computed once: all caches of a run get the same.

    Args:
        embedder: the embedded model.
    """

    def __init__(self, embedder: MiniLM) -> None:
        self.dimension = embedder.dimension
        self._embedder = embedder
        self._known: dict[str, Vector] = {}

    def of(self, text: str) -> Vector:
        """The vector of a text, shape (384,)."""
        if text not in self._known:
            self._known[text] = np.asarray(self._embedder.embed([text])[0], dtype=np.float32)
        return self._known[text]

    def all(self, texts: Sequence[str]) -> Vector:
        """One a row, shape (n, 384)."""
        return np.vstack([self.of(text) for text in texts])


@dataclass(frozen=True, slots=True)
class Peer:
    """Another cache.

    Attributes:
        name: as the tables show it.
        what: which version of what ran.
        opened: a context in which it holds texts, and is asked.
    """

    name: str
    what: str
    opened: Callable[[Sequence[str], Vectors], Any]


def peers() -> list[Peer]:
    """The caches that are compared, and what of them is installed."""
    return [
        _gptcache(),
        _rule("langchain-redis default", "langchain-redis", "langchain_redis.cache", "RedisSemanticCache", 0.2),
        _rule("RedisVL default", "redisvl", "redisvl.extensions.cache.llm.semantic", "SemanticCache", 0.1),
        _langchain(0.92),
        Peer("plain 0.95", "the nearest question, cosine >= 0.95", _nearest(0.95)),
    ]


def _nearest(least: float) -> Callable[[Sequence[str], Vectors], Any]:
    @contextmanager
    def opened(texts: Sequence[str], vectors: Vectors) -> Iterator[Ask]:
        matrix = vectors.all(texts)

        def ask(text: str) -> int | None:
            scores = matrix @ vectors.of(text)
            best = int(np.argmax(scores))
            return best if scores[best] >= least else None

        yield ask

    return opened


def _rule(name: str, package: str, module: str, class_: str, distance: float) -> Peer:
    """A cache that answers from the nearest question within a cosine distance."""
    try:
        found = getattr(import_module(module), class_)
        distance = float(inspect.signature(found.__init__).parameters["distance_threshold"].default)
        what = f"{package} {version(package)}, its rule only (it needs a server): cosine distance <= {distance}"
    except ImportError:
        what = f"rule only, {package} is not installed: cosine distance <= {distance}"
    return Peer(name, what, _nearest(1.0 - distance))


def _gptcache() -> Peer:
    name = "GPTCache default"
    try:
        return Peer(name, f"gptcache {version('gptcache')}, the package itself, SQLite and FAISS", _in_gptcache)
    except PackageNotFoundError:
        # SearchDistanceEvaluation, threshold 0.8: squared distance at most 0.8 of unit vectors
        return Peer(name, "rule only, gptcache is not installed: cosine >= 0.6", _nearest(0.6))


@contextmanager
def _in_gptcache(texts: Sequence[str], vectors: Vectors) -> Iterator[Ask]:
    from gptcache import Cache, Config
    from gptcache.adapter.api import get
    from gptcache.manager import CacheBase, VectorBase, get_data_manager
    from gptcache.processor.pre import get_prompt
    from gptcache.similarity_evaluation.distance import SearchDistanceEvaluation

    folder = Path(tempfile.mkdtemp(prefix="gptcache-"))  # left for its atexit hook, which writes there once more
    manager = get_data_manager(
        CacheBase("sqlite", sql_url=f"sqlite:///{folder / 'scalars.db'}"),
        VectorBase("faiss", dimension=vectors.dimension, index_path=str(folder / "faiss.index")),
        max_size=max(1_000, 2 * len(texts)),  # its default evicts all beyond 1,000
    )
    cache = Cache()
    cache.init(
        pre_embedding_func=get_prompt,
        embedding_func=lambda text, **_: vectors.of(text),
        data_manager=manager,
        similarity_evaluation=SearchDistanceEvaluation(),
        config=Config(disable_report=True),  # two commits less for a hit; no other effect
    )
    cache.import_data(questions=list(texts), answers=[str(number) for number in range(len(texts))])

    def ask(text: str) -> int | None:
        answer = get(text, cache_obj=cache)
        return None if answer is None else int(answer)

    yield ask


def _langchain(least: float) -> Peer:
    name, rule = f"LangChain + plain {least}", f"the nearest question, cosine >= {least}"
    try:
        return Peer(
            name, f"langchain-core {version('langchain-core')}, a model with a BaseCache: {rule}", _model(least)
        )
    except PackageNotFoundError:
        return Peer(name, f"rule only, langchain-core is not installed: {rule}", _nearest(least))


def _model(least: float) -> Callable[[Sequence[str], Vectors], Any]:
    @contextmanager
    def opened(texts: Sequence[str], vectors: Vectors) -> Iterator[Ask]:
        from langchain_core.caches import BaseCache
        from langchain_core.language_models.fake import FakeListLLM
        from langchain_core.outputs import Generation

        with _nearest(least)(texts, vectors) as nearest:

            class Plain(BaseCache):
                """Holds the questions from the start, and keeps no other."""

                def lookup(self, prompt: str, llm_string: str) -> list[Generation] | None:
                    at = nearest(prompt)
                    return None if at is None else [Generation(text=str(at))]

                def update(self, prompt: str, llm_string: str, return_val: Sequence[Generation]) -> None:
                    pass

                def clear(self, **_: Any) -> None:
                    pass

            model = FakeListLLM(responses=["the model"], cache=Plain())

            def ask(text: str) -> int | None:
                answer = model.invoke(text)
                return None if answer == "the model" else int(answer)

            yield ask

    return opened
