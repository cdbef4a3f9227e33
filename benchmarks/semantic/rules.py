"""Other caches' rules, over the vectors that seglam uses: what counts as a hit there.

GPTCache 0.1.44: SearchDistanceEvaluation with threshold 0.8, squared distance at most 0.8 of unit vectors, so cosine >= 0.6.
RedisVL 0.28: cosine distance at most 0.1; langchain-redis 0.2.6: 0.2. A plain cache: cosine >= 0.92 or 0.95. Each answers
with the nearest question, and looks at nothing else.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from seglam.index import Vector
from seglam.minilm import MiniLM

RULES: Final = {
    "GPTCache default": 0.60,
    "langchain-redis default": 0.80,
    "RedisVL default": 0.90,
    "plain 0.92": 0.92,
    "plain 0.95": 0.95,
}
"""Least cosine by rule."""


class Nearest:
    """The nearest of some texts by cosine.

    Args:
        texts: what is stored.
        embedder: the embedded model.
    """

    def __init__(self, texts: Sequence[str], embedder: MiniLM) -> None:
        self.texts = list(texts)
        self._embedder = embedder
        self._matrix = vectors(self.texts, embedder)

    def find(self, text: str) -> tuple[int, float]:
        """Position and cosine of the nearest."""
        scores = self._matrix @ vectors([text], self._embedder)[0]
        best = int(np.argmax(scores))
        return best, float(scores[best])


def vectors(texts: Sequence[str], embedder: MiniLM) -> Vector:
    """Unit vectors, one a row, shape (n, 384)."""
    return np.vstack([np.asarray(embedder.embed([text]), dtype=np.float32) for text in texts])
