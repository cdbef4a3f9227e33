"""What LangChain hands to a cache, as a Request. Pure: nothing is asked or stored here."""

from typing import Any, Final

from langchain_seglam.literals import UnkeyableError
from langchain_seglam.messages import conversation, parse
from langchain_seglam.settings import Settings, Shape
from langchain_seglam.slots import Slot, mark, once, slot
from seglam import Request, canonical, digest, vary_digest

PLACEHOLDER: Final = "{question}"
"""Stands for the question where the compiler is shown what stands around it."""


def chat_request(
    prompt: str,
    settings: Settings,
    *,
    tenant: str,
    namespace: str,
    tool_calls: bool = True,
    asked: str | None = None,
) -> Request:
    """A chat model's call: the last user text, under everything that stood before it.

    Where the question of a templated prompt is named (a mark of ``asking`` on the last message, else ``asked``), it is the
    text, and what stands around it belongs to what must be equal; a named question that is not found leaves the call to the
    same request only.

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
    named = talk.note is not None or asked is not None
    part = _part(talk.text, talk.note, asked) if named and readable else None
    if named and part is None:
        plain, form = False, None
    try:
        canonical(talk.parts)
        vary = vary_digest({**talk.parts, **settings.vary, **_template(part), "tenant": tenant})
    except (TypeError, ValueError):
        raise UnkeyableError("the messages have no JSON form") from None
    background = _joined(talk.background, _shown(part), form.background if form else "")
    return Request(
        text=talk.text if part is None else part.question,
        vary=vary,
        engine=settings.engine,
        namespace=namespace,
        compilable=plain or form is not None,
        comparable=plain,
        background=background if plain or form is not None else "",
        fits=form,
    )


def _part(text: str, note: Any, asked: str | None) -> Slot | None:
    """The question that was named, by a mark or by its words; None where it is not found in what is sent."""
    if note is None and asked is not None:
        note = mark(text, once(text, asked))
    return slot(text, note)


def _template(part: Slot | None) -> dict[str, Any]:
    """What stands around a question; a bare one has the key of the same words asked plainly."""
    return {} if part is None or part.bare else {"template": list(part.around)}


def _shown(part: Slot | None) -> str:
    if part is None or part.bare:
        return ""
    return f"The request takes the place of {PLACEHOLDER} in:\n{part.shown(PLACEHOLDER)}"


def _joined(*parts: str) -> str:
    return "\n\n".join(part for part in parts if part)


def text_request(
    prompt: str, settings: Settings, *, tenant: str, namespace: str, note: Any = None, asked: str | None = None
) -> Request:
    """A plain model's call: the prompt is the text, whatever it looks like; or its question, as in ``chat_request``.

    Raises:
        UnkeyableError: the settings have no JSON form.
    """
    plain = settings.bare and settings.shape is not Shape.FOREIGN
    parts = dict(settings.vary)
    if settings.shape is Shape.FOREIGN and parse(prompt) is not None:
        parts["prompt"] = digest(prompt)  # whoever calls with a key of their own may have put images into the messages
        prompt = ""
    named = note is not None or asked is not None
    part = _part(prompt, note, asked) if named and plain else None
    plain = plain and (part is not None or not named)
    try:
        vary = vary_digest({**parts, **_template(part), "tenant": tenant})
    except (TypeError, ValueError):
        raise UnkeyableError("the model's settings have no JSON form") from None
    return Request(
        text=str(prompt) if part is None else part.question,
        vary=vary,
        engine=settings.engine,
        namespace=namespace,
        compilable=plain,
        comparable=plain,
        background=_shown(part),
    )
