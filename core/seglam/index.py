"""The vectors, as a view of the store: FAISS indexes by scope, so that no scope can crowd out another's neighbours.

What a search returns counts only after its row is read again, so an id that outlived its row is harmless; the owner removes
it when it notices. A part of many vectors is searched approximately: its scores are to be taken again from the rows.

Adding and removing are cheap: new vectors join a flat tail, and removed ones stay as tombstones that searches pass over. What
costs time (training, moving vectors to their lists, sweeping tombstones) is ``settle``, for a thread beside the application: it
holds the lock for some milliseconds at a time, and every vector is in exactly one place whenever the lock is free.
"""

import logging
import math
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from seglam.errors import ConfigurationError
from seglam.segments import Flat, Inverted, Matrix, Numbers, Part, Scope, one_thread

logger = logging.getLogger("seglam")

Vector = NDArray[np.float32]
Record = tuple[dict[str, Any], dict[str, NDArray[Any]]]
"""What a snapshot is made of: a few plain values, and arrays."""

LIMIT: Final = 8_000
"""Vectors of a scope that are searched exactly: so many take 0.1 to 0.4 ms, by the machine."""

_CHUNK: Final = 64_000  # vectors of a flat segment; from 32 MB on an allocator gives memory back when it is freed
_STEP: Final = 4_000  # vectors that join lists while the lock is held
_TAIL: Final = 1_000  # new vectors beside the lists before they are moved there: 0.05 ms of each search
_GROWN: Final = 4  # times as many vectors as the lists were made for: then they are too long
_SPARE: Final = 8  # asked for beyond k, in the place of tombstones
_DEAD: Final = 64  # tombstones that are always borne
_LISTS: Final = 64  # lists in one record of a snapshot, and lists swept at a time
_NONE: Final = -1


class ScopedIndex:
    """Cosine search over unit vectors, by scope: exact to ``limit`` vectors of a scope, approximate beyond once settled.

    Safe to share between threads. Ids are any whole numbers of 64 bits but -1.

    Args:
        dimension: length of every vector.
        limit: vectors of one scope from which ``settle`` makes inverted lists.
    """

    def __init__(self, dimension: int, *, limit: int = LIMIT) -> None:
        if dimension < 1:
            raise ConfigurationError(f"dimension: expected at least 1, got {dimension}")
        if limit < 1:
            raise ConfigurationError(f"limit: expected at least 1, got {limit}")
        self.dimension = dimension
        self._limit = limit
        self._lock = threading.Lock()  # FAISS allows concurrent searches, but none beside an add or a removal
        self._upkeep = threading.RLock()  # whoever moves vectors; taken before the other
        self._parts: dict[Scope, Part] = {}
        self._touched: set[Part] = set()  # what to look at for upkeep: there may be as many scopes as users
        self._slot: dict[int, int] = {}
        self._ids: Numbers = np.full(64, _NONE, dtype=np.int64)  # by slot; -1 where it is free, or a tombstone
        self._home: list[Part | None] = [None] * 64
        self._free = list(range(63, -1, -1))

    def __len__(self) -> int:
        return len(self._slot)

    def ids(self) -> list[int]:
        """All ids, ascending."""
        with self._lock:
            return sorted(self._slot)

    def scope(self, number: int) -> Scope | None:
        """The scope that an id is in; None for an unknown one."""
        with self._lock:
            slot = self._slot.get(number)
            part = None if slot is None else self._home[slot]
            return None if part is None else part.scope

    # -- adding, searching, removing ----------------------------------------------------------------------------------

    def add(self, rows: Iterable[tuple[int, Scope, Vector]]) -> int:
        """Add vectors of shape (dimension,), length 1; see ``extend``."""
        found = list(rows)
        if not found:
            return 0
        return self.extend([row[0] for row in found], [row[1] for row in found], np.vstack([row[2] for row in found]))

    def extend(self, ids: Sequence[int], scopes: Sequence[Scope], matrix: Matrix) -> int:
        """Add the rows of a matrix (n, dimension); ids known already are left as they are, vectors not finite left out.

        Returns:
            How many were added.
        """
        matrix = np.ascontiguousarray(matrix, dtype=np.float32)
        sound = np.atleast_1d(np.isfinite(matrix).all(axis=1))
        with self._lock, one_thread():
            groups: dict[Scope, dict[int, int]] = {}
            for place, (number, scope) in enumerate(zip(ids, scopes, strict=True)):
                if number not in self._slot and number != _NONE and sound[place]:
                    groups.setdefault(scope, {}).setdefault(number, place)
            for scope, places in groups.items():
                part = self._parts.get(scope)
                if part is None:
                    part = self._parts[scope] = Part(scope, self.dimension)
                slots = self._take(list(places), part)
                self._append(part, slots, matrix[list(places.values())])
        return sum(len(places) for places in groups.values())

    def _append(self, part: Part, slots: Numbers, matrix: Matrix) -> None:
        done = 0
        while done < len(slots):
            room = _CHUNK - len(part.flats[-1])
            if room <= 0:
                part.flats[-1] = part.flats[-1].compact()
                part.flats.append(Flat(self.dimension))
                continue
            part.flats[-1].add(slots[done : done + room], np.ascontiguousarray(matrix[done : done + room]))
            done += room

    def _take(self, ids: Sequence[int], part: Part) -> Numbers:
        """A free slot for each id."""
        if not ids:
            return np.empty(0, dtype=np.int64)
        size, wanted = len(self._home), len(ids) - len(self._free)
        if wanted > 0:
            more = max(size, wanted)
            self._ids = np.concatenate([self._ids, np.full(more, _NONE, dtype=np.int64)])
            self._home.extend([None] * more)
            self._free[:0] = range(size + more - 1, size - 1, -1)
        slots = self._free[-len(ids) :][::-1]
        del self._free[-len(ids) :]
        for number, slot in zip(ids, slots, strict=True):
            self._slot[number] = slot
            self._home[slot] = part
        numbers = np.asarray(slots, dtype=np.int64)
        self._ids[numbers] = ids
        part.alive += len(ids)
        self._touched.add(part)
        return numbers

    def search(self, scope: Scope, vector: Vector, k: int) -> list[tuple[int, float]]:
        """The k nearest of this scope as (id, cosine), best first; fewer where the scope holds fewer."""
        row = np.ascontiguousarray(vector, dtype=np.float32).reshape(1, -1)
        if row.shape[1] != self.dimension or not math.isfinite(float(row[0] @ row[0])):
            return []
        with self._lock:
            part = self._parts.get(scope)
            if part is None:
                return []
            more = min(part.dead, _SPARE)
            while True:
                scores, slots = part.search(row, k + more)
                held = self._ids[slots].tolist()  # the last one for slot -1, which is none
                pairs = zip(held, slots.tolist(), scores.tolist(), strict=True)
                living = [(number, score) for number, slot, score in pairs if slot >= 0 and number != _NONE]
                full = len(slots) >= k + more and slots[-1] >= 0  # else there is nothing more to be found
                if more >= part.dead or not full or len(living) >= k:
                    return living[:k]
                more = min(8 * more, part.dead)

    def remove(self, ids: Iterable[int]) -> int:
        """Remove ids; unknown ones are passed over. What they took is free after ``settle``."""
        count = 0
        with self._lock:
            for number in ids:
                slot = self._slot.pop(number, None)
                part = None if slot is None else self._home[slot]
                if slot is None or part is None:
                    continue
                self._ids[slot] = _NONE
                part.alive -= 1
                part.dead += 1
                count += 1
                self._touched.add(part)
                if part.alive == 0:
                    self._drop(part)
        return count

    def _drop(self, part: Part) -> None:
        part.gone = True
        self._touched.discard(part)
        del self._parts[part.scope]
        self._release(part, part.slots())

    def _release(self, part: Part, slots: Numbers) -> None:
        for slot in slots.tolist():
            self._home[slot] = None
            self._free.append(slot)
        part.dead -= len(slots)

    # -- upkeep -------------------------------------------------------------------------------------------------------

    def due(self) -> bool:
        """Whether ``settle`` has something to do."""
        return self._next() is not None

    def _next(self) -> tuple[Part, str] | None:
        with self._lock:
            for part in list(self._touched):
                if work := self._wants(part):
                    return part, work
                self._touched.discard(part)
        return None

    def _wants(self, part: Part) -> str:
        if part.dead > _DEAD + part.alive // 4:
            return "sweep"
        if len(part.inverted) > 1:
            return "gather"
        if part.alive >= max(self._limit, 2 * part.refused, _GROWN * part.trained):
            return "train"
        if part.inverted and sum(len(flat) for flat in part.flats) >= min(_TAIL, self._limit):
            return "move"
        return ""

    def settle(self, stop: Callable[[], bool] = lambda: False) -> None:
        """Do what is due: sweep tombstones, make inverted lists, move new vectors there. One thread at a time.

        Args:
            stop: asked between steps of at most a few seconds; what is left then is due again.
        """
        works = {"sweep": self._sweep, "gather": self._gather, "train": self._train, "move": self._move}
        with self._upkeep, one_thread():
            while not stop() and (due := self._next()):
                part, work = due
                works[work](part, stop)

    def _train(self, part: Part, stop: Callable[[], bool]) -> None:
        with self._lock:
            count, old = part.alive, list(part.inverted)
        lists = Inverted.lists_for(count)
        try:
            sample = self._sample(part, Inverted.sample_for(lists))
            new = Inverted.train(sample, min(lists, len(sample)), old[-1].span if old else None, stop)
        except Exception as error:
            logger.warning("an index of %d vectors stays flat: training failed (%s)", count, type(error).__name__)
            part.refused = count
            return
        if new is None:
            return
        with self._lock:
            part.inverted.append(new)
            part.trained = count

    def _sample(self, part: Part, count: int) -> Matrix:
        """Vectors from everywhere in a part, about ``count``."""
        with self._lock:
            flats, step = list(part.flats), max(1, (part.alive + part.dead) // count)
        found = [
            one.decode(codes[::step])
            for one in part.inverted
            for number in range(one.lists)
            if len(codes := one.take(number)[1])
        ]
        for flat in flats:
            with self._lock:
                found.append(flat.vectors()[::step].copy())  # a view would keep the whole
        return np.ascontiguousarray(np.concatenate(found))

    def _gather(self, part: Part, stop: Callable[[], bool]) -> None:
        """Move the vectors of the oldest lists to the newest; what is left when told to stop is found where it is."""
        old, new = part.inverted[0], part.inverted[-1]
        for first in range(0, old.lists, _LISTS):
            if stop():
                return
            numbers = range(first, min(first + _LISTS, old.lists))
            taken = [old.take(number) for number in numbers]
            slots = np.concatenate([slots for slots, _ in taken])
            if not len(slots):
                continue
            matrix = old.decode(np.concatenate([codes for _, codes in taken]))
            homes = new.assign(matrix)
            with self._lock:
                new.add(slots, matrix, homes)
                for number, arrays in zip(numbers, taken, strict=True):
                    old.put(number, arrays[0][:0], arrays[1][:0])
        with self._lock:
            part.inverted.remove(old)

    def _move(self, part: Part, stop: Callable[[], bool]) -> None:
        """Move what is in flat segments to the newest lists."""
        with self._lock:
            sealed = list(part.flats)
            part.flats.append(Flat(self.dimension))
        new = part.inverted[-1]
        for flat in sealed:
            if stop():
                return
            while len(flat) and not stop():
                slots, matrix = flat.last(_STEP)
                homes = new.assign(matrix)
                with self._lock:
                    new.add(slots, matrix, homes)
                    flat.remove(slots)
            if not len(flat):
                with self._lock:
                    part.flats.remove(flat)

    def _sweep(self, part: Part, stop: Callable[[], bool]) -> None:
        """Drop the tombstones of a part."""
        for flat in list(part.flats):
            with self._lock:
                if flat not in part.flats:  # full by now, and replaced
                    continue
                slots = flat.slots()
                dead = slots[self._ids[slots] == _NONE]
                flat.remove(dead)
                self._free_of(part, dead)
        for one in part.inverted:
            for number in range(one.lists):
                if stop():
                    return
                with self._lock:
                    slots, codes = one.take(number)
                    living = self._ids[slots] != _NONE
                    if not living.all():
                        one.put(number, slots[living], codes[living])
                        self._free_of(part, slots[~living])

    def _free_of(self, part: Part, slots: Numbers) -> None:
        if not part.gone:  # else they were released already, and may be another's
            self._release(part, slots)

    # -- snapshots ----------------------------------------------------------------------------------------------------

    def records(self) -> Iterator[Record]:
        """Everything that is in the index, for ``restore``; what changes meanwhile may be in it or not."""
        with self._upkeep:  # nothing moves, so nothing is met twice or missed
            with self._lock:
                parts = list(self._parts.values())
            for part in parts:
                with self._lock:
                    flats = list(part.flats)
                yield {"kind": "part", "scope": list(part.scope), "trained": part.trained}, {}
                for one in part.inverted:
                    yield {"kind": "inverted"}, {"centroids": one.centroids, "span": one.span}
                    for first in range(0, one.lists, _LISTS):
                        yield self._lists(one, range(first, min(first + _LISTS, one.lists)))
                for flat in flats:
                    with self._lock:
                        ids, matrix = self._ids[flat.slots()], flat.vectors()
                    living = ids != _NONE
                    yield {"kind": "flat"}, {"ids": ids[living], "vectors": matrix[living].astype("<f2")}

    def _lists(self, one: Inverted, numbers: range) -> Record:
        sizes, ids, codes = [], [], []
        for number in numbers:
            slots, held = one.take(number)
            with self._lock:
                names = self._ids[slots]
            living = names != _NONE
            sizes.append(int(np.count_nonzero(living)))
            ids.append(names[living])
            codes.append(held[living])
        arrays = {"sizes": np.array(sizes, np.int64), "ids": np.concatenate(ids), "codes": np.concatenate(codes)}
        return {"kind": "lists", "first": numbers.start}, arrays

    def restore(self, records: Iterable[Record]) -> None:
        """Fill an empty index with what ``records`` gave.

        Raises:
            Exception: of any kind, where they are not such records; the index is then of no use.
        """
        part: Part | None = None
        for values, arrays in records:
            if values["kind"] == "part":
                scope = (str(values["scope"][0]), str(values["scope"][1]), str(values["scope"][2]))
                part = self._parts[scope] = Part(scope, self.dimension)
                part.trained = int(values["trained"])
                continue
            assert part is not None
            with self._lock, one_thread():
                if values["kind"] == "inverted":
                    part.inverted.append(Inverted(arrays["centroids"], arrays["span"]))
                    continue
                slots = self._take(self._new(arrays["ids"]), part)
                if values["kind"] == "flat":
                    self._append(part, slots, np.ascontiguousarray(arrays["vectors"], dtype=np.float32))
                    continue
                ends = np.cumsum(arrays["sizes"]).tolist()
                for number, end in enumerate(ends, int(values["first"])):
                    here = slice(end - int(arrays["sizes"][number - int(values["first"])]), end)
                    part.inverted[-1].put(number, slots[here], arrays["codes"][here])

    def _new(self, ids: NDArray[Any]) -> list[int]:
        found: list[int] = ids.tolist()
        if len(set(found)) != len(found) or not self._slot.keys().isdisjoint(found):
            raise ValueError("an id is there twice")
        return found


def pack(vector: Vector) -> bytes:
    """A vector as the store keeps it: little-endian half precision."""
    return np.asarray(vector, dtype="<f2").tobytes()


def unpack(blob: bytes) -> Vector:
    """The vector that ``pack`` wrote, shape (dimension,)."""
    return np.frombuffer(blob, dtype="<f2").astype(np.float32)
