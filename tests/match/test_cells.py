from __future__ import annotations

import random

from guardproxy.match.cells import Cells


def test_over_the_cap_everyone_forgets_and_the_account_begins_anew() -> None:
    forgotten: list[str] = []
    cells = Cells(10)
    cells.on_overflow(lambda: forgotten.append("one"))
    cells.on_overflow(lambda: forgotten.append("other"))
    cells.take(10)
    assert forgotten == []
    cells.take(1)
    assert forgotten == ["one", "other"]
    assert cells.taken == 0


def test_while_there_is_room_everything_is_kept() -> None:
    cells = Cells(10)
    cells.take(4)
    assert all(cells.keeps(number) for number in range(1000))


def test_when_room_is_short_what_comes_up_often_is_kept() -> None:
    cells = Cells(10)
    cells.take(5)
    chance = random.Random(1)
    once = [chance.getrandbits(60) for _ in range(1000)]
    assert sum(map(cells.keeps, once)) < 20  # two may look the same
    assert 100 < sum(map(cells.keeps, once)) < 150
    assert any(cells.keeps(once[0]) for _ in range(10))
