"""Races, forks, locks and damage: each was a bug once, or nearly. Never wrong, never fatal."""

import os
import sqlite3
import threading
import time
from concurrent.futures import Executor, ThreadPoolExecutor

import pytest

from conftest import HashEmbedder
from seglam import Cache, Control, Policy, Request, Response, State, TierName
from seglam.background import Background
from test_procedural import SUM, Script, ask, feed

STORED = Request("How can I reset my password?")
WORDING = Request("How can I reset my password")

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
threads_beside_forks = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork.*:DeprecationWarning")


def change(path, statement, *values):
    """Somebody else writes to the file."""
    raw = sqlite3.connect(path)
    raw.execute(statement, values)
    raw.commit()
    raw.close()


def test_an_own_answer_takes_the_place_of_a_wordings(open_cache):
    """A wording served by meaning, then answered for itself: the newest answer is served, here and in other processes."""
    one, other = open_cache(embedder=None), open_cache(embedder=None)
    one.record(STORED, Response("old"))
    assert one.lookup(WORDING).response.text == other.lookup(WORDING).response.text == "old"
    one.record(WORDING, Response("own"))
    for cache in (one, other):
        assert cache.lookup(WORDING).response.text == "own"
    other.drain()  # its alias is written after the own answer, and must not hide it
    assert [cache.lookup(WORDING).response.text for cache in (one, other, open_cache(embedder=None))] == ["own"] * 3


def test_a_wording_is_not_kept_for_a_request_that_must_not_be_stored(open_cache, path):
    """no_store: a semantic hit leaves no trace of the wording in memory or file."""
    cache = open_cache(embedder=None)
    cache.record(STORED, Response("x"))
    secret = Request(WORDING.text, control=Control(no_store=True))
    assert [cache.lookup(secret).tier for _ in range(2)] == [TierName.SEMANTIC] * 2
    cache.drain()
    assert cache.stats().sizes["aliases"] == 0


def test_a_wordings_answer_is_for_those_who_compare_by_meaning(open_cache):
    """comparable=False gets no other wording's answer, and a stricter policy none that was accepted by a laxer one."""
    cache = open_cache(embedder=None)
    cache.record(STORED, Response("x"))
    assert cache.lookup(WORDING)
    assert not cache.lookup(Request(WORDING.text, comparable=False))
    cache.close()
    assert not open_cache(embedder=None, policy={"threshold": 1.0}).lookup(WORDING)


def test_what_is_forgotten_during_a_semantic_lookup_stays_forgotten(open_cache):
    """An entry erased between the search and the answer may be served that once, never again from memory."""
    cache, other = open_cache(embedder=None), open_cache(embedder=None)
    cache.record(STORED, Response("secret"))
    read = cache._store.entries_by_id

    def racing(rows):
        found = read(rows)
        if found:
            other.forget(STORED)
            cache.lookup(Request("something else entirely"))
        return found

    cache._store.entries_by_id = racing
    cache.lookup(WORDING)
    cache._store.entries_by_id = read
    assert not cache.lookup(WORDING)


@forks
@threads_beside_forks
def test_a_fork_counts_nothing_twice_and_frees_what_the_parent_holds(open_cache, path):
    """The child starts with empty counters, no flights and locks of its own; what the parent counted the parent writes."""
    cache = open_cache(executor=None)
    cache.record(STORED, Response("x"))
    for _ in range(10):
        cache.lookup(STORED)
    inside, go = threading.Event(), threading.Event()

    def slow(_):
        inside.set()
        go.wait(20)
        return Response("parent")

    leader = threading.Thread(target=cache.respond, args=(Request("busy"), slow))
    leader.start()
    inside.wait(5)
    child = os.fork()
    if child == 0:
        answer = cache.respond(Request("busy"), lambda _: Response("child"))  # the parent's flight is not the child's
        cache.lookup(STORED)
        cache.close()
        os._exit(0 if answer.text == "child" else 3)
    deadline = time.monotonic() + 20
    status = (0, 0)
    while status[0] == 0 and time.monotonic() < deadline:
        status = os.waitpid(child, os.WNOHANG)
        time.sleep(0.01)
    go.set()
    leader.join()
    assert status[0] == child, "the child hangs"
    assert os.waitstatus_to_exitcode(status[1]) == 0
    cache.close()
    assert open_cache().stats().requests == 10 + 1 + 2


@forks
@threads_beside_forks
def test_a_forked_child_leaves_the_parents_temporary_file(open_cache):
    """A cache in ":memory:" in a forked worker: its end does not take the parent's file away."""
    cache = open_cache(path=":memory:", executor=None)
    cache.record(STORED, Response("x"))
    child = os.fork()
    if child == 0:
        cache.close()
        os._exit(0 if cache._store.path.exists() else 3)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert cache.lookup(STORED)


def test_two_agreements_when_two_are_asked_for(open_cache):
    """Policy(shadow=2): agreements are counted in the file, not in memory."""
    cache = open_cache(compiler=Script(SUM), policy={"shadow": 2})
    feed(cache, (3, 4), (10, 5), (7, 8))
    assert [p.state for p in cache.procedures()] == [State.SHADOW]
    feed(cache, (9, 8))
    assert [p.state for p in cache.procedures()] == [State.LIVE]


def test_agreeing_on_an_example_again_shows_nothing(open_cache):
    """A procedure is not confirmed by the very exchange that it was made from."""
    cache = open_cache(compiler=Script(SUM))
    feed(cache, (3, 4), (10, 5), (3, 4), (10, 5))
    assert [(p.state, p.agreements) for p in cache.procedures()] == [(State.SHADOW, 0)]


def test_a_compilation_whose_process_died_is_taken_up_again(open_cache, clock):
    """The lease of a killed process lapses, and the next similar miss compiles."""
    dying = open_cache(compiler=Script())
    dying.record(ask(3, 4), Response("The sum is 7."))
    assert dying._casebook.claim(1, clock())
    model = Script(SUM)
    cache = open_cache(compiler=model)
    feed(cache, (10, 5))
    assert model.prompts == []
    clock.move(1000)
    feed(cache, (11, 5))
    assert len(model.prompts) == 1


def test_what_is_suspended_is_not_revived_by_a_late_agreement(open_cache):
    """Two learners: one saw a disagreement, the other comes with an agreement on what it read before."""
    one, other = open_cache(compiler=Script(SUM)), open_cache()
    feed(one, (3, 4), (10, 5))
    (stale,) = other._library.working(("", ""))
    one.record(ask(7, 8), Response("The sum is 16."))
    other._learner._compare(stale, ask(1, 1), Response("The sum is 2."), "The sum is 2.")
    assert [p.state for p in one.procedures()] == [State.SUSPENDED]


def test_a_wrong_procedure_stops_at_once_although_the_file_is_locked(open_cache, path, monkeypatch):
    """The suspension holds in memory and is written as soon as the file can be written."""
    cache = open_cache(compiler=Script(SUM), policy={"on_fault": "miss"})
    feed(cache, (3, 4), (10, 5), (7, 8))
    settle = cache._library.settle

    def locked(*_args, **_kwargs):
        raise sqlite3.OperationalError("database is locked")

    monkeypatch.setattr(cache._library, "settle", locked)
    cache.record(ask(2, 2), Response("The sum is 5."))
    assert not cache.lookup(ask(1, 1))
    monkeypatch.setattr(cache._library, "settle", settle)
    cache.drain()
    assert [p.state for p in cache.procedures()] == [State.SUSPENDED]


@pytest.mark.parametrize("vector", [b"\x00", b"\x00" * 64, b"\xff" * 128, b"\x00" * 128])
def test_one_damaged_vector_costs_one_rows_hits(open_cache, path, vector):
    """A vector of the wrong length, not finite or not a unit one is left out; the others answer, and check() names it."""
    cache = open_cache(policy={"threshold": 0.5})
    for word in ("alpha", "beta", "gamma"):
        cache.record(Request(f"what does {word} mean here"), Response(word))
    cache.close()
    change(path, "UPDATE entries SET vector = ? WHERE id = 3", vector)
    cache = open_cache(policy={"threshold": 0.5})
    assert cache.lookup(Request("what does alpha mean here ?")).response.text == "alpha"
    assert not cache.lookup(Request("what does gamma mean here ?"))
    assert any("entry 3" in problem for problem in cache.check())
    cache.close()


def test_a_damaged_answer_is_a_counted_miss(open_cache, path):
    """A payload that is no JSON costs one lookup, and the next record puts it right."""
    cache = open_cache(policy={"on_fault": "miss"})
    cache.record(STORED, Response("x", {"a": 1}))
    change(path, "UPDATE entries SET payload = '{'")
    assert cache.respond(STORED, lambda _: Response("y")).text == "y"
    assert cache.faults["exact"] >= 1
    assert cache.lookup(STORED).response.text == "y"


@pytest.mark.parametrize("column", ["patterns", "examples"])
def test_one_damaged_procedure_does_not_take_the_others_along(open_cache, path, column):
    """A row that cannot be read is left out, with a warning; the tier goes on."""
    cache = open_cache(compiler=Script(SUM))
    feed(cache, (3, 4), (10, 5), (7, 8))
    cache.close()
    copied = "class_id + 100, version, namespace, vary, engine, state, intent, answer_kind, staticity"
    rest = "near_misses, source, model, prompt_digest, agreements, disagreements, hits, created, used"
    bad = {"patterns": "'[\"{\"]'", "examples": "'[[1]]'"}
    texts = ", ".join(bad[name] if name == column else name for name in bad)
    names = "class_id, version, namespace, vary, engine, state, intent, answer_kind, staticity"
    statement = (
        f"INSERT INTO procedures ({names}, {', '.join(bad)}, {rest}) SELECT {copied}, {texts}, {rest} FROM procedures"
    )
    change(
        path,
        "INSERT INTO classes SELECT id + 100, namespace, vary, engine, background, state, 0, 0, '', 0, 0 FROM classes",
    )
    change(path, statement)
    assert open_cache().lookup(ask(20, 22)).response.text == "The sum is 42."


def test_a_damaged_finding_costs_only_itself(open_cache, path):
    """Evidence that cannot be read is left out; the procedure answers and can be asked about."""
    cache = open_cache(compiler=Script(SUM))
    feed(cache, (3, 4), (10, 5), (7, 8))
    change(path, "UPDATE findings SET outvoted = 'nonsense' WHERE stage = 'static'")
    assert cache.lookup(ask(20, 22)).response.text == "The sum is 42."
    assert "static" not in [finding.stage for finding in cache.curator.why(1).procedure.evidence]


class Refusing(Executor):
    """An executor that is full."""

    def submit(self, *_args, **_kwargs):
        raise BufferError("full")


def test_an_executor_that_refuses_costs_learning_not_answers(open_cache):
    """What cannot be learnt now is learnt another day."""
    cache = open_cache(executor=Refusing(), policy={"flush_after": 0})
    assert cache.respond(STORED, lambda _: Response("x")).text == "x"
    assert cache.lookup(STORED)
    assert cache._ledger.stats().requests == 2


def test_a_model_that_hangs_while_compiling_keeps_nothing_from_the_disk(path):
    """Counters are flushed although the compiler takes its time, and lookups do not pile up work."""
    hold = threading.Event()

    def hang(_prompt):
        hold.wait(20)
        return "NOT_COMPILABLE: late"

    policy = Policy(on_fault="raise", flush_after=0.01)
    with Cache.open(path, compiler=hang, embedder=HashEmbedder(), policy=policy) as cache:
        feed(cache, (3, 4), (10, 5))
        for _ in range(200):
            cache.lookup(STORED)
            time.sleep(0.001)
        deadline = time.monotonic() + 10
        while not cache._store.totals().get("requests") and time.monotonic() < deadline:
            time.sleep(0.01)
        written, waiting = cache._store.totals().get("requests", 0), len(cache._background._pending)
        hold.set()
    assert written > 0
    assert waiting <= 2


def test_close_waits_for_what_runs_in_the_callers_executor_and_drops_the_rest():
    """After close nothing of ours is done there, and the executor stays open."""
    began, hold, done = threading.Event(), threading.Event(), []

    def work():
        began.set()
        hold.wait(20)
        done.append("first")

    with ThreadPoolExecutor(1) as executor:
        background = Background(executor, done.append)
        background.submit(work)
        background.submit(lambda: done.append("second"))
        assert began.wait(20)
        threading.Timer(0.05, hold.set).start()
        background.close()
        assert done == ["first"]
        assert not background.submit(lambda: done.append("third"))
        background.drain()
        assert executor.submit(lambda: 5).result() == 5
    assert done == ["first"]


def test_close_waits_neither_for_itself_nor_for_a_queue_that_never_moves():
    """Work may close its own cache, and the caller's executor may have other things to do."""
    closed, hold = threading.Event(), threading.Event()
    with ThreadPoolExecutor(1) as executor:
        background = Background(executor, lambda error: None)
        background.submit(lambda: (background.close(), closed.set()))
        assert closed.wait(20)
        executor.submit(hold.wait, 20)
        late = Background(executor, lambda error: None)
        assert late.submit(closed.clear)
        late.close()
        hold.set()
    assert closed.is_set()


@pytest.mark.parametrize("reply", [None, 5, b"bytes"])
def test_a_compiler_that_returns_no_text_is_a_counted_fault(open_cache, reply):
    """One call, one counted fault, no repair rounds over nonsense."""
    calls = []

    def broken(prompt):
        calls.append(prompt)
        return reply

    cache = open_cache(compiler=broken, policy={"on_fault": "miss"})
    feed(cache, (3, 4), (10, 5))
    assert len(calls) == 1
    assert cache.stats().faults == {"compiler": 1}


def test_first_makes_no_call_where_none_may_be_made(open_cache):
    """only_if_cached, no_store and live data: compile="first" asks nobody."""
    model = Script()
    cache = open_cache(compiler=model, policy={"compile": "first"})
    for control in (Control(only_if_cached=True), Control(no_store=True)):
        assert not cache.lookup(Request(ask(3, 4).text, control=control))
    assert not cache.lookup(ask(3, 4, kind="live"))
    assert model.prompts == []


def test_counters_are_exact_under_threads(open_cache):
    """Eight threads, one number."""
    cache = open_cache(executor=None, policy={"flush_after": 0.001})
    cache.record(STORED, Response("x"))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: cache.lookup(STORED), range(2000)))
    cache.drain()
    assert cache.stats().hits["exact"] == 2000


def test_a_clock_that_is_set_back_loses_neither_counters_nor_new_answers(open_cache, clock):
    """Flushes go on, and in a full cache what is new is not the first to go."""
    cache = open_cache(policy={"max_entries": 20, "compile": "off"})
    for i in range(20):
        cache.record(Request(f"q {i}", comparable=False), Response("x"))
        clock.move(1)
    clock.move(-86_400)
    cache.record(Request("new", comparable=False), Response("y"))
    assert cache.lookup(Request("new", comparable=False)).response.text == "y"
    clock.move(60)
    cache.lookup(Request("new", comparable=False))
    assert cache._store.totals()["requests"] > 0


def test_a_closed_cache_answers_nothing_and_keeps_nothing(open_cache):
    """After close the model answers; the file is not opened again."""
    cache = open_cache()
    cache.record(STORED, Response("x"))
    cache.close()
    assert not cache.lookup(STORED)
    assert cache.respond(STORED, lambda _: Response("y")).text == "y"
    assert open_cache().lookup(STORED).response.text == "x"


@forks
@threads_beside_forks
def test_what_a_forked_child_records_survives_the_parents_close(path):
    """SQLite's locks do not cross a fork: with inherited connections the parent's close took the child's log away."""
    cache = Cache.open(path, embedder=HashEmbedder(), policy=Policy(compile="off"))
    cache.record(STORED, Response("x"))
    closed, out = os.pipe()
    child = os.fork()
    if child == 0:
        os.read(closed, 1)
        for i in range(50):
            cache.record(Request(f"from the child {i}"), Response("y"))
        os._exit(0)
    cache.close()
    os.write(out, b".")
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    os.close(closed)
    os.close(out)
    with Cache.open(path, embedder=HashEmbedder()) as again:
        assert all(again.lookup(Request(f"from the child {i}")) for i in range(50))
        assert again.check() == []


def test_forgetting_reaches_the_examples_of_procedures(open_cache, path):
    """The erased request's text stands in no row: not as answer, case or example."""
    cache = open_cache(compiler=Script(SUM))
    feed(cache, (3, 4), (10, 5), (7, 8))
    cache.forget(ask(10, 5))
    (procedure,) = cache.procedures()
    assert [case.text for case in procedure.examples] == ["Please add 3 and 4 for me."]
    raw = sqlite3.connect(path)
    rows = [
        str(raw.execute(f"SELECT * FROM {name}").fetchall()) for name in ("entries", "aliases", "cases", "procedures")
    ]
    raw.close()
    assert not any("add 10 and 5" in row for row in rows)
