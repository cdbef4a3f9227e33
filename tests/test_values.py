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
    ("a fee of $5", "a fee of 5 dollars"),
    ("a fee of $5", "a fee of USD 5"),
    ("a budget of $1.5M", "a budget of 1.5 million dollars"),
    ("the 3rd floor", "the third floor"),
    ("Meet on 3 March 2026", "Meet on March 3rd, 2026"),
    ("Meet on 2026-03-03", "Meet on March 3, 2026"),
    ("Open at 5pm?", "Open at 17:00?"),
    ("Open at 5pm?", "Open at 5:00 PM?"),
    ("What's 15% of 200?", "What is fifteen percent of 200?"),
    ("an hour and 12 eggs", "one hour and twelve eggs"),
    ("How do I log in?", "How can I login?"),
    ("How do I cancel my order?", "Can you please tell me how to cancel my order"),
    ("How do I cancel my order?", "Hi team, how do I cancel my order please? Many thanks!"),
    ("Where is my order?", "where is my order"),
    ("What is the baggage allowance?", "Hi! What is the bagage allowance? Thanks"),
    ("How do I change my e-mail address?", "how do i change my email address"),
    ("Which payment methods do you accept?", "What payment methods do you accept?"),
    ("Why didn't it arrive?", "Why did it not arrive"),
    ("How long does shipping take?", "How long does the shipping take..."),
    ("Do you ship to Canada on Monday?", "do you ship to canada on monday ?"),
    ("What is your favourite colour?", "What is your favorite color?"),
    ("I can't pay. What should I do?", "I cannot pay; what should I do?"),
]

DIFFERENT = [
    ("What is 17 * 23?", "What is 18 * 23?", "number 17 != 18"),
    ("a fee of $5", "a fee of €5", "number"),
    ("due 03/04/2026", "due 04/03/2026", "code"),
    ("Remind me at 7am", "Remind me at 7pm", "time"),
    ("open /etc/hosts", "open /etc/passwd", "code"),
    ("Cancel my plan", "Don't cancel my plan", "against"),
    ("Do I pay?", "Do I not pay?", "negation differs: 'not'"),
    ("all users", "any users", "word 'all' against 'any'"),
    ("wait here", "wait here now", "word 'now' only in one"),
    ("一共17元", "一共18元", ""),
]

TOLD_APART = {
    "sign and operator": """
        What is 17 - 23? | What is 17 + 23?
        What is (2+3)*4? | What is 2+(3*4)?
        What is -5 + 3? | What is 5 + 3?
        What is 10² + 1? | What is 102 + 1?
        What is [0, 5]? | What is (0, 5)?
        Expand (x + 2)(x - 3) | Expand x + 2(x - 3)
        Solve a - b = c | Solve b - a = c
        Solve x=-5 | Solve x=5
        What is 5!? | What is 5?
        What does s[::-1] do? | What does s[::1] do?
        What does * do in Python? | What does ** do in Python?
        Is it := here? | Is it = here?
        run cd .. | run cd
        run git add . | run git add
        run rm -rf ./ tmp | run rm -rf ./tmp
        Is blood type O- rare? | Is blood type O rare?
        Who has one and/or two? | Who has one and two?""",
    "case": """
        How many watts are 5 mW? | How many watts are 5 MW?
        How fast is 10 MB/s? | How fast is 10 Mb/s?
        Is 10 MB much? | Is 10 Mb much?
        How much is 5M? | How much is 5m?
        What does tar -c do? | What does tar -C do?
        Is CO toxic? | Is Co toxic?
        Who came to us first? | Who came to US first?
        How to learn Polish fast? | How to learn polish fast?
        Is cooking Turkey hard? | is cooking turkey hard?
        How do I use GPT-4a? | How do I use gpt-4a?
        What is i? | What is I?
        open example.org/A | open example.org/a""",
    "number as written": """
        Is Python 3.1 new? | Is Python 3.10 new?
        What is in section 4.2? | What is in section 4.20?
        the value 1.000 | the value 1
        agent 007 | agent 7
        install version 2.1.3 | install version 2.1.4
        How many digits has 17? | How many digits has seventeen?
        Is 0.5 right? | Is one half right?
        Should I buy a 2K screen? | Should I buy a 2000 screen?
        When did World War I end? | When did World War end?
        Who was Elizabeth I of England? | Who was Elizabeth of England?
        World War I battles | World War II battles""",
    "unit": """
        What is 60 minutes in hours? | What is 1 hour in hours?
        10 miles in km | 10 km in miles
        5 kg of rice | 5 lb of rice
        What is 20 pounds in stone? | What is £20 in stone?""",
    "scope and order": """
        I am not pregnant but breastfeeding | I am pregnant but not breastfeeding
        more than 5 museums and less than 10 parks | less than 5 museums and more than 10 parks
        the minimum age and maximum weight | the maximum age and minimum weight
        Can only members vote? | Can members only vote?
        Turn on the heating and off the light | Turn off the heating and on the light
        Is my dog older than your cat? | Is your dog older than my cat?
        Does he owe her money? | Does she owe him money?
        Does the dog bite the man? | Does the man bite the dog?
        flights to Rome from Paris | flights from Rome to Paris
        Why is it not done and paid? | Why is it done and not paid?
        2 adults and 3 children | 2 children and 3 adults
        Can you call me? | Can I call you?""",
    "voice and stranded preposition": """
        Who killed Brutus? | Who was killed by Brutus?
        Which company acquired it? | Which company was acquired by it?
        Who is the father of Isaac? | Who is Isaac the father of?
        What is glass made of? | What is made of glass?
        Who did Anna call? | Who called Anna?""",
    "preposition": """
        When should I leave Paris? | When should I leave for Paris?
        Can I pay Bob? | Can I pay for Bob?
        What is in the box? | What is on the box?
        Is there a flight to Oslo? | Is there a flight in Oslo?
        How do I check my bag? | How do I check in my bag?
        How far is it from here? | How far is it from there?
        open in 2 hours | open for 2 hours
        tea or coffee | tea and coffee""",
    "tense and modality": """
        Who was the CEO? | Who is the CEO?
        Did Anna pay? | Does Anna pay?
        Will Anna pay? | Does Anna pay?
        When must I report damage? | When can I report damage?
        Do I need a visa? | Do I have a visa?
        Who owned it? | Who owns it?
        Can I pay? | Do I have to pay?
        How do I look? | How can I look?""",
    "payload": """
        Translate: Go home, please | Translate: Go home
        Correct the grammar: he go | Correct the grammar: he goes
        Summarise: A, b. | Summarise: a, b.
        How do I spell the colour? | How do I spell the color?
        How long is the word Word? | How long is the word word?
        How do I say no, thanks? | How do I say no?
        Say "good night" | Say "Good night"
        Say "a  b" | Say "a b"
        Count this: one | Count this: 1""",
    "second question": """
        What is it and when should I come? | What is it and where should I come?
        Who pays and how? | Who pays and why?""",
    "word": """
        What is mail? | What is email?
        Which road is it? | Which street is it?
        What is a cell? | What is a mobile?
        Is it silicone? | Is it silicon?
        Is he hiring? | Is he hired?
        What does a plane cost? | What does a plan cost?
        Where is my glass? | Where are my glasses?
        How much time is left? | How many times is left?
        sulfate density | sulfite density
        a price for members | a price for non-members
        enable dark mode | disable dark mode
        relief if employed | relief if self-employed
        the US population | the UK population
        How do I draw a cartoon? | How do I draw a carton?
        How old is kirsten bell? | How old is kristen bell?
        Is it the prostate? | Is it the prostrate?
        how do i use ccleaner? | how do i use cleaner?
        Who is planing it? | Who is planning it?""",
    "article": """
        What is the matter? | What is matter?
        Do you have the time? | Do you have time?
        Is it about the time? | Is it about time?
        Does it contain vitamin a or b? | Does it contain vitamin or b?
        Do a few people know? | Do few people know?
        Who sang in The Band? | Who sang in Band?""",
    "greeting": """
        What does Hello Kitty cost? | What does Kitty cost?
        Hello Kitty prices | Kitty prices
        Hello, how are you in Spanish? | How are you in Spanish?
        Can you swim? | swim?
        Tell me a joke | a joke
        Do you know how to swim? | how to swim?""",
    "other language": """
        Wann kommt Peter an? | Wann kommt Peter?
        Voy a Roma | Voy Roma
        Je ne sais pas | Je sais
        다크 모드 켜는 방법 | 다크 모드 끄는 방법""",
}
_APART = [
    pytest.param(*line.strip().split(" | "), id=f"{mechanism}: {line.strip()}")
    for mechanism, lines in TOLD_APART.items()
    for line in lines.strip().splitlines()
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


@pytest.mark.parametrize(("new", "stored"), _APART)
def test_every_way_to_ask_for_something_else_is_refused(new: str, stored: str) -> None:
    """Pairs that near misses are made of, by what tells them apart; refused whichever was stored."""
    assert difference(new, stored) is not None
    assert difference(stored, new) is not None


_QUESTIONS = (
    "How do I get a refund for my order?", "What should Anna not pay before May?", "Is the US larger than Peru?",
    "Who was the first to leave for Rome?", "Can only members of the club vote at noon?",
)  # fmt: skip


@given(st.sampled_from(_QUESTIONS), st.data())
def test_two_words_never_change_places(question: str, data: st.DataObject) -> None:
    """Another order of the words is another question, wherever it stands."""
    words = question.rstrip("?").split()
    at = data.draw(st.integers(0, len(words) - 2))
    swapped = [*words[:at], words[at + 1], words[at], *words[at + 2 :]]
    assert difference(question, " ".join(swapped) + "?") is not None


@given(st.text())
def test_a_text_equals_itself(text: str) -> None:
    """Whatever the text, it is no different from itself and with more space around it."""
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
