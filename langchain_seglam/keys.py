"""What LangChain hands to a cache, as a Request. Pure: nothing is asked or stored here."""

from langchain_seglam.literals import UnkeyableError
from langchain_seglam.messages import conversation, parse
from langchain_seglam.settings import Settings, Shape
from seglam import Request, canonical, digest, vary_digest


def chat_request(prompt: str, settings: Settings, *, tenant: str, namespace: str) -> Request:
    """A chat model's call: the last user text, under everything that stood before it.

    Raises:
        UnkeyableError: the prompt is no dump of messages, or holds something without a form.
    """
    messages = parse(prompt)
    if messages is None:
        raise UnkeyableError("the prompt of a chat model cannot be read")
    talk = conversation(messages)
    plain = talk.bare and settings.bare and bool(talk.text)
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
        compilable=plain,
        comparable=plain,
        background=talk.background if plain else "",
    )


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
