"""The form of an answer: what is legal, one text for one reply, and no for whatever is not certain."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naming import named
from seglam import ConfigurationError, Request
from seglam.shape import Call, Form, form, without_thoughts

CITY = {
    "title": "City",
    "type": "object",
    "properties": {"name": {"type": "string"}, "size": {"type": "integer", "minimum": 0}},
    "required": ["name", "size"],
}
BOOK = {"type": "function", "function": {"name": "book", "description": "Books.", "parameters": CITY}}
CANCEL = {
    "name": "cancel",
    "input_schema": {"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]},
}
GOOD = {"name": "Oslo", "size": 7}


def text(value):
    """JSON."""
    return json.dumps(value)


OBJECTS = [
    {"schema": CITY},
    {"schema": {"type": "json_schema", "json_schema": {"name": "City", "schema": CITY, "strict": True}}},
    {"schema": {"class": "app.City", "schema": CITY}},
    {"schema": {"format": CITY}},
    {"schema": {"response_mime_type": "application/json", "response_json_schema": CITY}},
    {"schema": {"format": {"type": "json_schema", "schema": CITY}}},
    {"tools": [BOOK], "tool_choice": "required"},
    {"tools": [BOOK], "tool_choice": "any"},
    {"tools": [BOOK], "tool_choice": True},
    {"tools": [BOOK, CANCEL], "tool_choice": "book"},
    {"tools": [BOOK, CANCEL], "tool_choice": {"type": "function", "function": {"name": "book"}}},
    {"tools": [BOOK, CANCEL], "tool_choice": {"type": "tool", "name": "book"}},
]


@pytest.mark.parametrize("asked", OBJECTS, ids=named)
def test_an_object_is_legal_if_the_schema_says_so(asked):
    """However a provider writes it: the same object fits, and a missing field, a wrong type or prose does not."""
    found = form(**asked)
    assert found(text(GOOD))
    for wrong in (
        {},
        {"name": "Oslo"},
        {"name": "Oslo", "size": "7"},
        {"name": "Oslo", "size": -1},
        [GOOD],
        "Oslo",
        None,
    ):
        assert not found(text(wrong)), wrong
    for wrong in (
        "Oslo has 7.",
        "",
        "```json\n" + text(GOOD) + "\n```",
        text(GOOD) + ".",
        '{"name": "Oslo", "size": NaN}',
    ):
        assert not found(wrong), wrong
    assert not found('{"name": "Oslo", "size": 7, "size": 8}')
    assert '"minimum":0' in found.background
    assert form(**asked).background == found.background


@pytest.mark.parametrize("asked", [{"schema": {"type": "json_object"}}, {"schema": {"format": "json"}}], ids=named)
def test_json_mode_takes_any_object(asked):
    """Nobody tells the schema there: an object is legal, prose is not."""
    found = form(**asked)
    assert found('{"anything": [1, 2]}')
    assert not found("anything")
    assert not found("[1]")


CHOICE = [BOOK, CANCEL]


def test_a_call_is_legal_if_the_tool_is_known_and_takes_the_arguments():
    """Unknown tools, wrong arguments, further fields and lists of calls are not; text is where no tool must be called."""
    free, bound = form(tools=CHOICE), form(tools=CHOICE, tool_choice="required")
    for found in (free, bound):
        assert found(text({"name": "book", "arguments": GOOD}))
        assert found(text({"name": "cancel", "arguments": {"id": 3}}))
        for wrong in (
            {"name": "book", "arguments": {"id": 3}},
            {"name": "buy", "arguments": {}},
            {"name": "cancel", "arguments": text({"id": 3})},
            {"name": "cancel"},
            {"name": "cancel", "arguments": {"id": 3}, "id": "call_1"},
            {"name": ["cancel"], "arguments": {"id": 3}},
            [{"name": "cancel", "arguments": {"id": 3}}],
            {"anything": 1},
        ):
            assert not found(text(wrong)), wrong
    for broken in ('{"name": "cancel", "arguments": {"id": "a"b"}}', "[book]", "```json\n{}\n```", " {"):
        assert not free(broken), broken
    assert free.read("Which city?").text == "Which city?"
    assert free("42")
    assert not bound("Which city?")
    assert not free(" ")


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"tools": [], "schema": None},
        {"tools": [BOOK], "schema": CITY},
        {"tools": [BOOK], "tool_choice": "none"},
        {"tools": [BOOK], "tool_choice": "sometimes"},
        {"tools": [BOOK], "tool_choice": {"type": "allowed_tools"}},
        {"tools": [BOOK], "tool_choice": 3},
        {"tools": [BOOK, BOOK]},
        {"tools": [BOOK, {"type": "web_search"}]},
        {"tools": [{"type": "custom", "name": "sql"}]},
        {"tools": [{"type": "function", "function": {"name": ""}}]},
        {"tools": {"functions": [BOOK]}},
        {"tools": "book"},
        {"tools": [object()]},
        {"schema": {"type": "text"}},
        {"schema": {"grammar": "root ::= x"}},
        {"schema": {"type": "OBJECT", "properties": {}}},
        {"schema": object()},
    ],
    ids=named,
)
def test_what_is_not_certain_has_no_form(asked):
    """Both at once, an unknown choice, a provider's own tool, another kind of schema: only the same request answers it."""
    assert form(**asked) is None


@pytest.mark.parametrize(
    "asked",
    [
        {"tools": [{"name": "f", "parameters": {"type": "nonsense"}}, BOOK]},
        {"schema": {"type": "object", "properties": 3}},
    ],
    ids=named,
)
def test_nothing_fits_what_is_no_json_schema(asked):
    """No answer is legal, so that nothing is learnt from any; the other tools are not hurt."""
    found = form(**asked)
    assert not found("{}")
    assert not found('{"name": "f", "arguments": {}}')
    assert found(text({"name": "book", "arguments": GOOD})) == ("tools" in asked)


def test_a_schema_is_data():
    """References are resolved inside it and never fetched: one that leads out of it makes every answer illegal."""
    inside = {"$ref": "#/$defs/City", "$defs": {"City": CITY}}
    assert form(schema=inside)(text(GOOD))
    assert not form(schema=inside)(text({"name": 1, "size": 1}))
    optional = {"anyOf": [{"$ref": "#/$defs/City"}, {"type": "null"}], "$defs": {"City": CITY}}
    assert form(schema=optional)(text(GOOD))
    outside = {"type": "object", "properties": {"name": {"$ref": "http://127.0.0.1:9/x.json"}}}
    assert not form(schema=outside)(text({"name": "Oslo"}))


def test_fields_that_no_schema_names_are_not_legal():
    """Code that pastes a user's words into JSON can be made to add fields; where a schema allows more it is its own affair."""
    more = {**GOOD, "admin": "yes"}
    assert not form(schema=CITY)(text(more))
    assert not form(tools=CHOICE)(text({"name": "book", "arguments": more}))
    assert not form(schema={"$ref": "#/$defs/City", "$defs": {"City": CITY}})(text(more))
    assert form(schema={**CITY, "additionalProperties": True})(text(more))


def test_formats_count():
    """A date that is none would fail in the application's own class."""
    found = form(schema={"type": "object", "properties": {"day": {"type": "string", "format": "date"}}})
    assert found(text({"day": "2026-02-28"}))
    assert not found(text({"day": "2026-02-30"}))


def test_one_reply_has_one_text():
    """One call is its JSON; several are a list, which is never legal; with words around it a call has no text at all."""
    free, forced, plain = form(tools=CHOICE), form(tools=CHOICE, tool_choice="book"), form(schema=CITY)
    book, cancel = Call("book", GOOD), Call("cancel", {"id": 3})
    assert json.loads(free.write("", [cancel])) == {"name": "cancel", "arguments": {"id": 3}}
    assert json.loads(forced.write(" ", [book])) == GOOD
    assert isinstance(json.loads(free.write("", [cancel, cancel])), list)
    assert not free(free.write("", [cancel, cancel]))
    assert not forced(forced.write("", [cancel]))
    assert not forced(forced.write("", [book, book]))
    for found in (free, forced):
        assert found.write("I book it.", [book]) is None
    assert plain.write("", [book]) is None
    assert (free.write("Which?", []), forced.write("Which?", []), plain.write("Which?", [])) == ("Which?",) * 3
    assert free.write("", [Call("book", {"name": "Köln", "size": 1})]).count("Köln") == 1


def test_words_that_read_like_a_call_are_none():
    """A message that says the JSON of a call is no call: it must not be learnt as one."""
    spoken = text({"name": "cancel", "arguments": {"id": 3}})
    assert form(tools=CHOICE).write(spoken, []) is None
    assert form(tools=CHOICE, tool_choice="book").write(text(GOOD), []) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)
ANY = {"type": "object"}
TWO = form(tools=[{"name": "a", "parameters": ANY}, {"name": "b", "parameters": ANY}])
ONE = form(tools=[{"name": "a", "parameters": ANY}], tool_choice="a")


@given(st.sampled_from([TWO, ONE]), st.dictionaries(st.text(), JSON, max_size=4))
def test_a_call_is_read_back_as_it_was(found: Form, arguments):
    """What is written of a call is legal, and says the same call, whatever its arguments hold."""
    call = Call("a", arguments)
    assert found.read(found.write("", [call])).call == call


@given(st.sampled_from([TWO, ONE, form(schema=ANY), form(schema=CITY)]), st.text() | JSON.map(json.dumps))
def test_no_text_raises(found: Form, given_text):
    """Whatever code renders is judged; what is legal is a call, or text of its own."""
    reply = found.read(given_text)
    assert found(given_text) == (reply is not None)
    assert reply is None or (reply.call is None) == bool(reply.text)


def test_a_nesting_that_is_too_deep_is_not_legal():
    """The parser's recursion ends as a no."""
    assert not form(schema=ANY)('{"a":' * 100_000 + "1" + "}" * 100_000)


def test_a_request_takes_a_function_that_says_what_fits():
    """It is no part of what the request is: neither of its key nor of its equality."""
    fits = form(schema=CITY)
    assert Request("x", fits=fits) == Request("x")
    assert Request("x", fits=fits).key == Request("x").key
    with pytest.raises(ConfigurationError, match=r"Request\.fits"):
        Request("x", fits=3)


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("<think>\n~~~meta\n</think>\n\nNOT_COMPILABLE: x", "NOT_COMPILABLE: x"),
        ("plain", "plain"),
        ("a <think>b</think>", "a <think>b</think>"),
        ("<think>never closed", "<think>never closed"),
    ],
)
def test_thoughts_in_front_of_a_reply_are_dropped(said, left):
    """Where a server leaves them in the text; tags inside the reply are the reply's."""
    assert without_thoughts(said) == left
