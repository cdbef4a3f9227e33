"""Words and phrases that stand for each other in a question, the other words being equal; and the frames around a question.

A pair is here only where swapping it in any everyday question leaves the question the same or makes it nonsense. The looser
reading uses these; the strict one does not.
"""

import re
from typing import Final

from seglam.stems import stem

_GROUPS: Final = """
    buy purchase|delete remove erase|phone telephone|cellphone mobile smartphone|tv television|photo photograph|picture image
    bike bicycle|fridge refrigerator|car automobile|movie film|begin start commence|receive get obtain|contact reach
    fix repair mend|mistake error|problem issue trouble|quick fast rapid|large big|cheap inexpensive|ill sick|kid child
    doctor physician|lawyer attorney|luggage baggage|change modify alter edit amend|choose select pick|allow permit let
    need require|deliver ship|delivery shipping shipment|fee charge|parcel package|website site webpage|identity id
    advantage benefit|disadvantage drawback downside|help assist|verify confirm|create setup|order request|show display
    kind type sort|maximum max|minimum min|usa us|uk britain|euro eur|improve enhance|forbid prohibit|holiday vacation
    information info|application app|advertisement ad|laboratory lab|examination exam|refrigerator fridge|gasoline petrol gas
    apartment flat|elevator lift|garbage trash rubbish|autumn fall|attempt try|finish complete|speak talk|answer reply
    employer boss|employee worker|salary wage|happen occur|difficult hard|easy simple|mail post|near nearby|everywhere anywhere
    additional extra|correct right|wrong incorrect|necessary needed|permitted allowed|warranty guarantee|toilet restroom
    conceal hide|reply respond|pupil student|film movie|glad happy|expand enlarge|cost price|decline reject refuse|specific certain
    frequently often|regarding about concerning|using with via|until till|inside within|upon on|among amongst|while whilst
    reservation booking|book reserve|transaction payment|freeze block|unfreeze unblock unlock|last final|overseas abroad
"""
_DROPPED: Final = {"transaction", "gas", "application", "app", "id", "cost", "price", "apartment", "flat", "autumn", "fall", "everywhere", "anywhere", "order", "request"}
"""Words with a second meaning that questions ask about: a job application is no app."""
SYNONYMS: Final = {
    stem(word)[0]: members[0]
    for line in _GROUPS.strip().replace("\n", "|").split("|")
    if len(members := [w for w in line.split() if w not in _DROPPED]) > 1
    for word in members
}
"""Stem -> the word that stands for its group."""

PHRASES: Final = tuple(
    (re.compile(rf"\b(?:{pattern})\b"), instead)
    for pattern, instead in (
        (r"(?:make|making|submit|submitting|file|filing|put in|raise) (?:a |an |my )?(claim|complaint|request)s?", r"\1"),
        (r"(?:getting|get) in touch with|get (?:a )?hold of", "contact"),
        (r"come with|comes with", "include"),
        (r"go through|gone through|going through|goes through|went through", "complete"),
        (r"set up|setting up|sets up", "create"),
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
        (r"repeat prescription", "repeatprescription"),
        (r"(order|request) (?=(?:a |an |my )?(?:new|replacement|repeat|card))", "request "),
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
        (r"gonna|going to", "will"),
        (r"at the moment|right now|at this time|these days|as of now", ""),
        (r"in order to|so as to", "to"),
        (r"due to|because of", "because"),
        (r"a lot of|lots of", "many"),
        (r"as well as", "and"),
        (r"would like|'d like", "want"),
        (r"capital city", "capital"),
        (r"kind of|type of|sort of|kinds of|types of|sorts of", "kind"),
        (r"in regards? to|with regards? to|regarding|concerning", "about"),
        (r"by (?:means|way) of|by using|through the use of", "with"),
        (r"(?:stay|remain|stays|remains|staying) (?=open|closed|valid)", ""),
    )
)
"""Phrases of one meaning, on small letters; the replacement is one word where it can be."""

_OPENERS: Final = (
    "how|what|why|when|where|which|who|whose|is|are|am|was|were|do|does|did|can|could|will|would|should|must|may|has|have|i|my|we|the|"
    "there|please|tell|um|uh|so|just|hi|team|for|if|in|on|at|to"
)
FILLERS: Final = re.compile(
    r"^(?:(?:um+|uh+|er|erm|hmm+|oh|ok|okay|so|well|hi|hello|hey|hiya|yo|greetings|sorry|excuse me|thanks|thank you|there|team|everyone"
    r"|guys|all|quick (?:one|question)|one question|question|(?:good )?(?:morning|afternoon|evening)|just (?:wondering|curious))"
    rf"(?:(?: [,:.!-])+ (?=\S)| (?=(?:{_OPENERS})\b))"
    r"|(?:please|pls|plz|(?:just )?wondering(?: if)?|i (?:was|am) (?:just )?(?:wondering|curious)(?: if)?|anyone know|(?:do|does) (?:you|anyone)(?: guys)? know(?! how to)"
    r"|any idea|(?:can|could|would|will) (?:you|someone|anyone|somebody) (?:please |kindly |maybe )?(?:tell|explain to|show|let) (?:me|us)(?: know)?"
    r"|tell me|let me know|i (?:want|need|would like|wish) to know|i am trying to (?:find out|figure out|understand))(?: [,:])* (?=\S))"
)
"""What may open a question and asks nothing; taken off as long as something of a question follows."""

_I: Final = r"(?:i|we|you|one|someone|somebody|anyone|people|a person)"
_NEUTRAL: Final = r"(?:(?:best|easiest|correct|right|proper|usual|simplest|good|easy|possible|recommended|some|different) )*"
FRAMES: Final = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        ("how", rf"^how (?P<mood>do|can|could|should|would|might|may|must) {_I} (?:go about )?(?P<rest>.+)"),
        ("how", r"^how (?:to|would one) (?P<rest>.+)"),
        ("how", rf"^(?:what|which) (?:is|are|would be) (?:the |a |some |an )?{_NEUTRAL}(?:ways?|methods?|process|procedure|steps?) (?:to|for|of|by which i can|i can) (?P<rest>.+)"),
        ("how", rf"^what steps (?:do|should|must|can) {_I} (?:need to |have to )?(?:take|follow) (?:to|for) (?P<rest>.+)"),
        ("how", rf"^(?:what )?(?:the )?{_NEUTRAL}(?:ways?|steps?|method|process) (?:to|of|for) (?P<rest>.+)"),
        ("how", rf"^what (?:do|should|must|can) {_I} (?:need to |have to )?do (?:in order )?to (?P<rest>.+)"),
        ("how", r"^(?:i|we) (?:want|need|wish|have|am trying|am looking) to (?P<rest>.+?) [,.?] (?:so )?(?:how (?:do|can|should|would) i (?:do (?:it|that|this|so)|go about (?:it|that|this|doing (?:it|that|this|so)))|how does (?:that|this|it) work|what (?:steps )?(?:do|should|must) i (?:take|do|need to do))$"),
        ("how", r"^(?:explain|show me|teach me|describe) how (?:to|i can|do i|i) (?P<rest>.+)"),
        ("way", r"^(?:is|are) there (?:a|any|some|an easy|any easy) ways? (?:for (?:me|us) )?(?:to|i can|that i can|of) (?P<rest>.+)"),
        ("can", r"^(?:can|could|may|might) (?:i|we) (?P<rest>.+)"),
        ("can", r"^(?:am i|are we|will i be|would i be) (?:able|allowed|permitted) to (?P<rest>.+)"),
        ("can", r"^(?:is|would) it (?:be )?(?:possible|allowed|permitted|ok|okay) (?:for me |for us )?(?:to|if i) (?P<rest>.+)"),
        ("can", r"^do i have the (?:option|ability|possibility) (?:to|of) (?P<rest>.+)"),
        ("price", r"^(?:how much|what) (?P<mood>does|do|will|would|did) it cost (?:me |us )?(?:to|for) (?P<rest>.+)"),
        ("price", r"^(?:how much|what) (?P<mood>does|do|will|would|did) (?P<rest>.+) cost$"),
        ("price", r"^how much (?P<mood>is|are|was|were) (?:it (?:to|for) )?(?P<rest>.+)"),
        ("price", r"^what (?P<mood>is|are|was|were) the (?:price|cost)s? (?:of|for|to) (?P<rest>.+)"),
        ("price", r"^how much do you charge (?:for|to) (?P<rest>.+)"),
        ("duration", r"^how long (?P<mood>does|do|will|would|did|should|can) it take (?:for|to|until|before|me to|you to) (?P<rest>.+)"),
        ("duration", r"^how long (?P<mood>does|do|will|would|did|should|can|is|are|was|were) (?P<rest>.+?)(?: take| last)?$"),
        ("exist", r"^(?P<mood>is|are|was|were) there (?P<rest>.+)"),
        ("exist", r"^(?P<mood>do|did) you (?:guys )?(?:have|offer|provide|sell) (?P<rest>.+)"),
        ("exist", r"^(?P<mood>is|are) (?P<rest>\S+(?: \S+){0,3} available.*)"),
        ("why", r"^(?:why|how come) (?P<mood>do|does|did|is|are|was|were|am|has|have|had|can|could|will|would|should|must) (?P<rest>.+)"),
        ("why", r"^(?:why|how come) (?P<rest>.+)"),
        ("why", r"^(?:what is |is there )(?:the|a) reason (?:why |that |for )?(?P<rest>.+)"),
        ("why", r"^(?P<rest>.+) [,.?] why$"),
        ("when", r"^(?:when|(?:at )?what time) (?P<mood>do|does|did|is|are|was|were|am|has|have|had|can|could|will|would|should|must) (?P<rest>.+)"),
        ("where", r"^where (?P<mood>do|does|did|is|are|was|were|am|has|have|had|can|could|will|would|should|must) (?P<rest>.+)"),
        ("who", r"^whom? (?P<mood>do|does|did|is|are|was|were|am|has|have|had|can|could|will|would|should|must) (?P<rest>.+)"),
        ("who", r"^who (?P<rest>.+)"),
        ("whose", r"^whose (?P<rest>.+)"),
        ("what", r"^(?:what|which) (?P<mood>do|does|did|is|are|was|were|am|has|have|had|can|could|will|would|should|must) (?P<rest>.+)"),
        ("which", r"^(?:what|which) (?P<rest>.+)"),
        ("what", r"^(?:show me|give me|list|name) (?P<rest>.+)"),
        ("manner", r"^how (?P<mood>do|does|did|is|are|was|were|am|has|have|had|can|could|will|would|should|must) (?P<rest>.+)"),
        ("want", r"^(?:i|we) (?:want|need|wish|am looking) (?P<rest>.+)"),
        ("asked", r"^(?:can|could|would|will) you (?:please |kindly )?(?P<rest>.+)"),
        ("yes or no", r"^(?P<mood>do|does|did|is|are|was|were|am|has|have|had|will|would|should|must|can|could|may|shall) (?P<rest>.+)"),
    )
)  # fmt: skip
"""(kind of question, its frame), the first that fits wins; ``mood`` is the auxiliary, ``rest`` what is asked about."""

KINDS: Final = frozenset(map(frozenset, (("how", "way"), ("what", "which"), ("way", "can"), ("asked", ""), ("want", ""))))
"""Kinds of question that one answer serves."""
MOODS: Final = {
    **dict.fromkeys("do does is are am has have".split(), "now"), **dict.fromkeys("did was were had".split(), "past"),
    **dict.fromkeys("can could may might".split(), "can"), **dict.fromkeys("will would shall".split(), "will"),
    "should": "should", "must": "must", "": "now",
}  # fmt: skip
FREE_MOODS: Final = frozenset(("how", "price", "duration"))
"""Questions that ask the same with "do", "can", "should" and "will"; never with "did" and "must"."""
IDLE: Final = frozenset(
    "a an the be is are am been do does please i me my we our us you your it its there that this these those some any also just really "
    "actually currently own to so then , very exactly personally have has will would which now kindly available "
    "ever already".split()
)
"""Function words that the looser reading does not compare; who is meant, the guards compare."""
CLAUSE: Final = re.compile(
    r"^(?P<front>(?:to|on|in|at|for|with|from|if|when|after|before|since|because|while|during|under|as|next|last|once) [^,?.]+) , "
    r"(?P<main>(?:how|what|when|where|why|who|which|is|are|do|does|did|can|could|will|would|should|am|was|were|has|have|the|my|i)\b.+)$"
)
"""A leading phrase or clause, which may as well stand at the end."""
