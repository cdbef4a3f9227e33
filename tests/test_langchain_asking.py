"""Templated prompts through LangChain: exact context, semantic question, in every way that a chain runs."""

import asyncio
import pickle
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.documents import Document
from langchain_core.example_selectors import LengthBasedExampleSelector
from langchain_core.load import dumps
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import (
    ChatPromptTemplate,
    FewShotChatMessagePromptTemplate,
    FewShotPromptTemplate,
    MessagesPlaceholder,
    PromptTemplate,
)
from langchain_core.prompts.structured import StructuredPrompt
from langchain_core.runnables import RunnableLambda, RunnablePassthrough
from langchain_openai import ChatOpenAI

from langchain_models import FakeChat, FakeText, StreamingChat, add, hit, request, strings
from langchain_seglam import SeglamCache, asked, asking
from langchain_seglam.keys import chat_request, text_request
from langchain_seglam.settings import read
from langchain_seglam.slots import MARK, mark, once, placed, slot
from openai_server import serve
from seglam import ConfigurationError

CONTEXT = "Parcels leave the house every day at noon. Returns are free for 30 days after the parcel came."
QUESTION = "how do I return a parcel"
RESPELT = "How do I return a parcel"
ANOTHER = "how do I insure a parcel"
PROMPT = ChatPromptTemplate.from_messages(
    [("system", "Answer from the context."), ("human", "Context: {context}\n\nQuestion: {question}\nAnswer:")]
)


@pytest.fixture
def cache(open_cache):
    """What LangChain is given; faults raise."""
    adapter = SeglamCache(open_cache(policy={"check_hits": 0.0}))  # no sample of the hits goes to the model
    yield adapter
    assert adapter.faults == {}


def rag(model, prompt=None, context=CONTEXT):
    """The usual chain: a retriever beside the question, a template, a model."""
    retriever = RunnableLambda(lambda _question: [Document(context)])
    joined = retriever | (lambda documents: "\n".join(d.page_content for d in documents))
    return {"context": joined, "question": RunnablePassthrough()} | (prompt or asking(PROMPT)) | model


def tier(message):
    """Which tier answered, or None for the model."""
    return (hit(message) or {}).get("tier")


# -- chains ---------------------------------------------------------------------------------------------------------------


def test_a_rag_chain_compares_its_question(cache):
    """The same context: another wording is answered by meaning, another question is not."""
    chain = rag(FakeChat(cache=cache))
    first = chain.invoke(QUESTION)
    second = chain.invoke(RESPELT)
    assert (tier(first), tier(second), second.content) == (None, "semantic", first.content)
    assert hit(second)["wording"] == QUESTION
    assert tier(chain.invoke(ANOTHER)) is None
    assert tier(chain.invoke(QUESTION)) == "exact"


def test_without_a_name_the_whole_prompt_is_compared(cache):
    """The plain template keeps the key that it had, and shares nothing with the marked one."""
    plain, marked = rag(FakeChat(cache=cache), PROMPT), rag(FakeChat(cache=cache))
    marked.invoke(QUESTION)
    assert tier(plain.invoke(QUESTION)) is None
    assert tier(plain.invoke(QUESTION)) == "exact"


def test_nothing_crosses_another_context(cache):
    """Another document, system prompt or text after the question: a miss, also for the very same question."""
    model = FakeChat(cache=cache)
    rag(model).invoke(QUESTION)
    assert tier(rag(model, context=CONTEXT.replace("30", "14")).invoke(RESPELT)) is None
    assert tier(rag(model, context=CONTEXT + " ").invoke(QUESTION)) is None
    stern = ChatPromptTemplate.from_messages([("system", "Be stern."), PROMPT.messages[1]])
    assert tier(rag(model, asking(stern)).invoke(RESPELT)) is None


def test_the_model_is_sent_what_the_template_renders(cache):
    """Marks change no content: the model reads the same messages."""
    marked, plain = FakeChat(cache=cache), FakeChat(cache=cache)
    rag(marked).invoke(QUESTION)
    rag(plain, PROMPT).invoke(QUESTION)
    one, other = marked.asked[0], plain.asked[0]
    assert [(type(m), m.content, m.additional_kwargs) for m in one] == [
        (type(m), m.content, m.additional_kwargs) for m in other
    ]
    assert asking(PROMPT).invoke({"context": "c", "question": "q"}).to_string() == (
        PROMPT.invoke({"context": "c", "question": "q"}).to_string()
    )


def test_a_provider_is_sent_no_mark(cache):
    """Over the wire the marked prompt is the plain one."""
    with serve(lambda _: "fine") as provider:
        model = ChatOpenAI(model="m", base_url=provider.url, api_key="k", cache=cache)
        rag(model).invoke(QUESTION)
        rag(model, PROMPT).invoke(QUESTION)
        assert tier(rag(model).invoke(RESPELT)) == "semantic"
    one, other = provider.bodies
    assert one == other


async def test_every_way_through_a_chain(cache):
    """Sync, async, batches in threads and tasks, events: each finds what another has learnt."""
    model = FakeChat(cache=cache)
    chain = rag(model)
    chain.invoke(QUESTION)
    assert tier(await chain.ainvoke(RESPELT)) == "semantic"
    spelt = ["how do I return a parcel?", ANOTHER, "How do I return a parcel?"]
    assert [tier(m) for m in chain.batch(spelt)] == ["semantic", None, "semantic"]
    spelt = ["how do I return a parcel!", "How do I insure a parcel"]
    assert [tier(m) for m in await chain.abatch(spelt)] == ["semantic"] * 2
    assert [m.content for m in chain.stream(RESPELT)] == [chain.invoke(QUESTION).content]
    assert "".join([part async for part in (chain | StrOutputParser()).astream(RESPELT)])
    assert model.calls == 2


async def test_an_implicit_stream_is_compared_by_its_question(cache):
    """Where LangChain asks a cache around a stream, the question is known as well."""
    model = StreamingChat(cache=cache)
    chain = asking(PROMPT) | RunnableLambda(model.invoke)
    async for _event in chain.astream_events({"context": CONTEXT, "question": QUESTION}, version="v2"):
        pass
    assert tier((asking(PROMPT) | model).invoke({"context": CONTEXT, "question": RESPELT})) == "semantic"
    assert model.calls == 1


def test_what_a_chain_puts_around_the_model_does_not_matter(cache):
    """Bound arguments, fallbacks, configuration: the mark travels with the message."""
    model = FakeChat(cache=cache)
    for wrap in (lambda m: m.bind(stop=["x"]), lambda m: m.with_fallbacks([m]), lambda m: m.with_config(tags=["t"])):
        chain = asking(PROMPT).with_config(run_name="prompt") | wrap(model)
        values = {"context": f"{CONTEXT} {wrap}", "question": QUESTION}
        chain.invoke(values)
        assert tier(chain.invoke({**values, "question": RESPELT})) == "semantic"


EXAMPLES = [{"word": "happy", "opposite": "sad"}, {"word": "tall", "opposite": "short"}]
PAIR = PromptTemplate.from_template("Word: {word}\nOpposite: {opposite}")


def few_shot(**options):
    """A text template with examples before the question."""
    given = {"examples": EXAMPLES, **options}
    return FewShotPromptTemplate(
        example_prompt=PAIR, suffix="Task: {question}\nResult:", input_variables=["question"], **given
    )


def test_few_shot_texts_for_plain_and_chat_models(cache):
    """A template of text is known to a plain model, which is shown no messages, and to a chat model."""
    text, chat = FakeText(cache=cache), FakeChat(cache=cache)
    for chain in (asking(few_shot()) | text, asking(few_shot()) | chat):
        first = chain.invoke({"question": QUESTION})
        second = chain.invoke({"question": RESPELT})
        assert getattr(second, "content", second) == getattr(first, "content", first)
    assert (len(text.asked), chat.calls) == (1, 1)
    assert text.asked[0] == few_shot().format(question=QUESTION)
    fewer = asking(few_shot(examples=EXAMPLES[:1])) | text
    fewer.invoke({"question": RESPELT})
    fewer.batch([{"question": QUESTION}])
    assert len(text.asked) == 2


async def test_a_plain_model_in_async_and_with_a_chat_template(cache):
    """The mark is on the very text that LangChain hands to the cache."""
    model = FakeText(cache=cache)
    for prompt in (few_shot(), PROMPT):
        chain = asking(prompt) | model
        first = await chain.ainvoke({"context": CONTEXT, "question": QUESTION})
        assert await chain.ainvoke({"context": CONTEXT, "question": RESPELT}) == first
    assert len(model.asked) == 2


def test_few_shot_messages_and_history(cache):
    """Examples as messages, and a history: both must be equal."""
    shots = FewShotChatMessagePromptTemplate(
        examples=EXAMPLES, example_prompt=ChatPromptTemplate.from_messages([("human", "{word}"), ("ai", "{opposite}")])
    )
    prompt = ChatPromptTemplate.from_messages([shots, MessagesPlaceholder("history"), ("human", "Task: {question}")])
    chain = asking(prompt) | FakeChat(cache=cache)
    said = [HumanMessage("Hello"), AIMessage("Hi")]
    chain.invoke({"history": said, "question": QUESTION})
    assert tier(chain.invoke({"history": said, "question": RESPELT})) == "semantic"
    assert tier(chain.invoke({"history": [], "question": RESPELT})) is None


def test_a_selector_of_examples_is_asked_once(cache):
    """Selected examples belong to the context; where the question is certain nothing is rendered again."""
    prompt = few_shot(
        examples=None, example_selector=LengthBasedExampleSelector(examples=EXAMPLES, example_prompt=PAIR)
    )
    seen = []
    real = type(prompt.example_selector).select_examples

    class Counted(LengthBasedExampleSelector):
        def select_examples(self, input_variables):
            seen.append(input_variables)
            return real(self, input_variables)

    prompt = prompt.model_copy(update={"example_selector": Counted(examples=EXAMPLES, example_prompt=PAIR)})
    chain = asking(prompt) | FakeChat(cache=cache)
    chain.invoke({"question": QUESTION})
    assert tier(chain.invoke({"question": RESPELT})) == "semantic"
    assert len(seen) == 2


def test_a_context_that_quotes_the_question_is_no_trap(cache):
    """The template tells which place is the question's; the quotation must be equal."""
    quoting = f"Customers often ask '{QUESTION}'. {CONTEXT}"
    chain = rag(FakeChat(cache=cache), context=quoting)
    chain.invoke(QUESTION)
    assert tier(chain.invoke(RESPELT)) == "semantic"
    assert tier(rag(chain.last, context=quoting.replace("how do I", "How do I")).invoke(RESPELT)) is None


def test_a_question_that_stands_twice(cache):
    """Both places are the question's."""
    prompt = ChatPromptTemplate.from_template("{question}\nThink, then answer once more: {question}")
    chain = asking(prompt) | FakeChat(cache=cache)
    chain.invoke({"question": QUESTION})
    assert tier(chain.invoke({"question": RESPELT})) == "semantic"


def test_a_template_that_is_only_the_question_is_a_plain_call(cache):
    """Nothing around it: the key of the words asked plainly, both ways."""
    model = FakeChat(cache=cache)
    chain = asking(ChatPromptTemplate.from_template("{question}")) | model
    model.invoke(QUESTION)
    assert tier(chain.invoke({"question": QUESTION})) == "exact"
    assert tier(chain.invoke({"question": RESPELT})) == "semantic"


# -- what must not pair ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prompt", "found"),
    [
        (ChatPromptTemplate.from_messages([("system", "Question: {question}"), ("human", "Answer it.")]), False),
        (ChatPromptTemplate.from_template("{{ question | upper }} ?", template_format="jinja2"), False),
        (ChatPromptTemplate.from_template("a{question}b"), True),
    ],
    ids=["in the system prompt", "changed by the template", "inside a word, where the template puts it"],
)
def test_a_question_that_is_not_found_answers_the_same_request_only(prompt, found):
    """No mark is guessed: the words of the template alone are never compared."""
    asked_for = request_of(asking(prompt), question=QUESTION)
    assert (asked_for.comparable, asked_for.compilable) == (found, found)


def request_of(prompt, **values):
    """The request that the call of a rendered prompt becomes."""
    return request(FakeChat(), prompt.invoke(values))


def test_a_message_changed_on_its_way_is_not_compared(cache):
    """Whatever edits the prompt after the template: the mark is another text's."""

    def shout(value):
        *before, last = value.to_messages()
        return [*before, last.model_copy(update={"content": last.content + "!"})]

    chain = asking(PROMPT) | shout | FakeChat(cache=cache)
    chain.invoke({"context": CONTEXT, "question": QUESTION})
    assert tier(chain.invoke({"context": CONTEXT, "question": RESPELT})) is None
    assert tier(chain.invoke({"context": CONTEXT, "question": QUESTION})) == "exact"


def test_a_message_added_after_the_template_is_what_is_asked(cache):
    """The mark is on a message that is history now, where marks are never read."""
    follow = HumanMessage("And abroad?")
    chain = asking(PROMPT) | (lambda value: [*value.to_messages(), AIMessage("So."), follow]) | FakeChat(cache=cache)
    plain = PROMPT | (lambda value: [*value.to_messages(), AIMessage("So."), follow]) | chain.last
    chain.invoke({"context": CONTEXT, "question": QUESTION})
    assert tier(plain.invoke({"context": CONTEXT, "question": QUESTION})) == "exact"


FORGED = ["x", 7, [], [[3, 1]], [["0", "3"]], [[0, 3], [2, 5]], [[0, 3], [4, 7]], [[0, 999]], [[-3, 3]], [[0, 3, 3]]]


@pytest.mark.parametrize("note", [{}, [], "x", mark("another", [(0, 3)])] + [{"question": s} for s in FORGED])
def test_a_forged_mark_compares_nothing(note):
    """Marks come from wherever messages come from: what is no mark of this text leaves it to the same request."""
    text = "one two three"
    if isinstance(note, dict) and "of" not in note and note:
        note = mark(text, []) | note
    asked_for = request(FakeChat(), [HumanMessage(text, response_metadata={MARK: note})])
    assert not asked_for.comparable
    assert not asked_for.compilable
    assert asked_for.key == request(FakeChat(), text).key


def test_tools_and_images_stay_what_they_are():
    """A named question makes nothing comparable that was not."""
    values = {"context": CONTEXT, "question": QUESTION}
    value = asking(PROMPT).invoke(values)
    prompt, settings = strings(FakeChat(), value, tools=[add])
    asked_for = chat_request(prompt, read(settings), tenant="", namespace="")
    assert asked_for.text == QUESTION
    assert not asked_for.comparable
    image = [{"type": "text", "text": QUESTION}, {"type": "image_url", "image_url": {"url": "data:,x"}}]
    with asked(QUESTION):
        prompt, settings = strings(FakeChat(), [HumanMessage(image)])
        assert not chat_request(prompt, read(settings), tenant="", namespace="", asked=QUESTION).comparable


with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # LangChain calls it beta
    STRUCTURED = StructuredPrompt([("human", "{question}")], {"title": "x", "type": "object", "properties": {}})


@pytest.mark.parametrize("wrong", [{"prompt": "text"}, {"prompt": STRUCTURED}, {"question": "query"}])
def test_asking_refuses_what_cannot_be(wrong):
    """Where the chain is built: no template, one whose schema would be lost, or no such variable."""
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        asking(**{"prompt": PROMPT, **wrong})


def test_a_partial_variable_may_be_the_question(cache):
    """A value given early is one all the same; a computed one is not certain."""
    chain = asking(PROMPT.partial(question=QUESTION)) | FakeChat(cache=cache)
    chain.invoke({"context": CONTEXT})
    assert tier(rag(chain.last).invoke(RESPELT)) == "semantic"
    computed = asking(PROMPT.partial(question=lambda: QUESTION)).invoke({"context": CONTEXT})
    assert not request(FakeChat(), computed).comparable


# -- a question without a template ----------------------------------------------------------------------------------------


async def test_a_question_is_named_for_the_calls_inside(cache):
    """Prompts made by hand: sync, async, LangChain's own threads."""
    model = FakeChat(cache=cache)

    def by_hand(question):
        return f"Context: {CONTEXT}\nQuestion: {question}"

    with asked(QUESTION):
        model.invoke(by_hand(QUESTION))
    with asked(RESPELT):
        assert tier(model.invoke(by_hand(RESPELT))) == "semantic"
    with asked(RESPELT + "?"):
        assert tier(await model.ainvoke(by_hand(RESPELT + "?"))) == "semantic"
    with asked(QUESTION + "!"):
        assert all(tier(m) for m in model.batch([by_hand(QUESTION + "!")] * 2))
    assert tier(model.invoke(by_hand(RESPELT))) is None
    assert model.calls == 2


def test_it_means_the_same_as_a_template(cache):
    """Both ways to name a question make one key."""
    model = FakeChat(cache=cache)
    rag(model).invoke(QUESTION)
    with asked(RESPELT):
        assert tier(rag(model, PROMPT).invoke(RESPELT)) == "semantic"


async def test_tasks_do_not_share_a_question():
    """Each task has its own."""

    async def one(question):
        with asked(question):
            await asyncio.sleep(0)
            prompt, settings = await asyncio.to_thread(strings, FakeChat(), f"Answer: {question}")
            from langchain_seglam.asking import named

            return chat_request(prompt, read(settings), tenant="", namespace="", asked=named()).text

    questions = [f"what is {name}?" for name in ("love", "rain", "time")]
    assert await asyncio.gather(*map(one, questions)) == questions


@pytest.mark.parametrize("text", ["", " ", None, 7])
def test_an_empty_name_is_refused(text):
    """It would stand everywhere."""
    with pytest.raises(ConfigurationError, match="question"), asked(text):
        pass


def test_a_call_that_does_not_hold_the_question_is_not_compared(cache):
    """An inner call of the chain (a rewriter, say) is no question of the user's: exact only, under its plain key."""
    model = FakeChat(cache=cache)
    with asked(QUESTION):
        model.invoke("tell me a story of a parcel")
        assert tier(model.invoke("Tell me a story of a parcel")) is None
        assert tier(model.invoke("tell me a story of a parcel")) == "exact"
    assert tier(model.invoke("tell me a story of a parcel")) == "exact"


def test_remembered_requests_know_what_was_named(cache):
    """The same prompt plain, named and marked, in one process: each is read anew."""
    model = FakeText(cache=cache)
    text = few_shot().format(question=QUESTION)
    model.invoke(text)
    (asking(few_shot()) | model).invoke({"question": QUESTION})
    assert len(model.asked) == 2
    with asked(QUESTION):
        model.invoke(text)
    model.invoke(text)
    assert len(model.asked) == 2


def test_a_thread_of_the_application_knows_nothing(cache):
    """Context variables stay where they are: the call is a plain one there, with the plain key."""
    model = FakeChat(cache=cache)
    prompt = f"Context: {CONTEXT}\nQuestion: {QUESTION}"
    with asked(QUESTION), ThreadPoolExecutor(1) as other:
        other.submit(model.invoke, prompt).result()
    assert tier(model.invoke(prompt)) == "exact"


def test_a_generator_closed_elsewhere_ends_quietly():
    """A stream that a server drops is closed in another context."""

    async def answers():
        with asked(QUESTION):
            yield 1
            yield 2

    async def first():
        stream = answers()
        await anext(stream)
        return stream

    stream = asyncio.run(first())
    asyncio.run(stream.aclose())


# -- laws -----------------------------------------------------------------------------------------------------------------

TEXT = st.text(st.sampled_from("ab {}\n가é"), max_size=12)


@settings(deadline=None)
@given(TEXT, TEXT, TEXT)
def test_a_slot_is_the_text_in_parts(before, question, after):
    """Whatever is found: what stands around, with the question put in, is the text, letter by letter."""
    text = before + question + after
    for spans in (once(text, question), placed(text, question, "\0", before + "\0" + after)):
        found = slot(text, mark(text, spans))
        assert (found is None) == (not spans)
        if found is not None:
            assert found.question == question
            assert question.join(found.around) == text
    if question.strip():
        assert slot(text, mark(text, placed(text, question, "\0", before + "\0" + after))).around == (before, after)


@settings(deadline=None)
@given(TEXT, TEXT, TEXT, TEXT)
def test_requests_share_a_context_only_with_equal_surroundings(before, question, after, other):
    """Two prompts have one ``vary`` exactly where all that stands around their questions is equal."""
    settings = read("[('_type', 'x'), ('model', 'm')]")

    def made(*parts):
        text = "".join(parts)
        spans = [(len(parts[0]), len(parts[0]) + len(parts[1]))] if parts[1].strip() else []
        return text_request(text, settings, tenant="", namespace="", note=mark(text, spans))

    one, same, different = made(before, question, after), made(before, question, after), made(other, question, after)
    assert one == same
    if question.strip():
        assert (one.vary == different.vary) == (before == other)
        assert one.text == question


def test_marked_prompts_are_traced_and_copied_as_what_they_are():
    """A trace shows the base classes, and a text keeps its mark in another process."""
    for prompt in (PROMPT, few_shot()):
        value = asking(prompt).invoke({"context": CONTEXT, "question": QUESTION})
        plain = prompt.invoke({"context": CONTEXT, "question": QUESTION})
        assert plain.lc_id() == value.lc_id()
        assert type(value).__name__ not in dumps(value)
    text = value.to_string()
    again = pickle.loads(pickle.dumps(text))
    assert (again, again.note) == (text, text.note)
    assert asking(PROMPT).get_input_schema().model_json_schema() == PROMPT.get_input_schema().model_json_schema()


def test_the_compiler_is_shown_the_template():
    """A procedure is made of questions; what stands around them reaches it as background."""
    asked_for = request_of(asking(PROMPT), context=CONTEXT, question=QUESTION)
    assert asked_for.background.startswith("Answer from the context.")
    assert "Question: {question}\nAnswer:" in asked_for.background
    assert QUESTION not in asked_for.background
    assert request(FakeChat(), [SystemMessage("S"), HumanMessage("Q?")]).background == "S"
