from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardproxy.match.class_syntax import PatternSyntaxError, parse_class

SOME_CHARACTERS = [*map(chr, range(128)), "é", "ö", "ÿ", "Ω", "😀"]


@pytest.mark.parametrize(
    "body",
    [
        "a",
        "a-z",
        "^a-z",
        "a-zA-Z0-9_",
        r"\d_",
        r"^\W",
        r"\w-",
        "-a",
        r"a\-z",
        r"\]x",
        r"\&&|\||~\~",
        "!-&&-+",
        "a^",
        "é-ü",
        r"\\",
        "x[",
        ".*+?()",
    ],
)
def test_a_class_means_what_it_means_to_python(body: str) -> None:
    found, expected = parse_class(body), re.compile(f"[{body}]", re.ASCII)
    assert [c for c in SOME_CHARACTERS if expected.fullmatch(c)] == [c for c in SOME_CHARACTERS if c in found]


@pytest.mark.parametrize(
    ("body", "characters"),
    [(r"\x41\u00e9\U0001f600", "Aé😀"), (r"\n\t\r", "\n\t\r"), (r"\.\-\/\ ", ".-/ "), (r"\x61-\x63", "abc")],
)
def test_characters_can_be_escaped(body: str, characters: str) -> None:
    assert set(characters) == set(parse_class(body).characters())


def test_unicode_categories_stand_in_a_class_and_alone() -> None:
    found = parse_class(r"\p{Lu}\p{Nd}_")
    assert [c in found for c in "AÉ٣_aé-"] == [True, True, True, True, False, False, False]
    assert parse_class(r"^\p{L}") == parse_class(r"\P{L}") == ~parse_class(r"\p{L}")


@given(st.sets(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8))
def test_characters_written_by_code_point_are_those_characters(characters: set[str]) -> None:
    body = "".join(f"\\U{ord(c):08x}" for c in characters)
    assert characters == set(parse_class(body).characters())


@pytest.mark.parametrize(
    ("body", "offset", "cure"),
    [
        ("", 0, "empty class"),
        ("^", 0, "empty class"),
        ("[a-z]", 0, "write what stands inside the brackets"),
        ("a]", 1, "write \\]"),
        ("b-a", 0, "write a-b"),
        (r"a\d-z", 1, "write \\-"),
        (r"a-\d", 0, "write \\-"),
        ("x[:alpha:]", 1, "write ranges"),
        (r"x\b", 1, "use not_before / not_after"),
        (r"a\p{Latin}", 1, "known are L Lu Ll"),
        (r"\p{L", 0, "such as \\p{L}"),
        (r"\P{}", 0, "known are"),
        (r"\q", 0, "write q"),
        (r"ab\x4", 2, "needs 2 hexadecimal digits"),
        (r"\u12", 0, "needs 4 hexadecimal digits"),
        (r"\U00110000", 0, "no character above"),
        ("ab\\", 2, "write \\\\"),
        (r"^\d\D", 0, "leave some of it out"),
        ("a&&b", 1, r"or \& for the character"),
        ("a-z--b", 3, r"or \- for the character"),
        (r"\w--\d", 2, "write the characters out"),
        ("+--", 1, "write the characters out"),
        ("a~~b", 1, r"or \~ for the character"),
        ("||a", 0, "write them one behind the other"),
        (r"\h", 0, r"write [ \t], in a class both characters"),
        (r"\x{41}", 0, r"write \x41"),
        (r"\012", 0, r"write \x00, or \x0a"),
    ],
)
def test_what_is_no_class_is_refused_with_its_offset_and_what_to_write(body: str, offset: int, cure: str) -> None:
    with pytest.raises(PatternSyntaxError) as refused:
        parse_class(body)
    assert offset == refused.value.offset
    assert cure in refused.value.message
