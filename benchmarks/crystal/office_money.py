"""Office templates about money: fees, invoices, shares, wages."""

import random
from decimal import ROUND_CEILING, Decimal

from benchmarks.crystal.office_kit import (
    CENT,
    CITIES,
    FIRMS,
    FIRST,
    GOODS,
    Values,
    cents,
    count,
    exact,
    idle,
    money,
    person,
    plural,
    price,
    short,
    template,
    typed,
)


@template(
    "numbers",
    "A parcel to {city} weighs {weight} kg. Shipping is {base} flat plus {rate} for every kg. What does"
    " it cost to send?",
    "Shipping cost please: {weight} kg, flat charge {base}, {rate} per kg, going to {city}.",
    "Our carrier takes {base} per parcel and {rate} per kg on top. How much do we pay for {weight} kg to {city}?",
    "Could you work out the postage for a {weight} kg box to {city}? It's {rate} a kg, and there is a"
    " flat fee of {base}.",
    "need to ship {weight} kg to {city} - {base} flat + {rate}/kg - total?",
    edits=(
        ("unit", "{weight} kg", "{weight} lb"),
        ("inserted", "{weight} kg", "{weight} kg (the first 2 kg travel free)"),
        ("inserted", "to {city}", "to {city} and back"),
        ("negated", "to {city}", "to {city}, without charging the flat part,"),
    ),
    relative=("weight", "base"),
)
def shipping_fee(rng: random.Random) -> Values:
    """A flat fee and a rate for the kilogram."""
    weight = Decimal(rng.randint(5, 900)) / rng.choice([1, 2, 10])
    base, rate = price(rng, 2, 30), Decimal(rng.randint(20, 900)) / 100
    total = cents(base + rate * weight)
    return {
        "city": rng.choice(CITIES), "weight": short(weight), "base": typed(rng, base),
        "rate": money(rate), "v": f"Shipping costs {money(total)}.",
    }  # fmt: skip


@template(
    "numbers",
    "Please total this invoice: {qty} x {item} at {unit} each, {discount}% discount, then {tax}% sales tax.",
    "What is the invoice total for {qty} of the {item} at {unit} apiece after {discount}% off and with"
    " {tax}% sales tax added?",
    "I'm billing {firm} for {qty} times {item}, unit price {unit}. Take off {discount}%, then add {tax}%"
    " sales tax. Final amount?",
    "{firm} gets {discount}% off. {qty} x {item}, {unit} each; sales tax is {tax}% on the reduced price."
    " How much is the bill?",
    "Invoice for {firm}: item {item}, quantity {qty}, price {unit}, discount {discount}%, sales tax"
    " {tax}% (after discount)."
    " What do they owe?",
    "hi, can you do {qty} x {unit} less {discount}% plus {tax}% sales tax? it's the {item} order",
    edits=(
        ("inserted", "{unit}", "{unit} (tax already included)"),
        ("inserted", "{discount}%", "{discount}% (only on the first piece)"),
        ("unit", "{discount}%", "${discount}"),
        ("negated", "{tax}%", "no longer {tax}% but 1%"),
    ),
    relative=(
        "qty",
        "unit",
    ),
)
def invoice_total(rng: random.Random) -> Values:
    """Quantity times price, less discount, plus tax."""
    qty, unit = rng.choice([rng.randint(2, 40), rng.randint(2, 1500)]), price(rng, 3, 400)
    discount, tax = rng.randint(2, 35), rng.choice([Decimal(rng.randint(3, 25)), Decimal(rng.randint(6, 50)) / 2 + 1])
    total = cents(exact(qty * unit * (100 - discount) / 100) * (100 + tax) / 100)
    return {
        "qty": count(rng, qty), "item": rng.choice(GOODS), "unit": typed(rng, unit), "discount": str(discount),
        "tax": short(tax), "firm": rng.choice(FIRMS), "v": money(total),
    }  # fmt: skip


@template(
    "numbers",
    "{name} cancels a {monthly} a month plan after {used} of {days} days. How much do we refund for the unused days?",
    "Pro rata refund: plan {monthly} per month, month has {days} days, {used} used. Amount for {name}?",
    "The plan costs {monthly} monthly and this month has {days} days. {name} used it for {used}. What's"
    " the refund for the rest?",
    "Please calculate what {name} gets back: {used} days used out of {days}, monthly price {monthly},"
    " unused days refunded"
    " pro rata.",
    edits=(
        ("inserted", "{monthly}", "{monthly} (plus a setup fee of €3 that is refunded in full)"),
        ("negated", "unused", "used"),
        ("negated", "{name} used it for {used}", "{name} did not use it for {used}"),
        ("negated", "the rest", "the used part, not the rest"),
        ("unit", "{monthly}", "{monthly} (wanted in dollars, one euro being 1.10 dollars)"),
        ("inserted", "{used}", "{used} (two paused ones not counted)"),
    ),
    relative=(
        "used",
        "monthly",
    ),
)
def refund_share(rng: random.Random) -> Values:
    """The unused part of a month."""
    monthly, days = price(rng, 5, 900), rng.choice([28, 29, 30, 31])
    used = rng.randint(1, days - 1)
    refund = cents(monthly * (days - used) / days)
    return {
        "name": person(rng), "monthly": typed(rng, monthly, "€"), "used": str(used), "days": str(days),
        "v": f"The refund is {money(refund, '€')}.", **idle(2 * used == days),
    }  # fmt: skip


@template(
    "numbers",
    "Convert {amount} {source} to {target} at a rate of {rate} {target} per {source}.",
    "How much is {amount} {source} in {target} if 1 {source} = {rate} {target}?",
    "1 {source} buys {rate} {target} today. What are {amount} {source} worth in {target}?",
    "Using {rate} as the {source} to {target} rate, please convert {amount} {source}.",
    "{amount} {source} -> {target}, rate {rate} {target} for one {source}",
    edits=(
        ("inserted", "{amount} {source}", "{amount} {source}, less a 2% bank fee,"),
        ("inserted", "{amount} {source}", "{amount} thousand {source}"),
        ("negated", "{rate}", "not {rate} but its reverse"),
        ("unit", "{amount} {source}", "{amount} cents of one {source}"),
    ),
    relative=("amount", "rate"),
)
def currency_at_rate(rng: random.Random) -> Values:
    """An amount times a rate that the request states."""
    source, target = rng.sample(["USD", "EUR", "GBP", "CHF", "SEK", "PLN", "CAD", "JPY", "INR", "BRL"], 2)
    amount, rate = price(rng, 5, 40_000), Decimal(rng.randint(1000, 99_999)) / rng.choice([10_000, 1000])
    return {
        "amount": typed(rng, amount, ""), "source": source, "target": target, "rate": short(rate),
        "v": f"{cents(amount * rate):,.2f} {target}",
    }  # fmt: skip


@template(
    "numbers",
    "{name} sold {sales} this quarter. Commission is {low}% up to {limit} and {high}% on everything"
    " above. What is the commission?",
    "Commission for {name}: sales {sales}; {low}% on the first {limit}, {high}% on the rest.",
    "We pay {low}% commission until {limit} of sales, after that {high}% on the excess. {name} reached"
    " {sales}. What do we owe?",
    "What commission does {name} earn on {sales} if the first {limit} pay {low}% and the amount beyond"
    " that pays {high}%?",
    "calc commission pls, {name}, {sales} sold, tiers: {low}% to {limit} / {high}% over",
    edits=(
        ("inserted", "{sales}", "{sales}, a tenth of which was later returned,"),
        ("negated", "{high}%", "not {high}% but nothing"),
        ("unit", "{low}%", "{low} per mille"),
    ),
    relative=(
        "sales",
        "limit",
    ),
)
def commission_tiers(rng: random.Random) -> Values:
    """Two tiers, the second on the excess only."""
    limit = Decimal(rng.choice([5, 8, 10, 12, 15, 20, 25, 40, 50, 75, 100]) * 1000)
    sales = cents(limit * Decimal(rng.randint(30, 320)) / 100 + rng.randint(1, 999))
    low = Decimal(rng.randint(2, 14)) / 2
    high = low + Decimal(rng.randint(1, 10)) / 2
    due = cents(min(sales, limit) * low / 100 + max(sales - limit, Decimal(0)) * high / 100)
    return {
        "name": person(rng), "sales": typed(rng, sales), "limit": typed(rng, limit), "low": short(low),
        "high": short(high), "v": f"The commission is {money(due)}.", **idle(sales <= limit),
    }  # fmt: skip


@template(
    "numbers",
    "The bill came to {bill}. With a {tip}% tip split evenly by {people}, what does each person pay"
    " (rounded up to the cent)?",
    "Split {bill} between {people} people, {tip}% tip included. Per head, rounded up to the next cent?",
    "{people} of us had dinner for {bill} and want to leave {tip}%. How much is it each? Round up to a full cent.",
    "Team lunch, {bill} before tip, tip {tip}%, {people} people. Please give each one's share, rounded up to the cent.",
    edits=(
        ("inserted", "{bill}", "{bill}, of which $12 is {one}'s alone,"),
        ("inserted", "{people}", "{people} (two of them pay nothing)"),
        ("negated", "{tip}%", "no tip at all instead of {tip}%"),
        ("unit", "{tip}%", "${tip}"),
    ),
    relative=("bill", "people"),
)
def split_bill(rng: random.Random) -> Values:
    """A bill with tip, shared."""
    bill, tip, people = price(rng, 20, 1900), rng.randint(5, 25), rng.randint(3, 24)
    share = (exact(bill * (100 + tip) / 100) / people).quantize(CENT, ROUND_CEILING)
    return {
        "bill": typed(rng, bill), "tip": str(tip), "people": str(people), "one": rng.choice(FIRST),
        "v": f"Each pays {money(share)}.",
    }  # fmt: skip


@template(
    "numbers",
    "Loan of {loan} at {rate}% simple interest per year over {years} years, paid back in equal monthly"
    " instalments: (loan +"
    " loan x rate x years) / months. What is one instalment?",
    "{name} borrows {loan} for {years} years. Interest is simple, {rate}% a year on the full loan. What"
    " is the monthly instalment"
    " if loan plus all interest is divided evenly over the months?",
    "Monthly instalment please. Principal {loan}, term {years} years, flat yearly rate {rate}%,"
    " instalment = (principal + flat"
    " interest) / number of months.",
    "Using flat interest ({rate}% of the original loan each year), how much per month does {name} repay"
    " on {loan} over"
    " {years} years?",
    edits=(
        ("inserted", "{loan}", "{loan} (after a down payment of 10% of it)"),
        ("unit", "{years} years", "{years} months"),
        ("negated", "{rate}%", "not {rate}% but no interest, that is 0%,"),
        ("inserted", "{years} years", "{years} years with the first half-year free of instalments"),
    ),
    relative=("loan", "years"),
)
def loan_instalment(rng: random.Random) -> Values:
    """Flat interest, equal months."""
    loan, years = Decimal(rng.randint(6, 900) * rng.choice([100, 250, 500])), rng.randint(2, 25)
    rate = Decimal(rng.randint(4, 60)) / 4
    month = cents(loan * (1 + rate * years / 100) / (12 * years))
    return {
        "loan": typed(rng, loan, "£"), "years": str(years), "rate": short(rate), "name": person(rng),
        "v": f"{money(month, '£')} per month",
    }  # fmt: skip


@template(
    "numbers",
    "{name} worked {hours} hours this week at {rate} an hour. Hours above {norm} are paid {factor}"
    " times. What is the gross pay?",
    "Gross pay for {name}: {hours} h, {rate}/h, overtime after {norm} h at {factor}x.",
    "Our overtime factor is {factor} beyond {norm} hours a week. At {rate} per hour, what does {name}"
    " get for {hours} hours?",
    "Please run payroll for {name} - hourly wage {rate}, {hours} hours worked, everything over {norm}"
    " hours counts {factor}-fold.",
    "What do we pay {name} for a week of {hours} hours if the wage is {rate} an hour and hours over"
    " {norm} earn {factor} times that?",
    edits=(
        ("inserted", "{name}", "{name}, who took 3 hours of it unpaid,"),
        ("inserted", "{rate}", "{rate} (less 8% pension)"),
        ("negated", "{factor}", "no longer {factor} but 1"),
        ("unit", "{hours} h", "{hours} quarter-h"),
    ),
    relative=("hours", "rate"),
)
def payroll_overtime(rng: random.Random) -> Values:
    """Overtime beyond a norm, with a factor."""
    norm, factor = rng.choice([35, 37, 38, 40, 42]), rng.choice(["1.25", "1.5", "1.75", "2"])
    hours, rate = Decimal(rng.randint(2 * norm - 20, 2 * norm + 36)) / 2, price(rng, 9, 95)
    over = max(hours - norm, Decimal(0))
    pay = exact((hours - over) * rate) + exact(over * rate * Decimal(factor))
    return {
        "name": person(rng), "hours": short(hours), "rate": typed(rng, rate), "norm": str(norm), "factor": factor,
        "v": f"Gross pay: {money(pay)}", **idle(not over),
    }  # fmt: skip


@template(
    "numbers",
    "Invoice {no} over {amount} is {late} days late. The late fee is {rate}% per started week, at most"
    " {cap}. What is the fee?",
    "Late fee on {amount}, {late} days overdue ({rate}% for each started week, capped at {cap}), invoice {no}?",
    "We charge {rate}% of the amount for every week or part of a week, but never more than {cap}."
    " Invoice {no}: {amount}, {late}"
    " days overdue. Fee?",
    "How high is the late charge for invoice {no}? {amount} has been open {late} days too long; {rate}%"
    " per started week,"
    " maximum {cap}.",
    edits=(
        ("inserted", "{amount}", "{amount}, of which $50 is already paid,"),
        ("unit", "{rate}%", "{rate} per mille"),
        ("negated", "{rate}%", "not {rate}% but half of that"),
    ),
    relative=("amount",),
)
def late_fee(rng: random.Random) -> Values:
    """A percentage for each started week, capped."""
    amount, late = price(rng, 90, 6000), rng.randint(1, 100)
    rate, cap = Decimal(rng.randint(2, 12)) / 4, Decimal(rng.choice([50, 75, 100, 150, 200, 250, 300, 400, 500]))
    fee = min(exact(amount * rate / 100) * -(-late // 7), cap)
    return {
        "no": f"{rng.randint(1000, 99_999)}", "amount": typed(rng, amount), "late": str(late), "rate": short(rate),
        "cap": typed(rng, cap), "v": f"The late fee is {money(fee)}.", **idle(fee == cap),
    }  # fmt: skip


@template(
    "numbers",
    "Fixed costs are {fixed} a month; we sell the {item} at {sell} and it costs us {cost} to make. How"
    " many must we sell to break"
    " even?",
    "Break-even quantity for the {item}: price {sell}, variable cost {cost}, fixed costs {fixed}.",
    "How many units of the {item} cover {fixed} of fixed costs if each sells for {sell} and costs {cost}?",
    "With {cost} variable cost and a price of {sell} per {item}, at which number of units do we cover"
    " fixed costs of {fixed}?",
    edits=(
        ("inserted", "{sell}", "{sell} (less 5% retailer's share)"),
        ("negated", "{cost}", "nothing (the {cost} no longer applies)"),
        ("unit", "{cost}", "{cost} a dozen"),
        ("inserted", "{fixed}", "{fixed} and 10% more"),
    ),
    relative=(
        "*fixed",
        "*sell",
    ),
)
def break_even(rng: random.Random) -> Values:
    """Fixed costs over the margin, rounded up."""
    cost = price(rng, 1, 120)
    sell = cost + price(rng, 1, 90)
    fixed = Decimal(rng.randint(5, 4000) * 10)
    units = int((fixed / (sell - cost)).to_integral_value(ROUND_CEILING))
    return {
        "fixed": typed(rng, fixed), "item": rng.choice(GOODS), "sell": typed(rng, sell), "cost": typed(rng, cost),
        "v": plural(units, "unit"), **idle(units < 40 or cost * 10 < sell - cost),
    }  # fmt: skip
