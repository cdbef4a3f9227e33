"""Office templates about goods, rooms, tables and quotes."""

import random
from decimal import Decimal

from benchmarks.crystal.office_kit import (
    CITIES,
    FIRMS,
    FIRST,
    GOODS,
    Values,
    cents,
    count,
    idle,
    money,
    plural,
    price,
    short,
    template,
    typed,
)


@template(
    "numbers",
    "We use {daily} {item}s a day, delivery takes {lead} days and we keep {safety} as safety stock. At"
    " which stock level must we"
    " reorder?",
    "Reorder point: daily use {daily}, lead time {lead} days, safety stock {safety} ({item}).",
    "{item}: lead time {lead} days, {daily} used daily, safety stock {safety}. When stock falls to how"
    " many do we reorder?",
    "What's the reorder point for the {item} with {lead} days of lead time, {safety} safety stock and"
    " {daily} a day of usage?",
    edits=(
        ("unit", "{lead} days", "{lead} weeks"),
        ("inserted", "{daily}", "{daily} (a fifth more in summer, and it is summer)"),
        ("inserted", "{safety}", "{safety} plus 15 on order"),
        ("negated", "{safety}", "{safety} (no longer kept)"),
    ),
    relative=("daily", "safety"),
)
def reorder_point(rng: random.Random) -> Values:
    """Use during the lead time plus safety stock."""
    daily, lead, safety = (
        rng.choice([rng.randint(2, 60), rng.randint(60, 2500)]),
        rng.randint(2, 35),
        rng.randint(5, 4000),
    )
    return {
        "daily": count(rng, daily), "item": rng.choice(GOODS), "lead": str(lead), "safety": count(rng, safety),
        "v": f"Reorder at {plural(daily * lead + safety, 'unit')}.",
    }  # fmt: skip


@template(
    "numbers",
    "{boxes} boxes have to go to {city}; a pallet holds {per}. How many pallets do we need?",
    "Number of pallets for {boxes} boxes, {per} boxes per pallet, destination {city}?",
    "If {per} boxes fit on one pallet, how many pallets does a shipment of {boxes} boxes to {city} take?",
    "pallets needed: {boxes} boxes / {per} per pallet ({city})",
    "The truck to {city} gets {boxes} boxes. With {per} to a pallet, the last one possibly not full, how"
    " many pallets is that?",
    edits=(
        ("unit", "{boxes} boxes", "{boxes} dozen boxes"),
        ("inserted", "{city}", "{city}, where four more pallets of samples are added,"),
        ("inserted", "{per}", "{per} (three quarters of that on the small pallets, which we use)"),
        ("negated", "{boxes} boxes", "{boxes} boxes, of which a third does not go,"),
    ),
    relative=(
        "*boxes",
        "*per",
    ),
)
def pallet_count(rng: random.Random) -> Values:
    """Boxes over boxes per pallet, rounded up."""
    boxes, per = rng.randint(30, 12_000), rng.choice([12, 15, 16, 18, 20, 24, 25, 27, 30, 32, 36, 40, 45, 48, 60, 64])
    return {
        "boxes": count(rng, boxes),
        "per": str(per),
        "city": rng.choice(CITIES),
        "v": plural(-(-boxes // per), "pallet"),
        **idle(boxes < 10 * per),
    }


@template(
    "text",
    "Seats are numbered row by row, {width} per row, starting with seat 1 in row 1. Where is seat"
    " {seat}? Row and position.",
    "In which row and position is seat {seat} if each row has {width} seats, counted from 1?",
    "Our hall has rows of {width}. {name} holds ticket number {seat}; numbering runs row after row from"
    " 1. Row and place, please?",
    "Find row and position for {name}, seat no. {seat}, {width} seats a row, numbering from 1.",
    edits=(
        ("inserted", "{seat}", "{seat}, or rather the one in the row behind it,"),
        ("negated", "{seat}", "{seat} (seats 4 and 5 do not exist)"),
        ("unit", "{width} seats", "{width} benches of two seats"),
        ("unit", "{width} per row", "{width} pairs per row"),
        ("unit", "rows of {width}", "rows of {width} benches for two"),
    ),
    relative=("seat",),
)
def seat_place(rng: random.Random) -> Values:
    """A running number as row and position."""
    width, seat = rng.randint(6, 40), rng.randint(1, 900)
    return {
        "width": str(width), "seat": str(seat), "name": rng.choice(FIRST),
        "v": f"Row {(seat - 1) // width + 1}, position {(seat - 1) % width + 1}", **idle(seat <= width),
    }  # fmt: skip


@template(
    "numbers",
    "I need {copies} copies of a {pages} page handout, printed on both sides. How many sheets of paper?",
    "Sheets needed: {copies} copies, {pages} pages each, double-sided?",
    "How much paper do {copies} double-sided copies of a document with {pages} pages take, in sheets"
    " (each copy starts on a new"
    " sheet)?",
    "We print {pages} pages duplex, {copies} times. Every copy starts on a fresh sheet. Number of sheets?",
    edits=(
        ("negated", "{copies} copies", "{copies} copies (the first ten not double-sided)"),
        ("inserted", "{pages} page handout", "{pages} page handout (two pages scaled onto one side)"),
        ("inserted", "{pages} pages", "{pages} pages plus a cover sheet"),
        ("unit", "sheets", "reams of 500 sheets"),
    ),
    relative=("copies", "pages"),
)
def print_sheets(rng: random.Random) -> Values:
    """Both sides printed, each copy on new sheets."""
    copies, pages = rng.randint(2, 900), rng.randint(3, 180)
    return {"copies": count(rng, copies), "pages": str(pages), "v": plural(copies * -(-pages // 2), "sheet")}


@template(
    "numbers",
    "Convert {amount} {big} to {small}, 1 {one} being {factor} {small}. Round to two decimals.",
    "What is {amount} {big} in {small}? Use 1 {one} = {factor} {small} and two decimals.",
    "One {one} is {factor} {small}. How many {small} are {amount} {big}, to two decimals?",
    "{amount} {big} in {small} please (factor {factor} {small} per {one}, 2 decimals)",
    edits=(
        ("negated", "{factor}", "not {factor} but half of it, in"),
        ("inserted", "{amount} {big}", "{amount} {big} minus the tare of 3 {small}"),
        ("unit", "{amount} {big}", "{amount} hundredths of {big}"),
    ),
    relative=("amount",),
)
def unit_conversion(rng: random.Random) -> Values:
    """An amount times a factor that the request states."""
    one, big, small, factor = rng.choice(
        [
            ("kilogram", "kilograms", "pounds", "2.2046"),
            ("mile", "miles", "kilometres", "1.60934"),
            ("gallon", "gallons", "litres", "3.785"),
            ("inch", "inches", "centimetres", "2.54"),
            ("acre", "acres", "hectares", "0.4047"),
            ("foot", "feet", "metres", "0.3048"),
            ("ounce", "ounces", "grams", "28.35"),
        ]
    )
    amount = rng.choice([Decimal(rng.randint(2, 5000)), Decimal(rng.randint(11, 99_999)) / 10])
    result = cents(amount * Decimal(factor))
    return {
        "amount": short(amount), "one": one, "big": big, "small": small, "factor": factor, "v": f"{result:,.2f} {small}",
    }  # fmt: skip


@template(
    "text",
    "We need {qty} pieces of the {item}. Quotes: {quotes}. Whose total (pieces plus delivery) is lowest?",
    "Which supplier is cheapest for {qty} pieces of the {item}, delivery included? {quotes}.",
    "Compare for an order of {qty} x {item}: {quotes}. Name the supplier with the lowest overall cost.",
    "Offers for the {item} are in - {quotes}. I want {qty}; who is cheapest in total?",
    edits=(
        ("negated", "lowest", "not the lowest but the second lowest"),
        ("negated", "cheapest", "the most expensive, not the cheapest,"),
        ("inserted", "lowest", "lowest once the best offer has dropped out"),
        ("inserted", "cheapest", "cheapest once the best offer has dropped out"),
        ("unit", "Whose total", "Which amount in total"),
        ("unit", "Which supplier is cheapest", "What amount do we pay at the cheapest supplier"),
        ("unit", "Name the supplier with", "Name the amount, not the supplier, with"),
        ("unit", "who is cheapest", "what is the cheapest price"),
    ),
)
def best_quote(rng: random.Random) -> Values:
    """The supplier with the least total; never a tie."""
    qty = rng.choice([rng.randint(3, 60), rng.randint(60, 900)])
    while True:
        start = price(rng, 4, 60)
        offers = {
            firm: (start * rng.randint(85, 115) / 100, Decimal(rng.randint(0, 90)))
            for firm in rng.sample(FIRMS, rng.choice([2, 3, 3, 4]))
        }
        offers = {firm: (unit.quantize(Decimal("0.01")), delivery) for firm, (unit, delivery) in offers.items()}
        totals = sorted((unit * qty + delivery, firm) for firm, (unit, delivery) in offers.items())
        if totals[0][0] != totals[1][0] and totals[0][0] > 0:
            break
    quotes = "; ".join(f"{firm} {money(unit)} each plus {money(fee)} delivery" for firm, (unit, fee) in offers.items())
    return {"qty": str(qty), "item": rng.choice(GOODS), "quotes": quotes, "v": totals[0][1], "others": "|".join(offers)}


@template(
    "numbers",
    "Here is the sales table:\n\n{table}\n\nWhat are the total sales of the {region} region?",
    "Sum up the sales for {region} in this table:\n\n{table}",
    "{table}\n\nPlease add up the Sales column for the rows whose Region is {region}.",
    "How much did {region} sell altogether?\n\n{table}",
    edits=(
        ("negated", "{region}", "every region except {region}"),
        ("inserted", "{region}", "{region} (only half of each row counts)"),
        ("inserted", "{table}", "{table}\n\nThe figures are per week; I need four weeks."),
        ("unit", "{region}", "{region} in thousands"),
    ),
)
def table_sum(rng: random.Random) -> Values:
    """A markdown table, one column summed where another matches."""
    regions = rng.sample(["North", "South", "East", "West", "Central", "Coast", "Islands"], rng.randint(2, 4))
    rows = [(person, rng.choice(regions), rng.randint(40, 9900)) for person in rng.sample(FIRST, rng.randint(3, 9))]
    region = rng.choice(rows)[1]
    lines = ["| Rep | Region | Sales |", "|---|---|---|", *(f"| {a} | {b} | {c} |" for a, b, c in rows)]
    return {"table": "\n".join(lines), "region": region, "v": f"{sum(c for _, b, c in rows if b == region):,}"}


@template(
    "numbers",
    "How many orders in this CSV are above {limit}?\n\n{table}",
    "{table}\n\nCount the rows with an amount greater than {limit}.",
    "From the CSV below, tell me the number of orders whose amount exceeds {limit}.\n\n{table}",
    "Number of orders over {limit}, please:\n\n{table}",
    "Our export looks like this:\n\n{table}\n\nHow many of the orders are worth more than {limit}?",
    edits=(
        ("negated", "above {limit}", "not above {limit}"),
        ("negated", "greater than {limit}", "not greater than {limit}"),
        ("negated", "exceeds {limit}", "does not exceed {limit}"),
        ("negated", "over {limit}", "not over {limit}"),
        ("inserted", "orders", "orders (and one test order more that is not listed)"),
        ("inserted", "Count the rows", "Count the rows, each of them twice,"),
        ("unit", "orders", "percent of the orders"),
        ("unit", "Count the rows", "Give the percentage of rows"),
        ("relative", "Count the rows", "Give 100 more than the number of rows"),
    ),
)
def csv_count(rng: random.Random) -> Values:
    """Rows of a CSV above a limit."""
    rows = [(rng.randint(1000, 9999), rng.choice(FIRMS), price(rng, 10, 900)) for _ in range(rng.randint(3, 10))]
    limit = rng.choice([50, 100, 150, 200, 250, 300, 400, 500, 600])
    lines = ["order,customer,amount", *(f"{no},{firm},{amount:.2f}" for no, firm, amount in rows)]
    above = sum(amount > limit for _, _, amount in rows)
    return {"table": "\n".join(lines), "limit": str(limit), "v": str(above), **idle(above in (0, len(rows) / 2))}


@template(
    "numbers",
    "One {item} costs us {cost}. What selling price gives a {margin}% margin on the selling price?",
    "Selling price for one {item} with cost {cost} and a target margin of {margin}% of the price?",
    "We buy the {item} at {cost} and want {margin}% of the selling price as margin. What do we charge?",
    "Margin should be {margin}% of the price, cost is {cost}, product {item}. Which price?",
    edits=(
        ("negated", "{margin}%", "no longer {margin}% but half of that"),
        ("inserted", "{cost}", "{cost} plus 4% customs"),
        ("unit", "{margin}%", "${margin}"),
    ),
    relative=("cost",),
)
def margin_price(rng: random.Random) -> Values:
    """Cost over one minus margin."""
    cost, margin = price(rng, 2, 900), rng.randint(5, 75)
    result = cents(cost * 100 / (100 - margin))
    return {"item": rng.choice(GOODS), "cost": typed(rng, cost), "margin": str(margin), "v": money(result)}
