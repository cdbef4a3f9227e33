"""Structured output and tool calls through SeglamCache: objects and calls from procedures, read by LangChain's own parsers."""

import json
import re

import httpx
import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.output_parsers import PydanticToolsParser
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import BaseModel

from conftest import HashEmbedder
from langchain_models import FakeChat, hit
from langchain_seglam import SeglamCache
from openai_wire import Wire, tool_call
from seglam import Policy, State

OBJECT = """\
~~~meta
{"intent": "the number of an invoice and its total", "answer_kind": "json", "staticity": "forever"}
~~~
~~~patterns
Invoice {i:integer}: {n:integer} widgets at {p:integer} dollars each.
~~~
~~~python
import json

def run(i, n, p):
    return n * p

def check(value, i, n, p):
    return value == n * p and value >= 0

def render(value, i, n, p):
    return json.dumps({"invoice": i, "total": value})
~~~
~~~near_misses
Invoice 3: 4 widgets at 5 dollars each, one of them free.
Invoice 3: 4 widgets at 5 euros each.
Invoice 3: 4 widgets at 5 dollars in all.
Invoices 3 and 4: 4 widgets at 5 dollars each.
Invoice 3: not 4 widgets at 5 dollars each.
~~~
"""
CALL = OBJECT.replace(
    'json.dumps({"invoice": i, "total": value})',
    'json.dumps({"name": "book", "arguments": {"invoice": i, "total": value}})',
)
# The code of a careless author: from 100 dollars on it writes the total as text, which the schema does not allow.
ILLEGAL = OBJECT.replace('"total": value}', '"total": value if value < 100 else str(value)}')


class Invoice(BaseModel):
    """An invoice."""

    invoice: int
    total: int


@tool
def book(invoice: int, total: int) -> str:
    """Book an invoice."""
    return f"booked {invoice}: {total}"


@tool
def refund(invoice: int) -> str:
    """Refund an invoice."""
    return f"refunded {invoice}"


def ask(i, n, p):
    """A request of the class."""
    return f"Invoice {i}: {n} widgets at {p} dollars each."


def fields(text):
    """What a right model finds in it."""
    i, n, p = map(int, re.findall(r"\d+", text))
    return {"invoice": i, "total": n * p}


KNOWN = ((3, 4, 5), (10, 5, 2), (7, 8, 3))


@pytest.fixture
def opened(path):
    """Opens caches whose faults raise and whose hits are all served, and proves each one whole at its end."""
    caches = []

    def make(code, **options):
        policy = Policy(on_fault="raise", audit=0.0, audit_first=0.0)
        author = lambda prompt: "NOT_COMPILABLE: no" if "another engineer" in prompt else code  # noqa: E731 - a stub
        caches.append(SeglamCache(path, embedder=HashEmbedder(), policy=policy, compiler=author, **options))
        return caches[-1]

    yield make
    for cache in caches:
        assert cache.cache.check() == []
        assert cache.faults == {}
        cache.close()


def teach(cache, chain, known=KNOWN):
    """Ask, and wait until everything is learnt."""
    answers = []
    for values in known:
        answers.append(chain.invoke(ask(*values)))
        cache.cache.drain()
    return answers


def live(cache):
    """How many procedures answer."""
    return sum(p.state is State.LIVE for p in cache.cache.procedures())


def openai(cache, answer):
    """A real ChatOpenAI on a wire that ends in this process."""
    wire = Wire(answer)
    model = ChatOpenAI(
        model="gpt-test",
        api_key="sk-test",
        base_url="http://wire/v1",
        cache=cache,
        http_client=httpx.Client(transport=wire),
    )
    return model, wire


def answer_of(body):
    """What OpenAI answers to each of the three ways to ask for an object, or with tools."""
    values = fields(body["messages"][-1]["content"])
    if not body.get("tools"):
        return {"content": json.dumps(values)}
    return {"tool_calls": [tool_call(body["tools"][0]["function"]["name"], values)]}


@pytest.mark.filterwarnings(
    "ignore:Pydantic serializer warnings:UserWarning"
)  # the openai client's own parsed messages
@pytest.mark.parametrize("method", ["json_schema", "function_calling", "json_mode"])
@pytest.mark.parametrize("schema", [Invoice, Invoice.model_json_schema()], ids=["class", "dict"])
def test_an_object_is_computed_by_a_procedure(opened, method, schema):
    """Each method of with_structured_output, by class and by schema: known requests once, then new values without a call."""
    cache = opened(OBJECT)
    model, wire = openai(cache, answer_of)
    chain = model.with_structured_output(schema, method=method)
    given = teach(cache, chain)
    assert (wire.calls, live(cache)) == (len(KNOWN), 1)
    found = chain.invoke(ask(1234, 56, 78))
    assert wire.calls == len(KNOWN)
    assert type(found) is type(given[0])
    assert (found.model_dump() if schema is Invoice else found) == {"invoice": 1234, "total": 56 * 78}


def test_a_call_is_computed_and_the_agent_goes_on(opened):
    """bind_tools: the call has the tool's name, its arguments and a fresh id; the tool runs; the next step asks the model."""
    cache = opened(CALL)

    def answer(body):
        if body["messages"][-1]["role"] == "tool":
            return {"content": f"Done: {body['messages'][-1]['content']}."}
        return answer_of(body)

    model, wire = openai(cache, answer)
    agent = model.bind_tools([book, refund])
    teach(cache, agent)
    assert (wire.calls, live(cache)) == (len(KNOWN), 1)
    messages = [HumanMessage(ask(1234, 56, 78))]
    ids = set()
    for _ in range(2):
        said = agent.invoke(messages)
        (call,) = said.tool_calls
        assert (call["name"], call["args"]) == ("book", {"invoice": 1234, "total": 4368})
        assert (said.content, said.response_metadata["finish_reason"]) == ("", "tool_calls")
        assert (hit(said)["tier"], said.usage_metadata["total_tokens"]) == ("procedure", 0)
        ids.add(call["id"])
    assert len(ids) == 2
    assert wire.calls == len(KNOWN)
    result = book.invoke(call)
    assert result.content == "booked 1234: 4368"
    last = agent.invoke([*messages, said, result])
    assert (last.content, hit(last)) == ("Done: booked 1234: 4368.", None)
    sent = wire.bodies[-1]["messages"]
    assert sent[-2]["tool_calls"][0]["id"] == sent[-1]["tool_call_id"] == call["id"]


async def test_async_calls_share_what_was_learnt(opened):
    """What was learnt from invoke answers ainvoke too."""
    cache = opened(CALL)
    model = FakeChat(cache=cache, answers=lambda messages: calling(fields(messages[-1].content)))
    chain = model.bind_tools([book, refund]) | PydanticToolsParser(tools=[Invoice], first_tool_only=True)
    agent = model.bind_tools([book, refund])
    teach(cache, agent)
    assert (await agent.ainvoke(ask(1, 50, 60))).tool_calls[0]["args"] == {"invoice": 1, "total": 3000}
    assert model.calls == len(KNOWN)
    assert chain.first.kwargs == agent.kwargs


def calling(arguments, name="book", text="", more=()):
    """A message with a call."""
    calls = [{"name": name, "args": arguments, "id": "call_1"}, *more]
    return AIMessage(text, tool_calls=calls)


def test_an_answer_of_another_schema_is_not_served(opened):
    """Code that was right on all it was shown and breaks the schema on new values: the model is asked."""
    cache = opened(ILLEGAL)
    model = FakeChat(cache=cache, answers=lambda messages: json.dumps(fields(messages[-1].content)))
    bound = model.bind(response_format={"type": "json_schema", "json_schema": {"schema": Invoice.model_json_schema()}})
    teach(cache, bound)
    assert live(cache) == 1
    assert hit(bound.invoke(ask(5, 6, 7)))["tier"] == "procedure"
    before = model.calls
    assert not hit(bound.invoke(ask(5, 60, 70)))
    assert model.calls == before + 1


@pytest.mark.parametrize(
    "code",
    [
        CALL.replace('"book"', '"pay"'),
        CALL.replace('"arguments"', '"args"'),
        OBJECT,
        CALL.replace("json.dumps({", "json.dumps([{").replace("value}})", "value}}])"),
    ],
    ids=["unknown tool", "no arguments", "bare arguments", "list"],
)
def test_what_is_no_call_of_a_known_tool_is_not_served(opened, code):
    """Even when the cache behind holds such a procedure: the adapter gives no message that was not asked for."""
    cache = opened(code)
    model = FakeChat(cache=cache, answers=lambda messages: calling(fields(messages[-1].content)))
    agent = model.bind_tools([book, refund])
    teach(cache, agent)
    assert not hit(agent.invoke(ask(1234, 56, 78)))
    assert model.calls == len(KNOWN) + 1


@pytest.mark.parametrize(
    "spoil",
    [
        lambda said: {"text": "I book it."},
        lambda said: {"more": ({"name": "refund", "args": {"invoice": 1}, "id": "call_2"},)},
    ],
    ids=["with text", "two calls"],
)
def test_mixed_answers_teach_nothing(opened, spoil):
    """Text with a call, or two calls: the same request gets them again, with new ids, and nothing is compiled."""
    cache = opened(CALL)
    model = FakeChat(cache=cache, answers=lambda m: calling(fields(m[-1].content), **spoil(m)))
    agent = model.bind_tools([book, refund])
    teach(cache, agent)
    again = agent.invoke(ask(*KNOWN[0]))
    assert (hit(again)["tier"], len(again.tool_calls)) == (
        "exact",
        len(model.answers([HumanMessage(ask(1, 2, 3))]).tool_calls),
    )
    assert cache.cache.procedures() == []
    assert model.calls == len(KNOWN)


def test_two_calls_suspend_a_procedure_that_gives_one(opened):
    """What the model does now is evidence: a live procedure that computes one call is no longer right."""
    cache = opened(CALL)
    model = FakeChat(cache=cache, answers=lambda m: calling(fields(m[-1].content)))
    agent = model.bind_tools([book, refund])
    teach(cache, agent)
    assert live(cache) == 1
    two = ({"name": "refund", "args": {"invoice": 1}, "id": "call_2"},)
    spoken = [calling(fields(ask(9, 9, 9)), more=two)]
    other = FakeChat(cache=cache, answers=lambda m: spoken[0]).bind_tools([book, refund])
    prompt, settings = _strings(other, ask(9, 9, 9))
    cache.update(
        prompt, settings, other.bound.model_copy(update={"cache": False})._generate([HumanMessage("x")]).generations
    )
    cache.cache.drain()
    assert live(cache) == 0


def _strings(chain, text):
    from langchain_models import SeenError, Spy

    spy = Spy()
    model = chain.bound.model_copy(update={"cache": spy})
    with pytest.raises(SeenError):
        model.bind(**chain.kwargs).invoke(text)
    return spy.strings


def test_tool_calls_can_be_left_to_the_model(opened):
    """``tool_calls=False``: no procedure for a choice of tools; structured output is not one."""
    cache = opened(CALL, tool_calls=False)
    model = FakeChat(cache=cache, answers=lambda m: calling(fields(m[-1].content)))
    teach(cache, model.bind_tools([book, refund]))
    assert cache.cache.procedures() == []
    assert hit(model.bind_tools([book, refund]).invoke(ask(*KNOWN[0])))["tier"] == "exact"
    cache.close()
    again = opened(OBJECT, tool_calls=False)
    model = FakeChat(cache=again, answers=lambda m: calling(fields(m[-1].content)))
    forced = model.bind_tools([book, refund], tool_choice="book")
    teach(again, forced, [(i, n + 1, p) for i, n, p in KNOWN])
    assert forced.invoke(ask(1, 50, 60)).tool_calls[0]["args"] == {"invoice": 1, "total": 3000}


def test_a_result_in_the_history_is_answered_by_the_model(opened):
    """After a tool has run the answer is about what it said: never from the last user text."""
    cache = opened(CALL)
    model = FakeChat(
        cache=cache, answers=lambda m: calling(fields(m[0].content)) if len(m) == 1 else AIMessage("Done.")
    )
    agent = model.bind_tools([book, refund])
    teach(cache, agent)
    said = agent.invoke(ask(1, 50, 60))
    history = [HumanMessage(ask(1, 50, 60)), said, ToolMessage("failed", tool_call_id=said.tool_calls[0]["id"])]
    assert (agent.invoke(history).content, hit(agent.invoke([*history, HumanMessage(ask(2, 3, 4))]))) == ("Done.", None)


def test_the_compiler_is_told_the_form(opened, path):
    """It reads the tools, and that a call is one JSON object; the replies it sees are such objects."""
    prompts = []
    cache = SeglamCache(path, embedder=HashEmbedder(), compiler=lambda p: prompts.append(p) or "NOT_COMPILABLE: no")
    model = FakeChat(cache=cache, answers=lambda m: calling(fields(m[-1].content)))
    teach(cache, model.bind_tools([book, refund]), KNOWN[:2])
    assert "Refund an invoice." in prompts[0]
    assert "A reply that calls a tool is one JSON object" in prompts[0]
    assert '{"arguments": {"invoice": 3, "total": 20}, "name": "book"}' in prompts[0]
    cache.close()
