"""``seglam questions`` and ``seglam tune``: what counts as the same question, at the command line."""

import json

import pytest
from typer.testing import CliRunner

from seglam import Cache, Policy, Request, Response
from seglam.cli import app
from seglam.errors import ConfigurationError
from seglam.judgements import READING
from seglam.llm import Completion

QUESTION = Request("How many legs has a spider?")


class Model:
    """Writes one contrast set."""

    name = "model"

    def complete(self, prompt):
        same = ["a spider has how many legs", "number of legs of a spider", "What is the leg count of a spider?"]
        return Completion(
            json.dumps({"same": same, "other": ["How many eyes has a spider?", "How many legs has an ant?"]})
        )


@pytest.fixture
def file(path):
    """A cache that holds one question with its contrast set."""
    with Cache.open(path, compiler=Model(), policy=Policy(check_hits=0.0)) as cache:
        cache.record(QUESTION, Response("Eight."))
        assert cache.crystallise(QUESTION)
    return str(path)


def run(*arguments):
    """What a command prints."""
    result = CliRunner().invoke(app, [*arguments])
    assert result.exit_code == 0, result.exception or result.output
    return result.output


def test_a_question_is_listed_and_explained(file):
    """Who wrote what, on which side, from which prompt."""
    (row,) = json.loads(run("questions", "list", file, "--json"))
    assert (row["id"], row["state"], row["model"], row["question"]) == (1, "made", "model", QUESTION.text)
    told = json.loads(run("questions", "why", file, "1", "--json"))
    assert [w["sense"] for w in told["wordings"]] == ["same"] * 3 + ["other"] * 2
    assert len(told["prompt_digest"]) == 64
    assert "How many eyes" in run("questions", "why", file, "1")
    assert "spider" in run("questions", "list", file)


def test_wordings_are_added_and_removed(file):
    """A person may know better than the model."""
    run("questions", "add", file, "1", "spider legs count")
    run("questions", "add", file, "1", "legs of two spiders", "--other")
    told = json.loads(run("questions", "why", file, "1", "--json"))
    mine = [w for w in told["wordings"] if w["origin"] == "person"]
    assert [(w["sense"], w["text"]) for w in mine] == [("same", "spider legs count"), ("other", "legs of two spiders")]
    assert run("questions", "remove", file, str(mine[0]["id"])).strip() == "1 removed"
    exported = json.loads(run("questions", "export", file))
    assert "legs of two spiders" in exported["other"]
    assert "spider legs count" not in exported["same"]


def test_a_wrong_answer_is_reported(file):
    """It is not given again, and a text without an answer cannot be wrong."""
    assert "does not answer it any more" in run("questions", "wrong", file, "how many legs has a spider")
    result = CliRunner().invoke(app, ["questions", "wrong", file, "how many legs has a spider"])
    assert "no answer" in str(result.exception)
    assert json.loads(run("questions", "reliability", file, "--json")) == []
    assert "share wrong" in run("questions", "reliability", file)


@pytest.mark.parametrize("command", [("why", "7"), ("add", "7", "text")])
def test_an_unknown_number_is_refused(file, command):
    """The error names the argument."""
    result = CliRunner().invoke(app, ["questions", command[0], file, *command[1:]])
    assert "ID" in str(result.exception)


def test_tune_prints_recall_against_wrong_hits(tmp_path):
    """From labelled pairs, with the value guards on; a hundred right pairs prove one in thirty, not one in a hundred."""
    pairs = [{"a": f"What is {n} plus one?", "b": f"what is {n} plus one", "same_answer": True} for n in range(100)]
    pairs += [
        {"a": f"What is {n} plus one?", "b": f"What is {n + 1} plus one?", "same_answer": False} for n in range(20)
    ]
    place = tmp_path / "pairs.jsonl"
    place.write_text("\n".join(json.dumps(pair) for pair in pairs))
    told = json.loads(run("tune", str(place), "--target", "0.05", "--json"))
    assert told["pairs"] == 120
    assert told["threshold"] < 0.75
    assert told["proved"]
    assert told["curve"][0]["wrong"] == 0
    assert told["curve"][0]["recall"] == 1.0
    assert not json.loads(run("tune", str(place), "--json"))["proved"]
    assert "Policy(threshold=" in run("tune", str(place))


@pytest.mark.parametrize("line", ["{", "[]", '{"a": 1, "b": "x", "same_answer": true}', '{"a": "x", "b": "y"}'])
def test_a_line_that_is_no_pair_is_named(tmp_path, line):
    """Its number and what was expected."""
    place = tmp_path / "pairs.jsonl"
    place.write_text(f'{{"a": "x", "b": "y", "same_answer": true}}\n{line}\n')
    result = CliRunner().invoke(app, ["tune", str(place)])
    assert "line 2" in str(result.exception)
    assert "FILE" in str(CliRunner().invoke(app, ["tune", str(tmp_path / "none")]).exception)


# -- labelled pairs as evidence -------------------------------------------------------------------------------------------


@pytest.fixture
def labelled(tmp_path):
    """A file of pairs: rewordings, look-alikes that the guards let pass, and a changed number, which they do not."""
    same = [(f"How do I reset my {noun}?", f"How can I reset my {noun}?", True) for noun in ("phone", "router", "card")]
    rows = [*same, ("Is the pool open?", "Is the pool open", False), ("Is room 4 free?", "Is room 5 free?", False)]
    place = tmp_path / "pairs.jsonl"
    place.write_text("\n".join(json.dumps({"a": a, "b": b, "same_answer": right}) for a, b, right in rows), "utf-8")
    return str(place)


def test_tune_keeps_the_pairs_as_evidence_once(file, labelled):
    """The same file replaces itself, and what the guards refuse is no evidence of hits."""
    sources = {json.loads(run("tune", labelled, "--store", file, "--json"))["source"] for _ in range(2)}
    (row,) = json.loads(run("questions", "labels", file, "--json"))
    assert sources == {row["source"]}
    assert (row["pairs"], row["wrong"], row["namespace"]) == (4, 1, "")
    assert row["source"] in run("tune", labelled, "--store", file)
    assert row["source"][:8] in run("questions", "labels", file)


def test_labelled_pairs_move_a_fitted_threshold_and_are_forgotten(file, labelled):
    """They are evidence of their namespace and no other; no hit is counted for them; forgotten, nothing is left."""
    source = json.loads(run("tune", labelled, "--store", file, "--namespace", "shop", "--json"))["source"]
    with Cache.open(file) as cache:

        def known(namespace):
            return len(
                cache.judgements.evidence(namespace, cache._semantic.fingerprint, READING, cache._store.generation())
            )

        assert (known("shop"), known("")) == (4, 0)
        assert cache.judgements.reliability() == []
        assert cache.stats().sizes["labels"] == 4
        run("questions", "labels", file, "--forget", source)  # another process
        assert known("shop") == 0
        cache.labels.add([("a b c", "a b c", True)], namespace="shop")
        cache.clear("shop")
        assert cache.labels.sources() == []


def test_a_label_that_is_none_and_a_cache_that_is_not_there_are_refused(file, labelled, tmp_path):
    """Nothing is stored of them."""
    with Cache.open(file) as cache:
        with pytest.raises(ConfigurationError, match="pairs"):
            cache.labels.add([("a", "b", 1)])
        assert cache.labels.sources() == []
    result = CliRunner().invoke(app, ["tune", labelled, "--store", str(tmp_path / "none.db")])
    assert "--store" in str(result.exception)
