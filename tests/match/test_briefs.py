from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from guardproxy.match.briefs import MOST, Briefs
from guardproxy.match.regions import Spelled
from guardproxy.match.spelling import AS_SHAPES, AS_WRITTEN, FOLDED, Spelling, fold, shaped

ALPHABET = "abAB1-é"
strings = st.text(ALPHABET, min_size=1, max_size=7)
sought = st.lists(
    st.one_of(
        st.tuples(st.just(AS_WRITTEN), strings),
        st.tuples(st.just(FOLDED), strings.map(fold)),
        st.tuples(st.just(AS_SHAPES), strings.map(shaped)),
    ),
    max_size=5,
)


@given(sought, st.text(ALPHABET, max_size=40))
def test_it_never_says_that_a_string_is_not_there_when_it_is(wanted: list[tuple[Spelling, str]], text: str) -> None:
    spelled = Spelled(text)
    if any(string in spelled.in_spelling(spelling) for spelling, string in wanted):
        assert Briefs(wanted).may_stand_in(spelled)


@given(sought, st.text(ALPHABET, max_size=40))
def test_it_says_so_only_where_a_string_is_there_in_either_case(wanted: list[tuple[Spelling, str]], text: str) -> None:
    spelled = Spelled(text)
    if Briefs(wanted).may_stand_in(spelled):
        assert any(
            string in spelled.shapes if spelling is AS_SHAPES else fold(string) in fold(text)
            for spelling, string in wanted
        )


def test_a_string_is_found_at_each_place_of_a_text() -> None:
    briefs = Briefs([(AS_WRITTEN, "sk-live")])
    assert all(briefs.may_stand_in(Spelled("." * at + "sk-live" + "." * (20 - at))) for at in range(21))
    assert not briefs.may_stand_in(Spelled("sk-liv" * (MOST // 6)))


def test_a_text_shorter_than_what_is_known_of_a_string_does_not_hold_it() -> None:
    assert not Briefs([(AS_WRITTEN, "token")]).may_stand_in(Spelled("tok"))
    assert not Briefs([(AS_WRITTEN, "token")]).may_stand_in(Spelled(""))
    assert Briefs([(AS_WRITTEN, "é")]).may_stand_in(Spelled("née"))
