"""Any sentence-transformers model, in the real library: prompts, coverage, fingerprints. The models are tiny and made here."""

import importlib

import numpy as np
import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

from seglam import Cache, Policy, Request, Response, TierName
from seglam.embed import Checked, SentenceTransformerEmbedder, as_embedder
from seglam.errors import EmbedderError

sentence_transformers = pytest.importorskip(
    "sentence_transformers", reason='pip install "seglam[sentence-transformers]" to run these'
)

TEXT = """query passage : ? . , how do i can you reset my your password hello there the which lamp is red glacier lost a third of
its ice within ten years one two three four five please 배송은 언제 오나요 what box hold attic does"""
PROMPTS = {"query": "query: ", "passage": "passage: "}


def modules():
    """Where the building blocks are: they moved in version 6."""
    try:
        return importlib.import_module("sentence_transformers.sentence_transformer.modules")
    except ImportError:
        return importlib.import_module("sentence_transformers.models")


def tokenizer():
    """Word pieces of a few sentences."""
    made = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer()
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    made.train_from_iterator([TEXT] * 3, trainers.WordPieceTrainer(vocab_size=400, special_tokens=special))
    return made


def static(folder, prompts):
    """A bag of words, with the bare tokenizer that such models have."""
    parts = [modules().StaticEmbedding(tokenizer(), embedding_dim=32)]
    sentence_transformers.SentenceTransformer(modules=parts, device="cpu", prompts=prompts).save_pretrained(folder)


def bert(folder, prompts):
    """A transformer of random weights that reads 24 word pieces."""
    transformers = pytest.importorskip("transformers")
    raw = folder / "raw"
    shape = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    made = tokenizer()
    config = transformers.BertConfig(vocab_size=made.get_vocab_size(), max_position_embeddings=64, **shape)
    transformers.BertModel(config).save_pretrained(raw)
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=made, unk_token="[UNK]", pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]"
    )
    fast.save_pretrained(raw)
    body = modules().Transformer(str(raw), max_seq_length=24)
    size = getattr(body, "get_embedding_dimension", None) or body.get_word_embedding_dimension
    parts = [body, modules().Pooling(size())]
    sentence_transformers.SentenceTransformer(modules=parts, device="cpu", prompts=prompts).save_pretrained(folder)


@pytest.fixture(params=[static, bert], ids=["static", "transformer"])
def make(request, tmp_path):
    """Makes a model in a folder of this name, with these prompts."""

    def made(name="model", prompts=None):
        folder = tmp_path / name
        folder.mkdir()
        request.param(folder, prompts)
        return folder

    return made


def raw(folder, texts):
    """What the library itself gives, of length 1."""
    rows = sentence_transformers.SentenceTransformer(str(folder), device="cpu").encode(texts, prompt="")
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_the_model_s_own_query_prompt_stands_before_every_text(make):
    """By itself; another of its prompts by name; and any other text in full. Each makes a space of its own."""
    folder = make(prompts=PROMPTS)
    for prompt, written in ((None, "query: "), ("passage", "passage: "), ("query: ", "query: "), ("", "")):
        embedder = SentenceTransformerEmbedder(folder, prompt=prompt)
        assert np.allclose(embedder.embed(["hello there"]), raw(folder, [f"{written}hello there"]), atol=1e-5)
    marks = {SentenceTransformerEmbedder(folder, prompt=prompt).fingerprint for prompt in (None, "passage", "")}
    assert len(marks) == 3
    assert SentenceTransformerEmbedder(folder, prompt="query").fingerprint in marks


@pytest.mark.parametrize(
    ("name", "written"),
    [("multilingual-e5-small", "query: "), ("e5-base-v2", "query: "), ("minilm", ""), ("e5-large-instruct", "")],
)
def test_e5_models_get_theirs_though_their_files_do_not_name_it(make, name, written):
    """Without its prompt an E5 model is another, worse one; instruction-tuned ones want an instruction of the user's."""
    folder = make(name)
    expected = raw(folder, [f"{written}hello there"])
    assert np.allclose(SentenceTransformerEmbedder(folder).embed(["hello there"]), expected, atol=1e-5)


def test_coverage(make):
    """Unknown pieces, hidden characters, no words: not matched by meaning; nor, in a transformer, what is too long."""
    folder = make()
    embedder = as_embedder(str(folder))
    assert embedder.covers("How do I reset my password?")
    assert embedder.covers("배송은 언제 오나요?")
    for text in ("", "17", "Ω≈ç√", "hello\x00there", "\ud800 hello"):
        assert not embedder.covers(text)
    assert embedder.covers("hello " * 60) == ("StaticEmbedding" in (folder / "modules.json").read_text())


def test_a_cut_of_the_bare_tokenizer_is_seen(tmp_path):
    """A static model whose tokenizer file cuts does not cover what would be cut."""
    cutting = tokenizer()
    cutting.enable_truncation(8)
    model = sentence_transformers.SentenceTransformer(
        modules=[modules().StaticEmbedding(cutting, embedding_dim=16)], device="cpu"
    )
    model.save_pretrained(str(tmp_path))
    embedder = SentenceTransformerEmbedder(tmp_path)
    assert embedder.covers("hello there")
    assert not embedder.covers("hello " * 20)


def test_rows_are_checked_and_of_length_one(make):
    """What the library gives passes the checks; one text one vector; and no text is no row."""
    checked = Checked(as_embedder(make()))
    rows = checked.embed(["hello there", "which lamp is red ?", "hello there"])
    assert np.allclose(np.linalg.norm(rows, axis=1), 1.0, atol=1e-5)
    assert np.allclose(rows[0], rows[2], atol=1e-5)
    assert checked.embed([]).shape == (0, 32)


def test_a_folder_without_a_model_is_an_embedder_error(tmp_path):
    """At first use, with the name; a cache turns it into counted misses."""
    with pytest.raises(EmbedderError, match="cannot load it"):
        SentenceTransformerEmbedder(tmp_path).embed(["hello"])


def test_in_a_cache(make, path):
    """Stored, and found in other words."""
    policy = Policy(on_fault="raise", compile="off", threshold=0.5, check_hits=0.0)
    with Cache.open(path, embedder=str(make()), policy=policy) as cache:
        cache.record(Request("What does the red box hold?"), Response("a lamp"))
        found = cache.lookup(Request("Please, what does the red box hold?"))
        assert (found.tier, found.response.text) == (TierName.SEMANTIC, "a lamp")
        assert cache.check() == []
