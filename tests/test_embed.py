"""The embedders that an application brings, and what the wrappers refuse to believe."""

import importlib.util
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.embeddings import DeterministicFakeEmbedding, Embeddings, FakeEmbeddings
from llama_index.core import MockEmbedding

from conftest import HashEmbedder
from seglam import Cache, Policy, Request, Response, TierName
from seglam.embed import Checked, Memo, MiniLM, ObjectEmbedder, SentenceTransformerEmbedder, as_embedder
from seglam.errors import ConfigurationError, EmbedderError, MissingExtraError

MINILM = MiniLM()  # lazy: nothing is loaded here

anything = st.text(st.characters(exclude_categories=()), max_size=60)  # lone surrogates too


def letters(texts):
    """A function embedder of 8 dimensions, cheap and honest: counts of letters by code point."""
    return [[1.0 + sum(ord(char) % 8 == slot for char in text) for slot in range(8)] for text in texts]


class Counting:
    """A correct embedder that remembers what it was asked."""

    fingerprint = "counting:8"
    dimension = 8

    def __init__(self):
        self.asked = []

    def embed(self, texts):
        self.asked.extend(texts)
        rows = np.array(letters(texts), dtype=np.float32).reshape(len(texts), 8)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    def covers(self, text):
        return bool(text)


class TestObjects:
    def test_langchain(self):
        """A LangChain Embeddings gives unit rows, one text one vector, and a fingerprint of its own."""
        embedder = as_embedder(DeterministicFakeEmbedding(size=16))
        rows = Checked(embedder).embed(["one", "two", "one"])
        assert rows.shape == (3, 16)
        assert embedder.dimension == 16
        assert np.array_equal(rows[0], rows[2])
        assert np.allclose(np.linalg.norm(rows, axis=1), 1.0, atol=1e-6)
        assert embedder.fingerprint == as_embedder(DeterministicFakeEmbedding(size=16)).fingerprint
        assert embedder.fingerprint != as_embedder(DeterministicFakeEmbedding(size=32)).fingerprint
        assert "DeterministicFakeEmbedding" in embedder.fingerprint

    def test_queries_on_both_sides(self):
        """The query side is used for everything, even where stored texts have a side of their own."""

        class TwoSided(DeterministicFakeEmbedding):
            def embed_documents(self, texts):
                raise AssertionError("stored and new texts must share one side")

        assert ObjectEmbedder(TwoSided(size=8)).embed(["a", "b"]).shape == (2, 8)

    def test_llamaindex_constant_mock_is_refused(self):
        """LlamaIndex's MockEmbedding says the same about everything: refused on first use, by every use."""
        checked = Checked(as_embedder(MockEmbedding(embed_dim=8)))
        for _ in range(2):
            with pytest.raises(EmbedderError, match="constant"):
                checked.embed(["hello"])

    def test_llamaindex_query_side(self):
        """A LlamaIndex model is asked through get_query_embedding, though it is callable too."""

        class Model(MockEmbedding):
            def _get_query_embedding(self, query):
                return letters([query])[0]

        embedder = as_embedder(Model(embed_dim=8, model_name="letters-1"))
        assert Checked(embedder).embed(["hello", "xyz"]).shape == (2, 8)
        assert ":letters-1:8:" in embedder.fingerprint

    def test_random_embedder_is_refused(self):
        """A model that gives one text two vectors is refused."""
        with pytest.raises(EmbedderError, match="not deterministic"):
            Checked(as_embedder(FakeEmbeddings(size=64))).embed(["hello"])

    def test_a_function(self):
        """A plain function of texts is an embedder."""
        embedder = as_embedder(letters)
        assert Checked(embedder).embed(["hello"]).shape == (1, 8)
        assert embedder.embed([]).shape == (0, 8)
        assert "letters" in embedder.fingerprint

    @given(st.integers(0, 2**32 - 1))
    @settings(deadline=None, max_examples=30)
    def test_fingerprint_follows_the_vectors(self, seed):
        """The fingerprint is the same for the same vectors at another scale, and another for other vectors."""

        def model(texts):
            return 3.0 * np.array(DeterministicFakeEmbedding(size=64).embed_documents(list(texts)))

        def scaled(texts):
            return 0.5 * model(texts)

        def other(texts):
            turn = np.random.default_rng(seed).normal(size=(64, 64))
            return model(texts) @ turn

        marks = [ObjectEmbedder(function).fingerprint.rpartition(":")[2] for function in (model, scaled, other)]
        assert marks[0] == marks[1] != marks[2]

    @given(anything)
    def test_covers_is_total(self, text):
        """Any text gets a yes or a no; a yes means letters, nothing hidden, and no more than max_chars."""
        if ObjectEmbedder(letters, max_chars=20).covers(text):
            assert len(text) <= 20
            assert text.encode("utf-8")
            assert any(char.isalpha() for char in text)

    def test_other_languages_are_trusted(self):
        """Which languages the application's model knows is its own business."""
        assert ObjectEmbedder(letters).covers("한국의 수도는 어디인가요?")
        assert not ObjectEmbedder(letters).covers("word " * 300)


class TestAsEmbedder:
    def test_defaults(self):
        """None and "minilm" mean the embedded model; an Embedder is itself, wrapped or not."""
        mine = Counting()
        wrapped = Memo(Checked(mine))
        assert isinstance(as_embedder(), MiniLM)
        assert isinstance(as_embedder("minilm"), MiniLM)
        assert as_embedder(mine) is mine
        assert as_embedder(wrapped) is wrapped

    @pytest.mark.parametrize("value", [42, "", "  ", object(), MiniLM, DeterministicFakeEmbedding, [1.0], b"minilm"])
    def test_nonsense_is_named(self, value):
        """Anything else, a class instead of an object among it, is a ConfigurationError that names the argument."""
        with pytest.raises(ConfigurationError, match="embedder"):
            as_embedder(value)

    def test_coroutine_function(self):
        """An async function would return coroutines, so it is refused at once."""

        async def later(texts):
            return letters(texts)

        with pytest.raises(ConfigurationError, match="embedder"):
            as_embedder(later)

    @pytest.mark.skipif(
        importlib.util.find_spec("sentence_transformers") is not None, reason="sentence-transformers is installed"
    )
    def test_missing_extra(self):
        """Without sentence-transformers a model name says at once what to install."""
        with pytest.raises(MissingExtraError, match=r'pip install "seglam\[sentence-transformers\]"'):
            as_embedder("intfloat/multilingual-e5-small")
        with pytest.raises(MissingExtraError):
            SentenceTransformerEmbedder(Path("model"))


class TestChecked:
    @pytest.mark.parametrize(
        ("answer", "message"),
        [
            (lambda texts: [[float("nan"), 1.0]] * len(texts), "NaN"),
            (lambda texts: [[float("inf"), 1.0]] * len(texts), "infinity"),
            (lambda texts: [[0.0, 0.0]] * len(texts), "zero"),
            (lambda texts: [[1.0, 2.0]] * (len(texts) + 1), "shape"),
            (lambda texts: [1.0, 2.0], "shape"),
            (lambda texts: [[1.0]] * len(texts), "shape"),
            (lambda texts: [[1.0, 2.0], [1.0]], "no array"),
            (lambda texts: [["a", "b"]] * len(texts), "shape"),
            (lambda texts: [[1j, 2j]] * len(texts), "shape"),
            (lambda texts: [[True, False]] * len(texts), "shape"),
            (lambda texts: None, "shape"),
            (lambda texts: [[1.0] * 8] * len(texts), "constant"),
        ],
    )
    def test_no_embedding(self, answer, message):
        """What is no embedding is an EmbedderError that says why."""
        counting = Counting()
        counting.embed = answer
        with pytest.raises(EmbedderError, match=message):
            Checked(counting).embed(["hello"])

    def test_dimension_must_hold(self):
        """Rows of another length than announced are refused."""
        counting = Counting()
        counting.dimension = 9
        with pytest.raises(EmbedderError, match="expected 9"):
            Checked(counting).embed(["hello"])

    @given(st.floats(1e-300, 1e300))
    def test_normalises(self, scale):
        """Rows of any finite length come back with length 1, in float32, whatever their scale."""
        counting = Counting()
        counting.embed = lambda texts: np.array(letters(texts), dtype=np.float64) * (scale / 100)
        rows = Checked(counting).embed(["hello", "world"])
        assert rows.dtype == np.float32
        assert np.allclose(np.linalg.norm(rows, axis=1), 1.0, atol=1e-6)

    def test_a_passing_fault_does_not_stick(self):
        """What the embedder raises goes through unchanged, and the next use works."""
        counting = Counting()
        real = counting.embed

        def broken(texts):
            counting.embed = real
            raise ConnectionError("down")

        counting.embed = broken
        checked = Checked(counting)
        with pytest.raises(ConnectionError, match="down"):
            checked.embed(["hello"])
        assert checked.embed(["hello"]).shape == (1, 8)
        assert checked.embed([]).shape == (0, 8)

    def test_the_embedded_model_passes(self):
        """MiniLM is accepted, its rows are not moved, and its covers still answers."""
        checked = Checked(MINILM)
        assert np.allclose(checked.embed(["hello"]), MINILM.embed(["hello"]), atol=1e-6)
        assert checked.covers("hello")
        assert not checked.covers("안녕")
        assert (checked.fingerprint, checked.dimension) == (MINILM.fingerprint, 384)


class TestMemo:
    @given(st.lists(st.lists(anything, max_size=5), max_size=8), st.integers(1, 4))
    def test_transparent(self, batches, size):
        """With any history and any size, a memo answers as the embedder behind it, in order."""
        memo, plain = Memo(Counting(), size), Counting()
        for texts in batches:
            assert np.array_equal(memo.embed(texts), plain.embed(texts))

    def test_asks_once(self):
        """A known text is not asked again, nor one twice in a batch; the least recently used goes first."""
        counting = Counting()
        memo = Memo(counting, size=2)
        memo.embed(["a", "b", "a"])
        memo.embed(["a"])
        memo.embed(["c"])  # drops b
        memo.embed(["a", "c"])
        assert counting.asked == ["a", "b", "c"]
        memo.embed(["b"])
        assert counting.asked == ["a", "b", "c", "b"]

    def test_rows_are_the_callers_own(self):
        """Writing into a returned row does not change what is remembered."""
        memo = Memo(Counting())
        first = memo.embed(["a"])
        expected = first.copy()
        first[:] = 0
        assert np.array_equal(memo.embed(["a"]), expected)

    def test_rows_do_not_keep_their_batch(self):
        """A remembered row owns its memory; a view would keep the whole batch that it came with."""
        memo = Memo(Counting())
        memo.embed(["a", "b", "c"])
        assert all(row.base is None for row in memo._rows.values())

    def test_threads(self):
        """Many threads on a small memo always get the right rows."""
        memo, plain = Memo(Counting(), size=3), Counting()
        texts = [chr(97 + number) * 3 for number in range(12)]
        expected = plain.embed(texts)

        def work(start):
            return all(
                np.array_equal(memo.embed([texts[(start + step) % 12]])[0], expected[(start + step) % 12])
                for step in range(200)
            )

        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(work, range(8)))

    @pytest.mark.parametrize("size", [0, -1])
    def test_size(self, size):
        """A memo of nothing is a configuration error."""
        with pytest.raises(ConfigurationError, match="size"):
            Memo(Counting(), size)


class TestInACache:
    @pytest.mark.parametrize(
        ("model", "reason"),
        [
            (lambda texts: [[1.0] * 8 for _ in texts], "constant"),
            (lambda texts: [[float("nan")] * 8 for _ in texts], "NaN"),
            (lambda texts: [[0.0] * 8 for _ in texts], "zero"),
            (lambda texts: np.random.default_rng().normal(size=(len(texts), 64)).tolist(), "not deterministic"),
            (MockEmbedding(embed_dim=8), "constant"),
            (FakeEmbeddings(size=64), "not deterministic"),
        ],
    )
    def test_a_degenerate_embedder_costs_meaning_only(self, path, caplog, model, reason):
        """The same request is still answered, nothing is matched by meaning, and the log says why, once."""
        with Cache.open(path, embedder=model, policy=Policy(compile="off")) as cache:
            for text in ("Which lamp is red?", "Which lamp is blue?"):
                cache.record(Request(text), Response("x"))
                assert cache.lookup(Request(text)).tier is TierName.EXACT
            assert not cache.lookup(Request("Please, which lamp is red?"))
        told = [record.getMessage() for record in caplog.records if "is refused" in record.getMessage()]
        assert len(told) == 1
        assert reason in told[0]
        assert "lamp" not in caplog.text

    @pytest.mark.parametrize("kind", ["langchain", "llamaindex", "function"])
    def test_the_application_s_own_embedder(self, open_cache, kind):
        """LangChain's, LlamaIndex's, or a plain function: stored and found in other words."""

        class Lettered(MockEmbedding):
            def _get_query_embedding(self, query):
                return HashEmbedder().embed([query])[0].tolist()

        class Chained(Embeddings):
            def embed_documents(self, texts):
                raise AssertionError("the query side is used for all")

            def embed_query(self, text):
                return HashEmbedder().embed([text])[0].tolist()

        models = {"langchain": Chained(), "llamaindex": Lettered(embed_dim=64), "function": HashEmbedder().embed}
        cache = open_cache(embedder=models[kind], policy={"compile": "off", "threshold": 0.8, "check_hits": 0.0})
        cache.record(Request("What does the red box of the attic hold?"), Response("a lamp"))
        found = cache.lookup(Request("Please, what does the red box of the attic hold?"))
        assert (found.tier, found.response.text) == (TierName.SEMANTIC, "a lamp")
