"""The real HTTP clients, against a local server that speaks OpenAI's protocol: calls are counted on the wire."""

import re
import threading

import langchain_openai
import pytest
from llama_index.llms import openai as llamaindex_openai

from openai_server import serve
from seglam import Policy
from test_procedural import SUM

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:llama_index", "ignore::DeprecationWarning:pydantic")

QUESTION = "Please add {} and {} for me."
# The server's port is part of the key, and the key decides about audits: they would come and go.
UNAUDITED = Policy(audit_first=0.0, audit=0.0)


def provider(messages):
    """A model that adds rightly and writes the procedure when it is asked to."""
    content = messages[-1]["content"]
    text = content if isinstance(content, str) else content[0]["text"]
    if text.startswith("You are the compiler"):
        return SUM
    numbers = [int(number) for number in re.findall(r"\d+", text)]
    return f"The sum is {sum(numbers)}."


def compiles(server):
    """Calls that asked for a procedure."""
    return sum("compiler of a reasoning cache" in str(body["messages"]) for body in server.bodies)


def test_langchain_openai_learns_over_the_wire(path):
    """Three calls and one compilation, then new values without any HTTP call, through a real ChatOpenAI."""
    from langchain_core.globals import set_llm_cache

    from langchain_seglam import SeglamCache

    with serve(provider) as server:
        chat = langchain_openai.ChatOpenAI(
            model="gpt-test", base_url=server.url, api_key="sk-test-secret", temperature=0
        )
        cache = SeglamCache(path, compiler=chat, policy=UNAUDITED)
        set_llm_cache(cache)
        try:
            for a, b in ((3, 4), (10, 5), (7, 8)):
                assert chat.invoke(QUESTION.format(a, b)).text == f"The sum is {a + b}."
                cache.cache.drain()
            assert (server.calls, compiles(server)) == (5, 2)
            reply = chat.invoke(QUESTION.format(1234, 5678))
            assert reply.text == "The sum is 6912."
            assert reply.response_metadata["seglam"]["tier"] == "procedure"
            assert reply.usage_metadata["total_tokens"] == 0
            assert chat.invoke(QUESTION.format(3, 4)).response_metadata["seglam"]["tier"] == "exact"
            assert server.calls == 5
        finally:
            set_llm_cache(None)
            cache.close()
    assert all(b"sk-test-secret" not in file.read_bytes() for file in path.parent.iterdir())


async def test_langchain_openai_async(path):
    """The same client, awaited."""
    from langchain_seglam import SeglamCache

    with serve(provider) as server:
        cache = SeglamCache(path)
        chat = langchain_openai.ChatOpenAI(model="gpt-test", base_url=server.url, api_key="sk-test", cache=cache)
        replies = [await chat.ainvoke(QUESTION.format(2, 2)) for _ in range(3)]
        assert [reply.text for reply in replies] == ["The sum is 4."] * 3
        assert len({reply.id for reply in replies}) == 3
        assert server.calls == 1
        cache.close()


def test_llamaindex_openai_learns_over_the_wire(path):
    """The wrapped LLM compiles for itself; complete, chat and streams share what was learnt."""
    from llama_index.core.llms import ChatMessage

    from llamaindex_seglam import cached
    from seglam import Cache

    with serve(provider) as server, Cache.open(path) as probe:
        llm = cached(
            llamaindex_openai.OpenAI(model="gpt-4o-mini", api_base=server.url, api_key="sk-test-secret", max_retries=0),
            path,
            policy=UNAUDITED,
        )
        for count, (a, b) in enumerate(((3, 4), (10, 5), (7, 8)), 1):
            assert llm.chat([ChatMessage(content=QUESTION.format(a, b))]).message.content == f"The sum is {a + b}."
            _wait_until(lambda count=count: len(probe.procedures()) >= (count >= 2))
        _wait_until(lambda: any(p.state == "live" for p in probe.procedures()))
        assert (server.calls, compiles(server)) == (5, 2)
        hit = llm.chat([ChatMessage(content=QUESTION.format(1234, 5678))])
        assert hit.message.content == "The sum is 6912."
        assert hit.additional_kwargs["seglam"]["tier"] == "procedure"
        chunks = list(llm.stream_chat([ChatMessage(content=QUESTION.format(40, 2))]))
        assert chunks[-1].message.content == "The sum is 42."
        assert "".join(chunk.delta or "" for chunk in chunks) == "The sum is 42."
        assert server.calls == 5
    assert all(b"sk-test-secret" not in file.read_bytes() for file in path.parent.iterdir())


async def test_llamaindex_openai_streams_are_stored_when_drained(path):
    """An async stream over the wire is recorded once it was read to its end, and replayed without a call."""
    from llama_index.core.llms import ChatMessage

    from llamaindex_seglam import cached

    with serve(provider) as server:
        llm = cached(
            llamaindex_openai.OpenAI(model="gpt-4o-mini", api_base=server.url, api_key="sk-test", max_retries=0), path
        )
        for _ in range(3):
            stream = await llm.astream_chat([ChatMessage(content=QUESTION.format(2, 3))])
            pieces = [chunk.delta async for chunk in stream]
            assert "".join(piece or "" for piece in pieces) == "The sum is 5."
        assert server.calls == 1


def test_one_bare_question_is_learnt_once_for_both_frameworks(path):
    """What LangChain's traffic taught, LlamaIndex's uses: the context (none) is equal, so the procedure is shared."""
    from llama_index.core.llms import ChatMessage

    from langchain_seglam import SeglamCache
    from llamaindex_seglam import cached
    from seglam import Cache

    with serve(provider) as server, Cache.open(path) as shared:
        adapter = SeglamCache(path, compiler=lambda _prompt: SUM)
        chat = langchain_openai.ChatOpenAI(model="gpt-test", base_url=server.url, api_key="sk-test", cache=adapter)
        for a, b in ((3, 4), (10, 5), (7, 8)):
            chat.invoke(QUESTION.format(a, b))
            adapter.cache.drain()
        llm = cached(
            llamaindex_openai.OpenAI(model="gpt-4o-mini", api_base=server.url, api_key="sk-test", max_retries=0),
            shared,
            compiler=None,
        )
        before = server.calls
        assert llm.chat([ChatMessage(content=QUESTION.format(20, 22))]).message.content == "The sum is 42."
        assert server.calls == before
        adapter.close()


def _wait_until(condition, seconds=10.0):
    done = threading.Event()
    for _ in range(int(seconds / 0.02)):
        if condition():
            return
        done.wait(0.02)
    raise AssertionError("it never came true")
