from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardproxy.detectors.checks.rows import MOST_STEP, counts_up, measures


@given(
    st.integers(1, 6).flatmap(lambda size: st.tuples(st.just(size), st.integers(0, 10**size - 1))),
    st.integers(1, MOST_STEP),
    st.integers(3, 6),
    st.sampled_from([" ", "-", ".", ", "]),
)
def test_groups_of_one_size_that_grow_by_one_small_step_count_up(
    first: tuple[int, int], step: int, count: int, separator: str
) -> None:
    size, begin = first
    groups = [f"{begin + at * step:0{size}d}" for at in range(count)]
    assert counts_up(separator.join(groups)) is (len(groups[-1]) == size)
    assert not counts_up(separator.join(reversed(groups)))
    assert not counts_up(separator.join([*groups[:-1], groups[0]]))


@pytest.mark.parametrize(
    "text", ["", "01 02", "01 23 45 67 89", "06 12 34 56 78", "1 02 3", "4111 1111 1111 1111", "x"]
)
def test_other_groups_do_not(text: str) -> None:
    assert not counts_up(text)


def test_two_decimal_fractions_are_measurements() -> None:
    assert measures("0033 0.3804 0.8687")
    assert not measures("+1 202.555.0143")
    assert not measures("+49 30.23125123")
