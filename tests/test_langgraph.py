"""LangGraph: nodes cached on a seglam file, and a key for states with messages."""

import operator
from collections import deque
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, TypedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, HumanMessage, RemoveMessage, SystemMessage, ToolMessage
from langgraph.cache.memory import InMemoryCache
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import CachePolicy
from pydantic import BaseModel

from langchain_models import FakeChat
from langchain_seglam import SeglamCache, SeglamGraphCache, cached, message_key
from seglam import ConfigurationError

SPACE = ("__pregel_ns_writes", "mod.ask", "ask")


@pytest.fixture
def core(open_cache):
    """The cache behind; faults raise."""
    return open_cache()


@pytest.fixture
def nodes(core, clock):
    """The adapter."""
    return SeglamGraphCache(core, clock=clock)


def graph(node, cache, *, ttl=None, state=MessagesState, key=message_key, **options):
    """A graph of one cached node."""
    made = StateGraph(state)
    made.add_node("ask", node, cache_policy=CachePolicy(key_func=key, ttl=ttl))
    made.add_edge(START, "ask")
    made.add_edge("ask", END)
    return made.compile(cache=cache, **options)


def asking(model):
    """A node that asks a model."""
    return lambda state: {"messages": [model.invoke(state["messages"])]}


def say(app, text, **options):
    """The conversation after one turn."""
    return app.invoke({"messages": [HumanMessage(text)]}, **options)["messages"]


# -- nodes --------------------------------------------------------------------------------------------------------------


async def test_a_conversation_hits_whatever_ids_it_has(nodes):
    """The same words in new messages do not run the node again; sync and async share what is kept."""
    inner = FakeChat()
    app = graph(asking(inner), nodes)
    first, second = say(app, "hi"), say(app, "hi")
    third = (await app.ainvoke({"messages": [HumanMessage("hi", id="mine")]}))["messages"]
    assert inner.calls == 1
    assert first[-1].content == second[-1].content == third[-1].content
    assert say(app, "ho")[-1].content != first[-1].content
    assert inner.calls == 2


def test_langgraphs_own_key_never_hits_here():
    """What message_key is for: every message of a MessagesState has an id of its own."""
    inner = FakeChat()
    app = graph(asking(inner), InMemoryCache(), key=CachePolicy().key_func)
    say(app, "hi"), say(app, "hi")
    assert inner.calls == 2


def test_two_equal_turns_of_one_thread_stay_two(nodes):
    """A hit whose message kept its old id would replace the earlier answer."""
    inner = FakeChat(answers=lambda _: "hello")
    app = graph(lambda state: {"messages": [inner.invoke(state["messages"][-1:])]}, nodes, key=_last,
                checkpointer=InMemorySaver())  # fmt: skip
    config = {"configurable": {"thread_id": "a"}}
    say(app, "hi", config=config)
    final = say(app, "hi", config=config)
    assert [message.type for message in final] == ["human", "ai", "human", "ai"]
    assert inner.calls == 1
    assert final[3].usage_metadata["total_tokens"] == 0
    assert final[1].usage_metadata["total_tokens"] == 26


def _last(state):
    return message_key(state["messages"][-1])


def test_a_hit_is_marked_and_its_calls_are_new(nodes):
    """LangGraph says that a node came from the cache; a call and its result share a new id."""

    def node(state):
        call = AIMessage("", tool_calls=[{"name": "add", "args": {}, "id": "call_abcdefghijkl"}], id="m1")
        return {"messages": [call, ToolMessage("3", tool_call_id="call_abcdefghijkl", id="m2")]}

    app = graph(node, nodes)
    seen = [say(app, "hi") for _ in range(3)]
    ids = [(turn[1].tool_calls[0]["id"], turn[2].tool_call_id) for turn in seen]
    assert all(call == result for call, result in ids)
    assert len(set(ids)) == 3
    assert len({turn[1].id for turn in seen}) == len({turn[2].id for turn in seen}) == 3
    (told,) = [e for e in app.stream({"messages": [HumanMessage("hi")]}, stream_mode="updates") if "__metadata__" in e]
    assert told["__metadata__"] == {"cached": True}


@pytest.mark.parametrize(
    "message",
    [RemoveMessage(id="h1"), ToolMessage("3", tool_call_id="made-before")],
)
def test_what_belongs_to_one_conversation_is_not_kept(nodes, core, message):
    """Neither a removal nor the result of an earlier node's call means anything in another thread."""
    nodes.set({(SPACE, "k"): (deque([("messages", [message])]), None)})
    assert nodes.get([(SPACE, "k")]) == {}
    assert core.stats().sizes["entries"] == 0


def test_removing_everything_is_kept(nodes):
    """The one removal that names no message."""
    nodes.set({(SPACE, "k"): (deque([("messages", [RemoveMessage(id="__remove_all__")])]), None)})
    assert nodes.get([(SPACE, "k")])


def test_values_that_are_no_messages_come_back_as_they_were(nodes):
    """Numbers, texts, bytes, nested collections: what LangGraph's own cache gives (its serializer makes tuples lists)."""
    value = deque([("n", 1), ("t", ("a", b"b")), ("l", [{"x": [1.5, None, True]}])])
    own = InMemoryCache()
    for cache in (nodes, own):
        cache.set({(SPACE, "k"): (value, None)})
    assert nodes.get([(SPACE, "k")]) == own.get([(SPACE, "k")]) != {}


def test_a_hit_is_a_copy(nodes):
    """Changing what one run was given changes nothing for the next."""
    nodes.set({(SPACE, "k"): (deque([("l", [1])]), None)})
    nodes.get([(SPACE, "k")])[SPACE, "k"][0][1].append(2)
    assert nodes.get([(SPACE, "k")])[SPACE, "k"] == deque([["l", [1]]])


def test_entries_end_with_their_ttl(nodes, clock):
    """A node's own seconds, and never longer than the policy's lifetime."""
    nodes.set({(SPACE, "short"): (deque([("n", 1)]), 10), (SPACE, "long"): (deque([("n", 2)]), None)})
    clock.move(9)
    assert len(nodes.get([(SPACE, "short"), (SPACE, "long")])) == 2
    clock.move(1)
    assert list(nodes.get([(SPACE, "short"), (SPACE, "long")])) == [(SPACE, "long")]
    clock.move(86_400)
    assert nodes.get([(SPACE, "long")]) == {}


def test_clear_empties_some_nodes_or_all(core, nodes):
    """And leaves the answers of models alone."""
    other = (SPACE[0], "mod.other", "other")
    FakeChat(cache=SeglamCache(core)).invoke("hi")
    pairs = {(space, key): (deque([("n", 1)]), None) for space in (SPACE, other) for key in ("a", "b")}
    nodes.set(pairs)
    nodes.clear([SPACE])
    assert set(nodes.get(list(pairs))) == {(other, "a"), (other, "b")}
    nodes.clear()
    assert nodes.get(list(pairs)) == {}
    assert core.stats().sizes["entries"] == 1


async def test_the_async_methods_do_the_same(nodes):
    """aget, aset, aclear."""
    key = (SPACE, "k")
    await nodes.aset({key: (deque([("n", 1)]), None)})
    assert await nodes.aget([key]) == {key: deque([["n", 1]])}
    await nodes.aclear([SPACE])
    assert await nodes.aget([key]) == {}
    await nodes.aset({key: (deque([("n", 1)]), None)})
    await nodes.aclear()
    assert await nodes.aget([key]) == {}


def test_nothing_crosses_tenants_and_namespaces(core):
    """One file, many users."""
    key = (SPACE, "k")
    for options in ({}, {"tenant": "a"}, {"tenant": lambda: "b"}, {"namespace": "other"}):
        made = SeglamGraphCache(core, **options)
        assert made.get([key]) == {}
        made.set({key: (deque([("o", str(sorted(options)))]), None)})
        assert made.get([key])


def test_nodes_and_models_keep_their_own(core, nodes):
    """A cached node around a wrapped model: the node hits first, and the model is not even looked up."""
    inner = FakeChat()
    app = graph(asking(cached(inner, core)), nodes)
    say(app, "hi"), say(app, "hi")
    assert inner.calls == 1
    assert core.stats("").requests == 1
    assert core.procedures() == []


@pytest.mark.parametrize("place", ["get", "set"])
def test_a_fault_is_a_miss(open_cache, monkeypatch, place):
    """The node runs, the fault is counted."""
    core = open_cache(policy={"on_fault": "miss"})

    def fail(*args, **kwargs):
        raise OSError("no disk")

    nodes = SeglamGraphCache(core)
    monkeypatch.setattr(core, {"get": "lookup", "set": "record"}[place], fail)
    inner = FakeChat()
    app = graph(asking(inner), nodes)
    say(app, "hi"), say(app, "hi")
    assert inner.calls == 2
    assert core.faults[f"langgraph.{place}"] == 2


def test_what_cannot_be_serialised_is_a_counted_miss(open_cache):
    """No pickle: an object that has no other form is not kept."""
    core = open_cache(policy={"on_fault": "miss"})
    nodes = SeglamGraphCache(core)
    nodes.set({(SPACE, "k"): (deque([("f", lambda: None)]), None)})
    assert nodes.get([(SPACE, "k")]) == {}
    assert core.faults == {"langgraph.set": 1}


@pytest.mark.parametrize(
    ("options", "named"),
    [({"cache": 7}, "cache"), ({"namespace": ""}, "namespace"), ({"tenant": ""}, "tenant")],
)
def test_wrong_arguments_are_named(core, options, named):
    """ConfigurationError, at once."""
    with pytest.raises(ConfigurationError, match=f"^{named}"):
        SeglamGraphCache(options.pop("cache", core), **options)


def test_a_file_or_a_surface_is_as_good_as_its_cache(core, tmp_path):
    """Like the other surfaces it takes a path, opened once, or the SeglamCache of the application."""
    assert SeglamGraphCache(SeglamCache(core)).cache is core
    first, second = SeglamGraphCache(tmp_path / "nodes.db"), SeglamGraphCache(tmp_path / "nodes.db")
    assert first.cache is second.cache
    first.set({(SPACE, "k"): (deque([("messages", "x")]), None)})
    assert second.get([(SPACE, "k")])


# -- keys ---------------------------------------------------------------------------------------------------------------


@dataclass
class Seen:
    """A state that is a dataclass."""

    messages: list[Any]
    topic: str = "x"


class Form(BaseModel):
    """A state that is a model."""

    messages: list[Any]
    topic: str = "x"


class Mood(Enum):
    """A word of an application."""

    GOOD = 1
    BAD = 2


def talk(number="1", text="hi", result="3", **extra):
    """A conversation with a tool, with ids that are new every time."""
    call = AIMessage(
        "", id=f"a{number}", tool_calls=[{"name": "add", "args": {"a": 1}, "id": f"call{number}"}],
        usage_metadata={"input_tokens": len(number), "output_tokens": 1, "total_tokens": 1 + len(number)},
        response_metadata={"id": f"resp{number}", "created": number},
    )  # fmt: skip
    result = ToolMessage(result, tool_call_id=f"call{number}", id=f"t{number}", **extra)
    return [SystemMessage("s", id=f"s{number}"), HumanMessage(text, id=f"h{number}"), call, result]


@pytest.mark.parametrize("make", [lambda m: {"messages": m}, lambda m: m, Seen, lambda m: Form(messages=m)])
def test_ids_and_counts_are_no_part_of_a_key(make):
    """In every kind of state; what was said is."""
    assert message_key(make(talk("1"))) == message_key(make(talk("22")))
    assert message_key(make(talk())) != message_key(make(talk(text="ho")))
    assert message_key(make(talk())) != message_key(make(talk(result="4")))
    assert message_key(make(talk(artifact={"a": 1}))) != message_key(make(talk(artifact={"a": 2})))
    assert message_key(make(talk(status="error"))) != message_key(make(talk()))


def test_everything_else_in_a_state_is_part_of_its_key():
    """Other fields, their types, their order where it counts."""
    states = [
        {"messages": talk()}, {"messages": talk(), "n": 1}, {"messages": talk(), "n": True}, {"messages": talk(), "n": "1"},
        {"messages": talk(), "n": 1.0}, {"messages": talk(), "n": [1, 2]}, {"messages": talk(), "n": [2, 1]},
        {"messages": talk(), "n": (1, 2)}, {"messages": talk(), "n": b"1"}, {"messages": talk(), "n": Mood.GOOD},
        {"messages": talk(), "n": Mood.BAD}, {"messages": talk(), "n": None}, {"messages": talk(), "n": {1: "a"}},
        {"messages": talk(), "n": {"1": "a"}}, {"messages": talk(), "n": {1, 2}}, {"messages": talk()[:-1]},
        Seen(talk()), Seen(talk(), "y"), Form(messages=talk()), talk(), talk()[-1], [],
    ]  # fmt: skip
    keys = [message_key(state) for state in states]
    assert len(set(keys)) == len(states)
    assert keys == [message_key(state) for state in states]


def test_the_order_of_names_is_no_part_of_a_key():
    """Dictionaries and sets are what they hold."""
    assert message_key({"a": 1, "b": {2, 3}}) == message_key({"b": {3, 2}, "a": 1})


def test_an_object_without_a_form_never_hits(caplog):
    """A key that nothing else has, and a word in the log."""
    state = {"messages": [], "handle": object()}
    assert message_key(state) != message_key(state)
    assert "no stable key" in caplog.text


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(_json, _json)
def test_two_states_share_a_key_only_if_they_are_equal(one, two):
    """Equal in value and type: True is not 1, and 1 is not 1.0."""
    assert (message_key({"s": one}) == message_key({"s": two})) == (_typed(one) == _typed(two))


def _typed(value):
    if isinstance(value, list):
        return [_typed(item) for item in value]
    if isinstance(value, dict):
        return {name: _typed(item) for name, item in value.items()}
    return (type(value).__name__, repr(value))


class Counted(TypedDict):
    """A state without messages."""

    x: int
    log: Annotated[list[str], operator.add]


def test_a_state_without_messages_is_cached_too(nodes):
    """The key and the adapter serve any node."""
    runs = []

    def node(state):
        runs.append(1)
        return {"x": state["x"] + 1, "log": ["ran"]}

    app = graph(node, nodes, state=Counted)
    assert [app.invoke({"x": 1, "log": []}) for _ in range(2)] == [{"x": 2, "log": ["ran"]}] * 2
    assert len(runs) == 1
