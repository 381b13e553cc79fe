from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from guardproxy.match.cells import DEFAULT_CELLS
from guardproxy.match.checked import FREE_CHECKS
from guardproxy.match.parts import Block, Pattern, parts_of
from guardproxy.match.shared import Shared, shared_by, units_in
from guardproxy.match.units import NumbersUnit

KEY = Pattern("key", "sk-[a-z]{8,20}", "A-Za-z0-9", "A-Za-z0-9", at_end=8)
ENDLESS = Pattern("endless", "tok-[a-z]+", "A-Za-z")
ANYWHERE = Pattern("anywhere", "ghp_[a-z]{8}")
BLOCK = Block("block", "BEGIN", "END", 100)
NUMBERS = (Pattern("one", r"\d{4}"), Pattern("other", r"\d{2}-\d{2}", not_after=r"\d"))


def shared_of(*patterns: Pattern | Block) -> Shared:
    return shared_by([part for pattern in patterns for part in parts_of(pattern)], DEFAULT_CELLS, FREE_CHECKS)


@given(st.sets(st.integers(0, 300)))
def test_a_bit_set_of_units_has_its_members_in_order(units: set[int]) -> None:
    assert sorted(units) == units_in(sum(1 << unit for unit in units))


def test_what_begins_at_words_is_looked_out_for_apart() -> None:
    for pattern, begins, at_words in (
        (KEY, "s", True),
        (ENDLESS, "t", True),
        (ANYWHERE, "g", False),
        (BLOCK, "B", False),
    ):
        shared = shared_of(pattern)
        seen = [bool(lookout.start().ahead(begins)[0].heads) for lookout in (shared.at_words, shared.anywhere)]
        assert seen == [at_words, not at_words]


def test_the_sets_of_units_say_what_their_parts_are() -> None:
    shared = shared_of(KEY, ENDLESS, ANYWHERE, BLOCK)
    assert shared.rules == ["key", "endless", "anywhere", "block"]
    assert shared.late == [True, False, False, False]
    assert units_in(shared.endless) == [1, 3]
    assert units_in(shared.at_end) == [0]


def test_numbers_are_one_unit_and_every_part_is_in_one() -> None:
    shared = shared_of(NUMBERS[0], KEY, NUMBERS[1])
    assert sorted(number for unit in shared.units for number in unit.parts) == [0, 1, 2]
    assert [list(unit.parts) for unit in shared.units if isinstance(unit, NumbersUnit)] == [[0, 2]]
    assert shared.late == [False, True, True]


def test_all_machines_add_to_one_account_of_work() -> None:
    shared = shared_of(KEY, *NUMBERS)
    before = shared.work.done
    shared.at_words.start().ahead("s")
    looked = shared.work.done
    scanner = shared.units[-1].scanner(0, "")
    scanner.read("1234 5678")
    assert before < looked < shared.work.done
