"""Office templates about dates and hours."""

import random
from datetime import date, timedelta

from benchmarks.crystal.office_kit import (
    FIRMS,
    FIRST,
    AmbiguousError,
    Values,
    clock,
    day,
    long_date,
    person,
    plural,
    template,
)

# Minutes ahead of UTC, all year: winter time where clocks change.
OFFSETS = {
    "Lisbon": 0, "Oslo": 60, "Cairo": 120, "Nairobi": 180, "Dubai": 240, "Delhi": 330, "Kathmandu": 345, "Jakarta": 420,
    "Tokyo": 540, "Seoul": 540, "Brisbane": 600, "Auckland": 720, "Boston": -300, "Lima": -300, "Denver": -420,
    "Seattle": -480, "Recife": -180, "Honolulu": -600,
}  # fmt: skip


@template(
    "numbers",
    "{name} is on leave from {start} to {end}, both days included. How many calendar days is that?",
    "How many calendar days of leave does {name} take from {start} through {end}, first and last day counted?",
    "Leave request {name}: {start} until {end} inclusive. Number of calendar days?",
    "Count the calendar days from {start} to {end} including both ends. It's for {name}'s leave form.",
    "leave {start} - {end} (incl. both), {name}, how many calendar days",
    edits=(
        ("unit", "calendar days", "nights"),
        ("inserted", "{end}", "{end}, except two days in between,"),
        ("negated", "{name}", "{name} (who was not away on the very first day)"),
        ("relative", "{end}", "a week after {end}"),
        ("relative", "{start}", "the day before {start}"),
    ),
)
def leave_days(rng: random.Random) -> Values:
    """Days between two dates, both counted."""
    start = day(rng)
    length = rng.randint(2, 75)
    end = start + timedelta(days=length - 1)
    style = rng.choice([long_date, long_date, date.isoformat])
    return {"name": person(rng), "start": style(start), "end": style(end), "v": plural(length, "day")}


@template(
    "text",
    "A call starts at {start} in {here} (UTC{a}) and takes {length} minutes. When does it end in {there}"
    " (UTC{b})? Local time there,"
    " 24-hour clock.",
    "{here} is UTC{a}, {there} is UTC{b}. The meeting begins {start} {here} time and lasts {length}"
    " minutes; at what time (24 h) is"
    " it over for {there}?",
    "End time in {there} please: start {start} in {here}, duration {length} min, offsets UTC{a} for"
    " {here} and UTC{b} for {there}."
    " HH:MM.",
    "We meet for {length} minutes from {start} {here} time (UTC{a}). My colleague sits in {there},"
    " UTC{b}. What does the clock there"
    " show at the end?",
    edits=(
        ("unit", "{length} minutes", "{length} seconds"),
        ("unit", "{length} min", "{length} seconds, not min"),
        ("inserted", "{start}", "{start} (ten minutes late)"),
        ("negated", "UTC{b}", "no longer UTC{b} but an hour behind it"),
    ),
    relative=("length",),
)
def meeting_end(rng: random.Random) -> Values:
    """A start, a length and two offsets."""
    (here, a), (there, b) = rng.sample(sorted(OFFSETS.items()), 2)
    if a == b:
        raise AmbiguousError
    start, length = 5 * rng.randint(0, 287), 5 * rng.randint(3, 60)
    end = start + length - a + b
    return {
        "start": clock(start), "length": str(length), "here": here, "there": there, "a": _offset(a), "b": _offset(b),
        "v": clock(end), "others": "|".join(clock(end + slip) for slip in (60, -60, 30, a - b, -length)),
    }  # fmt: skip


@template(
    "text",
    "Which date is {n} business days after {start}? Weekends don't count, ignore holidays.",
    "Deadline: {n} working days from {start} (Monday to Friday only, no holidays). What date is that?",
    "We promised {firm} an answer within {n} business days, counted from the day after {start}. Skipping"
    " Saturdays and Sundays,"
    " when is the last day?",
    "Please add {n} business days to {start}, weekends skipped, holidays ignored. Date as YYYY-MM-DD.",
    edits=(
        ("unit", "{n} business days", "{n} weeks"),
        ("unit", "{n} working days", "{n} weeks"),
        ("inserted", "{start}", "{start} (a closed week of seven days comes first and does not count)"),
        ("negated", "{n} business days", "{n} non-business days"),
        ("negated", "{n} working days", "{n} non-working days"),
    ),
    relative=("n",),
)
def business_deadline(rng: random.Random) -> Values:
    """Weekdays ahead."""
    start, n = day(rng), rng.choice([rng.randint(2, 15), rng.randint(2, 60)])
    end, left = start, n
    while left:
        end += timedelta(days=1)
        left -= end.weekday() < 5
    slips = (end + timedelta(days=1), end - timedelta(days=1), start + timedelta(days=n))
    return {
        "n": str(n), "start": long_date(start), "firm": rng.choice(FIRMS), "v": end.isoformat(),
        "others": "|".join(slip.isoformat() for slip in slips),
    }  # fmt: skip


@template(
    "numbers",
    "{name} worked from {start} to {end} with a {rest} minute break. How long was the shift without the break?",
    "Net working time for {name}: in {start}, out {end}, break {rest} min?",
    "Shift {start}-{end}, {rest} minutes of break. How many hours and minutes did {name} actually work?",
    "Clocked in {start}, clocked out {end}, {rest} min break in between: please give {name}'s working"
    " time in hours and minutes.",
    "How many hours and minutes are left of a shift between {start} and {end} once a {rest} minute break"
    " is taken off? ({name})",
    edits=(
        ("inserted", "{end}", "{end} the day after the next one"),
        ("negated", "{rest} min", "unpaid, so do not deduct it, {rest} min"),
        ("unit", "{rest} min", "{rest} hundredths of an hour, not min"),
        ("inserted", "{start}", "{start} (clock running twelve minutes fast)"),
    ),
    relative=("rest",),
)
def shift_length(rng: random.Random) -> Values:
    """Two times, over midnight where the end is earlier, less a break."""
    start, length, rest = rng.randint(0, 1439), rng.randint(200, 800), rng.choice([15, 20, 25, 30, 35, 40, 45, 50, 60])
    net = length - rest
    return {
        "name": person(rng), "start": clock(start), "end": clock(start + length), "rest": str(rest),
        "v": f"{net // 60} h {net % 60} min",
    }  # fmt: skip


@template(
    "text",
    "Invoice date {start}, payable within {n} days. What is the due date?",
    "When is an invoice of {start} due with payment terms of {n} days net?",
    "{firm}'s invoice is dated {start}; terms are net {n}. Due when?",
    "Due date for {firm}: issued {start}, {n} days to pay.",
    "We got an invoice from {firm} on {start} with {n} days to pay. By which date must the money be there?",
    edits=(
        ("unit", "{n} days", "{n} weeks"),
        ("inserted", "{start}", "{start}, arrived four days later (which is what counts),"),
        ("negated", "{n} days", "{n} days (Sundays not counted)"),
        ("relative", "{start}", "two days before {start}"),
        ("unit", "net {n}", "net {n} months"),
    ),
    relative=("n",),
)
def due_date(rng: random.Random) -> Values:
    """So many days after a date."""
    start, n = day(rng), rng.choice([7, 10, 14, 15, 20, 21, 28, 30, 40, 45, 60, 75, 90, 120])
    end = start + timedelta(days=n)
    slips = (f"Due on {long_date(end + timedelta(days=slip))}." for slip in (-2, -1, 1, 7))
    return {
        "start": long_date(start),
        "n": str(n),
        "firm": rng.choice(FIRMS),
        "v": f"Due on {long_date(end)}.",
        "others": "|".join(slips),
    }


@template(
    "text",
    "The {item} was bought on {start} and has a {months} month warranty. Last day of warranty? (Same day"
    " of the month, {months}"
    " months later.)",
    "Warranty of {months} months from {start} for our {item}: on which date does it end, counting full"
    " months to the same day?",
    "Until when is the {item} covered? Purchase {start}, {months} months, ends on the same day of the month.",
    "Please note the end of the warranty: {item}, purchased {start}, term {months} months (same day number).",
    edits=(
        ("unit", "{months} month", "{months} week"),
        ("inserted", "{start}", "{start} (delivered nine days after that, which is what counts)"),
        ("negated", "{months} month", "not {months} but one month less than {months} month"),
    ),
    relative=("months",),
)
def warranty_end(rng: random.Random) -> Values:
    """Whole months later, days up to 28."""
    start, months = day(rng), rng.choice([3, 6, 9, 12, 15, 18, 24, 30, 36, 48, 60])
    start = start.replace(day=rng.randint(1, 28))
    month = start.month - 1 + months
    end = start.replace(year=start.year + month // 12, month=month % 12 + 1)
    slips = (end.replace(year=end.year + 1).isoformat(), (end - timedelta(days=1)).isoformat())
    item = rng.choice(
        ["forklift", "copier", "espresso machine", "laptop", "projector", "scanner", "air conditioner", "server"]
    )
    return {
        "item": item,
        "start": long_date(start),
        "months": str(months),
        "v": end.isoformat(),
        "others": "|".join(slips),
    }


@template(
    "text",
    "On-call rotates weekly in this order: {team}. {first} has week 1. Who is on call in week {week}?",
    "Who has on-call duty in week {week} if the weekly rotation is {team}, starting with {first} in week 1?",
    "Rota: {team} (one week each, then from the start again, {first} takes week 1). Name for week {week}?",
    "Week {week} - who's on call? The order is {team}, beginning with {first} in week 1, changing every week.",
    edits=(
        ("negated", "Who is on call", "Who is not on call"),
        ("negated", "Who has", "Who has no"),
        ("negated", "Name for", "Names of those not on call in"),
        ("negated", "who's on call", "who's not on call"),
        ("inserted", "eek {week}", "eek {week} and the week after it"),
        ("relative", "in week {week}", "in the week after week {week}"),
        ("relative", "for week {week}", "for the week after week {week}"),
        ("relative", "Week {week}", "The week after week {week}"),
        ("unit", "{week}", "{week} (initial letter only, no name)"),
    ),
)
def on_call(rng: random.Random) -> Values:
    """A rotation by week number."""
    team = rng.sample(FIRST, rng.randint(3, 7))
    week = rng.randint(2, 53)
    return {
        "team": ", ".join(team), "first": team[0], "week": str(week), "v": team[(week - 1) % len(team)],
        "others": "|".join(team),
    }  # fmt: skip


@template(
    "numbers",
    "How many minutes does it take to upload {size} GB at {speed} Mbit/s? (1 GB = 8,000 Mbit, round to"
    " the nearest minute)",
    "Backup of {size} GB over a {speed} Mbit/s line, 1 GB = 8,000 Mbit. Duration in minutes, rounded to"
    " the nearest one?",
    "With {speed} Mbit/s upstream, how long for {size} GB in whole minutes (nearest)? Take 1 GB as 8,000 Mbit.",
    "Please estimate the transfer time in minutes, rounded: {size} GB at {speed} Mbit/s, 8,000 Mbit per GB.",
    edits=(
        ("unit", "{size} GB", "{size} TB"),
        ("unit", "{speed} Mbit/s", "{speed} MB/s"),
        ("inserted", "{size} GB", "{size} GB (compressed by half on the way)"),
        ("negated", "{speed} Mbit/s", "{speed} Mbit/s (which the line never exceeds three quarters of)"),
    ),
    relative=("size",),
)
def transfer_time(rng: random.Random) -> Values:
    """Size over speed, halves up."""
    size, speed = rng.randint(4, 3000), rng.choice([5, 10, 16, 20, 25, 40, 50, 80, 100, 120, 200, 250])
    minutes, rest = divmod(size * 8000, 60 * speed)
    if 2 * rest == 60 * speed:
        raise AmbiguousError
    minutes += 2 * rest > 60 * speed
    return {"size": f"{size:,}", "speed": str(speed), "v": plural(minutes, "minute")}


def _offset(minutes: int) -> str:
    hours, rest = divmod(abs(minutes), 60)
    return f"{'-' if minutes < 0 else '+'}{hours}{f':{rest:02d}' if rest else ''}"
