"""A key owns what it made first, as long as that is remembered."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from guardproxy.gateway.ownership import LONGEST, MemoryOwnership

NAMES = st.sampled_from(["a", "b", "c", "d", "", "x" * (LONGEST + 1)])
KEYS = st.sampled_from(["k1", "k2"])


def owns(ownership: MemoryOwnership, key: str, named: str) -> bool:
    return named in asyncio.run(ownership.owned(key, [named]))


@given(st.lists(st.tuples(NAMES, KEYS), max_size=20))
def test_whoever_came_first_owns_it_and_nobody_else(made: list[tuple[str, str]]) -> None:
    ownership = MemoryOwnership()
    first: dict[str, str] = {}
    for named, key in made:
        ownership.record([named], key)
        first.setdefault(named, key)
    for named, key in first.items():
        known = 0 < len(named) <= LONGEST
        assert owns(ownership, key, named) == known
        assert not owns(ownership, "k2" if key == "k1" else "k1", named)


def test_what_nobody_made_here_belongs_to_nobody() -> None:
    assert not owns(MemoryOwnership(), "k1", "a")


def test_only_so_many_are_remembered_and_what_is_named_stays_longer() -> None:
    ownership = MemoryOwnership(most=2)
    ownership.record(["a", "b"], "k1")
    assert owns(ownership, "k1", "a")
    ownership.record(["c"], "k1")
    assert [named for named in "abc" if owns(ownership, "k1", named)] == ["a", "c"]
