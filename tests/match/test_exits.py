from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from guardproxy.match.exits import Exits
from guardproxy.match.layout import Layout, character_sets
from guardproxy.match.parts import Part
from guardproxy.match.rigid import Rigid, numbers
from guardproxy.match.syntax import parse_pattern
from guardproxy.match.tree import Node
from tests.match.one_by_one import any_part


def _laid_out(tree: Node) -> tuple[Layout, Rigid, Exits]:
    bits = {charset: 1 << number for number, charset in enumerate(dict.fromkeys(character_sets(tree)))}
    layout = Layout(tree, bits)
    rigid = Rigid(layout)
    return layout, rigid, Exits(layout, rigid)


@settings(max_examples=200, deadline=None)
@given(any_part(), st.integers(0, 1 << 80))
def test_a_position_leads_on_stays_and_leaves_as_it_is_laid_out(part: Part, some: int) -> None:
    layout, rigid, exits = _laid_out(part.program.tree)
    places = {**{position: position for position in range(1, layout.size)}, **dict(rigid.copies)}
    for place, laid_out in places.items():
        one = 1 << place
        onward = (one & exits.chained) << 1 | one & exits.staying
        if one & (exits.onward | exits.ending):
            left = exits.of(place)
            assert left.places & one
            assert rigid.greatest(one, left.chains) == rigid.greatest(one)
            assert bool(left.leads_to & 1) == bool(one & exits.ending)
            assert bool(left.leads_to > 1) == bool(one & exits.onward)
            assert bool(left.leads_to & some) == bool(one & exits.to(some))
            onward |= left.leads_to
        assert layout.follow(1 << laid_out) == onward


@settings(max_examples=200, deadline=None)
@given(any_part())
def test_rigid_and_loose_positions_are_not_shifted_into_each_other_nor_into_one_that_stays(part: Part) -> None:
    _, rigid, exits = _laid_out(part.program.tree)
    for place in numbers(exits.chained):
        assert (rigid.positions >> place & 1) == (rigid.positions >> place + 1 & 1)
        assert not exits.staying >> place & 1
        assert not exits.staying >> place + 1 & 1


def test_all_ends_of_a_window_are_one_exit() -> None:
    _, rigid, exits = _laid_out(parse_pattern("x[a-z]{0,200}1"))
    assert exits.of(1) == exits.of(2) == exits.of(201)
    assert exits.of(1).places == rigid.positions
    assert exits.of(1).leads_to == 1 << 202
    assert exits.of(202).leads_to == 1
