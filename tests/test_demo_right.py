"""The demo's ``right``: it accepts the usual phrasings of a right answer and nothing else."""

from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seglam.demo.handbook import FAQ
from seglam.demo.traffic import HANDBOOK, ROUTES, SYSTEM, Item, Truth, right, stream


def _number(value, unit=""):
    return Item("", "core", "a class", "recurring", Truth("number", value, unit))


class TestContexts:
    def test_every_route_has_a_context_and_core_none(self):
        """The core route asks bare questions; the others carry the rules that their answers depend on."""
        assert set(SYSTEM) == set(ROUTES)
        assert SYSTEM["core"] == ""
        assert "$6.50" in SYSTEM["langchain"]
        assert "$75.00" in SYSTEM["langchain"]
        assert 6 <= len(HANDBOOK) <= 10

    @pytest.mark.parametrize("question", FAQ, ids=lambda question: question.topic)
    def test_the_handbook_answers_every_question(self, question):
        """All facts of a topic stand in one paragraph, and that paragraph alone has them all."""
        item = Item("", "llamaindex", question.topic, "faq", Truth("facts", facts=question.facts))
        assert len([paragraph for paragraph in HANDBOOK if right(item, paragraph)]) == 1


ANSWERS = {
    "returns": [
        "Customers have 30 days from delivery to return goods.",
        "배송일로부터 30일 이내에 반품하실 수 있습니다.",
    ],
    "delivery time": ["It takes 3–5 business days.", "Three to five business days.", "영업일 기준 3~5일 걸립니다."],
    "warranty": ["The warranty lasts two years.", "A 2-year warranty.", "보증 기간은 구매일로부터 2년입니다."],
    "opening hours": [
        "Monday to Friday 9:00-18:00, Saturday 10:00-14:00, closed on Sunday.",
        "We are open 9 am to 6 pm on weekdays and 10\u202fa.m. to 2\u202fp.m. on Saturdays.",
        "월요일부터 금요일까지 오전 9시~오후 6시, 토요일은 오전 10시~오후 2시이며 일요일은 휴무입니다.",
    ],
    "refunds": ["Within 10 business days after the goods have arrived.", "반품 도착 후 10영업일 이내에 환불됩니다."],
    "payment": ["Credit cards, PayPal and bank transfers.", "신용카드, PayPal, 계좌 이체를 사용할 수 있습니다."],
    "gift cards": ["A gift card is valid for **3 years**.", "It expires after three years."],
    "address change": ["Up to 12 hours after ordering."],
    "cancellation": ["Until it has been packed."],
    "express": ["Express takes 1 business day and costs $14.00.", "It arrives the next business day, for $14."],
    "damaged parcels": ["A photo of the parcel, within 7 days of delivery."],
    "pick-up": ["We keep them for 14 days."],
}


class TestRight:
    @pytest.mark.parametrize("question", FAQ, ids=lambda question: question.topic)
    def test_tells_the_answers_of_the_faq_apart(self, question):
        """Every phrasing of a topic's answer is right for it, and every answer to another topic is wrong."""
        item = Item("", "llamaindex", question.topic, "faq", Truth("facts", facts=question.facts))
        for topic, answers in ANSWERS.items():
            for answer in answers:
                assert right(item, answer) is (topic == question.topic), answer

    def test_a_longer_number_is_not_the_fact(self):
        """130 days or 5-10 business days do not state 30 days or 10 business days."""
        facts = {question.topic: Truth("facts", facts=question.facts) for question in FAQ}
        assert right(Item("", "llamaindex", "", "faq", facts["returns"]), "Within 130 days.") is False
        assert right(Item("", "llamaindex", "", "faq", facts["refunds"]), "In 5-10 business days.") is False

    @given(st.integers(1, 10**7), st.integers(1, 500))
    def test_compares_amounts_by_value(self, amount, off):
        """Every usual way to write an amount of cents is right; the same sentence with another amount is wrong."""
        item = _number(f"{amount // 100}.{amount % 100:02d}", "$")
        for form in ("${:,.2f}.", "The total is ${:.2f}", "**${:,.2f}**", "${:,.2f} for 3 items.", "{:,.2f} dollars"):
            assert right(item, form.format(Decimal(amount) / 100)) is True
            assert right(item, form.format(Decimal(amount + off) / 100)) is False

    @pytest.mark.parametrize(
        ("value", "unit", "answer", "expected"),
        [
            ("1234.50", "$", "That is $1,234.50.", True),
            ("1234.50", "$", "1234.5", True),
            ("1234.50", "$", "USD 1,234.50", True),
            ("1234.50", "$", "$1.234,50", False),
            ("50", "$", "12,50", False),
            ("45.00", "$", "The goods are $40.00, with shipping $45.00.", True),
            ("40.00", "$", "The goods are $40.00, with shipping $45.00.", False),
            ("45.00", "$", "It is -$45.00.", False),
            ("45.00", "$", "Total – $45.00", True),
            ("45.00", "$", "Total: 45%", False),
            ("12.25", "$", "Each of the 4 of you pays $12.25.", True),
            ("12.25", "$", "$12.25 each for 4 people", True),
            ("7.75", "hours", "7.75", True),
            ("7.75", "hours", "7.75 hours on 1 day", True),
            ("7.75", "hours", "7 hours 45 minutes", False),
            ("7", "hours", "7 hours 45 minutes", False),
            ("4", "hours", "7 3/4 hours", False),
            ("15", "hours", "8:15", False),
            ("-12.5", "%", "-12.5%", True),
            ("-12.5", "%", "−12.5", True),
            ("-12.5", "%", "It fell by 12.5 %.", True),
            ("-12.5", "%", "12.5", False),
            ("12.5", "%", "It fell by 12.5 %.", False),
            ("12.5", "%", "It rose by 12.5 percent.", True),
            ("252", "points", "Order 4711 earns 252 points.", True),
            ("252", "points", "It earns 252 loyalty points for 84 dollars.", True),
            ("84", "points", "It earns 252 points for 84 dollars.", False),
            ("91.44", "", "36 in = 91.44 cm", True),
            ("91.44", "", "91.44cm", True),
            ("91", "", "91.44x", False),
            ("75", "", ".75", False),
            ("91.44", "", "I cannot say.", False),
            ("91.44", "", "", False),
            ("4", "", "the 4th", False),
        ],
    )
    def test_reads_the_number_that_is_stated(self, value, unit, answer, expected):
        """By value, the last one with its unit; what is unclear is wrong."""
        assert right(_number(value, unit), answer) is expected

    @given(st.dates(date(2020, 1, 1), date(2035, 12, 31)), st.integers(1, 700))
    def test_reads_the_date_that_is_stated(self, day, off):
        """ISO, written out, ordinal; the last one counts, and another day is wrong."""
        item = Item("", "llamaindex", "", "recurring", Truth("date", day.isoformat()))
        forms = [
            lambda d: f"It is due on {d.isoformat()}.",
            lambda d: f"{d.day} {d:%B %Y}",
            lambda d: f"{d:%B} {d.day}, {d.year}",
            lambda d: f"the {d.day}th of {d:%B} {d.year}",
            lambda d: f"Invoice of 2019-02-03: {d:%b}. {d.day}, {d.year}.",
        ]
        for form in forms:
            assert right(item, form(day)) is True
            assert right(item, form(day + timedelta(days=off))) is False
        assert right(item, f"{day.isoformat()}, no, 2026-02-30") is False
        assert right(item, "in two weeks") is False

    def test_compares_texts_exactly(self):
        """But for the spaces around; capitals, quotes and inner spaces count."""
        item = Item("", "core", "", "recurring", Truth("text", "Maria Lopez"))
        assert right(item, " Maria Lopez\n") is True
        for answer in ("maria Lopez", "Maria  Lopez", '"Maria Lopez"', "Maria Lopez.", ""):
            assert right(item, answer) is False

    def test_says_nothing_about_one_offs(self):
        """Nobody can say what the right thank-you note is."""
        notes = [item for item in stream() if item.flavour == "one-off"]
        assert notes
        assert {right(item, "Thank you!") for item in notes} == {None}

    @pytest.mark.parametrize("seed", range(5))
    def test_sees_that_a_neighbour_was_served(self, seed):
        """The previous answer of the same class is wrong for the next request, nearly always."""
        wrong = []
        items = [item for item in stream(seed) if item.flavour == "recurring"]
        for topic in {item.topic for item in items}:
            wrong += [
                right(after, before.truth.value) is False
                for before, after in pairwise([item for item in items if item.topic == topic])
            ]
        assert sum(wrong) >= 0.95 * len(wrong)

    def test_accepts_the_truth_of_every_class(self):
        """The plain value is right for every request that has one."""
        valued = [item for item in stream() if item.truth.value]
        assert len(valued) > 300
        assert all(right(item, item.truth.value) for item in valued)
