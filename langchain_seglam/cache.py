"""SeglamCache: LangChain's cache for language models, on a seglam Cache."""

import asyncio
import copy
import logging
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from types import TracebackType
from typing import Any, Final, Self

from langchain_core.caches import BaseCache
from langchain_core.outputs import Generation

from langchain_seglam import answers
from langchain_seglam.asking import named
from langchain_seglam.keys import chat_request, text_request
from langchain_seglam.literals import UnkeyableError
from langchain_seglam.messages import parse
from langchain_seglam.model import as_compiler
from langchain_seglam.settings import Settings, Shape, read
from langchain_seglam.stacking import elsewhere
from seglam import Cache, ConfigurationError, Hit, Miss, OnlyIfCachedError, Policy, Request, Response
from seglam.contexts import door, forbid, tenant_or

logger = logging.getLogger("seglam")

_MEMO: Final = 8_192
"""Characters; longer prompts are read anew, so that what is remembered stays within two megabytes."""
_LONG: Final = 100_000
"""Characters; a longer prompt (images) takes milliseconds to read, which an event loop must not wait for."""


class SeglamCache(BaseCache):
    """Answers for LangChain's models: what was asked before, in the same or in other words, or with other numbers.

    ```python
    set_llm_cache(SeglamCache("seglam.db", compiler=ChatOpenAI(model="...")))
    ```

    A model is identified by what it tells of itself. A custom model without ``_identifying_params`` tells nothing, so that
    two configurations of it could not be told apart: it is not cached, and that is logged once. LangChain describes a
    provider's model once in its life: change a setting by making a new model, not by assigning to the old one.

    Args:
        cache: the file to open (``":memory:"`` is a private temporary one), or an open Cache, which stays the caller's.
        compiler: writes procedures: a chat model, a plain model, a chain, a callable from prompt to text, or a seglam
            Model. Its own calls are never cached. None: procedures that exist are used, no new ones are made.
        embedder: LangChain Embeddings, or whatever ``Cache.open`` takes.
        policy: thresholds, lifetimes, limits.
        namespace: a part of the file of its own; nothing crosses it.
        tenant: nothing crosses it either; a function is asked in the caller's context at every call.
        tool_calls: procedures may compute a call of one of several tools, for the application to run; a mixed answer
            never comes from one. False: such requests are answered by what was stored for the same request only.
            Structured output is none of these.

    Raises:
        ConfigurationError: an argument is wrong; the message names it.
        StoreError: the file cannot be used; it is left as it was.
    """

    def __init__(
        self,
        cache: str | os.PathLike[str] | Cache,
        *,
        compiler: Any = None,
        embedder: Any = None,
        policy: Policy | None = None,
        namespace: str = "",
        tenant: str | Callable[[], str] | None = None,
        tool_calls: bool = True,
    ) -> None:
        if not isinstance(namespace, str):
            raise ConfigurationError(f"namespace: expected a str, got {type(namespace).__name__}")
        if tenant is not None and not isinstance(tenant, str) and not callable(tenant):
            raise ConfigurationError(f"tenant: expected a str, a function or None, got {type(tenant).__name__}")
        if not isinstance(tool_calls, bool):
            raise ConfigurationError(f"tool_calls: expected True or False, got {type(tool_calls).__name__}")
        self._namespace = namespace
        self._tenant = tenant
        self._tool_calls = tool_calls
        self._lock = threading.Lock()
        self._told: set[str] = set()
        self._kinds: dict[str, set[str]] = {}
        self._own = not isinstance(cache, Cache)
        if isinstance(cache, Cache):
            _refuse_options({"compiler": compiler, "embedder": embedder, "policy": policy})
            self._cache = cache
        elif isinstance(cache, str | os.PathLike):
            author = None if compiler is None else as_compiler(compiler)
            self._cache = Cache.open(cache, policy=policy, compiler=author, embedder=embedder)
        else:
            raise ConfigurationError(f"cache: expected a path or a seglam Cache, got {type(cache).__name__}")

    @property
    def cache(self) -> Cache:
        """The cache behind: statistics, procedures, ``forget``, ``check``."""
        return self._cache

    @property
    def faults(self) -> Mapping[str, int]:
        """What went wrong in this adapter, by place; each was a miss. Those of the core are in ``cache.faults``."""
        prefix = "langchain."
        return {p.removeprefix(prefix): n for p, n in self._cache.faults.items() if p.startswith(prefix)}

    # -- BaseCache ----------------------------------------------------------------------------------------------------

    def lookup(self, prompt: str, llm_string: str) -> list[Generation] | None:
        """The answer that needs no model call, as new objects, or None.

        Raises:
            OnlyIfCachedError: there is none, and the model must not be called here; nothing else (law 2).
        """
        try:
            asked = self._asked(prompt, llm_string)
            if asked is not None:
                return self._given(asked, door(self._cache).lookup(asked[0]))
        except OnlyIfCachedError:
            raise
        except Exception as error:
            self.fault("lookup", error)
        self._unasked()
        return None

    async def alookup(self, prompt: str, llm_string: str) -> list[Generation] | None:
        """``lookup`` for a running event loop, which it never blocks."""
        try:
            if len(prompt) > _LONG:
                asked = await asyncio.to_thread(self._asked, prompt, llm_string)
            else:
                asked = self._asked(prompt, llm_string)
            if asked is not None:
                return self._given(asked, await door(self._cache).alookup(asked[0]))
        except OnlyIfCachedError:
            raise
        except Exception as error:
            self.fault("lookup", error)
        self._unasked()
        return None

    def _unasked(self) -> None:
        """The model is asked next, without its cache having been: not where that is forbidden."""
        if not elsewhere():
            forbid("a call that cannot be keyed")

    def update(self, prompt: str, llm_string: str, return_val: Sequence[Generation]) -> None:
        """Keep what the model answered, and learn from it in the background. Never raises (law 2)."""
        try:
            answered = self._answered(prompt, llm_string, return_val)
            if answered is not None:
                door(self._cache).record(*answered)
        except Exception as error:
            self.fault("update", error)

    async def aupdate(self, prompt: str, llm_string: str, return_val: Sequence[Generation]) -> None:
        """``update`` for a running event loop, which it never blocks."""
        try:
            if len(prompt) > _LONG:
                answered = await asyncio.to_thread(self._answered, prompt, llm_string, return_val)
            else:
                answered = self._answered(prompt, llm_string, return_val)
            if answered is not None:
                await door(self._cache).arecord(*answered)
        except Exception as error:
            self.fault("update", error)

    def clear(self, **kwargs: Any) -> None:  # noqa: ARG002  BaseCache's signature; nothing in it applies here
        """Erase everything learnt in this namespace."""
        self._cache.clear(self._namespace)

    async def aclear(self, **kwargs: Any) -> None:
        """``clear`` for a running event loop, which it never blocks."""
        await asyncio.to_thread(self.clear, **kwargs)

    def close(self) -> None:
        """Close the file, unless an open Cache was given. May be called twice."""
        if self._own:
            self._cache.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- requests -----------------------------------------------------------------------------------------------------

    def request(self, prompt: str, llm_string: str, *, chat: bool) -> Request | None:
        """A call as a Request, for a surface that holds the model itself; None for one that equals no other for sure."""
        if elsewhere():
            return None
        try:
            return self._request(prompt, read(llm_string), chat=chat)
        except UnkeyableError as error:
            self.tell(error)
        except Exception as error:
            self.fault("key", error)
        return None

    def of(self, tenant: str) -> Self:
        """The same surface on the same cache for one tenant."""
        other = copy.copy(self)
        other._tenant, other._own = tenant, False  # noqa: SLF001 - a copy of our own
        return other

    def _asked(self, prompt: str, llm_string: str) -> tuple[Request, bool] | None:
        """The request of a lookup, and whether a chat model asks; None where nothing is looked up."""
        if elsewhere():
            return None
        try:
            settings = read(llm_string)
            known = self._known(settings)
            if known:
                return self._request(prompt, settings, chat=known == "chat"), known == "chat"
            # Nobody told yet who writes such strings. Only text can be a plain model's; what looks like messages may be
            # either, and must not be answered from its last message alone.
            if parse(prompt) is None:
                return self._request(prompt, settings, chat=False), False
            return self._exactly(self._request(prompt, settings, chat=True)), True
        except UnkeyableError as error:
            self.tell(error)
            return None

    def _answered(
        self, prompt: str, llm_string: str, generations: Sequence[Generation]
    ) -> tuple[Request, Response] | None:
        """The exchange that an update records, or None for one that is not kept."""
        if elsewhere():
            return None
        kind = answers.kind(generations)
        response = answers.to_response(generations) if kind else None
        try:
            settings = read(llm_string)
            if kind and settings.shape is Shape.EITHER:
                with self._lock:
                    self._kinds.setdefault(settings.type, set()).add(kind)
            if response is None:
                return None
            chat = settings.shape is Shape.CHAT or (kind == "chat" and settings.shape is Shape.EITHER)
            request = self._request(prompt, settings, chat=chat)
        except UnkeyableError as error:
            self.tell(error)
            return None
        return answers.fitted(request, generations, response)

    def _known(self, settings: Settings) -> str:
        """``chat`` or ``text`` where it is certain who wrote these settings, else ""."""
        if settings.shape is not Shape.EITHER:
            return "chat" if settings.shape is Shape.CHAT else "text"
        with self._lock:
            kinds = self._kinds.get(settings.type, set())
            return next(iter(kinds)) if len(kinds) == 1 else ""

    def _request(self, prompt: str, settings: Settings, *, chat: bool) -> Request:
        who, where, question = self._who(), self._namespace, named()
        if (
            len(prompt) > _MEMO or type(prompt) is not str
        ):  # what is remembered of a text is not for the same text marked
            return _make(prompt, settings, who, where, question, chat=chat, tool_calls=self._tool_calls)
        return _made(prompt, _Same(settings), who, where, question, chat, self._tool_calls)

    def _who(self) -> str:
        return tenant_or(self._own_tenant)

    def _own_tenant(self) -> str:
        tenant = self._tenant() if callable(self._tenant) else self._tenant
        if tenant is not None and not isinstance(tenant, str):
            raise TypeError(f"tenant() returned {type(tenant).__name__}, expected a str")
        return tenant or ""

    @staticmethod
    def _exactly(request: Request) -> Request:
        return replace(request, compilable=False, comparable=False, fits=None)

    @staticmethod
    def _given(asked: tuple[Request, bool], found: Hit | Miss) -> list[Generation] | None:
        return answers.from_hit(found, asked[0], chat=asked[1]) if isinstance(found, Hit) else None

    # -- faults -------------------------------------------------------------------------------------------------------

    def fault(self, place: str, error: Exception) -> None:
        """Turn what failed in this adapter into a logged, counted miss (law 2)."""
        self._cache.fault(f"langchain.{place}", error, self._namespace)

    def tell(self, error: UnkeyableError) -> None:
        """Say once why requests of a kind are not cached."""
        why = str(error)
        with self._lock:
            told = why in self._told or len(self._told) >= 100  # noqa: PLR2004  names in it are the application's
            self._told.add(why)
        if not told:
            logger.warning("not cached: %s", why)


def _make(
    prompt: str,
    settings: Settings,
    tenant: str,
    namespace: str,
    question: str | None,
    *,
    chat: bool,
    tool_calls: bool,
) -> Request:
    if not chat:
        note = getattr(prompt, "note", None)
        return text_request(prompt, settings, tenant=tenant, namespace=namespace, note=note, asked=question)
    return chat_request(prompt, settings, tenant=tenant, namespace=namespace, tool_calls=tool_calls, asked=question)


class _Same:
    """Settings by identity: ``read`` gives one object as long as it would say the same."""

    __slots__ = ("settings",)

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def __hash__(self) -> int:
        return id(self.settings)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.settings is self.settings


@lru_cache(maxsize=256)
def _made(
    prompt: str, same: _Same, tenant: str, namespace: str, question: str | None, chat: bool, tool_calls: bool
) -> Request:
    # A miss asks twice (lookup and update) and a repeated request again; reading it is a third of a hit.
    return _make(prompt, same.settings, tenant, namespace, question, chat=chat, tool_calls=tool_calls)


def _refuse_options(options: Mapping[str, Any]) -> None:
    for name, value in options.items():
        if value is not None:
            raise ConfigurationError(f"{name}: belongs to the Cache that was given; pass it to Cache.open instead")
