"""The sandbox's interface: what a call gives, what may cross the boundary, and the life of the pool."""

import datetime as dt
import math
import threading
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seglam import jail, workers
from seglam.errors import ConfigurationError
from seglam.sandbox import HIT, VERIFY, Limits, MontySandbox, Outcome, Status, call_source, compact

PROCEDURE = '''\
"""Totals with tax."""

from decimal import ROUND_HALF_UP, Decimal
import math

CENT = Decimal("0.01")
SEEDS = (1, 2, 3)


def run(qty: int, price: Decimal) -> Decimal:
    """Compute the total."""
    if qty < 1:
        raise Refuse("no items")
    return taxed(qty * price)


def taxed(total):
    # half up, as a cashier does
    return (total * Decimal("1.19")).quantize(CENT, ROUND_HALF_UP)


def check(value, qty, price):
    return value >= price * qty


def render(value, qty, price):
    """Tell it."""
    return f"The total is ${value:,.2f}."


def gen(seed):
    return {"qty": math.gcd(seed, 12), "price": Decimal(SEEDS[seed % 3])}
'''
CALL = "[bool(check(run(qty, price), qty, price)), render(run(qty, price), qty, price)]"


@pytest.fixture(scope="module")
def sandbox():
    """One sandbox for the module."""
    it = MontySandbox()
    yield it
    it.close()


def test_a_procedure_runs(sandbox):
    """The value of the last expression comes back, with the arguments as global names, and Refuse is predefined."""
    source = call_source(PROCEDURE, CALL)
    outcome = sandbox.run(source, {"qty": 3, "price": Decimal("19.99")}, HIT)
    assert outcome.status is Status.OK
    assert outcome.value == [True, "The total is $71.36."]
    assert outcome.micros > 0
    refused = sandbox.run(source, {"qty": 0, "price": Decimal(1)}, HIT)
    assert (refused.status, refused.detail, refused.value) == (Status.REFUSED, "no items", None)


def test_the_detail_names_error_message_and_line(sandbox):
    """An error's detail has what a repair needs: type, message, the line's number in the source, function and text."""
    source = "def helper(n):\n    return 1 / n\n\ndef run():\n    return helper(0)\n"
    outcome = sandbox.run(call_source(source, "run()"), {}, HIT)
    assert outcome.status is Status.ERROR
    assert outcome.detail == "ZeroDivisionError: division by zero (line 2, in helper: `return 1 / n`)"
    assert "NameError: name 'unknown' is not defined (line 1" in sandbox.run("unknown", {}, HIT).detail
    assert "SyntaxError" in sandbox.run("def f(:\n  1", {}, HIT).detail


def test_details_are_bounded(sandbox):
    """An error's message cannot flood a log or a prompt."""
    assert len(sandbox.run("raise ValueError('x' * 100_000)", {}, HIT).detail) <= 500


def test_only_broken_limits_are_strikes():
    """Timeouts, memory and crashes are strikes; errors, refusals and a busy sandbox are not; only OK is ok."""
    assert {status for status in Status if Outcome(status).strike} == {Status.TIMEOUT, Status.MEMORY, Status.CRASH}
    assert [status for status in Status if Outcome(status).ok] == [Status.OK]


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
    | st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**12), max_value=10**12)
    | st.dates()
    | st.times()
    | st.datetimes(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(st.characters(codec="ascii"), max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)


def typed(value):
    """A value together with the exact types of everything in it."""
    if type(value) in (list, tuple):
        return (type(value), [typed(part) for part in value])
    if type(value) is dict:
        return (dict, [(typed(key), typed(part)) for key, part in value.items()])
    return (type(value), str(value))


@settings(max_examples=150, deadline=None)
@given(PLAIN)
def test_plain_data_crosses_unchanged(sandbox, value):
    """None, bool, int, float, str, Decimal, dates, times, and lists, tuples, dicts of them come back equal, type for type."""
    outcome = sandbox.run("given", {"given": value}, HIT)
    assert outcome.ok, outcome
    assert typed(outcome.value) == typed(value)


class Str(str):
    """A str that is not exactly one."""

    __slots__ = ()


@pytest.mark.parametrize(
    "value",
    [
        Str("a"), b"a", {1, 2}, frozenset({1}), object(), Fraction(1, 2), math.nan, math.inf, Decimal("NaN"),
        Decimal("-Infinity"), Decimal("1e5000"), Decimal("1e-5000"), Decimal("0e999999"), 10**5000, -(10**5000),
        [object()], {"a": Str("b")}, {Str("a"): 1}, len, 1j, ..., "x" * 300_000, dt.timedelta(1),
        [[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]],
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_other_arguments_are_refused(sandbox, value):
    """What is not exactly plain data, or too large, or not finite, is never handed to the code."""
    outcome = sandbox.run("given", {"given": value}, HIT)
    assert outcome.status is Status.ERROR
    assert outcome.detail.startswith("the arguments are")


@pytest.mark.parametrize(
    "source",
    [
        "{1, 2}", "b'a'", "lambda: 1, len", "class A: pass\nA()", "float('nan')", "float('inf')", "1j", "...", "[[1], {2}]",
        "from decimal import Decimal\nDecimal('NaN')", "from decimal import Decimal\nDecimal('1e9999')", "10**5000",
        "from datetime import timedelta\ntimedelta(1)", "ValueError('x')", "int",
        "x = 1\nfor i in range(30): x = [x]\nx", "{'a': {1}}", "{(1, 2): {1}}",
    ],
)  # fmt: skip
def test_other_values_are_refused(sandbox, source):
    """A value that is not exactly plain data is an error, however deep it lies."""
    outcome = sandbox.run(source, {}, HIT)
    assert outcome.status is Status.ERROR
    assert outcome.value is None
    assert outcome.detail.startswith("the value is"), outcome.detail


def test_arguments_are_values_never_code(sandbox):
    """A text that looks like code stays a text."""
    text = '"""\n__import__("os").system("true")\nRefuse = 1 #'
    assert sandbox.run(call_source("def run(text):\n    return text\n", "run(text)"), {"text": text}, HIT).value == text


@given(st.text(max_size=60), st.dictionaries(st.text(max_size=5), st.integers(), max_size=3))
@settings(max_examples=100, deadline=None)
def test_run_never_raises(sandbox, source, arguments):
    """Any source with any arguments gives an Outcome."""
    assert isinstance(sandbox.run(source, arguments, HIT), Outcome)


@pytest.mark.parametrize(
    "bad", [{"seconds": 0}, {"seconds": 5}, {"seconds": math.nan}, {"memory": 0}, {"recursion": 0}, {"output": -1}]
)
def test_limits_that_would_not_limit_are_refused(bad):
    """A limit must be positive, and within what the pool enforces."""
    with pytest.raises(ConfigurationError, match=next(iter(bad))):
        Limits(**bad)


def test_verify_is_laxer_than_hit():
    """What passes on the request path passes while a candidate is examined."""
    assert VERIFY.seconds > HIT.seconds
    assert (VERIFY.memory, VERIFY.recursion, VERIFY.output) == (HIT.memory, HIT.recursion, HIT.output)


def test_check_loads_without_calling(sandbox):
    """check() is silent about a module that loads, and says what is wrong with one that does not."""
    assert sandbox.check(PROCEDURE) == []
    assert sandbox.check("def run():\n    return 1 / 0\n") == []
    [syntax] = sandbox.check("def run(:\n")
    assert "SyntaxError" in syntax
    [missing] = sandbox.check("import statistics\n")
    assert "No module named 'statistics'" in missing
    [lacking] = sandbox.check("def run():\n    yield 1\n")
    assert "line 2" in lacking


def test_compact_keeps_the_meaning(sandbox):
    """compact() drops gen, comments, docstrings and annotations with what only they need; the answers are the same."""
    small = compact(PROCEDURE)
    for gone in ("gen", "math", "SEEDS", "cashier", "Compute", "Totals", "Tell", "-> Decimal", ": int"):
        assert gone not in small
    for kept in ("def run(qty, price)", "def taxed(total)", "CENT = ", "ROUND_HALF_UP"):
        assert kept in small
    arguments = {"qty": 3, "price": Decimal("19.99")}
    assert (
        sandbox.run(call_source(small, CALL), arguments, HIT).value
        == sandbox.run(call_source(PROCEDURE, CALL), arguments, HIT).value
    )
    assert sandbox.run(call_source(small, CALL), {"qty": 0, "price": Decimal(1)}, HIT).detail == "no items"
    assert "def gen" in compact(PROCEDURE, keep=("gen",))
    assert compact(small) == small


@pytest.mark.parametrize("why", ["", '"odd"', 'f"{n} is odd"', "n", "why=3", "[n]"])
def test_compact_keeps_refusals(sandbox, why):
    """However a refusal is worded, it stays one, with the same words."""
    source = f"def run(n):\n    if n % 2:\n        raise Refuse({why})\n    return n\n"
    whole, small = (
        sandbox.run(call_source(given, "run(n)"), {"n": 3}, HIT) for given in (source, compact(source, keep=("run",)))
    )
    assert (small.status, small.detail) == (whole.status, whole.detail)
    assert small.status is Status.REFUSED


@pytest.mark.parametrize("source", ["def f(:", "x\0", "(" * 2000])
def test_compact_leaves_alone_what_it_cannot_read(source):
    """A source that does not parse comes back unchanged."""
    assert compact(source) == source


def test_threads_share_a_sandbox(sandbox):
    """Many threads at once each get their own answer, or are told that the sandbox is busy."""
    results = {}

    def work(number):
        for step in range(25):
            outcome = sandbox.run("n * 1000 + m", {"n": number, "m": step}, HIT)
            results[number, step] = outcome

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 200
    assert {outcome.status for outcome in results.values()} <= {Status.OK, Status.BUSY}
    assert all(outcome.value == n * 1000 + m for (n, m), outcome in results.items() if outcome.ok)
    assert any(outcome.ok for outcome in results.values())


def test_a_full_sandbox_is_busy(sandbox):
    """When every worker is taken, a call ends as BUSY, which is no strike, and no worker is stolen."""
    outcomes = []
    source = "import math\nmath.factorial(10**6)"
    threads = [
        threading.Thread(target=lambda: outcomes.append(sandbox.run(source, {}, Limits(seconds=0.7))))
        for _ in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    statuses = [outcome.status for outcome in outcomes]
    assert set(statuses) == {Status.BUSY, Status.TIMEOUT}
    assert sandbox.run("1", {}, HIT).ok


def test_close_is_idempotent_and_not_final():
    """A closed sandbox may be closed again, and opens again by use; one that was never used closes too."""
    fresh = MontySandbox()
    fresh.close()
    assert fresh.run("1", {}, HIT).value == 1
    fresh.close()
    fresh.close()
    assert fresh.run("2", {}, HIT).value == 2
    fresh.close()


def test_the_name_tells_engine_and_isolation(sandbox):
    """The name has the engine's exact version and the isolation that was really reached."""
    engine, _, level = sandbox.name.partition("/")
    assert engine == f"monty-{workers.engine().__version__}"
    assert level in {level.value for level in jail.Level}


def test_too_little_isolation_is_an_error(monkeypatch, caplog):
    """Below the demanded floor nothing runs, and this is logged once, not once a call."""
    monkeypatch.setattr(workers, "levels", lambda: [jail.Level.NONE])
    monkeypatch.setattr(workers, "_logged", set())
    strict = MontySandbox(floor=jail.Level.SECCOMP)
    outcomes = [strict.run("1", {}, HIT) for _ in range(3)]
    assert {outcome.status for outcome in outcomes} == {Status.ERROR}
    assert "no isolation of level seccomp" in outcomes[0].detail
    assert strict.name == "monty/unavailable"
    assert len([record for record in caplog.records if "cannot start" in record.message]) == 1


def test_a_jail_that_fails_is_stepped_down_and_told(monkeypatch, caplog, tmp_path):
    """Where a level does not start, the next one does, the name says so, and so does the log."""
    real = jail.Launcher.path

    def path(self, level):
        return tmp_path / "missing" if level is jail.Level.LANDLOCK else real(self, jail.Level.NONE)

    monkeypatch.setattr(jail.Launcher, "path", path)
    monkeypatch.setattr(workers, "levels", lambda: [jail.Level.LANDLOCK, jail.Level.NONE])
    monkeypatch.setattr(workers, "_logged", set())
    fallen = MontySandbox()
    assert fallen.run("1", {}, HIT).ok
    assert fallen.name.endswith("/none")
    fallen.close()
    assert "sandbox isolation is none only (landlock+seccomp:" in caplog.text


def test_a_lost_launcher_is_made_again(sandbox):
    """When the temporary directory is cleaned and the workers die, at most one call fails before the sandbox heals itself."""
    fresh = MontySandbox()
    assert fresh.run("1", {}, HIT).ok
    if fresh.name.endswith("/none"):
        pytest.skip("no launcher without a jail")
    fresh._launcher.close()
    fresh._pool.close()
    assert fresh.run("1", {}, HIT).status is Status.ERROR
    assert fresh.run("2", {}, HIT).value == 2
    fresh.close()


def test_no_path_lookup(monkeypatch, tmp_path):
    """The worker is found in the environment's scripts directory; PATH and MONTY_BIN have no say."""
    fake = tmp_path / "monty"
    fake.write_text("#!/bin/sh\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("MONTY_BIN", str(fake))
    assert jail.worker_binary() != fake
    fresh = MontySandbox()
    assert fresh.run("1", {}, HIT).ok
    fresh.close()
