from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import BenchError
from bench.engine.supply import Supply, pieces_of
from bench.ordinary_text import Kind, Piece


def numbered(kind: Kind, amount: int) -> list[Piece]:
    return [Piece(kind, "", f"[{number:06}]") for number in range(amount)]


@given(st.lists(st.integers(1, 60), max_size=8))
def test_no_character_is_handed_out_twice_and_each_amount_is_exact(amounts: list[int]) -> None:
    supply = Supply(numbered(Kind.PROSE, 100))
    taken = [supply.prose(amount) for amount in amounts]
    assert [len(text) for text in taken] == amounts
    # Every text begins with what the one before left over, so together they are whole pieces, each of them once.
    pieces = "".join(taken).split("]")[:-1]
    assert len(set(pieces)) == len(pieces)


def test_kinds_are_kept_apart() -> None:
    supply = Supply([Piece(Kind.PROSE, "", "some prose"), Piece(Kind.CODE, "", "some code")])
    assert supply.texts(Kind.CODE, 9) == ["some code"]
    assert supply.texts(Kind.PROSE, 10) == ["some prose"]


def test_a_supply_that_is_used_up_is_an_error_and_never_starts_again() -> None:
    supply = Supply(numbered(Kind.PROSE, 3))
    supply.prose(20)
    with pytest.raises(BenchError, match="too little text of the kind 'prose'"):
        supply.prose(10)


@given(st.text(max_size=50), st.integers(1, 20))
def test_the_pieces_of_a_text_join_to_the_text(text: str, size: int) -> None:
    pieces = pieces_of(text, size)
    assert "".join(pieces) == text
    assert all(len(piece) == size for piece in pieces[:-1])
