"""What JSON escapes stand for is found, and replaced by whole escapes, wherever the text is cut."""

from __future__ import annotations

import json
import re
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from guardproxy.core.allowance import run_through
from guardproxy.match.escapes import Unescaping, first_escape, has_escapes, seen_in_steps, seen_text
from guardproxy.match.parts import Pattern
from guardproxy.match.pattern_set import PatternSet
from guardproxy.match.readings import Readings
from guardproxy.match.scanner import Span
from guardproxy.match.signs import signs_in
from guardproxy.match.view import SourceMap, View, view
from tests.match.disguises import CONTROLS
from tests.match.long_texts import long_texts

FRAGMENTS = [
    "\\",
    "\\\\",
    "\\n",
    '\\"',
    "\\/",
    "\\u0061",
    "\\u00e9",
    "\\ud83d",
    "\\ude00",
    "\\ud83d\\ude00",
    "\\u0",
    "\\d",
    "\\" * 3,
    "\\" * 14,
    "\\" * 40,
]
FRAGMENTS += [
    "\\_",
    "\\a",
    "\x00",
    "\x1b\x7f",
    "_",
    "\\uff41",
    "\\u200b",
    "n",
    "u",
    "a",
    "key",
    "1",
    '"',
    " ",
    "é",
    "\u200b",
    "ａ",
]
texts = st.lists(st.sampled_from(FRAGMENTS), max_size=14).map("".join)
RULES = Readings(
    PatternSet(
        [
            Pattern("key", "key[a-z0-9]{1,3}", not_before="a-z"),
            Pattern("line", r"\na{1,2}"),
            Pattern("quoted", '"[a1]+'),
            Pattern("written", r"\\[nu]a?1"),
            Pattern("marked", "k_[a1]{1,3}", not_before="a-z"),
        ]
    )
)


def whole(text: str) -> tuple[View, Unescaping]:
    steps = seen_in_steps(text, max(len(text), 1))
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: tuple[View, Unescaping] = end.value
            return result


def pieces(text: str, cuts: list[int]) -> list[str]:
    bounds = sorted({0, len(text), *(cut % (len(text) + 1) for cut in cuts)})
    return [text[first:last] for first, last in pairwise(bounds)]


def covered(spans: list[Span]) -> set[int]:
    return {at for span in spans for at in range(span.start, span.end)}


@given(texts, st.lists(st.integers(0, 200), max_size=5))
def test_the_pieces_of_a_text_are_read_like_the_text(text: str, cuts: list[int]) -> None:
    source, reading = SourceMap(), Unescaping()
    read = [reading(source, piece) for piece in pieces(text, cuts)]
    reading.end()
    read.append(reading(source, ""))
    assert "".join(read) == whole(text)[0].text
    assert (source.written, reading.begun) == (len(text), "")


@given(st.text(), st.booleans())
def test_what_json_wrote_is_seen_like_what_was_meant(text: str, ascii_only: bool) -> None:
    written = json.dumps(text, ensure_ascii=ascii_only)[1:-1]
    # Not escaped, and not seen, is only U+007F.
    meant = re.sub("[\ud800-\udfff]", "\ufffd", text) if ascii_only else text.replace("\x7f", "")
    if not ascii_only or not re.search("[\ud800-\udbff][\udc00-\udfff]", text):
        assert whole(written)[0].text == view(meant).text


def nested(text: str, depth: int) -> str:
    """The text in JSON in a string of JSON ..."""
    for _ in range(depth):
        text = json.dumps({"log": text})
    return text


# Beyond U+FFFF: two escapes, each with its row.
_meant = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\\\x7f"), max_size=20)


@given(_meant, st.integers(1, 4), st.sampled_from([1, 7, 1000]))
def test_read_deep_json_in_json_is_seen_like_what_was_meant(text: str, depth: int, size: int) -> None:
    view_, _ = run_through(seen_in_steps(nested(text, depth), size, deep=True))
    assert view(text).text in view_.text


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
@pytest.mark.parametrize("before", ["line\n", "tab\t", 'says "', "né\u2028\n"])
def test_a_key_is_found_however_deep_it_stands_in_json_in_json(depth: int, before: str) -> None:
    text = nested(f"{before}keyab1", depth)
    found = [text[span.start : span.end] for span in RULES.scan(text) if span.rule == "key"]
    assert found == ["keyab1"]
    assert RULES.may_match(text)


@given(texts)
def test_no_span_begins_or_ends_inside_of_an_escape(text: str) -> None:
    _, reading = whole(text)
    for span in RULES.scan(text):
        assert reading.begin_at(span.start) == span.start
        assert reading.end_at(span.end) == span.end


@settings(max_examples=300)
@given(texts, st.lists(st.integers(0, 200), max_size=8))
@example(r"n\n\u0061\uff41" "\\", [9])  # the match begins in an escape that is sure, and goes on
def test_a_stream_finds_what_the_whole_text_holds_before_it_is_sure(text: str, cuts: list[int]) -> None:
    scanner = RULES.scanner()
    found: list[Span] = []
    sure = 0
    for piece in pieces(text, cuts):
        for span in scanner.feed(piece):
            assert span.start >= sure or any(known.start == span.start and known.rule == span.rule for known in found)
            found.append(span)
        assert sure <= scanner.safe <= len(text)
        sure = scanner.safe
    found += scanner.finish()
    assert covered(found) == covered([*RULES.scan(text)])


@given(texts)
def test_adding_a_reading_never_shows_what_was_hidden(text: str) -> None:
    patterns = RULES._patterns
    assert covered(patterns.scan(text)) <= covered([*RULES.scan(text)])


@settings(max_examples=200, deadline=None)
@given(st.one_of(texts, long_texts()))
@example("\\\\ud83d" * 20 + "é" * 80 + "\\ud83d")
def test_a_text_as_it_is_seen_is_that_of_its_view(text: str) -> None:
    steps = seen_in_steps(text, len(text) or 1)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            seen, _ = end.value
            break
    assert seen.text == seen_text(text) == seen_text(text, signs_in(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r'{"log": "line\nkeyab1"}', [Span(15, 21, "key")]),
        (r'{"log": "\u006b\u0065y1"}', [Span(9, 23, "key")]),
        (r"\nkeya", [Span(2, 6, "key")]),
        (r"\\nkeya", [Span(3, 7, "key")]),
        (r"\\\\nkeya", [Span(5, 9, "key")]),
        (r"\\\"keya", [Span(4, 8, "key")]),
        (r"\\dkeya", []),
        (r"\ud83d\ude00keya", [Span(12, 16, "key")]),
        (r"x\na", [Span(1, 4, "line")]),
        (r"see k\_a", [Span(4, 8, "marked")]),
        (r"k\\_a", [Span(0, 5, "marked")]),  # of Markdown in JSON
        ("\x00k\x1be\x08ya\x7f\x00", [Span(1, 7, "key")]),
        ("k\teya k\x0be\ny1", []),
        ("x\x00keya", [Span(2, 6, "key")]),  # two words as it is written
    ],
)
def test_what_stands_behind_an_escape_is_not_part_of_its_word(text: str, expected: list[Span]) -> None:
    assert RULES.scan(text) == expected
    assert RULES.may_match(text) or not expected


@given(st.text(max_size=600))
def test_a_text_without_escapes_reads_as_it_is_written_but_for_folding(text: str) -> None:
    first = first_escape(text)
    assert has_escapes(text) == (first < len(text))
    assert whole(text[:first])[0].text == view(text[:first]).text
    assert first == len(text) or text[first] == "\\" or (text[first] in CONTROLS)


@given(st.integers(0, 600), st.sampled_from(sorted(CONTROLS)), st.integers(0, 600))
def test_control_characters_are_noticed_in_short_and_in_long_texts(before: int, char: str, behind: int) -> None:
    text = "x\n" * before + char + "\ty" * behind
    assert has_escapes(text)
    assert first_escape(text) == 2 * before
    assert not has_escapes(text.replace(char, "\x0b\x0c\r"))
    assert seen_text(text) == text.replace(char, "") == whole(text)[0].text


@given(st.text(alphabet='ab1\n"\\/é\u200b😀', max_size=12), st.text(alphabet="ab1", min_size=1, max_size=3))
def test_what_is_left_of_json_is_json(before: str, value: str) -> None:
    for ascii_only in (True, False):
        document = json.dumps({"a": f"{before}\nkey{value}\n"}, ensure_ascii=ascii_only)
        shown = document
        for start, end, _ in sorted(RULES.scan(document), reverse=True):
            shown = f"{shown[:start]}#{shown[end:]}" if end <= len(shown) else shown[:start] + "#"
        if not any(span.rule == "quoted" for span in RULES.scan(document)):
            assert isinstance(json.loads(shown)["a"], str)
