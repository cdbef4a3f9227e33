"""Named questions of templated prompts, through the wrapper and through an agent's middleware."""

import pytest
from langchain.agents import create_agent
from langchain_core.prompts import ChatPromptTemplate, PromptTemplate

from langchain_models import FakeChat, FakeText, StreamingChat, hit
from langchain_seglam import SeglamMiddleware, asked, asking, cached

TEMPLATE = "Answer from these rules.\n\n{context}\n\nQuestion: {question}"
FIRST, OTHERWISE = "How long do I have to return an item?", "How long do I have to send back an item?"
RULES, OTHERS = "Returns are taken for 30 days.", "Returns are taken for 14 days."


@pytest.fixture
def core(open_cache):
    """The cache behind, with the built-in model of meaning; faults raise."""
    return open_cache(policy={"compile": "off"}, embedder=None)


@pytest.mark.parametrize("kind", [FakeChat, StreamingChat])
def test_a_wrapped_model_sees_the_question(core, kind):
    """Another wording under the same rules hits, invoked and streamed; under other rules it is asked."""
    inner = kind()
    chain = asking(ChatPromptTemplate.from_template(TEMPLATE)) | cached(inner, core)
    chain.invoke({"context": RULES, "question": FIRST})
    assert hit(chain.invoke({"context": RULES, "question": OTHERWISE}))["tier"] == "semantic"
    assert list(chain.stream({"context": RULES, "question": OTHERWISE}))
    assert inner.calls == 1
    assert hit(chain.invoke({"context": OTHERS, "question": OTHERWISE})) is None


def test_a_wrapped_plain_model_sees_the_question(core):
    """The mark travels on the text, through invoke and batch."""
    inner = FakeText()
    chain = asking(PromptTemplate.from_template(TEMPLATE)) | cached(inner, core)
    first = chain.invoke({"context": RULES, "question": FIRST})
    assert (
        chain.batch([{"context": RULES, "question": OTHERWISE}, {"context": RULES, "question": FIRST}]) == [first] * 2
    )
    assert chain.invoke({"context": OTHERS, "question": FIRST}) != first
    assert len(inner.asked) == 2


async def test_an_agent_sees_the_question(core):
    """Where the prompt is made elsewhere, the question is named around the run."""
    inner = FakeChat()
    agent = create_agent(inner, [], middleware=[SeglamMiddleware(core)])
    for rules, question in ((RULES, FIRST), (RULES, OTHERWISE), (OTHERS, OTHERWISE)):
        with asked(question):
            text = TEMPLATE.format(context=rules, question=question)
            state = await agent.ainvoke({"messages": [{"role": "user", "content": text}]})
        expected = "semantic" if (rules, question) == (RULES, OTHERWISE) else None
        assert (hit(state["messages"][-1]) or {}).get("tier") == expected
    assert inner.calls == 2
