"""Words and phrases that stand for each other in a question, the other words being equal; and the frames around a question.

A pair is here only where swapping it in any everyday question leaves the question the same or makes it nonsense. The looser
reading uses these; the strict one does not.
"""

import re
from typing import Final

from seglam.lexicon import word_set
from seglam.stems import stem

_GROUPS: Final = """
    buy purchase | delete remove erase | phone telephone | cellphone mobile smartphone | tv television | photo
    photograph | picture image | bike bicycle | fridge refrigerator | car automobile | movie film | begin
    start commence | receive get obtain | contact reach | fix repair mend | mistake error | problem issue
    trouble | quick fast rapid | large big | cheap inexpensive | ill sick | kid child | doctor physician |
    lawyer attorney | luggage baggage | change modify alter edit amend | choose select pick | allow permit let
    | need require | deliver ship | delivery shipping shipment | fee charge | parcel package | website site
    webpage | advantage benefit | disadvantage drawback downside | help assist | verify confirm | order
    request | show display | kind type sort | maximum max | minimum min | usa us | uk britain | euro eur |
    improve enhance | forbid prohibit | holiday vacation | information info | advertisement ad | laboratory
    lab | examination exam | gasoline petrol | elevator lift | garbage trash rubbish | attempt try | finish
    complete | speak talk | answer reply | employer boss | employee worker | salary wage | happen occur |
    difficult hard | easy simple | mail post | near nearby | additional extra | correct right | wrong
    incorrect | necessary needed | permitted allowed | warranty guarantee | toilet restroom | conceal hide |
    pupil student | glad happy | expand enlarge | decline reject refuse | specific certain | frequently often
    | regarding concerning | using with via | until till | inside within | upon on | among amongst | while
    whilst | reservation booking | book reserve schedule arrange | unfreeze unblock unlock | overseas abroad |
    check view | find locate | transfer send | activate enable | deactivate disable | submit lodge | eligible
    entitled qualify | damaged broken faulty | nearest closest | bill invoice | discount reduction | deadline
    cutoff | document paperwork | limit cap | limitation restriction | join enroll | report flag | aim goal
    objective | significance importance | famous wellknown | smart intelligent clever | beautiful pretty |
    strange weird | scared afraid | rich wealthy | firm company | nation country | shop store | grocery
    groceries | supermarket grocer | teach instruct | reduce decrease | increase raise | main principal |
    entire whole | sufficient enough | rarely seldom | immediately instantly | approximately roughly | maybe
    perhaps | ask inquire enquire | deal cope | remedy treatment | tip advice suggestion recommendation |
    instruction guide guideline | expire lapse | consequence impact | hint clue
"""
SYNONYMS: Final = {stem(word)[0]: members[0] for members in map(str.split, _GROUPS.split("|")) for word in members}
"""Stem -> the word that stands for its group."""

PHRASES: Final = tuple(
    (re.compile(rf"\b(?:{pattern})\b"), instead)
    for pattern, instead in (
        (
            r"(?:make|making|submit|submitting|file|filing|put in|raise) (?:a |an |my )?(claim|complaint|request)s?",
            r"\1",
        ),
        (r"(?:getting|get) in touch with|get (?:a )?hold of", "contact"),
        (r"comes? with", "include"),
        (r"(?:turn|switch|turning|switching) on", "enable"),
        (r"(?:turn|switch|turning|switching) off", "disable"),
        (r"shut down|shutting down", "close"),
        (r"send(?:ing)? back", "return"),
        (r"(?:sign|signing) up (?:for|to)", "join"),
        (r"take out", "withdraw"),
        (r"free of charge|at no (?:extra )?(?:cost|charge)|for free", "free"),
        (r"(?:least expensive|lowest priced)", "cheapest"),
        (r"opening (?:hours|times)|business hours|hours of operation", "openhours"),
        (r"(?:contact|telephone|phone) number", "phonenumber"),
        (r"(when|where|who|why) (?:do|will|would) i (?:need|have) to", r"\1 should i"),
        (
            (
                r"^(?:do|will|would) i (?:need|have) to|^am i (?:required|obliged|supposed) to|^is it"
                r" (?:necessary|required|mandatory|compulsory) (?:for me )?to"
            ),
            "must i",
        ),
        (r"go through|gone through|going through|goes through|went through", "complete"),
        (r"setting up|sets up", "set up"),
        (r"(?:(?:i am|we are) )?(?:unable|not able) to", "i can not"),
        (r"cash ?machine|cash ?point|atm machine", "atm"),
        (r"credit rating", "credit score"),
        (r"united states(?: of america)?", "usa"),
        (r"united kingdom", "uk"),
        (r"european union|european", "eu"),
        (r"money back", "refund"),
        (r"cell phone|mobile phone", "mobile"),
        (r"sign (in|out)", r"log \1"),
        (r"log into|sign into", "log in"),
        (r"top ups?|topups?|topping up|topped up", "topup"),
        (r"show up|shows up|showing up", "show"),
        (r"open up", "open"),
        (r"(?:find|finding) out", "find"),
        (r"no longer|not any ?more|not any longer", "not"),
        (r"earn money", "make money"),
        (r"(?:taking|takes|take) place|happen(?:s|ing)?", "happen"),
        (r"pros and cons", "advantages and disadvantages"),
        (r"out of date", "outdated"),
        (r"(?:a|quite a) few", "several"),
        (r"a (little|bit)", r"somewhat"),
        (r"have the time", "have clocktime"),
        (r"about the time", "about clocktime"),
        (r"what is the matter", "what is wrong"),
        (r"wanna", "want to"),
        (r"(?:am|is|are) (?:gonna|going to)", "will"),
        (r"at the moment|right now|at this time|these days|as of now", ""),
        (r"in order to|so as to", "to"),
        (r"due to|because of", "because"),
        (r"a lot of|lots of", "many"),
        (r"as well as", "and"),
        (r"(i|we)(?:'d| would) (?:like|love)", r"\1 want"),
        (r"(can|could|may) (i|we) receive", r"\1 \2 get"),
        (r"(?:is|are|has|have) yet to", "has not"),
        (r"(what|which) are (?:some(?: of the)?|the) (?:really )?(?:good|best|great|top)", r"\1 are best"),
        (
            (
                r"(?:at|on|in|by) (?=(?:what|which) (?:time|day|date|place|places|country|countries|city|cities"
                r"|age|year)\b)"
            ),
            "",
        ),
        (r"for (?=how long\b)", ""),
        (r"how soon", "when"),
        (r"what (?:can|could|should|must|would) i do", "what do i do"),
        (r"what to do (?:in order )?to", "how to"),
        (r"what to do (?=if|when|about|after|with)", "what do i do "),
        (r"(?:located|situated)$", ""),
        (r"capital city", "capital"),
        (r"kind of|type of|sort of|kinds of|types of|sorts of", "kind"),
        (r"in regards? to|with regards? to|regarding|concerning", "about"),
        (r"by (?:means|way) of|by using|through the use of", "with"),
        (r"(?:stay|remain|stays|remains|staying) (?=open|closed|valid)", ""),
    )
)
"""Phrases of one meaning, on small letters; the replacement is one word where it can be."""
PHRASE: Final = re.compile("|".join(f"(?:{pattern.pattern})" for pattern, _ in PHRASES))
"""Whether there is any: one search in place of many."""

_OPENERS: Final = (
    "how|what|why|when|where|which|who|whose|is|are|am|was|were|do|does|did|can|could|will|would"
    "|should|must|may|has|have|i|my|we|the|"
    "there|please|tell|um|uh|so|just|hi|team|for|if|in|on|at|to"
)
FILLERS: Final = re.compile(
    r"^(?:(?:um+|uh+|er|erm|hmm+|oh|ok|okay|so|well|hi|hello|hey|hiya|yo|greetings|sorry|excuse me"
    r"|thanks|thank you|there|team|everyone"
    r"|guys|all|quick (?:one|question)|one question|question|(?:good )?(?:morning|afternoon|evening)"
    r"|just (?:wondering|curious))"
    rf"(?:(?: [,:.!-])+ (?=\S)| (?=(?:{_OPENERS})\b))"
    r"|(?:please|pls|plz|(?:just )?wondering(?: if)?|i (?:was|am) (?:just )?(?:wondering|curious)(?:"
    r" if)?|anyone know|(?:do|does) (?:you|anyone)(?: guys)? know(?! how to)"
    r"|any idea|(?:can|could|would|will) (?:you|someone|anyone|somebody) (?:please |kindly |maybe"
    r" )?(?:tell|explain to|show|let) (?:me|us)(?: know)?"
    r"|tell me|let me know|(?:(?:can|could) you )?(?:please )?explain(?: to me)? (?=(?:why|how"
    r"|what)\b)|i (?:(?:want|need|would like|wish) to|'d like to) know|i'd like to know|i (?:think"
    r"|believe|see|noticed|guess|can see|feel like)(?: that)?|it (?:seems|looks|appears)(?: like|"
    r" that)?|i am trying to (?:find out|figure out|understand))(?: [,:])* (?=\S))"
)
"""What may open a question and asks nothing; taken off as long as something of a question follows."""

ASKING: Final = re.compile(r"\b(?:tell|know|show|explain|wondering|curious|find out|figure out|any idea)\b")
"""Among them those behind which a question stands in the order of a statement."""

_I: Final = r"(?:i|we|you|one|someone|somebody|anyone|people|a person)"
_NEUTRAL: Final = (
    r"(?:(?:best|easiest|correct|right|proper|usual|simplest|good|easy|possible|recommended|some|different) )*"
)
FRAMES: Final = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        ("how", rf"^how (?P<mood>do|can|could|should|would|might|may|must) {_I} (?:go about )?(?P<rest>.+)"),
        ("how", r"^how (?:to|would one) (?P<rest>.+)"),
        ("how", (rf"^(?:what|which) (?:is|are|would be) (?:the |a |some |an )?{_NEUTRAL}(?:ways?|methods?|process"
                rf"|procedure|steps?) (?:to|for|of|by which i can|i can) (?P<rest>.+)")),
        ("how", (rf"^what steps (?:do|should|must|can) {_I} (?:need to |have to )?(?:take|follow) (?:to|for)"
                rf" (?P<rest>.+)")),
        ("how", rf"^(?:what )?(?:the )?{_NEUTRAL}(?:ways?|steps?|method|process) (?:to|of|for) (?P<rest>.+)"),
        ("how", rf"^what (?:do|should|must|can) {_I} (?:need to |have to )?do (?:in order )?to (?P<rest>.+)"),
        ("how", (r"^(?:i|we) (?:want|need|wish|have|am trying|am looking) to (?P<rest>.+?) [,.] (?:so )?(?:how"
                r" (?:do|can|should|would) i (?:do (?:it|that|this|so)|go about (?:it|that|this|doing (?:it|that"
                r"|this|so)))|how does (?:that|this|it) work|what (?:steps )?(?:do|should|must) i (?:take|do|need"
                r" to do))$")),
        ("how", r"^(?:explain|show me|teach me|describe) how (?:to|i can|do i|i) (?P<rest>.+)"),
        ("way", (r"^(?:is|are) there (?:a|any|some|an easy|any easy) ways? (?:for (?:me|us) )?(?:to|i can|that i"
                r" can|of) (?P<rest>.+)")),
        ("can", r"^(?:can|could|may|might) (?:i|we) (?P<rest>.+)"),
        ("can", r"^(?:am i|are we|will i be|would i be) (?:able|allowed|permitted) to (?P<rest>.+)"),
        ("can", (r"^(?:is|would) it (?:be )?(?:possible|allowed|permitted|ok|okay) (?:for me |for us )?(?:to|if i)"
                r" (?P<rest>.+)")),
        ("can", r"^do i have the (?:option|ability|possibility) (?:to|of) (?P<rest>.+)"),
        ("difference", (r"^(?:what (?:is|are) )?(?:the )?(?:main |key |major |exact |real )?differences? between"
                       r" (?P<rest>.+ and .+)")),
        ("difference", r"^how (?:is|are) (?P<rest>.+ different (?:from|than|to) .+)"),
        ("difference", r"^how (?:do|does) (?P<rest>.+ differ from .+)"),
        ("difference", r"^how (?:do|does) (?P<rest>.+ and .+) differ$"),
        ("meaning", r"^what (?:do|does) (?P<rest>.+) mean$"),
        ("meaning", r"^what is (?:meant by|the meaning of) (?P<rest>.+)"),
        ("price", r"^(?:how much|what) (?P<mood>does|do|will|would|did) it cost (?:me |us )?(?:to|for) (?P<rest>.+)"),
        ("price", r"^(?:how much|what) (?P<mood>does|do|will|would|did) (?P<rest>.+) cost$"),
        ("price", r"^how much (?P<mood>is|are|was|were) (?:it (?:to|for) )?(?P<rest>.+)"),
        ("price", r"^what (?P<mood>is|are|was|were) the (?:price|cost)s? (?:of|for|to) (?P<rest>.+)"),
        ("price", r"^how much do you charge (?:for|to) (?P<rest>.+)"),
        ("duration", (r"^how long (?P<mood>does|do|will|would|did|should|can) it take (?:for|to|until|before|me to|you"
                     r" to) (?P<rest>.+)")),
        ("duration", (r"^how long (?P<mood>does|do|will|would|did|should|can|is|are|was|were) (?P<rest>.+?)(?: take|"
                     r" last)?(?: for)?$")),
        ("exist", r"^(?P<mood>is|are|was|were) there (?P<rest>.+)"),
        ("exist", r"^(?P<mood>do|did) you (?:guys )?(?:have|offer|provide|sell|do|stock) (?P<rest>.+)"),
        ("exist", r"^(?P<mood>is|are) (?P<rest>\S+(?: \S+){0,3} available.*)"),
        ("why", (r"^(?:why|how come) (?P<mood>do|does|did|is|are|was|were|am|has|have|had|can|could|will|would"
                r"|should|must) (?P<rest>.+)")),
        ("why", r"^(?:why|how come) (?P<rest>.+)"),
        ("why", r"^(?:what is |is there )(?:the|a) reason (?:why |that |for )?(?P<rest>.+)"),
        ("why", r"^(?P<rest>.+) [,.] why$"),
        ("when", (r"^(?:when|(?:at )?what time) (?P<mood>do|does|did|is|are|was|were|am|has|have|had|can|could|will"
                 r"|would|should|must) (?P<rest>.+)")),
        ("where", (r"^where (?P<mood>can|do|could|should|would|might) (?:i|we|you|one) find (?P<rest>(?:my|the|your"
                  r"|our) .+)")),
        ("where", (r"^where (?P<mood>do|does|did|is|are|was|were|am|has|have|had|can|could|will|would|should|must)"
                  r" (?P<rest>.+)")),
        ("who", (r"^whom? (?P<mood>do|does|did|is|are|was|were|am|has|have|had|can|could|will|would|should|must)"
                r" (?P<rest>.+)")),
        ("who", r"^who (?P<rest>.+)"),
        ("whose", r"^whose (?P<rest>.+)"),
        ("what is", r"^(?:what|which) (?P<mood>is|are|was|were|am) (?P<rest>.+)"),
        ("what", r"^(?:what|which) (?P<mood>do|does|did|has|have|had|can|could|will|would|should|must) (?P<rest>.+)"),
        ("which", r"^(?:what|which) (?P<rest>.+)"),
        ("what is", r"^(?:show me|give me|list|name) (?P<rest>.+)"),
        ("manner", (r"^how (?P<mood>do|does|did|is|are|was|were|am|has|have|had|can|could|will|would|should|must)"
                   r" (?P<rest>.+)")),
        ("want", r"^(?:i|we) (?:want|need|wish|am looking) (?P<rest>.+)"),
        ("asked", r"^(?:can|could|would|will) you (?:please |kindly )?(?P<rest>.+)"),
        ("yes or no", (r"^(?P<mood>do|does|did|is|are|was|were|am|has|have|had|will|would|should|must|can|could|may"
                      r"|shall) (?P<rest>.+)")),
    )
)  # fmt: skip
"""(kind of question, its frame), the first that fits wins; ``mood`` is the auxiliary, ``rest`` what is asked about."""

KINDS: Final = frozenset(
    map(
        frozenset,
        (("how", "way"), ("what", "which"), ("what is", "which"), ("way", "can"), ("asked", ""), ("want", "")),
    )
)
"""Kinds of question that one answer serves."""
MOODS: Final = {
    **dict.fromkeys(["do", "does", "is", "are", "am", "has", "have"], "now"),
    **dict.fromkeys(["did", "was", "were", "had"], "past"),
    **dict.fromkeys(["can", "could", "may", "might"], "can"), **dict.fromkeys(["will", "would", "shall"], "will"),
    "should": "should", "must": "must", "": "now",
}  # fmt: skip
FREE_MOODS: Final = frozenset(("how", "price", "duration"))
"""Questions that ask the same with "do", "can", "should" and "will"; never with "did" and "must"."""
CHANNELS: Final = word_set(
    "app website site phone email internet web account portal computer laptop iphone android browser"
    " statement bill order"
)
"""What a thing is done in, on, at, with or through: all the same."""
RELATED: Final = word_set(
    "deadline limit fee charge cost price requirement discount policy procedure reason answer"
    " solution rule alternative restriction "
    "option application penalty fine tax rate"
)
"""What has an object behind "for", "of", "on", "to" or "with": all the same."""
MEDIA: Final = word_set("in on at with via by over through inside")
OBJECTS: Final = word_set("for of on to with about")
IDLE: Final = word_set(
    "a an the be is are am been do does please my our your it its there that this these those some"
    " any also just really "
    "actually currently own to so then , very exactly personally have has will would which now kindly available "
    "ever already still yet too"
)
"""Function words that the looser reading does not compare; who is meant, the guards compare."""
CLAUSE: Final = re.compile(
    r"^(?P<front>(?:to|on|in|at|for|with|from|if|when|after|before|since|because|while|during|under"
    r"|as|next|last|once) [^,.]+) , "
    r"(?P<main>(?:how|what|when|where|why|who|which|is|are|do|does|did|can|could|will|would|should|am"
    r"|was|were|has|have|the|my|i)\b.+)$"
)
"""A leading phrase or clause, which may as well stand at the end."""
