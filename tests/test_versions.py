"""The second version: compared on requests that cost nothing, settled by the model, and never a reason to block a good draft."""

from decimal import Decimal

import pytest

from seglam.agreement import agree
from seglam.evidence import Evidence
from seglam.inputs import constants, requests
from seglam.procedure import Case, Draft, answer
from seglam.sandbox import VERIFY, MontySandbox
from seglam.versions import FEWEST, MOST_COMPARED, versions

PATTERN = "{who:name} sends {n:integer} parcels at {p:money($)} each. What is due?"
NARROW = "Ada Bell sends {n:oneof(2|3)} parcels at {p:money($)} each. What is due?"
RUN = """\
from decimal import Decimal


def run(who, n, p):
    total = n * p
    if total < 50:
        total = total + 5
    return total


def check(value, who, n, p):
    return value >= n * p


def render(value, who, n, p):
    return f"{who} owes ${value:.2f}."


def gen(seed):
    return {"who": ("Ada Bell", "Ivan Hall")[seed % 2], "n": 1 + seed % 9, "p": Decimal(1 + seed % 30)}
"""


@pytest.fixture(scope="module")
def sandbox():
    """Where drafts run."""
    box = MontySandbox()
    yield box
    box.close()


def drafted(source=RUN, patterns=(PATTERN,), kind="decimal"):
    """A draft of the class."""
    return Draft("What parcels cost", kind, "forever", tuple(patterns), source)


def due(who, n, p):
    """A case with its right answer: 5 more below 50."""
    total = n * p
    return Case(
        f"{who}{n}{p}",
        f"{who} sends {n} parcels at ${p} each. What is due?",
        f"{who} owes ${total + 5 * (total < 50)}.00.",
    )


CASES = [due("Ada Bell", 2, 10), due("Ivan Hall", 3, 11)]


class Model:
    """Answers as the right program does, and counts how often it is asked."""

    def __init__(self, sandbox, right, *, says=None):
        self.sandbox, self.right, self.says, self.asked = sandbox, right, says, []

    def __call__(self, text):
        self.asked.append(text)
        return self.says if self.says is not None else answer(self.right, text, self.sandbox, VERIFY).text


def held(sandbox, second, ask=None, cases=CASES):
    """The evidence with a second version."""
    return Evidence(cases, (), (), sandbox, ask=ask, rewrite=None if second is None else lambda: second)


def test_two_right_versions_agree_without_a_call(sandbox):
    """Other code for the same rule agrees on everything, and the finding says on how much."""
    second = drafted(RUN.replace("total = total + 5", "return n * p + Decimal(5)"))
    model = Model(sandbox, drafted())
    verdict = versions(drafted(), held(sandbox, second, model))
    assert verdict.passed
    assert model.asked == []
    count = int(verdict.detail.partition(" ")[0])
    assert FEWEST <= count <= MOST_COMPARED
    assert f"{count} of {count}" in verdict.detail


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("total < 50", "total < 60"),
        ("total < 50", "total <= 50"),
        ("n * p\n    if", "(n + 0) * p if n < 7 else 7 * p\n    if"),
    ],
)
def test_what_no_case_shows_is_found(sandbox, old, new):
    """A threshold that no case straddles, its edge, and a special case for large numbers are found, with a counterexample."""
    wrong = drafted(RUN.replace(old, new))
    assert wrong.source != RUN
    assert all(agree(case.answer, answer(wrong, case.text, sandbox, VERIFY).text, "decimal") for case in CASES)
    model = Model(sandbox, drafted())
    verdict = versions(wrong, held(sandbox, drafted(), model))
    assert not verdict.passed
    assert repr(model.asked[0]) in verdict.detail
    assert "so does the model" in verdict.detail
    assert len(model.asked) <= 3


def test_the_model_sides_with_the_draft(sandbox):
    """A wrong second version costs at most three calls and does not block a right draft; the finding tells."""
    wrong = drafted(RUN.replace("total < 50", "total < 60"))
    model = Model(sandbox, drafted())
    verdict = versions(drafted(), held(sandbox, wrong, model))
    assert verdict.passed
    assert 1 <= len(model.asked) <= 3
    assert "the model sided with this one" in verdict.detail


@pytest.mark.parametrize(("says", "calls"), [("It is $1.00.", 2), ("I cannot tell.", 2)])
def test_a_third_answer_counts_against_the_draft(sandbox, says, calls):
    """The model is asked once more, because it errs as well; then nobody has confirmed the draft."""
    model = Model(sandbox, drafted(), says=says)
    verdict = versions(drafted(), held(sandbox, drafted(RUN.replace("total < 50", "total < 60")), model))
    assert not verdict.passed
    assert len(model.asked) == calls
    assert says in verdict.detail


@pytest.mark.parametrize("ask", [None, lambda _text: None])
def test_a_difference_that_nobody_can_settle_refuses(sandbox, ask):
    """One of the two is wrong, and it may be this one."""
    verdict = versions(drafted(), held(sandbox, drafted(RUN.replace("total < 50", "total < 60")), ask))
    assert not verdict.passed
    assert "nobody could say" in verdict.detail


@pytest.mark.parametrize(
    "second",
    [None, drafted("import os\n"), drafted(RUN.replace("n * p\n    if", "n * p * 3\n    if"))],
    ids=["declined", "not of the language", "fails the cases"],
)
def test_what_is_no_witness_does_not_block(sandbox, second):
    """A second version that was declined, cannot run, or fails the cases proves nothing; the finding says so."""
    verdict = versions(drafted(), held(sandbox, second, Model(sandbox, drafted())))
    assert verdict.passed
    assert verdict.detail.startswith("no second version")


def test_narrower_patterns_are_weak_evidence_and_no_refusal(sandbox):
    """A second version that accepts few of the requests is compared on these; the finding calls itself weak."""
    few = drafted(RUN.replace("total = n * p", "total = int(n) * p").replace(">= n * p", ">= p"), [NARROW])
    verdict = versions(drafted(), held(sandbox, few, Model(sandbox, drafted()), CASES[:1]))
    assert verdict.passed, verdict.detail
    assert "weak" in verdict.detail


def test_what_the_second_version_refuses_is_asked_about(sandbox):
    """Answers for a fifth of the requests that the other program refuses on purpose need the model's word for one of them."""
    careful = RUN.replace("total = n * p", 'total = n * p\n    if total > 60:\n        raise Refuse("heavy")')
    bold = RUN.replace("total = n * p", "total = n * p if n * p <= 60 else n * p + 1")
    model = Model(sandbox, drafted())
    verdict = versions(drafted(bold), held(sandbox, drafted(careful), model))
    assert not verdict.passed
    assert "refuses it" in verdict.detail
    assert versions(drafted(), held(sandbox, drafted(careful), model)).passed


def test_inputs_are_the_same_every_time_and_accepted_by_both(sandbox):
    """So that a recorded model can replay what it was asked."""
    drafts = [drafted(), drafted(patterns=[PATTERN, PATTERN.replace("What is due?", "What is owed?")])]
    first = list(requests(drafts, CASES, sandbox))
    assert first == list(requests(drafts, CASES, sandbox))
    assert len(first) == len(set(first)) > 2 * FEWEST
    assert all(draft.guard.match(text) is not None for draft in drafts for text in first)


def test_inputs_straddle_the_constants_of_the_code(sandbox):
    """Below, at and above the threshold of 50, which no case reaches."""
    assert Decimal(50) in constants([drafted()])
    totals = [
        params["n"] * params["p"]
        for text in requests([drafted()], CASES, sandbox)
        if (params := drafted().guard.match(text))
    ]
    assert min(totals) < 50 < max(totals)
    assert 50 in totals


@pytest.mark.parametrize(
    "gen",
    [
        "def gen(seed):\n    return seed\n",
        "def gen(seed):\n    return {'who': seed, 'n': 'x', 'p': None}\n",
        "def gen(seed):\n    return {}[seed]\n",
        "def gen(seed):\n    while True:\n        seed = seed + 1\n    return seed\n",
        "",
    ],
    ids=["no dict", "no values", "raises", "endless", "none"],
)
def test_a_bad_gen_only_gives_fewer_inputs(sandbox, gen):
    """gen() is the compiler's code as well: whatever it gives, the other sources remain."""
    source = RUN[: RUN.index("def gen")] + gen
    assert len(list(requests([drafted(source)], CASES, sandbox))) > FEWEST
