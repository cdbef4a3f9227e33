"""What turns a question into its opposite: negators, antonyms, closed classes, quantifiers and bounds, English and Korean.

The values that are words. Each table is a closed class of grammar or a list of opposites; nothing is learnt.
"""

from typing import Final

from seglam.lexicon import word_set


def _poles(lines: str) -> dict[str, tuple[tuple[int, int], ...]]:
    """Word -> (class, pole) pairs; a line is a class, " | " parts its poles, the words of a pole mean the same here."""
    table: dict[str, tuple[tuple[int, int], ...]] = {}
    for number, line in enumerate(lines.strip().splitlines()):
        for pole, words in enumerate(line.split("|")):
            for word in words.split():
                table[word] = (*table.get(word, ()), (number, pole))
    return table


NEGATORS: Final = word_set("not no never without neither nor none nobody nothing nowhere unable hardly rarely barely")
"""Each turns the polarity round; "n't" is a "not"."""
HALF_NEGATORS: Final = word_set(
    "fail refuse decline deny lose lost lack miss missing prevent avoid forbid ban stop reject unless impossible unavailable yet"
)
"""Stems that may stand for a negation in another wording: "it failed to arrive", "it did not arrive"."""

OPPOSITES: Final = _poles("""
    enable activate | disable deactivate
    on | off
    in | out
    up | down
    with include including plus | without exclude excluding except minus
    before prior | after following afterwards
    under below beneath | over above exceeding
    minimum min minimal least | maximum max maximal most
    more greater larger bigger higher longer | less fewer smaller lower shorter
    increase raise grow gain upgrade | decrease reduce lower shrink lose cut downgrade
    highest biggest largest longest most tallest greatest maximum | lowest smallest shortest least minimum
    best | worst
    good | bad
    better | worse
    fast quick fastest faster quickly | slow slowest slower slowly
    cheap cheapest cheaper | expensive priciest pricier dearest
    early earliest earlier | late latest later
    old older oldest elder | new newer newest young younger youngest
    first initial | last final
    next upcoming following | last previous past
    previous past last | current present | future next
    open reopen | close shut
    opened opening | closed closing
    start begin commence resume continue | stop end finish pause quit halt cease
    add | remove delete subtract
    create | delete destroy
    buy purchase | sell | rent lease hire
    buyer | seller
    lend loan | borrow
    lender | borrower
    give | take receive
    send | receive
    sender | recipient
    deposit | withdraw
    import | export
    upload | download
    accept approve allow permit grant | reject decline refuse deny ban forbid prohibit revoke block
    eat drink have use | avoid
    allow permit let | prevent forbid prohibit ban stop block
    benefit advantage pro upside pros | drawback disadvantage con downside risk cons
    strength | weakness
    cause | effect cure treatment
    cause reason | symptom | treatment remedy cure
    arrive arrival | depart departure leave
    entry enter entrance | exit leave
    win winner won | lose loser lost
    pass passed | fail failed
    success succeed successful | failure fail unsuccessful
    public | private | secret
    domestic domestically national | international internationally foreign overseas abroad
    dollar usd | euro eur | pound gbp | yen jpy | rupee inr | franc chf | won krw | yuan cny
    double | triple
    full | empty
    full whole entire | part partial half
    single sole | joint shared
    single oneway | return roundtrip
    internal inside interior indoor indoors | external outside exterior outdoor outdoors
    left | right
    top | bottom
    front | back rear
    north northern | south southern | east eastern | west western
    man men male boy husband gentleman mens | woman women female girl wife lady womens
    mother mom mum | father dad
    brother | sister
    son | daughter
    uncle | aunt
    nephew | niece
    king | queen
    he him his | she her hers
    adult grown | child kid children baby infant toddler teenager junior minor
    parent | child
    employer boss | employee worker
    landlord | tenant renter
    teacher | student pupil
    doctor | patient
    buyer customer client | seller vendor merchant
    black | white | red | blue | green | yellow | orange | purple | pink | brown | gray | silver | gold
    monday | tuesday | wednesday | thursday | friday | saturday | sunday
    weekday | weekend
    january | february | march | april | may | june | july | august | september | october | november | december
    spring | summer | autumn fall | winter
    today | tomorrow | yesterday
    morning | noon | afternoon | evening | night
    day daytime | night overnight nighttime
    daily | weekly | fortnightly | monthly | quarterly | yearly annual annually
    credit | debit
    physical | virtual
    hot warm | cold cool
    wet | dry
    hard difficult | easy simple
    hard | soft
    heavy | light
    thick | thin
    wide broad | narrow
    deep | shallow
    long | short
    large big | medium | small little tiny
    high tall | low
    near close nearest closest | far distant farthest furthest
    rich wealthy | poor
    strong | weak
    safe | dangerous unsafe
    love like | hate dislike
    increase | decrease
    positive | negative
    true | false
    same | different another other next
    always | never | sometimes
    everyone everybody | someone somebody | nobody
    encrypt encode compress zip | decrypt decode decompress unzip
    attach | detach
    push | pull
    connect | disconnect
    mount | unmount dismount
    install | uninstall
    hide | show display reveal unhide
    expand | collapse
    lock freeze | unlock unfreeze
    mute silence | unmute
    subscribe join | unsubscribe leave
    follow | unfollow
    save | spend
    earn | spend
    gain profit | loss
    asset | liability
    income revenue | expense expenditure
    gross | net
    inbound incoming | outbound outgoing
    inflate | deflate
    inhale | exhale
    absorb | emit release
    freeze solidify | melt thaw
    born birth | die died death dead
    alive living | dead deceased
    marry married marriage | divorce divorced single
    ascend ascending | descend descending
    horizontal | vertical
    odd | even
    prime | composite
    sum add | product multiply | difference subtract | quotient divide
    numerator | denominator
    singular | plural
    ancient | modern
    android | iphone ios
    windows | mac macos | linux
    primary | secondary | tertiary
    undergraduate bachelor | postgraduate graduate master | doctorate phd
    economy | business | premium
    standard basic | premium express
    breakfast | lunch | dinner supper
    solid | liquid | gas
    introvert | extrovert
    optimist | pessimist
    liberal | conservative
    democrat | republican
    acid acidic | alkaline base
    online | offline
    legal | illegal
    personal | commercial business corporate
    temporary | permanent
    optional | mandatory compulsory required
    manual manually | automatic automatically
    major | minor
    majority | minority
    beginner novice | intermediate | expert advanced
    senior | junior
    import | export
    receive receiving | send sending
    host | guest
    problem | solution
    sunrise dawn | sunset dusk
    켜 켜는 켜기 켜나 켤 켜고 켜려 켜요 켜야 켠 키는 | 끄 끄는 끄기 끄나 끌 끄고 끄려 꺼요 꺼야 끈 꺼
    활성화 사용 | 비활성화 해제 중지
    잠금 잠그 | 해제 풀기
    증가 늘리 늘려 늘릴 올리 올려 올릴 인상 | 감소 줄이 줄여 줄일 내리 내려 내릴 인하
    최소 | 최대
    최저 | 최고
    이전 전 전에 | 이후 후 후에 뒤에 다음에
    위 위에 | 아래 아래에 밑에
    이상 | 이하 | 초과 | 미만
    입금 | 출금 인출
    송금 보내 보낼 보내는 | 수취 받 받을 받는 수신
    가입 | 탈퇴 해지
    시작 개시 재개 | 종료 중지 중단
    열 열기 여는 | 닫 닫기 닫는
    추가 등록 | 삭제 제거 취소
    국내 | 해외 국제 외국
    국내선 | 국제선
    빌리 빌리는 빌릴 빌려 대출 | 빌려주 빌려주는 빌려줄 대여
    구매 구입 사는 살 매수 매입 | 판매 파는 팔 매도 매각
    업로드 | 다운로드
    포함 | 제외
    로그인 | 로그아웃
    왕복 | 편도
    오전 아침 | 오후 저녁 | 밤
    오늘 | 내일 | 어제 | 모레
    월요일 | 화요일 | 수요일 | 목요일 | 금요일 | 토요일 | 일요일
    봄 | 여름 | 가을 | 겨울
    장점 이점 | 단점 결점
    허용 허락 승인 수락 | 금지 거부 거절
    도착 | 출발
    입구 | 출구
    남자 남성 | 여자 여성
    성인 어른 | 어린이 아이 아동 청소년
    신용카드 | 체크카드
    무료 | 유료
    공개 | 비공개
    연결 | 차단 해제
    설치 | 제거 삭제
    수입 | 수출 지출
    상승 | 하락
    가장 제일 | 덜
    더 | 덜
    처음 첫 | 마지막
    지난 이전 | 이번 현재 | 다음
    많은 많이 | 적은 적게
    큰 | 작은
    빠른 빨리 | 느린 늦게 천천히
    정규직 | 계약직 비정규직
    임대인 집주인 | 임차인 세입자
    숨기 숨기는 | 보이 표시
    온라인 | 오프라인
    평일 | 주말
    달러 | 유로 | 엔 | 위안 | 원 | 파운드
    동쪽 | 서쪽 | 남쪽 | 북쪽
    왼쪽 | 오른쪽
""")
"""Opposites and members of closed classes: one of a class is never another of it."""

PREFIXES: Final = word_set("un dis in im ir il non de mis anti re self ex sub pre post semi 비 미 불 재 무")
"""Before a stem that the other text has bare, these make another word: lock, unlock; employed, self-employed."""

QUANTIFIERS: Final = {
    **dict.fromkeys(
        word_set("all every each everything everyone everybody everywhere always whole entire entirely both"), "all"
    ),
    **dict.fromkeys(word_set("only solely exclusively"), "only"),
    **dict.fromkeys(word_set("except excluding besides apart"), "except"),
    **dict.fromkeys(word_set("most mostly"), "most"),
    **dict.fromkeys(word_set("few several some"), "some"),
    **dict.fromkeys(word_set("모두 모든 전부 전체 다 각각 매번 항상"), "all"),
    **dict.fromkeys(word_set("오직 오로지 단지 뿐"), "only"),
    **dict.fromkeys(word_set("제외 제외하고 제외한 빼고 외에"), "except"),
    **dict.fromkeys(word_set("대부분"), "most"),
    **dict.fromkeys(word_set("일부 몇몇"), "some"),
}
"""Word -> what it quantifies. "any" and "some" ask for the same thing in a question, so "some" is not compared alone."""

BOUNDS: Final = {
    "at least": ">=", "no less than": ">=", "not less than": ">=", "minimum of": ">=", "a minimum of": ">=", "at minimum": ">=",
    "no fewer than": ">=", "at most": "<=", "no more than": "<=", "not more than": "<=", "up to": "<=", "maximum of": "<=",
    "a maximum of": "<=", "more than": ">", "over": ">", "above": ">", "greater than": ">", "exceeding": ">", "larger than": ">",
    "higher than": ">", "older than": ">", "longer than": ">", "less than": "<", "under": "<", "below": "<", "fewer than": "<",
    "smaller than": "<", "lower than": "<", "younger than": "<", "shorter than": "<", "before": "b", "after": "a", "since": "s",
    "until": "u", "till": "u", "by": "y", "within": "<=", "from": "", "exactly": "=", "about": "~", "around": "~", "roughly": "~",
}  # fmt: skip
"""What stands before a value and says on which side of it."""
AFTER_BOUNDS: Final = {
    "or more": ">=", "or over": ">=", "or above": ">=", "and over": ">=", "and above": ">=", "or older": ">=", "and older": ">=",
    "or less": "<=", "or under": "<=", "or below": "<=", "and under": "<=", "or fewer": "<=", "or younger": "<=",
    "이상": ">=", "이하": "<=", "초과": ">", "미만": "<",
}  # fmt: skip
"""The same, behind the value."""
PREFIXES_APART: Final = frozenset(("self", "non", "ex", "pre", "post", "semi", "anti", "sub"))
"""Prefixes that are written with a hyphen."""
