from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from guardproxy.match.charset import OTHERS, CharSet
from guardproxy.match.extents import ANY, NOTHING, Clue, Extent, chained, extent_of
from guardproxy.match.syntax import parse_pattern
from guardproxy.match.tree import UNBOUNDED
from tests.match.oracle import REALISTIC, match_of
from tests.match.zoo_of_numbers import number_patterns

extents = st.builds(Extent, st.integers(0, 5), st.integers(5, 9), st.integers(0, ANY))


def in_mask(text: str, chars: int) -> bool:
    """Whether the mask has all characters of the text."""
    return all(chars & (1 << ord(char) if char.isascii() else OTHERS) for char in text)


@settings(max_examples=150, deadline=None)
@given(number_patterns() | st.sampled_from([sample.pattern.core for sample in REALISTIC]), st.data())
def test_a_match_is_as_long_and_of_such_characters_as_its_extent_says(pattern: str, data: st.DataObject) -> None:
    tree = parse_pattern(pattern)
    least, most, chars = extent_of(tree)
    match = data.draw(match_of(tree))
    assert least <= len(match) <= most
    assert in_mask(match, chars)


def test_the_mask_of_everything_is_that_of_all_characters() -> None:
    assert CharSet.of([(0, 0x10FFFF)]).mask == ANY
    assert in_mask("aé", ANY)
    assert not in_mask("é", CharSet.of([(0, 127)]).mask)


def test_extents_add_up_one_after_the_other_and_widen_one_or_the_other() -> None:
    one, other = Extent(1, 2, 0b01), Extent(3, 4, 0b10)
    assert chained([one, other]) == Extent(4, 6, 0b11)
    assert chained([]) == NOTHING
    assert one.either(other) == Extent(1, 4, 0b11)
    assert one.times(2, 3) == Extent(2, 6, 0b01)
    assert one.times(0, 0) == NOTHING
    assert one.times(1, UNBOUNDED).most == UNBOUNDED


@given(extents, extents, extents, extents)
def test_a_clue_in_a_longer_match_reaches_farther(before: Extent, at: Extent, to: Extent, behind: Extent) -> None:
    clue = Clue(frozenset(["x"]), at, to).within(before, behind)
    assert clue == Clue(frozenset(["x"]), before.then(at), to.then(behind))
