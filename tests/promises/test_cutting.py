"""With all packs on: how a text is cut changes nothing, nothing is taken back, little is held, no cache decides."""

from __future__ import annotations

import tracemalloc
from functools import cache
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardproxy.core.stream import StreamGuard
from guardproxy.match.cells import DEFAULT_CELLS
from guardproxy.match.parts import parts_of
from guardproxy.match.pattern_set import PatternSet
from guardproxy.match.scanner import Scanner
from guardproxy.match.tree import UNBOUNDED, longest, positions
from tests.match.oracle import clusters, of_rule, read
from tests.promises import packs
from tests.promises.depth import cases
from tests.promises.fragments import PROSE, Case, made_of, texts
from tests.promises.spelled import engine, written
from tests.support.strategies import Kit, cut_places, kits, ways_of_cutting
from tests.support.strategies import texts as letters

RULES = tuple(packs.rules())


# ---------------------------------------------------------------- cutting, taking back


@cases(60)
@given(texts(), cut_places)
def test_every_way_of_cutting_gives_what_the_whole_text_gives(text: str, cuts: list[int]) -> None:
    assert {packs.whole(text)} == {packs.streamed(pieces) for pieces in ways_of_cutting(text, cuts)}


@cases(15)
@given(texts(pieces=2, longest=120))
def test_every_single_cut_gives_what_the_whole_text_gives(text: str) -> None:
    expected = packs.whole(text)
    for at in range(len(text) + 1):
        assert expected == packs.streamed([text[:at], text[at:]])


@cases(40)
@given(texts(), texts(pieces=2), st.integers(0, (1 << 32) - 1))
def test_what_has_left_begins_whatever_the_text_becomes(text: str, continuation: str, seed: int) -> None:
    """Character by character; at some of them the text goes on otherwise, or is over."""
    one = packs.guard()
    chosen = set(Random(seed).choices(range(len(text) + 1), k=6))
    shown = ""
    for at, char in enumerate(text, 1):
        shown += one.feed(char)
        if at in chosen:
            for more in ("", continuation, text[at // 2 : at]):
                assert packs.whole(text[:at] + more).startswith(shown)
    assert packs.whole(text).startswith(shown)


# ---------------------------------------------------------------- holding


def stretch(rule: str) -> int:
    """So many characters of a match, at most, may be read before it is known whether they are hidden."""
    trees = [part.program.tree for part in parts_of(written(rule))]
    return max(positions(tree) if longest(tree) == UNBOUNDED else longest(tree) for tree in trees)


def most_held(scanner: Scanner, text: str) -> int:
    held = 0
    for position, char in enumerate(text, 1):
        scanner.feed(char)
        held = max(held, position - scanner.safe)
    return held


@pytest.mark.parametrize("pack", ["secrets", "pii", "injection"])
def test_no_rule_holds_more_than_its_longest_stretch_and_one(pack: str) -> None:
    random = Random(pack)
    for rule in (rule for rule in RULES if rule.startswith(pack)):
        match, bound = packs.example(rule, "match", random), stretch(rule)
        at = random.randrange(len(match))
        hard = [match, match[:at] + match[at : at + 1] * min(2 * bound, 400), (match[: len(match) // 2]) * 5]
        for text in hard:
            assert most_held(engine(rule).scanner(), text) <= bound + 1, rule


@cases(6)
@given(texts(pieces=2, longest=80))
def test_all_rules_together_hold_what_the_neediest_of_them_holds(text: str) -> None:
    together = [detector.scanner() for detector in packs.detectors()]
    alone = [packs.alone(rule).scanner() for rule in RULES]
    one = packs.guard()
    for position, char in enumerate(text, 1):
        for scanner in (*together, *alone):
            scanner.feed(char)
        one.feed(char)
        safe = min(scanner.safe for scanner in alone)
        assert safe == min(scanner.safe for scanner in together)
        assert one.held <= position - safe
    one.finish()
    assert one.held == 0


@cache
def longest_stretch() -> int:
    return max(map(stretch, RULES))


@pytest.mark.parametrize(
    "unit",
    [
        *(PROSE[0], "1 23 4 567 8-9 ", "a" * 40, "password = ", "-----BEGIN ", "a.b-c_d@", "eyJ" + "a0_-" * 9 + "."),
        "see a@example.org, ",
    ],
)
def test_a_long_stream_needs_no_more_memory_than_a_short_one(unit: str) -> None:
    text = unit * (40_000 // len(unit))
    pieces = [text[at : at + 12] for at in range(0, len(text), 12)]
    packs.streamed(pieces)  # what the automaton remembers is shared and has a bound of its own
    one = packs.guard()
    assert isinstance(one, StreamGuard)
    tracemalloc.start()
    try:
        grown = []
        for half in (pieces[: len(pieces) // 2], pieces[len(pieces) // 2 :]):
            for piece in half:
                one.feed(piece)
            grown.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert grown[1] - grown[0] < 60_000
    assert one.held <= longest_stretch() + 1


# ---------------------------------------------------------------- caches

SOME = Random(7).sample(RULES, 40)


@cache
def remembering(cells: int) -> PatternSet:
    return PatternSet([written(rule) for rule in SOME], cells=cells)


@cases(25)
@given(made_of(pieces=2, longest=150, names=SOME), st.integers(1, 9))
def test_what_is_remembered_decides_nothing(case: Case, size: int) -> None:
    pieces = [case.text[at : at + size] for at in range(0, len(case.text), size)]
    expected = remembering(DEFAULT_CELLS).scan(case.text)
    for patterns in map(remembering, (1, 60, 3000)):
        assert expected == patterns.scan(case.text)
        found = read(patterns.scanner(), pieces)
        for rule in SOME:
            assert clusters(of_rule(expected, rule)) == clusters(of_rule(found, rule))


@cases(25)
@given(st.lists(texts(pieces=2), min_size=2, max_size=4), st.integers(0, (1 << 32) - 1))
def test_streams_that_share_a_policy_do_not_notice_each_other(several: list[str], seed: int) -> None:
    random = Random(seed)
    waiting = [list(text) for text in several]
    streams = [packs.guard() for _ in several]
    shown = [""] * len(several)
    while any(waiting):
        at = random.choice([at for at, text in enumerate(waiting) if text])
        size = random.randint(1, 9)
        shown[at] += streams[at].feed("".join(waiting[at][:size]))
        del waiting[at][:size]
    assert [packs.whole(text) for text in several] == [
        out + one.finish() for out, one in zip(shown, streams, strict=True)
    ]


# ---------------------------------------------------------------- small policies, rules that block among them


@cases(60)
@given(kits(), letters, letters, cut_places)
def test_of_a_small_policy_too_what_has_left_begins_whatever_follows(
    kit: Kit, text: str, continuation: str, cuts: list[int]
) -> None:
    one = StreamGuard([d.scanner() for d in kit.detectors], kit.rules, lambda hit: None)
    shown = "".join(map(one.feed, ways_of_cutting(text, cuts)[2]))
    assert kit.released(text + continuation)[0].startswith(shown)
