"""Pairs in the cache's file: a lawful map by namespace and collection, that is no part of the answers."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from seglam import Cache, Policy, Request, Response
from seglam.pairs import Pairs
from seglam.store import Store

NAMES = st.sampled_from(["", "a", "b"])
KEYS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=3)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


class PairsAreAMap(RuleBasedStateMachine):
    """Any sequence of calls gives what a dictionary by (namespace, collection, key) gives."""

    @initialize()
    def begin(self) -> None:
        self.store = Store(":memory:")
        self.pairs = Pairs(self.store, lambda: 1.0)
        self.model: dict[tuple[str, str, str], Any] = {}

    @rule(namespace=NAMES, collection=NAMES, values=st.dictionaries(KEYS, JSON, max_size=3))
    def put(self, namespace: str, collection: str, values: dict[str, Any]) -> None:
        self.pairs.put(namespace, collection, values)
        self.model |= {(namespace, collection, key): value for key, value in values.items()}

    @rule(namespace=NAMES, collection=NAMES, keys=st.lists(KEYS, max_size=3))
    def get(self, namespace: str, collection: str, keys: list[str]) -> None:
        known = {
            key: self.model[namespace, collection, key] for key in keys if (namespace, collection, key) in self.model
        }
        assert self.pairs.get(namespace, collection, keys) == known

    @rule(namespace=NAMES, collection=NAMES, key=KEYS)
    def delete(self, namespace: str, collection: str, key: str) -> None:
        there = self.model.pop((namespace, collection, key), self) is not self
        assert self.pairs.delete(namespace, collection, key) == there

    @rule(namespace=NAMES)
    def clear(self, namespace: str) -> None:
        self.store.clear(namespace)
        self.model = {place: value for place, value in self.model.items() if place[0] != namespace}

    @invariant()
    def every_collection_is_the_models(self) -> None:
        for namespace in ("", "a", "b"):
            for collection in ("", "a", "b"):
                held = {k: v for (n, c, k), v in self.model.items() if (n, c) == (namespace, collection)}
                assert self.pairs.all(namespace, collection) == held

    def teardown(self) -> None:
        if hasattr(self, "store"):
            assert self.store.check() == []
            self.store.close()


TestPairsAreAMap = PairsAreAMap.TestCase
TestPairsAreAMap.settings = settings(deadline=None, max_examples=40, stateful_step_count=20)


def test_pairs_are_no_answers(open_cache: Callable[..., Cache]) -> None:
    """They take no place of entries, count nothing, and are not evicted when answers are."""
    cache = open_cache(policy={"compile": "off", "max_entries": 2})
    cache.pairs.put("n", "c", {str(number): number for number in range(1200)})
    for number in range(5):
        cache.record(Request(f"q{number}"), Response("a"))
    assert cache.stats().sizes["entries"] <= 2
    assert cache.pairs.get("n", "c", [str(number) for number in range(1200)]) == {str(n): n for n in range(1200)}
    assert cache.stats().requests == 0
    cache.clear("other")
    assert cache.pairs.all("n", "c")
    cache.clear()
    assert cache.pairs.all("n", "c") == {}


@pytest.mark.parametrize("value", [{1, 2}, float("nan"), object()])
def test_what_is_no_json_is_refused_and_nothing_is_kept(open_cache: Callable[..., Cache], value: Any) -> None:
    """All of a batch or none of it."""
    cache = open_cache()
    with pytest.raises((TypeError, ValueError)):
        cache.pairs.put("n", "c", {"good": 1, "bad": value})
    assert cache.pairs.all("n", "c") == {}


def test_pairs_outlive_the_process(path: Any) -> None:
    """They are in the file."""
    with Cache.open(path, policy=Policy(compile="off")) as cache:
        cache.pairs.put("n", "c", {"k": [1.5]})
    with Cache.open(path) as cache:
        assert cache.pairs.get("n", "c", ["k"]) == {"k": [1.5]}
