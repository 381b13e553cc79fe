from __future__ import annotations

import functools
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.ordinary_text import MOST, Kind, Piece, Shelf, cut, installed, split_source

SOURCE = '''\
#!/usr/bin/env python3
# About this module,
# in two lines.
"""The module.

Says more.
"""
import os  # kept with its line

def answer():
    """The answer."""
    # Worked out earlier.
    return "# no comment" + os.sep

def short(): "Beside its function."
'''


@functools.cache
def some(amount: int) -> list[Piece]:
    return installed(amount, lambda line: None)


@given(st.text(st.sampled_from("ab \n"), max_size=400), st.integers(2, 50))
def test_the_parts_of_a_text_join_to_the_text_and_are_not_too_long(text: str, most: int) -> None:
    parts = list(cut(text, most))
    assert text == "".join(parts)
    assert all(1 <= len(part) <= most for part in parts)


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("one two\n\nthree\nfour five", "one two\n\n"),
        ("one two\nthree four fiv", "one two\n"),
        ("one two three four", "one two "),
        ("onetwothreefourfive", "onetwothreef"),
    ],
)
def test_a_text_is_cut_behind_a_paragraph_or_else_a_line_or_else_a_word(text: str, first: str) -> None:
    assert first == next(cut(text, 12))


def test_every_line_of_a_module_is_said_or_done() -> None:
    said, done = split_source(SOURCE)
    assert "/usr/bin/env python3\nAbout this module,\nin two lines.\n\nThe module.\n\nSays more.\n" in said
    assert "The answer.\n\n\nWorked out earlier." in said
    assert done.split("\n") == [
        "import os  # kept with its line",
        "",
        "def answer():",
        '    return "# no comment" + os.sep',
        "",
        'def short(): "Beside its function."',
        "",
    ]


def test_a_module_this_python_cannot_read_is_an_error() -> None:
    with pytest.raises(SyntaxError):
        split_source("print 'hello'")


def test_a_piece_stands_once_and_a_full_shelf_takes_no_more() -> None:
    seen: set[bytes] = set()
    first, second = Shelf(Kind.PROSE, 50, seen), Shelf(Kind.CODE, 1000, seen)
    first.add("a", "The same thirty characters here.")
    second.add("b", "  The same thirty characters here.\n")
    first.add("c", "Another thirty characters there.")
    first.add("d", "Thirty more characters elsewhere.")
    assert [piece.origin for piece in first.pieces] == ["a", "c"]
    assert second.pieces == []


def test_the_text_of_this_python_has_three_kinds_in_pieces_like_messages() -> None:
    pieces = some(200_000)
    assert {piece.kind for piece in pieces} == {Kind.PROSE, Kind.CODE, Kind.DOCUMENTATION}
    assert all(0 < len(piece.text) <= MOST for piece in pieces)
    assert len({piece.text.strip() for piece in pieces}) == len(pieces)


def test_the_amount_is_about_what_was_asked_for() -> None:
    assert 190_000 <= sum(len(piece.text) for piece in some(200_000)) <= 200_000 + 3 * MOST
    assert some(0) == []


def test_the_text_is_the_same_each_time() -> None:
    again = installed(200_000, lambda line: None)
    assert some(200_000) == again


def test_samples_of_tests_and_our_own_description_are_left_out() -> None:
    origins = [piece.origin for piece in some(200_000)]
    assert not any(origin.startswith(("stdlib test/", "guardproxy ")) for origin in origins)


def test_nothing_of_it_names_a_place_of_this_machine() -> None:
    assert not any(str(Path(sys.prefix)) in piece.origin for piece in some(200_000))
