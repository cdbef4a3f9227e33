"""Which languages people write in: by their script where it belongs to one language, by py3langid where several share it.

A name is given only where it is certain; of other texts nothing is said. Without py3langid (extra ``languages``) scripts and
English are told, the other languages of the Latin, Cyrillic and Arabic scripts are not.
"""

import logging
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable
from functools import cache, lru_cache
from typing import Final

from seglam.wording import english

logger = logging.getLogger("seglam")

RECENT: Final = 200
"""Requests of a namespace that tell what its traffic is."""
_LEAST: Final = 3
_SHARE: Final = 0.05  # below it, wordings in a language would cost more vectors than it brings hits
_MOST: Final = 3
_OWN: Final = 0.3  # of the letters: fewer are a name or a quoted word in a text of another language
_CERTAIN: Final = 0.5  # of 4,000 English questions of banking77 one is taken for another language, at 0.9 none
_LONGEST: Final = 1_000  # characters read

_SCRIPTS: Final = {
    "HANGUL": "Korean",
    "HIRAGANA": "Japanese",
    "KATAKANA": "Japanese",
    "CJK": "Chinese",
    "THAI": "Thai",
    "GREEK": "Greek",
    "HEBREW": "Hebrew",
    "ARMENIAN": "Armenian",
    "GEORGIAN": "Georgian",
    "KHMER": "Khmer",
    "LAO": "Lao",
    "MYANMAR": "Burmese",
    "SINHALA": "Sinhala",
    "TAMIL": "Tamil",
    "TELUGU": "Telugu",
    "KANNADA": "Kannada",
    "MALAYALAM": "Malayalam",
    "GUJARATI": "Gujarati",
    "GURMUKHI": "Punjabi",
}
_NAMES: Final = {
    "ar": "Arabic", "az": "Azerbaijani", "be": "Belarusian", "bg": "Bulgarian", "bn": "Bengali", "ca": "Catalan",
    "cs": "Czech", "da": "Danish", "de": "German", "en": "English", "es": "Spanish", "et": "Estonian", "fa": "Persian",
    "fi": "Finnish", "fr": "French", "hi": "Hindi", "hr": "Croatian", "hu": "Hungarian", "id": "Indonesian",
    "is": "Icelandic", "it": "Italian", "kk": "Kazakh", "lt": "Lithuanian", "lv": "Latvian", "mr": "Marathi",
    "ms": "Malay", "ne": "Nepali", "nl": "Dutch", "no": "Norwegian", "pl": "Polish", "pt": "Portuguese",
    "ro": "Romanian", "ru": "Russian", "sk": "Slovak", "sl": "Slovenian", "sq": "Albanian", "sr": "Serbian",
    "sv": "Swedish", "sw": "Swahili", "tl": "Tagalog", "tr": "Turkish", "uk": "Ukrainian", "ur": "Urdu",
    "uz": "Uzbek", "vi": "Vietnamese",
}  # fmt: skip


@lru_cache(maxsize=4096)
def language(text: str) -> str:
    """The English name of the language that a text is written in, or "" where it is not certain."""
    letters = [char for char in text[:_LONGEST] if char.isalpha()]
    if not letters:
        return ""
    scripts = Counter(_script(char) for char in letters)
    told = Counter[str]()
    for script, count in scripts.items():
        if name := _SCRIPTS.get(script):
            told[name] += count
    if "Japanese" in told:  # whose texts are half in Chinese characters
        told["Japanese"] += told.pop("Chinese", 0)
    if told:
        name, count = told.most_common(1)[0]
        if count >= _OWN * len(letters):
            return name
    if english(text):
        return "English"
    code = _identified(text[:_LONGEST])
    return _NAMES.get(code, "")


def spoken(texts: Iterable[str], *, besides: str = "") -> tuple[str, ...]:
    """The languages that traffic shows, the commonest first.

    Args:
        texts: recent requests.
        besides: a text whose own language is left out.
    """
    found = Counter(map(language, texts))
    least = max(_LEAST, _SHARE * found.total())
    own = language(besides)
    # A text without a certain language may be in any that has no script of its own; asked for, it would be asked for twice.
    others = found.keys() - {own} if own or not besides else found.keys() & {*_SCRIPTS.values()}
    common = sorted((-found[name], name) for name in others if name and found[name] >= least)
    return tuple(name for _, name in common[:_MOST])


@cache
def _script(char: str) -> str:
    return unicodedata.name(char, "").partition(" ")[0]


def _identified(text: str) -> str:
    identify = _identifier()
    if identify is None:
        return ""
    code, certain = identify(text)
    return code if certain >= _CERTAIN else ""


@cache
def _identifier() -> Callable[[str], tuple[str, float]] | None:
    """Loaded at first use, which takes a second: languages are told in the background only."""
    try:
        from py3langid.langid import MODEL_FILE, LanguageIdentifier
    except ImportError:
        return None
    try:
        classify: Callable[[str], tuple[str, float]] = LanguageIdentifier.from_model_file(
            MODEL_FILE, norm_probs=True
        ).classify
        classify("a text")
    except Exception as error:  # another version: what it would say is not known
        logger.warning("py3langid cannot be used, languages are told by their script alone: %s", type(error).__name__)
        return None
    return classify
