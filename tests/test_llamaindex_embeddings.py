"""cached_embeddings: the same model and type; vectors are kept by model, text, and whether it is a question or a document."""

import asyncio
import copy
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from llama_index.core import Document, MockEmbedding, VectorStoreIndex
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.ingestion.pipeline import get_transformation_hash
from llama_index.core.llms import MockLLM
from pydantic import PrivateAttr

from llamaindex_seglam import cached_embeddings
from seglam import (
    Cache,
    ConfigurationError,
    OnlyIfCachedError,
    ReplayError,
    bypass,
    only_if_cached,
    record,
    refresh,
    replay,
    sharing,
    tenant,
)

SPIDER, ANT = "Spiders have 8 legs.", "Ants have 6 legs."


class Embedder(BaseEmbedding):
    """An asymmetric model that keeps what it was asked: a question and a document have other vectors."""

    instruction: str = ""
    _asked: list[Any] = PrivateAttr(default_factory=list)
    _error: Any = PrivateAttr(default=None)

    @property
    def asked(self) -> list[Any]:
        return self._asked

    def _vector(self, kind: str, text: str) -> list[float]:
        self._asked.append((kind, text))
        if self._error is not None:
            raise self._error
        return [float(len(self.instruction)), float(len(text)), 1.0 if kind == "query" else 0.1]

    def _get_query_embedding(self, query: str) -> list[float]:
        return self._vector("query", query)

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self._vector("query", query)

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._vector("text", text)


@pytest.fixture
def cache(open_cache: Callable[..., Cache]) -> Cache:
    """A cache that raises on faults."""
    return open_cache()


@pytest.fixture(autouse=True)
def _registry() -> Iterator[None]:
    """Close what was opened by path."""
    yield
    sharing._registry.close()


def ways(model: Any) -> list[Any]:
    """Every public way to a vector, with its result."""

    async def later() -> list[Any]:
        return [
            await model.aget_query_embedding(SPIDER),
            await model.aget_text_embedding(SPIDER),
            await model.aget_text_embedding_batch([SPIDER, ANT, SPIDER]),
        ]

    return [
        model.get_query_embedding(SPIDER),
        model.get_text_embedding(SPIDER),
        model.get_text_embedding_batch([ANT, SPIDER, ANT]),
        model.get_agg_embedding_from_queries([SPIDER, ANT]),
        *asyncio.run(later()),
    ]


def test_every_way_gives_what_the_model_gives_and_asks_once(cache: Cache) -> None:
    """Sync, async and in batches, with texts that come twice: the model is asked once for a question and once for a document."""
    inner = Embedder()
    model = cached_embeddings(inner, cache)
    assert ways(model) == ways(Embedder())
    assert sorted(inner.asked) == [("query", ANT), ("query", SPIDER), ("text", ANT), ("text", SPIDER)]
    assert ways(model) == ways(Embedder())
    assert len(inner.asked) == 4
    assert cache.stats().requests == 0


def test_a_question_never_gets_a_documents_vector(cache: Cache) -> None:
    """LlamaIndex's own embeddings_cache gives it; here the two are apart."""
    model = cached_embeddings(Embedder(), cache)
    assert model.get_text_embedding(SPIDER) != model.get_query_embedding(SPIDER)
    assert model.get_query_embedding(SPIDER)[-1] == 1.0


def test_another_model_never_gets_this_ones_vector(cache: Cache) -> None:
    """Name, settings, class, namespace and tenant count; how texts are sent does not."""
    seen: list[Any] = []

    class Other(Embedder):
        pass

    for inner, options in (
        (Embedder(), {}),
        (Embedder(model_name="m2"), {}),
        (Embedder(instruction="Represent: "), {}),
        (Other(), {}),
        (Embedder(), {"namespace": "other"}),
        (Embedder(), {"tenant": "acme"}),
    ):
        cached_embeddings(inner, cache, **options).get_text_embedding(SPIDER)
        seen += inner.asked
    assert len(seen) == 6
    again = Embedder(embed_batch_size=3, num_workers=2)
    cached_embeddings(again, cache).get_text_embedding(SPIDER)
    with tenant("acme"):
        cached_embeddings(again, cache).get_text_embedding(SPIDER)
    assert again.asked == []


def test_settings_changed_on_the_wrapper_make_another_key(cache: Cache) -> None:
    """State is shared both ways, and read at every call."""
    inner = Embedder()
    model = cached_embeddings(inner, cache)
    one = model.get_text_embedding(SPIDER)
    model.instruction = "Represent: "
    assert inner.instruction == "Represent: "
    assert model.get_text_embedding(SPIDER) != one


def test_it_is_the_same_type_with_the_same_dictionary(cache: Cache) -> None:
    """isinstance, names, to_dict and the hash of an ingestion step cannot tell the two apart; wrapping twice is once."""
    for inner in (Embedder(), MockEmbedding(embed_dim=8)):
        model = cached_embeddings(cached_embeddings(inner, cache), cache)
        assert isinstance(model, type(inner))
        assert type(model).__qualname__ == type(inner).__qualname__
        assert model.to_dict() == inner.to_dict()
        assert get_transformation_hash([], model) == get_transformation_hash([], inner)
        assert repr(model) == f"cached_embeddings({inner!r})"
    assert type(type(model).from_dict(model.to_dict())) is MockEmbedding


@pytest.mark.parametrize("copier", [copy.copy, copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_copies_and_pickles_keep_the_cache(path: Path, copier: Any) -> None:
    """What was embedded before is not embedded again by a copy."""
    model = cached_embeddings(Embedder(), path)
    model.get_text_embedding(SPIDER)
    twin = copier(model)
    twin._asked.clear()
    twin.get_text_embedding(SPIDER)
    assert twin.asked == []


def test_an_open_cache_is_left_behind_by_a_pickle(cache: Cache, caplog: pytest.LogCaptureFixture) -> None:
    """The model works on without it, and the log says so."""
    back = pickle.loads(pickle.dumps(cached_embeddings(Embedder(), cache)))
    assert type(back) is Embedder
    assert "without its cache" in caplog.text


def test_the_blocks_hold_for_embeddings(cache: Cache, tmp_path: Path) -> None:
    """Bypass, refresh, only_if_cached; recorded once and replayed without the model."""
    inner = Embedder()
    model = cached_embeddings(inner, cache)
    with bypass():
        model.get_text_embedding(SPIDER)
    with only_if_cached(), pytest.raises(OnlyIfCachedError):
        model.get_text_embedding(SPIDER)
    assert len(inner.asked) == 1
    with record(tmp_path / "r.jsonl"):
        told = ways(model)
    asked = len(inner.asked)
    with replay(tmp_path / "r.jsonl"):
        assert ways(model) == told
        with pytest.raises(ReplayError):
            model.get_text_embedding_batch([SPIDER, "never"])
    assert len(inner.asked) == asked
    model.get_text_embedding(SPIDER)
    with refresh():
        model.get_text_embedding(SPIDER)
    with only_if_cached():
        model.get_text_embedding(SPIDER)
    assert len(inner.asked) == asked + 2


def test_errors_are_the_models_own_and_keep_nothing(cache: Cache) -> None:
    """The very object comes through, and the next call asks again."""
    inner = Embedder()
    model = cached_embeddings(inner, cache)
    inner._error = ValueError("overloaded")
    for ask in (
        model.get_text_embedding,
        model.get_query_embedding,
        lambda text: model.get_text_embedding_batch([text]),
    ):
        with pytest.raises(ValueError, match="overloaded") as caught:
            ask(SPIDER)
        assert caught.value is inner._error
        assert caught.value.__context__ is None
    inner._error = None
    assert model.get_text_embedding(SPIDER)


def test_a_vector_that_is_none_is_not_kept(cache: Cache) -> None:
    """NaN, infinity, nothing: given through as they are, and asked again."""
    for bad in ([float("nan")], [float("inf"), 1.0], []):

        class Bad(Embedder):
            def _vector(self, kind: str, text: str, bad: list[float] = bad) -> list[float]:
                self._asked.append((kind, text))
                return bad

        inner = Bad()
        for _ in range(2):
            assert cached_embeddings(inner, cache).get_text_embedding(SPIDER) is bad
        assert len(inner.asked) == 2


@pytest.mark.parametrize("place", ["get", "put"])
def test_a_fault_costs_nothing_but_the_hit(
    open_cache: Callable[..., Cache], monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """The model embeds, once a call; the fault is counted. Where the model is forbidden, there is an error."""
    cache = open_cache(policy={"on_fault": "miss"})

    def broken(*_: Any) -> Any:
        raise OSError("disk")

    monkeypatch.setattr(cache.pairs, place, broken)
    inner = Embedder()
    model = cached_embeddings(inner, cache)
    assert model.get_text_embedding_batch([SPIDER, ANT]) == Embedder().get_text_embedding_batch([SPIDER, ANT])
    assert len(inner.asked) == 2
    assert cache.faults == {"llamaindex.embeddings": 1}
    with only_if_cached(), pytest.raises(OnlyIfCachedError):
        model.get_text_embedding("new")


def test_a_model_without_a_key_bypasses(cache: Cache, caplog: pytest.LogCaptureFixture) -> None:
    """A field without a form: the model embeds every time, and the log says why."""

    class Live(Embedder):
        handle: Any = None

    inner = Live(handle=object())
    model = cached_embeddings(inner, cache)
    for _ in range(2):
        model.get_text_embedding(SPIDER)
    assert len(inner.asked) == 2
    assert "bypasses the cache" in caplog.text


def test_an_index_is_built_again_without_the_model(cache: Cache) -> None:
    """Documents and questions of an index; the answers are those of the first time."""
    inner = Embedder()
    found = []
    for _ in range(2):
        model = cached_embeddings(inner, cache)
        index = VectorStoreIndex.from_documents([Document(text=SPIDER), Document(text=ANT)], embed_model=model)
        engine = index.as_query_engine(llm=MockLLM(), similarity_top_k=1)
        found.append(engine.query("How many legs has an ant?").source_nodes[0].text)
    assert found[0] == found[1]
    assert len(inner.asked) == 3


@pytest.mark.parametrize("options", [{"model": "m"}, {"cache": 7}, {"namespace": None}, {"tenant": ""}])
def test_a_wrong_argument_is_named(path: Path, options: dict[str, Any]) -> None:
    """ConfigurationError at construction, with the argument's name."""
    given = {"model": Embedder(), "cache": path, **options}
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        cached_embeddings(given.pop("model"), given.pop("cache"), **given)
