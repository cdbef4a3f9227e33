"""The catalogue: index, snapshot and store agree, or the store decides."""

import contextlib
import logging
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from seglam import Request, Response, catalogue
from seglam.catalogue import Catalogue, EntryVectors
from seglam.index import pack
from seglam.store import Store

DIMENSION, MODEL = 16, "test/16"
SCOPE = Request("").scope


def unit(seed):
    """A random unit vector."""
    vector = np.random.default_rng(seed).standard_normal(DIMENSION).astype(np.float32)
    return vector / np.linalg.norm(vector)


def put(store, numbers, *, fingerprint=MODEL, vector=None):
    """Store the question of each number, with its vector."""
    for number in numbers:
        keep = {"vector": pack(unit(number)) if vector is None else vector, "fingerprint": fingerprint}
        store.put(Request(f"q{number}"), Response(f"a{number}"), kind="", now=1.0, lifetime=1e9, limit=10**9, **keep)


class Seen(EntryVectors):
    """The entries, and which rows were read in order."""

    def __init__(self, store):
        super().__init__(store, MODEL)
        self.read_rows = 0

    def rows(self, last):
        for some in super().rows(last):
            self.read_rows += len(some)
            yield some


@pytest.fixture
def store(path):
    """An open store."""
    opened = Store(path)
    yield opened
    assert opened.check() == []
    opened.close()


@pytest.fixture
def begin(store):
    """Makes catalogues that load in the background from the sixth row, save from the sixth and train from the fiftieth."""
    made = []

    def make(**options):
        source = Seen(store)
        made.append(Catalogue(store, MODEL, DIMENSION, sources=[source], **{"eager": 5, "limit": 50, **options}))
        made[-1].source = source
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def snapshot(path, monkeypatch):
    """Where the snapshot is; it is written at the slightest change."""
    monkeypatch.setattr(catalogue, "_SPARE", 0)
    return path.with_name(path.name + ".index")


def answers(made, store, numbers):
    """Which of the questions are found, with a score of (nearly) one, as their own rows."""
    index = made.settle()
    found = []
    for number in numbers:
        best = made.nearest(index, SCOPE, unit(number), 3, 0.99)
        if best and store.entry_by_id(best[0][0]).request.text == f"q{number}":
            assert best[0][1] == pytest.approx(1.0, abs=2e-3)
            found.append(number)
    return found


def test_a_small_store_is_there_at_once(store, begin):
    """Up to the limit rows are read where they are first needed; and later ones as they come."""
    made = begin()
    put(store, range(5))
    assert len(made.index(store.generation())) == 5
    put(store, range(5, 9))
    assert len(made.index(store.generation())) == 9


def test_a_big_store_is_read_beside_the_application(store, begin, monkeypatch):
    """Until it is read there is no index; nobody waits; then everything is found."""
    put(store, range(80))
    made, go = begin(), threading.Event()
    rows = made.source.rows
    monkeypatch.setattr(made.source, "rows", lambda last: go.wait(30) and rows(last))
    for _ in range(3):
        assert made.index(store.generation()) is None
    assert store.entry(Request("q7").key).response.text == "a7"
    go.set()
    assert answers(made, store, range(80)) == list(range(80))
    assert made.index(store.generation())._parts[SCOPE].inverted
    assert made.check() == []


def test_the_next_start_reads_only_what_is_new(store, begin, snapshot):
    """Vectors come from the snapshot, rows after it from the store, and what was erased from neither."""
    put(store, range(70))
    assert answers(begin(), store, range(70)) == list(range(70))
    assert snapshot.is_file()
    put(store, range(70, 75))
    store.forget_key(Request("q3").key)
    second = begin()
    assert len(second.settle()) == 74
    assert answers(second, store, range(75)) == [n for n in range(75) if n != 3]
    assert second.source.read_rows == 5
    assert second.check() == []


def damage(kind, file, store):
    """Do to a snapshot, or to the rows under it, what its name says."""
    data = bytearray(file.read_bytes())
    if kind == "gone":
        file.unlink()
    elif kind == "directory":
        file.unlink()
        file.mkdir()
    elif kind == "empty":
        file.write_bytes(b"")
    elif kind.startswith("cut"):
        file.write_bytes(data[: int(len(data) * float(kind[3:]))])
    elif kind.startswith("bit"):
        data[int(len(data) * float(kind[3:]))] ^= 4
        file.write_bytes(data)
    elif kind == "newer":
        file.write_bytes(data.replace(b"seglam index 1", b"seglam index 2"))
    elif kind == "rows":  # the vectors of the rows are others now, as after a restored backup
        with store.write() as connection:
            connection.exec_driver_sql("UPDATE entries SET vector = ? WHERE id > 3", (pack(unit(999)),))
    elif kind == "scope":
        with store.write() as connection:
            connection.exec_driver_sql("UPDATE entries SET vary = 'another'")


CUTS = ["cut0.01", "cut0.5", "cut0.999", "bit0.001", "bit0.3", "bit0.7", "bit0.9999"]


@pytest.mark.parametrize("kind", ["gone", "directory", "empty", *CUTS, "newer", "rows"])
def test_a_snapshot_that_is_not_right_is_made_up_for(store, begin, snapshot, kind, caplog):
    """Deleted, truncated, flipped, newer, or of other rows: a log line, and the index is made from the rows."""
    put(store, range(70))
    begin().settle()
    damage(kind, snapshot, store)
    made = begin()
    with caplog.at_level(logging.WARNING, "seglam"):
        found = answers(made, store, range(70))
    assert found == (list(range(3)) if kind == "rows" else list(range(70)))
    assert made.source.read_rows == 70
    assert ("snapshot is not used" in caplog.text) == (kind != "gone")
    assert made.check() == []


def test_rows_that_moved_to_another_scope_are_not_found_in_the_old_one(store, begin, snapshot):
    """A snapshot cannot carry an answer over to where it does not belong."""
    put(store, range(70))
    begin().settle()
    damage("scope", snapshot, store)
    made = begin()
    assert answers(made, store, range(70)) == []
    assert made.check() == []


def test_the_snapshot_of_another_file_is_not_believed(store, path, tmp_path, begin, snapshot, caplog):
    """A file deleted and made anew at its path, or a snapshot copied from elsewhere: row ids mean other rows."""
    put(store, range(100, 170))
    begin().settle()
    (tmp_path / "other").mkdir()
    other = Store(tmp_path / "other" / path.name)
    put(other, range(80))
    shutil.copy(snapshot, f"{other.path}.index")
    made = Catalogue(other, MODEL, DIMENSION, eager=5, limit=50)
    assert answers(made, other, range(80)) == list(range(80))
    assert "another file" in caplog.text
    made.close()
    other.close()


def test_a_restored_backup_has_its_own_rows(store, path, begin, snapshot):
    """A snapshot that is newer than the file under it hides nothing of what was stored since."""
    put(store, range(60))
    store.close()
    backup = path.with_name("backup")
    shutil.copy(path, backup)
    put(store, range(60, 90))
    begin().settle()
    store.close()
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    shutil.copy(backup, path)
    put(store, range(200, 230))
    made = begin()
    assert answers(made, store, range(60)) == list(range(60))
    assert answers(made, store, range(200, 230)) == list(range(200, 230))
    assert answers(made, store, range(60, 90)) == []
    assert made.check() == []


def test_the_snapshot_of_another_embedder_is_not_believed(store, begin, snapshot):
    """After a change of model nothing of the old space is left."""
    put(store, range(60))
    begin().settle()
    put(store, range(10), fingerprint="another/16")
    made = Catalogue(store, "another/16", DIMENSION, eager=5)
    assert answers(made, store, range(60)) == list(range(10))
    made.close()


@pytest.mark.parametrize(
    "blob", [pack(np.full(DIMENSION, np.nan)), pack(np.full(DIMENSION, 3.0)), bytes(32), b"abc", pack(unit(1)) * 2]
)
@pytest.mark.parametrize("count", [0, 3, 70])
def test_damaged_vectors_cost_their_own_hits_only(store, begin, blob, count, caplog):
    """NaN, wrong lengths and wrong sizes: reported once, never found, in nobody's way."""
    put(store, range(count))
    put(store, [1000, 1001], vector=blob)
    made = begin()
    assert answers(made, store, range(count)) == list(range(count))
    assert len(made.settle()) == count
    assert caplog.text.count("damaged") == 2


def test_a_vector_damaged_later_is_not_served(store, begin):
    """What is in the index counts only as far as the row still says so."""
    put(store, range(4))
    made = begin()
    index = made.settle()
    for blob, least in ((pack(np.full(DIMENSION, np.nan)), -1.0), (pack(unit(77)), 0.9)):
        with store.write() as connection:
            connection.exec_driver_sql("UPDATE entries SET vector = ? WHERE text = 'q2'", (blob,))
        row = store.entry(Request("q2").key).id
        assert row not in [number for number, _ in made.nearest(index, SCOPE, unit(2), 4, least)]


def test_a_row_in_another_scope_is_not_served(store, begin):
    """Where a row belongs is read from the row, as is all that counts."""
    put(store, range(4))
    made = begin()
    index = made.settle()
    with store.write() as connection:
        connection.exec_driver_sql("UPDATE entries SET vary = 'another' WHERE text = 'q2'")
    row = store.entry(Request("q2").key).id
    assert row not in [number for number, _ in made.nearest(index, SCOPE, unit(2), 4, -1.0)]


def test_scores_are_those_of_the_rows(store, begin):
    """Of lists too, to the last bit of the stored vector."""
    put(store, range(300))
    made = begin()
    index = made.settle()
    assert index._parts[SCOPE].inverted
    for seed in range(1000, 1050):
        for row, score in made.nearest(index, SCOPE, unit(seed), 8, 0.2):
            number = int(store.entry_by_id(row).request.text[1:])
            assert score == float(np.frombuffer(pack(unit(number)), "<f2").astype(np.float32) @ unit(seed))
            assert (row, score) in made.nearest(index, SCOPE, unit(seed), 8, score)  # at the threshold itself too


def test_erasing_takes_the_snapshot_along(store, begin, snapshot):
    """Vectors tell what was asked: what is forgotten leaves the disk, and the next snapshot does not have it."""
    put(store, range(70))
    made = begin()
    made.settle()
    before = snapshot.read_bytes()
    assert pack(unit(69)) in before or made._index._parts[SCOPE].inverted
    store.clear()
    made.erase()
    made.settle()
    assert not snapshot.exists()
    put(store, range(20, 40))
    assert answers(made, store, range(70)) == list(range(20, 40))
    assert made._index.ids() == [row[0] for rows in store.vectors(0, MODEL) for row in rows]


def test_the_cache_forgets_the_snapshot(open_cache, path):
    """Forgetting and clearing delete it, whether this process has an index or not."""
    for erase in (lambda cache: cache.clear(), lambda cache: cache.forget(Request("q"))):
        for looked in (False, True):
            cache = open_cache()
            cache.record(Request("q"), Response("x"))
            if looked:
                cache.lookup(Request("something else"))
            file = path.with_name(path.name + ".index")
            file.write_bytes(b"old")
            erase(cache)
            assert not file.exists()


def test_a_private_cache_writes_no_snapshot(snapshot):
    """Nothing is left in the directory of a cache in memory, nor beside it."""
    store = Store(":memory:")
    put(store, range(70))
    made = Catalogue(store, MODEL, DIMENSION, eager=5, limit=50)
    assert answers(made, store, range(70)) == list(range(70))
    assert {path.suffix for path in store.path.parent.iterdir()} <= {".db", ".db-wal", ".db-shm"}
    made.close()
    store.close()


def test_many_erased_rows_leave_the_index(store, begin, monkeypatch):
    """What other processes evict does not stay in memory for ever."""
    monkeypatch.setattr(catalogue, "_SPARE", 10)
    put(store, range(200))
    made = begin()
    made.settle()
    with store.write() as connection:
        connection.exec_driver_sql("DELETE FROM entries WHERE id > 100")
    made.index(store.generation())
    made.settle()
    assert len(made.settle()) == 100


def test_a_store_that_fails_in_the_background_is_a_miss(store, begin, monkeypatch, caplog):
    """The request path sees no exception; one log line, no attempt at every request, and care says what it is."""
    put(store, range(70))
    made, calls = begin(), []

    def fails(last):
        calls.append(last)
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(made.source, "rows", fails)
    for _ in range(5):
        assert made.index(store.generation()) is None
        made._upkeep.join()
    assert len(calls) == 1
    assert caplog.text.count("could not be brought up to date") == 1
    with pytest.raises(sqlite3.OperationalError):
        made.settle()


def test_a_snapshot_that_cannot_be_written_costs_nothing(store, begin, snapshot, caplog):
    """No place to write: reported, and everything is found."""
    snapshot.mkdir()
    put(store, range(70))
    assert answers(begin(), store, range(70)) == list(range(70))
    assert "could not be written" in caplog.text


def test_closing_ends_the_background(store, begin, snapshot, monkeypatch):
    """A load, a training or a snapshot under way ends, and leaves nothing half done."""
    put(store, range(70))
    made, inside, go = begin(), threading.Event(), threading.Event()
    rows = made.source.rows

    def slow(last):
        for some in rows(last):
            inside.set()
            go.wait(30)
            yield some

    monkeypatch.setattr(made.source, "rows", slow)
    made.index(store.generation())
    assert inside.wait(30)
    with ThreadPoolExecutor(1) as pool:
        closing = pool.submit(made.close)
        go.set()
        closing.result(timeout=30)
    assert made._upkeep._thread is None
    assert not list(snapshot.parent.glob("*.new"))
    assert made.index(store.generation()) is None


PROGRAM = """
    import sys
    import numpy as np
    from seglam import Request, Response, catalogue
    from seglam.catalogue import Catalogue
    from seglam.index import pack
    from seglam.store import Store
    catalogue._SPARE = 0
    def unit(seed):
        vector = np.random.default_rng(seed).standard_normal(16).astype(np.float32)
        return vector / np.linalg.norm(vector)
    store = Store(sys.argv[1])
    made = Catalogue(store, "test/16", 16, eager=5, limit=50)
    def put(number):
        store.put(Request(f"q{number}"), Response(f"a{number}"), kind="", now=1.0, lifetime=1e9, limit=10**9,
                  vector=pack(unit(number)), fingerprint="test/16")
"""


def start(code, *arguments):
    """A program beside this one."""
    text = textwrap.dedent(PROGRAM) + textwrap.dedent(code)
    return subprocess.Popen(
        [sys.executable, "-c", text, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_several_processes_share_one_file_and_one_snapshot(store, path, begin, snapshot):
    """Each finds at the end what all stored, while all of them train, write and read the snapshot."""
    code = """
        mine = range(1000 * int(sys.argv[2]), 1000 * int(sys.argv[2]) + 100)
        for number in mine:
            put(number)
            index = made.index(store.generation())
            if number % 20 == 0:
                index = made.settle()
                scope = Request("").scope
                assert made.nearest(index, scope, unit(number), 1, 0.99)[0][1] > 0.99
        made.close()
        store.close()
    """
    running = [start(code, path, number) for number in range(4)]
    errors = [process.communicate()[1] for process in running]
    assert [process.returncode for process in running] == [0] * 4, errors
    everything = [1000 * process + number for process in range(4) for number in range(100)]
    made = begin()
    assert answers(made, store, everything) == everything
    assert made.check() == []


@pytest.mark.skipif(os.name != "posix", reason="kill -9")
def test_kill_at_any_moment_loses_nothing(store, path, begin, snapshot):
    """Killed with -9 while storing, training and writing snapshots: the next process finds all that was confirmed."""
    code = """
        for number in range(int(sys.argv[2]), 10**6):
            put(number)
            made.index(store.generation())
            print(number, flush=True)
    """
    last = -1
    for round_ in range(4):
        process = start(code, path, last + 1)
        goal = last + 120
        while last < goal:
            last = int(process.stdout.readline())
        time.sleep(0.01 * round_)
        process.send_signal(signal.SIGKILL)
        rest = process.communicate()[0].split("\n")
        last = max([last, *(int(word) for word in rest[:-1])])
        with contextlib.suppress(OSError):  # a minute later
            snapshot.with_name(snapshot.name + ".new").unlink()
        made = begin()
        assert answers(made, store, range(last + 1)) == list(range(last + 1))
        assert made.check() == []
        made.close()
        last = max(last, *(int(r[0].request.text[1:]) for r in [[store.entry_by_id(store.entry_ids()[-1])]]))


def test_a_program_that_ends_in_the_middle_ends_well(store, path):
    """Not closed, with work under way in the background: the exit is clean, and soon."""
    put(store, range(70))
    code = """
        import threading, time
        rows = made._sources[0].rows
        begun = threading.Event()
        def slow(last):
            while True:
                begun.set()
                time.sleep(0.01)
                yield from rows(0)
        made._sources[0].rows = slow
        assert made.index(store.generation()) is None
        assert begun.wait(30)
        print("done", flush=True)
    """
    out, errors = start(code, path).communicate(timeout=60)
    assert (out, errors) == ("done\n", "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork.*:DeprecationWarning")
def test_a_forked_child_makes_an_index_of_its_own(store, path, begin, snapshot, monkeypatch):
    """A fork while the background is at work: both sides find everything."""
    put(store, range(70))
    made, inside, go = begin(), threading.Event(), threading.Event()
    rows = made.source.rows

    def slow(last):
        for some in rows(last):
            inside.set()
            go.wait(30)
            yield some

    monkeypatch.setattr(made.source, "rows", slow)
    assert made.index(store.generation()) is None
    assert inside.wait(30)
    child = os.fork()
    if child == 0:
        try:
            mine = Catalogue(store, MODEL, DIMENSION, eager=5, limit=50)
            os._exit(0 if answers(mine, store, range(70)) == list(range(70)) else 3)
        except BaseException:
            os._exit(4)
    go.set()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert answers(made, store, range(70)) == list(range(70))
