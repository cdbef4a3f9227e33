"""Where several stored questions have one answer, they say together what it answers, and where another begins.

Answers are shared where a handbook was imported, or an application answers from a list; what a model writes freely is hardly
written twice. Around a request stand the questions nearly as near as the nearest. Do some of them share an answer while one has
another, it is uncertain which one is right, and nothing is served. Do at least three have one answer and none another, it is
served to a request that says nothing new: one of them has all its content words, and it has all that they have in common. The
model's margin over every other entry is the boundary that a contrast set draws by examples.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Final, NamedTuple

from seglam.lexicon import AUXILIARIES, PRONOUNS, QUESTIONS, word_set
from seglam.values import conflict
from seglam.wording import LINKS, wording

BAND: Final = 0.10
"""Of cosine: what is less near than the nearest by no more than this has a say."""
_ENOUGH: Final = 3
_SHORT: Final = 40  # characters
_BARE: Final = 5
_DECISIONS: Final = word_set("yes no true false not never always correct incorrect none")
_GRAMMAR: Final = (
    LINKS
    | AUXILIARIES
    | PRONOUNS
    | QUESTIONS
    | word_set("a an the to of me my us our your that this there so just please")
)


class Voice(NamedTuple):
    """A stored question near the request.

    Attributes:
        text: the question.
        answer: its answer's text.
        score: cosine similarity to the request.
    """

    text: str
    answer: str
    score: float


def telling(answer: str) -> str:
    """An answer as it is compared; "" if two questions may well have it by chance: yes, 4, nothing at all."""
    plain = " ".join(answer.split())
    if len(plain) < _SHORT:
        first = plain.casefold().split(" ", 1)[0].strip(".,!;:")
        if len(plain) <= _BARE or first in _DECISIONS or any(character.isdigit() for character in plain):
            return ""
    return plain


def contested(text: str, answer: str, voices: Sequence[Voice]) -> bool:
    """Whether the questions around a request share answers, and not only this one.

    Args:
        text: the request.
        answer: what would be served.
        voices: the neighbours, best first.
    """
    near = [(voice, telling(voice.answer)) for voice in _band(voices)]
    counts = Counter(found for _, found in near if found)
    if len(counts) < 2 or max(counts.values()) < 2:  # noqa: PLR2004 - two answers, one of them shared
        return False
    own = telling(answer)
    heard = Counter(found for voice, found in near if found and conflict(text, voice.text) is None)
    return max(heard.values(), default=0) > 1 and any(found != own for found in heard)


def unanimous(text: str, voices: Sequence[Voice]) -> bool:
    """Whether the answer of the nearest question is the only one around, often enough, and covers all that is asked.

    Args:
        text: the request.
        voices: the neighbours, best first.
    """
    near = _band(voices)
    answers = {telling(voice.answer) for voice in near}
    if len(near) < _ENOUGH or len(answers) > 1 or not all(answers):
        return False
    texts = [voice.text for voice in near if conflict(text, voice.text) is None]
    return len(texts) >= _ENOUGH and texts[0] == near[0].text and _covered(text, texts)


def _band(voices: Sequence[Voice]) -> Sequence[Voice]:
    return [voice for voice in voices if voice.score >= voices[0].score - BAND]


def _covered(text: str, texts: Sequence[str]) -> bool:
    """Whether the request asks for nothing that the questions do not, and leaves out nothing that all of them say."""
    asked = wording(text)
    if asked.literal or asked.kind not in {wording(known).kind for known in texts}:
        return False
    own, known = _content(text), [_content(other) for other in texts]
    return bool(own) and any(own <= words for words in known) and frozenset.intersection(*known) <= own


def _content(text: str) -> frozenset[str]:
    return frozenset(
        item.stem for item in wording(text).items if item.low not in _GRAMMAR and item.stem not in _GRAMMAR
    )
