"""The words that the value guards know: which say nothing, which turn an answer round, which mean the same.

English, and the basics of Korean. General vocabulary of questions; a word that is not here is compared as it stands, so a
gap costs a hit and never makes a wrong one. A wrong entry in ``SAME`` or ``IDLE`` would: they hold only what is safe.
"""

from typing import Final


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _groups(lines: str) -> dict[str, str]:
    """Word -> the first word of its line."""
    return {word: line[0] for line in map(str.split, lines.strip().splitlines()) for word in line}


IDLE: Final = _words("""
    a an the be am is are was were been being do does did done doing have has had having will would shall should can could
    may might must i me we us you it its they them this that these those there here who whom whose what which when where
    why how and or but if then so as than of at by for with in on to from into onto about via per regarding concerning
    please just also too very really actually basically currently exactly quite simply kindly some any such own self
    myself yourself itself one ones thing things something anything someone anyone anybody somebody etc ve re ll obtain
    obtains acquire receive receives received receiving still yet already
    um uh er erm hmm oh yeah btw able possible possibly get gets getting got go goes going gonna wanna gotta want wants
    wanted like need needs needed wish know tell telling wonder wondering help way ways process procedure procedures step
    steps method methods kind kinds sort sorts because since while whether im id ill ive dont cause much seem seems
    oneself however therefore thus instead yes ok okay
""") - _words("since than per from into")
"""Carry the grammar, not the question; the few relation words among them count for the order of operands."""

RELATIONS: Final = _words("of at by for with in on to from into onto than and or per versus vs about via as between")
"""Noted between two words, to judge whether a changed order changes the meaning."""

BENIGN: Final = _words("of for at in on with from about by")
"""A prepositional phrase may come before its noun, or first in the sentence: "the password for guests", "guest password"."""

OWNERS: Final = {
    word: owner
    for owner, words in {
        "me": "my mine our ours", "you": "your yours", "him": "his he him", "her": "her hers she", "them": "their theirs",
    }.items()
    for word in words.split()
}  # fmt: skip

MARKS: Final = _groups("""
    not no never unable nobody nothing none neither nor cannot non without nowhere hardly barely n't
    off
    out
    up
    down
    before prior ahead
    after afterwards
    until till
    since
    under below beneath
    over above
    within
    outside
    beyond
    except excluding besides unless
    against
    during
    between
    through
    back
    again
    than
    per
    only solely merely exclusively
    all every each everyone everybody everything entire whole always
    both
    either
    most
    least
    more
    less fewer
    many
    few
    several
    another
    other
    else
    same
    maximum max maximal
    minimum min minimal
    last
    next
    previous former earlier previously
    latest newest
    oldest earliest
    best
    worst
    top
    bottom
    twice double doubled
    triple thrice
    once
    now
    mean means meaning meant definition define defined
    today
    tomorrow
    yesterday
    tonight
    early
    late
    enough
    ago
    alone
    together
""")
"""Must be the same on both sides, each as often: negation, direction, time, quantity, scope."""

OPPOSITES: Final = frozenset(
    frozenset(pair.split("/"))
    for pair in _words("""
    enable/disable on/off before/after maximum/minimum increase/decrease raise/lower more/less buy/sell
    import/export allow/deny permit/forbid add/remove open/close send/receive lend/borrow up/down first/last
    include/exclude upload/download start/stop begin/end lock/unlock subscribe/unsubscribe install/uninstall
    connect/disconnect accept/reject accept/decline approve/reject opt/refuse push/pull encode/decode
    encrypt/decrypt compress/decompress zip/unzip attach/detach win/lose deposit/withdraw credit/debit hire/fire
    join/leave arrive/depart arrival/departure check/uncheck mute/unmute pass/fail follow/unfollow block/unblock
    show/hide expand/collapse upgrade/downgrade load/unload pause/resume activate/deactivate benefit/drawback
    advantage/disadvantage pro/con legal/illegal lawful/unlawful safe/unsafe safe/dangerous hot/cold big/little
    large/small high/low long/short old/new fast/slow cheap/expensive best/worst positive/negative public/private
    left/right north/south east/west internal/external inbound/outbound incoming/outgoing input/output male/female
    men/women adult/child parent/child buyer/seller landlord/tenant employer/employee lender/borrower
    sender/recipient domestic/international online/offline morning/evening day/night arrive/leave love/hate
    true/false right/wrong even/odd ascending/descending plus/minus multiply/divide inside/outside above/below
    over/under with/without always/never all/none most/least temporary/permanent fixed/variable single/double
    gain/loss profit/loss success/failure strength/weakness push/pop read/write front/back
""")
)
"""For the reason that is given; the words differ, so the pair is refused with or without this list."""

SAME: Final = _groups("""
    shop store
    purchase buy purchasing
    fix repair mend
    begin start commence
    child kid children kids
    phone telephone cellphone
    photo photograph picture pic image
    car automobile
    bike bicycle
    doctor physician
    email mail
    big large
    bigger larger
    biggest largest
    quick fast rapid
    quicker faster
    quickest fastest
    small little
    smaller littler
    smallest littlest
    cheap inexpensive
    nearest closest
    price cost
    incorrect wrong
    allow permit let
    choose select pick
    delete remove erase
    change modify alter
    reserve book
    fund money
    identity id identification
    recommend suggest recommendation suggestion
    vaccine vaccination
    medicine medication
    atm cashpoint
    package parcel
    luggage baggage
    tv television
    info information
    website site
    ad advert advertisement
    approximately roughly approx around
    usa us america
    uk britain
    answer reply respond response
    explain explanation
    reach contact
    happen occur
    require necessary
    often frequently
    error mistake
    mom mother mum
    dad father
    wifi wireless
    create make
    calculate compute
    vs versus
    sick ill
    correct right
    hi hello
    january jan
    february feb
    april apr
    august aug
    september sept
    october oct
    november nov
    monday mon
    tuesday tue tues
    thursday thu thurs
    friday fri
    cv resume
    pay payment
    refund refundable
    use usage
    withdraw withdrawal
    renew renewal
    cancel cancellation
    deliver delivery
    activate activation
    verify verification
    transfer transferral
    arrive arrival
    register registration
    subscribe subscription
    expire expiry expiration
    replace replacement
    apply application
    approve approval
    translate translation
    convert conversion
    multiply multiplication
    divide division
    street road
    document paperwork
    quantity amount
    annual yearly annually
    recently lately
    problem issue trouble
    colleague coworker
    boss manager
    baby infant
    sofa couch
    rubbish trash garbage
    fridge refrigerator
    lorry truck
    apartment flat
    autumn fall
    lawyer attorney
    exam examination
    math maths mathematics
    pharmacy drugstore
    toilet restroom
    pavement sidewalk
    petrol gasoline
    postcode zipcode
    mobile cell cellular
    present gift
    employee staff
    nutrition nutritional
    expensive costly
    holiday vacation
    finish complete
    location place
    supply provide
    salary wage
    nation country
    movie film
    journey trip
    illness disease
    inform notify
    enquire inquire
    immediately instantly
    automatically automatic
    directly direct
""")

IRREGULAR: Final = {
    form: base
    for base, forms in {
        "use": "used using", "find": "found", "make": "made", "pay": "paid", "send": "sent", "take": "took taken",
        "buy": "bought",
        "see": "saw seen", "say": "said", "think": "thought", "give": "gave given", "lose": "lost", "win": "won",
        "write": "wrote written",
        "break": "broke broken", "steal": "stole stolen", "choose": "chose chosen", "spend": "spent", "bring": "brought",
        "build": "built", "keep": "kept", "hold": "held", "show": "shown", "come": "came", "run": "ran",
        "eat": "ate eaten", "drink": "drank drunk", "drive": "drove driven", "fly": "flew flown", "speak": "spoke spoken",
        "know": "knew known", "grow": "grew grown", "begin": "began begun", "sell": "sold", "teach": "taught", "catch": "caught",
        "hear": "heard", "mean": "meant", "meet": "met", "sit": "sat", "stand": "stood", "understand": "understood",
        "withdraw": "withdrew withdrawn", "freeze": "froze frozen", "forget": "forgot forgotten", "hide": "hid hidden",
        "woman": "women", "man": "men", "person": "people", "tooth": "teeth", "mouse": "mice", "bacterium": "bacteria",
        "life": "lives", "knife": "knives", "wife": "wives", "die": "died dying dies", "tie": "tied tying ties",
        "lie": "lied lying lies",
    }.items()
    for form in forms.split()
}  # fmt: skip

PHRASES: Final = (
    (r"\bgo(?:ing)? about\b|\bin order\b(?= to)|\bfor me\b|\bplease\b|\bat the moment\b|\bright now\b", ""),
    (r"\b(?:figur|work|find|sort)(?:e|ing)? out\b(?= (?:how|what|why|where|when|if|whether)\b)", ""),
    (r"\bhow come\b", "why"),
    (
        (
            r"\bi (?:don't|dont|do not|can't|cant|cannot|am not sure|'m not sure) (?:know |understand |figure out |remember )?"
            r"(?=(?:how|what|why|where|when|if|whether)\b)"
        ),
        "",
    ),
    (
        (
            r"\b(?:some |any )?(?:assistance|help|instructions?|guidance|advice)(?: (?:with|on|in|for|about))?"
            r"(?= (?:how|what|why|\w+ing)\b)"
        ),
        "",
    ),
    (r"\b(?<=how )(?:much|many)\b", "much"),
    (r"\b(?:am|i'm|was|is|are|been) (?:trying|attempting|looking|hoping)(?= to\b)", "want"),
    (r"\b(?:it|app|which|that) says?(?: that)?(?= (?:my|the|there|it|i)\b)", ""),
    (
        (
            r"\bi (?:can |could |just )?(?:see|saw|think|thought|believe|noticed?|guess|suppose)(?: that)?"
            r"(?= (?:my|the|there|it|a|an)\b)"
        ),
        "",
    ),
    (r"\bseem(?:s|ed)? to (?:be|have)\b", "is"),
    (r"\bwhere (?:can|do|could|would) i find\b", "where is"),
    (r"\bwhat (?:do|should|must|can) i (?:need to |have to )?do(?= to\b)", "how do i"),
    (
        r"\bwhat (?:do|would|will) i (?:need|have) to do\b|\bhow (?:do|can|would|should) i do (?:that|this|it|so)\b",
        "how",
    ),
    (r"\b(?:is|are) there (?:a|any|some) way(?: for me)? to\b", "can i"),
    (r"\ba (?:lot|bit)\b|\bas well\b|\btoo\b(?=\W*$)", ""),
)
"""Turns of phrase that say nothing about what is asked, and what they become."""

SPLIT: Final = {
    "setup": "set up", "login": "log in", "logon": "log in", "logout": "log out", "logoff": "log off", "signup": "sign up",
    "signin": "sign in", "signout": "sign out", "topup": "top up", "checkout": "check out", "checkin": "check in",
    "backup": "back up", "startup": "start up", "shutdown": "shut down", "cannot": "can not", "can't": "can not",
    "won't": "will not", "shan't": "shall not", "dont": "do not", "doesnt": "does not", "didnt": "did not", "isnt": "is not",
    "arent": "are not", "wasnt": "was not", "werent": "were not", "wont": "will not", "cant": "can not", "hasnt": "has not",
    "havent": "have not", "couldnt": "could not", "shouldnt": "should not", "wouldnt": "would not", "aint": "is not",
    "ain't": "is not", "whats": "what is", "wheres": "where is", "whos": "who is", "hows": "how is", "thats": "that is",
    "im": "i am", "ive": "i have", "let's": "let us", "gonna": "going to", "wanna": "want to",
}  # fmt: skip

SPELLED: Final = {
    "plus": "+",
    "minus": "-",
    "times": "*",
    "x": "*",
    "×": "*",
    "·": "*",
    "÷": "/",
    "–": "-",
    "over": "/",
}
"""Operators between two numbers."""

KOREAN_MARKS: Final = _words(r"""
    못|(?:^|\s)안(?=\s)|않|없|아니|말고|말아|마세요|지마|금지|불가 전에|이전|전까지
    후에|이후|뒤에 켜|켤|켠 끄|끌|꺼|끈 이상 이하 초과 미만 보다 여는|열어|열려|열기 닫
    증가|늘리|늘려 감소|줄이|줄여 최대 최소 최고 최저 입금 출금 매수|사는|구매|구입 매도|파는|판매 수입
    수출 허용|허가 차단|거부|거절 추가 삭제|제거 포함 제외 시작 종료|중지|멈 오전 오후 어제 오늘 내일
    모레 지난|작년|저번 이번|올해 다음|내년 모든|모두|전부 항상 가장|제일 마지막 누구|누가 언제 어디 왜
    어떻게|방법 얼마 몇 무엇|뭐|무슨 보내|송금 받는|받기|받을 올리|업로드 내리|다운로드 왼쪽 오른쪽 출발
    도착 빌려주|대여 빌리|대출 가능
""")
"""Patterns that must be found on both sides or on none."""
