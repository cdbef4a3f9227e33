"""The cache's file as LlamaIndex's key-value store: its contract, its pipelines, and nothing lost between processes."""

import asyncio
import copy
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from llama_index.core.extractors import SummaryExtractor, TitleExtractor
from llama_index.core.ingestion import IngestionCache, IngestionPipeline
from llama_index.core.schema import TextNode
from llama_index.core.storage.kvstore import SimpleKVStore

from llamaindex_models import EchoLLM, ScriptedLLM
from llamaindex_seglam import SeglamKVStore, cached
from seglam import Cache, ConfigurationError, bypass, record, refresh, sharing, tenant


@pytest.fixture
def cache(open_cache: Callable[..., Cache]) -> Cache:
    """A cache that raises on faults and compiles nothing."""
    return open_cache(policy={"compile": "off"})


@pytest.fixture(autouse=True)
def _registry() -> Iterator[None]:
    """Close what was opened by path."""
    yield
    sharing._registry.close()


STEP = st.tuples(
    st.sampled_from(["put", "aput", "get", "aget", "delete", "adelete", "get_all", "aget_all", "put_all", "aput_all"]),
    st.sampled_from(["k", "", "ключ"]),
    st.dictionaries(st.text(max_size=3), st.integers() | st.lists(st.floats(allow_nan=False), max_size=2), max_size=2),
    st.sampled_from(["data", "other"]),
)


def done(store: Any, step: Any) -> Any:
    """One call of a store."""
    name, key, value, collection = step
    given = {"put": (key, value), "put_all": ([(key, value)],), "get_all": ()}.get(name.removeprefix("a"), (key,))
    result = getattr(store, name)(*given, collection=collection)
    return asyncio.run(result) if name.startswith("a") else result


@given(st.lists(STEP, max_size=8))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
def test_it_is_a_key_value_store_like_llamaindexs_own(cache: Cache, steps: list[Any]) -> None:
    """Any sequence of calls, sync and async, gives what SimpleKVStore gives."""
    steps = [step for step in steps if "inf" not in repr(step)]  # no JSON: refused, see below
    cache.clear()
    ours, theirs = SeglamKVStore(cache), SimpleKVStore()
    for step in steps:
        assert done(ours, step) == done(theirs, step)


def test_what_it_gives_is_a_copy(cache: Cache) -> None:
    """Changing a value that was put or got changes nothing that is kept."""
    store, value = SeglamKVStore(cache), {"list": [1]}
    store.put("k", value)
    value["list"].append(2)
    store.get("k")["list"].append(3)  # type: ignore[index]
    assert store.get("k") == {"list": [1]}
    with pytest.raises((TypeError, ValueError)):
        store.put("bad", {"nan": float("nan")})


def test_tenants_namespaces_and_collections_are_kept_apart(cache: Cache) -> None:
    """Nothing crosses them; a block's tenant stands before the store's own; one without a name is never read or written."""
    SeglamKVStore(cache).put("k", {"v": 1})
    assert SeglamKVStore(cache, namespace="other").get("k") is None
    assert SeglamKVStore(cache, tenant="acme").get("k") is None
    with tenant("acme"):
        SeglamKVStore(cache).put("k", {"v": 2})
    assert SeglamKVStore(cache, tenant="acme").get_all() == {"k": {"v": 2}}
    assert SeglamKVStore(cache).get("k") == {"v": 1}
    with pytest.raises(TypeError, match="tenant"):
        SeglamKVStore(cache, tenant=lambda: "").get("k")


def test_the_blocks_hold_for_it(cache: Cache, tmp_path: Path) -> None:
    """Bypass and recordings neither read nor write; refresh writes."""
    store = SeglamKVStore(cache)
    store.put("k", {"v": 1})
    for block in (bypass(), record(tmp_path / "r.jsonl")):
        with block:
            assert store.get("k") is None
            assert store.get_all() == {}
            store.put("k", {"v": 2})
        assert store.get("k") == {"v": 1}
    with refresh():
        assert store.get("k") is None
        store.put("k", {"v": 3})
    assert store.get("k") == {"v": 3}


@pytest.mark.parametrize("options", [{"cache": 7}, {"namespace": None}, {"tenant": ""}, {"tenant": 7}])
def test_a_wrong_argument_is_named(path: Path, options: dict[str, Any]) -> None:
    """ConfigurationError at construction, with the argument's name."""
    given = {"cache": path, **options}
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        SeglamKVStore(given.pop("cache"), **given)


def test_a_fault_is_a_miss(open_cache: Callable[..., Cache], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever fails in the file costs the application nothing but what was kept, and is counted."""
    cache = open_cache(policy={"on_fault": "miss"})
    store = SeglamKVStore(cache)
    store.put("k", {"v": 1})

    def broken(*_: Any) -> Any:
        raise OSError("disk full")

    for name in ("get", "put", "all", "delete"):
        monkeypatch.setattr(cache.pairs, name, broken)
    store.put("k", {"v": 2})
    assert (store.get("k"), store.get_all(), store.delete("k")) == (None, {}, False)
    assert sum(cache.faults.values()) == 4


def test_it_pickles_by_its_path(cache: Cache, path: Path, tmp_path: Path) -> None:
    """And with an open cache not at all: LlamaIndex would put a default store in its place without a word."""
    store = SeglamKVStore(tmp_path / "other.db", namespace="n", tenant="t")
    store.put("k", {"v": 1})
    assert pickle.loads(pickle.dumps(store)).get("k") == {"v": 1}
    assert copy.deepcopy(store).get("k") == {"v": 1}
    with pytest.raises(TypeError, match="path"):
        pickle.dumps(SeglamKVStore(cache))


# -- pipelines ------------------------------------------------------------------------------------------------------------

COUNT = 4


def nodes() -> list[Any]:
    """Fresh nodes, because extractors write on what they are given."""
    return [TextNode(text=f"Spiders have {number} legs.", id_=str(number)) for number in range(COUNT)]


def pipeline(llm: Any, store: Any, extractor: Any = SummaryExtractor) -> IngestionPipeline:
    """A pipeline that asks its LLM about every node."""
    return IngestionPipeline(transformations=[extractor(llm=llm)], cache=IngestionCache(cache=store))


def summaries(found: Any) -> list[Any]:
    """What the extractor wrote, by node."""
    return sorted((node.node_id, node.metadata) for node in found)


def test_an_ingestion_cache_finds_everything_again(cache: Cache) -> None:
    """The second run asks no LLM; wrapping the LLM or not makes no other transformation; clear() empties it."""
    inner = ScriptedLLM()
    store = SeglamKVStore(cache)
    told = [summaries(pipeline(inner, store).run(nodes=nodes())) for _ in range(2)]
    assert told[0] == told[1]
    asked = len(inner.counter)
    assert asked == COUNT
    assert summaries(pipeline(cached(inner, cache), store).run(nodes=nodes())) == told[0]
    assert summaries(asyncio.run(pipeline(inner, store).arun(nodes=nodes()))) == told[0]
    assert len(inner.counter) == asked
    IngestionCache(cache=store).clear()
    assert store.get_all("llama_cache") == {}


@pytest.mark.parametrize("extractor", [SummaryExtractor, TitleExtractor])
def test_extractors_with_a_wrapped_llm_ask_once(cache: Cache, extractor: Any) -> None:
    """Without an ingestion cache too: the LLM's own answers are there, sync and async."""
    inner = ScriptedLLM()
    llm = cached(inner, cache)
    runs = [IngestionPipeline(transformations=[extractor(llm=llm)], disable_cache=True) for _ in range(3)]
    told = [summaries(run.run(nodes=nodes())) for run in runs[:2]]
    told.append(summaries(asyncio.run(runs[2].arun(nodes=nodes()))))
    assert told[0] == told[1] == told[2]
    # Titles: a candidate of each node, and one made of them for the document.
    assert len(inner.counter) == COUNT + (extractor is TitleExtractor)


def test_what_workers_learn_and_keep_is_there_afterwards(path: Path) -> None:
    """Two processes of a pipeline write answers and nodes to the one file; the next run of this process asks nothing."""
    llm = cached(EchoLLM(), path, compiler=None)
    store = SeglamKVStore(path)
    told = summaries(pipeline(llm, store).run(nodes=nodes(), num_workers=2))
    assert len(told) == COUNT
    assert len(store.get_all("llama_cache")) == 2  # one for each batch
    inner = EchoLLM()
    again = cached(inner, path, compiler=None)
    plain = IngestionPipeline(transformations=[SummaryExtractor(llm=again)], disable_cache=True)
    assert summaries(plain.run(nodes=nodes())) == told
    assert len(inner.counter) == 0
    with refresh():
        plain.run(nodes=nodes())
    assert len(inner.counter) == COUNT
