from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from guardproxy.core.separation.seen import is_seen, replace_seen, seen_spans
from guardproxy.match.scanner import Span
from guardproxy.match.view import view

WORD = re.compile("abc", re.I)
texts = st.text("abcABCａｂｃ\u200b\u0301á -", max_size=20)


def test_a_match_is_replaced_as_it_was_written() -> None:
    assert replace_seen(WORD, "1 ａ\u200bbc 2 ABC", lambda _: "#") == ("1 # 2 #", 2)
    assert seen_spans(WORD, "xａbc") == [Span(1, 4, "")]


def test_what_closes_up_to_a_match_is_replaced_too() -> None:
    assert replace_seen(WORD, "aabcbc", lambda _: "")[0] == ""


@given(texts)
def test_nothing_is_left_to_be_seen(text: str) -> None:
    replaced, found = replace_seen(WORD, text, lambda _: "")
    assert not is_seen(WORD, replaced)
    assert (found > 0) == (WORD.search(view(text).text) is not None) == is_seen(WORD, text)
    if not found:
        assert replaced == text
