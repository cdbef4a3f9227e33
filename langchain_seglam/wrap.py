"""cached(model): the same model, of the same type, with a cache in front of its provider."""

import copy
import logging
import os
import pickle
from collections.abc import Callable
from functools import cache as remembered
from typing import Any, Final, TypeVar, cast

from langchain_core.language_models import BaseChatModel, BaseLLM
from langchain_core.runnables import RunnableBinding, RunnableConfig
from langchain_core.runnables.configurable import RunnableConfigurableFields
from pydantic import SecretBytes, SecretStr

from langchain_seglam.answers import jsonable
from langchain_seglam.cache import SeglamCache
from langchain_seglam.endpoints import Cached, CachedChat, CachedText, StreamedChat, StreamedText
from langchain_seglam.layer import Layer
from langchain_seglam.live import Described
from langchain_seglam.model import as_compiler
from seglam import Cache, ConfigurationError, Policy, digest
from seglam.sharing import Options, shared

logger = logging.getLogger("seglam")

M = TypeVar("M")
_MODELS: Final = (BaseChatModel, BaseLLM)


def cached(
    model: M,
    cache: str | os.PathLike[str] | Cache,
    *,
    compiler: Any = "self",
    embedder: Any = None,
    policy: Policy | None = None,
    namespace: str = "",
    tenant: str | Callable[[], str] | None = None,
    tool_calls: bool = True,
) -> M:
    """The model with a reasoning cache in front of it: an object of the same type that shares its state.

    Streams are cached as well (one that is broken off is not), and equal requests at the same time are one call. The
    settings of the model are read at every call. This cache takes the place of ``model.cache`` and of the global one: an
    answer is kept once. A custom model whose answers depend on anything but its fields needs a namespace of its own.

    Args:
        model: a chat model or a plain one; one that is wrapped already is unwrapped first. A model with bound arguments
            (``bind``, ``bind_tools``) is wrapped inside.
        cache: a file, opened once per process and set of options and closed at its end; or an open ``seglam.Cache``.
        compiler: what writes procedures: "self" is the model itself, None is nothing, else what ``SeglamCache`` takes. With
            an open Cache, say it there.
        embedder: as in ``Cache.open``; LangChain Embeddings too.
        policy: as in ``Cache.open``.
        namespace: a part of the cache with its own answers and procedures.
        tenant: whose requests these are; nothing crosses tenants. A function is asked at every call, and must name one.
        tool_calls: procedures may compute a call of one of several tools, for the application to run.

    Raises:
        ConfigurationError: an argument is wrong; names it.
        StoreError: the file cannot be used; it is left as it was.
    """
    options = {"compiler": compiler, "embedder": embedder, "policy": policy, "namespace": namespace}
    options |= {"tenant": tenant, "tool_calls": tool_calls}
    if isinstance(model, RunnableBinding):
        inside = cached(model.bound, cache, **cast("Any", options))
        return cast("M", model.model_copy(update={"bound": inside}))
    if not isinstance(model, _MODELS):
        raise ConfigurationError(
            f"model: expected a LangChain chat model or LLM, got {type(model).__name__}; wrap the model before "
            "anything is made of it"
        )
    if tenant is not None and not callable(tenant) and not (isinstance(tenant, str) and tenant):
        raise ConfigurationError(
            f"tenant: expected a non-empty str, a function that gives one, or None, got {tenant!r}"
        )
    inner = unwrap(model)
    itself = isinstance(compiler, str) and compiler == "self"
    author = (None if isinstance(cache, Cache) else inner) if itself else compiler
    adapter = SeglamCache(
        opened(cache, author, embedder, policy), namespace=namespace, tenant=_named(tenant), tool_calls=tool_calls
    )
    path = "" if isinstance(cache, Cache) else os.fspath(cache)
    return cast("M", wrap(inner, Layer(adapter, {**options, "cache": path} if path not in ("", ":memory:") else None)))


def _named(tenant: str | Callable[[], str] | None) -> str | Callable[[], str] | None:
    if not callable(tenant):
        return tenant

    def name() -> str:
        told = tenant()
        if not isinstance(told, str) or not told:
            # Without a name this request would share with every other request that has none.
            raise TypeError(f"tenant() gave {type(told).__name__}, expected a non-empty str")
        return told

    return name


def opened(cache: Any, compiler: Any, embedder: Any, policy: Policy | None) -> Cache:
    """The open Cache that a surface was given or names by its path.

    Raises:
        ConfigurationError: an argument is wrong; names it.
        StoreError: the file cannot be used; it is left as it was.
    """
    if isinstance(cache, Cache):
        for name, value in (("compiler", compiler), ("embedder", embedder), ("policy", policy)):
            if value is not None:
                raise ConfigurationError(f"{name}: the cache is open already; give it to Cache.open instead")
        return cache
    if not isinstance(cache, str | os.PathLike) or not isinstance(os.fspath(cache), str):
        raise ConfigurationError(f"cache: expected a path or an open Cache, got {type(cache).__name__}")
    if isinstance(compiler, str):
        raise ConfigurationError(f"compiler: expected a model, a callable or None, got {compiler!r}")
    path = os.fspath(cache)
    known = Options(path if path == ":memory:" else os.path.realpath(path), _identity(compiler), embedder, policy)
    return shared(known, lambda: None if compiler is None else as_compiler(compiler))


class _Same:
    """Equal only for the same object, which it keeps alive: an id alone could be given away again."""

    def __init__(self, value: object) -> None:
        self._value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self._value is other._value

    def __hash__(self) -> int:
        return id(self._value)


def _identity(author: Any) -> object:
    """Equal for models that were configured alike, keys included: one tenant's key must not compile for another's."""
    if author is None:
        return None
    inner = unwrap(author)
    if not isinstance(inner, _MODELS):
        return _Same(author)
    kind = type(inner)
    fields = {name: getattr(inner, name) for name, field in kind.model_fields.items() if not field.exclude}
    try:
        told = {name: _revealed(value) for name, value in fields.items()}
        return digest(kind.__module__, kind.__qualname__, told)
    except (TypeError, ValueError, RecursionError):
        return _Same(inner)


def _revealed(value: Any) -> Any:
    if isinstance(value, SecretStr | SecretBytes):
        return repr(value.get_secret_value())
    return jsonable(value)


# -- the class ------------------------------------------------------------------------------------------------------------


def wrap(inner: Any, layer: Layer, described: Described | None = None) -> Any:
    """A model of the caller's own, unwrapped, with this layer in front of it."""
    kind: Any = type(inner)
    wrapper = object.__new__(_class(kind))
    # The same objects, not copies: what a user or the provider's class writes on the one is read on the other.
    for name in ("__dict__", "__pydantic_fields_set__", "__pydantic_extra__", "__pydantic_private__"):
        object.__setattr__(wrapper, name, getattr(inner, name))
    object.__setattr__(wrapper, "_seglam_inner", inner)
    object.__setattr__(wrapper, "_seglam_layer", layer)
    object.__setattr__(wrapper, "_seglam_described", described or Described())
    return wrapper


@remembered
def _class(base: Any) -> type[Any]:
    """The wrapper's class for one model class: its name and module are the inner's, because traces and dumps show them."""
    body: dict[str, Any] = {
        "__slots__": ("_seglam_described", "_seglam_inner", "_seglam_layer"),
        "__module__": base.__module__,
        "__qualname__": base.__qualname__,
        "__doc__": base.__doc__,
        # Who makes another one of its class by fields gets a plain model: fields do not say which cache.
        "__new__": lambda _, *args, **kwargs: base(*args, **kwargs),
    }
    chat = issubclass(base, BaseChatModel)
    root: Any = BaseChatModel if chat else BaseLLM
    # LangChain asks the class whether its model streams.
    alone = base._stream is root._stream  # noqa: SLF001
    streams = not alone or base._astream is not root._astream  # noqa: SLF001
    if streams and alone:
        body["_stream"] = root._stream  # noqa: SLF001
    mixin = (StreamedChat if streams else CachedChat) if chat else (StreamedText if streams else CachedText)
    metaclass: Callable[..., Any] = type(base)
    made = metaclass(base.__name__, (_Copies, mixin, base), body)
    # After the class is made, for pydantic would take them for defaults of the fields.
    made.cache = property(lambda _: False, _ignored)
    if chat:
        made.rate_limiter = property(lambda _: None, _limited)
    return cast("type[Any]", made)


def _ignored(self: Any, value: Any) -> None:
    """``model.cache = ...`` on a wrapper: the cache in front stays the only one."""
    vars(self)["cache"] = value


def _limited(self: Any, value: Any) -> None:
    """LangChain takes its rate limiter before it asks; the wrapper takes it on a miss only."""
    vars(self)["rate_limiter"] = value


class _Configured(RunnableConfigurableFields):  # type: ignore[type-arg]  # with arguments pydantic takes no model for its default
    """Fields that are chosen at every call, with the cache in front of the model that has them."""

    def _prepare(self, config: RunnableConfig | None = None) -> tuple[Any, RunnableConfig]:
        made, config = super()._prepare(config)
        default: Any = self.default
        return (made if made is default else wrap(made, default._seglam_layer)), config  # noqa: SLF001


class _Copies:
    """How a wrapper is copied, stored, shown and configured."""

    __slots__ = ()

    _seglam_inner: Any
    _seglam_layer: Layer

    def __copy__(self) -> Any:
        return wrap(copy.copy(self._seglam_inner), self._seglam_layer)

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Any:
        return wrap(copy.deepcopy(self._seglam_inner, memo), self._seglam_layer)

    def __reduce_ex__(self, protocol: Any) -> Any:
        remake = self._seglam_layer.remake
        try:
            pickle.dumps(remake)
        except Exception as error:
            logger.warning("seglam: an argument of cached() does not pickle: %s", type(error).__name__)
            remake = None
        return (_unpickle, (self._seglam_inner, remake))

    def __repr__(self) -> str:
        return f"cached({self._seglam_inner!r})"

    def __str__(self) -> str:
        return str(self._seglam_inner)

    def configurable_fields(self, **fields: Any) -> Any:
        """As every model has it; a choice keeps its cache."""
        self._seglam_inner.configurable_fields(**fields)  # names that do not exist raise as ever
        return _Configured(default=cast("Any", self), fields=fields)


def _unpickle(inner: Any, remake: dict[str, Any] | None) -> Any:
    if remake is None:
        logger.warning("seglam: a wrapped model came back from a pickle without its cache: give cached() a path")
        return inner
    try:
        return cached(inner, **remake)
    except Exception as error:
        logger.warning("seglam: a wrapped model came back from a pickle without its cache: %s", type(error).__name__)
        return inner


def unwrap(model: M) -> M:
    """The original model; a model that is not wrapped is its own original."""
    if isinstance(model, RunnableBinding):
        return cast("M", model.model_copy(update={"bound": unwrap(model.bound)}))
    while isinstance(model, Cached):
        model = model._seglam_inner  # noqa: SLF001 - the mixin's own mark
    return model


def is_cached(model: object) -> bool:
    """Whether a model, or the one inside its bound arguments, has a cache in front of it."""
    return isinstance(model.bound if isinstance(model, RunnableBinding) else model, Cached)
