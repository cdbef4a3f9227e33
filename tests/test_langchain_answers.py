"""What a hit looks like and what is kept at all: new objects, new ids, no cost, no cut or refused answers."""

import pytest
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, Generation

from langchain_models import QUESTION, FakeChat, add, call_add, hit, sample
from langchain_seglam import SeglamCache
from seglam import TierName


@pytest.fixture
def core(open_cache):
    """The cache behind; faults raise."""
    return open_cache()


@pytest.fixture
def cache(core):
    """What LangChain is given."""
    adapter = SeglamCache(core)
    yield adapter
    assert adapter.faults == {}


def test_a_hit_is_new_every_time(cache):
    """No old ids: LangGraph's add_messages replaces a message by the one with its id, and would lose a turn."""
    model = FakeChat(cache=cache)
    given = [model.invoke(QUESTION) for _ in range(3)]
    # What add_messages does: a message without an id gets a new one, one with a known id takes the earlier one's place.
    assert len({message.id for message in given}) == 3
    prompt, llm_string = sample(model)
    assert all(generation.message.id.startswith("lc_run--") for generation in cache.lookup(prompt, llm_string))


def test_a_hit_costs_nothing(cache):
    """Usage counts zero, in the standard place and where a provider's own code looks; the ledger counts what was saved."""
    model = FakeChat(cache=cache)
    model.invoke(QUESTION)
    second = model.invoke(QUESTION)
    assert {name: second.usage_metadata[name] for name in ("input_tokens", "output_tokens", "total_tokens")} == {
        "input_tokens": 0,
        "output_tokens": 0,
        "total_tokens": 0,
    }
    assert second.response_metadata["token_usage"] == {"total_tokens": 0}
    assert "id" not in second.response_metadata
    stats = cache.cache.stats()
    assert (stats.saved_calls, stats.saved_input_tokens, stats.saved_output_tokens) == (1, 20, 6)


def test_tool_calls_come_back_with_new_ids_everywhere(cache):
    """The call and the block that repeats it get one new id, in the provider's form; two turns never share one."""
    model = FakeChat(cache=cache, answers=call_add)
    bound = model.bind_tools([add])
    answers = [bound.invoke("Add 1 and 2") for _ in range(3)]
    assert model.calls == 1
    for answer in answers:
        assert [(call["name"], call["args"]) for call in answer.tool_calls] == [("add", {"a": 1, "b": 2})]
        assert answer.content[1]["id"] == answer.tool_calls[0]["id"]
        assert answer.content[0]["text"] == "I add."
        assert answer.tool_calls[0]["id"].startswith("toolu_")
        assert answer.response_metadata["finish_reason"] == "tool_calls"
    assert len({answer.tool_calls[0]["id"] for answer in answers}) == 3


def test_copy_in_copy_out(cache):
    """What an application does to a message it was given, or gave, never reaches the cache."""
    given = AIMessage(
        [{"type": "text", "text": "good", "annotations": [{"of": ["good"]}]}],
        additional_kwargs={"more": {"of": ["good"]}},
        response_metadata={"logprobs": {"of": ["good"]}},
    )
    model = FakeChat(cache=cache, answers=lambda _: given)
    for _ in range(4):
        answer = model.invoke(QUESTION)
        assert "POISON" not in repr(answer)
        answer.content[0]["annotations"][0]["of"][0] = "POISON"
        answer.content[0]["text"] = "POISON"
        answer.additional_kwargs["more"]["of"][0] = "POISON"
        answer.response_metadata["logprobs"]["of"][0] = "POISON"
        answer.name = "POISON"
    assert model.calls == 1


def test_everything_that_json_can_hold_comes_back(cache):
    """Blocks, name, invalid tool calls, additional kwargs; a client's object in them is left out and breaks nothing."""
    given = AIMessage(
        [{"type": "thinking", "thinking": "hm", "signature": "s"}, {"type": "text", "text": "x"}],
        name="agent",
        invalid_tool_calls=[{"name": "f", "args": "{", "id": "call_1", "error": "bad", "type": "invalid_tool_call"}],
        additional_kwargs={"reasoning_content": "r", "object": object(), "nan": float("nan")},
        response_metadata={"logprobs": {"content": [{"token": "x", "logprob": -0.5}]}, "headers": {"set-cookie": "s"}},
    )
    model = FakeChat(cache=cache, answers=lambda _: given)
    model.invoke(QUESTION)
    back = model.invoke(QUESTION)
    assert model.calls == 1
    assert (back.content, back.name, back.text) == (given.content, "agent", "x")
    assert back.additional_kwargs == {"refusal": None, "reasoning_content": "r"}
    assert back.invalid_tool_calls[0] | {"id": "call_1"} == given.invalid_tool_calls[0]
    assert back.response_metadata["logprobs"] == given.response_metadata["logprobs"]
    assert "headers" not in back.response_metadata


def test_several_generations_keep_their_order(cache):
    """n=2 is a request of its own, and gives back both."""
    model = FakeChat(cache=cache)
    bound = model.bind(n=2)
    bound.invoke(QUESTION)
    prompt, llm_string = sample(bound.bound, n=2)
    assert len(cache.lookup(prompt, llm_string)) == 2
    assert not hit(model.invoke(QUESTION))


@pytest.mark.parametrize(
    "answer",
    [
        AIMessage("cut", response_metadata={"finish_reason": "length"}),
        AIMessage("cut", response_metadata={"stop_reason": "max_tokens"}),
        AIMessage("cut", response_metadata={"finish_reason": "MAX_TOKENS"}),
        AIMessage("", response_metadata={"finish_reason": "content_filter"}),
        AIMessage("", response_metadata={"finish_reason": "SAFETY"}),
        AIMessage("cut", response_metadata={"status": "incomplete"}),
        AIMessage("cut", response_metadata={"incomplete_details": {"reason": "max_output_tokens"}}),
        AIMessage("no", response_metadata={"stop_reason": "refusal"}),
        AIMessage("", additional_kwargs={"refusal": "I cannot"}),
        AIMessage([{"type": "refusal", "refusal": "I cannot"}]),
        AIMessage("x", response_metadata={"error": "overloaded"}),
        AIMessage("x", response_metadata={"finish_reason": "a word of the future"}),
        AIMessage("", tool_calls=[{"name": "f", "args": {"x": float("nan")}, "id": "1"}]),
    ],
    ids=str,
)
def test_what_did_not_end_well_is_not_kept(cache, answer):
    """Cut, filtered, refused, or not JSON: the model is asked again."""
    model = FakeChat(cache=cache, answers=lambda _: answer)
    model.invoke(QUESTION)
    assert not hit(model.invoke(QUESTION))
    assert cache.cache.stats().sizes["entries"] == 0


def test_a_cut_plain_answer_is_not_kept(cache):
    """Plain models tell how they ended in generation_info."""
    settings = "[('_type', 'x'), ('model', 'm')]"
    cache.update("p", settings, [Generation(text="cut", generation_info={"finish_reason": "length"})])
    assert cache.lookup("p", settings) is None


def test_a_plain_generation_of_a_chat_model_is_found_again(cache):
    """Older caches stored such; LangChain makes messages of them."""
    strings = sample(FakeChat())
    cache.update(*strings, [Generation(text="old")])
    assert cache.lookup(*strings) == [Generation(text="old")]
    assert FakeChat(cache=cache).invoke(QUESTION).content == "old"


def test_an_error_of_the_model_is_not_kept(cache):
    """The model raises: nothing is stored, and the next call asks again."""

    def fail(_messages):
        raise ConnectionError("down")

    model = FakeChat(cache=cache, answers=fail)
    with pytest.raises(ConnectionError):
        model.invoke(QUESTION)
    model.answers = None
    assert not hit(model.invoke(QUESTION))


@pytest.mark.parametrize("generations", [[], [Generation(text="x"), "no generation"], ["x"]])
def test_an_odd_update_is_ignored(cache, generations):
    """An empty list would make LangChain fail later; what is no generation cannot be given back."""
    cache.update(*sample(FakeChat()), generations)
    assert cache.lookup(*sample(FakeChat())) is None


def test_an_answer_with_tool_calls_is_never_found_by_meaning(cache):
    """A model may call a tool that it was not given here; another wording must not inherit that."""
    model = FakeChat(cache=cache, answers=call_add)
    model.invoke("add one and two")
    assert not hit(model.invoke("Add one and two"))
    assert hit(model.invoke("add one and two"))


def test_another_frameworks_answer_is_not_taken_apart(cache, open_cache):
    """An entry that another adapter wrote under the same key is no hit: its text may leave out what it was."""
    prompt, llm_string = sample(FakeChat())
    cache.update(prompt, llm_string, [ChatGeneration(message=AIMessage("x"))])
    assert cache.lookup(prompt, llm_string)
    with cache.cache._store.write() as connection:
        connection.exec_driver_sql("""UPDATE entries SET payload = '{"format": "other/1"}'""")
    other = open_cache()
    assert SeglamCache(other).lookup(prompt, llm_string) is None
    assert other.stats().hits[TierName.EXACT] == 1  # the row was found, and its payload refused
