"""Models as compilers: what can only be awaited, what answers in blocks, what thinks aloud."""

import asyncio

import pytest
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableLambda

from langchain_models import FakeChat, FakeText
from langchain_seglam.model import as_compiler, compiling
from seglam import Completion, ConfigurationError, Usage
from test_langchain_compiler import SUM, ask, opened, solve, teach

__all__ = ["opened"]  # the fixture


def test_models_become_compilers():
    """Name, text and usage of chat models, plain models, chains, functions and seglam's own kind."""

    class Own:
        name = "own"

        def complete(self, prompt):
            return Completion(prompt.upper(), Usage(1, 2))

    chat = as_compiler(FakeChat(model="big", answers=lambda _: AIMessage([{"type": "text", "text": "code"}])))
    assert (chat.name, chat.complete("p")) == ("big", Completion("code", Usage(20, 6)))
    plain = as_compiler(FakeText(answers=lambda _: "code"))
    assert (plain.name, plain.complete("p")) == ("text-1", Completion("code", Usage()))
    chain = as_compiler(FakeChat(answers=lambda _: "code") | RunnableLambda(lambda message: message.text))
    assert chain.complete("p") == Completion("code", Usage())
    assert as_compiler(lambda _: "code").complete("p") == Completion("code", Usage())
    assert (as_compiler(Own()).name, as_compiler(Own()).complete("p")) == ("own", Completion("P", Usage(1, 2)))


class AwaitedChat(FakeChat):
    """A model that can only be awaited."""

    def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        raise NotImplementedError

    async def _agenerate(self, messages, stop=None, run_manager=None, **kwargs):
        await asyncio.sleep(0)
        return super()._generate(messages, stop, None, **kwargs)


class AwaitedText(FakeText):
    """The same, plain."""

    def _call(self, prompt, stop=None, run_manager=None, **kwargs):
        raise NotImplementedError

    async def _acall(self, prompt, stop=None, run_manager=None, **kwargs):
        await asyncio.sleep(0)
        return self.answers(prompt)


async def awaited(_prompt):
    """A coroutine function."""
    await asyncio.sleep(0)
    return "code"


class AwaitedOwn:
    name = "own"

    async def complete(self, prompt):
        return Completion(await awaited(prompt), Usage(1, 2))


AWAITED = {
    "chat": AwaitedChat(answers=lambda _: "code"),
    "plain": AwaitedText(answers=lambda _: "code"),
    "bound": AwaitedChat(answers=lambda _: "code").bind(stop=None),
    "lambda": RunnableLambda(awaited),
    "function": awaited,
    "object": AwaitedOwn(),
}


@pytest.mark.parametrize("kind", AWAITED)
def test_what_can_only_be_awaited_is_awaited(kind):
    """Async-only models, chains and functions compile too: in a thread without a loop."""
    assert as_compiler(AWAITED[kind]).complete("p").text == "code"


@pytest.mark.parametrize("kind", AWAITED)
async def test_and_on_a_thread_whose_loop_is_running(kind):
    """A synchronous call inside of a coroutine: the running loop cannot be waited in, so another thread has one."""
    seen = []
    assert as_compiler(AWAITED[kind]).complete("p").text == "code"

    async def watch(_prompt):
        seen.append(compiling())
        return "x"

    as_compiler(watch).complete("p")
    assert seen == [True]


async def test_an_async_model_compiles_for_its_own_requests(opened):
    """From awaited answers to none, with an author that has no synchronous side at all."""
    model = AwaitedChat(answers=solve)
    cache = opened(compiler=model)
    model.cache = cache
    for a, b in ((3, 4), (10, 5), (7, 8)):
        await model.ainvoke(ask(a, b))
        await asyncio.to_thread(cache.cache.drain)
    assert (await model.ainvoke(ask(20, 22))).response_metadata["seglam"]["tier"] == "procedure"


@pytest.mark.parametrize(
    "reply",
    [
        [{"type": "thinking", "thinking": "NOT_COMPILABLE", "signature": "s"}, {"type": "text", "text": "code"}],
        [{"type": "reasoning", "reasoning": "hm"}, "co", {"type": "text", "text": "de"}],
        "<think>\nNOT_COMPILABLE: or is it\n</think>\n\ncode",
    ],
    ids=["anthropic", "standard", "inline"],
)
def test_of_a_reasoning_models_reply_the_text_counts(reply):
    """Thoughts in blocks or in front of the text are neither code nor a refusal."""
    assert as_compiler(FakeChat(answers=lambda _: AIMessage(reply))).complete("p").text == "code"


@pytest.mark.parametrize(
    "think",
    [
        lambda text: AIMessage(
            [{"type": "thinking", "thinking": "4 + 3?", "signature": "s"}, {"type": "text", "text": text}]
        ),
        lambda text: AIMessage(f"<think>\n4 + 3?\n</think>\n\n{text}"),
        lambda text: AIMessage(text, additional_kwargs={"reasoning_content": "4 + 3?"}),
    ],
    ids=["blocks", "inline", "beside"],
)
def test_a_reasoning_models_answers_are_learnt_from(opened, think):
    """The procedure answers with the words alone; the same request gets the whole message, thoughts included."""
    cache = opened(compiler=lambda _: SUM)
    model = FakeChat(cache=cache, answers=lambda messages: think(solve(messages)))
    teach(cache, model, (3, 4), (10, 5), (7, 8))
    assert model.invoke(ask(20, 22)).content == "The sum is 42."
    again = model.invoke(ask(3, 4))
    told = think("The sum is 7.")
    assert again.content == told.content
    assert again.additional_kwargs.get("reasoning_content") == told.additional_kwargs.get("reasoning_content")
    assert model.calls == 3


def test_another_type_error_is_the_models_own():
    """It is not taken for a model that must be awaited, nor hidden."""

    def broken(_prompt):
        raise TypeError("wrong")

    with pytest.raises(TypeError, match="wrong"):
        as_compiler(RunnableLambda(broken)).complete("p")
    with pytest.raises(ConfigurationError, match="answer with text"):
        as_compiler(lambda _: 3).complete("p")
