"""The benchmark's requests: exact answers, distinct requests, fixed shares, drifts, and near misses that really miss."""

import random
import re
from collections import Counter
from decimal import Decimal
from itertools import combinations, islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("reasoning_gym", reason="the families come from reasoning-gym")

from benchmarks.crystal import families, items, office, office_oneoffs, refuse, streams
from benchmarks.crystal.items import Item, numbers, right, same, sequence, wrong
from benchmarks.crystal.office_kit import REGISTER, fill, money

CLASSES = (*items.classes(), *office.DRIFTING)
DAYS, PER_DAY = 60, 60


@pytest.fixture(scope="module")
def year() -> list[Item]:
    """A short year with everything in it."""
    return streams.year(3, days=DAYS, per_day=PER_DAY)


@pytest.mark.parametrize("klass", CLASSES)
def test_every_answer_is_right_and_no_wrong_reply_is(klass):
    """In each class the item's own answer is right, a wrong reply is not, and neither is another request's other answer."""
    rng = random.Random(klass)
    some = list(islice(sequence(klass, 5), 40))
    assert len({item.text for item in some}) == 40
    for item, other in pairwise(some):
        assert right(item, item.answer)
        assert right(item, f" {item.answer}\n")
        for _ in range(4):
            reply = wrong(item, rng)
            assert reply.strip()
            assert not right(item, reply)
        assert not right(item, "")
        assert right(item, other.answer) == (item.answer == other.answer)


@pytest.mark.parametrize("klass", CLASSES)
def test_a_sequence_is_deterministic_and_seeds_differ(klass):
    """The same class and seed give the same requests in every stream; another seed gives others."""
    first, again, other = (list(islice(sequence(klass, seed), 15)) for seed in (1, 1, 2))
    assert first == again
    assert [item.index for item in first] == list(range(15))
    assert len({item.text for item in first} & {item.text for item in other}) <= 1


def test_an_unknown_class_is_an_error():
    """A name outside the benchmark, such as a reserved family, is refused."""
    for make in (sequence, families.sequence, office.sequence):
        with pytest.raises(KeyError):
            make("no_such_class", 0) if make is not families.sequence else next(make("no_such_class", 0))


def test_there_are_enough_templates_and_wordings():
    """At least 36 steady office templates with 3 to 8 wordings each, all of which use only values that are drawn."""
    assert len(office.names()) >= 36
    assert len(office.DRIFTING) == 3
    for klass, made in REGISTER.items():
        assert 3 <= len(made.phrasings) <= 8, klass
        texts = {fill(phrasing, office.values(next(sequence(klass, 0)), 0)) for phrasing in made.phrasings}
        assert len(texts) == len(made.phrasings)
        assert not any("{" in text for text in texts)


@pytest.mark.parametrize("klass", [k for k in CLASSES if k in REGISTER])
def test_all_wordings_come_and_a_rewording_keeps_the_answer(klass):
    """Every wording of a template turns up, and the same values in another wording have the same answer."""
    some = list(islice(sequence(klass, 6), 60))
    assert {item.phrasing for item in some} == set(range(len(REGISTER[klass].phrasings)))
    for item in some[:10]:
        other = office.reworded(item, 6, random.Random(1))
        assert (other.answer, other.index) == (item.answer, item.index)
        assert other.phrasing != item.phrasing
        assert other.text != item.text


@pytest.mark.parametrize("stream", [streams.families, streams.office])
def test_families_and_office_use_up_every_class_without_a_repeat(stream):
    """Each class has its number of distinct requests, and popular classes come earlier."""
    made = stream(4, per_class=12)
    assert set(Counter(item.klass for item in made).values()) == {12}
    assert len({item.text for item in made}) == len(made)
    assert made == stream(4, per_class=12)
    last = {item.klass: at for at, item in enumerate(made)}
    first_done = min(last.values())
    assert first_done < len(made) / 2


def test_streams_share_their_requests():
    """A class's first requests are the same in the office stream, in the year and in its sequence."""
    taken = [item for item in streams.office(3, per_class=5) if item.klass == "late_fee"]
    assert taken == list(islice(sequence("late_fee", 3), 5))


def test_the_year_keeps_its_shares(year):
    """Every day has 10 % repeats, 10 % paraphrases, 20 % one-offs within two percent of the whole."""
    assert len(year) == DAYS * PER_DAY
    assert Counter(item.day for item in year) == dict.fromkeys(range(DAYS), PER_DAY)
    total = len(year)
    assert sum(item.repeat for item in year) == pytest.approx(0.10 * total, abs=0.02 * total)
    assert sum(item.paraphrase for item in year) == pytest.approx(0.10 * total, abs=0.02 * total)
    fresh = sum(item.source == "oneoff" and not item.repeat for item in year)
    assert fresh == pytest.approx(0.20 * total, abs=0.02 * total)


def test_the_year_repeats_only_what_it_says(year):
    """A text stood earlier exactly where the item is marked as a repeat; a paraphrase's original stood earlier too."""
    texts: set[str] = set()
    places: set[tuple[str, int]] = set()
    for item in year:
        assert item.repeat == (item.text in texts)
        if item.paraphrase:
            assert (item.klass, item.index) in places
        texts.add(item.text)
        places.add((item.klass, item.index))


def test_new_classes_come_all_year(year):
    """Some classes are known on the first day; others first come in each third of the year; popularity is skewed."""
    first: dict[str, int] = {}
    for item in year:
        first.setdefault(item.klass, item.day)
    arrivals = streams.arrivals(3, DAYS)
    assert all(first[klass] >= arrivals[klass] for klass in first if klass != "oneoff")
    assert sum(day == 0 for day in arrivals.values()) >= 15
    for third in range(3):
        assert any(DAYS * third // 3 < day <= DAYS * (third + 1) // 3 for day in first.values())
    counts = sorted(Counter(item.klass for item in year if item.source != "oneoff").values())
    assert counts[-1] > 10 * counts[len(counts) // 2]


def test_drifts_change_the_answers_from_their_day_on(year):
    """Three classes answer by the old rule before their day and by the new one from it on, repeats included."""
    changes = streams.drifts(3, DAYS)
    assert len(changes) == 3
    for klass, day in changes.items():
        seen = {False: 0, True: 0}
        for item in (item for item in year if item.klass == klass):
            values = office.values(item, 3)
            assert values["v"] != values["drifted"]
            assert item.answer == values["drifted" if item.day >= day else "v"]
            assert right(item, item.answer)
            assert not right(item, values["v" if item.day >= day else "drifted"])
            seen[item.day >= day] += 1
        assert min(seen.values()) > 0


def test_the_year_is_deterministic(year):
    """The same seed gives the same year, another seed another."""
    assert streams.year(3, days=DAYS, per_day=PER_DAY)[:500] == year[:500]
    assert streams.year(4, days=2, per_day=PER_DAY) != year[: 2 * PER_DAY]


def test_oneoffs_are_not_alike():
    """No two of a thousand one-offs share two thirds of their words, and only few share half."""
    some = list(islice(office_oneoffs.sequence(1), 1000))
    words = [frozenset(re.findall(r"\w+", item.text.lower())) for item in some]
    shares = [len(a & b) / len(a | b) for a, b in combinations(words, 2)]
    assert max(shares) < 2 / 3
    assert sum(share > 0.5 for share in shares) < 10
    assert len({item.answer for item in some}) == len(some)
    assert all(right(item, item.answer) and not right(item, wrong(item, random.Random(1))) for item in some[:50])


@pytest.mark.parametrize("klass", CLASSES)
def test_near_misses_are_no_requests_of_their_class(klass):
    """As many as asked for, all different, none equal to a plain request in any wording, and nothing is right for them."""
    near = refuse.refuse(klass, 5, 30)
    assert len(near) == 30
    assert near == refuse.refuse(klass, 5, 30)
    plain = list(islice(sequence(klass, 5), 120))
    texts = {item.text for item in plain}
    if klass in REGISTER:
        texts |= {fill(phrasing, office.values(item, 5)) for item in plain for phrasing in REGISTER[klass].phrasings}
    assert len({item.text for item in near}) == 30
    assert not {item.text for item in near} & texts
    for item in near:
        assert item.answer == ""
        assert not any(right(item, other.answer) for other in plain[:5])
        with pytest.raises(ValueError, match="cannot be answered"):
            wrong(item, random.Random(0))


@pytest.mark.parametrize("klass", CLASSES)
def test_every_class_has_near_misses_of_most_kinds(klass):
    """Each class has at least four of the six kinds, each way of changing the wording fits at least one request."""
    rng = random.Random(1)
    kinds = Counter(
        kind
        for item in islice(sequence(klass, 5), 40)
        for kind in refuse.KINDS
        if refuse.near_miss(item, kind, 5, rng) not in (None, item.text)
    )
    assert len(kinds) >= 4
    for _, piece, instead in REGISTER[klass].edits if klass in REGISTER else ():
        fitting = [phrasing for phrasing in REGISTER[klass].phrasings if piece in phrasing]
        assert fitting, piece
        values = office.values(next(sequence(klass, 0)), 0)
        assert all(fill(p.replace(piece, instead), values) != fill(p, values) for p in fitting)


@pytest.mark.parametrize(
    ("kind", "answer", "reply", "request_text", "verdict"),
    [
        ("numbers", "The fee is $1,200.50.", "$1200.50", "", True),
        ("numbers", "The fee is $1,200.50.", "For 12 kg it is $1,200.50", "12 kg", True),
        ("numbers", "The fee is $1,200.50.", "$1,200.5 or $3", "", False),
        ("numbers", "The fee is $1,200.50.", "€1,200.50", "", False),
        ("numbers", "7 h 5 min", "5 h 7 min", "", False),
        ("numbers", "12 boxes", "-12 boxes", "", False),
        ("numbers", "12 boxes", "no idea", "12", False),
        ("final", "3 x $2.00 + $1.00 = $7.00", "$7", "", True),
        ("final", "3 x $2.00 + $1.00 = $7.00", "$7.00 - $1.00", "", False),
        ("yesno", "Yes", "yes, it does", "", True),
        ("yesno", "Yes", "No", "", False),
        ("json", '{"a": 1, "b": "x"}', '```json\n{"b": "x", "a": 1.0}\n```', "", True),
        ("json", '{"a": 1}', '{"a": "1"}', "", False),
        ("json", '{"a": 1}', "a: 1", "", False),
        ("text", "Row 3, position 4", "Row 3, position 4.", "", True),
        ("text", "Row 3, position 4", "Row 4, position 3", "", False),
    ],
)
def test_replies_are_compared_by_value(kind, answer, reply, request_text, verdict):
    """Dress does not matter, values, their order, their sign and their currency do."""
    assert same(kind, answer, reply, request_text) is verdict


AMOUNTS = st.decimals(-(10**7), 10**7, places=2)


@given(AMOUNTS, AMOUNTS)
def test_two_amounts_are_the_same_exactly_when_equal(one: Decimal, other: Decimal):
    """However an amount is dressed, it is the same as itself and as no other."""
    answer = f"The total is {money(one)}."
    assert same("numbers", answer, str(one), "")
    assert same("numbers", answer, money(other), "") is (one == other)


def test_numbers_are_read_without_their_dress():
    """Thousands commas and currency signs go, a minus stays, parts of words are no numbers."""
    assert [str(n) for n in numbers("-$1,234.50 and 7 of A4 or €3")] == ["-1234.50", "7", "3"]
