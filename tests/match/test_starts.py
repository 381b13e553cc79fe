from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from guardproxy.match.cells import Cells
from guardproxy.match.parts import Pattern, parts_of
from guardproxy.match.starts import StartMachine
from tests.match.oracle import Sample, samples_and_text


def _matches_from(machine: StartMachine, text: str, start: int) -> set[tuple[int, int]]:
    """(pattern, end)"""
    found: set[tuple[int, int]] = set()
    state = machine.start(text[start - 1] if start else "")
    for position in range(start, len(text)):
        following, matches = state[machine.classes[text[position]]]
        found |= {(pattern, position + behind) for pattern, behind in matches}
        if following is None:
            return found
        state = following
    return found | {(pattern, len(text)) for pattern, _ in state.matched_at_end()}


@settings(max_examples=80, deadline=None)
@given(samples_and_text(), st.sampled_from([1, 3, 100_000]))
def test_from_each_start_it_finds_every_end(example: tuple[list[Sample], str], cells: int) -> None:
    samples, text = example
    programs = [part.program for sample in samples for part in parts_of(sample.pattern)]
    machine = StartMachine(programs, cells=Cells(cells))
    for start in range(len(text)):
        expected = {(p, end) for p, sample in enumerate(samples) for s, end in sample.matches(text) if s == start}
        assert expected == _matches_from(machine, text, start)


def test_starts_of_one_kind_share_their_states() -> None:
    (part,) = parts_of(Pattern("card", r"\d(?:[ -]?\d){12,18}", "0-9", "0-9"))
    machine = StartMachine([part.program])
    text = "1 22 3-4 5555 6 " * 30
    for start in range(len(text)):
        _matches_from(machine, text, start)
    built = machine.built
    assert built < 150
    _matches_from(machine, text, 0)
    assert built == machine.built


def test_a_state_tells_which_patterns_can_still_match() -> None:
    programs = [parts_of(Pattern("r", core))[0].program for core in (r"\d{3}", r"\dx", r"x\d")]
    machine = StartMachine(programs)
    assert machine.start().patterns == 0b111
    following, _ = machine.start()[machine.classes["1"]]
    assert following is not None
    assert following.patterns == 0b011
