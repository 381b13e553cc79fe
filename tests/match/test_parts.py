from __future__ import annotations

import pytest

from guardproxy.match.alternatives import NOTHING
from guardproxy.match.charset import WORD
from guardproxy.match.class_syntax import PatternSyntaxError
from guardproxy.match.parts import MOST_CHECKED, Block, Pattern, parts_of


def test_a_pattern_is_one_part_unless_its_alternatives_have_different_edges() -> None:
    assert len(parts_of(Pattern("r", "a|b|cd"))) == 1
    word, free = parts_of(Pattern("r", r"\bkey\b|k-|\bid\b", not_before="-"))
    assert (word.rule, free.rule) == ("r", "r")
    assert word.program.not_after == WORD
    assert free.program.not_after == NOTHING
    assert "-" in word.program.not_before
    assert "-" in free.program.not_before


def test_a_pattern_says_itself_that_it_ignores_case() -> None:
    patterns = [Pattern("r", "(?i)a"), Pattern("r", "a", ignore_case=True), Pattern("r", "a")]
    assert [pattern.cased for pattern in patterns] == [True, True, False]
    blocks = [Block("r", "(?i)a", "b", 9), Block("r", "a", "b", 9, ignore_case=True), Block("r", "a", "(?i)b", 9)]
    assert [block.cased for block in blocks] == [True, True, False]


def test_a_block_is_a_part_for_its_start_that_knows_its_end() -> None:
    (part,) = parts_of(Block("r", "a", "b+c", max=9))
    assert part.end is not None
    assert part.most == 9


@pytest.mark.parametrize(
    ("wanted", "offset", "cure"),
    [
        (Pattern("r", rf"a{{1,{MOST_CHECKED + 1}}}", not_after="a", check=str.isdigit), 0, "lower a repeat"),
        (Pattern("r", "ab+", check=str.isdigit), 0, "lower a repeat"),
        (Pattern("r", "ab?", check=str.isdigit), 0, "say with not_after"),
        (Pattern("r", "ab+", not_after="b"), 2, "leave its characters out of not_after"),
        (Pattern("r", "a", not_before="[a]"), 0, "without them"),
        (Block("r", "a+b", "c", max=5), 1, "write {1,200}"),
        (Block("r", r"ab\b", "c", max=5), 0, "leave the \\b out"),
        (Block("r", "a", r"\bc", max=5), 0, "leave the \\b out"),
        (Block("r", "a", "c?", max=5), 0, "empty text"),
    ],
)
def test_what_would_cost_or_hold_too_much_is_refused_with_a_cure(
    wanted: Pattern | Block, offset: int, cure: str
) -> None:
    with pytest.raises(PatternSyntaxError) as refused:
        parts_of(wanted)
    assert offset == refused.value.offset
    assert cure in refused.value.message


def test_a_checked_match_ends_where_its_length_or_what_follows_tells() -> None:
    assert parts_of(Pattern("r", "a{30}", check=str.isdigit))
    assert parts_of(Pattern("r", "a{3,30}", not_after="a", check=str.isdigit))
    assert parts_of(Pattern("r", r"a{3,30}\b", check=str.isdigit))
