"""A changed model: old vectors are made anew in the background, spaces are never mixed, and nothing is lost on the way."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from conftest import HashEmbedder
from seglam import Cache, Policy, Request, Response
from seglam.cli import app
from seglam.contrast import Sense
from seglam.minilm import MiniLM
from seglam.reembedding import BATCH, WANTED
from seglam.schema import MIGRATIONS
from seglam.spaces import Space
from seglam.store import Store
from seglam.thresholds import Fitted
from seglam.wordbook import MADE

posix = pytest.mark.skipif(os.name != "posix", reason="file locks of processes")


class Turned(HashEmbedder):
    """HashEmbedder's vectors in another space: the same cosines, other coordinates, and what it is told not to read."""

    def __init__(self, seed, *, dimension=64, unread=()):
        self.fingerprint = f"test-turned/{seed}"
        self.dimension = dimension
        self._turn = np.linalg.qr(np.random.default_rng(seed).standard_normal((64, 64)))[0][:, :dimension]
        self._unread = unread
        self.broken = None
        self.batches = 0

    def embed(self, texts):
        if self.broken is not None and self.broken(texts):
            raise ConnectionError("down")
        self.batches += 1
        rows = super_embed(texts) @ self._turn
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)

    def covers(self, text):
        return bool(text.strip()) and not any(part in text for part in self._unread)


def super_embed(texts):
    """HashEmbedder's own vectors."""
    plain = HashEmbedder()
    plain.dimension = 64
    return plain.embed(texts)


def question(number):
    """What is stored."""
    return Request(f"What does box {number} of the attic hold?")


def polite(number):
    """What means the same."""
    return Request(f"Please, what does box {number} of the attic hold?")


def fill(cache, numbers):
    """Store some questions with their answers."""
    for number in numbers:
        cache.record(question(number), Response(f"thing {number}"))


def by_meaning(cache, numbers):
    """Those of the questions that are answered in other words, rightly."""
    found = {number: cache._semantic._search(polite(number)) for number in numbers}
    assert all(hit is None or hit.response.text == f"thing {number}" for number, hit in found.items())
    return [number for number, hit in found.items() if hit is not None]


QUIET = {
    "check_hits": 0.0,
    "compile": "off",
    "lifetimes": {"": float("inf")},
}  # processes of tests have clocks of their own


class TestChange:
    @posix
    def test_in_the_background_and_completely(self, open_cache):
        """Opened with another model, the first request begins it; afterwards all is served by meaning, in the new space only."""
        old = open_cache(embedder=Turned(1), policy=QUIET)
        fill(old, range(3 * BATCH))
        old.close()
        new = open_cache(embedder=Turned(2, dimension=48), policy=QUIET)
        new.lookup(Request("Is there anything?"))
        new.reembedding.settle()
        assert by_meaning(new, range(0, 3 * BATCH, 7)) == list(range(0, 3 * BATCH, 7))
        stats = new.stats()
        assert stats.spaces == {"test-turned/2": 3 * BATCH}
        assert stats.reembedded == 3 * BATCH

    def test_not_before_it_is_asked_for(self, open_cache):
        """reembed=False, which the command line opens with, leaves every vector where it is; run() does it at once."""
        old = open_cache(embedder=Turned(1), policy=QUIET)
        fill(old, range(5))
        old.close()
        new = open_cache(embedder=Turned(2), policy={**QUIET, "reembed": False})
        assert by_meaning(new, range(5)) == []
        new.reembedding.settle()
        assert new.stats().spaces == {"test-turned/1": 5}
        assert new.reembedding.run(force=True) == 0
        assert by_meaning(new, range(5)) == list(range(5))

    @posix
    def test_not_while_somebody_works_with_the_old_space(self, open_cache):
        """Two models on one file: each sees its own vectors, and takes over the other's only when that one has gone."""
        old = open_cache(embedder=Turned(1), policy=QUIET)
        fill(old, range(4))
        old.lookup(Request("Is there anything?"))
        old.reembedding.settle()  # it has said so
        new = open_cache(embedder=Turned(2), policy=QUIET)
        fill(new, range(4, 8))
        assert new.reembedding.run() == 4
        assert (by_meaning(old, range(8)), by_meaning(new, range(8))) == ([0, 1, 2, 3], [4, 5, 6, 7])
        old.close()
        assert new.reembedding.run() == 0
        assert by_meaning(new, range(8)) == list(range(8))

    def test_what_the_old_model_did_not_read_is_made_up_for(self, open_cache):
        """Korean questions that an English model left without a vector get theirs from a multilingual one."""
        english = Turned(1, unread="배송")
        old = open_cache(embedder=english, policy=QUIET)
        old.record(Request("배송은 언제 오나요?"), Response("이틀 뒤"))
        old.close()
        new = open_cache(embedder=Turned(2), policy=QUIET)
        assert new.reembedding.run(force=True) == 0
        found, score = new._semantic.nearest(Request("배송은 언제 오나요? 정말?"))[0]
        assert (found.response.text, score > 0.7) == ("이틀 뒤", True)

    def test_what_is_not_to_be_compared_stays_so(self, open_cache):
        """An answer for the very same request only (a tool call, an image) never gets a vector from anybody."""
        old = open_cache(embedder=Turned(1), policy=QUIET)
        old.record(Request("What does box 1 of the attic hold?", comparable=False), Response("thing 1"))
        old.close()
        new = open_cache(embedder=Turned(2), policy=QUIET)
        new.reembedding.run(force=True)
        assert by_meaning(new, [1]) == []
        assert new.stats().spaces == {}

    def test_what_the_new_model_does_not_read_is_not_tried_again(self, open_cache):
        """It belongs to the new space without a vector: matched exactly, never a neighbour, and never pending."""
        old = open_cache(embedder=Turned(1), policy=QUIET)
        fill(old, range(3))
        old.close()
        new = open_cache(embedder=Turned(2, unread=("box 1 ",)), policy=QUIET)
        assert new.reembedding.run(force=True) == 0
        assert by_meaning(new, range(3)) == [0, 2]
        assert new.lookup(question(1))
        assert not new.reembedding._pending()

    def test_a_failed_embedding_is_made_up_for(self, open_cache):
        """Stored while the embedder was down, a question gets its vector when it is up again."""
        embedder = Turned(1)
        cache = open_cache(embedder=embedder, policy={**QUIET, "on_fault": "miss"})
        embedder.broken = lambda texts: True
        fill(cache, [1])
        assert cache.stats().spaces == {WANTED: 1}
        embedder.broken = None
        assert cache.reembedding.run() == 0
        assert by_meaning(cache, [1]) == [1]

    def test_a_text_that_cannot_be_embedded_stops_nothing(self, open_cache):
        """One poisoned text costs its own hits by meaning; an embedder that is down stops all, and nothing is marked."""
        old = open_cache(embedder=Turned(1), policy=QUIET)
        fill(old, range(4))
        old.close()
        embedder = Turned(2)
        new = open_cache(embedder=embedder, policy=QUIET)
        new.reembedding._embedder.embed(["prove it"])
        embedder.broken = lambda texts: True
        with pytest.raises(ConnectionError):
            new.reembedding.run(force=True)
        assert new.stats().spaces == {"test-turned/1": 4}
        embedder.broken = lambda texts: any("box 2 " in text for text in texts)
        assert new.reembedding.run(force=True) == 0
        embedder.broken = None
        assert by_meaning(new, range(4)) == [0, 1, 3]

    def test_a_fault_in_the_background_is_contained(self, open_cache, caplog):
        """An embedder that is down is told in the log, and requests go on."""
        old = open_cache(embedder=Turned(1), policy=QUIET)
        fill(old, range(2))
        old.close()
        embedder = Turned(2)
        new = open_cache(embedder=embedder, policy={**QUIET, "on_fault": "miss"})
        new.reembedding._embedder.embed(["prove it"])
        embedder.broken = lambda texts: any("box" in text for text in texts) or texts == ["Which way is up?"]
        new.lookup(Request("Is there anything?"))
        new.reembedding.settle()
        assert new.lookup(question(0)).response.text == "thing 0"
        if os.name == "posix":
            assert "could not be made anew: ConnectionError" in caplog.text

    def test_aliases_of_the_old_space_go(self, open_cache):
        """A wording that was accepted by the old model's score is asked about anew."""
        old = open_cache(embedder=Turned(1), policy=QUIET)
        fill(old, [1])
        assert old.lookup(polite(1))
        old.drain()
        assert old.stats().sizes["aliases"] == 1
        old.close()
        new = open_cache(embedder=Turned(2), policy=QUIET)
        new.reembedding.run(force=True)
        assert new.stats().sizes["aliases"] == 0
        assert new.lookup(polite(1)).response.text == "thing 1"

    def test_a_complaint_reaches_the_entry_under_its_new_number(self, open_cache):
        """A hit of before the change, called wrong after it, is not served again."""
        old = open_cache(embedder=Turned(1), policy=QUIET)
        fill(old, [1])
        hit = old.lookup(polite(1))
        old.close()
        new = open_cache(embedder=Turned(2), policy=QUIET)
        new.reembedding.run(force=True)
        new.wrong(hit)
        assert not new.lookup(polite(1))
        assert new.lookup(question(1))

    def test_private_files_are_left_alone(self, open_cache):
        """A temporary file has no past: no lock, no thread."""
        cache = open_cache(path=":memory:", embedder=Turned(1), policy=QUIET)
        fill(cache, [1])
        assert cache.lookup(polite(1))
        assert cache.reembedding._space is None


class TestContrastSets:
    def made(self, cache):
        cache.record(question(1), Response("thing 1"))
        claimed = cache.wordbook.claim(question(1), 1.0)
        same, other = ["tell me what box 1 of the attic has inside"], ["tell me what box 1 of the attic has cost"]
        texts = [(t, Sense.SAME) for t in same] + [(t, Sense.OTHER) for t in other]
        packed = cache._semantic.packed([text for text, _ in texts])
        rows = [(text, sense, vector) for (text, sense), vector in zip(texts, packed, strict=True)]
        cache.wordbook.add(claimed, rows, fingerprint=cache._semantic.fingerprint, origin="model", now=1.0)
        cache.wordbook.release(claimed, MADE)

    ASKED = Request("tell me what box 1 of the attic has got inside")

    def test_a_set_changes_over_whole(self, open_cache):
        """Before its turn it decides nothing, after it the same as before."""
        old = open_cache(embedder=Turned(1), policy=QUIET)
        self.made(old)
        assert old.lookup(self.ASKED).notes["rule"] == "contrast"
        old.close()
        new = open_cache(embedder=Turned(2), policy={**QUIET, "reembed": False})
        assert not new.lookup(self.ASKED)
        new.reembedding.run(force=True)
        assert new.lookup(self.ASKED).notes["rule"] == "contrast"
        origins = {wording.origin for wording in new.wordbook.wordings_of(question(1).key)}
        assert origins == {"model"}

    def test_a_line_without_some_of_its_look_alikes_is_none(self, open_cache):
        """What is taught in the new space while the rest waits does not make half a line: no hit until all are there."""
        old = open_cache(embedder=Turned(1), policy=QUIET)
        self.made(old)
        old.close()
        new = open_cache(embedder=Turned(2), policy={**QUIET, "reembed": False})
        new.teach(question(1).key, "say what box 1 of the attic has within", "same")
        new.teach(question(1).key, "who put box 1 into the attic", "other")
        assert not new.lookup(Request("say what box 1 of the attic has got within"))
        new.reembedding.run(force=True)
        assert new.lookup(Request("say what box 1 of the attic has got within")).notes["rule"] == "contrast"

    def test_a_set_with_an_unreadable_look_alike_is_not_used(self, open_cache):
        """Where the new model cannot read one text of it, the set decides nothing, and is not tried again."""
        old = open_cache(embedder=Turned(1), policy=QUIET)
        self.made(old)
        old.close()
        new = open_cache(embedder=Turned(2, unread=("cost",)), policy=QUIET)
        assert new.reembedding.run(force=True) == 0
        assert not new.lookup(self.ASKED)
        assert new.check() == []

    def test_what_was_fitted_to_the_old_scores_does_not_count(self, open_cache):
        """A threshold that learns begins anew: the other model's scores say nothing about this one's."""
        policy = {**QUIET, "threshold": Fitted(target=0.5, start=0.9, floor=0.5, confidence=0.5)}
        old = open_cache(embedder=Turned(1), policy=policy)
        fill(old, [1])
        for number in range(40):
            request = Request(f"Please, what does box 1 of the attic hold? {'!' * number}")
            old._recognizer._judge(request, question(1).key, question(1).text, "reading", 0.95, True, "", "audit")
        evidence = {
            name: old.judgements.evidence("", name, "reading", old._store.generation())
            for name in ("test-turned/1", "test-turned/2")
        }
        fitted = {name: old.policy.reading.fit(known) for name, known in evidence.items()}
        assert fitted["test-turned/2"] == 0.9 > fitted["test-turned/1"]


class TestSafety:
    @given(
        steps=st.lists(
            st.one_of(
                st.tuples(st.just("put"), st.integers(0, 9)),
                st.tuples(st.just("forget"), st.integers(0, 9)),
                st.tuples(st.just("switch"), st.integers(1, 3)),
                st.tuples(st.just("batch"), st.just(0)),
            ),
            max_size=25,
        )
    )
    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    def test_whatever_happens_in_whatever_order(self, steps, tmp_path_factory):
        """Storing, erasing, changing the model, and single batches: exact answers are a map, meaning never crosses a space."""
        path = tmp_path_factory.mktemp("reembedding") / "seglam.db"
        embedders = {seed: Turned(seed, dimension=32 + 8 * seed) for seed in (1, 2, 3)}
        policy = Policy(on_fault="raise", reembed=False, **QUIET)
        model, space = {}, {}
        seed = 1
        cache = Cache.open(path, policy=policy, embedder=embedders[seed])
        for what, number in steps:
            if what == "put":
                fill(cache, [number])
                model[number], space[number] = f"thing {number}", seed
            elif what == "forget":
                cache.forget(question(number))
                model.pop(number, None)
                space.pop(number, None)
            elif what == "switch":
                cache.close()
                seed = number
                cache = Cache.open(path, policy=policy, embedder=embedders[seed])
            else:
                others = sorted(name for name in cache.stats().spaces if name != embedders[seed].fingerprint)
                for name in others[:1]:
                    cache.reembedding._entries(name, embedders[seed].fingerprint)
                    space.update({n: seed for n, of in space.items() if embedders[of].fingerprint == name})
            assert {n for n in range(10) if cache._store.entry(question(n).key)} == set(model)
            assert set(by_meaning(cache, range(10))) == {n for n in model if space[n] == seed}
        assert cache.check() == []
        cache.close()

    @posix
    def test_a_kill_at_any_moment_loses_nothing(self, path, open_cache):
        """Killed with -9 in the middle, again and again: the file is whole, and the next process goes on with the rest."""
        old = open_cache(embedder=Turned(1), policy=QUIET)
        numbers = range(6 * BATCH)
        fill(old, numbers)
        old.close()
        code = textwrap.dedent(f"""
            import sys
            sys.path[:0] = {[str(Path(__file__).parent), *sys.path]!r}
            from test_reembedding import Turned
            from seglam import Cache, Policy
            cache = Cache.open(sys.argv[1], policy=Policy(compile="off", lifetimes={{"": 1e12}}), embedder=Turned(2))
            some = cache.reembedding._some
            def told(*args, **options):
                print("begun", flush=True)
                return some(*args, **options)
            cache.reembedding._some = told
            cache.reembedding.run()
            print("done", flush=True)
            cache.close()
        """)
        rounds = []
        for kill_at in (1, 2, 2, None):
            process = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True)
            for _ in range(kill_at or 0):
                process.stdout.readline()
            if kill_at:
                process.send_signal(signal.SIGKILL)
            process.communicate()
            store = Store(path)
            assert store.check() == []
            spaces = store.spaces()
            assert sum(spaces.values()) == len(numbers)
            rounds.append(spaces.get("test-turned/2", 0))
            store.close()
        assert rounds == sorted(rounds)
        assert rounds[-1] == len(numbers)
        new = open_cache(embedder=Turned(2), policy=QUIET)
        assert by_meaning(new, numbers[::29]) == list(numbers[::29])

    def test_threads_look_up_while_it_goes_on(self, open_cache):
        """Requests during the change get right answers or none; afterwards all."""
        old = open_cache(embedder=Turned(1), policy=QUIET)
        fill(old, range(3 * BATCH))
        old.close()
        new = open_cache(embedder=Turned(2), policy={**QUIET, "reembed": False})
        failures = []

        def ask():
            try:
                for number in list(range(0, 3 * BATCH, 5)) * 2:
                    by_meaning(new, [number])
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        new.reembedding.run(force=True)
        for thread in threads:
            thread.join()
        assert failures == []
        assert by_meaning(new, range(0, 3 * BATCH, 11)) == list(range(0, 3 * BATCH, 11))

    def test_closing_ends_it_between_two_batches(self, open_cache):
        """close() waits for the batch under way and no longer; the rest is another process's."""
        old = open_cache(embedder=Turned(1), policy=QUIET)
        fill(old, range(4 * BATCH))
        old.close()
        embedder = Turned(2)
        new = open_cache(embedder=embedder, policy=QUIET)
        began, gate = threading.Event(), threading.Event()

        def broken(texts):
            if len(texts) == BATCH:
                began.set()
                gate.wait(10)
            return False

        new.reembedding._embedder.embed(["prove it"])
        embedder.broken = broken
        new.lookup(Request("Is there anything?"))
        if os.name == "posix":
            assert began.wait(10)
        closing = threading.Thread(target=new.close)
        closing.start()
        while not new.reembedding._upkeep.stopped():
            pass
        gate.set()
        closing.join(20)
        assert not closing.is_alive()
        store = Store(new._store.path)
        assert store.spaces().get("test-turned/2", 0) in (0, BATCH)
        store.close()

    def test_the_index_on_fingerprints_comes_with_a_migration(self, path, monkeypatch):
        """A file of before gets it, and keeps its rows."""
        monkeypatch.setattr("seglam.schema.MIGRATIONS", MIGRATIONS[:3])
        store = Store(path)
        store.put(Request("q"), Response("a"), kind="", now=1.0, lifetime=9e9, limit=9, vector=b"xx", fingerprint="f")
        store.close()
        monkeypatch.undo()
        store = Store(path)
        assert store.spaces() == {"f": 1}
        assert store.check() == []
        store.close()


@posix
class TestSpace:
    def test_shared_by_its_users_and_vacant_after_the_last(self, path):
        """Several may work with a space; it is vacant, and its file is gone, when the last has left."""
        one, two = Space(path, "a"), Space(path, "a")
        assert one.enter()
        assert two.enter()
        for space in (one, two):
            with Space(path, "a").vacated() as free:
                assert not free
            space.leave()
        with Space(path, "a").vacated() as free:
            assert free
            assert not Space(path, "a").enter()
        assert one.enter()
        one.leave()
        one.leave()
        assert list(path.parent.iterdir()) == []

    def test_spaces_do_not_disturb_each_other(self, path):
        """Another embedder, or another file, is another space."""
        mine = Space(path, "a")
        assert mine.enter()
        for other in (Space(path, "b"), Space(path.with_name("other.db"), "a")):
            with other.vacated() as free:
                assert free
        mine.leave()

    def test_a_killed_process_has_left(self, path):
        """The system lets go of the lock of a process that was killed with -9."""
        code = "import sys\nfrom seglam.spaces import Space\nfrom pathlib import Path\n"
        code += "s = Space(Path(sys.argv[1]), 'a')\nprint(s.enter(), flush=True)\nsys.stdin.read()"
        process = subprocess.Popen(
            [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout.readline() == "True\n"
        with Space(path, "a").vacated() as free:
            assert not free
        process.send_signal(signal.SIGKILL)
        process.communicate()
        with Space(path, "a").vacated() as free:
            assert free

    def test_where_no_lock_can_be_had_nobody_is_known_to_have_gone(self, tmp_path, monkeypatch):
        """A missing directory, or a system without such locks: never vacant, never an error."""
        for space in (Space(tmp_path / "none" / "x.db", "a"),):
            assert not space.enter()
            with space.vacated() as free:
                assert not free
            space.leave()
        monkeypatch.setattr("seglam.spaces.fcntl", None)
        space = Space(tmp_path / "x.db", "a")
        assert not space.enter()
        with space.vacated() as free:
            assert not free
        space.leave()


def test_the_command_line_does_it_on_request_only(open_cache, path):
    """Looking at a file with `seglam` moves nothing, whatever model made its vectors; `seglam reembed` moves all of it."""
    old = open_cache(embedder=Turned(1), policy=QUIET)
    fill(old, range(3))
    old.close()
    for words in (["check", str(path)], ["stats", str(path)], ["questions", "list", str(path)]):
        assert CliRunner().invoke(app, words).exit_code == 0
    assert Store(path).spaces() == {"test-turned/1": 3}
    done = CliRunner().invoke(app, ["reembed", str(path), "--force", "--json"])
    assert json.loads(done.stdout) == {"left": 0, "spaces": {MiniLM().fingerprint: 3}}
    new = open_cache(embedder=None, policy=QUIET)
    assert by_meaning(new, range(3)) == [0, 1, 2]
