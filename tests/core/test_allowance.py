"""A text that costs too much ends its exchange, and is never let through unread."""

from __future__ import annotations

import dataclasses
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from guardproxy.core import allowance as module
from guardproxy.core.allowance import MATCHING_WORK, Allowance, Showing, run_through, scan_within, too_dear
from guardproxy.core.exchange import Provenance, Segment
from guardproxy.core.inspection import OutputGuard, inspect, inspect_in_steps
from guardproxy.core.memo import Memo
from guardproxy.core.policy import Policy, RequestLimits
from guardproxy.core.rewrite import redact
from guardproxy.core.stream import StreamGuard
from guardproxy.core.verdict import Action
from tests.support.strategies import Kit, make_kit, pieces_of

DEAR = {"window": "x(?:[a-z]|[a-m][n-z]){0,99}1", "key": "key-[0-9]{4}"}
PATH = ("choices", 0, "message", "content")


def dear_text(length: int, seed: int = 1) -> str:
    """Text in which a window may begin at every fourth character, and now and then they all end."""
    text = "".join(Random(seed).choices("xabc", k=length))
    return "1 ".join(text[at : at + 180] for at in range(0, length, 180))


def policy(kit: Kit, per_character: int | None = 1) -> Policy:
    return kit.policy(limits=RequestLimits(matching_work=per_character))


@pytest.fixture(autouse=True)
def _little_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FREE", 5_000)


@given(st.integers(0, 20), st.lists(st.tuples(st.integers(0, 10**5), st.integers(0, 1000)), max_size=20))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_so_much_for_each_character_and_some_that_is_free(per_character: int, spent: list[tuple[int, int]]) -> None:
    allowance, unlimited = Allowance(per_character), Allowance(None)
    steps = characters = 0
    for more, read in spent:
        steps, characters = steps + more, characters + read
        within = steps <= module.FREE + per_character * characters
        assert allowance.spend(more, read) == within
        assert unlimited.spend(more, read)
        assert unlimited.shows


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3000), st.integers(0, 1000)), max_size=20))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_showing_is_paid_for_counts_no_character_and_keeps_half_of_what_is_free(
    spent: list[tuple[bool, int, int]],
) -> None:
    allowance, left = Allowance(2), module.FREE
    for for_showing, steps, characters in spent:
        if for_showing:
            left -= steps
            assert Showing(allowance).spend(steps, characters) == (left >= module.FREE / 2)
        else:
            left += 2 * characters - steps
            assert allowance.spend(steps, characters) == (left >= 0)
        assert allowance.shows == (left >= module.FREE / 2)
    assert Showing(Allowance(None)).spend(10**9, 0)


def test_a_scan_within_the_allowance_finds_what_a_scan_finds_and_pays_for_it() -> None:
    (detector,) = make_kit(DEAR).detectors
    text = dear_text(2000) + " key-1234 " + dear_text(2000, 2)
    unlimited = Allowance(None)
    before = detector.work
    assert run_through(scan_within(unlimited, detector, text)) == detector.scan(text)
    assert detector.work > before
    allowance = Allowance(1)
    assert run_through(scan_within(allowance, detector, text)) is None
    assert not allowance.spend(0, 0)


def test_a_scan_that_costs_too_much_stops_long_before_the_end() -> None:
    (detector,) = make_kit(DEAR).detectors
    before = detector.work
    assert run_through(scan_within(Allowance(1), detector, dear_text(500_000) + "1")) is None
    assert detector.work - before < 2_000_000


def test_a_request_that_costs_too_much_is_blocked_whatever_else_it_holds() -> None:
    kit = make_kit(DEAR, actions={"key": Action.REDACT})
    segments = [
        Segment("my key-1234", Provenance.USER, ("messages", 0, "content")),
        Segment(dear_text(6000) + "1", Provenance.USER, ("messages", 1, "content")),
        Segment("another", Provenance.OPERATOR, ("messages", 2, "content")),
    ]
    verdict = inspect(policy(kit), segments)
    assert verdict.action is Action.BLOCK
    assert verdict.findings == (too_dear(Provenance.USER, ("messages", 1, "content")),)
    assert verdict.edits == {}
    assert not verdict.coverage.full
    assert verdict.coverage.skipped == {MATCHING_WORK: 3}
    assert inspect(policy(kit, None), segments).findings[0].rule != MATCHING_WORK


def test_what_several_segments_spell_together_is_paid_for_as_well() -> None:
    kit = make_kit(DEAR)
    texts = [dear_text(400, seed) for seed in range(12)]
    segments = [Segment(text, Provenance.USER, ("m", at), 0) for at, text in enumerate(texts)]
    assert inspect(policy(kit, 1), segments).findings[0].rule == MATCHING_WORK


def test_no_memo_remembers_what_was_not_looked_at_to_the_end() -> None:
    kit = make_kit(DEAR)
    limited = policy(kit)
    memo = Memo(limited.revision, b"a key")
    segments = [
        Segment(text, Provenance.USER, ("messages", at))
        for at, text in enumerate(["harmless words " * 60] * 5 + [dear_text(6000)])
    ]
    for _ in range(3):
        assert run_through(inspect_in_steps(limited, segments, (), memo)).action is Action.BLOCK


# Each example costs much, so a failing one is not made smaller.
@settings(
    max_examples=10,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.integers(0, 3000), st.lists(st.integers(0, 9000), max_size=30))
def test_a_stream_that_costs_too_much_ends_and_what_left_is_what_leaves_without_a_limit(
    ordinary: int, cuts: list[int]
) -> None:
    kit = make_kit(DEAR)
    text = ("some words and a key-1234 " * 120)[:ordinary] + dear_text(6000) + "1"
    guard = OutputGuard(policy(kit))
    channel = guard.open(PATH)
    out = "".join(map(channel.feed, pieces_of(text, cuts))) + channel.finish()
    assert guard.blocked is not None
    assert guard.blocked is channel.blocked
    assert guard.blocked.id == guard.findings[-1].rule == MATCHING_WORK
    assert guard.findings[-1].path == PATH
    assert guard.verdict().action is Action.BLOCK
    free = OutputGuard(policy(kit, None)).open(PATH)
    assert (free.feed(text) + free.finish()).startswith(out)
    assert len(out) < len(text)
    assert channel.feed("more") == channel.finish() == ""


@pytest.mark.parametrize("enough", [True, False])
def test_a_stream_pays_for_each_step_once(enough: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    text = dear_text(600)
    pieces = [text[at : at + 10] for at in range(0, len(text), 10)]
    scanner = make_kit(DEAR).detectors[0].scanner()
    for piece in pieces:
        scanner.feed(piece)
    scanner.finish()
    monkeypatch.setattr(module, "FREE", scanner.work - (not enough))
    kit = make_kit(DEAR)
    channel = StreamGuard([kit.detectors[0].scanner()], kit.rules, lambda hit: None, Allowance(0))
    for piece in pieces:
        channel.feed(piece)
    channel.finish()
    assert (channel.blocked is None) == enough


def test_all_channels_of_an_answer_share_what_is_allowed() -> None:
    kit = make_kit(DEAR)
    guard = OutputGuard(policy(kit))
    for seed in range(60):
        channel = guard.open(("choices", seed))
        channel.feed(dear_text(50, seed))
        channel.finish()
    assert guard.blocked is not None


@settings(
    max_examples=10,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.integers(0, 3000), st.lists(st.integers(0, 9000), max_size=30))
def test_under_a_policy_in_shadow_it_goes_on_unread_and_that_is_told(ordinary: int, cuts: list[int]) -> None:
    kit = make_kit(DEAR, actions=dict.fromkeys(DEAR, Action.ALLOW))
    shadow = dataclasses.replace(policy(kit), shadow=True)
    text = ("some words and a key-1234 " * 120)[:ordinary] + dear_text(6000) + "1"
    streamed, whole = OutputGuard(shadow), OutputGuard(shadow)
    channel = streamed.open(PATH)
    assert text == "".join(map(channel.feed, pieces_of(text, cuts))) + channel.finish() == whole.whole(text, PATH)
    for verdict in (streamed.verdict(), whole.verdict(), inspect(shadow, [Segment(text, Provenance.MODEL, PATH)])):
        assert (verdict.action, verdict.would) == (Action.ALLOW, Action.BLOCK)
        assert MATCHING_WORK in [finding.rule for finding in verdict.shadow]
        assert verdict.coverage.skipped == {MATCHING_WORK: 1}


def test_in_shadow_what_is_not_looked_at_costs_nothing_more() -> None:
    kit = make_kit(DEAR, actions=dict.fromkeys(DEAR, Action.ALLOW))
    channel = OutputGuard(dataclasses.replace(policy(kit), shadow=True)).open(PATH)
    channel.feed(dear_text(20_000))
    before = [detector.work for detector in kit.detectors]
    assert channel.feed(dear_text(20_000, 2)) == dear_text(20_000, 2)
    assert [detector.work for detector in kit.detectors] == before


def test_a_text_that_arrives_at_once_goes_out_whole_or_not_at_all() -> None:
    kit = make_kit(DEAR)
    guard = OutputGuard(policy(kit))
    assert guard.whole("a key-1234", PATH) == redact("a key-1234", kit.spans("a key-1234"), kit.rules)
    assert guard.blocked is None
    assert guard.whole(dear_text(6000) + "1", PATH) == ""
    assert guard.blocked is not None


def test_excerpts_are_left_out_when_the_allowance_is_used_up_and_nothing_else_is() -> None:
    kit = make_kit(DEAR, actions=dict.fromkeys(DEAR, Action.FLAG))
    limited = dataclasses.replace(policy(kit, 1), masking=kit.detectors)
    guard = OutputGuard(limited)
    channel = guard.open(PATH)
    for seed in range(100):
        channel.feed(dear_text(180, seed) + "1 ")
        if guard.blocked:
            break
    shown = [finding.excerpt for finding in guard.findings]
    assert guard.blocked is not None
    assert "" in shown
    assert all(finding.rule for finding in guard.findings)


def test_what_is_shown_of_a_match_never_makes_an_answer_too_dear(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is held against rules that are dear, and that do not apply to the answer."""
    monkeypatch.setattr(module, "FREE", 50_000)
    flagging = make_kit({"key": "key-[0-9]{4}"}, actions={"key": Action.FLAG})
    limited = dataclasses.replace(policy(flagging, 1), masking=make_kit({"window": DEAR["window"]}).detectors)
    for streamed in (True, False):
        guard = OutputGuard(limited)
        for seed in range(30):
            text = dear_text(300, seed) + " key-1234 "
            if streamed:
                channel = guard.open(PATH)
                assert channel.feed(text) + channel.finish() == text
            else:
                assert guard.whole(text, PATH) == text
        assert guard.blocked is None
        assert len(guard.findings) == 30
        shown = [bool(finding.excerpt) for finding in guard.findings]
        assert shown[0]
        assert not shown[-1]


@pytest.mark.parametrize("ordinary", [0, 5000])
def test_a_long_piece_of_a_stream_ends_soon_behind_what_is_too_much(ordinary: int) -> None:
    kit = make_kit({f"window{number}": f"x(?:[a-z]|[a-m][n-z]){{0,99}}{number}!" for number in range(20)})
    guard = OutputGuard(policy(kit))
    channel = guard.open(PATH)
    channel.feed("some words " * (ordinary // 11))
    channel.feed("z" + dear_text(5000))
    assert guard.blocked is not None
    assert sum(detector.work for detector in kit.detectors) < 250_000
