"""Value guards: two questions that ask for other things never share an answer; harmless rewording may."""

import string

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from seglam.quantities import measure, scan
from seglam.values import difference

SAME = [
    ("What is 17 * 23?", "What is seventeen times twenty-three?"),
    ("How far is 1,000 km?", "How far is 1 000 kilometres?"),
    ("Is 2k enough?", "Is 2000 enough?"),
    ("a fee of $5", "a fee of 5 dollars"),
    ("a fee of $5", "a fee of USD 5"),
    ("a budget of $1.5M", "a budget of 1.5 million dollars"),
    ("the 3rd floor", "the third floor"),
    ("Meet on 3 March 2026", "Meet on March 3rd, 2026"),
    ("Meet on 2026-03-03", "Meet on March 3, 2026"),
    ("Open at 5pm?", "Open at 17:00?"),
    ("Open at 5pm?", "Open at 5:00 PM?"),
    ("What's 15% of 200?", "What is fifteen percent of 200?"),
    ("Can I return it after 14 days?", "Can I return it after two weeks?"),
    ("an hour and a dozen eggs", "one hour and 12 eggs"),
    ("How do I log in?", "How can I login?"),
    ("How do I cancel my order?", "Can you please tell me how to cancel my order"),
    ("Is there a discount for students on tickets?", "On tickets, is there a discount for students?"),
    ("What is the password for guests?", "What's the guest password?"),
    ("What is the baggage allowance?", "Hi! What is the bagage allowance? Thanks"),
    ("Where is the nearest shop?", "Where is the closest store?"),
    ("Why didn't it arrive?", "Why did it not arrive"),
    ("한국의 수도는 어디인가요?", "한국의 수도는 어디죠?"),
]

DIFFERENT = [
    ("What is 17 * 23?", "What is 18 * 23?", "number 17 != 18"),
    ("What is 17 - 23?", "What is 17 + 23?", "symbol"),
    ("(2+3)*4", "2+(3*4)", "order of values"),
    ("What is -5 + 3?", "What is 5 + 3?", "number"),
    ("What is 10² + 1?", "What is 102 + 1?", "number"),
    ("a fee of $5", "a fee of €5", "number"),
    ("10 miles in km", "10 km in miles", "number"),
    ("convert miles to km", "convert km to miles", "order"),
    ("5 kg of rice", "5 lb of rice", "number"),
    ("due 03/04/2026", "due 04/03/2026", "code"),
    ("the value 1.000", "the value 1", "number"),
    ("agent 007", "agent 7", "code"),
    ("install version 2.1.3", "install version 2.1.4", "code"),
    ("How good is GPT-4?", "How good is GPT-5?", "code"),
    ("Sort a list in C++", "Sort a list in C#", "code"),
    ('Say "good night"', 'Say "Good night"', "verbatim"),
    ("open /etc/hosts", "open /etc/passwd", "code"),
    ("Remind me at 7am", "Remind me at 7pm", "time"),
    ("in May", "in June", "'May' against 'June'"),
    ("due tomorrow", "due today", "'tomorrow' against 'today'"),
    ("Cancel my plan", "Don't cancel my plan", "negation differs: 'not'"),
    ("a price for members", "a price for non-members", "negation"),
    ("enable dark mode", "disable dark mode", "opposites: 'enable' and 'disable'"),
    ("turn it on", "turn it off", "'off' only in one"),
    ("coffee with sugar", "coffee without sugar", "negation"),
    ("lock my card", "unlock my card", "opposites"),
    ("the cheapest room", "the fastest room", "word 'cheapest' against 'fastest'"),
    ("all users", "any users", "'all' only in one"),
    ("tea or coffee", "tea and coffee", "'or coffee' against 'and coffee'"),
    ("from Paris to Rome", "from Rome to Paris", "Paris"),
    ("flights to Rome from Paris", "flights from Rome to Paris", "'to Rome' against 'from Rome'"),
    ("Does the dog bite the man?", "Does the man bite the dog?", "order"),
    ("Is Paris bigger than London?", "Is London bigger than Paris?", "order"),
    ("open in 2 hours", "open for 2 hours", "'in 2 hours' against 'for 2 hours'"),
    ("2 adults and 3 children", "2 children and 3 adults", "order"),
    ("What is my name?", "What is your name?", "whose"),
    ("Can you call me?", "Can I call you?", "who"),
    ("When does it open?", "Where does it open?", "asks 'when' against 'where'"),
    ("Can I pay?", "Do I have to pay?", "asks"),
    ("How much did I use?", "How much can I use?", "past against coming"),
    ("the US population", "the UK population", "name 'US' against 'UK'"),
    ("relief if employed", "relief if self-employed", "'self' only in one"),
    ("sulfate density", "sulfite density", "word"),
    ("World War I battles", "World War II battles", "'II' only in one"),
    ("다크 모드 켜는 방법", "다크 모드 끄는 방법", "켜"),
    ("우유를 사나요?", "우유를 파나요?", "사"),
    ("一共17元", "一共18元", ""),
]


@pytest.mark.parametrize(("new", "stored"), SAME)
def test_harmless_rewording_passes(new: str, stored: str) -> None:
    """Other spellings of the same values, and rewording that grammar allows, are no difference, either way round."""
    assert difference(new, stored) is None
    assert difference(stored, new) is None


@pytest.mark.parametrize(("new", "stored", "reason"), DIFFERENT)
def test_what_changes_the_answer_is_refused(new: str, stored: str, reason: str) -> None:
    """A changed value, polarity, order, owner, kind of question or word is refused, with a reason that names it."""
    told = difference(new, stored)
    assert told is not None
    assert reason in told
    assert difference(stored, new) is not None


@given(st.text())
def test_a_text_equals_itself(text: str) -> None:
    """Whatever the text, it is no different from itself, nor from itself in capitals and with more space."""
    assert difference(text, text) is None
    assert difference(f"  {text}\n", text) is None


@given(st.text(max_size=60), st.text(max_size=60))
def test_the_guard_is_symmetric_and_total(one: str, other: str) -> None:
    """It never raises, and who was stored first does not matter to whether there is a difference."""
    assert (difference(one, other) is None) == (difference(other, one) is None)


_TEMPLATES = (
    "What is {} plus 4?", "How do I get {} tickets?", "Is {} km far?", "Wait {} minutes.", "Pay ${} now", "At {}% it boils",
    "room {}", "Who won in {}?", "17과 {}의 합은?", "Convert {} miles to km", "A-{} or B-2", "take {} of 3 pills",
)  # fmt: skip


@given(st.sampled_from(_TEMPLATES), st.integers(0, 10**7), st.integers(0, 10**7))
def test_a_changed_number_is_always_refused(template: str, one: int, other: int) -> None:
    """No other number is ever accepted, wherever it stands."""
    assume(one != other)
    assert difference(template.format(one), template.format(other)) is not None


@given(st.sampled_from(_TEMPLATES[:3]), st.integers(0, 10**7))
def test_separators_do_not_matter(template: str, number: int) -> None:
    """1,000 is 1000."""
    assert difference(template.format(f"{number:,}"), template.format(number)) is None


_ONES = "zero one two three four five six seven eight nine".split()  # noqa: SIM905 - a row of words reads better
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()  # noqa: SIM905 - the same


@given(st.integers(1, 9), st.integers(2, 9), st.integers(1, 9))
def test_spelled_numbers_have_their_value(hundreds: int, tens: int, ones: int) -> None:
    """Three hundred and forty-two thousand is 342000."""
    words = f"{_ONES[hundreds]} hundred and {_TENS[tens - 2]}-{_ONES[ones]} thousand"
    (token,) = scan(words)
    assert token.value == (100 * hundreds + 10 * tens + ones) * 1000


@given(st.text(string.ascii_letters + string.digits + " .,:-/$%()'\"²½", max_size=80))
def test_scanning_loses_nothing(text: str) -> None:
    """Every digit of a text is in some token, so that no number escapes the comparison."""
    told = "".join(token.text for token in scan(text))
    assert [c for c in told if c in string.digits] == [
        c for c in text.replace("½", "12").replace("²", "2") if c in string.digits
    ]


@given(st.integers(0, 500))
def test_exact_conversions_meet(number: int) -> None:
    """The same length or time in another exact unit is the same value; miles and kilometres never are."""
    kilometres, metres, miles = (
        scan(text)[0] for text in (f"{number} km", f"{number * 1000} metres", f"{number} miles")
    )
    assert measure(kilometres) == measure(metres)
    assert measure(kilometres) != measure(miles)
