from __future__ import annotations

from collections.abc import Callable, Mapping

from hypothesis import given
from hypothesis import strategies as st

from guardproxy.match.briefs import MOST, Brief, Briefs
from guardproxy.match.regions import Spelled
from guardproxy.match.spelling import AS_SHAPES, AS_WRITTEN, FOLDED, Spelling, fold, shaped

ALPHABET = "abAB1-é"
strings = st.text(ALPHABET, min_size=1, max_size=7)
spellings: Mapping[Spelling, Callable[[str], str]] = {AS_WRITTEN: str, FOLDED: fold, AS_SHAPES: shaped}
briefs = st.builds(
    lambda spelling, strings, marks: Brief(spelling, [spellings[spelling](string) for string in strings], marks),
    st.sampled_from([AS_WRITTEN, FOLDED, AS_SHAPES]),
    st.lists(strings, min_size=1, max_size=3),
    st.sampled_from(["", "", "-", "-1"]),
)
sought = st.lists(briefs, max_size=8)


def stands_in(brief: Brief, text: str, spell: Callable[[str], str]) -> bool:
    marked = not brief.marks or any(mark in text for mark in brief.marks)
    return marked and any(spell(string) in spell(spellings[brief.spelling](text)) for string in brief.strings)


@given(sought, st.text(ALPHABET, max_size=40))
def test_it_never_says_that_nothing_is_there_when_something_is(wanted: list[Brief], text: str) -> None:
    if any(stands_in(brief, text, str) for brief in wanted):
        assert Briefs(wanted).may_stand_in(Spelled(text))


@given(sought, st.text(ALPHABET, max_size=40))
def test_it_says_so_only_where_a_string_is_there_in_either_case(wanted: list[Brief], text: str) -> None:
    if Briefs(wanted).may_stand_in(Spelled(text)):
        assert any(stands_in(brief._replace(marks=""), text, fold) for brief in wanted)


def test_a_short_string_is_nothing_without_its_mark() -> None:
    briefs = Briefs([Brief(AS_WRITTEN, ["SK"], ":(")])
    assert not briefs.may_stand_in(Spelled("SK1"))
    assert briefs.may_stand_in(Spelled("key(SK1)"))


def test_a_string_is_found_at_each_place_of_a_text() -> None:
    briefs = Briefs([Brief(AS_WRITTEN, ["sk-live"])])
    assert all(briefs.may_stand_in(Spelled("." * at + "sk-live" + "." * (20 - at))) for at in range(21))
    assert not briefs.may_stand_in(Spelled("sk-liv" * (MOST // 6)))


def test_a_text_shorter_than_what_is_known_of_a_string_does_not_hold_it() -> None:
    assert not Briefs([Brief(AS_WRITTEN, ["token"])]).may_stand_in(Spelled("tok"))
    assert not Briefs([Brief(AS_WRITTEN, ["token"])]).may_stand_in(Spelled(""))
    assert Briefs([Brief(AS_WRITTEN, ["é"])]).may_stand_in(Spelled("née"))
