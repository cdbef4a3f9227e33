"""Office templates of a house's own rules: the request does not state them, the replies show them, and one day they change."""

import random
from decimal import ROUND_CEILING, Decimal

from benchmarks.crystal.office_kit import (
    CITIES,
    FIRMS,
    AmbiguousError,
    Values,
    cents,
    money,
    price,
    short,
    template,
    typed,
)


@template(
    "final",
    "What does our courier charge for {km} km to {city}?",
    "Courier price for a {km} km run to {city}, please.",
    "We need the courier to {city}, {km} km. Cost?",
    "How much will the courier cost us for {city} ({km} km)?",
    edits=(
        ("unit", "{km} km", "{km} miles"),
        ("inserted", "{city}", "{city} and back again"),
        ("negated", "{km} km", "{km} km, leaving the fixed part out"),
    ),
    relative=("km",),
)
def courier_price(rng: random.Random) -> Values:
    """A fixed part and a rate for the kilometre: the fixed part rises."""
    km = rng.randint(2, 480)
    rate = Decimal("1.25")
    before, after = (
        f"{km} x {money(rate)} + {money(fee)} = {money(km * rate + fee)}" for fee in (Decimal(6), Decimal("7.50"))
    )
    return {"km": str(km), "city": rng.choice(CITIES), "v": before, "drifted": after}


@template(
    "final",
    "At our in-house rate, what is {euros} in dollars?",
    "Convert {euros} to dollars with the in-house rate.",
    "{firm} quotes {euros}. In dollars, at the in-house rate?",
    "Please book {euros} from {firm}: dollar amount at our in-house rate?",
    edits=(
        ("unit", "dollars", "pounds"),
        ("inserted", "{euros}", "{euros} plus 20% VAT"),
        ("negated", "in-house rate", "bank's rate, not the in-house rate"),
    ),
    relative=("euros",),
)
def house_rate(rng: random.Random) -> Values:
    """Euros at a rate that is set anew."""
    euros = price(rng, 20, 9000)
    before, after = (f"{short(euros)} x {rate} = {money(cents(euros * Decimal(rate)))}" for rate in ("1.08", "1.12"))
    return {"euros": typed(rng, euros, "€"), "firm": rng.choice(FIRMS), "v": before, "drifted": after}


@template(
    "final",
    "Storage levy on {amount}: {percent}%. What do we charge?",
    "What is the {percent}% storage levy on {amount}?",
    "{firm} has goods worth {amount} in storage. How much is the levy at {percent}%?",
    "Please work out the storage levy for {firm}, {percent}% of {amount}.",
    edits=(
        ("unit", "{percent}%", "{percent} per mille"),
        ("inserted", "{amount}", "{amount} (the first $1,000 exempt)"),
        ("negated", "levy", "levy if it is not {percent}% but double that,"),
    ),
    relative=("*amount",),
)
def storage_levy(rng: random.Random) -> Values:
    """A percentage, rounded to the cent; later up to the next five cents."""
    amount, percent = price(rng, 300, 60_000), Decimal(rng.randint(3, 39)) / 4
    levy = amount * percent / 100
    now = cents(levy)
    later = (levy * 20).to_integral_value(ROUND_CEILING) / 20
    if now == later:
        raise AmbiguousError
    return {
        "amount": typed(rng, amount), "percent": short(percent), "firm": rng.choice(FIRMS),
        "v": f"The levy is {money(now)}.", "drifted": f"The levy is {money(later)}.",
    }  # fmt: skip
