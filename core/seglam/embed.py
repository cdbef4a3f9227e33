"""Text to unit vectors: the embedded MiniLM, sentence-transformers, the application's own embedder, and two wrappers.

A score between vectors is never more than a candidate; the semantic tier judges. What is decided here is which texts a
model can read (``covers``) and that what an embedder returns is an embedding.
"""

import hashlib
import importlib.util
import inspect
import json
import logging
import os
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar, cast

import numpy as np
from numpy.typing import ArrayLike

from seglam.errors import ConfigurationError, EmbedderError, MissingExtraError
from seglam.minilm import MiniLM, Vectors, short_hash, sound

__all__ = [
    "Checked",
    "Embedder",
    "Memo",
    "MiniLM",
    "ObjectEmbedder",
    "SentenceTransformerEmbedder",
    "Vectors",
    "as_embedder",
    "batched",
]

T = TypeVar("T")
logger = logging.getLogger("seglam")

_PROBES: Final = ("How do I reset my password?", "The glacier lost a third of its ice within ten years.")
_SAME: Final = 0.999  # above: one vector for two probes that have nothing in common
_JITTER: Final = 0.99  # below: two vectors for one probe; hosted models stay above .9999
_E5: Final = re.compile(r"(?:^|[_.-])e5(?:[_.-](?!.*instruct)|$)", re.IGNORECASE)
_UNKNOWN: Final = ("[UNK]", "<unk>", "<UNK>")
_NAMES: Final = ("model_name", "model", "model_id", "repo_id", "deployment")


class Embedder(Protocol):
    """What turns texts into unit vectors; safe to use from several threads."""

    @property
    def fingerprint(self) -> str:
        """Kind, model, dimension and a content hash; vectors of two fingerprints are never compared."""

    @property
    def dimension(self) -> int:
        """Length of a vector."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One row of length 1 for each text, in order; the same text always gets the same row."""

    def covers(self, text: str) -> bool:
        """False: the model does not read all of this text, so it must not be matched by meaning."""


class SentenceTransformerEmbedder:
    """Any sentence-transformers model, loaded at first use.

    Stored and new texts are both embedded as queries: two questions are compared, not a question and a passage, and E5's authors
    ask for "query: " on both sides of such a comparison.

    Args:
        name_or_path: a folder, or a name on the model hub, which sentence-transformers then downloads.
        prompt: put before every text, or the name of one of the model's own prompts. None: the model's own query prompt, if it
            has one, and "query: " for E5 models, whose files do not name theirs.
        device: where it runs, as torch names it.

    Raises:
        MissingExtraError: sentence-transformers is not installed.
    """

    def __init__(self, name_or_path: str | os.PathLike[str], *, prompt: str | None = None, device: str = "cpu") -> None:
        if importlib.util.find_spec("sentence_transformers") is None:
            raise MissingExtraError(
                'this embedder needs sentence-transformers: pip install "seglam[sentence-transformers]"'
            )
        self._name = os.fspath(name_or_path)
        self._prompt = prompt
        self._device = device
        self._lock = threading.RLock()  # the model's tokenizer keeps settings between calls, so one thread at a time
        self._loaded: Any = None

    @property
    def _model(self) -> Any:
        if self._loaded is None:
            from sentence_transformers import SentenceTransformer

            try:
                model = SentenceTransformer(self._name, device=self._device)
            except Exception as error:
                raise EmbedderError(f"{self._name}: sentence-transformers cannot load it: {error}") from error
            own = model.prompts or {}
            if self._prompt is None:
                self._prompt = own.get("query") or ("query: " if _E5.search(Path(self._name).name) else "")
            self._prompt = own.get(self._prompt, self._prompt)
            self._loaded = model
        return self._loaded

    @cached_property
    def dimension(self) -> int:
        """See Embedder. Loads the model."""
        return int(self.embed(_PROBES[:1]).shape[1])

    @cached_property
    def fingerprint(self) -> str:
        """See Embedder; the hash is over weights, prompt, pooling and maximum length. Loads the model."""
        with self._lock:
            model = self._model
            modules: list[Any] = [[type(part).__name__, getattr(part, "get_config_dict", dict)()] for part in model]
            setting = json.dumps([self._prompt, model.max_seq_length, modules], sort_keys=True, default=str)
            weights = hashlib.sha256()
            for name, tensor in sorted(model.state_dict().items()):
                weights.update(name.encode())
                weights.update(tensor.detach().cpu().contiguous().view(-1).float().numpy().tobytes())
        name = Path(self._name).name
        return f"sentence-transformers:{name}:{self.dimension}:{short_hash(setting.encode(), weights.digest())}"

    def embed(self, texts: Sequence[str]) -> Vectors:
        """See Embedder.

        Raises:
            EmbedderError: the model cannot be loaded, or gives something that is no embedding.
        """
        clean = [text.encode("utf-8", "replace").decode("utf-8") for text in texts]
        with self._lock:
            model = self._model
            raw = model.encode(clean, prompt=self._prompt or None, show_progress_bar=False) if clean else None
        return _unit(raw, len(clean)) if clean else np.empty((0, self.dimension), dtype=np.float32)

    def covers(self, text: str) -> bool:
        """See Embedder: nothing cut, no piece unknown; which languages the model knows is trusted."""
        if not sound(text):
            return False
        with self._lock:
            model = self._model
            limit = model.max_seq_length
            return limit is not None and _whole(model.tokenizer, (self._prompt or "") + text, limit)


class ObjectEmbedder:
    """The application's own embedder: a LangChain Embeddings, a LlamaIndex embed_model, a loaded model, or a function.

    Stored and new texts both go through the query side, so that one text has one vector. What such a model reads and
    where it cuts cannot be asked; ``max_chars`` stands for both.

    Args:
        target: has ``embed_query`` (LangChain), ``get_query_embedding`` (LlamaIndex) or ``encode`` (a loaded
            SentenceTransformer), or maps a sequence of texts to an array of shape (n, dimension).
        max_chars: longer texts are not matched by meaning; 1000 characters fit into 256 word pieces of most English.

    Raises:
        ConfigurationError: target is none of these.
    """

    def __init__(self, target: Any, *, max_chars: int = 1000) -> None:
        self._call = _as_function(target)
        self._target = target
        self._max_chars = max_chars

    @cached_property
    def _probes(self) -> Vectors:
        return self.embed(_PROBES)

    @property
    def dimension(self) -> int:
        """See Embedder. The first use asks the model for two probe vectors."""
        return int(self._probes.shape[1])

    @cached_property
    def fingerprint(self) -> str:
        """See Embedder. The first use asks the model for two probe vectors.

        The content hash is over the sides of 32 fixed planes on which the probes lie: noise of a hosted model (1e-4)
        almost never moves one, a model with other vectors moves several.
        """
        vectors = self._probes
        noise = hashlib.shake_256(b"seglam planes").digest(16 * self.dimension)
        planes = np.unpackbits(np.frombuffer(noise, dtype=np.uint8))[: 16 * self.dimension].reshape(16, -1) * 2.0 - 1.0
        sides = np.packbits(vectors @ planes.T > 0).tobytes()
        kind = self._target if inspect.isroutine(self._target) else type(self._target)
        found = [getattr(self._target, name, None) for name in _NAMES]
        model = next((value for value in found if isinstance(value, str) and value), "")
        return f"object:{kind.__module__}.{kind.__qualname__}:{model}:{self.dimension}:{short_hash(sides)}"

    def embed(self, texts: Sequence[str]) -> Vectors:
        """See Embedder. Passes on what the application's embedder raises.

        Raises:
            EmbedderError: it returned something that is no embedding.
        """
        if not texts:
            return np.empty((0, self.dimension), dtype=np.float32)
        return _unit(self._call([text.encode("utf-8", "replace").decode("utf-8") for text in texts]), len(texts))

    def covers(self, text: str) -> bool:
        """See Embedder: not longer than ``max_chars``; which languages the model knows is trusted."""
        return len(text) <= self._max_chars and sound(text)


class _Front:
    """What the two wrappers leave to the embedder behind them."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._lock = threading.Lock()

    @property
    def fingerprint(self) -> str:
        """See Embedder."""
        return self._embedder.fingerprint

    @property
    def dimension(self) -> int:
        """See Embedder."""
        return self._embedder.dimension

    def covers(self, text: str) -> bool:
        """See Embedder."""
        return bool(self._embedder.covers(text))


class Checked(_Front):
    """An embedder whose answers are checked: shape, finiteness, unit length; and, once, whether it embeds at all."""

    def __init__(self, embedder: Embedder) -> None:
        super().__init__(embedder)
        self._proved = self._told = False

    def embed(self, texts: Sequence[str]) -> Vectors:
        """See Embedder. Passes on what the embedder raises.

        Raises:
            EmbedderError: wrong shape, not finite, zero; the same vector for everything, or another one every time.
        """
        with self._lock:
            if not self._proved:
                self._refused_or_proved()
        return self._ask(texts)

    def _refused_or_proved(self) -> None:
        try:
            self._prove()
        except EmbedderError as error:
            if not self._told:  # what turns a fault into a miss tells its kind only, and it comes with every request
                self._told = True
                logger.warning("seglam: the embedder is refused, nothing is matched by meaning: %s", error)
            raise
        self._proved = True

    def _ask(self, texts: Sequence[str]) -> Vectors:
        if not texts:
            return np.empty((0, self.dimension), dtype=np.float32)
        vectors = _unit(self._embedder.embed(texts), len(texts))
        if vectors.shape[1] != self.dimension:
            raise EmbedderError(f"{self.fingerprint}: expected {self.dimension} numbers a row, got {vectors.shape[1]}")
        return vectors

    def _prove(self) -> None:
        first, second = self._ask(_PROBES)
        again = self._ask(_PROBES[1:])[0]
        if float(first @ second) > _SAME:
            raise EmbedderError(f"{self.fingerprint}: constant, it gives unrelated texts the same vector")
        if float(second @ again) < _JITTER:
            raise EmbedderError(f"{self.fingerprint}: not deterministic, the same text got two different vectors")


class Memo(_Front):
    """An LRU of vectors in front of an embedder; texts are kept as digests only.

    Args:
        embedder: asked for what is not there.
        size: vectors kept; 4096 of 384 numbers take about 7 MB.
    """

    def __init__(self, embedder: Embedder, size: int = 4096) -> None:
        if size < 1:
            raise ConfigurationError(f"size: expected at least 1, got {size!r}")
        super().__init__(embedder)
        self._size = size
        self._rows: OrderedDict[bytes, Vectors] = OrderedDict()

    def embed(self, texts: Sequence[str]) -> Vectors:
        """See Embedder."""
        keys = [hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest() for text in texts]
        with self._lock:
            known = {key: self._rows[key] for key in keys if key in self._rows}
            for key in known:
                self._rows.move_to_end(key)
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
        if missing or not keys:  # outside the lock: a hosted model takes its time
            rows = self._embedder.embed(list(missing.values()))
            fresh = {key: row.copy() for key, row in zip(missing, rows, strict=True)}  # a view would keep the batch
            known.update(fresh)
            self._keep(fresh)
        return np.stack([known[key] for key in keys]) if keys else rows

    def _keep(self, fresh: dict[bytes, Vectors]) -> None:
        with self._lock:
            self._rows.update(fresh)
            while len(self._rows) > self._size:
                self._rows.popitem(last=False)


def as_embedder(value: Any = None) -> Embedder:
    """The embedder that an argument ``embedder`` means.

    Args:
        value: None or "minilm": the embedded model; another str or a path: a sentence-transformers model; an Embedder:
            itself; a LangChain Embeddings, a LlamaIndex embed_model or a function: wrapped.

    Raises:
        ConfigurationError: it is none of these.
        MissingExtraError: it needs a package that is not installed.
    """
    if value is None or value == "minilm":
        return MiniLM()
    if isinstance(value, os.PathLike) or (isinstance(value, str) and value.strip()):
        return SentenceTransformerEmbedder(value)
    # Statically: hasattr would run the properties, which load the model.
    if not isinstance(value, type) and all(
        _has(value, name) for name in ("fingerprint", "dimension", "embed", "covers")
    ):
        return cast("Embedder", value)
    return ObjectEmbedder(value)


def batched(items: Iterable[T], size: int) -> Iterator[tuple[T, ...]]:
    """So many at a time, as texts are best embedded; itertools has it from Python 3.12 on."""
    rest = iter(items)
    while batch := tuple(islice(rest, size)):
        yield batch


def _as_function(target: Any) -> Callable[[Sequence[str]], ArrayLike]:
    if not isinstance(target, type | str | bytes):  # str has an ``encode`` of its own
        for name in ("embed_query", "get_query_embedding"):
            one = getattr(target, name, None)
            if callable(one):
                return lambda texts: [one(text) for text in texts]
        for name in ("embed_documents", "encode"):
            many = getattr(target, name, None)
            if callable(many):
                return lambda texts: many(list(texts))
        if callable(target) and not inspect.iscoroutinefunction(target):
            return cast("Callable[[Sequence[str]], ArrayLike]", target)
    raise ConfigurationError(
        "embedder: expected None, a model name, an Embedder, a LangChain Embeddings, a LlamaIndex embed_model or a "
        f"function from texts to vectors, got {target if isinstance(target, type) else type(target).__name__!r}"
    )


def _has(value: object, name: str) -> bool:
    return inspect.getattr_static(value, name, None) is not None


def _whole(tokenizer: Any, text: str, limit: float) -> bool:
    """Whether a tokenizer gives all of a text to its model: nothing cut, no piece unknown."""
    if callable(tokenizer):
        ids = tokenizer(text, truncation=False, verbose=False)["input_ids"]
        return len(ids) <= limit and getattr(tokenizer, "unk_token_id", None) not in ids
    # Static models have the bare tokenizer, which cuts silently where its file says so.
    ids = tokenizer.encode(text).ids
    if tokenizer.truncation is not None:
        limit = min(limit, tokenizer.truncation["max_length"] - 1)
    return len(ids) <= limit and not {tokenizer.token_to_id(name) for name in _UNKNOWN}.intersection(ids)


def _unit(raw: Any, rows: int) -> Vectors:
    """Rows of length 1, float32, from what an embedder returned; EmbedderError when it is no embedding."""
    try:
        array = np.asarray(raw)
    except (TypeError, ValueError) as error:
        raise EmbedderError(f"an embedder returned no array of numbers: {error}") from error
    if array.dtype.kind not in "fiu" or array.ndim != 2 or array.shape[0] != rows or array.shape[1] < 2:  # noqa: PLR2004 - one number has no direction
        raise EmbedderError(f"an embedder returned shape {array.shape} of {array.dtype}, expected ({rows}, dimension)")
    wide = array.astype(np.float64)
    if not np.isfinite(wide).all():
        raise EmbedderError("an embedder returned NaN or infinity")
    peak = np.abs(wide).max(axis=1, keepdims=True)  # scaled first, so that 1e300 does not overflow when squared
    if not peak.all():
        raise EmbedderError("an embedder returned a zero vector")
    wide /= peak
    return np.ascontiguousarray(wide / np.linalg.norm(wide, axis=1, keepdims=True), dtype=np.float32)
