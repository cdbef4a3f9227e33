"""Distinct questions in plain English, as many as wanted, without any download."""

import itertools
import random

OPENINGS = (
    "How do I",
    "How can I",
    "Where do I",
    "Is it possible to",
    "What do I need to",
    "When should I",
    "Why would I",
    "Who can",
)
VERBS = (
    "cancel", "renew", "change", "print", "download", "share", "repair", "clean", "transfer", "insure", "register", "translate",
    "photograph", "measure", "sell", "store", "paint", "replace", "archive", "publish",
)  # fmt: skip
OWNERS = ("my", "our", "the team's", "a neighbour's", "the school's", "an old")
THINGS = (
    "subscription", "garden fence", "passport", "bicycle", "invoice", "piano", "tax form", "kitchen table", "insurance card",
    "boat", "holiday photo", "savings account", "coffee machine", "rental contract", "winter coat", "vaccination record",
)  # fmt: skip
PLACES = (
    "online",
    "at the office",
    "by phone",
    "while travelling",
    "without a printer",
    "before the summer",
    "on a weekend",
)


def questions(count: int) -> list[str]:
    """The first ``count`` of a fixed shuffle of all combinations (107,520 of them)."""
    every = list(itertools.product(OPENINGS, VERBS, OWNERS, THINGS, PLACES))
    random.Random(7).shuffle(every)
    return [f"{o} {v} {w} {t} {p}?" for o, v, w, t, p in every[:count]]
