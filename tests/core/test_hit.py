from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from guardproxy.core.hit import MOST, Told

MATCHES = st.lists(st.tuples(st.sampled_from(["a", "b"]), st.integers(0, MOST)), max_size=3 * MOST)


@given(MATCHES)
def test_of_the_last_matches_each_is_new_once(matches: list[tuple[str, int]]) -> None:
    told = Told()
    kept: list[tuple[str, int]] = []
    for match in matches:
        assert told.is_new(*match) is (match not in kept)
        if match not in kept:
            kept = [*kept, match][-MOST:]
