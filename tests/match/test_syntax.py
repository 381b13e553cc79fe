from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardproxy.match.alternatives import NOTHING
from guardproxy.match.charset import WORD
from guardproxy.match.syntax import DEEPEST_GROUP, PatternSyntaxError, ignores_case, parse_pattern, parse_programs
from guardproxy.match.tree import UNBOUNDED, longest, positions


@pytest.mark.parametrize(
    ("pattern", "offset", "cure"),
    [
        ("a*", 0, "empty text"),
        ("a*b", 1, "write {0,200}"),
        ("[ab]+c", 4, "write {1,200}"),
        ("a{3,}b", 1, "write {3,200}"),
        ("a{150,}b", 1, "write {150,300}"),
        ("x(?:a+b?)+c", 5, "end the pattern with it"),
        ("x(?:a+b)*", 5, "end the pattern with it"),
        ("(?:ab*){2}", 5, "write {0,200}"),
        ("(?:ab+|c)d|e", 5, "write {1,200}"),
        (r"a\w+\b", 3, "out of not_after"),
        ("a{,3}", 1, "write {0,3}"),
        ("a{}", 1, "write \\{"),
        ("a{x}", 1, "write \\{"),
        ("{a", 0, "write \\{"),
        ("a}", 1, "write \\}"),
        ("a]", 1, "write \\]"),
        ("a{3,2}", 1, "repeats nothing"),
        ("a{0}", 1, "repeats nothing"),
        ("a{9999999}", 1, "at most 10,000 positions; write fewer"),
        ("a[b&&c]", 3, "write the characters out, or \\&"),
        (r"a\Kb", 1, "write it into not_before"),
        (r"a\R", 1, r"write (?:\r\n|[\n\r])"),
        (r"\Qa.b\E", 0, "escape its punctuation one by one"),
        (r"\N{DASH}", 0, r"write its code point as \u2014, or ."),
        ("ab??", 3, "neither lazy nor possessive"),
        ("ab{2}+", 5, "neither lazy nor possessive"),
        ("a{2}{3}", 4, "put the first one into a group"),
        ("*a", 0, "write \\*"),
        ("a|?", 2, "write \\?"),
        ("^a", 0, "use not_before / not_after"),
        ("a$", 1, "write \\$"),
        (r"a\bkey", 1, "use not_before / not_after"),
        (r"(?:\bkey)", 3, "use not_before / not_after"),
        (r"key\b{2}", 3, "use not_before / not_after"),
        (r"\b\bkey", 2, "use not_before / not_after"),
        (r"key|\b-", 4, "use not_before"),
        (r"[\w-]\b", 5, "use not_after"),
        (r"\b", 0, "empty text"),
        (r"key\B", 3, "use not_before / not_after"),
        (r"\Akey", 0, "use not_before / not_after"),
        (r"(a)\1", 3, "write the text out"),
        (r"\pL", 0, "such as \\p{L}"),
        (r"a\p{Greek}", 1, "known are L Lu"),
        (r"\0", 0, r"write \x00"),
        (r"\y", 0, "write y"),
        ("a\\", 1, "write \\\\"),
        ("(?=a)", 0, "use not_before / not_after"),
        ("x(?<!a)b", 1, "use not_before / not_after"),
        ("a(?i)b", 1, "very beginning"),
        ("(?:(?i)a)", 3, "very beginning"),
        ("(?i)(?i)a", 4, "very beginning"),
        (r"\b(?i)a", 2, "very beginning"),
        ("(?i:a)", 0, "use the option ignore_case"),
        ("(?is)a", 0, "for any character"),
        ("(?x) a", 0, "of flags only (?i)"),
        ("(?i)", 0, "empty text"),
        ("(?i)*", 4, "write \\*"),
        (r"(?i)a\y", 5, "write y"),
        ("(?P<name>a)", 0, "write (?:...)"),
        ("(?P=name)", 0, "write the text out"),
        ("(?>a)", 0, "write (?:...)"),
        ("(?#a)", 0, "no comments"),
        ("(?(1)a)", 0, "alternatives"),
        ("x(a", 1, "write \\("),
        ("a)", 1, "write \\)"),
        ("x[a", 1, "write \\["),
        ("x[]", 2, "empty class"),
        ("(a?|b{0,3})", 0, "empty text"),
        ("", 0, "empty text"),
        ("(?:a{100}){101}", 0, "10,100 positions"),
        ("(" * (DEEPEST_GROUP + 1) + "a" + ")" * (DEEPEST_GROUP + 1), DEEPEST_GROUP, "leave out those around"),
    ],
)
def test_what_is_not_in_the_language_is_refused_with_its_offset_and_what_to_write(
    pattern: str, offset: int, cure: str
) -> None:
    with pytest.raises(PatternSyntaxError) as refused:
        parse_pattern(pattern)
    assert offset == refused.value.offset
    assert cure in refused.value.message


@pytest.mark.parametrize(
    "pattern",
    ["a+", "ab*", "ab{3,}", "a(?:b|c+)", "(?:a|b+)+", "x(?:ab*)*", "(?:ab*){1,3}", "a(?:-b+)*c?", "a+|bc*"],
)
def test_a_repeat_without_end_may_stand_where_nothing_must_follow(pattern: str) -> None:
    assert longest(parse_pattern(pattern)) == UNBOUNDED


def test_a_pattern_for_which_nothing_waits_may_repeat_anywhere() -> None:
    (program,) = parse_programs(r"-+END[^-]*-+", holds=False)
    assert positions(program.tree) == 6


def test_a_word_boundary_is_a_condition_on_the_alternative_it_stands_in() -> None:
    both, before, neither = parse_programs(r"\bkey\b|\bid-|\(x\)|\bno\b")
    assert (both.not_before, both.not_after) == (WORD, WORD)
    assert both.tree == parse_pattern("key|no")
    assert (before.not_before, before.not_after) == (WORD, NOTHING)
    assert (neither.not_before, neither.not_after) == (NOTHING, NOTHING)


@given(st.text("aBé1-", min_size=1, max_size=6), st.booleans())
def test_a_pattern_can_begin_with_ignoring_case(text: str, also_asked: bool) -> None:
    assert ignores_case(f"(?i){text}")
    assert not ignores_case(text)
    for pattern in (text, rf"{text}|\bx\b"):
        asked = parse_programs(pattern, ignore_case=True)
        assert parse_programs(f"(?i){pattern}", ignore_case=also_asked) == asked


@given(st.text(r"abp\dwx41[]^-(){},0129|?*+.:", max_size=20), st.booleans())
def test_every_text_is_a_pattern_or_refused_at_an_offset_in_it(text: str, ignore_case: bool) -> None:
    try:
        tree = parse_pattern(text, ignore_case=ignore_case)
    except PatternSyntaxError as refused:
        assert 0 <= refused.offset <= len(text)
    else:
        assert 1 <= positions(tree) <= 10_000


def test_repeats_of_nothing_cost_nothing() -> None:
    assert parse_pattern("a(?:(?:){9999}){9999}") == parse_pattern("a(?:(?:))")


def test_the_deepest_pattern_is_read() -> None:
    assert parse_pattern("a") == parse_pattern("(" * DEEPEST_GROUP + "a" + ")" * DEEPEST_GROUP)
