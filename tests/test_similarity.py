"""Which requests are shown to the compiler together."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seglam.similarity import marked, similar, tokens


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("What is 12 + 7?", "What is 305 + 18?"),
        (
            "Anna orders 3 lamps at $12.50 each. What is the total?",
            "Bo orders 14 mugs at $4.25 each. What is the total?",
        ),
        (
            "Please sort these words alphabetically: pear, fig, apple",
            "Please sort these words alphabetically: sun, moon",
        ),
        ("3박스를 주문하면 배송비는 얼마인가요?", "12박스를 주문하면 배송비는 얼마인가요?"),
    ],
)
def test_one_kind_with_other_values_is_recognised(one, other):
    """Other names and numbers do not hide that two requests ask the same kind of thing, in any script."""
    assert similar(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("What is 12 + 7?", "Write a short poem about the autumn rain in Lisbon."),
        ("Convert 5 miles to kilometres.", "Anna orders 3 lamps at $12.50 each. What is the total?"),
        ("", "What is 12 + 7?"),
    ],
)
def test_other_kinds_are_kept_apart(one, other):
    """A compile call is not spent on requests that have nothing in common."""
    assert not similar(one, other)


@given(st.text(max_size=80), st.text(max_size=80))
def test_similarity_is_reflexive_and_never_fails(one, other):
    """Any two texts can be compared, and a text with words is similar to itself."""
    similar(one, other)
    if tokens(one):
        assert similar(one, one)


def test_differences_are_marked():
    """The compiler is shown which spans are slots."""
    texts = ["Add 12 and 7, please.", "Add 305 and 18, please."]
    assert marked(texts) == ["Add ⟦12⟧ and ⟦7⟧, please.", "Add ⟦305⟧ and ⟦18⟧, please."]


@given(st.lists(st.text(max_size=40), min_size=2, max_size=4))
def test_marks_only_add_brackets(texts):
    """Taking the marks away gives the texts back."""
    clean = [text.replace("⟦", "").replace("⟧", "") for text in texts]
    assert [text.replace("⟦", "").replace("⟧", "") for text in marked(clean)] == clean
