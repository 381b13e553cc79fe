"""Folded text and the way back to what was written, against folding character by character."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardproxy.match import view as module
from guardproxy.match.lookalikes import fold
from guardproxy.match.scanner import Span
from guardproxy.match.signs import signs_in
from guardproxy.match.view import SourceMap, fold_onto, folded, shown_by, stays_at_first, stays_at_last, view
from tests.match.long_texts import long_texts
from tests.match.oracle import cuts

_parts = st.one_of(
    st.sampled_from(
        ["a", "AKIA", "\u200b", "\u200b\u200b", "é", "e\u0301", "а", "…", "℀", "１", "😀", "\uffff", "\ufdfb", "漢字"]
    ),
    st.text(max_size=4),
    st.integers(50, 70).map("x".__mul__),
)
texts = st.lists(_parts, max_size=10).map("".join)


def by_hand(text: str) -> tuple[str, list[int]]:
    """The folded text, and for each of its characters the offset of the one it came from."""
    folds = [fold(char) for char in text]
    return "".join(folds), [at for at, folded in enumerate(folds) for _ in folded]


@given(texts)
def test_the_view_of_a_text_is_what_its_characters_become(text: str) -> None:
    folded, origins = by_hand(text)
    seen = view(text)
    assert folded == seen.text
    assert origins == [seen.source.source_start(offset) for offset in range(len(folded))]
    assert [at + 1 for at in origins] == [seen.source.source_end(offset + 1) for offset in range(len(folded))]
    assert (len(folded), len(text)) == (seen.source.read, seen.source.written)
    assert len(text) == seen.source.source_start(len(folded))


@given(texts, st.data())
def test_a_text_may_be_cut_anywhere(text: str, data: st.DataObject) -> None:
    folded, origins = by_hand(text)
    source = SourceMap()
    assert folded == "".join([fold_onto(source, piece) for piece in data.draw(cuts(text))])
    assert origins == [source.source_start(offset) for offset in range(len(folded))]


@given(texts, st.data())
def test_forgetting_changes_nothing_behind_it(text: str, data: st.DataObject) -> None:
    _, origins = by_hand(text)
    source = SourceMap()
    known = 0
    for piece in data.draw(cuts(text)):
        fold_onto(source, piece)
        known = data.draw(st.integers(known, source.read))
        source.forget(known)
        behind = range(known, source.read)
        assert [origins[offset] for offset in behind] == [source.source_start(offset) for offset in behind]


@given(texts.filter(bool), st.data())
def test_a_span_covers_what_was_written_from_its_first_to_its_last_character(text: str, data: st.DataObject) -> None:
    seen = view("A" + text)
    _, origins = by_hand("A" + text)
    start = data.draw(st.integers(0, len(origins) - 1))
    end = data.draw(st.integers(start + 1, len(origins)))
    assert [Span(origins[start], origins[end - 1] + 1, "r")] == seen.spans([Span(start, end, "r")])


@pytest.mark.parametrize("text", ["", "plain ASCII\n\x00", "漢字かな 한국어 — ßø", "п" * 200])
def test_text_in_which_nothing_folds_is_its_own_view(text: str) -> None:
    seen = view(text)
    assert seen.text is text
    assert seen.source.shift == 0


@pytest.mark.parametrize(
    "text", ["Съешь же ещё этих мягких булок" * 9, "Zwölf Boxkämpfer", "漢字，かな。", "don’t “quote”"]
)
def test_prose_is_one_to_one(text: str) -> None:
    assert view(text).source.shift == 0


def test_a_place_is_remembered_once_for_a_run_of_marks_or_an_expansion() -> None:
    assert view("a" + "\u0301" * 10_000 + "b").source.breaks == 2
    assert view("…" * 1000).source.breaks == 1000 + 1


def test_what_is_remembered_of_characters_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_REMEMBERED", 4)
    monkeypatch.setattr(module, "_EVEN", type(module._EVEN)())
    monkeypatch.setattr(module, "_FOLDED", type(module._FOLDED)())
    text = "Съешь ещё \u200bэтих… ｍｙａｇｋｉｘ"
    assert by_hand(text)[0] == view(text).text == folded(text)
    assert len(module._EVEN) <= 4
    assert len(module._FOLDED) <= 4


@settings(max_examples=20)
@given(st.integers(0, 200), st.sampled_from(["é", "\u200b", "…"]), st.integers(0, 200))
def test_long_texts_are_read_in_blocks(before: int, char: str, behind: int) -> None:
    text = "x" * before + char + "y" * behind
    assert by_hand(text)[0] == view(text).text


@given(st.text("aé ö漢ｘ\u200b…ﬁ\uffffß" + "".join(map(chr, range(0x400, 0x440))), min_size=65, max_size=300))
def test_long_texts_with_many_or_few_signs_are_read_alike(text: str) -> None:
    assert by_hand(text)[0] == view(text).text


@settings(max_examples=300, deadline=None)
@given(st.one_of(texts, long_texts()))
def test_the_folded_text_is_what_all_characters_become(text: str) -> None:
    by_character = by_hand(text)[0]
    assert by_character == folded(text) == folded(text, signs_in(text))
    seen = view(text)
    assert by_character == seen.text
    for span in (Span(at, at + 1, "r") for at in range(0, len(by_character), 97)):
        assert folded(text[slice(*seen.spans([span])[0][:2])])


@settings(deadline=None)
@given(long_texts())
def test_what_the_signs_show_is_all_that_folding_can_bring(text: str) -> None:
    assert {*folded(text)} - {*text} <= {*shown_by(signs_in(text))}


def test_a_sign_that_becomes_another_one_is_not_folded_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_FOLDED", {ord("é"): "è", ord("è"): "e"})
    assert folded("éè" * 50) == "èe" * 50


@given(texts)
def test_what_stays_at_either_end_is_known(text: str) -> None:
    changes = [at for at, char in enumerate(text) if fold(char) != char]
    assert stays_at_first(text) == (changes[0] if changes else len(text))
    assert stays_at_last(text) == (len(text) - 1 - changes[-1] if changes else len(text))
