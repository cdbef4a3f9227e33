"""A file of arrays beside the database, from which an index starts faster. Never the truth: whoever reads it can do without.

    magic | record ... | blake2b of all before
    record: length of its header, header (JSON: values; name, dtype and shape of each array), the arrays

Readers check the sum before they believe a byte. Writers fill a file of another name and rename it, so whoever is killed at
any moment leaves the old file, or none.
"""

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Iterable, Iterator
from io import FileIO
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np

from seglam.index import Record

_MAGIC: Final = b"seglam index 1\n\0"
_SUM: Final = 32
_BLOCK: Final = 1 << 20
_STALE: Final = 60.0  # seconds without a write after which whoever began a file is taken to be dead
_DTYPES: Final = frozenset({"<i8", "<f4", "<f2", "|u1"})


def write(path: Path, records: Iterable[Record]) -> bool:
    """Put the records in a file in place of an older one; False while another process is writing it.

    Raises:
        OSError: it cannot be written; what was there is still there.
    """
    new = path.with_name(path.name + ".new")
    file = _begin(new)
    if file is None:
        return False
    try:
        with file:
            total = hashlib.blake2b(digest_size=_SUM)
            for block in _blocks(records):
                _put(file, block)
                total.update(block)
            _put(file, total.digest())  # no fsync: after a crash of the machine the sum is wrong, and the rows are read
            mine = os.fstat(file.fileno())
        if not os.path.samestat(mine, new.stat()):  # this thread slept so long that it was taken for dead
            return False
        new.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            new.unlink()
        raise
    return True


def _put(file: FileIO, block: Any) -> None:
    rest = memoryview(block)
    while rest:
        rest = rest[file.write(rest) :]


def _begin(new: Path) -> FileIO | None:
    """A new file, unbuffered: a forked child would write its copy of the buffer too."""
    try:
        return new.open("xb", buffering=0)
    except FileExistsError:
        with contextlib.suppress(FileNotFoundError):
            if abs(time.time() - new.stat().st_mtime) < _STALE:
                return None
            new.unlink()
    try:
        return new.open("xb", buffering=0)
    except FileExistsError:
        return None


def _blocks(records: Iterable[Record]) -> Iterator[Any]:
    yield _MAGIC
    for values, arrays in records:
        held: dict[str, Any] = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        shapes = [[name, array.dtype.str, list(array.shape)] for name, array in held.items()]
        header = json.dumps([values, shapes]).encode()
        yield len(header).to_bytes(8, "little")
        yield header
        for array in held.values():
            if array.size:  # a view of nothing cannot be cast
                yield memoryview(array).cast("B")


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Iterator[Record]]:
    """The records of a file.

    Raises:
        FileNotFoundError: there is none.
        OSError, ValueError: it cannot be read, is damaged, or was written by another version.
    """
    with path.open("rb") as file:
        end = os.fstat(file.fileno()).st_size - _SUM
        if end < len(_MAGIC) or file.read(len(_MAGIC)) != _MAGIC:
            raise ValueError("not a snapshot of this version")
        _check(file, end)
        file.seek(len(_MAGIC))
        yield _records(file, end)


def _check(file: BinaryIO, end: int) -> None:
    total = hashlib.blake2b(digest_size=_SUM)
    file.seek(0)
    left = end
    while left > 0 and (block := file.read(min(left, _BLOCK))):
        total.update(block)
        left -= len(block)
    if left or file.read(_SUM) != total.digest():
        raise ValueError("damaged")


def _records(file: BinaryIO, end: int) -> Iterator[Record]:
    while file.tell() < end:
        values, shapes = json.loads(_exactly(file, int.from_bytes(_exactly(file, 8, end), "little"), end))
        arrays = {}
        for name, kind, shape in shapes:
            if kind not in _DTYPES:
                raise ValueError("an array of a kind that is never written")
            dtype, size = np.dtype(kind), int(np.prod(shape, dtype=np.int64))
            data = _exactly(file, size * dtype.itemsize, end)
            arrays[name] = np.frombuffer(data, dtype=dtype).reshape(shape)
        yield values, arrays


def _exactly(file: BinaryIO, size: int, end: int) -> bytes:
    if not 0 <= size <= end - file.tell():
        raise ValueError("longer than its file")
    return file.read(size)
