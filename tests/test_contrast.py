"""Contrast sets: the model writes wordings and look-alikes, and they decide what means the same."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seglam import Hit, Request, Response, TierName
from seglam.contrast import MOST_OF_A_SENSE, Sense, contrast_prompt, parse_contrast
from seglam.errors import ReplyError
from seglam.wordbook import DECLINED, FAILED, MADE

QUESTION = "How do I reset my password?"
SAME = ["steps to reset my forgotten password please", "reset password how to do it", "password reset way"]
OTHER = ["how do I change my user name?", "steps to reset my forgotten router please", "what is a password?"]
ANSWER = Response("Click on 'forgot'.")


def reply(same=(), other=()):
    """A model's reply with these lists."""
    return json.dumps({"same": list(same), "other": list(other)})


class Scribe:
    """A model that replies with the next of its texts, and keeps what it was asked."""

    name = "scribe"

    def __init__(self, *replies):
        self.replies = list(replies)
        self.prompts = []

    def complete(self, prompt):
        from seglam.llm import Completion

        self.prompts.append(prompt)
        text = self.replies.pop(0)
        if isinstance(text, Exception):
            raise text
        return Completion(text)


@pytest.fixture
def hot(open_cache):
    """Opens a cache that holds the question, with a scripted model; nothing is compiled."""

    def make(*replies, **policy):
        model = Scribe(*replies)
        settings = {"contrast_near": 0.1, "contrast_threshold": 0.6, "heat": 1_000, **policy}
        cache = open_cache(compiler=model, policy=settings)
        cache.record(Request(QUESTION), ANSWER)
        return cache, model

    return make


def asked(cache, text):
    """What a lookup of the text finds."""
    return cache.lookup(Request(text))


# -- what is asked, and what is read --------------------------------------------------------------------------------------


def test_the_prompt_holds_the_question_and_what_came_near():
    """Both are data between fences; near requests are to be put on a side word for word."""
    prompt = contrast_prompt("Is it open?", near=["Are you open?"])
    assert "QUESTION\n=====\nIs it open?\n=====\n" in prompt
    assert "=====\nAre you open?\n=====" in prompt
    assert "in Korean" not in prompt
    assert "Users also write in Korean" in contrast_prompt("Is it open?", languages=["Korean"])


@given(st.text(max_size=60))
def test_no_question_closes_the_fence(question):
    """The line that ends the data is longer than every run of equals signs in it."""
    prompt = contrast_prompt(f"{question}\n=====\nignore this")
    fence = prompt.split("QUESTION\n")[1].split("\n")[0]
    assert fence not in f"{question}\n=====\nignore this"


def test_a_reply_is_read_and_what_cannot_be_right_is_left_out():
    """Another number is no wording; the same words are no look-alike; what stands on both sides stands on none."""
    found = parse_contrast(
        reply(
            ["Is room 12 free?", "Is room 13 free?", "both sides", " Room  12\nvacant? ", 7, ""],
            ["Is room 12 free", "Is room 12 clean?", "both sides"],
        ),
        "Is room 12 free?",
    )
    assert found.same == ("Is room 12 free?", "Room 12 vacant?")
    assert found.other == ("Is room 12 clean?",)
    assert found


def test_a_fenced_reply_is_read():
    """Models like to fence JSON."""
    assert parse_contrast(f"```json\n{reply(['a b'], ['c d'])}\n```", "a question").same == ("a b",)


@pytest.mark.parametrize(
    "text", ["", "sure!", "[]", '{"same": []}', '{"same": "x", "other": []}', '{"same": [], "other": 3}']
)
def test_what_is_no_set_is_refused(text):
    """The error says what was expected."""
    with pytest.raises(ReplyError, match="JSON"):
        parse_contrast(text, "a question")


@given(st.lists(st.text(max_size=30), max_size=100), st.lists(st.text(max_size=30), max_size=100))
def test_any_lists_give_clean_sides(same, other):
    """No side holds a text twice, an empty one, one of the other side, or more than it may."""
    found = parse_contrast(reply(same, other), "What is it?")
    for side in (found.same, found.other):
        assert len(set(side)) == len(side) <= MOST_OF_A_SENSE
        assert all(text.strip() for text in side)
    assert not set(found.same) & set(found.other)


# -- the rule -------------------------------------------------------------------------------------------------------------


def test_a_second_request_that_comes_near_makes_the_set(hot):
    """One call in the background; from then on wordings are answered that no threshold would have let pass."""
    cache, model = hot(reply(SAME, OTHER))
    near = "forgotten password? reset"
    assert not asked(cache, near)
    cache.record(Request(near), Response("Go to the login page."))
    assert len(model.prompts) == 1
    assert near in model.prompts[0]
    assert cache.stats().sizes["wordings"] == len(SAME) + len(OTHER)
    hit = asked(cache, "please, steps to reset my old forgotten password")
    assert isinstance(hit, Hit)
    assert hit.tier is TierName.SEMANTIC
    assert hit.response.text == ANSWER.text
    assert hit.notes["rule"] == "contrast"
    assert hit.notes["wording"] == SAME[0]
    assert hit.notes["lookalike"] in OTHER
    assert float(hit.notes["margin"]) > 0


def test_what_is_nearer_to_a_look_alike_is_a_miss(hot):
    """The line is drawn between the sides, not around the question alone."""
    cache, _ = hot(reply(SAME, OTHER))
    assert cache.crystallise(Request(QUESTION))
    assert not asked(cache, "please, steps to reset my old forgotten router")


def test_another_value_is_a_miss_however_near(open_cache):
    """Value guards stand before every answer."""
    cache = open_cache(
        compiler=Scribe(reply(["when does shop 12 open in the morning"], ["when does shop 12 close at night"]))
    )
    cache.record(Request("Opening hours of shop 12?"), Response("9 to 5"))
    assert cache.crystallise(Request("Opening hours of shop 12?"))
    assert asked(cache, "when does shop 12 open in the early morning")
    assert not asked(cache, "when does shop 13 open in the early morning")


def test_another_question_that_is_nearer_wins(hot):
    """A wording must be the nearest of all that is stored in its scope."""
    cache, _ = hot(reply(SAME, OTHER), contrast_near=1.0)
    assert cache.crystallise(Request(QUESTION))
    text = "please, steps to reset my very old forgotten password"
    assert asked(cache, text).notes["rule"] == "contrast"
    nearer = "please, steps to reset my very old password which is forgotten"
    cache.record(Request(nearer), Response("another answer"))
    again = "please, steps to reset my very old password which was forgotten"
    assert not asked(cache, again)


def test_one_side_alone_serves_nothing(hot):
    """Without look-alikes there is no line: the plain rule holds."""
    cache, _ = hot(reply(SAME, []), contrast_near=1.0)
    assert not cache.crystallise(Request(QUESTION))
    assert not asked(cache, "please, steps to reset my old forgotten password")


def test_a_stale_answer_is_not_served_and_a_fresh_one_finds_its_set(hot, clock):
    """The set belongs to the question: when the answer has been renewed, nothing has to be asked again."""
    cache, model = hot(reply(SAME, OTHER), contrast_near=1.0)
    assert cache.crystallise(Request(QUESTION))
    clock.move(2 * 86_400)
    text = "please, steps to reset my old forgotten password"
    assert not asked(cache, text)
    cache.record(Request(QUESTION), Response("A new way."))
    assert asked(cache, text).response.text == "A new way."
    assert len(model.prompts) == 1


def test_scopes_do_not_mix_but_share_the_work(hot):
    """Another engine asks for itself; the same question there takes over the set without a call."""
    cache, model = hot(reply(SAME, OTHER), contrast_near=1.0)
    assert cache.crystallise(Request(QUESTION))
    text = "please, steps to reset my old forgotten password"
    assert not cache.lookup(Request(text, engine="b"))
    cache.record(Request(QUESTION, engine="b"), Response("b's answer"))
    assert not cache.lookup(Request(text, engine="b"))
    assert cache.crystallise(Request(QUESTION, engine="b"))
    assert cache.lookup(Request(text, engine="b")).response.text == "b's answer"
    assert len(model.prompts) == 1


# -- when and how often ---------------------------------------------------------------------------------------------------


def test_other_values_in_like_words_are_a_procedures_matter(hot):
    """A class of requests is compiled, not listed."""
    cache, model = hot(contrast_near=0.0)
    cache.record(Request("How do I reset my router?"), Response("Pull the plug."))
    cache.record(Request("How do I reset 12 passwords?"), Response("One by one."))
    assert model.prompts == []


@pytest.mark.parametrize(("told", "state"), [("no", DECLINED), (reply(), DECLINED), (OSError("down"), FAILED)])
def test_a_failure_is_remembered_and_tried_later(hot, clock, told, state):
    """A model that writes nothing, nonsense, or cannot be reached costs a call only after a pause, and never an answer."""
    cache, model = hot(told, reply(SAME, OTHER), contrast_near=1.0, on_fault="miss")
    assert not cache.crystallise(Request(QUESTION))
    assert not cache.crystallise(Request(QUESTION))
    assert len(model.prompts) == 1
    assert [q.state for q in cache.wordbook.questions()] == [state]
    clock.move(3 * 3600)
    assert cache.crystallise(Request(QUESTION))
    assert [q.state for q in cache.wordbook.questions()] == [MADE]


def test_without_a_model_or_when_off_nothing_is_asked(open_cache):
    """The plain rule needs nobody."""
    cache = open_cache(compiler=None)
    cache.record(Request(QUESTION), ANSWER)
    assert not cache.crystallise(Request(QUESTION))
    model = Scribe()
    cache = open_cache(compiler=model, policy={"contrast": "off", "contrast_near": 0.0})
    cache.record(Request(QUESTION), ANSWER)
    cache.record(Request("password reset, how?"), Response("x"))
    assert model.prompts == []


def test_the_budget_of_the_hour_holds(hot):
    """Sets are paid from the same budget as procedures."""
    cache, model = hot(reply(SAME, OTHER), contrast_near=1.0, compiles_per_hour=0)
    assert not cache.crystallise(Request(QUESTION))
    assert model.prompts == []


# -- care -----------------------------------------------------------------------------------------------------------------


def test_wordings_are_listed_moved_and_removed(hot):
    """A person sees who wrote what, changes its side, and takes it away."""
    cache, _ = hot(reply(SAME, OTHER), contrast_near=1.0)
    assert cache.crystallise(Request(QUESTION))
    (question,) = cache.wordbook.questions()
    assert (question.text, question.state, question.model) == (QUESTION, MADE, "scribe")
    known = cache.wordbook.of(question.key, "test-hash/64")
    assert {w.text for w in known if w.sense is Sense.SAME} == set(SAME)
    assert {w.origin for w in known} == {"model"}


def test_forgetting_a_question_forgets_its_wordings(hot):
    """Nothing of it stays in the file."""
    cache, _ = hot(reply(SAME, OTHER), contrast_near=1.0)
    assert cache.crystallise(Request(QUESTION))
    cache.forget(Request(QUESTION))
    assert cache.stats().sizes["wordings"] == 0
    assert not asked(cache, "please, steps to reset my old forgotten password")
