from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardproxy.core.allowance import Allowance
from guardproxy.core.exchange import Provenance, Segment
from guardproxy.core.inspection import OutputGuard, inspect
from guardproxy.core.joined import Run
from guardproxy.core.stream import StreamGuard
from guardproxy.core.verdict import Action
from guardproxy.detectors import block, pattern
from guardproxy.detectors.pattern import PatternOptions
from tests.support.strategies import (
    HIDING,
    NOT_BLOCKING,
    Kit,
    bounded_options,
    kits,
    make_kit,
    pieces_of,
    plain_options,
    rule,
    secrets_kit,
    texts,
    texts_with_secrets,
)


def whole(kit: Kit, said: Sequence[str]) -> list[str]:
    """What a whole answer with these texts becomes that are joined."""
    segments = [Segment(text, Provenance.MODEL, ("content", at, "text"), 0) for at, text in enumerate(said)]
    edits = inspect(kit.policy(), segments).edits
    return [edits.get(segment.path, segment.text) for segment in segments]


class Shown(NamedTuple):
    """Texts as they came out: at the end, and after each piece."""

    texts: list[str]
    prefixes: list[list[str]]


def streamed(kit: Kit, said: Sequence[str], cuts: Sequence[int]) -> Shown:
    guard = OutputGuard(kit.policy())
    run = guard.run()
    opened: list[StreamGuard] = []
    out: list[str] = []
    prefixes: list[list[str]] = []

    def note(text: str = "") -> None:
        if text:
            out[-1] += text
        for at, one in enumerate(opened):
            out[at] += one.take()
        prefixes.append([*out])

    for at, text in enumerate(said):
        opened.append(guard.open(("content", at, "text"), run))
        out.append("")
        for piece in pieces_of(text, cuts):
            note(opened[-1].feed(piece))
        note(run.end(opened[-1]))
    run.finish()
    note()
    return Shown(out, prefixes)


cut_texts = st.lists(st.integers(0, 999), max_size=8)


@st.composite
def halves(draw: st.DrawFn, of: st.SearchStrategy[str], most: int = 4) -> list[str]:
    """One text, cut into several that are joined."""
    return pieces_of(draw(of), draw(st.lists(st.integers(0, 999), max_size=most)))


# ---------------------------------------------------------------- the join changes nothing


@settings(max_examples=25)
@given(kits(actions=NOT_BLOCKING), halves(texts) | st.lists(texts, max_size=4), cut_texts)
def test_texts_that_are_joined_become_what_they_become_in_a_whole_answer(
    kit: Kit, said: list[str], cuts: list[int]
) -> None:
    assert whole(kit, said) == streamed(kit, said, []).texts == streamed(kit, said, cuts).texts


@settings(max_examples=30)
@given(halves(texts_with_secrets()), cut_texts)
def test_a_credential_is_hidden_however_it_is_cut_into_texts_and_pieces(said: list[str], cuts: list[int]) -> None:
    assert whole(secrets_kit(), said) == streamed(secrets_kit(), said, cuts).texts


@settings(max_examples=25)
@given(kits(actions=NOT_BLOCKING), halves(texts), cut_texts)
def test_nothing_is_shown_that_has_to_be_taken_back(kit: Kit, said: list[str], cuts: list[int]) -> None:
    expected = whole(kit, said)
    for prefix in streamed(kit, said, cuts).prefixes:
        for at, text in enumerate(prefix):
            assert expected[at].startswith(text)
            assert not text or expected[:at] == prefix[:at]  # a text shows nothing before the one before it is whole


ODD = "aAbé1 \n\u200bá²\U000e0061\U000e0062ａ…\u0301\\u0061"


@settings(max_examples=40)
@given(
    st.lists(st.lists(bounded_options | plain_options, min_size=1, max_size=3), min_size=1, max_size=2),
    st.lists(st.text(ODD, max_size=8), max_size=4),
    cut_texts,
)
def test_texts_that_can_be_read_in_several_ways_are_joined_in_all_of_them(
    groups: list[list[PatternOptions]], said: list[str], cuts: list[int]
) -> None:
    kit = make_kit(*({f"{number}{at}": one for at, one in enumerate(group)} for number, group in enumerate(groups)))
    assert whole(kit, said) == streamed(kit, said, cuts).texts


def blocks_kit() -> Kit:
    groups = (("test.block", block.BlockOptions("<k>", "</k>", 12)),)
    rules = {name: rule(name) for name in ("test.block", "test.end", "test.line")}
    options = (
        ("test.end", PatternOptions("k11[0-9]{10}", at_end=8)),
        ("test.line", PatternOptions("a:\n?b", not_after="c")),
    )
    return Kit((), rules, (block.build(groups), pattern.build(options)), {})


@settings(max_examples=40)
@given(st.lists(st.text("<>/k1ab:\nc", max_size=9), max_size=4), halves(st.text("<>/k1ab:\nc", max_size=30)), cut_texts)
def test_open_blocks_cut_off_ends_and_line_ends_go_over_the_join(
    said: list[str], cut: list[str], cuts: list[int]
) -> None:
    known = ["it is <k>ab", "c</", "k>", "d"], ["a:", "b"], ["k1134567", "89012"], ["k11111", "11", "a"]
    for one in (said, cut, *known):
        assert whole(blocks_kit(), one) == streamed(blocks_kit(), one, cuts).texts


def test_most_generated_cases_hold_a_match_over_a_join() -> None:
    seen: Counter[bool] = Counter()

    @settings(max_examples=60, database=None, derandomize=True)
    @given(kits(actions=HIDING), halves(texts))
    def look(kit: Kit, said: list[str]) -> None:
        seen[whole(kit, said) != [whole(kit, [one])[0] for one in said]] += 1

    look()
    assert seen[True] > 5


# ---------------------------------------------------------------- who waits, and for how long

WORD = make_kit({"word": "s-[0-9]{3}-t"})


def opened(kit: Kit = WORD) -> tuple[OutputGuard, Run, Callable[[], StreamGuard]]:
    guard = OutputGuard(kit.policy())
    run = guard.run()
    return guard, run, lambda: guard.open(("content", len(guard.opened), "text"), run)


def test_the_end_of_a_text_waits_only_as_long_as_a_match_may_go_on() -> None:
    _, run, following = opened()
    first = following()
    assert (first.feed("it is s-12"), run.end(first), first.held) == ("it is ", "", 4)
    second = following()
    assert (second.feed("3"), first.take(), first.held) == ("", "", 4)
    assert (second.feed(" no"), first.take(), first.held) == ("3 no", "s-12", 0)


def test_a_text_whose_end_begins_nothing_does_not_wait() -> None:
    _, run, following = opened()
    first = following()
    assert (first.feed("all of it"), run.end(first), first.held) == ("all of it", "", 0)


def test_what_a_join_shows_is_hidden_on_both_sides_of_it() -> None:
    guard, run, following = opened()
    first = following()
    first.feed("it is s-12")
    run.end(first)
    second = following()
    assert (second.feed("3-t, see"), first.take()) == ("[WORD], see", "[WORD]")
    run.end(second)
    run.finish()
    assert [(one.rule, one.path, one.start, one.end) for one in guard.findings] == [
        ("test.word", ("content", 0, "text"), 6, 10),
        ("test.word", ("content", 1, "text"), 0, 3),
    ]


def test_a_text_without_a_successor_is_decided_when_none_follows() -> None:
    _, run, following = opened()
    first = following()
    first.feed("s-12")
    assert (run.end(first), first.held) == ("", 4)
    run.finish()
    assert (first.take(), first.held) == ("s-12", 0)


def test_of_a_text_that_was_let_go_a_match_is_hidden_in_what_follows() -> None:
    _, run, following = opened()
    first = following()
    first.feed("s-12")
    run.end(first)
    run.let_go()
    assert (first.take(), first.held) == ("s-12", 0)
    second = following()
    shown = second.feed("3-t!") + run.end(second)
    run.finish()
    assert (shown + second.take(), first.take()) == ("[WORD]!", "")


def test_a_text_that_begins_while_another_goes_on_is_read_once_that_has_ended() -> None:
    _, run, following = opened()
    first, second, third = following(), following(), following()
    assert (second.feed("3-t!"), third.feed("so"), run.end(third)) == ("", "", "")
    assert first.feed("it is s-12") == "it is "
    assert run.end(first) == "[WORD]"
    assert second.feed(" and on") == "[WORD]! and on"
    assert (run.end(second), third.take(), third.held) == ("", "so", 0)


def test_texts_that_nobody_ends_are_read_when_none_follows() -> None:
    _, run, following = opened()
    first, second, third = following(), following(), following()
    shown = [first.feed("it is s-12"), second.feed("3-t"), third.feed("so s-4"), run.end(third)]
    run.finish()
    shown += [second.finish(), first.finish()]
    assert (shown, third.take()) == (["it is ", "", "", "", "[WORD]", "[WORD]"], "so s-4")


@settings(max_examples=40)
@given(kits(actions=NOT_BLOCKING), halves(texts), st.integers(0, 1 << 32))
def test_texts_whose_pieces_come_in_any_order_become_what_they_become_in_a_whole_answer(
    kit: Kit, said: list[str], seed: int
) -> None:
    chance = random.Random(seed)
    guard = OutputGuard(kit.policy())
    run = guard.run()
    opened = [guard.open(("content", at, "text"), run) for at in range(len(said))]
    left = [[*text] for text in said]
    out = ["" for _ in said]
    going_on = [*range(len(said))]
    while going_on:
        at = chance.choice(going_on)
        if left[at]:
            out[at] += opened[at].feed(left[at].pop(0))
        else:
            going_on.remove(at)
            out[at] += run.end(opened[at])
    run.finish()
    assert whole(kit, said) == [text + one.take() for text, one in zip(out, opened, strict=True)]


STOP = make_kit({"stop": "b-[0-9]-d", "word": "s-1"}, actions={"stop": Action.BLOCK})


@given(st.lists(st.integers(0, 99), max_size=4), st.integers(0, 5))
def test_a_rule_that_blocks_lets_out_what_stands_before_its_match_and_nothing_of_later_texts(
    cuts: list[int], at: int
) -> None:
    guard, run, following = opened(STOP)
    first = following()
    shown = "".join(map(first.feed, pieces_of("it is b-1-d"[: 6 + at], cuts))) + run.end(first)
    if guard.blocked is None:
        second = following()
        assert "".join(map(second.feed, pieces_of("it is b-1-d and s-1"[6 + at :], cuts))) == ""
        assert run.stopped == (at > 0)
        assert guard.blocked is STOP.rules["test.stop"]
    assert shown + first.take() == "it is "


def test_nothing_is_hidden_twice_or_told_twice_when_readings_find_the_same() -> None:
    guard, run, following = opened()
    for text in ("s-123-t", "s-456-t", ""):
        one = following()
        assert one.feed(text) + run.end(one) + one.take() == ("[WORD]" if text else "")
    run.finish()
    assert len(guard.findings) == 2


@settings(max_examples=40)
@given(st.integers(1, 3), st.integers(0, 30))
def test_a_text_is_soon_read_by_its_own_scanners_alone(count: int, seed: int) -> None:
    """So a stream of many texts costs hardly more than one text."""
    detectors = secrets_kit().detectors
    run = Run()
    chance = random.Random(seed)
    for _ in range(count):
        guard = run.open([one.scanner() for one in detectors], secrets_kit().rules, lambda hit: None)
        guard.feed(chance.choice(["The library ", "See now. ", "Total 42, "]))
        guard.feed(chance.choice(["opens at nine, and the doors close", "and on it goes."]))
        assert len(guard._scanners) == len(detectors)
        run.end(guard)


def test_what_the_readings_cost_is_paid() -> None:
    kit = make_kit({"word": "(?:a|b|ab){1,40}x"})
    run = Run(Allowance(0))
    guards = []
    for _ in range(40):
        guards.append(run.open([kit.detectors[0].scanner()], kit.rules, lambda hit: None))
        guards[-1].feed("abab" * 50)
        run.end(guards[-1])
    run.finish()
    assert kit.detectors[0].work > 0


@pytest.mark.parametrize("said", [[], [""], ["", ""], ["s-12", "", "3-t"], ["", "s-123-t", ""]])
def test_empty_texts_are_texts_of_a_run_too(said: list[str]) -> None:
    assert whole(WORD, said) == streamed(WORD, said, []).texts


def test_a_policy_without_rules_for_answers_lets_all_through() -> None:
    run = Run()
    for text in ("a", "b"):
        one = run.open([], {}, lambda hit: None)
        assert (one.feed(text), run.end(one), one.held) == (text, "", 0)
    run.finish()
