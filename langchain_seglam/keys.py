"""What LangChain hands to a cache, as a Request. Pure: nothing is asked or stored here."""

from langchain_seglam.literals import UnkeyableError
from langchain_seglam.messages import conversation, parse
from langchain_seglam.settings import Settings, Shape
from seglam import Request, canonical, digest, vary_digest


def chat_request(prompt: str, settings: Settings, *, tenant: str, namespace: str, tool_calls: bool = True) -> Request:
    """A chat model's call: the last user text, under everything that stood before it.

    What a procedure may answer, and what only the same request does:

    | the request | procedures |
    |---|---|
    | a user's text after system prompts and texts of both sides | yes |
    | the same with a schema (json_schema, json_mode), or with one tool that must be called (function_calling) | objects |
    | the same with tools to choose from | one call; none where ``tool_calls`` is False |
    | tools and a schema at once; legacy functions; tools that the provider runs | no: no text tells the answer's form |
    | a tool's result or a tool call in the history | no: the answer is about what a tool said, which is no user's text |
    | images, files, several text blocks, named messages | no: the text is not all that is asked |
    | several answers (n), log probabilities, audio, citations | no: an answer is more than a text |

    Answers that are text with a call, or several calls, are stored for the same request; the latter count as evidence
    against a procedure that gives one call.

    Raises:
        UnkeyableError: the prompt is no dump of messages, or holds something without a form.
    """
    messages = parse(prompt)
    if messages is None:
        raise UnkeyableError("the prompt of a chat model cannot be read")
    talk = conversation(messages)
    readable = talk.bare and bool(talk.text)
    plain = readable and settings.bare
    form = settings.form if readable and not plain else None
    if form is not None and form.tools and form.forced is None and not tool_calls:
        form = None
    try:
        canonical(talk.parts)
        vary = vary_digest({**talk.parts, **settings.vary, "tenant": tenant})
    except (TypeError, ValueError):
        raise UnkeyableError("the messages have no JSON form") from None
    return Request(
        text=talk.text,
        vary=vary,
        engine=settings.engine,
        namespace=namespace,
        compilable=plain or form is not None,
        comparable=plain,
        background=_joined(talk.background, form.background) if form else talk.background if plain else "",
        fits=form,
    )


def _joined(*parts: str) -> str:
    return "\n\n".join(part for part in parts if part)


def text_request(prompt: str, settings: Settings, *, tenant: str, namespace: str) -> Request:
    """A plain model's call: the prompt is the text, whatever it looks like.

    Raises:
        UnkeyableError: the settings have no JSON form.
    """
    plain = settings.bare and settings.shape is not Shape.FOREIGN
    parts = dict(settings.vary)
    if settings.shape is Shape.FOREIGN and parse(prompt) is not None:
        parts["prompt"] = digest(prompt)  # whoever calls with a key of their own may have put images into the messages
        prompt = ""
    try:
        vary = vary_digest({**parts, "tenant": tenant})
    except (TypeError, ValueError):
        raise UnkeyableError("the model's settings have no JSON form") from None
    return Request(
        text=prompt, vary=vary, engine=settings.engine, namespace=namespace, compilable=plain, comparable=plain
    )
