from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from guardproxy.match.charset import CharSet
from guardproxy.match.extents import ANY, Clue, Extent
from guardproxy.match.needles import Needles, Sought, around
from guardproxy.match.regions import DIGITS, TOKENS, Gate, Spelled, count_digits
from guardproxy.match.spelling import AS_WRITTEN, FOLDED, fold
from tests.match.test_extents import in_mask

ALPHABET = "ab_-7é"
texts = st.text(ALPHABET, max_size=20)
masks = st.sets(st.sampled_from(ALPHABET), min_size=1).map(
    lambda chars: CharSet.of((ord(char), ord(char)) for char in chars).mask
) | st.just(ANY)
extents = st.builds(Extent, st.integers(0, 2), st.integers(4, 9), masks)
strings = st.frozensets(st.text("ab_-é", min_size=1, max_size=3), min_size=1, max_size=2)
clues = st.builds(Clue, strings, extents, extents)
gates = st.sampled_from([(), (Gate(DIGITS, 2),), (Gate(TOKENS, 3),)])
wanted = st.tuples(clues, st.lists(clues, max_size=2), gates)


def reaches(clue: Clue, text: str, part: str) -> list[int]:
    """Where strings of the clue stand in the text of a match so that it reaches as far around them as it says."""
    found = []
    for string in clue.strings:
        for at in range(len(text)):
            end = at + len(string)
            before, behind = clue.before, clue.behind
            if (
                text.startswith(string, at)
                and before.least <= at
                and end <= before.most
                and behind.least <= len(text) - end
                and len(text) - at <= behind.most
                and in_mask(part[:end], before.chars)
                and in_mask(part[at:], behind.chars)
            ):
                found.append(at)
    return found


def matches(clue: Clue, others: list[Clue], gates: tuple[Gate, ...], folded: bool, part: str) -> bool:
    text = fold(part) if folded else part
    return all(reaches(one, text, part) for one in (clue, *others)) and all(
        Spelled(part).has(gate, 0, len(part)) for gate in gates
    )


def windows(needles: Needles, text: str, *, folded: bool = False) -> list[tuple[int, int]]:
    spelled = Spelled(text)
    written = spelled.folded if folded else text
    return list(needles.windows(needles.standing_in(written, text), written, spelled))


@settings(max_examples=150, deadline=None)
@given(st.lists(wanted, max_size=3), texts, st.booleans())
def test_windows_hold_every_match_around_a_string_and_the_character_behind_it(
    wanted: list[tuple[Clue, list[Clue], tuple[Gate, ...]]], text: str, folded: bool
) -> None:
    spelling = FOLDED if folded else AS_WRITTEN
    needles = Needles(Sought(clue, others, spelling, gates) for clue, others, gates in wanted)
    found = windows(needles, text, folded=folded)
    assert all(0 <= begin < end <= len(text) for begin, end in found)
    for one in wanted:
        for start in range(len(text)):
            for end in range(start + 1, len(text) + 1):
                if matches(*one, folded, text[start:end]):
                    assert any(begin <= start and min(end + 1, len(text)) <= last for begin, last in found)


def clue(string: str, before: int, behind: int, chars: str = "") -> Clue:
    mask = CharSet.of((ord(char), ord(char)) for char in chars).mask if chars else ANY
    return Clue(frozenset([string]), Extent(0, before, mask), Extent(0, behind, mask))


def test_a_window_ends_where_a_character_cannot_belong_to_a_match() -> None:
    needles = Needles([Sought(clue("@", 20, 20, "abc@."))])
    assert windows(needles, "to a.b@c.a, or") == [(3, 11)]


def test_what_has_too_little_around_it_is_nothing() -> None:
    short = Clue(frozenset(["@"]), Extent(1, 9, ANY ^ 1 << ord(" ")), Extent(2, 9, ANY ^ 1 << ord(" ")))
    assert windows(Needles([Sought(short)]), "@dataclass x@y") == []
    assert windows(Needles([Sought(short)]), "x@yz") == [(0, 4)]


def test_what_else_a_match_holds_must_be_near_and_on_the_right_side() -> None:
    name = Clue(frozenset(["key"]), Extent(0, 3, ANY), Extent(1, 9, ANY))
    mark = Clue(frozenset(["="]), Extent(3, 6, ANY), Extent(0, 9, ANY))
    needles = Needles([Sought(name, [mark])])
    assert windows(needles, "key = x") == [(0, 7)]
    assert windows(needles, "= key x") == []
    assert windows(needles, "key of x = 1") == []


def test_without_a_mark_of_its_clue_a_string_is_not_looked_for() -> None:
    sought = Sought(clue("key", 9, 9), [clue("@", 9, 9)])
    assert sought.marks == "@"
    assert Needles([sought]).standing_in("the key", "the key to all") == set()
    assert Needles([sought]).standing_in("the key", "the key @ all") == {"key"}
    assert Sought(clue("key", 9, 9), [clue("b2", 9, 9)]).marks == ""


def test_one_of_several_marks_is_enough() -> None:
    either = Clue(frozenset([":=", "=>", "="]), Extent(0, 9, ANY), Extent(0, 9, ANY))
    sought = Sought(clue("key", 9, 9), [either, Clue(frozenset(["a", "@"]), Extent(0, 9, ANY), Extent(0, 9, ANY))])
    assert sought.marks == "=" or set(sought.marks) <= set(":=>")
    assert Needles([sought]).standing_in("key", "key to all") == set()
    for text in ("key := x", "key => x", "key = x"):
        assert Needles([sought]).standing_in("key", text) == {"key"}


@given(st.lists(clues, max_size=5), texts)
def test_strings_that_stand_in_a_text_are_found_and_nothing_else(wanted: list[Clue], text: str) -> None:
    strings = {string for clue in wanted for string in clue.strings}
    assert {string for string in strings if string in text} == Needles(map(Sought, wanted)).standing_in(text, text)


def test_a_text_full_of_strings_is_one_window() -> None:
    needles = Needles([Sought(clue("--", 10, 10))])
    assert windows(needles, "-" * 1000) == [(0, 1000)]
    assert windows(needles, "-" * 12 + "." * 84) == [(0, 21)]


def test_far_reaches_are_not_looked_through() -> None:
    needles = Needles([Sought(clue("@", 5000, 5000, "ab@"))])
    text = "a" * 3000 + "@" + "b" * 3000
    assert windows(needles, text) == [(0, len(text))]


def test_around_what_is_required_lie_the_matches_that_hold_it_and_one_more_character() -> None:
    assert around(10, 12, 5, "." * 100) == (7, 16)
    assert around(2, 4, 5, "." * 6) == (0, 6)
    assert count_digits("a1b22") == 3
