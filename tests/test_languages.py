"""Which languages traffic shows, and that contrast sets are asked for in them."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seglam import Request, Response
from seglam.contrast import contrast_prompt
from seglam.languages import _identifier, language, spoken
from seglam.llm import Completion
from seglam.wordbook import MADE

KOREAN = ["소포를 어디에 맡기나요?", "주문을 취소하고 싶어요", "배송은 며칠이나 걸리나요?", "환불은 어떻게 받나요?"]
ENGLISH = [
    "How do I send a parcel?",
    "How do I cancel my order?",
    "Who pays for a return?",
    "What does it cost to insure it?",
]


# -- one text -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (KOREAN[0], "Korean"),
        ("아이폰 iPhone 15 Pro Max 는 얼마인가요?", "Korean"),
        ("注文はどこですか", "Japanese"),
        ("キャンセルしたい", "Japanese"),
        ("我的订单在哪里", "Chinese"),
        ("Πού είναι η παραγγελία μου;", "Greek"),
        ("พัสดุของฉันอยู่ที่ไหน", "Thai"),
        ("איפה ההזמנה שלי", "Hebrew"),
        ("Where is my order?", "English"),
        ('What does "사랑" mean in English?', ""),
        ("", ""),
        ("17 + 4 = ?", ""),
        ("🙂🙂", ""),
        ("PIN", ""),
        ("x" * 100_000, ""),
    ],
)
def test_a_script_or_plain_english_tells(text, name):
    """What is certain has a name; nothing is said of the rest."""
    assert language(text) == name


@settings(deadline=None)
@given(st.text(max_size=80))
def test_any_text_has_at_most_a_language(text):
    """Whatever is written: a name or nothing."""
    assert language(text) == language(text)
    assert language(text) == "" or language(text)[0].isupper()


@pytest.mark.skipif(_identifier() is None, reason="py3langid (extra `languages`) is not installed")
@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("quiero cancelar mi tarjeta de crédito", "Spanish"),
        ("Comment changer mon mot de passe ?", "French"),
        ("Wie ändere ich mein Passwort?", "German"),
        ("voglio annullare la carta", "Italian"),
        ("gdzie jest moje zamówienie", "Polish"),
        ("как сменить пароль", "Russian"),
        ("Де моє замовлення?", "Ukrainian"),
        ("đơn hàng của tôi ở đâu", "Vietnamese"),
        ("मेरा ऑर्डर कहाँ है", "Hindi"),
    ],
)
def test_languages_that_share_a_script(text, name):
    """With the identifier they are told apart."""
    assert language(text) == name


@pytest.mark.parametrize("text", ["quiero cancelar mi tarjeta", "mot de passe", "Passwort", "как сменить пароль"])
def test_no_language_is_taken_for_english(text):
    """With the identifier or without."""
    assert language(text) != "English"


# -- traffic --------------------------------------------------------------------------------------------------------------


def test_a_language_counts_from_three_requests_on():
    """The commonest first, the question's own left out, three at most; a single one is chance."""
    assert spoken(ENGLISH * 9 + KOREAN[:2]) == ("English",)
    assert spoken(ENGLISH * 9 + KOREAN[:3], besides=ENGLISH[0]) == ("Korean",)
    assert spoken(ENGLISH * 49 + KOREAN, besides=ENGLISH[0]) == ()
    assert spoken(ENGLISH + KOREAN * 2) == ("Korean", "English")
    assert spoken([]) == ()
    many = KOREAN * 4 + ["我的订单在哪里"] * 12 + ["注文はどこですか"] * 9 + ["Πού είναι;"] * 8
    assert spoken(many) == ("Korean", "Chinese", "Japanese")


def test_a_question_in_no_certain_language_is_not_asked_for_in_its_own():
    """It may be English ("PIN reset"): what shares its script with others is left out, what has its own is not."""
    assert spoken(ENGLISH * 9, besides="PIN reset") == ()
    assert spoken(ENGLISH * 9 + KOREAN * 3, besides="PIN reset") == ("Korean",)


class Scribe:
    """Writes one set after the other."""

    name = "scribe"

    def __init__(self, *replies):
        self.replies = list(replies)
        self.prompts = []

    def complete(self, prompt):
        if "QUESTION" not in prompt:
            return Completion("DIFFERENT")  # whether two answers say the same
        self.prompts.append(prompt)
        reply = self.replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return Completion(json.dumps(reply))


SET = {"same": ["track my parcel"], "other": ["send a parcel"]}
IN_KOREAN = {"same": ["소포 추적"], "other": ["소포 보내기"]}


def opened(open_cache, *replies, **policy):
    """A cache with a scripted model; nothing is compiled."""
    model = Scribe(*replies)
    settings = {"compile": "off", "contrast_near": 1.0, "check_hits": 0.0, **policy}
    return open_cache(compiler=model, policy=settings), model


def fill(cache, texts, namespace=""):
    """Each stored with an answer."""
    for number, text in enumerate(texts):
        cache.record(Request(text, namespace=namespace), Response(f"answer {number}"))


def test_english_traffic_keeps_the_prompt(open_cache):
    """Byte by byte: recorded replies stay valid."""
    cache, model = opened(open_cache, SET)
    fill(cache, ENGLISH * 3)
    assert cache.crystallise(Request(ENGLISH[0]))
    assert model.prompts == [contrast_prompt(ENGLISH[0])]


def test_wordings_are_asked_in_the_languages_of_the_namespace(open_cache):
    """An English question where Koreans ask too, a Korean one where English is asked; another namespace knows nothing of it."""
    cache, model = opened(open_cache, SET, IN_KOREAN, SET)
    fill(cache, ENGLISH + KOREAN, "shop")
    fill(cache, ENGLISH, "bank")
    assert cache.crystallise(Request(ENGLISH[0], namespace="shop"))
    assert cache.crystallise(Request(KOREAN[0], namespace="shop"))
    assert cache.crystallise(Request(ENGLISH[1], namespace="bank"))
    languages = [("in Korean:" in prompt, "in English:" in prompt) for prompt in model.prompts]
    assert languages == [(True, False), (False, True), (False, False)]
    assert cache.stats("shop").languages == {"English": 4, "Korean": 4}


def test_what_the_embedder_cannot_read_is_not_asked_for(open_cache):
    """Wordings without vectors would be paid for nothing: the embedded model reads English only."""
    cache, model = opened(open_cache, SET)
    cache._semantic._embedder.covers = str.isascii
    fill(cache, ENGLISH + KOREAN)
    assert cache.crystallise(Request(ENGLISH[0]))
    assert "Korean" not in model.prompts[0]


NEAR = ["소포는어디에있나요 parcel? is", "is 택배가어디에있나요 parcel?", "parcel? 물건이어디에있나요 is"]
"""Korean for the most part, and near the question for an embedder that counts words."""


def widened(open_cache, *replies, **policy):
    """A cache whose question had its set before anybody wrote Korean."""
    cache, model = opened(open_cache, SET, *replies, contrast_near=0.5, **policy)
    cache.record(Request("Where is parcel?"), Response("On its way."))
    assert cache.crystallise(Request("Where is parcel?"))
    fill(cache, KOREAN)
    assert len(model.prompts) == 1
    return cache, model


def come_near(cache, text):
    """A request near the question, and near no other."""
    cache.record(Request(text), Response("Look at the list."))
    cache.forget(Request(text))


def test_a_language_that_comes_later_is_asked_for_later(open_cache):
    """Sets of an imported FAQ are made before there is traffic: one more call for each language that comes near."""
    cache, model = widened(open_cache, IN_KOREAN)
    come_near(cache, NEAR[0])
    assert len(model.prompts) == 2
    assert "in Korean:" in model.prompts[1]
    assert NEAR[0] in model.prompts[1]
    (question,) = cache.wordbook.questions()
    assert question.state == MADE
    assert {w.text for w in cache.wordbook.wordings_of(question.key)} >= {*IN_KOREAN["same"], *SET["same"]}
    come_near(cache, NEAR[1])
    assert len(model.prompts) == 2
    assert cache.stats().contrasts == {"made": 1, "widened": 1}


@pytest.mark.parametrize("reply", [SET, {"same": [], "other": []}, OSError("down")])
def test_a_language_that_cannot_be_had_is_not_asked_for_again_at_once(open_cache, clock, reply):
    """The set that is there stays, and serves; another try comes after a pause."""
    cache, model = widened(open_cache, reply, IN_KOREAN, on_fault="miss")
    for text in NEAR[:2]:
        come_near(cache, text)
    assert len(model.prompts) == 2
    assert [q.state for q in cache.wordbook.questions()] == [MADE]
    assert cache.lookup(Request("track my parcel")).notes["wording"] == "track my parcel"
    clock.move(5 * 3600)
    come_near(cache, NEAR[2])
    assert len(model.prompts) == 3


def test_a_language_costs_no_more_than_the_budget(open_cache):
    """Out of budget: the set stays as it is."""
    cache, model = widened(open_cache, compiles_per_hour=1)
    come_near(cache, NEAR[0])
    assert len(model.prompts) == 1
