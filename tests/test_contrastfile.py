"""Contrast sets in files: what is exported can be imported, whole or not at all, and a second time changes nothing."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from conftest import HashEmbedder
from seglam import Cache, ConfigurationError, Policy, Request, Response, contrastfile
from seglam.cli import app
from seglam.contrast import MOST_OF_A_SENSE, Sense
from seglam.wordbook import MADE, WANTED, Question, Wording

QUESTION = "How many legs has a spider?"
SAME = ["a spider has how many legs", "number of legs of a spider"]
OTHER = ["How many eyes has a spider?", "How many legs has an ant?"]
POLICY = {"contrast_near": 0.99, "contrast_threshold": 0.7, "check_hits": 0.0, "compile": "off"}


def row(question=QUESTION, same=SAME, other=OTHER, **more):
    """One line."""
    return json.dumps({"question": question, "same": same, "other": other, **more}, ensure_ascii=False)


@pytest.fixture
def cache(open_cache):
    """A cache without a model."""
    return open_cache(policy=POLICY)


def sides(cache, key):
    """Which wording stands where, and who put it there."""
    return {w.text: (str(w.sense), w.origin) for w in cache.wordbook.wordings_of(key)}


IMPORTED = dict.fromkeys(SAME, ("same", "imported")) | dict.fromkeys(OTHER, ("other", "imported"))


# -- reading --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ("{", "line 2: expected one JSON object"),
        ("[]", "line 2: expected a JSON object, got list"),
        ("{}", "line 2, question"),
        (row(question=""), "line 2, question"),
        (row(question="x" * 70_000), "line 2, question: expected at most"),
        (row(question="a\0b"), "line 2, question: text holds NUL"),
        (row(same="x"), "line 2, same: expected a list"),
        (row(other=[7]), r"line 2, other\[0\]"),
        (row(other=["fine", " "]), r"line 2, other\[1\]"),
        (row(other=["x" * 2_001]), r"line 2, other\[0\]: expected at most"),
        (row(same=["twice", "twice"]), "line 2, same: the same text twice"),
        (row(same=["both"], other=["both"]), "line 2: stands on both sides"),
        (row(same=[f"w{n}" for n in range(MOST_OF_A_SENSE + 1)]), "line 2, same: expected at most"),
        (row(model=3), "line 2, model"),
        ("[" * 100_000, "line 2"),
    ],
)
def test_a_line_that_is_no_set_is_named_and_nothing_is_taken(cache, line, place):
    """Its number, its field, and what was expected; the good lines before it are not taken either."""
    with pytest.raises(ConfigurationError, match=place):
        cache.import_questions([row(), line])
    assert cache.stats().sizes["wordings"] == cache.stats().sizes["contrasts"] == 0


def test_too_many_are_refused(monkeypatch):
    """One transaction has an end."""
    monkeypatch.setattr(contrastfile, "MOST_SETS", 2)
    with pytest.raises(ConfigurationError, match="line 3: more than 2"):
        contrastfile.read([row(question=f"Question {name}?") for name in "abc"])


def test_lines_of_one_question_are_one_set():
    """Exported from several contexts; what these disagree about is left out."""
    lines = [row(same=["a b", "c d"]), "", row(same=["e f"], other=["a b", *OTHER])]
    (filed,), left_out = contrastfile.read(lines)
    assert (filed.contrast.same, filed.contrast.other, left_out) == (("c d", "e f"), tuple(OTHER), 2)


def test_what_the_guards_refuse_is_left_out():
    """Another number is no wording of the question, the same words are no look-alike of it."""
    (filed,), left_out = contrastfile.read(
        [row("Is room 12 free?", ["Is room 13 free?", "Room 12 vacant?"], ["is room 12 free", "Is room 12 clean?"])]
    )
    assert (filed.contrast.same, filed.contrast.other, left_out) == (("Room 12 vacant?",), ("Is room 12 clean?",), 2)


STORABLE = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=30).filter(str.strip)


@settings(deadline=None)
@given(STORABLE, st.lists(STORABLE, unique=True, max_size=6), st.text(st.characters(codec="utf-8"), max_size=5))
def test_what_is_written_can_be_read(question, texts, namespace):
    """Whatever texts hold: line ends of other alphabets, quotes, braces."""
    asked = Question(1, "k", (namespace, "", ""), question, MADE, 1, 0.0, "", "m", "", 0.0)
    known = [Wording(n, 1, "k", list(Sense)[n % 2], text, "model") for n, text in enumerate(texts)]
    line = contrastfile.line(asked, known)
    assert "\n" not in line
    sets, left_out = contrastfile.read([line])
    read = {text for filed in sets for text in (*filed.contrast.same, *filed.contrast.other)}
    assert read <= set(texts)
    assert len(read) + left_out == len(texts)
    assert all(filed.question == question for filed in sets)


# -- importing ------------------------------------------------------------------------------------------------------------


def test_an_imported_set_serves(cache):
    """Without a model: wordings with vectors of the embedder in use, marked with where they came from."""
    cache.record(Request(QUESTION), Response("Eight."))
    found = cache.import_questions([row(model="m")])
    assert (found.questions, found.wordings, found.known, found.left_out) == (1, 4, 0, 0)
    hit = cache.lookup(Request("number of legs of a black spider"))
    assert (hit.response.text, hit.notes["rule"]) == ("Eight.", "contrast")
    assert not cache.lookup(Request("How many legs has an old ant?"))
    (question,) = cache.wordbook.questions()
    assert (question.state, question.model, question.reason) == (MADE, "m", "imported")
    assert sides(cache, question.key) == IMPORTED
    assert len(cache.wordbook.of(question.key, "test-hash/64")) == 4


def test_a_second_time_changes_nothing(cache):
    """The very same rows stay."""
    cache.record(Request(QUESTION), Response("Eight."))
    cache.import_questions([row()])
    before = cache.wordbook.wordings_of(Request(QUESTION).key)
    found = cache.import_questions([row(), row()])
    assert (found.questions, found.wordings, found.known) == (1, 0, 4)
    assert cache.wordbook.wordings_of(Request(QUESTION).key) == before


def test_a_set_goes_to_every_context_of_its_namespace(cache):
    """To those that are stored, and to no other namespace."""
    scopes = [{"vary": "v"}, {"engine": "e"}, {"vary": "v", "engine": "e"}]
    for scope in [*scopes, {"namespace": "other"}]:
        cache.record(Request(QUESTION, **scope), Response("Eight."))
    assert cache.import_questions([row()]).questions == 3
    for scope in scopes:
        assert cache.lookup(Request("the number of legs of a spider", **scope))
    assert not cache.lookup(Request("the number of legs of a spider", namespace="other"))
    assert sides(cache, Request(QUESTION, namespace="other").key) == {}


def test_a_set_waits_for_its_question(cache):
    """A FAQ may come later; the first of its questions that is stored takes the set, in whichever context."""
    cache.import_questions([row()], "shop")
    request = Request(QUESTION, vary="v", engine="e", namespace="shop")
    cache.record(request, Response("Eight."))
    assert sides(cache, request.key) == IMPORTED
    assert cache.lookup(Request("the number of legs of a spider", "v", "e", "shop")).response.text == "Eight."
    cache.record(Request(QUESTION, vary="v"), Response("Eight."))
    assert sides(cache, Request(QUESTION, vary="v").key) == {}


def test_what_was_learnt_here_stays(open_cache):
    """A file moves what a model wrote, not what a person said or traffic showed."""
    model = json.dumps({"same": [*OTHER[:1], "spider legs, how many"], "other": [SAME[0], "the name of a spider"]})
    cache = open_cache(policy=POLICY, compiler=lambda _: model)
    cache.record(Request(QUESTION), Response("Eight."))
    assert cache.crystallise(Request(QUESTION))
    cache.teach(Request(QUESTION).key, SAME[1], "other")
    cache.import_questions([row()])
    known = sides(cache, Request(QUESTION).key)
    assert known[SAME[1]] == ("other", "person")
    assert known[SAME[0]] == ("same", "imported")
    assert known[OTHER[0]] == ("other", "imported")
    assert known["spider legs, how many"] == ("same", "model")


def test_one_side_alone_makes_no_set(open_cache):
    """The model may still write it."""
    cache = open_cache(policy=POLICY, compiler=lambda _: json.dumps({"same": SAME, "other": OTHER}))
    cache.record(Request(QUESTION), Response("Eight."))
    cache.import_questions([row(same=[])])
    assert [q.state for q in cache.wordbook.questions()] == [WANTED]
    assert cache.crystallise(Request(QUESTION))
    assert [q.state for q in cache.wordbook.questions()] == [MADE]
    assert cache.import_questions([row(question="nothing at all", same=[], other=[])]).questions == 0


def test_what_the_embedder_cannot_read_is_left_out(cache):
    """It would have no vector that means anything."""
    cache._semantic._embedder.covers = str.isascii
    found = cache.import_questions([row(same=[*SAME, "거미 다리는 몇 개"])])
    assert (found.wordings, found.left_out) == (4, 1)


def test_a_failure_leaves_nothing_behind(cache, monkeypatch):
    """The disk, the embedder: all of the file or nothing of it."""
    from seglam import wordbook

    real, calls = wordbook._write, []

    def failing(*arguments):
        calls.append(arguments)
        if len(calls) == 6:
            raise OSError("disk full")
        real(*arguments)

    monkeypatch.setattr(wordbook, "_write", failing)
    with pytest.raises(OSError, match="disk full"):
        cache.import_questions([row(), row(question="How many legs has a crab?")])
    assert cache.stats().sizes["wordings"] == cache.stats().sizes["contrasts"] == 0


def test_a_wrong_namespace_is_refused(cache):
    """The error names the argument."""
    with pytest.raises(ConfigurationError, match="namespace"):
        cache.import_questions([row()], None)


# -- the command ----------------------------------------------------------------------------------------------------------


def run(*arguments):
    """What a command prints."""
    result = CliRunner().invoke(app, [*map(str, arguments)])
    assert result.exit_code == 0, result.exception or result.output
    return result.output


def test_export_and_import_from_file_to_file(tmp_path):
    """One cache teaches another, by the command alone."""
    one, other, sets = tmp_path / "one.db", tmp_path / "other.db", tmp_path / "sets.jsonl"
    awkward = "number of\u2028legs a spider has"
    with Cache.open(one, policy=Policy(**POLICY), embedder=HashEmbedder()) as cache:
        cache.record(Request(QUESTION), Response("Eight."))
        assert cache.import_questions([row(same=[*SAME, awkward])]).wordings == 5
    with Cache.open(other, policy=Policy(**POLICY)) as cache:
        cache.record(Request(QUESTION, namespace="n"), Response("8"))
    sets.write_text(run("questions", "export", one), "utf-8")
    told = json.loads(run("questions", "import", other, sets, "--namespace", "n", "--json"))
    assert told["questions"] == 1
    assert told["wordings"] + told["left_out"] == 5
    assert told["wordings"] >= 4
    assert "0 new wordings" in run("questions", "import", other, sets, "--namespace", "n")
    told = json.loads(run("stats", other, "--json"))
    assert told["recognition"]["hot_share"] == 1.0
    assert told["recognition"]["from_imported"] == told["recognition"]["wordings_per_set"]
    assert told["calls_per_set"] == 0.0
    assert told["languages"] == {"English": 1}
    assert "hot_share 1.0" in run("stats", other)


def test_a_bad_file_is_one_line(tmp_path):
    """What is wrong, and where."""
    with Cache.open(tmp_path / "one.db"):
        pass
    sets = tmp_path / "sets.jsonl"
    sets.write_text("{", "utf-8")
    for place, told in ((sets, "SETS, line 1"), (tmp_path / "none", "SETS: there is no file")):
        result = CliRunner().invoke(app, ["questions", "import", str(tmp_path / "one.db"), str(place)])
        assert told in str(result.exception)
    sets.write_bytes(b"\xff\xfe")
    result = CliRunner().invoke(app, ["questions", "import", str(tmp_path / "one.db"), str(sets)])
    assert "UTF-8" in str(result.exception)


# -- what it costs --------------------------------------------------------------------------------------------------------


def test_the_cost_of_sets_is_reported(open_cache):
    """Share of hot entries, calls and tokens for each set, vectors for each entry; by namespace."""
    model = json.dumps({"same": SAME, "other": OTHER})
    cache = open_cache(policy=POLICY, compiler=lambda _: model)
    for number, text in enumerate([QUESTION, "What is rain?", "Who was Homer?", "Why is the sky blue?"]):
        cache.record(Request(text), Response(f"answer {number}"))
    assert cache.crystallise(Request(QUESTION))
    stats = cache.stats()
    assert stats.recognition == {
        "sets": 1,
        "hot_share": 0.25,
        "wordings_per_set": 4.0,
        "vectors_per_entry": 1.0,
        "from_model": 4,
    }
    assert (stats.contrasts, stats.calls_per_set, stats.contrast_calls) == ({"made": 1}, 1.0, 1)
    assert stats.languages == {"English": 4}
    empty = cache.stats("nothing here")
    assert empty.recognition == {"sets": 0, "hot_share": 0.0, "wordings_per_set": 0.0, "vectors_per_entry": 0.0}
    assert (empty.languages, empty.calls_per_set) == ({}, 0.0)
