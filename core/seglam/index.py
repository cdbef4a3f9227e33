"""The vectors, as a view of the store: FAISS indexes, one for each scope, so that no scope can crowd out another's neighbours.

FAISS ids are row ids. What a search returns counts only after its row is read again, so an id that outlived its row is
harmless; the owner removes it when it notices.
"""

import contextlib
import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seglam.errors import ConfigurationError

Vector = NDArray[np.float32]
Scope = tuple[str, str, str]


class ScopedIndex:
    """Exact cosine search over half-precision unit vectors, by scope. Safe to share between threads.

    Args:
        dimension: length of every vector.
    """

    def __init__(self, dimension: int) -> None:
        if dimension < 1:
            raise ConfigurationError(f"dimension: expected at least 1, got {dimension}")
        self.dimension = dimension
        self._lock = threading.Lock()  # FAISS allows concurrent searches, but none beside an add or a removal
        self._parts: dict[Scope, Any] = {}
        self._home: dict[int, Scope] = {}

    def __len__(self) -> int:
        return len(self._home)

    def ids(self) -> list[int]:
        """All ids, ascending."""
        with self._lock:
            return sorted(self._home)

    def add(self, rows: Iterable[tuple[int, Scope, Vector]]) -> int:
        """Add vectors of shape (dimension,), length 1; ids that are known already are left as they are.

        Returns:
            How many were added.
        """
        groups: dict[Scope, tuple[list[int], list[Vector]]] = {}
        with self._lock:
            for row_id, scope, vector in rows:
                if row_id not in self._home:
                    self._home[row_id] = scope
                    ids, vectors = groups.setdefault(scope, ([], []))
                    ids.append(row_id)
                    vectors.append(vector)
            for scope, (ids, vectors) in groups.items():
                if scope not in self._parts:
                    self._parts[scope] = _flat(self.dimension)
                matrix = np.ascontiguousarray(np.vstack(vectors), dtype=np.float32)
                self._parts[scope].add_with_ids(matrix, np.asarray(ids, dtype=np.int64))
        return sum(len(ids) for ids, _ in groups.values())

    def search(self, scope: Scope, vector: Vector, k: int) -> list[tuple[int, float]]:
        """The k nearest of this scope as (id, cosine), best first; fewer where the scope holds fewer."""
        with self._lock:
            part = self._parts.get(scope)
            if part is None:
                return []
            with _one_thread():
                scores, ids = part.search(np.ascontiguousarray(vector, dtype=np.float32).reshape(1, -1), k)
        return [(int(i), float(s)) for i, s in zip(ids[0], scores[0], strict=True) if i != -1]  # -1: none

    def remove(self, ids: Sequence[int]) -> int:
        """Remove ids, in one pass for each scope (a removal costs a scan); unknown ids are passed over."""
        with self._lock:
            groups: dict[Scope, list[int]] = {}
            for row_id in ids:
                scope = self._home.pop(row_id, None)
                if scope is not None:
                    groups.setdefault(scope, []).append(row_id)
            for scope, gone in groups.items():
                part = self._parts[scope]
                part.remove_ids(np.asarray(gone, dtype=np.int64))
                if part.ntotal == 0:
                    del self._parts[scope]
        return sum(len(gone) for gone in groups.values())


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """A parallel search waits for its slowest thread, which on busy cores may take longer than the search itself."""
    import faiss

    before = faiss.omp_get_max_threads()  # of this thread only: the application's own use of FAISS is left as it was
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


def _flat(dimension: int) -> Any:
    import faiss  # 60 ms: only an application that compares by meaning pays for it

    quantizer = faiss.IndexScalarQuantizer(dimension, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
    return faiss.IndexIDMap2(quantizer)


def pack(vector: Vector) -> bytes:
    """A vector as the store keeps it: little-endian half precision."""
    return np.asarray(vector, dtype="<f2").tobytes()


def unpack(blob: bytes) -> Vector:
    """The vector that ``pack`` wrote, shape (dimension,)."""
    return np.frombuffer(blob, dtype="<f2").astype(np.float32)
