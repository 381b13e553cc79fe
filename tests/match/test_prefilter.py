from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from guardproxy.match.prefilter import Prefilter, Requirement

texts = st.text("abBé-", max_size=30)
requirements = st.lists(
    st.builds(
        Requirement,
        st.frozensets(st.text("abé-", min_size=1, max_size=3), min_size=1, max_size=3),
        st.booleans(),
        st.integers(3, 8),
    ),
    max_size=4,
)


@given(requirements, texts)
def test_it_finds_the_literals_that_are_there(wanted: list[Requirement], text: str) -> None:
    expected = any(
        literal in (text.lower() if folded else text) for literals, folded, _ in wanted for literal in literals or ()
    )
    assert expected == Prefilter(wanted).may_match(text)
    assert expected == bool(Prefilter(wanted).windows(text))


@given(requirements, texts)
def test_windows_hold_whatever_contains_a_literal_and_the_character_behind_it(
    wanted: list[Requirement], text: str
) -> None:
    windows = Prefilter(wanted).windows(text)
    for literals, folded, longest in wanted:
        for start in range(len(text)):
            for end in range(start + 1, min(start + longest, len(text)) + 1):
                piece = text[start:end].lower() if folded else text[start:end]
                if any(literal in piece for literal in literals or ()):
                    assert any(begin <= start and min(end + 1, len(text)) <= stop for begin, stop in windows)


@given(requirements, texts)
def test_windows_are_disjoint_and_in_order(wanted: list[Requirement], text: str) -> None:
    windows = Prefilter(wanted).windows(text)
    assert all(0 <= begin < end <= len(text) for begin, end in windows)
    assert all(a[1] < b[0] for a, b in pairwise(windows))


def test_a_pattern_without_literals_makes_the_whole_text_a_window() -> None:
    prefilter = Prefilter([Requirement(None, False, 5), Requirement(frozenset(["x"]), True, 5)])
    assert prefilter.may_match("anything")
    assert prefilter.windows("anything") == [(0, 8)]


def test_without_patterns_nothing_is_looked_at() -> None:
    assert not Prefilter([]).may_match("anything")
    assert Prefilter([]).windows("anything") == []


def test_a_text_full_of_literals_is_one_window() -> None:
    prefilter = Prefilter([Requirement(frozenset(["--"]), False, 10), Requirement(frozenset(["x"]), False, 3)])
    assert prefilter.windows("-" * 1000) == [(0, 1000)]
    assert prefilter.windows("-" * 12 + "." * 84 + "x" + "." * 20) == [(0, 21), (94, 100)]
