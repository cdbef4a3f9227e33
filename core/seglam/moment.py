"""Which questions have answers that hold only for a moment: such answers are never stored.

Word lists are a net with holes; lifetimes by ``Policy.rules`` and ``Request.kind`` are the sure way. Where in doubt a text counts
as live, which costs a hit and no more.
"""

import re
from functools import lru_cache
from typing import Final

_HEAD: Final = 4000
_SHORT: Final = 300
"""Characters up to which words such as "today" speak of the real day: a longer text tells a story."""
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
      |actual(?:es|mente)?|mañana|ayer|oggi|adesso|attual\w*|domani|ieri|meteo|hoje|agora|amanhã|ontem
      |сегодня|сейчас|завтра|вчера|погод\w*)\b
    | 오늘|지금|현재|어제|내일|날씨|주가|환율|시세|최근|최신|몇\ ?시(?:예요|에요|야|인가요|니|지|\?)
    | 今天|现在|現在|天气|天気|股价|株価|汇率|今日|明日|昨日|最新|今何""",
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
    r"in (?:python|javascript|typescript|excel|sql|bash|c\+\+))\b|이란|공식|뜻",
    re.IGNORECASE,
)


@lru_cache(maxsize=4096)
def time_dependent(text: str) -> bool:
    """Whether an answer to the text holds only for a moment (weather, prices now, which day it is, where my parcel is)."""
    head = text[:_HEAD]
    if _ABOUT.search(head):
        return False
    if _LIVE.search(head):
        return True
    if len(text) > _SHORT or _DAY_WORD.search(head) is None:
        return False
    sentences = [sentence for sentence in _SENTENCE.split(head) if sentence.strip()]
    # A story that says "today" is not about today; the question at its end would be.
    asked = [s for s in sentences if s.rstrip().endswith(("?", "？"))] or sentences[-1:]
    return any(_DAY_WORD.search(_TURN.sub("", sentence)) for sentence in asked)
