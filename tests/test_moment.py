"""Wording whose answer holds only for a moment, in English, Korean and Chinese (simplified and traditional)."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seglam import Policy, Request, Response
from seglam.moment import time_dependent

ENGLISH = """\
Is the red lamp in stock?
Are these shoes still in stock?
Do you have this lamp in stock?
What's the score of the Arsenal game?
Who is winning?
What is Apple's stock price?
What happened this week?
What's the latest news?
When will it be back in stock?
""".splitlines()
KOREAN = """\
오늘 날씨 어때?
지금 몇 시예요?
삼성전자 주가 알려줘
현재 환율이 얼마인가요?
이란의 현재 환율은?
공식 환율은 얼마예요?
이번 주 회의 일정 알려줘
다음 주 월요일이 며칠이야?
최신 아이폰 모델이 뭐예요?
비가 올까요?
100달러는 한국 돈으로 얼마예요?
5만 원은 몇 달러예요?
이 상품 재고 있나요?
품절인가요?
제 주문은 지금 어디에 있나요?
내 택배 어디쯤 왔어?
제 계좌 잔액이 얼마예요?
프랑스 대통령은 누구인가요?
한국 대통령이 누구야
야구 경기 결과 알려줘
축구 몇 대 몇이야?
비트코인 얼마야?
크리스마스까지 며칠 남았어?
다음 버스는 언제 와요?
지금 영업 중인가요?
무작위 숫자 하나 골라줘
올해 최저임금이 얼마예요?
요즘 인기 있는 영화는?
서울 교통 상황 알려줘
오늘의 뉴스 요약해줘
안녕하세요? 혹시 내일 도착하나요?
이달 매출 목표는?
인천공항 도착 예정 시각이 최근 바뀌었나요?
""".splitlines()
CHINESE = """\
今天天气怎么样?
今天天氣怎麼樣？
现在几点了？
現在幾點了？
苹果公司的股价是多少？
蘋果公司的股價是多少？
美元兑人民币汇率是多少？
美元兌台幣匯率是多少？
100美元等于多少人民币
100美金可以換多少台幣
这个星期有什么活动？
這週有什麼活動？
本周的会议
最新的iPhone是哪一款？
比分是多少？
昨晚的比賽結果如何？
这款手机有货吗？
這款手機有沒有貨？
还有票吗
還有空房嗎
我的订单在哪里？
我的訂單到哪了？
我的账户余额是多少？
法国总统是谁？
法國總統是誰？
谁是微软的CEO？
明天会下雨吗？
明天會下雨嗎？
下一班火车几点？
下一班火車幾點？
随机给我一个数字
隨機給我一個數字
离春节还有几天？
離春節還有幾天？
商店现在开门了吗？
最近有什么好电影
目前的油价
今年的最低工资是多少？
路況如何
""".splitlines()
TIMELESS = """\
배송은 언제 오나요?
배송 예정일이 언제죠?
언제 도착해요?
배송비는 얼마인가요?
환불은 어떻게 하나요?
반품은 며칠 이내에 가능한가요?
일반 배송은 얼마나 걸리나요?
제품 보증 기간은 얼마나 되나요?
당일 배송 되나요?
다음 주문에도 쿠폰을 쓸 수 있나요?
다음 주의사항을 요약해 주세요
우주가 얼마나 큰가요?
3주가 지나면 어떻게 되나요?
환율이란 무엇인가요?
한국의 수도는 어디인가요?
비밀번호를 어떻게 바꾸나요?
3박스를 주문하면 배송비는 얼마인가요?
철수는 사과 3개를 5달러에 샀어요. 얼마를 냈나요?
몇 시에 문을 여나요?
계좌 잔액은 어떻게 확인하나요?
안내 일정은 어떻게 되나요?
재고 관리 시스템을 설명해 주세요
거주가 가능한 비자 종류는?
시간당 원주가 얼마?
汇率是什么意思？
匯率是什麼意思？
如何重置密码？
如何重設密碼？
配送需要几天？
法国的首都是哪里？
法國的首都是哪裡？
这个周期是多长？
正方形的周长怎么算？
几点开门？
缺货怎么办？
如何取消订单？
后天性免疫是怎么形成的？
17乘以23等于多少？
小明有30元，花了12元，还剩多少元？
A shop has 30 lamps in stock and sells 12. How many are left?
The store keeps 40 boxes in stock. It sells 3 a day. After how many days is it empty?
What does in stock mean?
How do I reset my password?
인증시 오류가 나면 어떻게 하나요?
다음 편지를 번역해 주세요
공식을 알려 주세요: 환율 계산
Do I get an actual card?
最近的点到直线的距离公式
""".splitlines()

LIVE = [*ENGLISH, *KOREAN, *CHINESE]


@pytest.mark.parametrize("text", LIVE)
def test_an_answer_of_the_moment_is_never_stored_nor_compared(text):
    """Today, now, this week, the latest, weather, prices, rates, scores, stock, my order: neither kept nor matched by meaning."""
    assert time_dependent(text)
    assert not Policy().storable(Request(text), Response("x"))


@pytest.mark.parametrize("text", LIVE)
def test_no_kind_and_no_rule_has_it_compared_or_crystallised(text):
    """An application that keeps such answers for a while serves them to the very same words only."""
    policy = Policy(lifetimes={"live": 60.0})
    for kind in ("", "faq", "live"):
        request = Request(text, kind=kind)
        assert policy.storable(request, Response("x"))
        assert not policy.comparable(request)
        assert not policy.compilable(request)


@pytest.mark.parametrize("text", TIMELESS)
def test_what_only_sounds_like_it_is_not_taken_for_it(text):
    """Delivery questions, word problems, definitions, and words that happen to hold the syllables of another."""
    assert not time_dependent(text)


@given(
    st.sampled_from(LIVE), st.sampled_from(["NFC", "NFD", "NFKC", "NFKD"]), st.sampled_from(["", "\u200b", "\u00ad"])
)
def test_spelling_does_not_hide_it(text, form, invisible):
    """Decomposed letters, full width and invisible characters change nothing."""
    spelt = unicodedata.normalize(form, text)
    assert time_dependent(spelt[:2] + invisible + spelt[2:])
