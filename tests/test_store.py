"""The store: the only truth, never damaged."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import create_engine, inspect

from seglam import ConfigurationError, NewerSchemaError, NotACacheError, Request, Response, StoreAccessError, StoreError
from seglam.schema import MIGRATIONS, metadata
from seglam.store import Alias, Store


def put(store, text, answer="x", *, now=1.0, lifetime=1e9, limit=1000, **request):
    """Store an answer."""
    return store.put(Request(text, **request), Response(answer), kind="", now=now, lifetime=lifetime, limit=limit)


@pytest.fixture
def store(path):
    """An open store that is whole at the end."""
    opened = Store(path)
    yield opened
    assert opened.check() == []
    opened.close()


def test_what_was_put_is_found_again_by_another_process(store, path):
    """Text, answer, payload and usage survive, in any script."""
    request = Request("배송은 언제 오나요? ⟦x⟧", vary="v", engine="e", namespace="n")
    store.put(request, Response("답", {"a": ["é", 1]}), kind="faq", now=5.0, lifetime=10.0, limit=10)
    other = Store(path)
    entry = other.entry(request.key)
    other.close()
    assert (entry.response, entry.created, entry.expires, entry.request.kind) == (
        Response("답", {"a": ["é", 1]}),
        5.0,
        15.0,
        "faq",
    )


def test_a_new_answer_is_a_new_row_and_takes_the_aliases_with_it(store):
    """An id never means another answer; wordings accepted for the old answer are not served the new one."""
    first = put(store, "q", "old")
    alias = Alias(Request("q2").key, first.id, "q2", 0.95)
    store.flush(now=1.0, grace=0.0, uses={}, procedure_uses={}, new_aliases=[alias], counts={})
    assert store.entry(alias.key).response.text == "old"
    second = put(store, "q", "new")
    assert second.id > first.id
    assert store.entry(alias.key) is None
    assert store.entry(Request("q").key).response.text == "new"


def test_eviction_drops_the_least_recently_used(store):
    """The number of entries never passes the limit, and the used ones stay."""
    ids = [put(store, f"q{i}", now=float(i), limit=20).id for i in range(20)]
    store.flush(now=100.0, grace=0.0, uses={ids[0]: (1, 99.0)}, procedure_uses={}, new_aliases=[], counts={})
    put(store, "one more", now=100.0, limit=20)
    assert store.sizes()["entries"] <= 20
    assert store.entry_by_id(ids[0]) is not None
    assert store.entry_by_id(ids[1]) is None


def test_one_entry_fits_the_smallest_cache(store):
    """limit=1 keeps the newest."""
    put(store, "a", limit=1)
    put(store, "b", now=2.0, limit=1)
    assert store.entry(Request("b").key) is not None
    assert store.sizes()["entries"] == 1


def test_flush_adds_counts_and_drops_the_expired(store):
    """Counters add up over flushes; an expired row is erased with the next flush."""
    put(store, "old", lifetime=5.0)
    for _ in range(2):
        store.flush(
            now=10.0,
            grace=0.0,
            uses={},
            procedure_uses={},
            new_aliases=[],
            counts={("2026-11-21", "n", "hit.exact"): 3},
        )
    assert store.totals() == store.totals("n") == {"hit.exact": 6}
    assert store.totals("other") == {}
    assert store.sizes()["entries"] == 0


def test_generations_change_only_when_memory_would_be_wrong(store, path):
    """Inserting and counting leaves what is in memory right; deleting does not."""
    before = store.generation()
    put(store, "a")
    assert store.generation().entries == before.entries
    assert store.generation().version != before.version
    other = Store(path)
    other.clear()
    other.close()
    assert store.generation().entries > before.entries


def test_tables_are_what_the_migrations_make(store, path):
    """The Table objects, from which queries are built, describe the file exactly."""
    engine = create_engine(f"sqlite:///{path}")
    found = inspect(engine)
    assert set(found.get_table_names()) - {"sqlite_sequence"} == set(metadata.tables)
    for table in metadata.tables.values():
        assert {c["name"] for c in found.get_columns(table.name)} == {c.name for c in table.columns}
    engine.dispose()


def test_a_newer_file_is_refused_untouched(store, path):
    """A migration that this code does not know: clear error, same bytes."""
    with store.write() as connection:
        connection.exec_driver_sql("INSERT INTO migrations VALUES ('m999_future', 0)")
    store.close()
    before = path.read_bytes()
    with pytest.raises(NewerSchemaError, match="m999_future"):
        Store(path)
    assert path.read_bytes() == before
    with sqlite3.connect(path) as raw:  # so that the fixture's check sees a file that this version knows
        raw.execute("DELETE FROM migrations WHERE name = 'm999_future'")
    raw.close()


@pytest.mark.parametrize("content", [b"this is no database at all, " * 100, b"SQLite format 3\x00" + b"\xff" * 5000])
def test_a_file_that_is_no_database_is_refused_untouched(path, content):
    """Text files and damaged headers: clear error, same bytes, no litter beside them."""
    path.write_bytes(content)
    with pytest.raises(NotACacheError, match=str(path)):
        Store(path)
    assert path.read_bytes() == content
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_another_applications_database_is_refused_untouched(path):
    """Seglam never adds its tables to somebody else's file."""
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE customers (name TEXT)")
    other.close()
    before = path.read_bytes()
    with pytest.raises(NotACacheError, match="another application"):
        Store(path)
    assert path.read_bytes() == before


def test_a_damaged_page_is_an_error_or_a_finding_and_nothing_is_written(path):
    """Overwritten pages in the middle of a file are reported by check(); what was there is not made worse."""
    store = Store(path)
    for i in range(300):
        put(store, f"question {i} " * 20)
    store.close()
    data = bytearray(path.read_bytes())
    data[8192 : 8192 + 40960] = b"\xa5" * 40960
    path.write_bytes(data)
    try:
        damaged = Store(path)
    except StoreError:
        return
    assert damaged.check() != []
    damaged.close()


@pytest.mark.parametrize("bad", ["", None, 5])
def test_a_path_that_is_none_is_named(bad):
    """A wrong path argument is a ConfigurationError."""
    with pytest.raises(ConfigurationError, match="path"):
        Store(bad)


def test_places_that_cannot_hold_a_file_are_explained(tmp_path):
    """A missing directory, a directory instead of a file, and a place where nobody may write."""
    with pytest.raises(StoreAccessError, match="does not exist"):
        Store(tmp_path / "no" / "seglam.db")
    with pytest.raises(StoreAccessError, match="is a directory"):
        Store(tmp_path)
    if Path("/proc/self").exists():
        with pytest.raises(StoreAccessError, match="cannot be opened"):
            Store("/proc/seglam.db")


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_a_read_only_directory_is_explained(tmp_path):
    """As an ordinary user: the message says that the place cannot be written (root may write anywhere)."""
    closed = tmp_path / "closed"
    closed.mkdir()
    closed.chmod(0o555)
    code = f"""
        import os
        from seglam.errors import StoreAccessError
        from seglam.store import Store
        if os.getuid() == 0:  # after the imports: the ordinary user may not be able to read this Python installation
            os.setgid(65534); os.setuid(65534)
        try:
            Store({str(closed / "seglam.db")!r})
        except StoreAccessError as error:
            print("refused:", error)
    """
    for parent in closed.parents:  # an ordinary user must be able to reach the directory at all
        if parent.stat().st_uid == os.getuid() and Path(tempfile.gettempdir()) in parent.parents:
            parent.chmod(parent.stat().st_mode | 0o055)
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False)
    closed.chmod(0o755)
    assert done.stdout.startswith("refused:"), done.stderr


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_a_place_that_cannot_be_reached_is_explained(tmp_path):
    """A directory that the ordinary user may not enter is no reason for an error of the operating system."""
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    hidden.chmod(0o000)
    code = f"""
        import os
        from seglam.errors import StoreAccessError
        from seglam.store import Store
        if os.getuid() == 0:
            os.setgid(65534); os.setuid(65534)
        try:
            Store({str(hidden / "seglam.db")!r})
        except StoreAccessError as error:
            print("refused:", error)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False)
    hidden.chmod(0o755)
    assert done.stdout.startswith("refused:"), done.stderr


def test_memory_is_a_private_file_that_goes_away():
    """A cache opened as ":memory:" leaves nothing behind."""
    store = Store(":memory:")
    put(store, "q")
    folder = store.path.parent
    store.close()
    assert not folder.exists()


def test_kill_during_writes_loses_nothing_committed_and_damages_nothing(path):
    """A process killed with -9 in the middle of writing leaves a whole file that holds every answer it had confirmed."""
    code = f"""
        from seglam import Request, Response
        from seglam.store import Store
        store = Store({str(path)!r})
        for i in range(100000):
            store.put(Request(f"q{{i}}"), Response("x" * 500), kind="", now=1.0, lifetime=1e9, limit=10**6)
            print(i, flush=True)
    """
    for _ in range(3):
        path.unlink(missing_ok=True)
        process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 20
        confirmed = -1
        while confirmed < 50 and time.monotonic() < deadline:
            confirmed = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        rest = process.stdout.read().split()
        process.wait()
        process.stdout.close()
        confirmed = max([confirmed, *(int(word) for word in rest[:-1])])
        store = Store(path)
        assert store.check() == []
        assert all(store.entry(Request(f"q{i}").key) is not None for i in range(confirmed + 1))
        store.close()
        for suffix in ("-wal", "-shm"):
            Path(f"{path}{suffix}").unlink(missing_ok=True)


def test_processes_may_write_one_file_at_once(path):
    """Four processes open, migrate and write one new file together: no error, nothing lost."""
    code = """
        import sys
        from seglam import Request, Response
        from seglam.store import Store
        store = Store(sys.argv[1])
        for i in range(100):
            store.put(Request(f"{sys.argv[2]}-{i}"), Response("x"), kind="", now=1.0, lifetime=1e9, limit=10**6)
        store.close()
    """
    running = [
        subprocess.Popen([sys.executable, "-c", textwrap.dedent(code), str(path), str(n)], stderr=subprocess.PIPE)
        for n in range(4)
    ]
    errors = [process.communicate()[1] for process in running]
    assert [process.returncode for process in running] == [0] * 4, errors
    store = Store(path)
    assert store.sizes()["entries"] == 400
    assert store.check() == []
    store.close()


def test_a_read_sees_what_was_committed_before_it(store, path):
    """A connection kept from an earlier read shows no older state of the file, whether it had found a row or not."""
    assert store.entry(Request("q").key) is None
    other = Store(path)
    for answer in ("first", "second"):
        put(other, "q", answer)
        assert store.entry(Request("q").key).response.text == answer
    other.clear()
    assert store.entry(Request("q").key) is None
    other.close()


@pytest.fixture
def connections(monkeypatch):
    """What is opened and closed by hand, past SQLAlchemy; ``meet`` is called before each query."""
    seen = SimpleNamespace(opened=[], closed=[], meet=lambda: None)
    connect = sqlite3.connect

    class Cursor(sqlite3.Cursor):
        def execute(self, *args):
            seen.meet()
            return super().execute(*args)

    class Connection(sqlite3.Connection):
        def cursor(self):
            return super().cursor(Cursor)

        def close(self):
            seen.closed.append(self)
            super().close()

    def opens(*args, **options):
        seen.opened.append(connect(*args, **options, factory=Connection))
        return seen.opened[-1]

    monkeypatch.setattr(sqlite3, "connect", opens)
    return seen


def test_many_readers_leave_few_connections_and_none_after_closing(store, connections):
    """Threads that read at once have a connection each; some are kept and used again, until the store is closed."""
    put(store, "q")
    connections.opened.clear()
    key, connections.meet = Request("q").key, threading.Barrier(20, timeout=30).wait
    with ThreadPoolExecutor(20) as pool:
        found = [*pool.map(store.entry, [key] * 20)]
    assert all(entry is not None for entry in found)
    connections.meet = lambda: None
    mine = connections.opened[:]
    assert len(mine) == 20
    assert 0 < len({*mine} - {*connections.closed}) <= 8
    assert store.entry(key) is not None
    assert connections.opened == mine
    store.close()
    assert {*mine} <= {*connections.closed}


def test_a_read_under_way_while_the_store_is_closed_leaves_no_connection(store, connections):
    """Closing does not disturb a read in another thread, and that thread keeps nothing open."""
    put(store, "q")
    connections.opened.clear()
    inside, closed = threading.Event(), threading.Event()

    def meet():
        inside.set()
        assert closed.wait(30)

    connections.meet = meet
    with ThreadPoolExecutor(1) as pool:
        found = pool.submit(store.entry, Request("q").key)
        assert inside.wait(30)
        connections.meet = lambda: None
        store.close()
        closed.set()
        assert found.result() is not None
    assert len(connections.opened) == 1
    assert connections.closed[-1:] == connections.opened


def test_a_failed_read_keeps_no_connection(store, connections):
    """A connection on which a query failed is closed, and the next read has a new one."""
    put(store, "q")
    connections.opened.clear()

    def meet():
        raise sqlite3.OperationalError("disk I/O error")

    connections.meet = meet
    with pytest.raises(sqlite3.OperationalError):
        store.entry(Request("q").key)
    assert connections.closed[-1:] == connections.opened
    connections.meet = lambda: None
    assert store.entry(Request("q").key) is not None
    assert len(connections.opened) == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork.*:DeprecationWarning")
def test_a_forked_child_uses_connections_of_its_own(store):
    """After a fork both sides read and write; neither breaks the other's locks."""
    put(store, "before")
    child = os.fork()
    if child == 0:
        try:
            put(store, "from the child")
            found = store.entry(Request("before").key) is not None and store.generation().version > 0
            os._exit(0 if found else 3)
        except BaseException:
            os._exit(4)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    put(store, "after")
    assert store.sizes()["entries"] == 3


def test_migrations_are_named_in_order_and_unique():
    """Names sort in the order in which they are applied, so that a list of names tells the version of a file."""
    names = [name for name, _ in MIGRATIONS]
    assert names == sorted(set(names))


def test_a_copy_of_a_file_in_use_opens(store, path, tmp_path):
    """A copy made while the file is open (database and log) is whole."""
    put(store, "q")
    for suffix in ("", "-wal"):
        if Path(f"{path}{suffix}").exists():
            shutil.copy(f"{path}{suffix}", tmp_path / f"copy.db{suffix}")
    copy = Store(tmp_path / "copy.db")
    assert copy.entry(Request("q").key) is not None
    copy.close()


def test_a_profiler_that_keeps_frames_alive_does_no_harm(path, open_cache):
    """Sampling profilers hold frames, and with them cursors that nobody closed: a statement in progress lets nothing commit."""
    kept = []
    sys.setprofile(lambda frame, event, argument: kept.append(frame))
    try:
        cache = open_cache()
        cache.record(Request("What is the capital of Peru?"), Response("Lima"))
        assert cache.lookup(Request("What is the capital of Peru?"))
        cache.forget(Request("What is the capital of Peru?"))
    finally:
        sys.setprofile(None)
    assert kept
