"""What vectors lie in: flat half precision, which is exact, and inverted lists of single bytes, for many.

The entries are numbered by slots, which the index gives out. Nothing here locks: searches may run side by side, but none
beside a change.
"""

import contextlib
import math
from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]
Numbers = NDArray[np.int64]
Scope = tuple[str, str, str]

PROBES: Final = 16
"""Lists read by a search. Of 3,000 held-out real questions at 100,000 entries the nearest is among the 8 found for 99.95 % of
those with a cosine of 0.8 and more, for 99.4 % from 0.6 on; half as many lists: 99.85 % and 98.9 %."""

_ROUNDS: Final = 8  # of k-means; more moves no figure
_MARGIN: Final = 1.5
_PER_LIST: Final = 40  # training vectors; FAISS warns below 39
_BLOCK: Final = 4096  # vectors compared with all centroids at a time


class Flat:
    """Exact search over half-precision vectors (n, dimension)."""

    def __init__(self, dimension: int) -> None:
        import faiss  # 60 ms: only an application that compares by meaning pays for it

        self.dimension = dimension
        self._vectors = faiss.IndexScalarQuantizer(dimension, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
        self._index: Any = faiss.IndexIDMap(self._vectors)

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def add(self, slots: Numbers, matrix: Matrix) -> None:
        """Add vectors under slots that are not here yet."""
        self._index.add_with_ids(matrix, slots)

    def search(self, row: Matrix, k: int) -> tuple[Matrix, Numbers]:
        """Scores and slots of the k nearest to a row of shape (1, dimension); slot -1 where there are fewer."""
        with one_thread():
            scores, slots = self._index.search(row, k)
        return scores[0], slots[0]

    def remove(self, slots: Numbers) -> None:
        """Drop these slots: one scan."""
        self._index.remove_ids(slots)

    def compact(self) -> "Flat":
        """The same, without the room to grow that it got as it grew: up to as much again."""
        same = Flat(self.dimension)
        same.add(self.slots(), self.vectors())
        return same

    def last(self, count: int) -> tuple[Numbers, Matrix]:
        """Slots and vectors of the last ``count``: those that are removed without moving others."""
        first = max(0, len(self) - count)
        return self.slots()[first:], self._vectors.reconstruct_n(first, len(self) - first)

    def slots(self) -> Numbers:
        """The slot of every vector, in their order."""
        import faiss

        found: Numbers = faiss.vector_to_array(self._index.id_map).astype(np.int64)
        return found

    def vectors(self) -> Matrix:
        """All vectors, in the order of ``slots``."""
        found: Matrix = self._vectors.reconstruct_n(0, len(self))
        return found


class Inverted:
    """Approximate search: the vectors in lists around centroids, a byte for each component.

    Codes do not depend on the list, and are the same again when a decoded vector is encoded, so lists can be made anew
    without a growing error.

    Args:
        centroids: shape (lists, dimension), length 1.
        span: the least component and the width of all, which a byte divides.
    """

    def __init__(self, centroids: Matrix, span: Matrix) -> None:
        import faiss

        self.centroids, self.span = centroids, span
        count, dimension = centroids.shape
        self._coarse = faiss.IndexFlatIP(dimension)
        self._coarse.add(np.ascontiguousarray(centroids, dtype=np.float32))
        kind = faiss.ScalarQuantizer.QT_8bit_uniform
        self._index: Any = faiss.IndexIVFScalarQuantizer(
            self._coarse, dimension, count, kind, faiss.METRIC_INNER_PRODUCT, False
        )
        faiss.copy_array_to_vector(np.ascontiguousarray(span, dtype=np.float32), self._index.sq.trained)
        self._index.is_trained = True
        self._index.nprobe = min(PROBES, count)

    @classmethod
    def train(
        cls, sample: Matrix, lists: int, span: Matrix | None = None, stop: Callable[[], bool] = lambda: False
    ) -> "Inverted | None":
        """Lists around the centroids of a sample; None when ``stop`` said so meanwhile."""
        import faiss

        options = {"spherical": True, "min_points_per_centroid": 1, "max_points_per_centroid": len(sample), "seed": 1}
        means, centroids = faiss.Kmeans(sample.shape[1], lists, niter=1, **options), None
        for _ in range(_ROUNDS):  # one at a time: a run of minutes would keep the application from ending
            if stop():
                return None
            means.train(sample, init_centroids=centroids)
            centroids = means.centroids
        if span is None:
            # Wider than the sample: a component beyond it is cut, and its vector is found with too low a score.
            half = min(1.0, _MARGIN * float(np.abs(sample).max()))
            span = np.array([-half, 2 * half], dtype=np.float32)
        assert centroids is not None
        return cls(centroids, span)

    @staticmethod
    def lists_for(count: int) -> int:
        """How many lists so many vectors should have: centroids and members of the probed lists cost about the same."""
        return max(1, min(int(2 * math.sqrt(count)), count // 4))

    @staticmethod
    def sample_for(lists: int) -> int:
        """How many vectors so many lists are trained on."""
        return _PER_LIST * lists

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @property
    def lists(self) -> int:
        """How many lists there are."""
        return int(self._index.nlist)

    def search(self, row: Matrix, k: int) -> tuple[Matrix, Numbers]:
        """See Flat; near the truth, in scores and in what is found. One query is searched by one thread anyway."""
        scores, slots = self._index.search(row, k)
        return scores[0], slots[0]

    def assign(self, matrix: Matrix) -> Numbers:
        """The list that each vector belongs to."""
        blocks = [matrix[first : first + _BLOCK] for first in range(0, len(matrix), _BLOCK)]
        found = [self._coarse.search(block, 1)[1][:, 0] for block in blocks]
        return np.concatenate(found).astype(np.int64) if found else np.empty(0, np.int64)

    def add(self, slots: Numbers, matrix: Matrix, lists: Numbers) -> None:
        """Add vectors to the lists that ``assign`` named."""
        import faiss

        arrays = [np.ascontiguousarray(array) for array in (matrix, slots, lists)]
        self._index.add_core(len(slots), *map(faiss.swig_ptr, arrays))

    def take(self, number: int) -> tuple[Numbers, NDArray[np.uint8]]:
        """Slots and codes (n, dimension) of a list: a copy."""
        import faiss

        held = self._index.invlists
        count, width = held.list_size(number), held.code_size
        if not count:
            return np.empty(0, np.int64), np.empty((0, width), np.uint8)
        slots = faiss.rev_swig_ptr(held.get_ids(number), count).copy()
        return slots, faiss.rev_swig_ptr(held.get_codes(number), count * width).copy().reshape(count, width)

    def put(self, number: int, slots: Numbers, codes: NDArray[np.uint8]) -> None:
        """Make this the content of a list."""
        import faiss

        held = self._index.invlists
        self._index.ntotal += len(slots) - held.list_size(number)
        held.resize(number, 0)
        if len(slots):
            slots, codes = np.ascontiguousarray(slots), np.ascontiguousarray(codes)
            held.add_entries(number, len(slots), faiss.swig_ptr(slots), faiss.swig_ptr(codes))

    def decode(self, codes: NDArray[np.uint8]) -> Matrix:
        """The vectors of codes, to within half a step."""
        found: Matrix = self._index.sq.decode(np.ascontiguousarray(codes))
        return found


class Part:
    """The vectors of one scope: inverted lists (the old ones too, while new ones take over), then flat segments."""

    def __init__(self, scope: Scope, dimension: int) -> None:
        self.scope = scope
        self.inverted: list[Inverted] = []
        self.flats = [Flat(dimension)]
        self.alive = self.dead = self.trained = 0
        self.gone = False  # dropped from the index, perhaps while it was being settled
        self.refused = 0  # with so many vectors training failed; not again before they are twice as many

    def search(self, row: Matrix, k: int) -> tuple[Matrix, Numbers]:
        """See Flat, over all segments."""
        segments: list[Inverted | Flat] = [*self.inverted, *self.flats]
        found = [segment.search(row, k) for segment in segments if len(segment)]
        if not found:
            return np.empty(0, np.float32), np.empty(0, np.int64)
        if len(found) == 1:
            return found[0]
        scores, slots = (np.concatenate(columns) for columns in zip(*found, strict=True))
        best = np.argsort(-scores, kind="stable")[:k]
        return scores[best], slots[best]

    def slots(self) -> Numbers:
        """The slot of every vector, dead or alive."""
        lists = [part.take(number)[0] for part in self.inverted for number in range(part.lists)]
        return np.concatenate([*lists, *(flat.slots() for flat in self.flats)])


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """A parallel search waits for its slowest thread, which on busy cores may take longer than the search itself."""
    import faiss

    before: Any = (
        faiss.omp_get_max_threads()
    )  # of this thread only: the application's own use of FAISS is left as it was
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)
