"""``llm_string``: who answers, and what else but the messages the answer depends on. Pure; secrets leave only as digests."""

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

from langchain_seglam.literals import Opaque, UnkeyableError, opaque, read_repr, words
from seglam import digest
from seglam.shape import Form, form

# How an answer travels, who pays and who watches; never what it says.
_TRANSPORT: Final = words(
    """timeout request_timeout default_request_timeout max_retries retries retry wait_exponential_kwargs streaming stream
    stream_usage stream_options stream_chunk_timeout disable_streaming http_client http_async_client http_socket_options
    client async_client root_client root_async_client proxy proxies openai_proxy anthropic_proxy callbacks callback_manager
    custom_get_token_ids verbose tags cache rate_limiter max_concurrent_requests max_concurrency include_response_headers
    prompt_cache_key prompt_cache_retention prompt_cache_options cache_control api_key access_token auth_token api_token
    credentials password secret profile ls_structured_output_format ls_params async_client_kwargs sync_client_kwargs
    client_kwargs azure_ad_token azure_ad_token_provider azure_ad_async_token_provider aws_access_key_id aws_session_token
    credentials_profile_name validate_base_url"""
)
_SECRET_ENDINGS: Final = (
    "_api_key",
    "_access_key",
    "_access_token",
    "_auth_token",
    "_api_token",
    "_secret",
    "_password",
)
_HEADERS: Final = frozenset({"default_headers", "extra_headers", "additional_headers", "headers", "custom_headers"})
# Other headers can choose the model behind a gateway, so they count.
_IDLE_HEADER: Final = re.compile(
    r"auth|api-?key|token|cookie|secret|password|user-agent|referer|x-title|trace|request-id|correlation", re.IGNORECASE
)

# Who answers: a procedure survives a change of these, a stored answer does not.
_ENGINE: Final = words(
    """_type model model_name model_id model_version deployment deployment_name deployment_id azure_deployment engine
    repo_id provider endpoint endpoint_url base_url api_base openai_api_base anthropic_api_url openai_api_version
    api_version azure_endpoint openai_organization organization project region region_name location temperature top_p top_k
    min_p typical_p max_tokens max_completion_tokens max_output_tokens max_new_tokens num_predict seed random_seed n best_of
    num_return_sequences candidate_count presence_penalty frequency_penalty repetition_penalty repeat_penalty
    repeat_last_n mirostat mirostat_eta mirostat_tau tfs_z num_ctx num_gpu num_thread keep_alive reasoning
    reasoning_effort thinking thinking_budget thinking_level include_thoughts effort verbosity logprobs top_logprobs
    use_responses_api output_version service_tier truncation betas safety_settings do_sample store tiktoken_model_name
    default_query max_input_tokens batch_size openai_api_type"""
)
_PARTS: Final[Mapping[str, str]] = {
    "tools": "tools", "functions": "tools",
    "tool_choice": "tool_choice", "function_call": "tool_choice", "parallel_tool_calls": "tool_choice",
    "response_format": "schema", "format": "schema", "output_config": "schema", "output_schema": "schema",
    "response_schema": "schema", "response_mime_type": "schema", "response_json_schema": "schema",
    "guided_json": "schema", "json_schema": "schema", "json_mode": "schema", "grammar": "schema",
    "stop": "stop", "stop_sequences": "stop",
}  # fmt: skip
_USUAL: Final = frozenset({"tools", "tool_choice", "response_format", "stop"})
# With these an answer is more than its text, or comes from a place that moves.
_RICH: Final = words(
    """logprobs top_logprobs modalities audio web_search_options search_parameters mcp_servers include
    context_management previous_response_id conversation citations with_citations"""
)
MANY: Final = ("n", "best_of", "num_return_sequences", "candidate_count", "num_generations")
_ENDPOINTS: Final = ("BASE_URL", "API_BASE", "ENDPOINT", "API_URL", "HOST", "API_VERSION")


class Shape(StrEnum):
    """What an ``llm_string`` tells about its caller."""

    CHAT = "chat"  # a chat model
    EITHER = "either"  # a chat model that is not serialisable, or a plain one: they write the same
    FOREIGN = "foreign"  # not LangChain's: the caller's own key


@dataclass(frozen=True, slots=True)
class Settings:
    """An ``llm_string`` in the parts of a key.

    Attributes:
        shape: what kind of model wrote it.
        type: the model's ``_type`` when ``shape`` is EITHER.
        engine: digest of model and sampling parameters.
        vary: tools, tool_choice, schema, stop and, as "kwargs", everything that is not known to be about the engine.
        bare: whether an answer is one text and nothing else.
        form: the form that an answer must have, when tools or a schema are given and its form is certain.
    """

    shape: Shape
    type: str
    engine: str
    vary: Mapping[str, Any]
    bare: bool
    form: Form | None = None


def read(llm_string: str) -> Settings:
    """Take an ``llm_string`` apart.

    Raises:
        UnkeyableError: it holds something that cannot be told from another thing, as an object's address.
    """
    if "<" in llm_string:  # a class's name: what stands behind it may change
        return _taken_apart(llm_string)[0]
    settings, secrets, environment = _remembered(llm_string)
    return settings if _environment(secrets) == environment else _taken_apart(llm_string)[0]


Parts = tuple["Settings", tuple[str, ...], dict[str, str]]


def _taken_apart(llm_string: str) -> Parts:
    """The settings, the names of the secrets, and what the environment said about their providers' addresses."""
    if llm_string.startswith("{"):
        return _serialized(llm_string)
    return _unserialized(llm_string), (), {}


_remembered = lru_cache(maxsize=512)(_taken_apart)  # one model sends one string; reading it is half of a hit


def _unserialized(llm_string: str) -> Settings:
    if llm_string.startswith("[("):
        return _listed(llm_string)
    if re.search(r"<[^<>]+>|\bat 0x", llm_string):
        raise UnkeyableError("llm_string shows an object without a stable form")
    return Settings(Shape.FOREIGN, "", digest("langchain", "foreign", llm_string), {}, bare=False)


def _serialized(llm_string: str) -> Parts:
    """A chat model's constructor as JSON, ``---``, and the arguments of the call as a repr."""
    try:
        made, end = json.JSONDecoder().raw_decode(llm_string)
    except (ValueError, RecursionError):
        raise UnkeyableError("the serialised model cannot be read") from None
    if llm_string[end : end + 3] != "---" or made.get("type") != "constructor":
        raise UnkeyableError("the model cannot be serialised")
    secrets: list[str] = []
    own = _constructor(made, secrets)
    call = _strip(_pairs(read_repr(llm_string[end + 3 :])))
    # ('stop', None) only says that the call gave none, which leaves the constructor's.
    given = {name: value for name, value in call.items() if value is not None or (name in own and name != "stop")}
    environment = _environment(secrets)
    identity = {"class": made.get("id"), "environment": environment}
    return _sorted(Shape.CHAT, "", identity, {**own, **given}), tuple(secrets), environment


def _listed(llm_string: str) -> Settings:
    """Sorted pairs of ``_type``, identifying parameters, stop, and the arguments of the call."""
    pairs = _strip(_pairs(read_repr(llm_string)))
    kind = pairs.get("_type")
    if not isinstance(kind, str):
        raise UnkeyableError("the model does not name its type")
    if not set(pairs) - {"_type", *_PARTS}:
        raise UnkeyableError(f"the model {kind!r} does not tell its settings; give it `_identifying_params`")
    return _sorted(Shape.EITHER, kind, {}, pairs)


def _pairs(value: Any) -> dict[str, Any]:
    if isinstance(value, list) and all(isinstance(p, list) and len(p) == 2 and isinstance(p[0], str) for p in value):  # noqa: PLR2004  a pair
        return dict(value)
    raise UnkeyableError("the model's settings are no list of pairs")


def _strip(values: Mapping[str, Any]) -> dict[str, Any]:
    """Without transport and secrets, with ``model_kwargs`` beside the settings that they are."""
    kept: dict[str, Any] = {}
    for name, value in values.items():
        if name in _TRANSPORT or name.endswith(_SECRET_ENDINGS):
            continue
        if name in _HEADERS:
            if isinstance(value, Mapping):
                value = {h: v for h, v in value.items() if not _IDLE_HEADER.search(h)}  # noqa: PLW2901  what is left of it
            if value:
                kept[name] = value
        elif name == "model_kwargs" and isinstance(value, Mapping):
            kept.update(_strip(value))
        else:
            kept[name] = value
    return kept


def _constructor(made: Mapping[str, Any], secrets: list[str]) -> dict[str, Any]:
    values = {name: _plain(value, secrets) for name, value in (made.get("kwargs") or {}).items()}
    return _strip({name: value for name, value in values.items() if value is not _SECRET})


_SECRET: Final = object()


def _plain(value: Any, secrets: list[str]) -> Any:
    if isinstance(value, list):
        return [_plain(item, secrets) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get("lc") != 1:
        return {name: _plain(item, secrets) for name, item in value.items()}
    if value.get("type") == "secret":
        secrets += [name for name in value.get("id") or () if isinstance(name, str)]
        return _SECRET
    if value.get("type") == "constructor":
        return {"class": value.get("id"), "settings": _constructor(value, secrets)}
    return Opaque("an object that cannot be serialised")


def _environment(secrets: Sequence[str]) -> dict[str, str]:
    """Addresses that a provider's client takes from the environment: they stand in no field of the model."""
    found: dict[str, str] = {}
    for secret in secrets:
        prefix = re.sub(r"(?:_API)?_(?:KEY|TOKEN)$", "", secret)
        found.update({name: os.environ[name] for end in _ENDPOINTS if (name := f"{prefix}_{end}") in os.environ})
    return found


def _sorted(shape: Shape, kind: str, identity: Mapping[str, Any], values: Mapping[str, Any]) -> Settings:
    for name, value in values.items():
        if value is _SECRET or (what := opaque(value)):
            raise UnkeyableError(f"the setting {name!r} is {'a secret' if value is _SECRET else what}")
    engine = {name: value for name, value in values.items() if name in _ENGINE}
    vary = _context({name: value for name, value in values.items() if name not in _ENGINE})
    many = any(values.get(name) not in (None, 1) for name in MANY)
    rich = any(values.get(name) for name in _RICH)
    single = not many and not rich
    bare = single and not vary.keys() & {"tools", "schema"}
    asked = _form(vary) if single and not bare else None
    try:
        return Settings(shape, kind, digest("langchain", dict(identity), engine), vary, bare, asked)
    except (TypeError, ValueError):
        raise UnkeyableError("the model's settings have no JSON form") from None


def _form(vary: Mapping[str, Any]) -> Form | None:
    """The form of the answers; None where a name that is not understood may change it."""
    choice = vary.get("tool_choice")
    if isinstance(choice, dict) and choice.keys() <= {"tool_choice", "parallel_tool_calls"}:
        choice = choice.get("tool_choice")
    return form(vary.get("tools"), choice, vary.get("schema"))


def _context(values: Mapping[str, Any]) -> dict[str, Any]:
    """The parts of ``vary``; a part under its usual name alone is that value, so that every adapter gives it one digest."""
    found: dict[str, dict[str, Any]] = {}
    for name, value in values.items():
        if value is not None and value not in ("", [], {}):
            part = _PARTS.get(name, "kwargs")
            found.setdefault(part, {})[name] = _tools(value) if part == "tools" else value
    return {part: next(iter(held.values())) if held.keys() <= _USUAL else held for part, held in found.items()}


def _tools(value: Any) -> Any:
    """Tools without the marks of a provider's prompt cache, which say nothing about what they do."""
    if not isinstance(value, list):
        return value
    return [
        {k: v for k, v in tool.items() if k != "cache_control"} if isinstance(tool, dict) else tool for tool in value
    ]
