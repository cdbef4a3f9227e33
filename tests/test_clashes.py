"""conflict(): only what two questions state is compared, by meaning; ordinary words never are."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from benchmarks.semantic.data import numbers
from seglam.values import conflict, mismatch

AGREE = """
    How long do two weeks last? | What is the length of 14 days?
    a table for 2 at 7pm | a table for two at seven this evening
    Pay 5 dollars now | Transfer $5 today
    Meet on 3 March 2026 | The meeting is on 2026-03-03
    The fee is 2k | They charge 2,000
    calories in one egg | the calorie count of an egg
    Why is it not working? | Why doesn't it work?
    It failed to arrive | It did not arrive
    I am unable to log in | I can't sign in
    delivery under £50 | delivery for less than 50 pounds
    statutory sick pay | SSP
    When do I get SSP? | When is statutory sick pay due?
    WHERE DO I GO IN IRELAND? | Where do I go in Ireland?
    Convert 100 USD to GBP | How many pounds is 100 dollars?
    flights from Rome to Paris | flights to Paris from Rome
    Tell Anna and Bob | Inform Bob and Anna
    What does "pending" mean? | What is the meaning of pending?
    My toilet keeps running | The toilet won't stop running
    Do you have a table at 8 in the evening? | A table at 20:00?
    Is cooking on Monday allowed? | May one cook on monday?
    3만원 환불 | 30000원을 돌려받고 싶어요
    2026년 3월 3일 예약 | 2026-03-03에 예약
    오후 5시에 열어요? | 17:00에 문을 여나요?
    두 명 예약 | 2명 자리 있나요
    2주 걸리나요 | 14일 걸리나요
    십칠 층 | 17층
    5킬로미터는 몇 미터 | 5 km는 몇 미터인가요
    서울에서 부산까지 | 부산까지 서울에서
    배송은 언제 오나요? | 배송 예정일이 언제죠?
    the price of a 2-hour clean | What do you charge for two hours' cleaning?
    the wage at 21 | the wage of a 21-year-old
    paracetamol for a six-year-old | paracetamol for a child who is 6 years old
    the dose for a 6yo | the dose at 6
    Can one rent at seventeen? | renting when 17 years of age
    the 2025/26 tax year | the tax year 2025-26
    Convert 100 USD to GBP | How many British pounds is 100 US dollars?
    Do I lose it once I have paid? | Do I lose it when I have paid?
    resign without notice | resign with no notice
    the monthly fee | the fee each month
    the fee per month | what is paid every month
    Track order 48213 | I'd like to track order no. 48213
    files larger than 10 MB | files bigger than 10 MB
    Is it OK to bring a dog in here? | May one bring a dog in here?
    Which terminal does BA use there? | Which terminal does British Airways use there?
    Antibiotics for a UTI from a chemist? | Antibiotics for UTIs from a chemist?
    Explain how to pay Camden | the way to pay Camden"""

CLASH = """
    number: Wait 2 weeks | Wait 15 days
    number: a 2-hour clean | a 3-hour clean
    number: a 2-hour clean | two days of cleaning
    number: a 6-year-old | a 6-month-old
    number: a 6-year-old | a child of 16 years of age
    number: the 2025/26 tax year | the tax year 2026-27
    number: 100 US dollars | 100 Canadian dollars
    number: take it once a day | take it twice a day
    number: files bigger than 10 MB | files smaller than 10 MB
    every: Is it open every day? | Is it open that day?
    every: Is it paid each month? | Is it paid each year?
    name: Where does BA fly from at Rome? | Where does British Gas fly from at Rome?
    name: Is a UTI bad for the heart? | Is an STI bad for the heart?
    negation: resign without a notice | resign with a notice
    number: a fee of $5 | a charge of €5
    number: 5 km | 5 miles
    number: Track order 48213 | Where is order 48231?
    number: under £50 | over £50
    number: at least 3 people | at most 3 people
    another order: 2 adults and 3 children | 3 adults and 2 children
    number: Give me 3.1 | Give me 3.10
    number: flight 5 to Rome | flight to Rome
    numeral: battles of World War I | World War II battles
    date: due 3 March | due 4 March
    time: Remind me at 7am | A reminder for 7pm
    values in another order: from 10 km to 5 km | from 5 km to 10 km
    another word: 2 dogs and 3 cats | 2 cats and 3 dogs
    signs: 17 - 23 | 17 + 23
    negation: Which expenses can I claim? | Which expenses can't I claim?
    negation of another word: I am not pregnant but breastfeeding | I am pregnant but not breastfeeding
    against: enable dark mode | how to disable dark mode
    against: turn the heating on | turn off the heating
    negation: travel with a passport | travel without a passport
    against: lend to a friend | borrow from a friend
    against: the benefits of it | its drawbacks
    against: the minimum age | the maximum age
    against: log in | log out
    against: open on Saturday | opening hours on Sunday
    against: the blue light | the red light
    against: parcel to Spain | parcel from Spain
    against: install it | uninstall it
    prefix: load it | reload it
    against: subscribe | unsubscribe
    only in one: if I am employed | if I am self-employed
    opposites in another order: the minimum age and maximum weight | the maximum age and minimum weight
    quantifier: all users | users
    quantifier: only members vote | members vote
    quantifier: ship except fridges | ship fridges
    name: the branch in Camden | the branch in Brixton
    name: the US population | the UK population
    name: 5 mW of power | 5 MW of power
    names in another order: Does Anna owe Bob? | Does Bob owe Anna?
    person: my name | your name
    person: Can you call me? | Can I call you?
    names in another order: faster than Python is Java | faster than Java is Python
    another object: faster than wind is light | faster than light is wind
    against: from savings to checking | from checking to savings
    code: open /etc/hosts | open /etc/passwd
    quotation: What is "abc"? | What is "abd"?
    against: 다크 모드 켜는 방법 | 다크 모드 끄는 방법
    against: 서울에서 부산까지 요금 | 부산에서 서울까지 요금
    number: 17원 | 18원
    date: 3월 3일 예약 | 3월 4일 예약
    time: 오전 5시에 | 오후 5시에
    number: 두 명 | 세 명
    number: 5kg 이상 | 5kg 이하
    negation: 알림이 와요 | 알림이 오지 않아요
    negation: 환불이 되나요? | 환불이 안 되나요?
    against: 배송비 포함 가격 | 배송비 제외 가격
    against: 활성화 방법 | 비활성화 방법
    against: 돈을 빌려주는 방법 | 돈을 빌리는 방법
    against: 100달러를 원으로 | 100달러를 엔으로
    against: 월요일 영업 | 화요일 영업
    quantifier: 모든 사용자 삭제 | 사용자 삭제
    quantifier: 회원만 입장하나요 | 회원도 입장하나요"""


def _pairs(table: str) -> list[tuple[str, str]]:
    return [tuple(line.strip().split(" | ")) for line in table.strip().splitlines()]  # type: ignore[misc]


@pytest.mark.parametrize(("new", "stored"), _pairs(AGREE))
def test_other_words_for_the_same_values_agree(new: str, stored: str) -> None:
    """Spelling, unit, phrasing and word order of a value cost nothing, either way round."""
    assert conflict(new, stored) is None
    assert conflict(stored, new) is None


@pytest.mark.parametrize(("line", "stored"), _pairs(CLASH))
def test_a_changed_value_is_named(line: str, stored: str) -> None:
    """Whatever is stated differently is vetoed either way round, and the reason says what."""
    kind, new = line.split(": ", 1)
    told, back = conflict(new, stored), conflict(stored, new)
    assert told is not None
    assert back is not None
    assert kind in told or kind in back


@given(st.text(max_size=60))
def test_a_text_agrees_with_itself(text: str) -> None:
    """No text is in conflict with itself, with more white space around it too."""
    assert conflict(text, f" {text}\n") is None


@given(st.text(max_size=60), st.text(max_size=60))
def test_conflict_is_symmetric_and_total(one: str, other: str) -> None:
    """It never raises, and who was stored first does not matter."""
    assert (conflict(one, other) is None) == (conflict(other, one) is None)


_WORDS = (
    *(
        "how",
        "do",
        "i",
        "my",
        "the",
        "card",
        "not",
        "pay",
        "all",
        "only",
        "from",
        "to",
        "rome",
        "oslo",
        "Anna",
        "5",
        "7",
        "km",
    ),
    *("$3", "on", "off", "before", "and", "without", "3", "March"),
)


@given(st.lists(st.sampled_from(_WORDS), max_size=9), st.lists(st.sampled_from(_WORDS), max_size=9))
def test_the_order_of_the_arguments_never_matters(one: list[str], other: list[str]) -> None:
    """Symmetry again, on texts that are all values, for both looser readings."""
    a, b = " ".join(one), " ".join(other)
    assert (conflict(a, b) is None) == (conflict(b, a) is None)
    assert (mismatch(a, b) is None) == (mismatch(b, a) is None)


@given(
    st.integers(1, 99),
    st.integers(1, 99),
    st.sampled_from(["hour", "day", "mile"]),
    st.sampled_from(["hour", "day", "mile"]),
)
def test_a_hyphen_changes_no_value(one: int, other: int, unit: str, of: str) -> None:
    """A 2-hour walk is a walk of 2 hours, and of nothing else."""
    assume(unit == of or {unit, of} != {"hour", "day"} or one != 24 * other)
    assume(unit == of or {unit, of} != {"hour", "day"} or other != 24 * one)
    told = conflict(f"the price of a {one}-{unit} walk", f"the price of a walk of {other} {of}s")
    assert (told is None) == (one == other and unit == of)


def test_no_changed_number_is_overlooked() -> None:
    """Not one of the benchmark's thousand pairs with one number changed passes the guards."""
    assert [pair for pair in numbers(1_000) if conflict(pair.b, pair.a) is None] == []


_TEMPLATES = (
    "What is {} plus 4?", "How do I get {} tickets?", "Is {} km far?", "Wait {} minutes.", "Pay ${} now", "At {}% it boils",
    "room {}", "Who won in {}?", "17과 {}의 합은?", "{}원", "{}개 주문", "Convert {} miles to km", "take {} of 3 pills",
)  # fmt: skip


@given(st.sampled_from(_TEMPLATES), st.integers(0, 10**7), st.integers(0, 10**7))
def test_a_changed_number_is_always_vetoed(template: str, one: int, other: int) -> None:
    """No other number is ever accepted by any reading, wherever it stands."""
    assume(one != other)
    a, b = template.format(one), template.format(other)
    assert conflict(a, b) is not None
    assert mismatch(a, b) is not None


_PLAIN = ("I can {} my card", "Do I {} a fee?", "The app does {} today", "When will it {} again?")


@given(st.sampled_from(_PLAIN), st.sampled_from(["use", "pay", "open", "arrive", "support"]))
def test_an_added_negation_is_always_vetoed(template: str, verb: str) -> None:
    """A "not" in one text only turns the question round."""
    assert conflict(template.format(verb), template.format(f"not {verb}")) is not None
