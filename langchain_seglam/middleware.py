"""SeglamMiddleware: the cache in front of an agent's model."""

import os
import threading
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any, Final

from langchain.agents.middleware import AgentMiddleware, ModelRequest, ModelResponse
from langchain_core.language_models import BaseChatModel

from langchain_seglam.cache import SeglamCache
from langchain_seglam.layer import Layer
from langchain_seglam.live import Described
from langchain_seglam.stacking import keeping
from langchain_seglam.wrap import opened, unwrap, wrap
from seglam import Cache, ConfigurationError, Policy
from seglam.contexts import forbid

_MODELS: Final = 16
"""Models of which a description is kept; an agent has one or two."""


class SeglamMiddleware(AgentMiddleware[Any, Any, Any]):
    """Answers an agent's model calls from a cache.

    ```python
    create_agent(model, tools, middleware=[SeglamMiddleware("seglam.db", tenant=lambda context: context.user_id)])
    ```

    It puts the cache in front of the model that the request names, and leaves everything else to the agent: what the model is
    finally asked (system prompt, history with tool results, tools, response format) is what the key is made of, whatever
    other middleware does to it on the way, and a structured response is parsed from a hit as from the model. A step after a
    tool's result is answered only where all of it was the same. It may stand anywhere in the list; a model that other
    middleware chooses is cached if that middleware stands before it.

    Args:
        cache: a file, opened once per process and set of options; an open ``seglam.Cache``; or a SeglamCache, whose namespace
            and tenant then hold.
        tenant: nothing crosses it: a name, or a function from the run's context (``runtime.context``) to one. A request that
            gets no name is not cached.
        compiler: as for ``SeglamCache``.
        embedder: as for ``SeglamCache``.
        policy: as for ``SeglamCache``.
        namespace: a part of the file of its own.
        tool_calls: procedures may compute a call of one of several tools, for the agent to run.

    Raises:
        ConfigurationError: an argument is wrong; the message names it.
        StoreError: the file cannot be used; it is left as it was.
    """

    def __init__(
        self,
        cache: str | os.PathLike[str] | Cache | SeglamCache,
        *,
        tenant: str | Callable[[Any], str] | None = None,
        compiler: Any = None,
        embedder: Any = None,
        policy: Policy | None = None,
        namespace: str = "",
        tool_calls: bool = True,
    ) -> None:
        super().__init__()
        self.tools = []
        if tenant is not None and not callable(tenant) and not (isinstance(tenant, str) and tenant):
            raise ConfigurationError(
                f"tenant: expected a non-empty str, a function of the run's context, or None, got {tenant!r}"
            )
        if isinstance(cache, SeglamCache):
            given = {"compiler": compiler, "embedder": embedder, "policy": policy, "namespace": namespace or None}
            for name, value in {**given, "tool_calls": None if tool_calls else False}.items():
                if value is not None:
                    raise ConfigurationError(f"{name}: belongs to the SeglamCache that was given")
            self._surface = cache
        else:
            held = opened(cache, compiler, embedder, policy)
            self._surface = SeglamCache(held, namespace=namespace, tool_calls=tool_calls)
        self._tenant = tenant
        self._lock = threading.Lock()
        self._described: OrderedDict[int, tuple[Any, Described]] = OrderedDict()

    @property
    def cache(self) -> Cache:
        """The cache behind: statistics, procedures, ``forget``, ``check``."""
        return self._surface.cache

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> ModelResponse[Any]:
        """Have the agent ask a model with the cache in front of it."""
        ready = self._cached(request)
        if ready is not None:
            return handler(ready)
        with keeping():
            return handler(request)

    async def awrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]]
    ) -> ModelResponse[Any]:
        """``wrap_model_call`` for a running event loop."""
        ready = self._cached(request)
        if ready is not None:
            return await handler(ready)
        with keeping():
            return await handler(request)

    def _cached(self, request: ModelRequest[Any]) -> ModelRequest[Any] | None:
        """The same request to the same model behind the cache.

        None where that failed (law 2): then no surface further in may answer either, for it knows no tenants.
        """
        try:
            inner = unwrap(request.model)
            if not isinstance(inner, BaseChatModel):
                return request
            layer = Layer(self._owned(request))
            return request.override(model=wrap(inner, layer, self._known(inner)))
        except Exception as error:
            self._surface.fault("middleware", error)
            forbid("a call whose cache failed")
            return None

    def _owned(self, request: ModelRequest[Any]) -> SeglamCache:
        """The surface for the tenant of this run.

        Raises:
            TypeError: the run's context names none; then nothing is cached, for it would be shared with every other such run.
        """
        if not callable(self._tenant):
            return self._surface if self._tenant is None else self._surface.of(self._tenant)
        told = self._tenant(getattr(request.runtime, "context", None))
        if not isinstance(told, str) or not told:
            raise TypeError(f"tenant() gave {type(told).__name__}, expected a non-empty str")
        return self._surface.of(told)

    def _known(self, inner: BaseChatModel) -> Described:
        """What was remembered of this model, which is held so that its id stays its own."""
        with self._lock:
            known = self._described.setdefault(id(inner), (inner, Described()))
            while len(self._described) > _MODELS:
                self._described.popitem(last=False)
            return known[1]
