"""An older copy of the store is told from what the store was."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from guardproxy.quota.generation import NEVER, Generation, Mark


def test_a_store_that_is_met_first_has_lost_nothing() -> None:
    generation = Generation()
    assert generation.note([1, 0, 77, 5, "12:3;"]) == (Mark(77, 5), False)
    assert (generation.known, generation.number) == (77, 5)
    assert not generation.has_lost(Mark(77, 9))


def test_numbers_that_arrive_out_of_order_are_no_loss() -> None:
    generation = Generation()
    for number in (5, 7, 6):
        assert generation.note([77, number, ""])[1] is False
    assert generation.number == 7


def test_what_lies_beyond_the_copy_is_lost_and_nothing_else() -> None:
    generation = Generation()
    generation.note([77, 100, ""])
    assert generation.note([99, 91, b"50:4;77:90;"]) == (Mark(99, 91), True)
    assert [number for number in range(80, 101) if generation.has_lost(Mark(77, number))] == list(range(91, 101))
    assert generation.reaches(77) == 90
    assert not generation.has_lost(Mark(99, 200))
    assert generation.note([77, 101, ""]) == (Mark(77, 101), False)  # a reply that was on its way meanwhile
    assert generation.has_lost(Mark(77, 101))
    assert generation.known == 99


def test_of_an_empty_store_everything_is_lost() -> None:
    generation = Generation()
    generation.note([77, 100, ""])
    assert generation.note([99, 1, ""])[1]
    assert generation.has_lost(Mark(77, 1))
    assert not generation.has_lost(NEVER)


@given(st.text("0123456789:;", max_size=40))
def test_a_list_that_was_cut_off_is_read_as_far_as_it_goes(ended: str) -> None:
    generation = Generation()
    generation.note([1, 1, ""])
    generation.note([2, 1, ended])
    assert generation.reaches(1) >= 0
