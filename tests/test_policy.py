"""Every number and yes/no rule."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seglam import ConfigurationError, Control, Policy, Request, Response, Rule
from seglam.lifetimes import DAY
from seglam.moment import time_dependent


def test_defaults_are_the_promised_ones():
    """0.92, 10,000 entries, FAQ 7 days, product 1 day, live data never, everything else 1 day."""
    policy = Policy()
    assert (policy.threshold, policy.max_entries, policy.compile) == (0.92, 10_000, "hot")
    lifetimes = {
        kind: policy.lifetime(Request("Which shape is round?", kind=kind)) for kind in ("faq", "product", "live", "")
    }
    assert lifetimes == {"faq": 7 * DAY, "product": DAY, "live": 0.0, "": DAY}


def test_naming_one_lifetime_keeps_the_others():
    """Setting the FAQ lifetime does not make live data storable."""
    policy = Policy(lifetimes={"faq": 60})
    assert policy.lifetime(Request("x", kind="faq")) == 60
    assert policy.lifetime(Request("x", kind="live")) == 0


def test_rules_give_a_kind_by_text_and_the_request_wins():
    """First the request's own kind, then the first rule, then the detector."""
    policy = Policy(rules=(Rule(r"(?i)return policy", "faq"), Rule("price of", "product")))
    assert policy.kind(Request("What is your Return Policy?")) == "faq"
    assert policy.kind(Request("the price of a lamp")) == "product"
    assert policy.kind(Request("What is your return policy?", kind="live")) == "live"
    assert policy.kind(Request("What is the weather in Oslo?")) == "live"


@pytest.mark.parametrize(
    "text",
    [
        "What's the weather in Seoul?",
        "What is the current price of gold?",
        "What time is it in Tokyo?",
        "Which day is it today?",
        "How many days from now until the first of May?",
        "USD to EUR exchange rate please",
        "What day is it?",
        "Hi team. Is the office open today?",
        "What day is tomorrow? I forgot.",
        "Is it raining in Berlin?",
        "How much is 1 USD in EUR?",
        "Where is my order?",
        "Is the shop open now?",
        "When is the next train to Busan?",
        "Who is the president of France?",
        "How many days until Christmas?",
        "Give me a random number between 1 and 10.",
        "Wie wird das Wetter heute in Wien?",
        "지금 몇 시예요?",
        "오늘 날씨 어때?",
        "삼성전자 주가 알려줘",
        "今天天气怎么样?",
    ],
)
def test_wording_that_depends_on_the_moment_is_seen(text):
    """Such answers are never stored."""
    assert time_dependent(text)
    assert not Policy().storable(Request(text), Response("x"))


@pytest.mark.parametrize(
    "text",
    [
        "What is 17 * 23?",
        "What is the time difference between 9:15 and 17:45?",
        "Today Anna bought 3 apples. She ate one of them. How many are left?",
        "Yesterday Bo sold 12 lamps. Anna sold twice as many. How many lamps did they sell together?",
        "What is the plural of today?",
        "What is the time complexity of quicksort?",
        "How do I get the current time in Python?",
        "Until when can the delivery address of my order be changed?",
        "How do I reset my password?",
        "Convert 5 miles to kilometres.",
    ],
)
def test_timeless_wording_is_not_taken_for_live(text):
    """A story that says "today" is not about today."""
    assert not time_dependent(text)


@given(st.text(st.characters(codec=None), max_size=50))
def test_text_that_cannot_be_kept_faithfully_is_a_bypass(text):
    """NUL and lone surrogates are looked up by nobody and stored by nobody; all other text is."""
    faulty = "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text)
    policy = Policy(lifetimes={"live": 1})
    assert bool(policy.bypass(Request(text))) == faulty
    assert policy.storable(Request(text), Response("x")) == (not faulty)
    assert policy.storable(Request("x"), Response(text)) == (not faulty)


def test_control_decides():
    """no_cache is a bypass, no_store keeps nothing."""
    policy = Policy()
    assert policy.bypass(Request("x", control=Control(no_cache=True)))
    assert not policy.storable(Request("x", control=Control(no_store=True)), Response("y"))


def test_long_and_empty_texts_are_exact_only():
    """A megabyte is neither embedded nor matched; an empty text is not compared."""
    policy = Policy()
    for text in ("", "x" * 1_000_000):
        assert not policy.comparable(Request(text))
        assert not policy.answerable(Request(text))
        assert policy.storable(Request(text), Response("y"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("threshold", 1.2),
        ("threshold", "high"),
        ("compile", "always"),
        ("max_entries", 0),
        ("heat", 1),
        ("on_fault", "explode"),
        ("flush_after", -1),
        ("lifetimes", {"faq": -5}),
    ],
)
def test_wrong_settings_are_named(name, value):
    """The message names the setting and what was expected."""
    with pytest.raises(ConfigurationError, match=name):
        Policy(**{name: value})


def test_a_rule_that_is_no_regular_expression_is_refused():
    """At construction, not at the first request."""
    with pytest.raises(ConfigurationError, match=r"Rule\.pattern"):
        Rule("(", "faq")


def test_the_margin_of_an_unknown_model_is_the_greater_one():
    """What was measured for the embedded model holds for no other; who has measured says what he wants."""
    assert Policy().margin("minilm:l6-int8:384:0") == 0.02
    assert Policy().margin("object:x:512:0") == 0.06
    assert Policy(contrast_margin=0.01).margin("object:x:512:0") == 0.01
    with pytest.raises(ConfigurationError, match="contrast_margin"):
        Policy(contrast_margin=2.0)
