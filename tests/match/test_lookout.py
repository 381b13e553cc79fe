from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from guardproxy.match.cells import Cells
from guardproxy.match.heads import DEPTH, Headed, Heads
from guardproxy.match.lookout import Lookout, Sight
from guardproxy.match.parts import Pattern, parts_of
from tests.match.oracle import Sample, samples_and_text


def _lookout(*patterns: Pattern, cells: int = 100_000) -> Lookout:
    parts = [part for pattern in patterns for part in parts_of(pattern)]
    account = Cells(cells)
    return Lookout(Heads([Headed(part.program, unit) for unit, part in enumerate(parts)], account), account)


def _read(lookout: Lookout, text: str) -> list[tuple[Sight, int]]:
    """The sight behind each character, and what the character wakes."""
    sights = [(lookout.start(), 0)]
    for char in text:
        sights.append(lookout.work_out(sights[-1][0], char))
    return sights[1:]


def test_what_is_undecided_are_the_characters_since_the_first_start_that_is_alive() -> None:
    lookout = _lookout(Pattern("key", "sk-[a-z]{4}!", "a-z"), Pattern("no", "no. ?[0-9]"))
    assert [sight.age for sight, _ in _read(lookout, ".snno.xsk ")] == [0, 1, 1, 1, 2, 3, 0, 0, 0, 0]


def test_a_match_wakes_its_unit_and_what_it_does_not_wake_stays_known() -> None:
    lookout = _lookout(Pattern("one", "a[b-d]{2}"), Pattern("two", "ac"))
    sights = _read(lookout, "xabcac")
    assert [woken for _, woken in sights] == [0, 0, 0, 1, 0, 2]
    built = lookout.built
    sight = lookout.start()
    for char, (expected, woken) in zip("xabcac", sights, strict=True):
        assert (char in sight) == (not woken)
        sight = expected
    assert built == lookout.built


def test_who_goes_on_for_long_is_woken() -> None:
    sights = _read(_lookout(Pattern("word", "[a-z]{40}!", "a-z")), "a" * DEPTH)
    assert [place for place, (_, woken) in enumerate(sights) if woken] == [DEPTH - 1]


def test_who_begins_again_and_again_is_woken_and_left_out() -> None:
    lookout = _lookout(Pattern("run", "[0-9][0-9 ]{9,20}!"), Pattern("word", "7x{9}"))
    sights = _read(lookout, "1 2 7x")
    assert [woken for _, woken in sights] == [0, 0, 0, 0, 1, 0]
    assert [sight.age for sight, _ in sights] == [1, 2, 3, 4, 1, 2]


@settings(max_examples=80, deadline=None)
@given(samples_and_text(), st.sampled_from([1, 20, 100_000]))
def test_a_unit_that_is_not_woken_has_no_match_and_none_that_began_unseen(
    example: tuple[list[Sample], str], cells: int
) -> None:
    samples, text = example
    lookout = _lookout(*(sample.pattern for sample in samples), cells=cells)
    woken = 0
    for end, (sight, more) in enumerate(_read(lookout, text), start=1):
        woken |= more
        for unit, sample in enumerate(samples):
            if not woken >> unit & 1:
                assert not sample.matches(text[:end])
                first = end - sight.age_of(1 << unit)
                assert all(first <= match[0] for match in sample.matches(text) if match[0] < end < match[1])


def test_groups_of_digits_give_fewer_sights_than_characters() -> None:
    lookout = _lookout(*(Pattern(f"n{k}", rf"\d(?:[ -]?\d){{{k},19}}", "0-9", "0-9") for k in range(9, 19)))
    chance = random.Random(1)
    text = "".join(chance.choice("0123456789") + chance.choice(["", "", " ", "-"]) for _ in range(8000))
    _read(lookout, text)
    assert lookout.built < len(text) / 2
