"""cached(model): the same model, asked once."""

import copy
import pickle
import uuid
from pathlib import Path

import pytest
from langchain_core.callbacks import get_usage_metadata_callback
from langchain_core.load import dumpd
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.runnables import ConfigurableField
from langchain_openai import ChatOpenAI
from pydantic import BaseModel, PrivateAttr

from langchain_models import QUESTION, FakeChat, FakeText, ListedChat, SilentChat, add, call_add, hit
from langchain_seglam import SeglamCache, cached, is_cached, unwrap
from seglam import ConfigurationError, Policy, sharing


@pytest.fixture
def core(open_cache):
    """The cache behind; faults raise."""
    return open_cache(policy={"compile": "off"})


@pytest.fixture(autouse=True)
def _opened():
    """Close what was opened by path."""
    yield
    sharing._registry.close()


class HalfText(FakeText):
    """A plain model that keeps a setting to itself."""

    top_p: float | None = None


class Place(BaseModel):
    """A schema whose name is its own."""

    name: str


# -- a hit --------------------------------------------------------------------------------------------------------------


def test_a_hit_is_a_fresh_message_that_cost_nothing(core):
    """No call, the id of its own run, zero usage, provenance beside the provider's facts."""
    inner = FakeChat()
    model = cached(inner, core)
    first, second, third = (model.invoke(QUESTION) for _ in range(3))
    assert inner.calls == 1
    assert first.content == second.content == third.content
    assert hit(first) is None
    assert hit(second)["tier"] == "exact"
    assert len({first.id, second.id, third.id}) == 3
    run = uuid.uuid4()
    assert model.invoke(QUESTION, {"run_id": run}).id == f"lc_run--{run}-0"
    assert second.usage_metadata == {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
    assert second.response_metadata["model_name"] == "fake-1"
    assert second.response_metadata["finish_reason"] == "stop"


async def test_sync_and_async_share_answers(core):
    """Either finds what the other stored."""
    inner = FakeChat()
    model = cached(inner, core)
    assert model.invoke("a").content == (await model.ainvoke("a")).content
    assert (await model.ainvoke("b")).content == model.invoke("b").content
    assert inner.calls == 2


def test_what_the_caller_does_to_an_answer_stays_with_the_caller(core):
    """Writing into the first answer or into a hit changes neither the cache nor the next hit."""
    model = cached(FakeChat(answers=lambda _: "right"), core)
    for _ in range(3):
        answer = model.invoke(QUESTION)
        assert answer.content == "right"
        answer.content = "POISON"
        answer.response_metadata["finish_reason"] = "POISON"


def test_tool_calls_come_back_with_new_ids(core):
    """Two turns of one conversation share no tool-call id."""
    inner = FakeChat(answers=call_add)
    model = cached(inner, core).bind_tools([add])
    turns = [model.invoke("add 1 and 2") for _ in range(3)]
    assert inner.calls == 1
    assert len({turn.tool_calls[0]["id"] for turn in turns}) == 3
    assert all(turn.tool_calls[0]["args"] == {"a": 1, "b": 2} for turn in turns)
    assert all(turn.content[1]["id"] == turn.tool_calls[0]["id"] for turn in turns)


def test_a_cached_turn_in_the_history_is_the_same_history(core):
    """The second conversation hits on every step: what a hit adds to a message is no part of a key."""
    inner = FakeChat(answers=lambda messages: f"answer to {len(messages)}")
    model = cached(inner, core)
    for _ in range(2):
        messages = [HumanMessage("hello")]
        for text in ("and", "then"):
            messages += [model.invoke(messages), HumanMessage(text)]
        model.invoke(messages)
    assert inner.calls == 3


def test_the_step_after_a_tool_result_is_not_the_question(core):
    """The same user text after another tool result is another request."""
    inner = FakeChat(answers=lambda messages: f"it is {messages[-1].content}")
    model = cached(inner, core)

    def step(result):
        call = AIMessage("", tool_calls=[{"name": "now", "args": {}, "id": "x1"}])
        return model.invoke([HumanMessage("time?"), call, ToolMessage(result, tool_call_id="x1")]).content

    assert [step("noon"), step("midnight"), step("noon")] == ["it is noon", "it is midnight", "it is noon"]
    assert inner.calls == 2


def test_an_image_is_matched_exactly(core):
    """The same text under another picture is asked; under the same one it is not."""
    inner = FakeChat()
    model = cached(inner, core)

    def ask(data):
        image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}
        return model.invoke([HumanMessage([{"type": "text", "text": "What is it?"}, image])])

    ask("QUJD"), ask("QUJE"), ask("QUJD")
    assert inner.calls == 2


# -- the same model -----------------------------------------------------------------------------------------------------


def test_a_wrapper_is_the_model(core):
    """Type, fields, dump and name are the model's; wrapping twice is wrapping once; unwrap gives the original back."""
    inner = ChatOpenAI(model="gpt-x", api_key="sk-secret", temperature=0.5)
    model = cached(inner, core)
    assert isinstance(model, ChatOpenAI)
    assert type(model).__name__ == "ChatOpenAI"
    assert (model.model_name, model.temperature) == ("gpt-x", 0.5)
    assert dumpd(model) == dumpd(inner)
    assert model._get_ls_params() == inner._get_ls_params()
    assert unwrap(cached(model, core)) is inner
    assert is_cached(model)
    assert not is_cached(inner)
    assert "sk-secret" not in repr(model)


def test_bound_arguments_are_wrapped_inside(core):
    """A model with bound tools stays bound to them."""
    inner = FakeChat(answers=call_add)
    bound = cached(inner.bind_tools([add]), core)
    assert is_cached(bound)
    assert not is_cached(unwrap(bound))
    assert bound.invoke("x").tool_calls[0]["name"] == bound.invoke("x").tool_calls[0]["name"] == "add"
    assert inner.calls == 1


def test_settings_that_change_change_the_key(core):
    """An assignment, and a copy with another setting, are another model; LangChain's own key would not notice."""
    inner = FakeChat()
    model = cached(inner, core)
    model.invoke(QUESTION)
    model.temperature = 1.5
    assert hit(model.invoke(QUESTION)) is None
    assert inner.temperature == 1.5
    assert hit(model.invoke(QUESTION))
    other = model.model_copy(update={"model_name": "fake-2"})
    assert is_cached(other)
    assert hit(other.invoke(QUESTION)) is None
    model.default_headers = {"x-route": "a"}
    assert hit(model.invoke(QUESTION)) is None
    model.default_headers["x-route"] = "b"
    assert hit(model.invoke(QUESTION)) is None


@pytest.mark.parametrize("setting", [{"timeout": 3.0}, {"max_retries": 7}, {"default_headers": {"Authorization": "x"}}])
def test_how_an_answer_travels_does_not_change_the_key(core, setting):
    """Timeouts, retries and credentials say nothing about an answer."""
    cached(FakeChat(), core).invoke(QUESTION)
    assert hit(cached(FakeChat(**setting), core).invoke(QUESTION))


def test_a_model_that_tells_nothing_is_known_by_its_fields(core):
    """Two configurations share nothing, equal ones do; through LangChain's own key all three would be one."""
    assert hit(cached(SilentChat(model="a"), core).invoke(QUESTION)) is None
    assert hit(cached(SilentChat(model="b"), core).invoke(QUESTION)) is None
    assert hit(cached(SilentChat(model="a"), core).invoke(QUESTION))


@pytest.mark.parametrize("kind", [ListedChat, HalfText])
def test_a_model_that_tells_half_is_known_by_what_was_set_too(core, kind):
    """A setting that is missing in its identifying parameters makes another model; its default does not."""
    through = kind(cache=SeglamCache(core))
    through.invoke(QUESTION)
    model = cached(kind(), core)
    model.invoke(QUESTION)
    assert core.stats().sizes["entries"] == 1
    for top_p in (0.1, 0.9, 0.1):
        cached(kind(top_p=top_p), core).invoke(QUESTION)
    assert core.stats().sizes["entries"] == 3


def test_counters_of_tokens_count_what_was_spent(core):
    """LangChain's own usage handler: 26 tokens for one call and two hits."""
    model = cached(FakeChat(), core)
    with get_usage_metadata_callback() as counted:
        for _ in range(3):
            model.invoke(QUESTION)
    assert sum(usage["total_tokens"] for usage in counted.usage_metadata.values()) == 26


def test_a_model_with_hidden_state_is_not_cached(core, caplog):
    """Private attributes may be all that two configurations differ in."""

    class Hidden(SilentChat):
        _route: str = PrivateAttr(default="a")

    model = cached(Hidden(), core)
    assert hit(model.invoke(QUESTION)) is None
    assert hit(model.invoke(QUESTION)) is None
    assert "not cached" in caplog.text


def test_a_class_counts_by_its_schema(core):
    """Two living classes of one name are two requests, each of them cached; by the name alone nobody could tell."""
    inner = FakeChat()
    model = cached(inner, core)

    def kind(field):
        fields = {"__annotations__": {field: str}, "__module__": "app", "__qualname__": "City"}
        return type("City", (BaseModel,), fields)

    one, two = kind("name"), kind("title")
    for schema in (one, two, one, two):
        model.invoke(QUESTION, response_format=schema)
    assert inner.calls == 2
    assert hit(FakeChat(cache=SeglamCache(core)).invoke(QUESTION, response_format=one)) is None


def test_surfaces_share_structured_answers(core):
    """A class has one key, whichever surface asks."""
    model = cached(FakeChat(), core)
    model.invoke(QUESTION, response_format=Place)
    assert hit(FakeChat(cache=SeglamCache(core)).invoke(QUESTION, response_format=Place))


def test_surfaces_share_answers(core):
    """What SeglamCache stored, the wrapper serves, and the other way round."""
    through_cache = FakeChat(cache=SeglamCache(core))
    model = cached(FakeChat(), core)
    through_cache.invoke("a")
    assert hit(model.invoke("a"))
    model.invoke("b")
    assert hit(through_cache.invoke("b"))


def test_copies_keep_the_cache(core):
    """copy, deepcopy and model_copy give wrapped models on the same cache."""
    inner = FakeChat()
    model = cached(inner, core)
    model.invoke(QUESTION)
    for other in (copy.copy(model), copy.deepcopy(model), model.model_copy(), model.model_copy(deep=True)):
        assert is_cached(other)
        assert hit(other.invoke(QUESTION))


def test_a_pickle_finds_its_file_again(path: Path, core, caplog):
    """With a path the copy is wrapped again; with an open cache it comes back plain, and says so."""
    model = cached(FakeChat(), path, compiler=None)
    model.invoke(QUESTION)
    again = pickle.loads(pickle.dumps(model))
    assert is_cached(again)
    assert hit(again.invoke(QUESTION))
    assert not is_cached(pickle.loads(pickle.dumps(cached(FakeChat(), core))))
    assert "without its cache" in caplog.text


def test_models_that_name_one_file_share_it(path: Path):
    """Equal options open a file once; another compiler has a Cache of its own on it."""
    one, two = (cached(FakeChat(), path) for _ in range(2))
    other = cached(FakeChat(model="other"), path)
    assert one._seglam_layer.cache is two._seglam_layer.cache
    assert one._seglam_layer.cache is not other._seglam_layer.cache


def test_a_choice_at_the_call_keeps_its_cache(core):
    """configurable_fields: every choice is a model of its own, and each is cached."""
    model = cached(FakeChat(), core).configurable_fields(temperature=ConfigurableField(id="t"))
    hot = {"configurable": {"t": 1.5}}
    assert hit(model.invoke(QUESTION, hot)) is None
    assert hit(model.invoke(QUESTION, hot))
    assert hit(model.invoke(QUESTION)) is None
    assert hit(model.invoke(QUESTION))


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda core: cached("gpt", core), "model"),
        (lambda core: cached(FakeChat() | (lambda x: x), core), "model"),
        (lambda core: cached(FakeChat(), 7), "cache"),
        (lambda core: cached(FakeChat(), core, policy=Policy()), "policy"),
        (lambda core: cached(FakeChat(), core, compiler=len), "compiler"),
        (lambda core: cached(FakeChat(), ":memory:", compiler="other"), "compiler"),
        (lambda core: cached(FakeChat(), core, tenant=""), "tenant"),
        (lambda core: cached(FakeChat(), core, namespace=1), "namespace"),
        (lambda core: cached(FakeChat(), core, tool_calls=1), "tool_calls"),
    ],
)
def test_wrong_arguments_are_named(core, make, named):
    """ConfigurationError, at once."""
    with pytest.raises(ConfigurationError, match=f"^{named}"):
        make(core)


def test_nothing_crosses_a_tenant(core):
    """A tenant's answers are its own; one without a name is not cached, and gets the model's answer."""
    who = {"name": "a"}
    inner = FakeChat()
    model = cached(inner, core, tenant=lambda: who["name"])
    model.invoke(QUESTION)
    who["name"] = "b"
    assert hit(model.invoke(QUESTION)) is None
    who["name"] = "a"
    assert hit(model.invoke(QUESTION))
    object.__setattr__(core.policy, "on_fault", "miss")
    who["name"] = ""
    assert [hit(model.invoke(QUESTION)) for _ in range(2)] == [None, None]
    assert core.faults == {"langchain.key": 2}
