"""The office's three applications: a LangChain chain, a LlamaIndex query engine, and plain Python on the core.

They are written as their users would write them; the cache is one line in each. All three share one cache file.
"""

from collections.abc import Callable
from typing import Any, Final

from seglam import Cache, Request, Response, digest
from seglam.demo.handbook import HANDBOOK, SYSTEM
from seglam.errors import MissingExtraError
from seglam.llm import Completion, Model

Ask = Callable[[str], str]
"""One application: a user's text in, the answer out."""

_QUESTION: Final = "{system}\n\nHandbook:\n{{context_str}}\n\nQuestion: {{query_str}}\nAnswer:"


class CountedModel:
    """A model that counts what it is asked: answers and procedures apart.

    Attributes:
        answers: direct calls, by the applications.
        compiles: calls by the cache's compiler.
        last: the usage of the last direct call.
    """

    def __init__(self, model: Model) -> None:
        self._model = model
        self.name = model.name
        self.answers = 0
        self.compiles = 0

    def complete(self, prompt: str) -> Completion:
        """Write a procedure (this is what the cache's compiler calls)."""
        completion = self._model.complete(prompt)
        self.compiles += 1  # what was answered: the cache counts no other calls
        return completion

    def answer(self, prompt: str) -> Completion:
        """Answer a request (this is what the applications call)."""
        self.answers += 1
        return self._model.complete(prompt)


def core_application(cache: Cache, model: CountedModel) -> Ask:
    """Plain Python: ``cache.respond(request, origin)``."""

    def origin(request: Request) -> Response:
        completion = model.answer(request.text)
        return Response(completion.text, usage=completion.usage)

    engine = digest(model.name)
    return lambda text: cache.respond(Request(text=text, engine=engine), origin).text


def langchain_application(cache: Cache, model: CountedModel) -> Ask:
    """An LCEL chain: prompt | model | parser."""
    try:
        from langchain_core.language_models import BaseChatModel
        from langchain_core.messages import AIMessage, BaseMessage
        from langchain_core.output_parsers import StrOutputParser
        from langchain_core.outputs import ChatGeneration, ChatResult
        from langchain_core.prompts import ChatPromptTemplate
    except ImportError as error:
        raise MissingExtraError('the demo needs LangChain: pip install "seglam[langchain,llamaindex]"') from error
    from langchain_seglam import SeglamCache

    class DemoChatModel(BaseChatModel):
        """The demo's model as LangChain sees one."""

        model_name: str

        @property
        def _llm_type(self) -> str:
            return "seglam-demo"

        @property
        def _identifying_params(self) -> dict[str, Any]:
            return {"model_name": self.model_name}

        def _generate(
            self, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: Any = None, **kwargs: Any
        ) -> ChatResult:
            del stop, run_manager, kwargs
            completion = model.answer("\n\n".join(str(message.content) for message in messages))
            usage = completion.usage
            tokens = {"input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens}
            total = usage.input_tokens + usage.output_tokens
            message = AIMessage(completion.text, usage_metadata={**tokens, "total_tokens": total})
            return ChatResult(generations=[ChatGeneration(message=message)])

    prompt = ChatPromptTemplate.from_messages([("system", SYSTEM["langchain"]), ("human", "{question}")])
    chain = prompt | DemoChatModel(model_name=model.name, cache=SeglamCache(cache)) | StrOutputParser()
    return lambda text: chain.invoke({"question": text})


def llamaindex_application(cache: Cache, model: CountedModel) -> Ask:
    """A query engine over the handbook."""
    try:
        from llama_index.core import PromptTemplate, SummaryIndex
        from llama_index.core.llms import CompletionResponse, CompletionResponseGen, CustomLLM, LLMMetadata
        from llama_index.core.schema import TextNode
    except ImportError as error:
        raise MissingExtraError('the demo needs LlamaIndex: pip install "seglam[langchain,llamaindex]"') from error
    from llamaindex_seglam import cached

    class DemoLLM(CustomLLM):
        """The demo's model as LlamaIndex sees one."""

        model_name: str

        @property
        def metadata(self) -> LLMMetadata:
            return LLMMetadata(model_name=self.model_name, context_window=128_000)

        def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
            del formatted, kwargs
            completion = model.answer(prompt)
            usage = {
                "prompt_tokens": completion.usage.input_tokens,
                "completion_tokens": completion.usage.output_tokens,
            }
            return CompletionResponse(text=completion.text, raw={"usage": usage})

        def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponseGen:
            response = self.complete(prompt, formatted, **kwargs)
            response.delta = response.text
            yield response

    llm = cached(DemoLLM(model_name=model.name), cache)
    template = PromptTemplate(_QUESTION.format(system=SYSTEM["llamaindex"]))
    index = SummaryIndex(nodes=[TextNode(text=text) for text in HANDBOOK])
    engine = index.as_query_engine(llm=llm, text_qa_template=template)
    return lambda text: str(engine.query(text))
