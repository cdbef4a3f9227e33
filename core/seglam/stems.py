"""Words as they are compared: lower case, American spelling, contractions opened, inflection taken off."""

import json
import re
from functools import cache, lru_cache
from importlib.resources import files
from typing import Final, NamedTuple

from seglam.lexicon import CONTRACTIONS, word_set
from seglam.quantities import Token, scan

_IRREGULAR: Final = {
    form: (base, "ed" if n else "")
    for line in """
    be been|begin began begun|break broke broken|bring brought|build built|buy bought|catch caught|choose chose chosen|come came
    cost|do did done|draw drew drawn|drink drank drunk|drive drove driven|eat ate eaten|fall fell fallen|feel felt|find found
    fly flew flown|forget forgot forgotten|get got gotten|give gave given|go went gone|grow grew grown|have had
    hear heard|hold held|keep kept|know knew known
    lead led|learn learnt|leave left|lend lent|lose lost|make made|mean meant|meet met
    pay paid|ride rode ridden|rise rose risen|run ran|see saw seen|sell sold|send sent|show shown|use used|sing sang sung
    sit sat|sleep slept
    speak spoke spoken|spend spent|stand stood|steal stole stolen|swim swam|take took taken|teach taught|tell told|think thought
    understand understood|wake woke woken|wear wore worn|win won|withdraw withdrew withdrawn|write wrote written""".replace(
        "\n", "|"
    ).split("|")
    if line.strip()
    for base, *forms in [line.split()]
    for n, form in enumerate([base, *forms])
}
_PLURALS: Final = {
    "children": "child", "men": "man", "women": "woman", "feet": "foot", "teeth": "tooth", "mice": "mouse", "people": "person",
    "lives": "life", "wives": "wife", "knives": "knife", "leaves": "leaf", "shelves": "shelf", "kids": "kid", "has": "have",
    "does": "do", "is": "be", "are": "be", "am": "be", "was": "be", "were": "be", "goes": "go",
    "using": "use", "being": "be", "doing": "do", "buses": "bus", "dies": "die", "ties": "tie", "criteria": "criterion",
}  # fmt: skip
_OWN_PLURAL: Final = word_set(
    "glasses arms goods customs damages spirits minutes means news times works manners savings looks"
    " pants jeans always series "
    "species this his its us as yes gas bus plus less class pass loss boss process address business"
    " access success illness "
    "perhaps various previous serious famous physics politics economics mathematics athletics lens"
    " analysis basis crisis thesis "
    "evening morning missing during nothing something anything everything ceiling wedding pudding"
    " need speed sales drawers blues colors lots contents terms specs links grounds stairs"
)
"""Plurals that mean something else than many of their singular, and words that only look like plurals."""
_FORMS: Final = (
    ("ies", "y", "s"),
    ("ied", "y", "ed"),
    ("sses", "ss", "s"),
    ("shes", "sh", "s"),
    ("ches", "ch", "s"),
    ("xes", "x", "s"),
)
_LONG: Final = 5


_COMPOUND: Final = re.compile(r"\b(e)-(mails?|mailed|mailing)\b|\b(wi)-(fi)\b", re.IGNORECASE)


class Word(NamedTuple):
    """One word, value or sign.

    Attributes:
        low: folded and in American spelling.
        stem: without inflection.
        form: "", "s", "ing" or "ed": the inflection that was taken off.
        token: as scanned.
        starts: whether a sentence begins here.
        whole: False for the later pieces of an opened contraction.
    """

    low: str
    stem: str
    form: str
    token: Token
    starts: bool = False
    whole: bool = True

    @property
    def worded(self) -> bool:
        """Whether this is a word, not a value or a sign."""
        return self.token.kind == "word"


@cache
def vocabulary() -> frozenset[str]:
    """Common English words: those that the shipped tokenizer knows whole. Empty without it."""
    path = files("seglam").joinpath("model/tokenizer.json")
    try:
        known = json.loads(path.read_text("utf-8"))["model"]["vocab"]
    except (OSError, ValueError, KeyError):
        return frozenset()
    return frozenset(word for word in known if not word.startswith("##"))


@lru_cache(maxsize=16384)
def stem(word: str) -> tuple[str, str]:  # noqa: PLR0911 - a row of tests, one form each
    """(stem, inflection) of an English word in small letters; any other word is its own stem."""
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if word in _PLURALS:
        return _PLURALS[word], "s"
    if word.endswith(("'s", "s'")):
        return stem(word[:-2] if word.endswith("'s") else word[:-1])[0], "'s"
    if not word.isascii() or len(word) < 4 or word in _OWN_PLURAL:  # noqa: PLR2004 - letters, or words
        return word, ""
    for ending, instead, form in _FORMS:
        if word.endswith(ending) and len(word) >= _LONG:
            return word[: -len(ending)] + instead, form
    if word.endswith("s") and word[-2] not in "sui" and "'" not in word:
        return word[:-1], "s"
    for ending in ("ing", "ed"):
        if word.endswith(ending) and len(word) > len(ending) + 2 and re.search("[aeiouy]", word[: -len(ending)]):
            return _base(word, word[: -len(ending)]), ending
    return word, ""


def _base(word: str, cut: str) -> str:
    """The verb that an inflected form was made from; the form itself where none is known."""
    known = vocabulary()
    if word.endswith("eed"):
        return word
    halved = cut[:-1] if len(cut) > 2 and cut[-1] == cut[-2] else ""  # noqa: PLR2004 - letters, or words
    short = re.fullmatch(r"[^aeiou]*[aeiouy][^aeiouwxy]", cut) is not None
    choices = (
        (cut, halved)
        if cut in known and halved
        else (halved, cut)
        if halved
        else (cut + "e", cut)
        if short
        else (cut, cut + "e")
    )
    return next((choice for choice in choices if choice in known), word)


@lru_cache(maxsize=16384)
def spelling(word: str) -> str:
    """American for British spelling, in long words only: "four" is not "for"."""
    if len(word) > _LONG and word.isascii():
        word = re.sub(r"(?<=[bdlnpv])our(?=s?$|ed$|ing$|ite|able|hood)", "or", word)
        word = re.sub(r"(?<=[a-z]{3})is(?=ation)|(?<=[almnrt])is(?=(?:e|es|ed|ing)$)", "iz", word)
        word = re.sub(r"(?<=[a-z]{2})tre(?=s?$)", "ter", word)
        word = re.sub(r"(?<=[a-z]{3}el)l(?=ed$|ing$|er$|ers$)", "", word)
    return word


def words(text: str) -> tuple[Word, ...]:
    """A text as words, values and signs, in order."""
    found: list[Word] = []
    starts = True
    for token in scan(_COMPOUND.sub(lambda m: (m[1] or m[3]) + (m[2] or m[4]), text)):
        if token.kind == "word":
            low = token.text.casefold().replace("’", "'")
            pieces = CONTRACTIONS.get(low, "").split() if not token.joined else []
            if not pieces and low.endswith("n't"):
                pieces = [low[:-3], "not"]
            for n, piece in enumerate(pieces or [low]):
                spelled = spelling(piece)
                found.append(Word(spelled, *stem(spelled), token, starts, whole=not n))
                starts = False
        else:
            found.append(Word(token.text.casefold(), token.text.casefold(), "", token, starts))
            starts = token.text in (".", "!", "?", ":", ";") or (starts and token.kind == "punct")
    return tuple(found)
