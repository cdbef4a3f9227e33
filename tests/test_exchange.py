"""Requests, responses, keys."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seglam import (
    ConfigurationError,
    Control,
    Hit,
    Miss,
    Request,
    Response,
    TierName,
    Why,
    canonical,
    digest,
    vary_digest,
)
from seglam.exchange import KEY_VERSION

texts = st.text(st.characters(), max_size=30)  # lone surrogates and NUL included
names = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=30)
requests = st.builds(Request, text=texts, vary=names, engine=names, namespace=names)


@given(requests, requests)
def test_key_is_equal_only_for_equal_requests(one, other):
    """Two requests share a key exactly when text, vary, engine and namespace are all equal."""
    same = (one.text, one.vary, one.engine, one.namespace) == (other.text, other.vary, other.engine, other.namespace)
    assert (one.key == other.key) == same


def test_key_does_not_confuse_parts():
    """What moves from one part to the next changes the key: parts are delimited, not joined."""
    assert Request("ab", vary="c").key != Request("a", vary="bc").key
    assert Request("a", engine="x").key != Request("a", vary="x").key


@given(requests, st.floats(0, 1e6))
def test_directives_and_background_never_enter_the_key(request_, age):
    """Control and background say how to look, not what for."""
    other = Request(
        request_.text,
        request_.vary,
        request_.engine,
        request_.namespace,
        background="any",
        control=Control(no_cache=True, max_age=age),
    )
    assert other.key == request_.key


def test_key_is_stable_over_releases():
    """A key that changes without a new KEY_VERSION would empty every user's cache."""
    assert Request("What is 17 * 23?").key == digest("", "", "", "What is 17 * 23?")


def test_canonical_form_ignores_order_and_refuses_what_json_lacks():
    """Dictionaries are sorted; NaN and objects are errors, so that an adapter bypasses instead of guessing."""
    assert canonical({"b": 1, "a": [1, {"d": 1, "c": 2}]}) == '{"a":[1,{"c":2,"d":1}],"b":1}'
    with pytest.raises(ValueError):
        canonical(float("nan"))
    with pytest.raises(TypeError):
        canonical(object())


@given(st.lists(texts))
def test_a_digest_of_texts_is_that_of_their_canonical_form(parts):
    """The short way for texts gives the bytes of canonical JSON, whatever they hold: keys in files stay valid."""
    whole = canonical([KEY_VERSION, *parts]).encode("ascii")
    assert digest(*parts) == hashlib.sha256(whole).hexdigest()


def test_an_empty_context_has_an_empty_vary():
    """The same bare question asked through two frameworks shares what was learnt."""
    assert vary_digest({}) == vary_digest({"system": "", "messages": [], "tools": None}) == ""
    assert vary_digest({"system": "x"}) != vary_digest({"tenant": "x"}) != ""


@pytest.mark.parametrize("name", ["text", "vary", "engine", "namespace", "kind"])
def test_request_names_the_wrong_argument(name):
    """A value that is no text is refused where it enters, by name."""
    with pytest.raises(ConfigurationError, match=name):
        Request(**{"text": "x", name: 5})


@pytest.mark.parametrize("name", ["vary", "engine", "namespace", "kind"])
@pytest.mark.parametrize("value", ["a\x00b", "a\ud800b"])
def test_what_the_caller_chooses_must_be_storable(name, value):
    """A namespace that no database can hold would keep every counter of the cache from the disk."""
    with pytest.raises(ConfigurationError, match=name):
        Request(**{"text": "x", name: value})


def test_response_and_control_name_the_wrong_argument():
    """As for requests."""
    with pytest.raises(ConfigurationError, match=r"Response\.text"):
        Response(None)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="max_age"):
        Control(max_age=-1)


def test_hit_is_true_and_miss_is_false():
    """`if found:` reads as what it means."""
    assert Hit(Response(""), TierName.EXACT, "entry:1")
    assert not Miss(Why.ABSENT)
