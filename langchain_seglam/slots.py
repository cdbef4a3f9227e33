"""Where the question stands in a text that a template made. Pure; what is read here may come from anywhere.

A mark travels with the text: where its question stands, and the digest of the text that it was written for. What is sent is
therefore always what stands around the question with the question put in, or the mark is none.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

MARK: Final = "seglam"
"""In ``response_metadata`` of a user's message, which no provider reads and no key of ours holds."""

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Slot:
    """A text in two: its question, and what stands around it.

    Attributes:
        question: the same at every place.
        around: what stands before, between and after; one more than there are places.
    """

    question: str
    around: tuple[str, ...]

    @property
    def bare(self) -> bool:
        """Whether the question is the whole text."""
        return not any(self.around)

    def shown(self, placeholder: str) -> str:
        """The text with a placeholder for the question, for people and the compiler; no key is made of it."""
        return placeholder.join(self.around)


def once(text: str, question: str) -> list[Span]:
    """The one place of a question in a text; none where it stands there more than once, or as a part of a word."""
    start = text.find(question)
    if not question.strip() or start < 0 or start != text.rfind(question):
        return []
    end = start + len(question)
    inside = (
        start > 0 and text[start - 1].isalnum() and question[0].isalnum(),
        end < len(text) and text[end].isalnum() and question[-1].isalnum(),
    )
    return [] if any(inside) else [(start, end)]


def placed(text: str, question: str, placeholder: str, other: str) -> list[Span]:
    """The places of a question in a text, from ``other``, which the same template made with a placeholder for it."""
    pieces = other.split(placeholder)
    if not question.strip() or len(pieces) == 1 or question.join(pieces) != text:
        return []
    spans, at = [], 0
    for piece in pieces[:-1]:
        at += len(piece)
        spans.append((at, at + len(question)))
        at += len(question)
    return spans


def mark(text: str, spans: Sequence[Span]) -> dict[str, Any]:
    """What travels with the text; without spans it says that the question was not found."""
    return {"question": [list(span) for span in spans], "of": _digest(text)}


def moved(note: dict[str, Any], text: str, longer: str) -> dict[str, Any]:
    """The mark of a text that ends in the marked one; one without places where it does not."""
    by = len(longer) - len(text)
    spans = [(start + by, end + by) for start, end in note["question"]] if longer.endswith(text) else []
    return mark(longer, spans)


def slot(text: str, note: Any) -> Slot | None:
    """The question of a marked text; None where the mark has no place, is another text's, or is no mark."""
    if not isinstance(note, dict) or note.get("of") != _digest(text) or not isinstance(note.get("question"), list):
        return None
    around, asked, at = [], set(), 0
    for span in note["question"]:
        match span:
            case [int(start), int(end)] if at <= start < end <= len(text):
                around.append(text[at:start])
                asked.add(text[start:end])
                at = end
            case _:
                return None
    if len(asked) != 1:
        return None
    question = asked.pop()
    return Slot(question, (*around, text[at:])) if question.strip() else None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
