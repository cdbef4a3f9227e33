"""The real embedded model: its vectors, what it refuses to read, and its files."""

import json
import shutil
import threading
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import seglam.minilm
from seglam.errors import EmbedderError
from seglam.minilm import MAX_CHARS, MiniLM

SHIPPED = Path(seglam.minilm.__file__).parent / "model"
MINILM = MiniLM()  # lazy: nothing is loaded here

anything = st.text(st.characters(exclude_categories=()), max_size=60)  # lone surrogates too
WORDS = ["the", "a", "cat", "order", "refund", "password", "is", "not", "how", "do", "I", "reset", "where", "Paris"]
SIGNS = ["42", "3.5", "%", "-", ",", "?", "!", "(", ")"]
english = st.lists(st.sampled_from(WORDS + SIGNS), min_size=1, max_size=30).map(" ".join)


class TestVectors:
    @given(st.lists(anything, max_size=4))
    @settings(deadline=None, max_examples=60)
    def test_total(self, texts):
        """Whatever the texts hold, every one gets a finite float32 row of length 1."""
        vectors = MINILM.embed(texts)
        assert vectors.shape == (len(texts), MINILM.dimension)
        assert vectors.dtype == np.float32
        assert np.allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)

    @given(st.lists(english, min_size=1, max_size=5))
    @settings(deadline=None, max_examples=40)
    def test_company_does_not_matter(self, texts):
        """A text's row is bit for bit the same alone, in a batch, and the second time."""
        batch = MINILM.embed(texts)
        alone = np.concatenate([MINILM.embed([text]) for text in texts])
        assert np.array_equal(batch, alone)
        assert np.array_equal(batch, MINILM.embed(texts))

    def test_threads_share_one_model(self):
        """Many threads that start together load one model and get the rows that one thread gets."""
        fresh = MiniLM()
        texts = [f"Question number {number} about my order" for number in range(24)]
        barrier = threading.Barrier(8)

        def work(part):
            barrier.wait()
            return fresh.embed(texts[part::8])

        with ThreadPoolExecutor(8) as pool:
            parts = list(pool.map(work, range(8)))
        expected = MINILM.embed(texts)
        assert all(np.array_equal(rows, expected[part::8]) for part, rows in enumerate(parts))

    @pytest.mark.parametrize(
        ("text", "near", "far"),
        [
            ("How do I reset my password?", "I forgot my password, how can I get a new one?", "Where is my order?"),
            ("Can I get my money back?", "What is the refund policy?", "What is the capital of France?"),
            ("When does the store open?", "What are your opening hours?", "How do I cook rice?"),
            ("Translate hello into Spanish", "How do you say hello in Spanish?", "Who wrote Hamlet?"),
        ],
    )
    def test_paraphrases_are_nearer(self, text, near, far):
        """A paraphrase is clearly nearer than an unrelated question."""
        one, two, three = MINILM.embed([text, near, far])
        assert one @ two > one @ three + 0.2

    def test_an_overlong_text_is_cut_not_refused(self):
        """A megabyte embeds (cut), so that embed never fails on a text; covers is what keeps it out."""
        assert MINILM.embed(["word " * 200_000]).shape == (1, MINILM.dimension)

    def test_typed_special_tokens_are_text(self):
        """A user who types "[SEP]" does not steer the model: the brackets are read."""
        typed, spelled = MINILM.embed(["cats [SEP] dogs [UNK]", "cats [ sep ] dogs [ unk ]"])
        assert np.array_equal(typed, spelled)
        assert MINILM.covers("what does [UNK] mean")


class TestCovers:
    @pytest.mark.parametrize(
        "text",
        [
            "How do I reset my password?",
            "¿Cuál es la capital de España?",
            "Où est ma commande ? Ça coûte 5 €.",
            "Grüße aus Köln – “schön” … 20 °C, ½ price, x² ± 3",
            "cafe\u0301",  # NFC makes it one letter
            "First line.\nSecond line.\r\n\r\nAnswer:",
            "  padded with white space\t\n",
            "yes",
        ],
    )
    def test_reads(self, text):
        """English, accented Latin, usual signs and paragraphs are matched by meaning."""
        assert MINILM.covers(text)

    @pytest.mark.parametrize(
        "text",
        [
            "한국의 수도는 어디인가요?",
            "The Korean word 집 means house",
            "日本の首都は?",
            "中国的首都是哪里",
            "Какая столица России?",
            "ما هي عاصمة مصر؟",
            "מהי בירת ישראל?",
            "เมืองหลวงของไทย",
            "Ποια είναι η πρωτεύουσα;",
            "भारत की राजधानी",
            "solve for α",
            "pаypal",  # the second letter is Cyrillic
            "Tôi bạn hay bán?",
            "Ｆull width",
            "𝑥 plus one",
        ],
    )
    def test_other_scripts(self, text):
        """One letter of another script keeps a text out; so do Vietnamese tones, which the model would drop."""
        assert not MINILM.covers(text)

    @pytest.mark.parametrize(
        ("text", "twin"),
        [
            ("I feel 😀 today", "I feel 😡 today"),
            ("is a ≠ b true", "is a = b true"),
            ("x ∉ A holds", "x ∈ A holds"),
            ("he did n\u0336o\u0336t\u0336 go", "he did not go"),
            ("pay\u200b pal", "pay pal"),
            ("a\ue000b", "a\ue001b"),
            ("say \ufffd now", "say now"),
            ("nul\x00 byte", "nul byte"),
            ("left \u202e right", "left right"),
            ("x" * 101, "y" * 101),
            ("multiply 1 2\n3 4 as a matrix", "multiply 1\n2 3 4 as a matrix"),
            ("if a:\n  b\n  c", "if a:\n  b\nc"),
            ("name\tage", "name age"),
        ],
    )
    def test_what_the_pieces_do_not_show(self, text, twin):
        """A text that the tokenizer makes equal to a different one is kept out (and the trap is real: cosine 1)."""
        one, two = MINILM.embed([text, twin])
        assert one @ two > 0.9999
        assert not MINILM.covers(text)

    @pytest.mark.parametrize("text", ["", " ", "\n", "17 * 23", "?!", "\ud800", "a\udfff", "\x00"])
    def test_nothing_to_mean(self, text):
        """No letters, or no text at all: no meaning to match."""
        assert not MINILM.covers(text)

    def test_truncation(self):
        """254 pieces are read, 255 are not: two long texts that differ only beyond the cut would be equal."""
        assert MINILM.covers(" ".join(["word"] * 254))
        assert not MINILM.covers(" ".join(["word"] * 255))
        one, two = MINILM.embed(["word " * 254 + "yes", "word " * 254 + "no"])
        assert one @ two > 0.9999

    @pytest.mark.parametrize("text", ["word " * 200_000, "1\n" * 500_000, "\t" * 1_000_000 + "a", "한" * 1_000_000])
    def test_a_megabyte_is_not_tokenised(self, text):
        """A huge text is refused by its length alone: a model that cannot load is not even asked."""
        assert not MiniLM(Path("absent")).covers(text)

    @given(anything)
    @settings(deadline=None, max_examples=300)
    def test_law(self, text):
        """Covered texts hold no letter outside Latin, no mark or control NFC cannot join, and at most MAX_CHARS."""
        if MINILM.covers(text):
            assert len(text) <= MAX_CHARS
            joined = unicodedata.normalize("NFC", text.strip())
            assert any(char.isalpha() for char in text)
            assert all(unicodedata.name(char, "").startswith("LATIN") for char in joined if char.isalpha())
            kinds = {unicodedata.category(char)[0] for char in joined if char not in "\n\r"}
            assert not kinds & {"M", "C"}

    @given(english.filter(lambda text: any(char.isalpha() for char in text)))
    @settings(deadline=None)
    def test_plain_english_is_covered(self, text):
        """The other side of the law: a short English text is never refused."""
        assert MINILM.covers(text)


class TestModelFiles:
    @pytest.fixture
    def folder(self, tmp_path):
        """A copy of the shipped model that a test may damage."""
        return Path(shutil.copytree(SHIPPED, tmp_path / "model"))

    def test_a_copy_works(self, folder):
        """The folder argument is honoured, and the same files have the same fingerprint."""
        copy = MiniLM(folder)
        assert copy.fingerprint == MINILM.fingerprint
        assert np.array_equal(copy.embed(["hello"]), MINILM.embed(["hello"]))

    @pytest.mark.parametrize("name", ["minilm-l6-int8.onnx", "tokenizer.json"])
    @pytest.mark.parametrize("how", ["flip", "cut", "remove"])
    def test_damage_is_refused(self, folder, name, how):
        """One changed bit, a short file or none: EmbedderError, from embed and from covers."""
        path = folder / name
        data = bytearray(path.read_bytes())
        if how == "remove":
            path.unlink()
        else:
            data[len(data) // 2] ^= 1
            path.write_bytes(data if how == "flip" else data[:1000])
        with pytest.raises(EmbedderError, match=name):
            MiniLM(folder).embed(["hello"])
        with pytest.raises(EmbedderError, match=name):
            MiniLM(folder).covers("hello")

    @pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"files": 1}', '{"files": {}}', "null"])
    def test_damaged_provenance(self, folder, text):
        """A provenance.json that says nothing usable is EmbedderError, never a KeyError."""
        (folder / "provenance.json").write_text(text)
        with pytest.raises(EmbedderError, match="provenance"):
            _ = MiniLM(folder).fingerprint

    def test_a_file_that_matches_its_hash_but_is_no_model(self, folder):
        """Even with a matching hash, what onnxruntime cannot load is EmbedderError."""
        (folder / "minilm-l6-int8.onnx").write_bytes(b"no model")
        made = json.loads((folder / "provenance.json").read_text())
        made["files"]["minilm-l6-int8.onnx"] = seglam.minilm._file_hash(folder / "minilm-l6-int8.onnx")
        (folder / "provenance.json").write_text(json.dumps(made))
        assert MiniLM(folder).fingerprint != MINILM.fingerprint
        with pytest.raises(EmbedderError, match="does not load"):
            MiniLM(folder).embed(["hello"])

    def test_shipped_files_are_the_recorded_ones(self):
        """Every file that provenance.json names is present with that hash, the licence notice too."""
        made = json.loads((SHIPPED / "provenance.json").read_text())
        assert made["licence"] == "Apache-2.0"
        assert {"minilm-l6-int8.onnx", "tokenizer.json", "NOTICE"} == set(made["files"])
        assert all(seglam.minilm._file_hash(SHIPPED / name) == digest for name, digest in made["files"].items())

    def test_construction_reads_nothing(self):
        """An embedder may be built where no model is; only its use fails."""
        absent = MiniLM("absent")
        with pytest.raises(EmbedderError):
            absent.embed(["hello"])
