"""Which requests are of one kind, before any procedure knows them: by their shared words, in any language.

This only decides which requests the compiler is shown together. A wrong guess costs a compile call, never an answer.
"""

import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Final

_TOKEN: Final = re.compile(r"\d+(?:[.,:/]\d+)*|[^\W\d_]+(?:['’][^\W\d_]+)?|[^\w\s]|_|\n")
_MOST: Final = 400
"""Tokens compared; the kind of a longer request shows in its beginning."""
_RATIO: Final = 0.6
_RATIO_APART: Final = (
    0.75  # where already the first words differ: "solve the following" is another kind than "find the"
)
_FRAME: Final = 5
"""Words that two requests must begin and end with in common to be of one kind although their data differ."""
_BEGUN: Final = 2
_ENDED: Final = 8
"""Of them at the beginning, where the kind is said, or so many at the end: "only the result as your final answer" says none."""
_FRAMED: Final = 0.5


def tokens(text: str) -> tuple[str, ...]:
    """Words, numbers and marks."""
    return tuple(_TOKEN.findall(text)[:_MOST])


@lru_cache(maxsize=8192)
def _masked(text: str) -> tuple[tuple[str, ...], frozenset[str]]:
    """Tokens with numbers made equal, in order and as a set. Remembered: every miss is compared with all that came before."""
    masked = tuple("0" if part[0].isdigit() else part.lower() for part in tokens(text))
    return masked, frozenset(masked)


def similar(one: str, other: str) -> bool:
    """Whether two texts look like two requests of one kind."""
    return likeness(one, other) > 0


def likeness(one: str, other: str) -> float:
    """How much two texts look like two requests of one kind: 0.0 not at all, to 1.0 but for numbers the same."""
    (a, _), (b, known) = _masked(one), _masked(other)
    if not a or not b:
        return 0.0
    shared = sum(part in known for part in a)  # no fewer than any way of matching can find
    if shared < _FRAME and 2 * shared < _RATIO * (len(a) + len(b)):
        return 0.0
    matcher = SequenceMatcher(None, a, b, autojunk=False)
    needed = _RATIO if a[:_BEGUN] == b[:_BEGUN] else _RATIO_APART
    if matcher.real_quick_ratio() >= needed and matcher.quick_ratio() >= needed and matcher.ratio() >= needed:
        return matcher.ratio()
    head, tail = _frame(a, b)
    framed = head + tail >= _FRAME and (head >= _BEGUN or tail >= _ENDED)
    return _FRAMED if framed else 0.0


def _frame(a: Sequence[str], b: Sequence[str]) -> tuple[int, int]:
    """Words in common at the beginning, and at the end; numbers and marks do not count."""
    shortest = min(len(a), len(b))
    head = next((i for i in range(shortest) if a[i] != b[i]), shortest)
    tail = next((i for i in range(shortest - head) if a[-1 - i] != b[-1 - i]), shortest - head)
    ends = (a[:head], a[len(a) - tail :] if tail else ())
    return sum(part[0].isalpha() for part in ends[0]), sum(part[0].isalpha() for part in ends[1])


def marked(texts: Sequence[str]) -> list[str]:
    """The texts with ⟦ ⟧ around what differs from the first (in the first: from the second).

    Where that is in other words altogether, the first in like words takes its place; where there is none, nothing is marked.
    """
    return [_marked(text, [*texts[:i], *texts[i + 1 :]]) for i, text in enumerate(texts)]


def _marked(text: str, others: Sequence[str]) -> str:
    alike = next((other for other in others if similar(text, other)), None)
    return text if alike is None else _mark(text, alike)


def _mark(text: str, other: str) -> str:
    spans = [match.span() for match in _TOKEN.finditer(text)]
    mine, theirs = [text[a:b] for a, b in spans], _TOKEN.findall(other)
    pieces: list[str] = []
    end = 0
    for tag, first, last, _, _ in SequenceMatcher(None, mine, theirs, autojunk=False).get_opcodes():
        if tag == "equal" or first == last:
            continue
        start, stop = spans[first][0], spans[last - 1][1]
        pieces.append(f"{text[end:start]}⟦{text[start:stop]}⟧")
        end = stop
    return "".join([*pieces, text[end:]])
