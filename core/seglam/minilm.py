"""The embedded model, all-MiniLM-L6-v2 in int8, and which texts a model can read at all.

What a model does not read (another script, an emoji, the end of a long text) makes different texts look equal, with
cosine 1.0. ``covers`` says so beforehand, and such a text is not matched by meaning.
"""

import hashlib
import importlib
import json
import os
import re
import threading
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from seglam.errors import EmbedderError

Vectors: TypeAlias = NDArray[np.float32]
"""Shape (n, dimension); every row has length 1."""

MAX_CHARS: Final = 4000
"""Longer texts are not even tokenised; 256 word pieces never hold them."""

_MODEL: Final = Path(__file__).parent / "model"
_ONNX: Final = "minilm-l6-int8.onnx"
_TOKENIZER: Final = "tokenizer.json"
_LAYOUT: Final = re.compile(r"\t|\n[^\S\n]+\S|[0-9][^\S\n]*\n\s*[-+]?[0-9]")  # columns, indentation, rows of numbers


class MiniLM:
    """The embedded default: all-MiniLM-L6-v2 for English, int8, one thread; loaded at first use.

    Args:
        folder: where the model, its tokenizer and provenance.json are; None: inside this package.
    """

    def __init__(self, folder: str | os.PathLike[str] | None = None) -> None:
        self._folder = _MODEL if folder is None else Path(folder)
        self._lock = threading.Lock()
        self._engine: _Engine | None = None

    @cached_property
    def _provenance(self) -> "_Provenance":
        path = self._folder / "provenance.json"
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            files = data["files"]
            return _Provenance(
                str(files[_ONNX]), str(files[_TOKENIZER]), int(data["dimension"]), int(data["max_tokens"])
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise EmbedderError(f"{path}: missing or damaged; reinstall seglam") from error

    @property
    def fingerprint(self) -> str:
        """See Embedder. Raises EmbedderError when provenance.json is missing or damaged."""
        made = self._provenance
        return f"minilm:l6-int8:{made.dimension}:{short_hash(made.onnx.encode(), made.tokenizer.encode())}"

    @property
    def dimension(self) -> int:
        """See Embedder. Raises EmbedderError when provenance.json is missing or damaged."""
        return self._provenance.dimension

    def embed(self, texts: Sequence[str]) -> Vectors:
        """See Embedder; what lies beyond the model's maximum is cut, which is why ``covers`` refuses it.

        Raises:
            EmbedderError: a file of the model is missing or not the one that was shipped.
        """
        vectors = np.empty((len(texts), self.dimension), dtype=np.float32)
        engine = self._load()
        for row, text in enumerate(texts):  # one by one: int8 scales span a batch, so a row would depend on the others
            vectors[row] = engine.embed(text[:MAX_CHARS])
        return vectors

    def covers(self, text: str) -> bool:
        """See Embedder: Latin script only, no piece unknown, nothing cut. Raises EmbedderError like ``embed``."""
        return sound(text) and _english_can_show(text) and self._load().reads(text)

    def _load(self) -> "_Engine":
        with self._lock:
            if self._engine is None:
                self._engine = _Engine.load(self._folder, self._provenance)
            return self._engine


@dataclass(frozen=True, slots=True)
class _Provenance:
    onnx: str
    tokenizer: str
    dimension: int
    max_tokens: int


@dataclass(frozen=True, slots=True)
class _Engine:
    """MiniLM loaded: one session and one tokenizer, neither changed after loading, so threads may share them."""

    session: Any
    tokenizer: Any
    unknown: int
    max_tokens: int

    @classmethod
    def load(cls, folder: Path, made: _Provenance) -> "_Engine":
        for name, expected in ((_ONNX, made.onnx), (_TOKENIZER, made.tokenizer)):
            if _file_hash(folder / name) != expected:
                raise EmbedderError(f"{folder / name}: not the file that was shipped (its sha256 differs)")
        from tokenizers import Tokenizer

        onnxruntime = importlib.import_module("onnxruntime")  # it has no type stubs
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            # From the path, not from bytes: the bytes would stay in memory beside the session (23 MB).
            session = onnxruntime.InferenceSession(folder / _ONNX, options, providers=["CPUExecutionProvider"])
            tokenizer = Tokenizer.from_file(str(folder / _TOKENIZER))
            unknown = tokenizer.get_vocab()["[UNK]"]
        except Exception as error:
            raise EmbedderError(f"{folder}: the model does not load: {error}") from error
        tokenizer.no_truncation()  # else a cut text could not be told from a whole one
        tokenizer.no_padding()
        tokenizer.encode_special_tokens = True  # a typed "[SEP]" or "[MASK]" is text
        return cls(session, tokenizer, unknown, made.max_tokens)

    def embed(self, text: str) -> Vectors:
        ids: list[int] = self.tokenizer.encode(text.encode("utf-8", "replace").decode("utf-8")).ids
        if len(ids) > self.max_tokens:
            ids = [*ids[: self.max_tokens - 1], ids[-1]]
        vector: Vectors = self.session.run(None, {"input_ids": np.array([ids], dtype=np.int64)})[0][0]
        return vector

    def reads(self, text: str) -> bool:
        ids: list[int] = self.tokenizer.encode(text).ids
        return len(ids) <= self.max_tokens and self.unknown not in ids


def sound(text: str) -> bool:
    """Whether any model could read the text as it stands: words in it, no hidden characters, no meaning in its layout.

    Tokenizers drop control and unassigned characters, and fold white space; rows of numbers, indented code and tables
    that differ only there would be equal to them.
    """
    if len(text) > MAX_CHARS or _LAYOUT.search(text.strip()):
        return False
    characters = set(text)
    hidden = any(unicodedata.category(char) in ("Cc", "Cs", "Co", "Cn") for char in characters - {"\n", "\r", "\t"})
    return not hidden and any(char.isalpha() for char in characters)


def _english_can_show(text: str) -> bool:
    """Whether the pieces of an uncased English model can tell the text from another: Latin letters, plain signs."""
    return text.isascii() or all(char.isascii() or _shown(char) for char in set(unicodedata.normalize("NFC", text)))


def _shown(char: str) -> bool:
    category = unicodedata.category(char)
    if category[0] == "L":  # Vietnamese tones are words, and the model drops them with the other accents
        return unicodedata.name(char, "").startswith("LATIN ") and not "\u1ea0" <= char <= "\u1ef9"
    if category[0] in "MC" or category in ("Nd", "Zl", "Zp") or char == "\ufffd":
        return False  # marks left alone (struck-through letters), invisible signs, digits of other scripts
    return unicodedata.normalize("NFD", char) == char  # "≠" is "=" and a mark that the model drops


def short_hash(*parts: bytes) -> str:
    """16 hex digits of the sha256 of the parts."""
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def _file_hash(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise EmbedderError(f"{path}: cannot be read: {error}") from error
