from __future__ import annotations

from collections import Counter

from bench.budget import read_budget
from bench.ordinary_text import MOST, Kind
from bench.ruleset import shipped_packs, shipped_rules
from bench.tables import SHIPPED, tables


def test_tables_are_the_same_each_time_and_about_as_long_as_asked_for() -> None:
    pieces = tables(100_000)
    assert tables(100_000) == pieces
    assert 100_000 <= sum(len(piece.text) for piece in pieces) <= 100_000 + MOST
    assert tables(0) == []


def test_every_table_has_about_the_same_room() -> None:
    room: Counter[str] = Counter()
    for piece in tables(200_000):
        assert piece.kind is Kind.TABLES
        assert len(piece.text) <= MOST
        room[piece.origin] += len(piece.text)
    assert len(room) == 15
    assert max(room.values()) < 1.5 * min(room.values())


def test_a_table_goes_on_where_another_piece_of_it_ended() -> None:
    counters = [piece.text.split() for piece in tables(100_000) if piece.origin == "table of counters"]
    counted = [int(number) for text in counters for number in text]
    assert len(counters) > 1
    assert counted == [*range(len(counted))]


def test_every_shipped_pack_has_a_budget_for_tables() -> None:
    budget = read_budget(SHIPPED, shipped_rules())
    assert {*shipped_packs()} == {*budget.packs}
