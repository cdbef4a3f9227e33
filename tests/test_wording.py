"""mismatch() and effective(): other words for the same question are served, every other question is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seglam.values import difference, effective, floor, mismatch
from seglam.wording import misspelt, respelt
from tests.test_values import SAME

ALIKE = """
    How do I cancel my order? | How can I cancel the order
    How do I cancel my order? | What is the best way to cancel my order?
    How do I cancel my order? | What are the steps to cancel an order?
    How do I cancel my order? | I want to cancel my order, how do I do that?
    How do I cancel my order? | Could you tell me how to cancel my order?
    How do I track my parcel? | Is there a way to track my package?
    Can I pay by card? | Is it possible to pay by card?
    Can I bring a dog? | Am I allowed to bring a dog?
    Do I need to verify my identity? | Is it necessary to verify my identity?
    How much does delivery cost? | What is the cost of delivery?
    How long does delivery take? | How long will delivery take?
    Do you have parking on the premises? | Is there parking on the premises?
    Is parking available at the hotel? | Is there parking at the hotel?
    On the menu, what vegan options do you have? | What vegan options do you have on the menu?
    To open an account, what documents do I need? | What documents are needed to open an account?
    When will my card arrive? | Can you tell me when my card will arrive?
    Why was my card declined? | Why did my card get declined?
    What is the interest rate on savings? | What is the rate of interest on savings?
    What is the capital of Australia? | What's Australia's capital?
    What is the difference between an ETF and a fund? | How is a fund different from an ETF?
    Who should I contact about a leak? | Who do I contact regarding a leak?
    How do I delete the app? | How do I remove the app?
    How do I see messages in the app? | How can I see messages on the app?
    My card still isn't working | My card is not working
    DO YOU ACCEPT APPLE PAY? | Do you accept Apple Pay?
    Do You Accept Apple Pay? | Do you accept Apple Pay?
    um so how do i share my screen | How do I share my screen?
    Hi, quick one: how do I share my screen? | How do I share my screen?
    Just wondering, do you do takeaway food? | Do you offer takeaway food?
    Is there emergancy parking? | Is there emergency parking?
    Where is my statment? | Where is my statement?"""

APART = """
    Where is my package? | Where can I find a package?
    When do I get paid? | When do I pay?
    When will I be charged? | When will I charge?
    Who is visiting me? | Who am I visiting?
    How do I see who follows me? | How do I see who I follow?
    What do cats eat? | What eats cats?
    Who killed Brutus? | Who was killed by Brutus?
    What is glass made of? | What is made of glass?
    Does smoking cause cancer? | Does cancer cause smoking?
    Is a tomato a fruit? | Is a fruit a tomato?
    Should I tell my boyfriend about my ex? | Should I tell my ex about my boyfriend?
    How do I stop my dog from barking? | How do I stop barking at my dog?
    How do I open the file in Excel? | How do I open Excel in the file?
    Which version fixed this bug? | Which bug did this version fix?
    What is the best way to learn to code? | What is the fastest way to learn to code?
    Who was the CEO? | Who is the CEO?
    When must I report damage? | When can I report damage?
    Can I pay Bob? | Can I pay for Bob?
    What is in the box? | What is on the box?
    tea or coffee for me? | tea and coffee for me?
    Is it safe to eat raw eggs? | Is it safe to eat eggs?
    How do I change my user name? | How do I change my user password?
    What's covered under the warranty? | What's covered under the extended warranty?
    How do I set up email? | How do I create email?
    Can I have a dog? | Can I get a dog?
    Where is my glass? | Where are my glasses?
    Do you deliver to the US? | Do you deliver?
    Tell me a joke | a joke
    What is the need to verify it? | What do I need to verify it?
    Is he teaching? | Is he taught?
    Does it contain vitamin a or b? | Does it contain vitamin or b?
    What is the matter? | What is matter?
    Do a few people know? | Do few people know?
    Solve x=-5 | Solve x=5
    run git add . | run git add
    What does tar -c do? | What does tar -C do?
    Correct the grammar: he go | Correct the grammar: he goes
    Is blood type O- rare? | Is blood type O rare?
    Voy a Roma | Voy Roma
    Je ne sais pas | Je sais
    다크 모드 켜는 방법 | 다크 모드 끄는 방법
    density of sulfate | density of sulfite
    Where is the prostate? | Where is the prostrate?"""


def _pairs(table: str) -> list[tuple[str, str]]:
    return [tuple(line.strip().split(" | ")) for line in table.strip().splitlines()]  # type: ignore[misc]


@pytest.mark.parametrize(("new", "stored"), _pairs(ALIKE))
def test_other_wordings_of_a_question_correspond(new: str, stored: str) -> None:
    """Frames, fillers, synonyms, fronted phrases and slips of the keyboard are no mismatch, either way round."""
    assert mismatch(new, stored) is None
    assert mismatch(stored, new) is None


@pytest.mark.parametrize(("new", "stored"), _pairs(APART))
def test_what_asks_for_something_else_does_not_correspond(new: str, stored: str) -> None:
    """Another kind of question, word, role, person or tense is refused, whichever was stored."""
    assert mismatch(new, stored) is not None
    assert mismatch(stored, new) is not None


@pytest.mark.parametrize(("new", "stored"), [pair[:2] for pair in SAME])
def test_what_the_strict_reading_passes_the_looser_passes(new: str, stored: str) -> None:
    """Each reading is looser than the one before."""
    assert difference(new, stored) is None
    assert mismatch(new, stored) is None


@given(st.text(max_size=60))
def test_a_text_corresponds_to_itself(text: str) -> None:
    """Whatever the text, it is served its own answer."""
    assert mismatch(text, text) is None
    assert effective(1.0) == 1.0


@given(st.text(max_size=50), st.text(max_size=50))
def test_mismatch_is_symmetric_and_total(one: str, other: str) -> None:
    """It never raises, and who was stored first does not matter."""
    assert (mismatch(one, other) is None) == (mismatch(other, one) is None)


def test_a_low_score_refuses_and_a_slip_of_the_keyboard_lowers_the_floor() -> None:
    """The score needed lies below the threshold, further below where only the spelling differs, and nowhere for 1."""
    pair = ("How can I cancel the order?", "How do I cancel my order?")
    assert not respelt(*pair)
    assert effective(0.799) < 0.92 < effective(0.801)
    slip = ("Where is my bank statment?", "Where is my bank statement?")
    assert respelt(*slip)
    assert effective(0.61, misspelt=True) < 0.92 < effective(0.63, misspelt=True)
    assert floor(1.0) == floor(1.0, misspelt=True) == 1.0


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_higher_threshold_never_asks_for_less(one: float, other: float) -> None:
    """The floor rises with the threshold and never lies above it."""
    low, high = sorted((one, other))
    for misspelt_only in (False, True):
        assert floor(low, misspelt=misspelt_only) <= floor(high, misspelt=misspelt_only) <= high


@given(st.floats(0, 1), st.floats(0, 1), st.booleans())
def test_what_a_score_counts_as_is_the_floor_read_backwards(
    score: float, threshold: float, misspelt_only: bool
) -> None:
    """A score reaches the floor of just those thresholds that it counts for."""
    least = floor(threshold, misspelt=misspelt_only)
    if abs(score - least) > 1e-9:
        assert (effective(score, misspelt=misspelt_only) >= threshold) is (score > least)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("sulfate", "sulfite"),
        ("carton", "cartoon"),
        ("statement", "settlement"),
        ("kirsten", "kristen"),
        ("cleaner", "ccleaner"),
    ],
)
def test_another_word_is_no_misspelling(one: str, other: str) -> None:
    """Two words, or another letter, are never one word misspelt."""
    assert not misspelt(one, other)
    assert not misspelt(other, one)
