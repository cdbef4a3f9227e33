"""Who is wrong when code and model differ: the model is asked again, and what it says most often is what it means.

Self-consistency (Wang et al., 2022, arXiv 2203.11171) at its smallest: one reply is an opinion, three are a vote.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from seglam.judging import ByValue, Judge, judged

Same = Callable[[str, str], bool]
_BY_VALUE = ByValue()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the votes say.

    Attributes:
        blamed: the procedure is wrong, or nobody sides with it.
        answer: what the model holds: its most frequent answer, or the procedure's where that is one of them.
        reason: in words.
    """

    blamed: bool
    answer: str
    reason: str


def same(judge: Judge | None, kind: str, question: str, expected: str, actual: str) -> bool:
    """Whether two answers to a question agree, by the user's judge or by value. A judge that fails says no."""
    return judged(judge or _BY_VALUE, question, expected, actual, kind)


def blame(agree: Same, given: str, said: str, votes: Sequence[str]) -> Verdict:
    """Decide about a procedure that answered ``given`` where the model had said ``said``.

    It is cleared when the model's further votes side with it as often as with any other answer. Without votes, or when no vote
    sides with it, it is blamed: a suspension costs some misses, a wrong procedure wrong answers.
    """
    opinions = [said, *votes]
    siding = sum(agree(opinion, given) for opinion in opinions)
    others = [opinion for opinion in opinions if not agree(opinion, given)]
    sizes = [sum(agree(other, opinion) for other in others) for opinion in others]
    most = max(sizes, default=0)
    tally = f"the model said {said!r}, the code {given!r}; of {len(votes)} further votes {siding} side with the code"
    if siding and siding >= most:
        return Verdict(blamed=False, answer=given, reason=tally)
    return Verdict(blamed=True, answer=others[sizes.index(most)] if others else said, reason=tally)
