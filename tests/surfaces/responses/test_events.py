from __future__ import annotations

import itertools
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from guardproxy.errors import UpstreamUnavailable
from guardproxy.surfaces.responses.events import NUMBER, Writer
from guardproxy.wire.document import decode
from guardproxy.wire.sse import SseEvent
from tests.surfaces.responses.received import decoded

steps = st.lists(st.sampled_from(["forward", "forward", "own", "drop", "gap", "unnumbered"]), max_size=30)


def frames(writer: Writer, steps: list[str]) -> list[Any]:
    out: list[bytes] = []
    number = 0
    for step in steps:
        document: dict[str, Any] = {"type": "x", NUMBER: number} if step != "unnumbered" else {"type": "x"}
        number += {"gap": 5, "own": 0, "unnumbered": 0}.get(step, 1)
        match step:
            case "own":
                out += writer.own({"type": "y"})
            case "drop":
                writer.drop(document)
            case _:
                out += writer.forward(SseEvent(json.dumps(document)), document)
    return decoded(out)


@given(steps)
def test_numbers_grow_and_have_no_more_gaps_than_before(steps: list[str]) -> None:
    numbers = [document[NUMBER] for document in frames(Writer(), steps) if NUMBER in document]
    assert all(before < after for before, after in itertools.pairwise(numbers))
    if "gap" not in steps and "unnumbered" not in steps:
        assert numbers == list(range(len(numbers)))


@given(steps, st.integers(0, 30))
def test_after_a_number_only_what_is_higher_comes_out(steps: list[str], after: int) -> None:
    numbered = [step for step in steps if step != "unnumbered"]
    everything = frames(Writer(), numbered)
    assert [one for one in everything if one[NUMBER] > after] == frames(Writer(after), numbered)


def test_an_event_goes_out_as_it_came_unless_it_was_changed_or_says_two_things() -> None:
    same = '{ "type":"x", "sequence_number" : 3, "n": 1.50}'
    writer = Writer()
    assert writer.forward(SseEvent(same, "x"), decode(same)) == [f"event: x\ndata: {same}\n\n".encode()]
    two = '{"type":"x","a":1,"a":2,"sequence_number":4}'
    assert writer.forward(SseEvent(two, "y"), decode(two)) == [b'data: {"type":"x","a":2,"sequence_number":4}\n\n']


def test_our_own_events_are_named_as_the_upstreams_are() -> None:
    for name in ("x", ""):
        writer = Writer()
        writer.forward(SseEvent('{"type":"x"}', name), {"type": "x"})
        assert writer.own({"type": "y"})[0].startswith(b"event: y\n" if name else b"data: ")
        assert writer.error(UpstreamUnavailable("x"), "req_1").startswith(b"event: error\n" if name else b"data: ")


def test_an_error_is_one_level_down_and_has_the_next_number() -> None:
    writer = Writer()
    writer.own({"type": "y"})
    (document,) = decoded([writer.error(UpstreamUnavailable("broken"), "req_1")])
    assert (document["type"], document["error"]["message"], document[NUMBER]) == ("error", "broken", 1)
