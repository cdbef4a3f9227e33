"""What the office knows and is asked about: the prompts of its applications, its handbook, the FAQ and the one-offs."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

Route = Literal["langchain", "llamaindex", "core"]

SYSTEM: Final[Mapping[Route, str]] = MappingProxyType(
    {
        "langchain": (
            "You are the order desk of Alder & Finch, an office supply shop. Prices are in US dollars, tax included. "
            "Shipping costs $6.50 per order; an order with goods worth $75.00 or more ships free. Shipping counts "
            "only where the request asks for it. Answer a question about money in one short sentence that ends with "
            "the amount, with a dollar sign and two decimals, and state no other amount. Where a text is asked for, "
            "write that text."
        ),
        "llamaindex": (
            "You help the staff of Alder & Finch, an office supply shop. Answer from the handbook, in one or two "
            "short sentences and in the language of the question. Write every date as YYYY-MM-DD. An answer that is "
            "a date or a number of points ends with it. Where a text is asked for, write that text."
        ),
        "core": "",
    }
)
"""The system prompt of each route; empty where there is none."""

HANDBOOK: Final[list[str]] = [
    (
        "Returns. Customers may return unused goods within 30 days of delivery. Returning is free of charge. The "
        "refund goes to the original payment method within 10 business days after the goods have arrived."
    ),
    "Delivery. Standard delivery takes 3 to 5 business days. Express delivery takes 1 business day and costs $14.00.",
    (
        "Changing an order. The delivery address can be changed up to 12 hours after ordering, in the customer "
        "account. An order can be cancelled free of charge until it has been packed."
    ),
    "Damaged parcels. Damage must be reported within 7 days of delivery, with a photo of the parcel.",
    (
        "Shop. The shop is open Monday to Friday from 9:00 to 18:00 and Saturday from 10:00 to 14:00; it is closed "
        "on Sunday. Orders for pick-up are kept at the shop counter for 14 days."
    ),
    (
        "Warranty. The warranty ends exactly 2 years after the date of purchase, on the same day and month. For "
        "products bought refurbished it ends exactly 1 year after the date of purchase."
    ),
    (
        "Payment. We accept credit cards, PayPal and bank transfer. Payment terms of invoices are in calendar days; "
        "the first day is the day after the invoice date, so 21 days from 2026-03-01 end on 2026-03-22."
    ),
    "Gift cards. Gift cards are valid for 3 years from the date of purchase and cannot be exchanged for cash.",
    (
        "Loyalty points. Members earn 3 points for every full dollar of an order; cents do not count. Gold members "
        "earn 6 points for every full dollar."
    ),
]
"""What the llamaindex route answers from: the documents of its FAQ and the rules of its recurring questions."""


@dataclass(frozen=True, slots=True)
class Question:
    """A topic of the FAQ: the facts of its answer, and its wordings in the order in which they are first asked."""

    topic: str
    facts: tuple[tuple[str, ...], ...]
    wordings: tuple[str, ...]


FAQ: Final[tuple[Question, ...]] = (
    Question(
        "returns",
        (("30 days", "30-day", "thirty days", "30일"),),
        (
            "How many days does a customer have to return something?",
            "how many days does a customer have to return something",
            "반품은 며칠 이내에 가능한가요?",
            "What is our return window?",
            "Please tell me how many days a customer has to return something.",
        ),
    ),
    Question(
        "delivery time",
        (("3 to 5", "3-5", "3–5", "three to five", "3~5", "3일에서 5"),),
        (
            "How long does standard delivery take?",
            "Hi, how long does standard delivery take?",
            "일반 배송은 얼마나 걸리나요?",
            "How long does standard delivery take, please?",
            "When does a parcel arrive that is sent with normal shipping?",
        ),
    ),
    Question(
        "warranty",
        (("2 years", "2-year", "two years", "two-year", "24 months", "2년"),),
        (
            "How long is the warranty on our products?",
            "How long is the warranty on our products",
            "제품 보증 기간은 얼마나 되나요?",
            "What warranty period do new products have?",
        ),
    ),
    Question(
        "opening hours",
        (
            ("9:00", "09:00", "9 am", "9am", "9 a.m", "9시"),
            ("18:00", "6 pm", "6pm", "6:00 pm", "6 p.m", "6:00 p.m", "18시", "오후 6"),
            ("10:00", "10 am", "10am", "10 a.m", "10시"),
            ("14:00", "2 pm", "2pm", "2:00 pm", "2 p.m", "2:00 p.m", "14시", "오후 2"),
        ),
        (
            "What are the opening hours of the shop, Monday to Sunday?",
            "what are the opening hours of the shop, monday to sunday?",
            "매장의 요일별 영업 시간을 알려 주세요.",
            "Hello, what are the opening hours of the shop, Monday to Sunday?",
        ),
    ),
    Question(
        "refunds",
        (("10 business days", "10 working days", "ten business days", "10영업일", "10 영업일", "영업일 기준 10일"),),
        (
            "When does a customer get the money back after a return?",
            "When does a customer get the money back after a return? Thanks",
            "환불은 며칠 안에 받을 수 있나요?",
        ),
    ),
    Question(
        "payment",
        (("card", "카드"), ("paypal", "페이팔"), ("bank transfer", "wire transfer", "계좌", "은행")),
        (
            "Which payment methods do we accept?",
            "which payment methods do we accept",
            "어떤 결제 수단을 사용할 수 있나요?",
            "How can customers pay for an online order?",
        ),
    ),
    Question(
        "gift cards",
        (("3 years", "3-year", "three years", "three-year", "36 months", "3년"),),
        (
            "How long is a gift card valid?",
            "Hi, how long is a gift card valid?",
            "After how many years does a gift card expire?",
            "How long is a gift card valid? Thanks!",
        ),
    ),
    Question(
        "address change",
        (("12 hours", "12-hour", "twelve hours"),),
        (
            "Until when can the delivery address of an order be changed?",
            "until when can the delivery address of an order be changed",
        ),
    ),
    Question(
        "cancellation",
        (("packed", "packing", "packaged"),),
        (
            "Up to what point can an order be cancelled free of charge?",
            "Hello, up to what point can an order be cancelled free of charge?",
        ),
    ),
    Question(
        "express",
        (("1 business day", "1 working day", "one business day", "next business day"), ("$14", "14 dollars", "14.00")),
        (
            "How fast is express delivery, and what does it cost?",
            "How fast is express delivery and what does it cost",
        ),
    ),
    Question(
        "damaged parcels",
        (("7 days", "seven days", "a week", "one week"), ("photo", "picture")),
        (
            "What does a customer have to send us about a damaged parcel, and how soon?",
            "Hi, what does a customer have to send us about a damaged parcel, and how soon?",
        ),
    ),
    Question(
        "pick-up",
        (("14 days", "14-day", "fourteen days", "two weeks", "2 weeks"),),
        (
            "How long do we keep pick-up orders at the counter?",
            "how long do we keep pick-up orders at the counter?",
        ),
    ),
)
"""The questions to the handbook, the most popular first."""

ONE_OFFS: Final[tuple[str, ...]] = (
    "Write a two-sentence thank-you note to {name}, who just placed a first order.",
    "Suggest a slogan for a line of recycled notebooks that {name} designed.",
    "Draft a friendly reminder to {name} that the meeting room must be left tidy.",
    "Give me three ideas for the window display that {name} is planning for spring.",
    "{name} retires on Friday; write a short toast.",
    "Find a polite way to tell {name} that we do not sponsor sports clubs.",
    "Write a job advertisement in three sentences for the warehouse position under {name}.",
    "Propose a name for the new coffee corner; {name} wants something with paper in it.",
    "What could {name} say to open a presentation about sustainable office supplies?",
    "Compose a haiku about the printer that {name} repaired.",
    "Describe a fountain pen for the catalogue, in the cheerful style that {name} likes.",
    "How would you calm down {name}, a customer whose parcel was left in the rain?",
    "List pros and cons of letting {name} work from home on Mondays.",
    "Sketch an agenda for the first day of our new colleague {name}.",
    "Turn this into a warmer sentence for {name}: your complaint was received.",
    "Think of a quiz question about stationery for the party of {name}.",
    "Which book would you recommend to {name}, who now leads a team for the first time?",
    "Write the out-of-office message of {name}, who is hiking until next week.",
    "Invent a mascot for our shop; {name} hopes for an animal.",
    "Summarise in one sentence why {name} should join the loyalty programme.",
    "Help {name} apologise to a supplier for a missed call.",
    "Word an invitation by {name} to the summer barbecue of the sales team.",
    "Tell {name} in plain words what a standing desk is good for.",
    "Explain to {name}, aged six, what an invoice is.",
)
"""Requests for a text of one's own; nobody can say which answer is right."""
