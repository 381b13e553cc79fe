from __future__ import annotations

from itertools import combinations

from bench.engine.run import PARTS, characters_for
from bench.ordinary_text import PROSE_SHARE


def test_there_is_prose_for_all_parts_that_are_asked_for() -> None:
    for amount in range(1, len(PARTS) + 1):
        for parts in combinations(PARTS, amount):
            assert characters_for(parts) * PROSE_SHARE > sum(PARTS[part].prose for part in parts)


def test_a_part_that_looks_at_all_kinds_gets_enough_of_each() -> None:
    for name, part in PARTS.items():
        assert characters_for([name]) >= part.least
