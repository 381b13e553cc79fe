"""What a range was about, it is about after parts of the text were hidden."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from guardproxy.core.moved import Moved

texts = st.text("ab[]", max_size=12)


@given(texts, texts, texts, texts)
def test_what_two_texts_begin_and_end_with_alike_is_found_where_it_has_gone(
    head: str, hidden: str, shown: str, tail: str
) -> None:
    old, new = head + hidden + tail, head + shown + tail
    moved = Moved.between(old, new)
    assert moved.start >= len(head)
    assert old[: moved.start] == new[: moved.start]
    assert old[moved.end :] == new[moved.end + moved.shift :]


@given(texts, texts, st.integers(0, 12), st.integers(0, 12))
def test_a_range_keeps_its_text_or_is_widened_to_what_was_changed(old: str, new: str, one: int, other: int) -> None:
    start, end = sorted((min(one, len(old)), min(other, len(old))))
    moved = Moved.between(old, new)
    now = moved.beginning(start), moved.ending(end)
    assert 0 <= now[0] <= now[1] <= len(new) or (start == end and 0 <= now[1] <= now[0] <= len(new))
    if end <= moved.start or start >= moved.end:
        assert new[now[0] : now[1]] == old[start:end]
    elif start < end:
        assert now[0] <= moved.start
        assert now[1] >= moved.end + moved.shift
