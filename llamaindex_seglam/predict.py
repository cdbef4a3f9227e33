"""The prompt-level paths of a wrapped LLM: they only tell the endpoints which template a call is made for."""

from collections.abc import AsyncGenerator, Generator
from functools import partial
from typing import TYPE_CHECKING, Any

from llama_index.core.llms import LLM
from llama_index.core.prompts import BasePromptTemplate

from llamaindex_seglam import structured
from llamaindex_seglam.layer import Layer
from llamaindex_seglam.slots import Frame, framed
from seglam.flow import arun, run

if TYPE_CHECKING:
    from llama_index.core.llms import LLM as Base  # noqa: N811 - the class these overrides stand in front of
else:
    Base = object

_EXACT = Frame()


class PromptMixin(Base):
    """Overrides of predict, stream and structured prediction that end in the wrapped LLM's own methods."""

    __slots__ = ()

    _seglam_inner: LLM
    _seglam_layer: Layer

    def predict(self, prompt: BasePromptTemplate, **prompt_args: Any) -> str:
        """Predict for a prompt; its question slot is what is compared."""
        with framed(Frame(prompt, prompt_args)):
            return super().predict(prompt, **prompt_args)

    async def apredict(self, prompt: BasePromptTemplate, **prompt_args: Any) -> str:
        """Predict for a prompt; its question slot is what is compared."""
        with framed(Frame(prompt, prompt_args)):
            return await super().apredict(prompt, **prompt_args)

    def stream(self, prompt: BasePromptTemplate, **prompt_args: Any) -> Generator[str, None, None]:
        """Stream the tokens of a prediction."""
        with framed(Frame(prompt, prompt_args)):
            return super().stream(prompt, **prompt_args)

    async def astream(self, prompt: BasePromptTemplate, **prompt_args: Any) -> AsyncGenerator[str, None]:
        """Stream the tokens of a prediction."""
        with framed(Frame(prompt, prompt_args)):
            return await super().astream(prompt, **prompt_args)

    # What follows may carry a schema in the text of its prompt: nothing of it is compared by meaning.

    def structured_predict(self, *args: Any, **kwargs: Any) -> Any:
        """Predict an object; the same request only."""
        with framed(_EXACT):
            ask = partial(super().structured_predict, *args, **kwargs)
            if structured.goes_past(type(self._seglam_inner), "structured_predict"):
                return run(structured.predict(self._seglam_layer, "structured_predict", ask, args, kwargs))
            return ask()

    async def astructured_predict(self, *args: Any, **kwargs: Any) -> Any:
        """Predict an object; the same request only."""
        with framed(_EXACT):
            ask = partial(super().astructured_predict, *args, **kwargs)
            if structured.goes_past(type(self._seglam_inner), "astructured_predict"):
                return await arun(structured.predict(self._seglam_layer, "astructured_predict", ask, args, kwargs))
            return await ask()

    def stream_structured_predict(self, *args: Any, **kwargs: Any) -> Generator[Any, None, None]:
        """Stream the states of an object; the same request only."""
        structured.forbid_past(type(self._seglam_inner), "stream_structured_predict")
        with framed(_EXACT):
            source = super().stream_structured_predict(*args, **kwargs)
        end = object()
        try:
            while True:
                with framed(_EXACT):  # not across the yield: the consumer's own calls are none of these
                    item = next(source, end)
                if item is end:
                    return
                yield item
        finally:
            source.close()

    async def astream_structured_predict(self, *args: Any, **kwargs: Any) -> AsyncGenerator[Any, None]:
        """Stream the states of an object; the same request only."""
        structured.forbid_past(type(self._seglam_inner), "astream_structured_predict")
        with framed(_EXACT):
            source = await super().astream_structured_predict(*args, **kwargs)
        return _exactly(source)


async def _exactly(source: AsyncGenerator[Any, None]) -> AsyncGenerator[Any, None]:
    end = object()
    try:
        while True:
            with framed(_EXACT):
                item = await anext(source, end)
            if item is end:
                return
            yield item
    finally:
        await source.aclose()
