"""LangGraph: a cache for nodes on a seglam file, and a key for states that hold messages."""

import asyncio
import base64
import dataclasses
import logging
import math
import os
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from typing import Any, Final

from langchain_core.load import dumps
from langchain_core.messages import AIMessage, BaseMessage, RemoveMessage, ToolMessage
from langgraph.cache.base import BaseCache, FullKey, Namespace
from langgraph.checkpoint.serde.base import SerializerProtocol
from pydantic import BaseModel

from langchain_seglam.answers import COUNTS, call_ids, fresh_id, message_id, no_usage, renamed, zeros
from langchain_seglam.cache import SeglamCache
from langchain_seglam.messages import conversation, parse
from langchain_seglam.wrap import opened
from seglam import Cache, ConfigurationError, Hit, Request, Response, Reuse, canonical, digest, vary_digest
from seglam.contexts import beside, tenant_or

logger = logging.getLogger("seglam")

FORMAT: Final = "langgraph/1"
KIND: Final = "node"
"""The kind of content of a node's writes, for ``Policy(lifetimes={"node": ...})``."""
_REMOVE_ALL: Final = "__remove_all__"
_WITH_IDS: Final = ("content", "tool_calls", "invalid_tool_calls", "additional_kwargs")


class SeglamGraphCache(BaseCache[Any]):
    """LangGraph's cache for nodes on a seglam Cache, beside the answers of models.

    ```python
    graph.add_node("ask", ask, cache_policy=CachePolicy(key_func=message_key))
    app = graph.compile(cache=SeglamGraphCache(cache))
    ```

    A hit has new message ids and tool-call ids, because a state replaces a message that has the id of another, and counts no
    tokens. What removes messages or answers calls of an earlier node is not kept: it belongs to one conversation. A node's
    entry lives as long as its ``ttl`` says, but never longer than the policy's lifetime for the kind "node" (one day, unless
    ``Policy(lifetimes={"node": ...})`` says otherwise). Whatever fails is a miss.

    Args:
        cache: a file, opened once per process and closed at its end; or an open ``seglam.Cache``, which stays the caller's; or a
            SeglamCache, for the Cache behind it.
        namespace: the part of the file; ``clear()`` empties it.
        tenant: nothing crosses it; a function is asked at every call, in its context.
        serde: LangGraph's serializer; None: its own, without pickle.
        clock: seconds since the epoch, for ``ttl``.

    Raises:
        ConfigurationError: an argument is wrong; the message names it.
    """

    def __init__(
        self,
        cache: str | os.PathLike[str] | Cache | SeglamCache,
        *,
        namespace: str = "langgraph",
        tenant: str | Callable[[], str] | None = None,
        serde: SerializerProtocol | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(serde=serde)
        if not isinstance(namespace, str) or not namespace:
            raise ConfigurationError(f"namespace: expected a non-empty str, got {namespace!r}")
        if tenant is not None and not callable(tenant) and not (isinstance(tenant, str) and tenant):
            raise ConfigurationError(f"tenant: expected a non-empty str, a function or None, got {tenant!r}")
        self._cache = opened(cache.cache if isinstance(cache, SeglamCache) else cache, None, None, None)
        self._namespace = namespace
        self._tenant = tenant
        self._clock = clock

    @property
    def cache(self) -> Cache:
        """The cache behind."""
        return self._cache

    def get(self, keys: Sequence[FullKey]) -> dict[FullKey, Any]:
        """What is cached of these keys, as new objects. Never raises (law 2)."""
        found: dict[FullKey, Any] = {}
        at = beside(self._cache)
        if at is None:
            return found
        for namespace, key in keys:
            try:
                hit = at.lookup(self._request(namespace, key))
                value = self._value(hit.response) if isinstance(hit, Hit) else None
                if value is not None:
                    found[namespace, key] = value
            except Exception as error:
                self._fault("get", error)
        return found

    async def aget(self, keys: Sequence[FullKey]) -> dict[FullKey, Any]:
        """``get`` for a running event loop, which it never blocks."""
        return await asyncio.to_thread(self.get, keys)

    def set(self, pairs: Mapping[FullKey, tuple[Any, int | None]]) -> None:
        """Keep what nodes wrote, each for its seconds. Never raises (law 2)."""
        at = beside(self._cache)
        if at is None:
            return
        for (namespace, key), (value, ttl) in pairs.items():
            try:
                if not _lasting(value):
                    continue
                kind, data = self.serde.dumps_typed(value)
                payload = {
                    "format": FORMAT,
                    "type": kind,
                    "data": base64.b64encode(data).decode(),
                    "expires": None if ttl is None else self._clock() + ttl,
                }
                at.record(self._request(namespace, key), Response("", payload, reuse=Reuse.EXACT))
            except Exception as error:
                self._fault("set", error)

    async def aset(self, pairs: Mapping[FullKey, tuple[Any, int | None]]) -> None:
        """``set`` for a running event loop, which it never blocks."""
        await asyncio.to_thread(self.set, pairs)

    def clear(self, namespaces: Sequence[Namespace] | None = None) -> None:
        """Erase what nodes wrote, of all nodes or of some (of this tenant)."""
        if namespaces is None:
            self._cache.clear(self._namespace)
            return
        for namespace in namespaces:
            self._cache.forget_context(self._request(namespace, ""))

    async def aclear(self, namespaces: Sequence[Namespace] | None = None) -> None:
        """``clear`` for a running event loop, which it never blocks."""
        await asyncio.to_thread(self.clear, namespaces)

    def _request(self, namespace: Namespace, key: str) -> Request:
        vary = vary_digest({"graph": list(namespace), "tenant": tenant_or(self._own_tenant)})
        return Request(key, vary, "langgraph", self._namespace, KIND, compilable=False, comparable=False)

    def _own_tenant(self) -> str:
        tenant = self._tenant() if callable(self._tenant) else self._tenant
        if self._tenant is not None and not (isinstance(tenant, str) and tenant):
            raise TypeError(f"tenant() gave {type(tenant).__name__}, expected a non-empty str")
        return tenant or ""

    def _value(self, response: Response) -> Any:
        payload = response.payload or {}
        if payload.get("format") != FORMAT:
            return None
        expires = payload["expires"]
        if expires is not None and self._clock() >= expires:
            return None
        return _Again().value(self.serde.loads_typed((payload["type"], base64.b64decode(payload["data"]))))

    def _fault(self, place: str, error: Exception) -> None:
        self._cache.fault(f"langgraph.{place}", error, self._namespace)


# -- what a hit gives back ----------------------------------------------------------------------------------------------


def _lasting(value: Any) -> bool:
    """Whether writes mean the same in another conversation.

    What removes a certain message, or answers a call that was made before, does not.
    """
    messages = list(_messages(value))
    called = {call for m in messages if isinstance(m, AIMessage) for call in call_ids(_held(m))}
    for message in messages:
        if isinstance(message, RemoveMessage) and message.id != _REMOVE_ALL:
            return False
        if isinstance(message, ToolMessage) and message.tool_call_id not in called:
            return False
    return True


def _messages(value: Any) -> Iterator[BaseMessage]:
    if isinstance(value, BaseMessage):
        yield value
    elif isinstance(value, Mapping | list | tuple | deque):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from _messages(item)


def _held(message: AIMessage) -> dict[str, Any]:
    return {name: getattr(message, name) for name in _WITH_IDS}


class _Again:
    """Writes a second time: one new id for every old one, wherever it stands."""

    def __init__(self) -> None:
        self._ids: dict[str, str] = {}
        self._calls: dict[str, str] = {}

    def value(self, value: Any) -> Any:
        """The same with fresh messages in it."""
        if isinstance(value, BaseMessage):
            return self._message(value)
        if isinstance(value, deque):
            return deque(map(self.value, value))
        if isinstance(value, tuple) and type(value) is tuple:
            return tuple(map(self.value, value))
        if type(value) is list:
            return [self.value(item) for item in value]
        return {name: self.value(item) for name, item in value.items()} if type(value) is dict else value

    def _message(self, message: BaseMessage) -> BaseMessage:
        if isinstance(message, RemoveMessage):
            return message
        again = message.model_copy(deep=True)
        if message.id is not None:
            again.id = self._ids.setdefault(message.id, message_id() if isinstance(message, AIMessage) else _uuid())
        if isinstance(again, ToolMessage):
            again.tool_call_id = self._calls.setdefault(again.tool_call_id, fresh_id(again.tool_call_id))
        if isinstance(again, AIMessage):
            self._answer(again)
        return again

    def _answer(self, message: AIMessage) -> None:
        held = _held(message)
        for old in call_ids(held):
            self._calls.setdefault(old, fresh_id(old))
        for name, item in renamed(held, self._calls).items():
            setattr(message, name, item)
        if message.usage_metadata is not None:
            message.usage_metadata = no_usage()
        message.response_metadata = {
            name: zeros(item) if name in COUNTS else item for name, item in message.response_metadata.items()
        }


def _uuid() -> str:
    return str(uuid.uuid4())


# -- keys -----------------------------------------------------------------------------------------------------------------


def message_key(*args: Any, **kwargs: Any) -> str:
    """A ``CachePolicy(key_func=...)`` for states with messages: the same conversation is the same key.

    Message ids, token counts and what else is new in every run stay out; ids of tool calls are numbered. For nodes that
    answer a conversation; a node that changes a message which is there already, or works with ids, keeps LangGraph's own
    key. A state that holds what has no stable form gets a key that nothing else has.
    """
    try:
        return digest("langgraph", canonical(_keyed(list(args))), canonical(_keyed(kwargs)))
    except Exception as error:  # fail closed: no key is worth an answer to another question
        logger.warning("seglam: a node's input has no stable key: %s", type(error).__name__)
        return uuid.uuid4().hex


def _keyed(value: Any) -> Any:
    """A value as JSON that says all of it.

    Raises:
        TypeError: it has no stable form.
    """
    if isinstance(value, BaseMessage):
        return _talk([value])
    if isinstance(value, list | tuple | deque):
        items = list(value)
        said = items and all(isinstance(item, BaseMessage) for item in items)
        return _talk(items) if said else {"list": [_keyed(item) for item in items], "of": type(value).__name__}
    if isinstance(value, Mapping):
        return {"map": sorted(([_scalar(name), _keyed(item)] for name, item in value.items()), key=canonical)}
    if isinstance(value, set | frozenset):
        return {"set": sorted((_keyed(item) for item in value), key=canonical)}
    return _object(value) or _scalar(value)


def _object(value: Any) -> Any:
    """A value with named fields, or None for another one."""
    if isinstance(value, BaseModel):
        fields = {name: getattr(value, name) for name in type(value).model_fields}
        return {"class": _name(value), "fields": _keyed({**fields, **(value.model_extra or {})})}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            "class": _name(value),
            "fields": _keyed({f.name: getattr(value, f.name) for f in dataclasses.fields(value)}),
        }
    return None


def _scalar(value: Any) -> Any:
    if isinstance(value, Enum):
        return {"enum": _name(value), "name": value.name}
    if isinstance(value, bytes):
        return {"bytes": base64.b64encode(value).decode()}
    if value is None or type(value) in (str, bool, int):
        return value
    if type(value) is float and math.isfinite(value):
        return {"float": repr(value)}
    raise TypeError(f"{type(value).__name__} has no stable form")


def _name(value: Any) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"


def _talk(messages: Sequence[BaseMessage]) -> dict[str, Any]:
    parsed = parse(dumps([message.model_copy(update={"id": None}) for message in messages]))
    if parsed is None:
        raise TypeError("messages have no stable form")
    talk = conversation(parsed)
    # A model never sees these; a node may.
    artifacts = [_keyed(getattr(message, "artifact", None)) for message in messages]
    return {"text": talk.text, "parts": dict(talk.parts), "artifacts": artifacts}
