"""What the value guards may overlook: a closed list of edits that never change what is asked.

Everything that is not here is compared as it stands, so a gap costs a hit and never makes a wrong one; a wrong entry would.
"""

from typing import Final


def word_set(text: str) -> frozenset[str]:
    """The words of a row."""
    return frozenset(text.split())


CONTRACTIONS: Final = {
    "cannot": "can not", "can't": "can not", "won't": "will not", "shan't": "shall not", "ain't": "is not",
    "dont": "do not", "doesnt": "does not", "didnt": "did not", "isnt": "is not", "arent": "are not", "wasnt": "was not",
    "werent": "were not", "hasnt": "has not", "havent": "have not", "couldnt": "could not", "shouldnt": "should not",
    "wouldnt": "would not", "whats": "what is", "what's": "what is", "wheres": "where is", "where's": "where is",
    "whos": "who is", "who's": "who is", "hows": "how is", "how's": "how is", "when's": "when is", "thats": "that is",
    "that's": "that is", "it's": "it is", "there's": "there is", "here's": "here is", "i'm": "i am", "im": "i am",
    "i've": "i have", "ive": "i have", "i'll": "i will", "we're": "we are", "we've": "we have", "we'll": "we will",
    "you're": "you are", "you've": "you have", "you'll": "you will", "they're": "they are", "they've": "they have",
    "they'll": "they will", "let's": "let us",
    "setup": "set up", "login": "log in", "logon": "log on", "logout": "log out", "logoff": "log off",
    "signup": "sign up", "signin": "sign in", "signout": "sign out",
}  # fmt: skip
"""One word for two; every "n't" besides is a "not"."""

SAME: Final = {
    "telephone": "phone", "television": "tv", "maths": "math", "mathematics": "math", "mum": "mom", "okay": "ok",
    "grey": "gray", "cheques": "checks", "defence": "defense", "licence": "license", "jewellery": "jewelry",
    "aluminium": "aluminum", "tyre": "tire", "tyres": "tires", "catalogue": "catalog", "dialogue": "dialog",
    "fulfil": "fulfill", "enrol": "enroll", "instalment": "installment", "instalments": "installments",
    "kilometre": "km", "kilometres": "km", "kilometer": "km", "kilometers": "km", "kilogram": "kg", "kilograms": "kg",
}  # fmt: skip
"""The few words that stand for each other in every sentence, and spellings that no rule covers."""

BE: Final = word_set("am is are was were be")
PRONOUNS: Final = word_set("i you he she it we they")
AUXILIARIES: Final = word_set("do does did can could will would shall should may might must has have had") | BE
QUESTIONS: Final = word_set("how what why when where which who whose whom")
BEFORE_ARTICLE: Final = word_set("does did")
"""Only after these an article may be left out or changed: "vitamin a", "have the time", "about the time" stay as they are."""
KEEP_ARTICLE: Final = word_set(
    "few little lot bit couple good great number same first second last other most more least"
)
"""Before these an article changes the meaning: "few", "a few"."""
BEFORE_I: Final = (
    (AUXILIARIES - BE) | QUESTIONS | word_set("am was and or but if that because so while after before until")
)
ABOUT_ME: Final = word_set("look sound seem rank compare feel know score rate differ do die appear stand fare age")
"""Verbs with which "how do I" asks about me, not for a way."""

ABBREVIATED: Final = word_set("mrs inc ltd etc prof approx ave vol fig gen sen rep gov capt corp dept")
"""A full stop after these ends no sentence; after two letters it never does."""

NAMES: Final = word_set("""
    monday tuesday wednesday thursday friday saturday sunday january february april june july september october november
    december christmas easter europe africa asia france germany spain italy portugal greece canada mexico brazil argentina
    russia ukraine poland sweden norway denmark finland iceland ireland scotland england britain wales austria switzerland
    belgium netherlands india pakistan indonesia thailand vietnam korea australia egypt morocco nigeria kenya israel iran
    iraq paris london rome berlin madrid lisbon athens tokyo kyoto osaka seoul beijing shanghai oslo stockholm copenhagen
    helsinki vienna dublin amsterdam brussels moscow sydney melbourne toronto chicago boston wembley uk usa eu english
    french german spanish italian portuguese greek russian japanese korean chinese dutch swedish norwegian danish american
    british european celsius fahrenheit paypal google microsoft facebook youtube netflix instagram whatsapp gmail wifi
    iphone android linux sql shakespeare einstein mozart beethoven napoleon
""")
"""Names that are no other word in small letters, unlike Turkey, Polish or May."""

OPERATORS: Final = {"plus": "+", "minus": "-", "times": "*", "x": "*", "×": "*", "·": "*", "÷": "/", "–": "-"}
"""Between two numbers."""

VERBATIM: Final = (
    r"words?|sentences?|letters?|phrases?|characters?|strings?|syllables?|vowels?|regexp?|glob|command|commands|spell\w*|"
    r"pronounc\w*|translat\w*|rhym\w*|anagrams?|palindromes?|backwards|capital\s?(?:ize\w*|ise\w*|letters?)|uppercase|"
    r"lowercase|grammar|punctuation|digits?|decimals?|fractions?|roman|numerals?|format\w*|notation|binary|hex\w*|synonyms?|"
    r"antonyms?|prefix|suffix|nouns?|verbs?|adjectives?|define|definition|mean|means|meaning|plural|rewrite|correct|proofread|"
    r"paraphrase|called|titled|named|songs?|movies?|films?|novels?|bands?|albums?|episodes?|poems?|symbols?|significant|type|"
    r"abbreviat\w*|say|says|said|saying|writ\w+|wrote|reply|respond|answer|sing|lyrics|english|french|german|spanish|italian|"
    r"portuguese|greek|russian|japanese|korean|chinese|dutch|latin|arabic|acronyms?|text|title|quote|code|integer|float|rounded|24-hour|12-hour|iso|number\s(?:is|in|of)"
)
"""Where a text speaks about its own wording, that wording counts: articles, case, and how a number is written."""
