"""A text is read in parts: where one begins, what stands before it still counts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from guardproxy.match.pattern_set import Pattern, PatternSet
from tests.match.oracle import AnySample, any_samples_and_text, clusters, of_rule, read, set_of
from tests.promises.depth import cases
from tests.promises.fragments import PROSE

# The string that is looked for stands at the end, so the part of a text that is read begins where the match does.
LATE = [
    Pattern("late", "[a-z]{4}@corp", "a-z0-9"),
    Pattern("range", "[a-z]{2,4}-key", "a-z-", "a-z"),
    Pattern("number", r"\d{3}-id", r"\d-"),
    Pattern("checked", r"[a-z]\d{3}-id", r"a-z\d", check=str.isascii),
]
PATTERNS = PatternSet(LATE)
PIECES = [
    "abcd",
    "xabcd",
    "bc",
    "12",
    "9",
    "123",
    "a1",
    "@corp",
    "-key",
    "-id",
    "-",
    " ",
    "é",
    PROSE[0],
    "no keys here. " * 9,
]


@cases(120)
@given(st.lists(st.sampled_from(PIECES), max_size=9).map("".join))
def test_the_parts_of_a_text_that_are_read_begin_with_what_stands_before_them(text: str) -> None:
    assert PATTERNS.scan(text) == read(PATTERNS.scanner(), [text])


@cases(25)
@given(any_samples_and_text())
def test_a_scanner_can_begin_anywhere_and_knows_what_stands_before_it(example: tuple[list[AnySample], str]) -> None:
    samples, text = example
    patterns = set_of(samples)
    matches = {sample.pattern.rule: sample.matches(text) for sample in samples}
    for begin in range(len(text) + 1):
        found = read(patterns.scanner(offset=begin, before=text[begin - 1] if begin else ""), [text[begin:]])
        for rule, expected in matches.items():
            assert clusters(span for span in expected if span[0] >= begin) == clusters(of_rule(found, rule))
