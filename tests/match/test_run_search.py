from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from guardproxy.match.charset import DIGITS, SPACE, CharSet
from guardproxy.match.run_search import RunSearch
from guardproxy.match.runs import Run, required_run
from guardproxy.match.syntax import parse_pattern
from guardproxy.match.tree import longest
from tests.match.zoo_of_numbers import number_texts

DASH = CharSet.of([(0x20, 0x20), (0x2D, 0x2D)])
runs = st.builds(
    Run,
    st.just(DIGITS),
    st.integers(1, 5),
    st.sampled_from([CharSet(()), DASH, SPACE]),
    st.integers(0, 2),
    st.sampled_from([1, 2, 60]),
)


def meets(run: Run, match: str) -> bool:
    """Whether the whole text is such a run, with separators at its ends too."""
    digits = [at for at, char in enumerate(match) if char in DIGITS]
    edges = [-1, *digits, len(match)]
    return (
        len(digits) >= run.least
        and len(match) - len(digits) >= run.least_separators
        and all(char in DIGITS or char in run.separators for char in match)
        and all(b - a - 1 <= run.gap for a, b in pairwise(edges))
    )


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(runs, st.integers(5, 12)), min_size=1, max_size=3), number_texts())
def test_windows_hold_every_match_with_such_a_run_and_the_character_behind_it(
    required: list[tuple[Run, int]], text: str
) -> None:
    search = RunSearch(required)
    windows = list(search.windows(text))
    assert search.stand_in(text) == bool(windows)
    assert all(0 <= begin < end <= len(text) for begin, end in windows)
    for run, length in required:
        for start in range(len(text)):
            for end in range(start + 1, len(text) + 1):
                if meets(run, text[start:end]):
                    for first in range(max(end - length, 0), start + 1):
                        last = min(first + length + 1, len(text))
                        assert any(begin <= first and last <= stop for begin, stop in windows)


def search_for(pattern: str) -> RunSearch:
    tree = parse_pattern(pattern)
    run = required_run(tree)
    assert run
    return RunSearch([(run, longest(tree))])


def test_a_text_with_other_numbers_is_passed_over() -> None:
    card = search_for(r"\d(?:[ -]?\d){12,18}")
    assert not card.stand_in("In 2024 we sold 1,234,567 of them, for 12.50 each, to 1 of 10 people - in 3 days.")
    assert card.stand_in("4111 1111-1111 1111")
    address = search_for(r"\d{1,3}(?:\.\d{1,3}){3}")
    assert not address.stand_in("From 2019 to 2024 version 3.11 was installed 1234567 times.")
    assert address.stand_in("at 10.0.0.1")


def test_a_text_full_of_numbers_costs_little_memory() -> None:
    windows = list(search_for(r"\d(?:[ -]?\d){12,18}").windows("1 " * 100_000))
    assert windows == [(0, 200_000)]
