from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from guardproxy.match.tracker import Reported

by_end = st.lists(st.tuples(st.integers(0, 12), st.integers(1, 6)), max_size=8).map(
    lambda pairs: sorted(((start, start + length) for start, length in pairs), key=lambda span: span[1])
)


@given(by_end, st.integers(0, 20))
def test_text_is_sure_up_to_the_last_end_of_the_spans_it_lies_in(spans: list[tuple[int, int]], offset: int) -> None:
    reported = Reported()
    for span in spans:
        reported.add(*span)
    assert max([offset, *(end for start, end in spans if start <= offset)]) == reported.sure(offset)


@given(by_end, st.integers(0, 20), st.integers(0, 20))
def test_what_ended_before_everything_alive_can_be_forgotten(
    spans: list[tuple[int, int]], oldest: int, later: int
) -> None:
    remembers, forgets = Reported(), Reported()
    for span in spans:
        remembers.add(*span)
        forgets.add(*span)
    forgets.forget_before(oldest)
    assert remembers.sure(oldest + later) == forgets.sure(oldest + later)
