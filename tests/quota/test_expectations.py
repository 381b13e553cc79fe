"""Nine of ten of the last answers are not longer than what is expected."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from guardproxy.quota.expectations import LEAST, Expectations


@given(st.lists(st.integers(0, 5000), min_size=10, max_size=200))
def test_what_is_usual_covers_nine_of_ten_of_the_last_fifty(lengths: list[int]) -> None:
    expectations = Expectations()
    for length in lengths:
        expectations.learn("k", "m", length)
    usual = expectations.usual("k", "m")
    last = lengths[-50:]
    assert usual is not None
    assert usual == LEAST or usual in last
    assert sum(length <= usual for length in last) >= 0.9 * len(last)
    assert sum(length < usual for length in last) < 0.9 * len(last) or usual == LEAST


def test_before_ten_answers_nothing_is_known() -> None:
    expectations = Expectations()
    for _ in range(9):
        assert expectations.usual("k", "m") is None
        expectations.learn("k", "m", 100)
    expectations.learn("k", "m", 100)
    assert expectations.usual("k", "m") == 100
    assert expectations.usual("k", "other") is None


def test_only_so_many_are_kept_and_the_latest() -> None:
    expectations = Expectations(most=2)
    for name in ("a", "b", "a", "c"):
        expectations.learn("k", name, 1)
    assert len(expectations) == 2
    for _ in range(9):
        expectations.learn("k", "a", 1)
    assert expectations.usual("k", "a") == LEAST
