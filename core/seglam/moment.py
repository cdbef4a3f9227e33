"""Which questions have answers that hold only for a moment: such answers are never stored.

Word lists are a net with holes; lifetimes by ``Policy.rules`` and ``Request.kind`` are the sure way. Where in doubt a text counts
as live, which costs a hit and no more.
"""

import re
import unicodedata
from functools import lru_cache
from typing import Final

_HEAD: Final = 4000
_SHORT: Final = 300
"""Characters up to which words such as "today" speak of the real day: a longer text tells a story."""
_INVISIBLE: Final = re.compile("[\u00ad\u200b-\u200f\u2060-\u2064\ufeff]")
_SENTENCE: Final = re.compile(r"(?<=[.!?。？！\n])\s*")

_CURRENCY: Final = (
    r"(?:usd|eur|gbp|jpy|krw|cny|chf|inr|dollars?|euros?|pounds?|yen|won|yuan|francs?|rupees?|\$|€|£|¥|₩)"
)
_OFFICE: Final = (
    r"(?:president|prime minister|chancellor|king|queen|pope|mayor|governor|minister|ceo|champion|secretary general)"
)
_LIVE: Final = re.compile(
    rf"""\b(?:
    weather | forecast | exchange\ rate | (?:stock|share|bitcoin|crypto|gold|oil|gas|petrol)\ prices? | bitcoin | btc | ethereum
    | right\ now | as\ of\ (?:now|today) | at\ the\ moment | breaking\ news | newest | latest(?!\ (?:one\ )?(?:was|were)\b)
    | most\ recent | these\ days
    | score\ (?:of|in)\ the\ (?:\w+\ ){{0,4}}(?:game|match|final) | who(?:'s|\ is)\ winning
    | (?:is|are)\ (?:\w+\ ){{1,6}}(?:in|out\ of|back\ in)\ stock | (?:have|got)\ (?:\w+\ ){{1,6}}in\ stock\b(?=\s*(?:\?|$|at|in))
    | back\ in\ stock | in\ stock\s*\?
    | (?:current|live|real-time|recent)\ (?:\w+\ )?(?:price|rate|news|score|status|time|date|day|temperature|version|weather
      |traffic|results?|{_OFFICE})s?
    | what\ time\ is\ it | what(?:'s|\ is)\ the\ (?:time|date|day)(?!\ (?:difference|between|complexity|limit|zone|value|format))
    | (?:what|which)\ (?:\w+\ )?(?:day|date|month|year|week|weekday|time)\ is\ (?:it|today|tomorrow)
    | is\ it\ (?:raining|snowing|sunny|cold|hot|warm|open|closed|down|up|light|dark)
    | where(?:'s|\ is|\ are)\ (?:my|our)\ (?:order|parcel|package|delivery|shipment|refund|flight|train|driver)s?
    | (?:what(?:'s|\ is)|how\ much\ is|show|check)\ (?:me\ )?(?:my|our|the)\ (?:\w+\ )?(?:account\ )?balance
    | next\ (?:train|bus|flight|plane|ferry|game|match|race|election|episode|meeting|eclipse|full\ moon|public\ holiday)
    | who\ won\ the\ last | who(?:'s|\ is)\ (?:the|our)\ (?:\w+\ ){{0,3}}{_OFFICE}
    | (?:until|till|to|since|before|after)\ (?:christmas|easter|new\ year|halloween|thanksgiving|my\ birthday)
    | random | uuid | guid | roll\ (?:a|the|two)\ dic?e | flip\ a\ coin | toss\ a\ coin
    )\b
    | \b\d[\d.,]*\ ?{_CURRENCY}\ (?:in|to|into|worth\ in)\ {_CURRENCY}(?!\w)
    | \b(?:heute|jetzt|gerade\ eben|aktuell\w*|gestern|wetter|aujourd'hui|maintenant|actuel\w*|demain|hier|météo|hoy|ahora
      |actual(?:es|mente)|(?:el|la|del|al)\ (?:\w+\ ){{1,4}}actual|mañana|ayer
      |oggi|adesso|attual\w*|domani|ieri|meteo|hoje|agora|amanhã|ontem
      |сегодня|сейчас|завтра|вчера|погод\w*)\b""",
    re.IGNORECASE | re.VERBOSE,
)
_PLACE_OF: Final = r"(?:주문|택배|배송|소포|물건|환불|항공편|비행기|기차|버스|예약)"
_KOREAN_MONEY: Final = r"(?:달러|유로|엔화?|위안화?|파운드|불|바트|루피)"
_KOREAN: Final = re.compile(
    rf"""오늘|지금|현재|방금|요즘|요새|최근|최신|어제|그저께|엊그제|그제|(?<!안)내일|모레
    | (?<![가-힣])(?:금일|명일|금주|금월|금년|작년|올해|내년|이달)
    | (?:이번|다음|지난|저번)\s?(?:주(?![가-힣])|주(?:에|엔|까지|부터|는|말)|달|해(?![가-힣])|해에|분기|시즌|학기)
    | (?:이번|다음|지난|저번)\s?(?:여름|겨울|봄|가을|[월화수목금토일]요일)
    | 올\s?(?:여름|겨울|봄|가을|연말)
    | 날씨|기온|미세\s?먼지|예보|(?:비|눈)(?:가|이)?\s(?:오나|와요|올까|오니|내리나|옵니까)|비\s?와요
    | (?<![가-힣\d])주가(?=[\s?는은가를도]|지수|$)|(?:의|전자|자동차|그룹|회사|기업)\s?주가
    | 주식\s?(?:가격|시세|얼마)|(?<![가-힣])증시|코스피|코스닥|환율|시세|시가\s?총액
    | 금값|국제\s?유가|기름값|(?:휘발유|경유|기름)\s?가격|비트코인|이더리움|가상\s?화폐
    | \d[\d,.]*\s?{_KOREAN_MONEY}(?:는|은|를|을|이|가|면)?\s?(?:한국\s?돈|한화|원화|몇\s?원|원으로)
    | \d[\d,.만억천]*\s?원(?:은|을|이|면)?\s?(?:몇\s?)?{_KOREAN_MONEY}(?:로|예요|인가|이야|야|\?|$)
    | 뉴스|속보|실시간\s?(?:\S+\s)?(?:시세|가격|교통|검색|순위|상황|현황|점수|재고|위치)
    | 스코어|경기\s?(?:결과|점수|일정)|몇\s?대\s?몇|누가\s?(?:이겼|이기고)|(?:리그|시즌|팀)\s?순위
    | 재고(?:가|는|이)?\s?(?:있|없|남|몇|수량|현황|확인|여부|상황|되)|품절(?:인가|이에요|인지|됐|되었)
    | 매진(?:인|이|됐|되었)|재입고|남은\s?(?:좌석|수량|자리|방|객실|표)|빈\s?(?:방|자리|좌석|객실)
    | (?:제|내|저의|나의|우리)\s(?:\S+\s)?{_PLACE_OF}\S*\s(?:\S+\s)?(?:어디|언제|상태)|택배\s?어디|주문\S*\s어디
    | (?:제|내|저의|나의)\s(?:\S+\s)?(?:잔액|잔고|포인트|마일리지)\S*(?!\s?(?:어떻게|확인\s?방법))
    | 잔(?:액|고)\S*\s?얼마
    | (?:대통령|총리|장관|시장|교황|국왕|여왕|대표이사|회장|총장|의장|챔피언|우승자|CEO)(?:은|는|이|가)?\s?누구
    | 누가\s\S*\s?(?:대통령|총리|시장|회장|CEO)
    | 영업\s?중|(?:문|가게)\S*\s?(?:열었|닫았|열려)|열려\s?있
    | 다음\s?(?:기차|열차|버스|비행기|지하철|경기|회차|공휴일|선거|편(?![가-힣]))
    | 몇\s?시(?:예요|에요|이에요|야|인가요|입니까|니|지|죠|\?|$)|몇\s?월\s?며칠|^\s*무슨\s?요일|며칠(?:이|\s)?\s?남
    | 디데이
    | (?:크리스마스|성탄절|새해|설날?|추석|수능|방학|생일)까지
    | 교통\s?(?:상황|정보|체증)|도로\s?상황|(?:길|차|도로)\S*\s막히
    | 랜덤|무작위|난수|주사위\S*\s?(?:굴|던)|동전\S*\s?던""",
    re.IGNORECASE | re.VERBOSE,
)
_PERIOD: Final = r"(?:[周週](?![期长長边邊围圍])|星期|礼拜|禮拜|月|季度?|年|学期|學期|赛季|賽季)"
_CHINESE_MONEY: Final = (
    r"(?:美元|美金|欧元|歐元|日元|日圓|英镑|英鎊|人民币|人民幣|港币|港幣|台币|台幣|新台幣|韩元|韓元|卢布|盧布)"
)
_EXCHANGED: Final = r"(?:等于|等於|[兑兌换換合是]|可以?[换換]|折合|值)+"
_HEAD_OF: Final = (
    r"(?:总统|總統|总理|總理|首相|主席|国王|國王|女王|教皇|教宗|市长|市長|省长|省長|州长|州長|部长|部長|董事长|董事長|首席执行官|执行长"
    r"|執行長|CEO|冠军|冠軍|校长|校長)"
)
_CHINESE: Final = re.compile(
    rf"""今天|今日|今晚|今早|今晨|今夜|今儿|今兒|明天|明日|明晚|明早|昨天|昨日|昨晚|[后後]天(?![性免])|前天
    | 现在|現在|目前|当前|當前|如今|此刻|即时|即時|实时|實時|刚刚|剛剛|最近(?!的?(?:点|點|整数|整數|邻|鄰))|最新
    | 近期|近来|近來|近日
    | [这這本]个?個?{_PERIOD}|[上下]个?個?(?:[周週](?![期长長边邊围圍])|星期|礼拜|禮拜|月)|今年|去年|明年|前年
    | [这這][几幾]天
    | 天气|天氣|气温|氣溫|下[雨雪](?:吗|嗎|么)|[会會]下[雨雪]|预报|預報|雾霾|霧霾|空气质量|空氣品質
    | 股价|股價|股票(?:价格|價格|行情|多少)|股市|大盘|大盤|恒指|恆指|汇率|匯率|行情|金价|金價|油价|油價|币价|幣價
    | 比特币|比特幣|以太坊
    | \d[\d,.]*\s?(?:{_CHINESE_MONEY}|元|块){_EXCHANGED}(?:多少|几|幾)?\s?(?:{_CHINESE_MONEY}|元)
    | 比分|赛果|賽果|比[赛賽]结果|比賽結果|战况|戰況|[谁誰][赢贏]了|[几幾]比[几幾]
    | 有[货貨](?:吗|嗎|么|没|沒|$|[?？])|有[没沒]有[货貨]|[缺现現][货貨](?!怎|时|時|的话)
    | [库庫]存(?:还|還|有|多少|情况|情況|数|數|吗|嗎)|[补補到][货貨](?:了|吗|嗎|没|沒)|售罄|[卖賣]完
    | [还還]有(?:票|房|座|位|空房|空位|[货貨])|[余餘剩]余?餘?(?:票|座|房|位)
    | 我的?(?:订单|訂單|快递|快遞|包裹|物流|航班|退款)\S{{0,4}}(?:在[哪何]|到[哪了]|哪[里裡儿兒]|[状狀][态態]|[什何].?[时時])
    | (?:快递|快遞|包裹|订单|訂單)(?:现|現)?(?:在|到)(?:哪|何)|我的?\S{{0,4}}(?:余额|餘額|积分|積分)(?!怎|如何)
    | (?:余额|餘額)\S{{0,2}}(?:多少|[几幾])
    | {_HEAD_OF}(?:是|叫)?(?:[谁誰]|什么名|什麼名)|[谁誰]是\S{{0,12}}{_HEAD_OF}
    | [开開][门門]了?(?:吗|嗎|没|沒)|[还還][开開](?:着|著|门|門)|[营營][业業]中
    | 下一?[班趟场場届屆列].{{0,4}}(?:[车車]|[飞飛][机機]|航班|地[铁鐵]|比[赛賽]|[选選][举舉])
    | [几幾][点點][钟鐘]?了|[几幾]月[几幾]|^\s*(?:星期|[周週]|礼拜|禮拜)[几幾]|今何
    | 新闻|新聞|快讯|快訊|头条|頭條|[热熱]搜|路况|路況|[堵塞][车車]|交通(?:状|狀|情)
    | [随隨][机機]|[掷擲]骰|[抛拋丢][硬][币幣]|[还還][有剩][几幾]天|倒[计計][时時]|[离離距].{{1,8}}[还還][有剩]
    | 天気|株価""",
    re.IGNORECASE | re.VERBOSE,
)
_DAY_WORD: Final = re.compile(
    r"\b(?:today|today's|tonight|tomorrow|yesterday|currently|nowadays|now|still|"
    r"(?:this|next|last) (?:week|month|year|season|weekend|monday|tuesday|wednesday|thursday|friday|saturday|sunday)|ago)\b",
    re.IGNORECASE,
)
_TURN: Final = re.compile(r"^\s*now,\s", re.IGNORECASE)  # "Now, convert the number ..." speaks of no time
# Questions about the words themselves, or about code that will be run later.
_ABOUT: Final = re.compile(
    r"\b(?:mean(?:s|ing)?|plural|synonyms?|spell|spelled|translate|complexity|definition|define|"
    r"in (?:python|javascript|typescript|excel|sql|bash|c\+\+))\b"
    r"|(?<=[가-힣])이?란\s*(?:\?|$|무엇|뭐|무슨)|공식(?:을|은|이|\?|$|\s(?:알려|뭐|무엇))|뜻(?:은|이|을|\?|$|\s?(?:알|뭐|무))"
    r"|什[么麼]意思|定[义義]|公式|怎[么麼](?:[写寫读讀拼])",
    re.IGNORECASE,
)


@lru_cache(maxsize=4096)
def time_dependent(text: str) -> bool:
    """Whether an answer to the text holds only for a moment (weather, prices now, which day it is, where my parcel is)."""
    head = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text[:_HEAD]))  # loose jamo, full width
    if _ABOUT.search(head):
        return False
    if any(words.search(head) for words in (_LIVE, _KOREAN, _CHINESE)):
        return True
    if len(text) > _SHORT or _DAY_WORD.search(head) is None:
        return False
    sentences = [sentence for sentence in _SENTENCE.split(head) if sentence.strip()]
    # A story that says "today" is not about today; the question at its end would be.
    asked = [s for s in sentences if s.rstrip().endswith(("?", "？"))] or sentences[-1:]
    return any(_DAY_WORD.search(_TURN.sub("", sentence)) for sentence in asked)
