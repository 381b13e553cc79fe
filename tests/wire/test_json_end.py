from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardproxy.wire.json_end import JsonEnd, is_all
from tests.support.strategies import json_values

containers = st.one_of(st.lists(json_values, max_size=3), st.dictionaries(st.text(max_size=4), json_values, max_size=3))


def read(*pieces: str) -> JsonEnd:
    end = JsonEnd()
    for piece in pieces:
        end.feed(piece)
    return end


@given(containers, st.booleans())
def test_json_ends_where_it_ends_and_nowhere_before(value: object, ascii_only: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only)
    assert read(*text).is_whole
    assert read(text, " \n").is_whole
    for at in range(1, len(text)):
        assert read(text[:at]).is_open


@given(st.text("{}[]\"'\\ :,a1\n", max_size=20), st.integers(1, 4))
def test_pieces_are_read_like_the_whole(text: str, size: int) -> None:
    whole, pieces = read(text), read(*(text[at : at + size] for at in range(0, len(text), size)))
    assert (whole.is_open, whole.is_whole) == (pieces.is_open, pieces.is_whole)


@given(containers, st.data())
def test_a_truncated_text_is_never_all_of_it(value: object, data: st.DataObject) -> None:
    text = json.dumps(value)
    cut = text[: data.draw(st.integers(1, len(text) - 1))]
    for ended in (True, False):
        assert is_all(text, ended=ended)
        assert not is_all(cut, ended=ended)
        assert not is_all(text + cut, ended=ended)
        assert not is_all(cut.replace('"', "'") if "\\" not in text and "'" not in text else cut, ended=ended)


@pytest.mark.parametrize(
    "text",
    ["{'a': 'x}'}", "\ufeff{}", '{"a":' + "1" * 5000 + "}", "[" * 5000 + "]" * 5000, '{"a": 1,}', '{"a": NaN}', " {} "],
)
def test_a_text_that_no_parser_takes_shows_its_end_all_the_same(text: str) -> None:
    assert is_all(text, ended=True)
    assert is_all(text, ended=False)
    cut = text.rstrip()[:-1]
    assert not is_all(cut, ended=True)
    assert not is_all(cut, ended=False)


@pytest.mark.parametrize("text", ['{"a":1}{"b":2}', "{} x", "x {}", "rm -rf /", "12", "", "}", '"a" "b"'])
def test_what_could_go_on_is_all_only_if_its_writer_says_so(text: str) -> None:
    assert is_all(text, ended=True)
    assert not is_all(text, ended=False)


@pytest.mark.parametrize("text", ['{"a":1}{"b":', "{} [", "{'cmd': 'rm -rf /", '{"a": "x\\"', '{"a": tru', "say 'x"])
def test_what_is_open_at_the_end_was_cut_off_whoever_says_what(text: str) -> None:
    assert not is_all(text, ended=True)
    assert not is_all(text, ended=False)
