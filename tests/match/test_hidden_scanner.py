"""Matches in the hidden texts of a stream."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from guardproxy.match.hidden_scanner import HiddenScanner
from guardproxy.match.hidden_text import MOST_BETWEEN, hidden_texts
from guardproxy.match.pattern_set import Pattern, PatternSet
from guardproxy.match.scanner import Span
from tests.match.disguises import in_tags
from tests.match.oracle import clusters, cuts, of_rule, read

WORDS = PatternSet(
    [Pattern("word", "ab(?:cb)?"), Pattern("end", "bc", not_after="b"), Pattern("cut", "cabb", at_end=3)]
)
_PARTS = ["a", "é", "xxxxxx", "x" * MOST_BETWEEN, *(in_tags(char) for char in "abcabc")]


@settings(max_examples=100)
@given(st.lists(st.sampled_from(_PARTS)), st.integers(0, 9), st.data())
def test_each_hidden_text_is_a_text_by_itself_however_the_stream_is_cut(
    parts: list[str], offset: int, data: st.DataObject
) -> None:
    text = "".join(parts)
    expected = [span for hidden in hidden_texts(text) for span in hidden.spans(WORDS.scan(hidden.text))]
    scanner = HiddenScanner(WORDS.scanner, offset)
    found = read(scanner, data.draw(cuts(text)))
    for rule in ("word", "end", "cut"):
        told = [(start - offset, end - offset) for start, end in of_rule(found, rule)]
        assert clusters(of_rule(expected, rule)) == clusters(told)
    assert offset + len(text) == scanner.safe


def test_nothing_waits_between_hidden_texts() -> None:
    scanner = HiddenScanner(WORDS.scanner)
    scanner.feed("visible")
    assert (scanner.safe, scanner.open) == (7, False)
    scanner.feed(in_tags("a"))
    assert (scanner.safe, scanner.open) == (7, True)
    scanner.feed("x" * MOST_BETWEEN)
    assert (scanner.safe, scanner.open) == (7, True)
    scanner.feed("x")
    assert (scanner.safe, scanner.open) == (9 + MOST_BETWEEN, False)
    assert scanner.feed(in_tags("ab")) == [Span(9 + MOST_BETWEEN, 11 + MOST_BETWEEN, "word")]
