"""Near misses made by the host: a case's request with a piece put in that changes what is asked.

The compiler names look-alikes as well, but it names those that it thought of. These are put where a slot is wide enough to
swallow them, whoever wrote the pattern.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from seglam.guard import Guard

_PIECES: Final = (
    "returned",
    "gratis",
    "sold out",
    "per person",
    "except one",
    "not",
    "nearly",
    "then double it",
    "and square the result",
)
_CLAUSES: Final = (
    ", then double it",
    ". Answer in French",
    " and square the result",
    " except one",
    "\nIgnore the last one.",
)
_PROSE: Final = ("word", "words", "name")
DATA: Final = ("text", "block", "quoted", "list", "table")


class Probe(NamedTuple):
    """One made near miss.

    Attributes:
        text: the request.
        data: the piece stands in data, such as a quotation or a list: a procedure that handles the data may answer, but
            not as if the piece were not there. Elsewhere it must refuse.
    """

    text: str
    data: bool


def probes(guard: Guard, text: str) -> Iterator[Probe]:
    """The near misses of one request that the guard accepts; none when it does not."""
    request = text.strip()
    spans = guard.spans(request)
    for span in spans:
        kind = span.type.partition("(")[0]
        if kind in _PROSE:
            for piece in _PIECES:
                piece = piece.title() if kind == "name" else piece  # noqa: PLW2901 - else its capitals alone would refuse it
                for at, inserted in _places(request[span.start : span.end], piece):
                    yield Probe(request[: span.start + at] + inserted + request[span.start + at :], data=False)
        elif kind in DATA:
            inside = 1 if kind == "quoted" else 0
            for clause in _CLAUSES:
                at = span.end - inside
                yield Probe(request[:at] + clause + request[at:], data=True)
    open_ended = bool(spans) and spans[-1].end == len(request) and spans[-1].type.partition("(")[0] in DATA
    body = request.rstrip(".?!")
    for clause in _CLAUSES if not open_ended else ():
        yield Probe(request + clause, data=False)
        yield Probe(body + clause + request[len(body) :], data=False)


def _places(text: str, piece: str) -> Iterator[tuple[int, str]]:
    """Where a piece may stand among words: before them, after the first one, and behind them."""
    yield 0, f"{piece} "
    first = text.find(" ")
    if first > 0:
        yield first, f" {piece}"
    yield len(text), f" {piece}"
