"""Office templates about names, lists, codes and records."""

import json
import random
from decimal import Decimal

from benchmarks.crystal.office_kit import (
    CITIES,
    FIRMS,
    FIRST,
    GOODS,
    LAST,
    AmbiguousError,
    Values,
    count,
    day,
    idle,
    long_date,
    person,
    price,
    template,
    typed,
)


@template(
    "text",
    "Remove the duplicates from this list and sort it alphabetically: {names}",
    "Sort these names A to Z and drop the ones that occur twice: {names}",
    "My attendee list has doubles in it. Please give me each name once, in alphabetical order, separated"
    " by commas: {names}",
    "{names} - can you dedupe and alphabetise that for me?",
    edits=(
        ("negated", "alphabetically", "in reverse alphabetical order"),
        ("negated", "drop the ones that occur twice", "do not drop the ones that occur twice"),
        ("negated", "in alphabetical order", "not in alphabetical order but from Z to A"),
        ("negated", "dedupe and alphabetise", "dedupe and (Z to A) alphabetise"),
        ("inserted", "each name once,", "each name once, upper case,"),
        ("inserted", "that for me", "that for me and leave out the last one"),
        ("inserted", "Remove the duplicates", "In capitals only, remove the duplicates"),
        ("unit", "this list", "the initials of this list"),
        ("unit", "Sort these names", "Sort the initials of these names"),
        ("unit", "each name once", "each initial letter, not name, once"),
    ),
)
def clean_list(rng: random.Random) -> Values:
    """First names, each once, sorted."""
    pool = rng.sample(FIRST, rng.randint(3, 9))
    names = pool + rng.choices(pool, k=rng.randint(1, 4))
    rng.shuffle(names)
    return {"names": ", ".join(names), "v": ", ".join(sorted(set(names)))}


@template(
    "text",
    "Write the phone number {raw} in the form +{code} (AAA) BBB-CCCC.",
    "Format {raw} as +{code} (AAA) BBB-CCCC please.",
    "Our CRM wants phone numbers like +{code} (AAA) BBB-CCCC. How does {raw} look that way?",
    "{raw} -> +{code} (AAA) BBB-CCCC",
    "Please bring {name}'s number {raw} into our standard format, which is +{code} (AAA) BBB-CCCC.",
    edits=(
        ("negated", "+{code} (AAA) BBB-CCCC", "+{code} (AAA) BBB-CCCC but without the brackets"),
        ("inserted", "{raw}", "{raw}, its last four digits replaced by 0100,"),
        ("unit", "+{code} (AAA) BBB-CCCC", "00{code} AAA BBBCCCC"),
        ("inserted", "BBB-CCCC", "BBB-CCCC ext. 12"),
    ),
)
def phone_format(rng: random.Random) -> Values:
    """Ten digits in some dress, put into another."""
    a, b, c = f"{rng.randint(201, 989)}", f"{rng.randint(200, 999)}", f"{rng.randint(0, 9999):04d}"
    raw = rng.choice(["{}{}{}", "{} {} {}", "{}-{}-{}", "{}.{}.{}", "({}) {} {}", "{}/{}{}"]).format(a, b, c)
    code = rng.choice(["1", "1", "44", "49", "7"])
    return {"raw": raw, "code": code, "name": person(rng), "v": f"+{code} ({a}) {b}-{c}"}


@template(
    "text",
    "Turn this into an address block with one part per line: {line}",
    "Put the address {line} on separate lines for a letter, split at the commas.",
    "Address label please, one line for each comma-separated part: {line}",
    "I need {line} as a block, every part between commas on its own line.",
    edits=(
        ("negated", "one part per line", "one part per line, but not the name"),
        ("negated", "on separate lines", "not on separate lines but with semicolons"),
        ("inserted", "Address label", "Upper-case address label"),
        ("inserted", "a block", "a block in reverse order"),
        ("inserted", "an address block", "an address block, country line added,"),
        ("unit", "per line", "per two lines"),
    ),
)
def address_block(rng: random.Random) -> Values:
    """Parts of an address, one a line."""
    street = f"{rng.randint(1, 240)} {rng.choice(LAST)} {rng.choice(['Street', 'Road', 'Lane', 'Square', 'Avenue'])}"
    parts = [person(rng), *([rng.choice(FIRMS) + " Ltd"] if rng.random() < 0.5 else []), street]
    parts.append(f"{rng.randint(10_000, 99_999)} {rng.choice(CITIES)}")
    return {"line": ", ".join(parts), "v": "\n".join(parts)}


@template(
    "json",
    'Extract the order as JSON with the keys "customer", "item", "qty" and "price": {line}',
    "{line}\n\nReturn customer, item, qty (number) and price (number) of this order as JSON.",
    "Please make a JSON object (customer, item, qty, price; the last two as numbers) out of this order line: {line}",
    'Order line: "{line}". JSON with customer, item, qty, price as keys, numbers unquoted, nothing else.',
    edits=(
        ("unit", "JSON", "YAML"),
        ("inserted", "price", "price in cents"),
        ("negated", "qty", "no longer qty but total"),
        ("inserted", "order", "order (quantity raised by one)"),
    ),
)
def order_json(rng: random.Random) -> Values:
    """Four fields of a line."""
    who, item, qty, unit = (
        rng.choice([person(rng), rng.choice(FIRMS)]),
        rng.choice(GOODS),
        rng.randint(1, 400),
        price(rng, 2, 300),
    )
    line = rng.choice(["{} orders {} x {} at ${:.2f}", "{}: {} x {}, ${:.2f} each"]).format(who, qty, item, unit)
    return {
        "line": line,
        "v": json.dumps({"customer": who, "item": item, "qty": qty, "price": float(unit)}, ensure_ascii=False),
    }


@template(
    "text",
    "Write the greeting line for {title} {name}: formal, English.",
    "How do I open a formal letter to {title} {name}? Only the greeting line.",
    "Mail merge: recipient {title} {name}, formal greeting line?",
    "Salutation for {title} {name} please, formal style.",
    edits=(
        ("negated", "formal", "informal"),
        ("inserted", "{title} {name}", "{title} {name} and spouse"),
        ("unit", "{title} {name}", "the whole family of {title} {name}"),
        ("inserted", "greeting line", "greeting line in capitals"),
    ),
)
def greeting_line(rng: random.Random) -> Values:
    """Dear, title and last name."""
    title, first, last = rng.choice(["Ms", "Mr", "Dr", "Prof."]), rng.choice(FIRST), rng.choice(LAST)
    return {
        "title": title, "name": f"{first} {last}", "v": f"Dear {title} {last},",
        "others": f"Dear {title} {first} {last},|Dear {first},|Hello {title} {last},",
    }  # fmt: skip


@template(
    "numbers",
    "Check digit for SKU {code}: multiply the digits from left to right by 1, 2, 3 and so on, add up,"
    " remainder of division by {mod}.",
    "What is the check digit of {code} if position weights are 1, 2, 3, ... from the left and the"
    " weighted sum is taken modulo {mod}?",
    "Weighted sum of the digits of {code} (weights 1, 2, 3, ... from left), modulo {mod} - that's our"
    " SKU check digit. Which is it?",
    "Please compute the SKU check digit: code {code}, weights 1, 2, 3, ... starting left, modulus {mod}.",
    edits=(
        ("inserted", "{mod}", "{mod}, with 20 added at the end"),
        ("negated", "check digit", "weighted sum (no remainder, no check digit)"),
        ("unit", "{mod}", "{mod}, in percent of {mod}"),
        ("relative", "check digit", "number that is 30 more than the check digit"),
    ),
)
def check_digit(rng: random.Random) -> Values:
    """A weighted sum of digits, modulo."""
    code, mod = "".join(rng.choices("0123456789", k=rng.randint(5, 11))), rng.choice([7, 9, 10, 11, 13])
    total = sum(i * int(c) for i, c in enumerate(code, 1))
    return {"code": code, "mod": str(mod), "v": str(total % mod), **idle(total < mod or total % mod == 0)}


@template(
    "yesno",
    "Does the password {word} meet our rule: at least {least} characters, a capital letter, a lower-case"
    " letter and a digit? Yes or no.",
    "Our passwords need {least} or more characters with at least one upper-case letter, one lower-case"
    " letter and one digit. Is"
    " {word} OK? Yes or no.",
    "Yes or no: {word} is valid if the minimum length is {least} and one upper-case letter, one"
    " lower-case letter and one digit are"
    " required.",
    "Rule: minimum {least} characters, upper case, lower case and digit all present. Is {word} fine (yes/no)?",
    edits=(
        ("negated", "Is {word}", "Is it untrue that {word} is"),
        ("negated", "Does the password {word}", "Does the password {word} fail to"),
        ("negated", "{word} is valid", "{word} is invalid"),
        ("unit", "Yes or no", "One or zero"),
        ("unit", "(yes/no)", "(1/0)"),
    ),
)
def password_rule(rng: random.Random) -> Values:
    """Length and three sorts of characters."""
    least = rng.choice([6, 8, 10, 12, 14])
    sorts = rng.choice(["Aa0", "Aa0", "Aa0", "Aa", "a0", "A0"])
    letters = {"A": "ABCDEFGHJKLMNPQRSTUVWXYZ", "a": "abcdefghijkmnopqrstuvwxyz", "0": "23456789"}
    word = [rng.choice(letters[s]) for s in sorts]
    word += rng.choices("".join(letters[s] for s in sorts), k=rng.randint(max(0, least - 6), least + 3))
    rng.shuffle(word)
    good = len(word) >= least and len(sorts) == 3
    return {"least": str(least), "word": "".join(word), "v": "Yes" if good else "No"}


@template(
    "text",
    "Which version is newer, {a} or {b}?",
    "Is {a} or {b} the later release? Give me just the version number.",
    "{product} {a} vs {product} {b}: which of the two is the newer version?",
    "One server runs {product} {a}, the other {b}. Which of these version numbers is higher?",
    edits=(
        ("negated", "newer", "not newer but older"),
        ("negated", "later", "earlier"),
        ("negated", "higher", "lower"),
        ("inserted", "?", ", its last part raised by one?"),
        ("unit", "version", "major version (first part only)"),
    ),
)
def newer_version(rng: random.Random) -> Values:
    """Versions compared part by part."""
    parts = [rng.randint(0, 14), rng.randint(0, 30), rng.randint(0, 40)][: rng.choice([2, 3, 3])]
    other = list(parts)
    for at in range(rng.randrange(len(parts)), len(parts)):
        other[at] = rng.choice([n for n in range(31) if n != parts[at]])
    a, b = (".".join(map(str, v)) for v in (parts, other))
    product = rng.choice(["Ledgerly", "Planbase", "Scanhub", "Mailroom", "Rosterix", "Stockpad"])
    return {"a": a, "b": b, "product": product, "v": a if parts > other else b, "others": f"{a}|{b}"}


@template(
    "text",
    "Our addresses are firstname.lastname@domain in lower case. What is {name}'s address at {domain}?",
    "E-mail address for the new colleague {name} (pattern firstname.lastname, lower case, domain {domain})?",
    "Please create the mail address of {name} at {domain}; we use firstname.lastname in small letters.",
    "{name} starts on Monday. Pattern: firstname.lastname in lower case, domain {domain}. Which address do they get?",
    edits=(
        ("unit", "firstname.lastname", "lastname.firstname"),
        ("inserted", "firstname.lastname", "firstname.lastname.year-of-entry (2026)"),
        ("negated", "lower case", "upper case, not lower case"),
        ("negated", "{domain}", "{domain} (now replaced by its .net twin)"),
    ),
)
def mail_address(rng: random.Random) -> Values:
    """A pattern applied to a name without accents."""
    plain = str.maketrans("öü", "ou")
    first, last = rng.choice(FIRST).translate(plain), rng.choice(LAST).translate(plain)
    domain = f"{rng.choice(FIRMS).lower()}.{rng.choice(['com', 'org', 'eu', 'io'])}"
    return {
        "name": f"{first} {last}", "domain": domain, "v": f"{first}.{last}@{domain}".lower(),
        "others": f"{last}.{first}@{domain}|{first}{last}@{domain}|{first[0]}.{last}@{domain}".lower(),
    }  # fmt: skip


@template(
    "text",
    'File name for the {kind} "{title}" of {when}: date as YYYY-MM-DD, then kind, then title, lower'
    " case, everything joined by"
    " underscores, ending {ext}.",
    'Please name this file: {kind}, title "{title}", dated {when}. Our scheme is'
    " YYYY-MM-DD_kind_title{ext}, lower case, spaces as"
    " underscores.",
    "We file as YYYY-MM-DD_kind_title{ext} (all lower case, underscores for spaces). What is the name"
    ' for the {kind} "{title}" from'
    " {when}?",
    'How should I save the {kind} of {when} called "{title}"? Scheme: YYYY-MM-DD_kind_title{ext} in'
    " lower case with underscores.",
    edits=(
        ("unit", "YYYY-MM-DD", "DDMMYY"),
        ("negated", "lower case", "not lower but upper case"),
        ("inserted", "{when}", "{when} (revised the day after, use that day)"),
    ),
)
def file_name(rng: random.Random) -> Values:
    """Date, kind and title by a scheme."""
    kind = rng.choice(["minutes", "report", "contract", "quote", "memo", "agenda"])
    words = [
        "Budget",
        "Hiring",
        "Spring",
        "Client",
        "Office",
        "Supplier",
        "Safety",
        "Launch",
        "Audit",
        "Training",
        "Review",
        "Plan",
    ]
    title, when = " ".join(rng.sample(words, rng.randint(1, 3))), day(rng)
    ext = rng.choice([".pdf", ".docx", ".txt", ".md"])
    name = f"{when.isoformat()}_{kind}_{title.replace(' ', '_').lower()}{ext}"
    return {"kind": kind, "title": title, "when": long_date(when), "ext": ext, "v": name}


@template(
    "text",
    "Our last {doc} was numbered {last}. What is the next number?",
    "What comes after {doc} number {last}?",
    "Next {doc} no. please, the previous one is {last}.",
    "We are issuing a new {doc}. The latest was {last}, numbers go up by one. Which number does it get?",
    edits=(
        ("negated", "next", "previous, not the next,"),
        ("negated", "after", "before, not after,"),
        ("negated", "go up by one", "go down by one"),
        ("inserted", "{last}", "{last}, and the two after it are already reserved"),
        ("unit", "next number", "next number (in the series that ends in -B)"),
        ("unit", "Which number", "Which number (in the series that ends in -B)"),
    ),
)
def next_number(rng: random.Random) -> Values:
    """A running number with a prefix and leading zeros."""
    doc, prefix = rng.choice(
        [
            ("invoice", "INV"),
            ("order", "PO"),
            ("quote", "Q"),
            ("ticket", "T"),
            ("credit note", "CN"),
            ("contract", "CT"),
        ]
    )
    width = rng.randint(3, 6)
    number = rng.choice([rng.randint(1, 10**width - 2), 10 ** rng.randint(1, width - 1) - 1])
    middle = rng.choice(["-", f"-{rng.randint(2019, 2031)}-", f"/{rng.randint(2019, 2031)}/"])
    last, following = (f"{prefix}{middle}{n:0{width}d}" for n in (number, number + 1))
    return {"doc": doc, "last": last, "v": following}


@template(
    "yesno",
    "Can I mail these files together if the limit is {limit} MB: {files}? Yes or no.",
    "Attachment limit {limit} MB. Do {files} fit into one e-mail, yes or no?",
    "Yes or no: {files} stay within {limit} MB altogether.",
    "I want to attach {files}. Our mail server allows {limit} MB in total, so does that work? Yes/no only.",
    edits=(
        ("negated", "fit into", "fail to fit into"),
        ("negated", "stay within", "do not stay within"),
        ("negated", "Can I mail", "Is it impossible to mail"),
        ("negated", "does that work", "does that not work"),
        ("unit", "Yes or no", "One or zero"),
        ("unit", "yes or no", "1 or 0"),
        ("unit", "Yes/no only", "1/0 only"),
    ),
)
def attachment_limit(rng: random.Random) -> Values:
    """A sum of sizes against a limit."""
    limit = rng.choice([10, 15, 20, 25, 30, 50])
    stems = rng.sample(
        ["plan", "photos", "offer", "slides", "notes", "scan", "survey", "logo", "draft"], rng.randint(2, 5)
    )
    sizes = [Decimal(rng.randint(3, 20 * limit // len(stems) + 3)) / 10 for _ in stems]
    if sum(sizes) == limit:
        raise AmbiguousError
    parts = [
        f"{stem}.{rng.choice(['pdf', 'zip', 'pptx', 'jpg'])} ({size} MB)"
        for stem, size in zip(stems, sizes, strict=True)
    ]
    return {"limit": str(limit), "files": ", ".join(parts), "v": "Yes" if sum(sizes) <= limit else "No"}


@template(
    "text",
    "Which spreadsheet column is number {n}? (1 is A, 27 is AA)",
    "Column letters for column number {n} in a spreadsheet, with 1 = A and 27 = AA?",
    "In our sheet 1 = A, 26 = Z, 27 = AA and so forth. What are the letters of column {n}?",
    "Give me the letters of spreadsheet column {n}, counting A as 1.",
    edits=(
        ("negated", "{n}", "{n} when vowels are not used as letters"),
        ("inserted", "{n}", "{n} after two columns were inserted on the left"),
        ("unit", "{n}", "{n} (Greek letters, with 1 = alpha)"),
    ),
    relative=("n",),
)
def column_letters(rng: random.Random) -> Values:
    """A number in bijective base 26."""
    n = rng.choice([rng.randint(1, 26), rng.randint(27, 702), rng.randint(703, 16_384)])
    return {"n": count(rng, n), "v": _letters(n), "others": f"{_letters(n + 1)}|{_letters(n - 1)}|{_letters(n + 26)}"}


@template(
    "text",
    "Fill in our payment reminder: name {name}, amount {amount}, due {due}. Text: Dear [name], please"
    " pay [amount] by [due].",
    'Template "Dear [name], please pay [amount] by [due]." - values: {name}; {amount}; {due}. Give me'
    " the finished line.",
    "Please complete the sentence Dear [name], please pay [amount] by [due]. for {name}, who owes"
    " {amount} until {due}.",
    "Merge: Dear [name], please pay [amount] by [due]. | name={name} | amount={amount} | due={due}",
    edits=(
        ("inserted", "[due]", "[due] at the latest"),
        ("unit", "please pay", "kindly transfer"),
        ("negated", "Dear", "not Dear but Hello"),
    ),
)
def reminder_line(rng: random.Random) -> Values:
    """Three values put into a sentence."""
    name, amount, due = person(rng), typed(rng, price(rng, 5, 4000)), long_date(day(rng))
    return {"name": name, "amount": amount, "due": due, "v": f"Dear {name}, please pay {amount} by {due}."}


def _letters(n: int) -> str:
    letters = ""
    while n:
        n, digit = divmod(n - 1, 26)
        letters = chr(65 + digit) + letters
    return letters
