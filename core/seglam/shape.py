"""The form that an answer must have: an object of a JSON schema, or the call of a tool; as text, so that code can compute it.

Frameworks and providers write tools, tool choices and schemas in many ways, and replies in more. Here one request has one Form,
and one reply one text, whichever framework asked:

| the request | the reply as text |
|---|---|
| asks for an object by schema, or for any JSON object | the object |
| must call one certain tool (structured output by function calling) | the arguments, an object |
| may or must call one of several tools | ``{"name": ..., "arguments": {...}}``, or the text where it may do without |

A schema is only ever data: references are resolved inside it, never fetched.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Final

from jsonschema import SchemaError, validators
from referencing import Registry

from seglam.exchange import canonical

_NAME, _ARGUMENTS = "name", "arguments"
_DECLARES: Final = frozenset({"properties", "$ref", "allOf", "anyOf", "oneOf"})
_ANY_OBJECT: Final[Mapping[str, Any]] = {"type": "object"}
_JSON_BEGINS: Final = ("{", "[", "```")
_THOUGHT: Final = re.compile(r"\A\s*<(think|thinking|reasoning)>.*?</\1>\s*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Tool:
    """What a model is told about a tool: ``parameters`` is the JSON schema of its arguments."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a tool."""

    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Reply:
    """A text of a Form, read: a call, or else ``text`` is what the message says."""

    text: str
    call: Call | None = None


@dataclass(frozen=True, eq=False)
class Form:
    """The form of the answers to a request. As a function of a text it is ``Request.fits``.

    Attributes:
        tools: what may be called; one tool and ``required``: its arguments are the answer. Empty: ``schema`` counts.
        required: a tool must be called; False: text is a legal answer too.
        schema: the JSON schema of the answer, where it is no call.
    """

    tools: tuple[Tool, ...] = ()
    required: bool = False
    schema: Mapping[str, Any] | None = None

    def __call__(self, text: str) -> bool:
        """Whether the text is a legal answer. Never raises: what cannot be judged is not legal."""
        return self.read(text) is not None

    @property
    def forced(self) -> Tool | None:
        """The one tool that must be called: structured output in the form of a call."""
        return self.tools[0] if self.required and len(self.tools) == 1 else None

    def read(self, text: str) -> Reply | None:
        """What an answer says, or None for one that is not legal: no JSON, another schema, an unknown tool."""
        try:
            return self._read(text)
        except Exception:  # a broken reference in the schema, a nesting that is too deep: fail closed
            return None

    def _read(self, text: str) -> Reply | None:
        value = _parsed(text)
        forced = self.forced
        if forced is not None:
            legal = isinstance(value, dict) and self._legal(forced.name, value)
            return Reply("", Call(forced.name, value)) if legal else None
        if not self.tools:
            return Reply(text) if isinstance(value, dict | list) and self._legal("", value) else None
        if not isinstance(value, dict):
            # What begins like JSON and is none was meant as a call: it must not be shown to a user as words.
            spoken = bool(text.strip()) and not text.lstrip().startswith(_JSON_BEGINS)
            return Reply(text) if spoken and not self.required else None
        if value.keys() != {_NAME, _ARGUMENTS}:
            return None
        name, given = value[_NAME], value[_ARGUMENTS]
        known = isinstance(name, str) and isinstance(given, dict) and self._legal(name, given)
        return Reply("", Call(name, given)) if known else None

    def write(self, text: str, calls: Sequence[Call]) -> str | None:
        """A model's reply as text; None where it cannot be told as one (such a reply answers the same request only).

        Several calls become a list, which no procedure may answer with but which shows that one call was not the answer.
        What fits is read back as what it was.
        """
        if not calls:
            found = self.read(text) if self.tools else None
            return text if found is None or found.call is None else None  # words that read like a call are none
        if not self.tools or text.strip():
            return None
        told = [{_NAME: call.name, _ARGUMENTS: dict(call.arguments)} for call in calls]
        if len(calls) > 1:
            return _dumped(told)
        forced = self.forced
        if forced is None:
            return _dumped(told[0])
        return _dumped(told[0][_ARGUMENTS] if forced.name == calls[0].name else told)

    @cached_property
    def background(self) -> str:
        """What a model must know to answer in this form, as text; the same for the same Form."""
        forced = self.forced
        if forced is not None or not self.tools:
            about = f" ({forced.name}: {forced.description})" if forced and forced.description else ""
            schema = forced.parameters if forced else self.schema
            return (
                "The reply is one JSON value and nothing else (code makes it with json.dumps), valid against this JSON "
                f"Schema{about}:\n{canonical(schema)}"
            )
        told = [
            canonical({"name": t.name, "description": t.description, "parameters": t.parameters}) for t in self.tools
        ]
        call = (
            "A reply that calls a tool is one JSON object and nothing else (code makes it with json.dumps): "
            f'{{"{_ARGUMENTS}": {{...}}, "{_NAME}": "<the tool>"}}. The tool itself is run by somebody else.'
        )
        otherwise = (
            "No other reply is allowed." if self.required else "Where no tool is needed, the reply is plain text."
        )
        return "\n".join(("These tools can be called:", *told, call, otherwise))

    def _legal(self, name: str, value: Any) -> bool:
        validator = self._validators.get(name)
        return validator is not None and validator.is_valid(value)

    @cached_property
    def _validators(self) -> Mapping[str, Any]:
        # Made when the first answer is judged: to check a schema takes milliseconds, which a request must not wait for.
        if not self.tools:
            return {"": _validator(self.schema or _ANY_OBJECT)}
        return {tool.name: _validator(tool.parameters) for tool in self.tools}


def form(tools: Any = None, tool_choice: Any = None, schema: Any = None) -> Form | None:
    """The form of the answers to a request, or None where it is not certain: then only the same request answers it.

    Args:
        tools: as any provider writes them; plain JSON data.
        tool_choice: "auto", "any", "required", a tool's name, or a provider's object; None is "auto".
        schema: a response_format, or a bare JSON schema.
    """
    try:
        return _form(canonical([tools or None, tool_choice, schema or None]))
    except Exception:  # no JSON: whatever is in it
        return None


@lru_cache(maxsize=256)
def _form(asked: str) -> Form | None:
    # One application sends the same few schemas.
    tools, choice, schema = json.loads(asked)
    if tools and schema:
        return None  # an object or a call: no text tells for sure which of them is meant
    return _tool_form(tools, choice) if tools else _schema_form(schema)


def _tool_form(tools: Any, choice: Any) -> Form | None:
    told = tuple(map(_tool, tools)) if isinstance(tools, list) else ()
    names = [tool.name for tool in told if tool is not None]
    known = tuple(tool for tool in told if tool is not None)
    if not known or len(set(names)) < len(told):  # one that is not understood, or two of one name
        return None
    wanted = _choice(choice)
    if wanted in names:
        return Form(tuple(tool for tool in known if tool.name == wanted), required=True)
    return Form(known, required=wanted == "any") if wanted in ("any", "auto") else None


def _tool(value: Any) -> Tool | None:
    """A tool as OpenAI (both interfaces), Anthropic, Bedrock or a framework writes it; None for one that a provider runs."""
    if not isinstance(value, dict) or value.get("type", "function") not in ("function", "custom"):
        return None
    inside = value.get("function", value.get("toolSpec", value))
    if not isinstance(inside, dict) or not isinstance(inside.get("name"), str) or not inside["name"]:
        return None
    schema = next((inside[key] for key in ("parameters", "input_schema", "inputSchema") if key in inside), None)
    if isinstance(schema, dict) and schema.keys() == {"json"}:
        schema = schema["json"]
    if schema is None and value.get("type") != "custom":  # a custom tool of OpenAI takes text, not arguments
        schema = {"type": "object", "properties": {}}
    if not isinstance(schema, dict):
        return None
    return Tool(inside["name"], str(inside.get("description") or ""), schema)


def _choice(value: Any) -> str:
    """A tool's name, "auto", "any", or "" for what is not known (and for "none")."""
    if isinstance(value, dict):
        inside = value.get("function", value.get("tool", value))
        named = inside.get("name") if isinstance(inside, dict) else None
        value = named or value.get("type")
    if value is None:
        return "auto"
    if value in ("required", True):
        return "any"
    return value if isinstance(value, str) and value != "none" else ""


def _schema_form(value: Any) -> Form | None:
    schema = _schema(value)
    return None if schema is None else Form(schema=schema)


def _schema(value: Any) -> Mapping[str, Any] | None:
    """The JSON schema in what a provider calls response format; any object for JSON mode."""
    if value == "json":
        return _ANY_OBJECT
    if not isinstance(value, dict):
        return None
    kind = value.get("type")
    if kind == "json_object":
        return _ANY_OBJECT
    if kind in ("object", "array") or "$ref" in value or "anyOf" in value:
        return value
    for name in ("json_schema", "response_json_schema", "schema", "format"):
        if isinstance(inside := value.get(name), dict) or (name == "format" and inside == "json"):
            return _schema(inside)
    return None


def _validator(schema: Mapping[str, Any]) -> Any:
    """What judges values; None for what is no JSON schema."""
    kind = validators.validator_for(schema, default=validators.Draft202012Validator)
    try:
        kind.check_schema(schema)
    except SchemaError:
        return None
    if kind is validators.Draft202012Validator and schema.keys() & _DECLARES and "additionalProperties" not in schema:
        # Fields that the schema does not name: code that pastes a user's words into JSON could be made to add some.
        schema = {"unevaluatedProperties": False, **schema}
    # An empty registry: without one, a reference to an address would be fetched.
    return kind(schema, registry=Registry(), format_checker=kind.FORMAT_CHECKER)


def _parsed(text: str) -> Any:
    """The JSON of a whole text; None where it is none."""
    try:
        return json.loads(text, parse_constant=_refuse, object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        return None


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a key twice")
    return dict(pairs)


def _dumped(value: Any) -> str:
    """One text for equal JSON, readable, for it is compared with words of the request.

    Raises:
        TypeError, ValueError: the value is no JSON.
    """
    return json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False)


def without_thoughts(text: str) -> str:
    """A reasoning model's reply without the thoughts that some servers leave in front of it."""
    return _THOUGHT.sub("", text, count=1)
