"""Snapshots: whole or refused, whatever happened to the file or its writer."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seglam import snapshot

RECORDS = [
    ({"kind": "head", "last": {"entries": 7}}, {}),
    ({"kind": "flat", "text": "배송 \u0000"}, {"ids": np.array([-5, 3, 2**62]), "vectors": np.ones((3, 4), "<f2")}),
    ({"kind": "lists"}, {"codes": np.arange(12, dtype=np.uint8).reshape(3, 4), "none": np.empty((0, 4), np.float32)}),
]


@pytest.fixture
def file(tmp_path):
    """Where a snapshot goes."""
    return tmp_path / "seglam.db.index"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The bytes of a snapshot, and a place for damaged ones."""
    place = tmp_path_factory.mktemp("snapshot") / "whole"
    assert snapshot.write(place, RECORDS)
    return place.read_bytes(), place.with_name("damaged")


def read(place):
    """The records of a file."""
    with snapshot.opened(place) as records:
        return list(records)


def test_what_was_written_is_read(file):
    """Values, and arrays with their kinds and shapes, empty ones too; nothing else is left in the directory."""
    assert snapshot.write(file, RECORDS)
    for (values, arrays), (found, held) in zip(RECORDS, read(file), strict=True):
        assert values == found
        assert arrays.keys() == held.keys()
        for name, array in arrays.items():
            assert (held[name].dtype, held[name].shape) == (array.dtype, array.shape)
            assert (held[name] == array).all()
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_every_truncation_is_refused(whole):
    """A file that lost its end, at any byte, is not read."""
    data, place = whole
    for size in range(len(data)):
        place.write_bytes(data[:size])
        with pytest.raises(ValueError, match=r"damaged|version"):
            read(place)


@given(st.data())
def test_every_changed_bit_and_every_added_byte_is_refused(whole, data):
    """No single change anywhere in the file passes, in its sum neither."""
    good, place = whole
    changed = bytearray(good)
    if data.draw(st.booleans()):
        changed[data.draw(st.integers(0, len(good) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    else:
        spot = data.draw(st.integers(0, len(good)))
        changed[spot:spot] = data.draw(st.binary(min_size=1, max_size=9))
    place.write_bytes(changed)
    with pytest.raises(ValueError, match=r"damaged|version"):
        read(place)


@given(st.binary(max_size=200))
def test_a_forged_file_raises_nothing_but_what_is_promised(whole, noise):
    """Even where the sum is right, what is no record raises ValueError, and allocates nothing that its file does not have."""
    place = whole[1]
    body = b"seglam index 1\n\0" + noise
    place.write_bytes(body + snapshot.hashlib.blake2b(body, digest_size=32).digest())
    try:
        read(place)
    except (ValueError, TypeError):
        return


def test_a_place_where_nothing_can_be_read(file):
    """No file, and a directory in its place, are told apart from damage."""
    with pytest.raises(FileNotFoundError):
        read(file)
    file.mkdir()
    with pytest.raises(OSError, match="directory"):
        read(file)


def test_a_writer_that_fails_leaves_the_old_file(file):
    """What goes wrong in the middle is raised; the file is the old one, and no other is left."""
    assert snapshot.write(file, RECORDS)

    def broken():
        yield RECORDS[0]
        raise MemoryError

    with pytest.raises(MemoryError):
        snapshot.write(file, broken())
    assert len(read(file)) == 3
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_one_writer_at_a_time_and_a_dead_one_is_replaced(file):
    """While another process writes, nothing is written; what a process left that died a minute ago is in nobody's way."""
    other = file.with_name(file.name + ".new")
    other.write_bytes(b"half")
    assert not snapshot.write(file, RECORDS)
    assert not file.exists()
    os.utime(other, (time.time() - 3600,) * 2)
    assert snapshot.write(file, RECORDS)
    assert len(read(file)) == 3
    assert not other.exists()


def test_a_writer_taken_for_dead_does_not_publish_the_others_file(file):
    """A writer that slept for minutes finds its file replaced, and leaves both files of the other alone."""
    other = file.with_name(file.name + ".new")

    def slow():
        yield RECORDS[0]
        other.unlink()
        other.write_bytes(b"the other's")

    assert not snapshot.write(file, slow())
    assert other.read_bytes() == b"the other's"
    assert not file.exists()


@pytest.mark.skipif(os.name != "posix", reason="kill -9")
def test_kill_while_writing_leaves_the_old_file(file):
    """A process killed with -9 at any moment of the writing leaves a whole snapshot, the old or the new one."""
    code = f"""
        import numpy as np
        from pathlib import Path
        from seglam import snapshot
        def records(number):
            yield {{"kind": "head", "number": number}}, {{}}
            for _ in range(40):
                print(number, flush=True)
                yield {{"kind": "flat"}}, {{"vectors": np.full((50_000,), number, np.float32)}}
        for number in range(10**6):
            Path({str(file) + ".new"!r}).unlink(missing_ok=True)
            snapshot.write(Path({str(file)!r}), records(number))
    """
    for moment in (90, 131, 177):
        process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True)
        for _ in range(moment):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        process.communicate()
        (head, _), *rest = read(file)
        assert len(rest) == 40
        assert all((arrays["vectors"] == head["number"]).all() for _, arrays in rest)
        assert {path.name for path in Path(file).parent.iterdir()} <= {file.name, file.name + ".new"}
