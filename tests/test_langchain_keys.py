"""LangChain's two strings as a Request: what is equal shares a key, what differs does not, and secrets stay out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import (
    AIMessage,
    ChatMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)
from langchain_core.tools import tool

from langchain_models import FakeChat, add, openai, request
from seglam import vary_digest


@tool
def weather(city: str) -> str:
    """Weather of a city."""
    return city


CITY = {"title": "City", "type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
CALL = {"name": "add", "args": {"a": 1, "b": 2}, "type": "tool_call"}


def test_a_bare_question_varies_by_nothing():
    """Two frameworks that ask the same bare question must share what was learnt: vary is empty, text is the question."""
    found = request(openai(), "What is 3+4?")
    assert (found.text, found.vary, found.namespace, found.background) == ("What is 3+4?", "", "", "")
    assert found.compilable
    assert found.comparable


def test_context_has_the_digest_that_every_adapter_gives():
    """system, messages and roles are named as the other adapter names them."""
    found = request(openai(), [SystemMessage("S"), HumanMessage("a"), AIMessage("b"), HumanMessage("c")])
    earlier = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    assert found.vary == vary_digest({"system": "S", "messages": earlier})
    assert found.text == "c"
    assert found.background == "S\n\nUser: a\n\nAssistant: b"
    assert found.compilable


def test_several_system_prompts_are_joined_but_not_confused_with_one():
    """["A", "B"] is shown to the compiler as A, empty line, B, and still has a key of its own."""
    two = request(openai(), [SystemMessage("A"), SystemMessage("B"), HumanMessage("x")])
    one = request(openai(), [SystemMessage("A\n\nB"), HumanMessage("x")])
    assert two.background == one.background == "A\n\nB"
    assert two.vary != one.vary


@pytest.mark.parametrize(
    "same",
    [
        {"timeout": 5},
        {"max_retries": 9},
        {"streaming": True},
        {"stream_usage": True},
        {"default_headers": {"Authorization": "Bearer other"}},
        {"default_headers": {"X-Request-Id": "17", "User-Agent": "me"}},
        {"model_kwargs": {"extra_headers": {"X-Auth": "other"}}},
        {"openai_proxy": "http://proxy"},
        {"verbose": True, "tags": ["x"], "metadata": {"a": "b"}},
    ],
)
def test_transport_does_not_change_the_key(same):
    """How an answer travels is no reason to ask again."""
    assert request(openai(**same)).key == request(openai()).key


@pytest.mark.parametrize(
    "other",
    [
        {"temperature": 0.7},
        {"top_p": 0.5},
        {"max_completion_tokens": 5},
        {"seed": 3},
        {"base_url": "http://elsewhere/v1"},
        {"stop": ["x"]},
        {"logprobs": True},
        {"reasoning_effort": "low"},
        {"model_kwargs": {"response_format": {"type": "json_object"}}},
        {"extra_body": {"guided_choice": ["yes", "no"]}},
        {"default_headers": {"x-portkey-provider": "another"}},
    ],
)
def test_what_changes_the_answer_changes_the_key(other):
    """Sampling, address, stop, output form, and headers by which a gateway chooses the model."""
    assert request(openai(**other)).key != request(openai()).key


def test_the_address_from_the_environment_counts(monkeypatch):
    """OPENAI_BASE_URL stands in no field of the model, and still decides who answers."""
    before = request(openai()).key
    monkeypatch.setenv("OPENAI_BASE_URL", "http://elsewhere/v1")
    assert request(openai()).key != before


def test_parameters_of_the_call_are_engine_or_context():
    """A bound temperature is who answers; a bound persona is what is asked."""
    plain = request(openai())
    warm, persona = request(openai(), temperature=0.9), request(openai(), user="u1")
    assert (warm.vary, warm.engine == plain.engine) == (plain.vary, False)
    assert (persona.engine, persona.vary == plain.vary) == (plain.engine, False)
    assert request(openai(), stop=["\n"]).vary == vary_digest({"stop": ["\n"]})


def test_an_output_form_in_the_constructor_is_context_too():
    """A procedure is shared between engines: one learnt from prose must not answer a model that was told to write JSON."""
    form = {"type": "json_object"}
    made = request(openai(model_kwargs={"response_format": form}))
    assert made.vary == vary_digest({"schema": form})
    assert not made.comparable
    assert not made.fits("prose")


def test_two_forms_of_one_thing_have_one_key():
    """Text as a string or one block, ids, counts, provenance, cache marks: none of them is part of what is asked."""
    plain = [SystemMessage("S"), HumanMessage("a"), AIMessage("b"), HumanMessage("c")]
    other = [
        SystemMessage([{"type": "text", "text": "S", "cache_control": {"type": "ephemeral"}}]),
        HumanMessage("a", id="h1"),
        AIMessage(
            [{"type": "text", "text": "b", "id": "msg_1", "annotations": []}],
            id="lc_run--1",
            additional_kwargs={"refusal": None},
            response_metadata={"id": "chatcmpl-9", "seglam": {"tier": "exact"}},
            usage_metadata={"input_tokens": 1, "output_tokens": 1, "total_tokens": 2, "total_cost": 0},
        ),
        HumanMessage([{"type": "text", "text": "c"}], id="h2"),
    ]
    assert request(openai(), plain).key == request(openai(), other).key


def test_order_of_dict_keys_does_not_matter():
    """The same tool with its keys in another order is the same tool."""
    one = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
    two = {"function": {"parameters": {"properties": {}, "type": "object"}, "name": "f"}, "type": "function"}
    marked = {**two, "cache_control": {"type": "ephemeral"}}
    keys = {request(openai(), tools=[t]).key for t in (one, two, marked)}
    assert len(keys) == 1
    assert request(openai()).key not in keys


def loop(first, second, *, swapped=False):
    """An agent's loop with two tool calls of these ids."""
    calls = [{**CALL, "id": first}, {**CALL, "id": second, "args": {"a": 5, "b": 6}}]
    results = [
        ToolMessage("3", tool_call_id=second if swapped else first),
        ToolMessage("11", tool_call_id=first if swapped else second),
    ]
    return [HumanMessage("sum"), AIMessage("", tool_calls=calls), *results]


def test_tool_call_ids_are_numbered_not_ignored():
    """New ids are the same request; results that belong to the other call are not."""
    base = request(openai(), loop("call_a", "call_b"))
    assert base.key == request(openai(), loop("call_x", "call_y")).key
    assert base.key != request(openai(), loop("call_a", "call_b", swapped=True)).key
    assert (base.text, base.compilable, base.comparable) == ("", False, False)


def test_an_argument_that_reads_like_an_id_keeps_its_difference():
    """Only ids are numbered: two texts that happen to equal the ids stay two texts."""

    def said(name):
        return [
            AIMessage(name, tool_calls=[{**CALL, "id": name, "args": {"id": name}}]),
            ToolMessage(name, tool_call_id=name),
        ]

    assert request(openai(), said("one")).key != request(openai(), said("two")).key


@pytest.mark.parametrize(
    "call",
    [
        {"tools": [add], "schema": CITY},
        {"tools": [add], "response_format": {"type": "json_object"}},
        {"tools": [add], "tool_choice": "none"},
        {"tools": [add], "n": 2},
        {"tools": [add], "messages": [HumanMessage([{"type": "text", "text": "x"}, {"type": "text", "text": "y"}])]},
        {"tools": [{"type": "web_search"}]},
        {"functions": [{"name": "add", "parameters": {}}]},
        {"response_format": {"type": "text"}},
        {"n": 2},
        {"logprobs": True},
        {
            "messages": [
                HumanMessage(
                    [
                        {"type": "text", "text": "x"},
                        {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}},
                    ]
                )
            ]
        },
        {"messages": [HumanMessage([{"type": "text", "text": "x"}, {"type": "text", "text": "y"}])]},
        {"messages": [HumanMessage("x", name="bob")]},
        {"messages": [HumanMessage("x"), AIMessage("prefix")]},
        {"messages": [*loop("a", "b"), AIMessage("done"), HumanMessage("x")]},
        {"messages": [SystemMessage([{"type": "image_url", "image_url": {"url": "data:,"}}]), HumanMessage("x")]},
        {"messages": [HumanMessage("")]},
    ],
)
def test_what_is_more_than_one_text_is_exact_only(call):
    """Images, several answers, names, tool results, forms that are not certain: procedures and meaning stay out of it."""
    found = request(openai(), **call)
    assert (found.compilable, found.comparable, found.background, found.fits) == (False, False, "", None)
    assert "QUJD" not in repr(found)
    assert "base64" not in repr(found)


def test_a_call_for_an_object_or_a_tool_tells_its_form():
    """Procedures may answer it in that form; the compiler reads the schema after the system prompt; meaning stays out."""
    messages = [SystemMessage("House rule 17."), HumanMessage("x")]
    for call, legal in (
        ({"schema": CITY}, '{"name": "Oslo"}'),
        ({"response_format": {"type": "json_object"}}, "{}"),
        ({"tools": [add]}, '{"name": "add", "arguments": {"a": 1, "b": 2}}'),
        ({"tools": [add], "tool_choice": "add"}, '{"a": 1, "b": 2}'),
    ):
        found = request(openai(), messages, **call)
        assert (found.text, found.compilable, found.comparable) == ("x", True, False)
        assert found.background.startswith("House rule 17.\n\n")
        assert "JSON" in found.background
        assert found.fits(legal)
        assert not found.fits('{"name": 3}') or "object" in str(call.get("response_format"))
    assert not request(openai(), messages, tools=[add], tool_calls=False).compilable
    assert request(openai(), messages, tools=[add], tool_choice="any", tool_calls=False).compilable


def test_roles_stay_apart():
    """A ChatMessage that calls itself the user is not the user's message, nor is the assistant's text the user's."""
    keys = [
        request(openai(), [HumanMessage("x")]).key,
        request(openai(), [ChatMessage("x", role="user")]).key,
        request(openai(), [ChatMessage("x", role="assistant")]).key,
        request(openai(), [AIMessage("x")]).key,
        request(openai(), [AIMessage("x"), HumanMessage("")]).key,
        request(openai(), [SystemMessage("x")]).key,
        request(openai(), [SystemMessage("x", additional_kwargs={"__openai_role__": "developer"})]).key,
        request(openai(), [SystemMessage("x"), HumanMessage("x")]).key,
        request(openai(), [HumanMessage("x"), SystemMessage("x")]).key,
    ]
    assert len(set(keys)) == len(keys)


# -- the law ----------------------------------------------------------------------------------------------------------

texts = st.sampled_from(["", "a", "b", "a\n\nb", "User: a"])
contexts = st.fixed_dictionaries(
    {
        "model": st.sampled_from(["m1", "m2"]),
        "temperature": st.sampled_from([0.0, 1.0]),
        "base_url": st.sampled_from([None, "http://x"]),
        "system": st.lists(texts.filter(bool), max_size=2),
        "history": st.lists(st.tuples(st.sampled_from([HumanMessage, AIMessage]), texts), max_size=2),
        "text": texts.filter(bool),
        "tools": st.sampled_from([None, [add], [weather], [add, weather]]),
        "stop": st.sampled_from([None, ["a"], ["b"]]),
        "user": st.sampled_from([None, "u"]),
        "tenant": st.sampled_from(["", "t1", "t2"]),
        "namespace": st.sampled_from(["", "n"]),
    }
)
noises = st.fixed_dictionaries(
    {
        "timeout": st.sampled_from([None, 1.0]),
        "max_retries": st.integers(0, 3),
        "default_headers": st.sampled_from([None, {"Authorization": "secret"}]),
        "id": st.text("abc", min_size=1, max_size=4),
        "blocks": st.booleans(),
    }
)


def build(context, noise):
    """The request of a context, in one of its many forms."""
    model = FakeChat(
        model=context["model"],
        temperature=context["temperature"],
        base_url=context["base_url"],
        timeout=noise["timeout"],
        max_retries=noise["max_retries"],
        default_headers=noise["default_headers"],
    )

    def form(kind, text):
        content = [{"type": "text", "text": text}] if noise["blocks"] and text else text
        extra = {"response_metadata": {"id": noise["id"]}} if kind is AIMessage else {}
        return kind(content, id=noise["id"], **extra)

    said = (
        [(SystemMessage, text) for text in context["system"]] + context["history"] + [(HumanMessage, context["text"])]
    )
    call = {name: context[name] for name in ("tools", "stop")}
    if context["user"]:
        call["user"] = context["user"]
    messages = [form(*item) for item in said]
    return request(model, messages, tenant=context["tenant"], namespace=context["namespace"], **call)


@given(contexts, contexts, noises, noises)
def test_two_requests_share_a_key_only_if_all_that_matters_is_equal(one, two, noise, other_noise):
    """And they do share it then, whatever travels along."""
    assert (build(one, noise).key == build(two, other_noise).key) == (one == two)


@given(contexts, noises, noises, st.data())
def test_one_change_is_another_key(context, noise, other_noise, data):
    """The same law where it is hardest: two contexts that differ in one place."""
    name = data.draw(st.sampled_from(sorted(context)))
    changed = {**context, name: data.draw(contexts)[name]}
    assert (build(context, noise).key == build(changed, other_noise).key) == (context == changed)
