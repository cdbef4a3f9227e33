"""The index: a view that equals brute force."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seglam import ConfigurationError
from seglam.index import ScopedIndex, pack, unpack

DIMENSION = 8
scopes = st.sampled_from([("", "a", ""), ("", "b", ""), ("n", "a", "e")])
operations = st.lists(
    st.tuples(st.sampled_from(["add", "remove"]), st.integers(1, 30), scopes, st.integers(0, 1000)), max_size=60
)


def unit(seed):
    """A random unit vector."""
    vector = np.random.default_rng(seed).standard_normal(DIMENSION).astype(np.float32)
    return vector / np.linalg.norm(vector)


@settings(deadline=None)
@given(operations, scopes, st.integers(0, 1000), st.integers(1, 10))
def test_search_equals_brute_force_within_the_scope(steps, scope, seed, k):
    """After any adds and removals a search finds exactly the nearest vectors of its scope, and no other scope's."""
    index, truth = ScopedIndex(DIMENSION), {}
    for what, row, home, vector_seed in steps:
        if what == "add":
            index.add([(row, home, unit(vector_seed))])
            truth.setdefault(row, (home, unit(vector_seed)))
        else:
            assert index.remove([row]) == (row in truth)
            truth.pop(row, None)
    query = unit(seed)
    exact = sorted((float(query @ unpack(pack(v))) for home, v in truth.values() if home == scope), reverse=True)
    found = index.search(scope, query, k)
    assert len(index) == len(truth)
    assert index.ids() == sorted(truth)
    assert np.allclose([score for _, score in found], exact[:k], atol=2e-3)
    assert all(truth[row][0] == scope for row, _ in found)


def test_adding_a_known_id_changes_nothing():
    """Rows may be offered twice (own writes come back as news)."""
    index = ScopedIndex(DIMENSION)
    assert index.add([(1, ("", "", ""), unit(1))]) == 1
    assert index.add([(1, ("", "", ""), unit(2))]) == 0
    assert index.search(("", "", ""), unit(1), 1)[0][1] == pytest.approx(1.0, abs=2e-3)


def test_packing_keeps_vectors_within_half_precision():
    """What the store keeps is the vector, to three digits."""
    assert np.allclose(unpack(pack(unit(3))), unit(3), atol=1e-3)


def test_dimension_is_checked():
    """A dimension that is none is refused by name."""
    with pytest.raises(ConfigurationError, match="dimension"):
        ScopedIndex(0)
