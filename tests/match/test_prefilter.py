from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from guardproxy.match.literals import AS_WRITTEN, FOLDED
from guardproxy.match.prefilter import Prefilter, Requirement
from guardproxy.match.words import AS_WORDS, spelled

texts = st.text("abBé-", max_size=30)
literals = st.frozensets(st.text("abé-", min_size=1, max_size=3), min_size=1, max_size=3)
words = st.frozensets(st.text("ab", min_size=1, max_size=3), min_size=1, max_size=3)
requirements = st.lists(
    st.builds(
        Requirement,
        st.tuples(literals) | st.tuples(literals, literals),
        st.sampled_from([AS_WRITTEN, FOLDED]),
        st.integers(3, 8),
        st.just(frozenset()),
    )
    | st.builds(Requirement, st.tuples(words), st.just(AS_WORDS), st.integers(3, 8), st.just(frozenset())),
    max_size=4,
)


def _holds(requirement: Requirement, text: str) -> bool:
    written = {AS_WRITTEN: text, FOLDED: text.lower(), AS_WORDS: spelled(text)}[requirement.spelling]
    return any(literal in written for literal in requirement.groups[0])


@given(requirements, texts)
def test_it_finds_the_literals_that_are_there(wanted: list[Requirement], text: str) -> None:
    expected = any(_holds(requirement, text) for requirement in wanted)
    assert expected == Prefilter(wanted).may_match(text)
    assert expected == bool(Prefilter(wanted).windows(text))


@given(requirements, texts)
def test_windows_hold_whatever_contains_a_literal_and_the_character_behind_it(
    wanted: list[Requirement], text: str
) -> None:
    windows = Prefilter(wanted).windows(text)
    for requirement in wanted:
        for start in range(len(text)):
            for end in range(start + 1, min(start + requirement.longest, len(text)) + 1):
                if _holds(requirement, text[start:end]):
                    assert any(begin <= start and min(end + 1, len(text)) <= stop for begin, stop in windows)


@given(requirements, texts)
def test_windows_are_disjoint_and_in_order(wanted: list[Requirement], text: str) -> None:
    windows = Prefilter(wanted).windows(text)
    assert all(0 <= begin < end <= len(text) for begin, end in windows)
    assert all(a[1] < b[0] for a, b in pairwise(windows))


def test_a_pattern_without_literals_makes_the_whole_text_a_window() -> None:
    prefilter = Prefilter([Requirement([], AS_WRITTEN, 5), Requirement([frozenset(["x"])], FOLDED, 5)])
    assert prefilter.may_match("anything")
    assert prefilter.windows("anything") == [(0, 8)]


def test_without_patterns_nothing_is_looked_at() -> None:
    assert not Prefilter([]).may_match("anything")
    assert Prefilter([]).windows("anything") == []


def test_a_text_full_of_literals_is_one_window() -> None:
    prefilter = Prefilter(
        [Requirement([frozenset(["--"])], AS_WRITTEN, 10), Requirement([frozenset(["x"])], AS_WRITTEN, 3)]
    )
    assert prefilter.windows("-" * 1000) == [(0, 1000)]
    assert prefilter.windows("-" * 12 + "." * 84 + "x" + "." * 20) == [(0, 21), (94, 100)]


def test_phrases_and_literals_are_looked_for_together() -> None:
    prefilter = Prefilter(
        [
            Requirement([frozenset(["rules"]), frozenset(["forget"])], AS_WORDS, 12, frozenset(["!"])),
            Requirement([frozenset(["<|"])], FOLDED, 4),
        ]
    )
    assert prefilter.windows("forget rules!" + " " * 20 + "<|im") == [
        (0, 20),
        (31, 37),
    ]  # the second ends with the text
    assert prefilter.windows("forget rules.") == []
    assert not prefilter.may_match("forget rules.")
