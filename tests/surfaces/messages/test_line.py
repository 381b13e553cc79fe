from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from guardproxy.surfaces.messages.line import Line


def test_what_waits_for_nobody_goes_out_at_once() -> None:
    line = Line()
    line.begin(0, waits=False)
    assert line.add(0, [b"a"]) == [b"a"]
    assert not line and 0 not in line


def test_what_began_behind_a_call_waits_for_it() -> None:
    line = Line()
    line.begin(0, waits=False)
    line.begin(1, waits=True)
    line.begin(2, waits=False)
    assert line.add(2, [b"two"]) == []
    assert line.add(0, [b"zero"]) == [b"zero"]
    assert 2 in line and line.size == 3
    assert line.settle(1, [b"one"]) == [b"one", b"two"]
    assert (bool(line), line.size, line.add(2, [b"more"])) == (False, 0, [b"more"])


def test_a_call_behind_a_call_waits_though_it_is_whole() -> None:
    line = Line()
    for index in (0, 1, 2):
        line.begin(index, waits=True)
    assert line.settle(1, [b"one"]) == []
    assert line.settle(0, [b"zero"]) == [b"zero", b"one"]
    assert line.settle(2, [b"two"]) == [b"two"]


def test_what_is_behind_a_call_that_is_never_shown_is_not_shown_either() -> None:
    line = Line()
    line.begin(0, waits=True)
    line.begin(1, waits=False)
    line.begin(2, waits=True)
    assert line.add(1, [b"one"]) + line.settle(2, [b"two"]) + line.add(1, [b"more"]) == []
    assert 0 in line and 1 in line and 2 in line


@given(st.lists(st.booleans(), min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_blocks_begin_in_their_order_whatever_ends_first(waits: list[bool], chance: object) -> None:
    line, out = Line(), []
    for index, held in enumerate(waits):
        line.begin(index, waits=held)
        out += [] if held else line.add(index, [b"%d" % index])
    calls = [index for index, held in enumerate(waits) if held]
    chance.shuffle(calls)  # type: ignore[attr-defined]
    for index in calls:
        out += line.settle(index, [b"%d" % index])
    assert [b"%d" % index for index in range(len(waits))] == out
    assert line.size == 0
