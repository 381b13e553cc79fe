from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardproxy.match.class_syntax import PatternSyntaxError
from guardproxy.match.count_syntax import MOST_POSITIONS
from guardproxy.match.syntax import parse_pattern
from guardproxy.match.tree import UNBOUNDED, Repeat, Series


def counts(written: str) -> tuple[int, int]:
    tree = parse_pattern("xa" + written)
    assert isinstance(tree, Series)
    (_, repeat) = tree.parts
    assert isinstance(repeat, Repeat)
    return repeat.low, repeat.high


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("?", (0, 1)),
        ("*", (0, UNBOUNDED)),
        ("+", (1, UNBOUNDED)),
        ("{3}", (3, 3)),
        ("{0,4}", (0, 4)),
        ("{2,}", (2, UNBOUNDED)),
    ],
)
def test_each_way_to_say_how_often(written: str, expected: tuple[int, int]) -> None:
    assert expected == counts(written)


@given(st.integers(0, 500), st.integers(1, 500))
def test_least_and_most_are_what_was_written(low: int, more: int) -> None:
    assert counts(f"{{{low},{low + more}}}") == (low, low + more)


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("{}", "begins a repeat"),
        ("{,}", "begins a repeat"),
        ("{a}", "begins a repeat"),
        ("{1,2", "begins a repeat"),
        ("{,5}", "write {0,5}"),
        ("{1000000}", f"{MOST_POSITIONS:,}"),
        ("{3,2}", "repeats nothing"),
        ("{0}", "repeats nothing"),
    ],
)
def test_what_is_no_count_is_refused_where_it_stands(written: str, says: str) -> None:
    with pytest.raises(PatternSyntaxError, match=says) as raised:
        parse_pattern("xa" + written)
    assert raised.value.offset == 2
