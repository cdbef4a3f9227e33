"""The index: a view that equals brute force, flat or in lists, whatever happens while it is settled."""

import threading
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seglam import ConfigurationError
from seglam.index import ScopedIndex, pack, unpack
from seglam.segments import Inverted

DIMENSION = 8
HERE = ("", "a", "")
scopes = st.sampled_from([HERE, ("", "b", ""), ("n", "a", "e")])
ids = st.integers(-(2**63), 2**63 - 1) | st.integers(-40, 40)
changes = st.tuples(
    st.sampled_from(["add", "add", "remove"]), ids.filter(lambda i: i != -1), scopes, st.integers(0, 1000)
)
crowd = st.tuples(st.just("crowd"), st.integers(2, 1000), scopes, st.integers(5, 60))
upkeep = st.tuples(st.sampled_from(["settle", "copy"]), st.just(0), scopes, st.integers(0, 30))
small = patch.multiple("seglam.index", _CHUNK=16, _TAIL=8, _DEAD=2, _SPARE=1, _LISTS=2, _STEP=5)


def unit(seed, dimension=DIMENSION):
    """A random unit vector."""
    vector = np.random.default_rng(seed).standard_normal(dimension).astype(np.float32)
    return vector / np.linalg.norm(vector)


class Pair:
    """An index, and what it should hold."""

    def __init__(self, limit):
        self.index, self.truth, self.limit = ScopedIndex(DIMENSION, limit=limit), {}, limit

    def change(self, what, row, home, seed):
        if what == "add":
            assert self.index.add([(row, home, unit(seed))]) == (row not in self.truth)
            self.truth.setdefault(row, (home, unit(seed)))
        elif what == "remove":
            assert self.index.remove([row]) == (row in self.truth)
            self.truth.pop(row, None)
        elif what == "crowd":
            fresh = {(seed << 40) + row + n: (home, unit(row + n)) for n in range(seed)}
            new = {number: pair for number, pair in fresh.items() if number not in self.truth}
            assert self.index.add((number, *pair) for number, pair in fresh.items()) == len(new)
            self.truth.update(new)

    def compare(self, scope, seed, k, within):
        query = unit(seed)
        scores = [float(query @ unpack(pack(v))) for home, v in self.truth.values() if home == scope]
        found = self.index.search(scope, query, k)
        assert len(self.index) == len(self.truth)
        assert self.index.ids() == sorted(self.truth)
        assert len({row for row, _ in found}) == len(found) == min(k, len(scores))
        assert np.allclose([score for _, score in found], sorted(scores, reverse=True)[:k], atol=within)
        assert all(self.truth[row][0] == scope == self.index.scope(row) for row, _ in found)
        assert np.allclose([query @ self.truth[row][1] for row, _ in found], [s for _, s in found], atol=within)


@settings(deadline=None)
@given(st.lists(changes, max_size=60), scopes, st.integers(0, 1000), st.integers(1, 10))
def test_search_equals_brute_force_within_the_scope(steps, scope, seed, k):
    """After any adds and removals a search finds exactly the nearest vectors of its scope, and no other scope's."""
    pair = Pair(limit=1000)
    for step in steps:
        pair.change(*step)
    pair.compare(scope, seed, k, within=2e-3)


@settings(deadline=None, max_examples=200)
@given(
    st.lists(changes | crowd | upkeep, max_size=30),
    st.lists(changes, max_size=30),
    st.integers(0, 1000),
    st.integers(1, 10),
)
def test_lists_equal_brute_force_whatever_happens_while_they_are_made(steps, meanwhile, seed, k):
    """Training, moving, sweeping and copying lose nothing, also what comes and goes between any two of their steps.

    All lists are probed here, so only the bytes make a difference, of at most half a step for each component.
    """
    with small:
        pair, waiting = Pair(limit=20), list(meanwhile)

        def until(asked):
            def stop():
                if waiting:
                    pair.change(*waiting.pop())
                return next(asked, False)

            return stop

        for what, row, home, number in steps:
            if what == "settle":
                pair.index.settle(until(iter([False] * number + [True] if number < 20 else [])))
                assert number < 20 or not pair.index.due()
            elif what == "copy":
                records, pair.index = list(pair.index.records()), ScopedIndex(DIMENSION, limit=20)
                pair.index.restore(records)
            else:
                pair.change(what, row, home, number)
        for scope in (HERE, ("", "b", ""), ("n", "a", "e")):
            pair.compare(scope, seed, k, within=3e-2)


def test_threads_add_remove_and_search_while_another_settles():
    """What was added before a search is found by it at any moment of the upkeep; at the end everything is there."""
    rng = np.random.default_rng(5)
    vectors = rng.standard_normal((6_000, 32)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    index, over, missed = ScopedIndex(32, limit=500), threading.Event(), []

    def settle():
        while not over.is_set():
            index.settle()

    def ask():
        while not over.is_set():
            known = len(index)
            for number in rng.integers(0, known, 20) if known else ():
                found = index.search(HERE, vectors[number], 1)
                if number % 3 and (not found or found[0][0] != number):
                    missed.append(number)

    threads = [threading.Thread(target=work) for work in (settle, ask, ask)]
    for thread in threads:
        thread.start()
    for first in range(0, len(vectors), 50):
        index.extend(range(first, first + 50), [HERE] * 50, vectors[first : first + 50])
        index.remove(number for number in range(max(0, first - 50), first) if number % 3 == 0)
    over.set()
    for thread in threads:
        thread.join()
    index.settle()
    left = set(range(len(vectors))) - set(range(0, len(vectors) - 50, 3))
    assert not missed
    assert set(index.ids()) == left
    assert index._parts[HERE].inverted


def test_lists_are_made_anew_for_many_more_vectors():
    """An index that grew has more lists, and the old ones are gone."""
    index = ScopedIndex(DIMENSION, limit=100)
    for count in (100, 1_000):
        index.add((n, HERE, unit(n)) for n in range(count))
        index.settle()
        (inverted,) = index._parts[HERE].inverted
        assert inverted.lists == Inverted.lists_for(count)
        assert len(inverted) == count


@pytest.mark.parametrize("steps", range(0, 60, 3))
def test_upkeep_may_stop_anywhere_and_go_on_later(steps):
    """Told to stop after any step, everything is found once; a later upkeep ends with one set of lists."""
    with small, patch("seglam.segments.PROBES", 1000):
        index = ScopedIndex(DIMENSION, limit=50)
        index.add((n, HERE, unit(n)) for n in range(50))
        index.settle()
        index.add((n, HERE, unit(n)) for n in range(50, 300))
        index.remove(range(0, 300, 4))
        index.settle(iter([False] * steps + [True] * 9).__next__)
        found = index.search(HERE, unit(7), 300)
        assert sorted(number for number, _ in found) == index.ids() == [n for n in range(300) if n % 4]
        index.settle()
        assert len(index._parts[HERE].inverted) == 1
        assert sorted(n for n, _ in index.search(HERE, unit(7), 300)) == index.ids()


def test_a_scope_may_be_emptied_while_it_is_settled():
    """What it took goes to others once, and nothing of it is found there."""
    there, index = ("", "b", ""), ScopedIndex(DIMENSION, limit=500)

    def stop():
        if there not in index._parts:
            index.remove(range(200))
            index.add((n, there, unit(n)) for n in range(1000, 1300))
        return False

    with small, patch("seglam.segments.PROBES", 1000):
        index.add((n, HERE, unit(n)) for n in range(200))
        index.remove(range(0, 200, 2))
        index.settle(stop)
        index.add((n, there, unit(n)) for n in range(2000, 2300))
        index.settle()
    assert len(set(index._free)) == len(index._free) == len(index._home) - 600
    assert index.search(HERE, unit(3), 3) == []
    assert sorted(number for number, _ in index.search(there, unit(3), 700)) == index.ids()


def test_a_copy_has_no_tombstones():
    """What was removed is in no snapshot, of flat segments or of lists."""
    index, copy = ScopedIndex(DIMENSION, limit=100), ScopedIndex(DIMENSION, limit=100)
    index.add((n, HERE, unit(n)) for n in range(200))
    index.settle()
    index.add((n, HERE, unit(n)) for n in range(200, 250))
    index.remove([3, 201])
    records = list(index.records())
    assert sum(len(arrays.get("ids", ())) for _, arrays in records) == 248
    copy.restore(records)
    assert copy.ids() == index.ids()
    assert copy.search(HERE, unit(3), 5) == index.search(HERE, unit(3), 5)


def test_what_tombstones_took_is_used_again():
    """An index through which many vectors pass stays as large as those that are in it at a time."""
    index = ScopedIndex(DIMENSION, limit=200)
    for first in range(0, 20_000, 100):
        index.add((n, HERE, unit(n % 50)) for n in range(first, first + 100))
        index.remove(range(first - 300, first - 200))
        index.settle()
    assert len(index) == 300
    assert len(index._home) <= 2_000
    assert len(index._parts[HERE].slots()) <= 1_000


def test_an_emptied_scope_is_forgotten():
    """Scopes come and go (tenants, prompts): one without vectors takes nothing."""
    index = ScopedIndex(DIMENSION, limit=10)
    for number in range(100):
        index.add([(number, ("", str(number), ""), unit(number))])
        assert index.remove([number]) == 1
    assert len(index) == len(index._parts) == len(index._touched) == 0
    assert len(index._home) == 64


def test_tombstones_in_front_hide_nothing():
    """However many of the nearest were removed, the next ones are found."""
    index = ScopedIndex(DIMENSION, limit=1_000)
    query = unit(1)
    near = [query + np.float32(0.001) * unit(n) for n in range(60)]
    index.add((n, HERE, v / np.linalg.norm(v)) for n, v in enumerate(near))
    index.add([(1000, HERE, unit(2)), (1001, HERE, unit(3))])
    index.remove(range(60))
    assert sorted(number for number, _ in index.search(HERE, query, 2)) == [1000, 1001]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_vectors_that_are_not_finite_are_left_out(bad):
    """NaN and infinity never enter, never match, and leave the others as they are."""
    index, broken = ScopedIndex(DIMENSION), unit(1)
    broken[3] = bad
    assert index.add([(1, HERE, unit(1)), (2, HERE, broken), (-1, HERE, unit(4))]) == 1
    assert index.ids() == [1]
    assert index.search(HERE, broken, 3) == []
    assert index.search(HERE, unit(1)[:5], 3) == []
    assert [number for number, _ in index.search(HERE, unit(1), 3)] == [1]


def test_vectors_that_are_all_the_same_can_be_trained():
    """A crowd of one wording breaks nothing."""
    index = ScopedIndex(DIMENSION, limit=50)
    index.add((n, HERE, unit(1)) for n in range(120))
    index.settle()
    assert len(index.search(HERE, unit(1), 5)) == 5
    assert not index.due()


def test_training_that_fails_leaves_the_index_flat(caplog):
    """Out of memory: a log line, exact search as before, and no new attempt at once."""
    index = ScopedIndex(DIMENSION, limit=50)
    index.add((n, HERE, unit(n)) for n in range(60))
    with patch.object(Inverted, "train", side_effect=MemoryError):
        index.settle()
    assert "stays flat" in caplog.text
    assert not index.due()
    assert index.search(HERE, unit(7), 1)[0][0] == 7


def test_adding_a_known_id_changes_nothing():
    """Rows may be offered twice (own writes come back as news)."""
    index = ScopedIndex(DIMENSION)
    assert index.add([(1, ("", "", ""), unit(1))]) == 1
    assert index.add([(1, ("", "", ""), unit(2))]) == 0
    assert index.search(("", "", ""), unit(1), 1)[0][1] == pytest.approx(1.0, abs=2e-3)


def test_packing_keeps_vectors_within_half_precision():
    """What the store keeps is the vector, to three digits."""
    assert np.allclose(unpack(pack(unit(3))), unit(3), atol=1e-3)


@pytest.mark.parametrize(("arguments", "name"), [((0,), "dimension"), ((8, 0), "limit")])
def test_arguments_are_checked(arguments, name):
    """A dimension or a limit that is none is refused by name."""
    with pytest.raises(ConfigurationError, match=name):
        ScopedIndex(arguments[0], **({"limit": arguments[1]} if len(arguments) > 1 else {}))
