"""Keys of LlamaIndex calls: equal only if everything that can change the answer is equal; never a secret, never a guess."""

import functools
import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from llama_index.core.base.llms.types import (
    CacheControl,
    CachePoint,
    ChatMessage,
    CitableBlock,
    ImageBlock,
    TextBlock,
    ToolCallBlock,
)
from llama_index.core.tools import FunctionTool
from llama_index.llms.openai import OpenAI
from pydantic import BaseModel

from llamaindex_models import EchoLLM, ScriptedLLM, calling, user
from llamaindex_seglam.keys import Engine, held_state
from llamaindex_seglam.plain import plain
from llamaindex_seglam.slots import Reader
from seglam import Request, canonical, vary_digest

PNG = b"\x89PNG\r\n\x1a\n" + bytes(32)


def reader(llm: Any, **options: Any) -> Reader:
    """What turns an LLM's calls into requests."""
    return Reader(Engine(llm, held_state(llm)), **options)


def ask(*messages: ChatMessage, llm: Any = None, **kwargs: Any) -> Request:
    """The request of a chat call."""
    return reader(llm or ScriptedLLM()).chat(messages, kwargs)


def system(text: str) -> ChatMessage:
    """A system message."""
    return ChatMessage(role="system", content=text)


def said(text: str) -> ChatMessage:
    """An assistant's message."""
    return ChatMessage(role="assistant", content=text)


def test_a_bare_question_has_no_context() -> None:
    """One user message is its text with an empty vary, by chat and by complete: what both frameworks share."""
    request = ask(user("What is 2 + 2?"))
    assert (request.text, request.vary, request.background) == ("What is 2 + 2?", "", "")
    assert request.compilable
    assert request.comparable
    completion = reader(EchoLLM()).complete("What is 2 + 2?", formatted=False, given={})
    assert (completion.text, completion.vary) == ("What is 2 + 2?", "")


def test_the_parts_have_the_names_that_all_adapters_use() -> None:
    """System prompt and earlier turns give the digest that another framework computes from the same conversation."""
    request = ask(system("Be brief."), user("Hi"), said("Hello"), user("How are you?"))
    turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    assert request.vary == vary_digest({"system": "Be brief.", "messages": turns})
    assert "Be brief." in request.background
    assert "assistant: Hello" in request.background


TEXT = st.sampled_from(["a", "b", "a\n\nb", ""])
ROLE = st.sampled_from(["system", "user", "assistant", "tool", "developer"])
TURN = st.builds(lambda role, texts: (role, tuple(texts)), ROLE, st.lists(TEXT, min_size=1, max_size=2))
KWARGS = st.fixed_dictionaries(
    {},
    optional={
        "temperature": st.sampled_from([0.1, 0.5]),
        "stop": st.sampled_from([["a"], ["b"]]),
        "tool_choice": st.sampled_from(["auto", "required"]),
        "tools": st.sampled_from([[{"name": "a"}], [{"name": "b"}]]),
        "parallel_tool_calls": st.booleans(),
        "response_format": st.sampled_from([{"type": "json_object"}, {"type": "text"}]),
        "logit_bias": st.sampled_from([{"1": 1}, {"1": 2}]),
    },
)
CALL = st.tuples(
    st.lists(TURN, min_size=1, max_size=4),
    KWARGS,
    st.sampled_from(["m1", "m2"]),
    st.sampled_from(["", "acme", "globex"]),
    st.sampled_from(["", "x"]),
)


def key_of(call: Any) -> str:
    """The key of a generated call."""
    turns, kwargs, model, tenant, namespace = call
    messages = [ChatMessage(role=role, blocks=[TextBlock(text=text) for text in texts]) for role, texts in turns]
    return reader(ScriptedLLM(model=model), tenant=tenant or None, namespace=namespace).chat(messages, kwargs).key


@given(CALL, CALL)
def test_keys_are_equal_only_if_all_parts_are(one: Any, other: Any) -> None:
    """Two calls share a key exactly when messages, arguments, model, tenant and namespace are all equal."""
    assert (key_of(one) == key_of(other)) == (one == other)


@given(CALL, st.data())
def test_changing_any_one_part_changes_the_key(call: Any, data: Any) -> None:
    """No single part can be swapped for another without another key."""
    place = data.draw(st.integers(0, 4))
    changed = list(call)
    changed[place] = data.draw(CALL)[place]
    assert (key_of(call) == key_of(tuple(changed))) == (call[place] == changed[place])


def test_position_of_the_last_user_text_matters() -> None:
    """The same words in another order are another request."""
    assert ask(user("q"), said("a")).key != ask(said("a"), user("q")).key
    assert ask(said("q")).key != ask(user("q")).key


def test_only_a_plain_last_question_is_matched_beyond_exactly() -> None:
    """Forms that are not certain, tool results, images, several text blocks and names keep all but the exact tier out."""
    tool = {"type": "function", "function": {"name": "f"}}
    image = ChatMessage(role="user", blocks=[TextBlock(text="What is it?"), ImageBlock(image=PNG)])
    named = ChatMessage(role="user", content="q", additional_kwargs={"name": "bob"})
    two = ChatMessage(role="user", blocks=[TextBlock(text="a"), TextBlock(text="b")])
    result = ChatMessage(role="tool", content="4", additional_kwargs={"tool_call_id": "call_1"})
    cases = [
        ask(user("q"), tools=[tool], response_format={"type": "json_object"}),
        ask(user("q"), tools=[tool], logit_bias={"1": 1}),
        ask(user("q"), tools=[tool], tool_choice="none"),
        ask(user("q"), tools=[{"type": "web_search"}]),
        ask(user("q"), tools=[tool], llm=EchoLLM(chat_model=True)),
        ask(user("q"), calling("add", {"a": 1}), result, tools=[tool]),
        ask(user("q"), calling("add", {"a": 1}), result),
        ask(image),
        ask(named),
        ask(two),
        ask(said("only me")),
        ask(calling("add", {"a": 1}), user("q")),
        ask(user("q"), llm=ScriptedLLM(additional_kwargs={"response_format": {"type": "text"}})),
    ]
    for request in cases:
        assert not request.compilable
        assert not request.comparable
        assert (request.background, request.fits) == ("", None)
    assert ask(user("q"), temperature=0.3).compilable
    assert ask(user("q"), tools=[]).key == ask(user("q")).key


def test_a_call_for_an_object_or_a_tool_tells_its_form() -> None:
    """Procedures may answer it in that form; the compiler reads it after the system prompt; meaning stays out."""
    add = {"type": "function", "function": {"name": "add", "parameters": {"type": "object", "required": ["a"]}}}
    own = ScriptedLLM(additional_kwargs={"response_format": {"type": "json_object"}})
    for request, legal, illegal in (
        (ask(system("S"), user("q"), tools=[add]), '{"name": "add", "arguments": {"a": 1}}', '{"a": 1}'),
        (ask(system("S"), user("q"), tools=[add], tool_choice="required"), '{"a": 1}', "{}"),
        (ask(system("S"), user("q"), response_format={"type": "json_object"}), "{}", "x"),
        (ask(system("S"), user("q"), llm=own), "{}", "x"),
    ):
        assert (request.text, request.compilable, request.comparable) == ("q", True, False)
        assert request.background.startswith("S\n\n")
        assert request.fits is not None
        assert (request.fits(legal), request.fits(illegal)) == (True, False)


def test_prompt_cache_marks_and_provenance_do_not_change_a_key() -> None:
    """CachePoint blocks, cache_control and our own notes are stripped, on the last message and on earlier ones."""
    point = CachePoint(cache_control=CacheControl(type="ephemeral"))
    marked = ChatMessage(
        role="user",
        blocks=[TextBlock(text="q"), point],
        additional_kwargs={"cache_control": {"type": "ephemeral"}, "seglam": {"tier": "exact"}},
    )
    assert ask(marked) == ask(user("q"))
    assert ask(marked, said("a"), user("z")) == ask(user("q"), said("a"), user("z"))


def test_tool_call_ids_are_numbered_but_their_links_are_kept() -> None:
    """Fresh ids give the same key; a result that belongs to another call does not."""

    def conversation(first: str, second: str, answered: str) -> Request:
        calls = [ToolCallBlock(tool_call_id=name, tool_name="add", tool_kwargs={"a": 1}) for name in (first, second)]
        result = ChatMessage(role="tool", content="2", additional_kwargs={"tool_call_id": answered})
        return ask(user("q"), ChatMessage(role="assistant", blocks=calls), result)

    assert conversation("x1", "x2", "x1").key == conversation("y1", "y2", "y1").key
    assert conversation("x1", "x2", "x1").key != conversation("x1", "x2", "x2").key
    assert conversation("x1", "x2", "x1").key != conversation("x1", "x2", "unknown").key


def test_provider_objects_and_their_stored_dicts_have_one_key() -> None:
    """A history with a client's tool-call objects keys like the same history replayed from the store."""

    class Call(BaseModel):
        id: str
        type: str = "function"

    live = ChatMessage(role="assistant", content="", additional_kwargs={"tool_calls": [Call(id="c1")]})
    stored = ChatMessage(
        role="assistant", content="", additional_kwargs={"tool_calls": [{"id": "c9", "type": "function"}]}
    )
    assert ask(user("q"), live).key == ask(user("q"), stored).key


def test_images_are_keyed_by_content(tmp_path: Path) -> None:
    """An image file that changes under its name is another request; a stream is left where it was."""
    file = tmp_path / "a.png"
    keys = []
    for data in (PNG, PNG + b"1"):
        file.write_bytes(data)
        keys.append(ask(ChatMessage(role="user", blocks=[ImageBlock(path=file)])).key)
        cited = CitableBlock(title="t", source="s", content=[ImageBlock(path=file)])
        keys.append(ask(ChatMessage(role="user", blocks=[cited])).key)
    assert len(set(keys)) == 4
    stream = io.BytesIO(PNG)
    stream.seek(3)
    ask(ChatMessage(role="user", blocks=[ImageBlock(image=stream)]))
    assert stream.tell() == 3


def test_the_engine_is_class_model_parameters_and_private_state() -> None:
    """Another model, temperature, class, persona or excluded prompt function is another engine, never another vary."""
    base = ask(user("q"), llm=EchoLLM())
    persona = EchoLLM()
    persona.become("pirate")
    function = EchoLLM(messages_to_prompt=lambda messages: "fixed")
    others = [EchoLLM(voice="loud"), persona, function, ScriptedLLM()]
    engines = {ask(user("q"), llm=llm).engine for llm in others}
    assert len(engines | {base.engine}) == 5
    assert {ask(user("q"), llm=llm).vary for llm in others} == {""}
    assert ask(user("q"), temperature=0.1).engine != ask(user("q")).engine


def test_words_in_private_state_are_read_at_every_call_and_counters_are_not() -> None:
    """A persona set after wrapping gives another key; a counter that an LLM keeps does not."""
    llm = EchoLLM()
    read = reader(llm)
    before = read.chat([user("q")], {}).key
    llm._made += 1
    assert read.chat([user("q")], {}).key == before
    llm.become("pirate")
    assert read.chat([user("q")], {}).key != before


def test_secrets_and_transport_do_not_change_a_key() -> None:
    """A rotated API key, headers, timeouts and retries leave the engine alone; the address does not."""
    base = {"model": "gpt-4o-mini", "api_base": "http://one/v1"}
    one = OpenAI(**base, api_key="sk-one", timeout=1, max_retries=0, default_headers={"x": "1"})
    two = OpenAI(**base, api_key="sk-two", timeout=9, max_retries=5, reuse_client=False)
    elsewhere = OpenAI(**{**base, "api_base": "http://two/v1"}, api_key="sk-one")
    assert ask(user("q"), llm=one).key == ask(user("q"), llm=two).key
    assert ask(user("q"), llm=one).key != ask(user("q"), llm=elsewhere).key
    assert ask(user("q"), llm=one, timeout=3, extra_headers={"a": "b"}).key == ask(user("q"), llm=one).key


@pytest.mark.parametrize("kwargs", [{"client_pool": object()}, {"n": 2}, {"bias": {1: 2}}, {"x": float("nan")}])
def test_what_cannot_be_keyed_raises(kwargs: dict[str, Any]) -> None:
    """Objects without a form, several answers, keys that are no strings and NaN never get a key."""
    with pytest.raises((TypeError, ValueError)):
        ask(user("q"), **kwargs)


def test_a_tenant_must_be_named() -> None:
    """A tenant function that gives nothing bypasses: the request would join all others without a tenant."""
    for nothing in ("", None, 7):
        with pytest.raises(TypeError, match="tenant"):
            reader(ScriptedLLM(), tenant=lambda nothing=nothing: nothing).chat([user("q")], {})
    named = reader(ScriptedLLM(), tenant=lambda: "acme").chat([user("q")], {})
    assert named == reader(ScriptedLLM(), tenant="acme").chat([user("q")], {})
    assert named.vary == vary_digest({"tenant": "acme"})


def test_the_llms_own_system_prompt_is_context() -> None:
    """What an integration may apply inside chat() separates procedures too, and is said once if it is sent already."""
    llm = ScriptedLLM(system_prompt="Answer in French.")
    assert ask(user("q"), llm=llm).vary != ""
    assert ask(system("Answer in French."), user("q"), llm=llm).vary == vary_digest({"system": "Answer in French."})
    assert "French" in ask(user("q"), llm=llm).background


def test_functions_are_told_apart_by_name_code_and_what_they_hold() -> None:
    """Two lambdas of one line, two closures and two partials differ; the same function is itself."""

    def maker(word: str) -> Any:
        return lambda text: word + text

    one, two = (lambda text: text + "a"), (lambda text: text + "b")
    assert plain(one) != plain(two)
    assert plain(maker("a")) != plain(maker("b"))
    assert plain(maker("a")) == plain(maker("a"))
    assert plain(functools.partial(one, "a")) != plain(functools.partial(one, "b"))
    with pytest.raises(TypeError):
        plain(object().__str__)


def test_tools_are_what_a_model_is_told() -> None:
    """A tool is keyed by name, description and parameters, as an object or inside a list."""

    def add(a: int, b: int) -> int:
        """Add."""
        return a + b

    def sub(a: int, b: int) -> int:
        """Add."""
        return a - b

    one, same, other = FunctionTool.from_defaults(add), FunctionTool.from_defaults(add), FunctionTool.from_defaults(sub)
    assert ask(user("q"), tools=[one]).key == ask(user("q"), tools=[same]).key
    assert ask(user("q"), tools=[one]).key != ask(user("q"), tools=[other]).key


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON)
def test_plain_data_is_itself(value: Any) -> None:
    """JSON data passes through unchanged, so that no two values are merged on the way to a key."""
    assert canonical(plain(value)) == canonical(value)
