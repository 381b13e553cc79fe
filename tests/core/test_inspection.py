from __future__ import annotations

import dataclasses
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardproxy.core.exchange import NO_RULE, Coverage, Provenance, Segment
from guardproxy.core.inspection import MAX_SHOWN, OutputGuard, inspect
from guardproxy.core.policy import Policy, Rule
from guardproxy.core.rewrite import hides, redact
from guardproxy.core.tools.conversation import Conversation, ToolCall
from guardproxy.core.tools.judge import ToolGuard
from guardproxy.core.tools.rules import ToolRules
from guardproxy.core.verdict import MAX_FINDINGS, Action, Severity
from guardproxy.detectors.pattern import PatternOptions
from tests.support.strategies import (
    HIDING,
    NOT_BLOCKING,
    Kit,
    cut_places,
    kits,
    make_kit,
    pieces_of,
    rule,
    secrets,
    secrets_kit,
    short_texts,
    texts,
    texts_with_secrets,
)


def alone(*contents: str, provenance: Provenance = Provenance.USER) -> list[Segment]:
    return [Segment(text, provenance, ("messages", at, "content")) for at, text in enumerate(contents)]


def running_on(*contents: str, run: int = 0, provenance: Provenance = Provenance.USER) -> list[Segment]:
    return [Segment(text, provenance, ("messages", run, "content", at), run) for at, text in enumerate(contents)]


provenances = st.sampled_from(Provenance)


@st.composite
def any_segments(draw: st.DrawFn, content: st.SearchStrategy[str] = texts) -> list[Segment]:
    """Alone and in runs, of several provenances, each at a place of its own."""
    drawn = draw(st.lists(st.tuples(content, provenances, st.integers(-1, 2)), max_size=6))
    return [Segment(text, where, ("place", at), run) for at, (text, where, run) in enumerate(drawn)]


def only_for(kit: Kit, provenance: Provenance) -> Policy:
    return dataclasses.replace(kit.policy(), detectors={provenance: kit.detectors})


# ---------------------------------------------------------------- the verdict


@given(kits(), any_segments())
def test_the_strictest_finding_decides(kit: Kit, segments: list[Segment]) -> None:
    verdict = inspect(kit.policy(), segments)
    assert max((kit.rules[f.rule].action for f in verdict.findings), default=Action.ALLOW) == verdict.action


@given(kits(), st.lists(texts, max_size=5))
def test_looking_at_all_texts_together_misses_nothing(kit: Kit, contents: list[str]) -> None:
    """The question put to the joined texts is only a short cut: the findings are those of each text by itself."""
    segments = alone(*contents)
    expected = {(one.path, span.rule, span.start, span.end) for one in segments for span in kit.spans(one.text)}
    found = {(f.path, f.rule, f.start, f.end) for f in inspect(kit.policy(), segments).findings}
    assert expected == found if len(expected) <= MAX_FINDINGS else found < expected


@given(kits(actions=NOT_BLOCKING), st.lists(texts, max_size=4))
def test_edits_are_the_redacted_texts_and_only_those(kit: Kit, contents: list[str]) -> None:
    edits = {}
    for segment in alone(*contents):
        if kit.hiding(segment.text):
            edits[segment.path] = redact(segment.text, kit.spans(segment.text), kit.rules)
    assert edits == inspect(kit.policy(), alone(*contents)).edits


def test_nothing_is_edited_when_the_exchange_is_blocked() -> None:
    kit = make_kit({"hide": "ab", "stop": "cc"}, actions={"stop": Action.BLOCK})
    verdict = inspect(kit.policy(), alone("ab", "cc"))
    assert (verdict.action, dict(verdict.edits), len(verdict.findings)) == (Action.BLOCK, {}, 2)


@given(any_segments(), st.lists(st.sampled_from(["image", "file"]), max_size=3))
def test_coverage_counts_every_text_and_what_could_not_be_read(segments: list[Segment], skipped: list[str]) -> None:
    coverage = inspect(make_kit({"r": "ab"}).policy(), segments, skipped).coverage
    assert Coverage(Counter(s.provenance.value for s in segments), Counter(skipped)) == coverage


@pytest.mark.parametrize("wanted", Provenance)
def test_a_rule_sees_only_the_provenances_it_applies_to(wanted: Provenance) -> None:
    policy = only_for(make_kit({"r": "ab"}), wanted)
    segments = [Segment("ab", provenance, (provenance.value,)) for provenance in Provenance]
    assert [(wanted, (wanted.value,))] == [(f.provenance, f.path) for f in inspect(policy, segments).findings]


def test_findings_are_bounded_and_the_action_and_the_edits_are_not() -> None:
    kit = make_kit({"hide": "ab"}, {"stop": "cc"}, actions={"stop": Action.FLAG})
    verdict = inspect(kit.policy(), alone("ab " * 5000, "ab cc"))
    assert (len(verdict.findings), verdict.action) == (MAX_FINDINGS, Action.REDACT)
    assert verdict.edits == {("messages", 0, "content"): "[HIDE] " * 5000, ("messages", 1, "content"): "[HIDE] cc"}


def test_a_strict_finding_beyond_the_bound_still_decides() -> None:
    kit = make_kit({"flag": "ab", "stop": "cc"}, actions={"flag": Action.FLAG, "stop": Action.BLOCK})
    assert inspect(kit.policy(), alone("ab " * 500, "cc")).action is Action.BLOCK


# ---------------------------------------------------------------- texts that a model reads as one


@given(secrets(), st.data())
def test_a_credential_cut_between_two_parts_is_found_and_hidden_in_both(secret: str, data: st.DataObject) -> None:
    cut = data.draw(st.integers(1, len(secret) - 1))
    segments = running_on("look: " + secret[:cut], secret[cut:] + " there")
    verdict = inspect(secrets_kit().policy(), segments)
    assert verdict.action >= Action.FLAG
    if verdict.action is Action.REDACT:
        left = "".join(verdict.edits.get(segment.path, segment.text) for segment in segments)
        assert secret not in left
        assert secrets_kit().hiding(left) == []


@given(kits(actions=HIDING), texts, cut_places)
def test_what_the_whole_run_would_hide_is_hidden_in_its_segments(kit: Kit, text: str, cuts: list[int]) -> None:
    segments = running_on(*pieces_of(text, cuts))
    edits = inspect(kit.policy(), segments).edits
    hidden = {at for span in kit.hiding(text) for at in range(span.start, span.end)}
    offset = 0
    for segment in segments:
        shown = edits.get(segment.path, segment.text)
        for one in kit.rules.values():
            shown = shown.replace(one.placeholder, "")
        kept = sum(offset + at not in hidden for at in range(len(segment.text)))
        assert len(shown) <= kept
        offset += len(segment.text)


def test_a_phrase_cut_at_a_word_is_found_as_a_model_reads_it() -> None:
    kit = make_kit({"phrase": r"ignore\s{1,4}the\s{1,4}rules"}, actions={"phrase": Action.BLOCK})
    for parts in ("ignore the|rules", "ign|ore the rules", "ignore|the|rules", "ignore |the rules"):
        assert inspect(kit.policy(), running_on(*parts.split("|"))).action is Action.BLOCK


def test_texts_of_different_runs_or_none_are_not_one_text() -> None:
    policy = make_kit({"r": "abcd"}).policy()
    assert inspect(policy, running_on("ab", run=1) + running_on("cd", run=2)).findings == ()
    assert inspect(policy, alone("ab", "cd")).findings == ()


def test_texts_of_one_run_and_different_provenance_are_not_one_text() -> None:
    policy = make_kit({"r": "abcd"}).policy()
    segments = running_on("ab") + running_on("cd", provenance=Provenance.TOOL)
    assert inspect(policy, segments).findings == ()


def test_empty_texts_in_between_change_nothing() -> None:
    verdict = inspect(make_kit({"r": "abcd"}).policy(), running_on("x a", "", "bc", "", "d y"))
    assert list(verdict.edits.values()) == ["x [R]", "[R]", "[R] y"]


def test_a_long_run_full_of_matches_costs_what_it_is_long() -> None:
    kit = make_kit({"r": PatternOptions("ab1")})
    verdict = inspect(kit.policy(), running_on(*["ab1 " * 5] * 2000))
    assert len(verdict.edits) == 2000
    verdict = inspect(kit.policy(), running_on("ab1 " * 20_000, "x"))
    assert len(verdict.edits) == 1


# ---------------------------------------------------------------- excerpts


@given(texts_with_secrets(max_parts=8))
@settings(max_examples=60)
def test_an_excerpt_never_shows_a_secret_that_any_rule_hides(text: str) -> None:
    kit = make_kit({"spot": r"[ ,x1s]"}, actions={"spot": Action.FLAG})
    policy = dataclasses.replace(
        kit.policy(), rules={**kit.rules, **secrets_kit().rules}, masking=secrets_kit().detectors
    )
    hidden = [text[s.start : s.end] for s in secrets_kit().hiding(text)]
    hidden = [secret for secret in hidden if text.count(secret) == 1]  # the same text can stand where it is no secret
    for finding in inspect(policy, alone(text)).findings:
        assert not any(secret in finding.excerpt for secret in hidden)


def test_an_excerpt_shows_no_half_of_a_secret_that_is_cut_between_parts() -> None:
    kit = make_kit({"spot": "here"}, actions={"spot": Action.FLAG})
    hiding = make_kit({"token": "tok_[a-z0-9]{20}"})
    policy = dataclasses.replace(kit.policy(), rules={**kit.rules, **hiding.rules}, masking=hiding.detectors)
    half = "tok_" + "q7" * 6
    (finding,) = inspect(policy, running_on(f"here: {half}", "abcdefgh.")).findings
    assert half not in finding.excerpt
    assert "q7" not in finding.excerpt


# ---------------------------------------------------------------- streamed texts


@given(kits(), texts, cut_places)
def test_a_streamed_text_gets_the_verdict_of_the_whole_text(kit: Kit, text: str, cuts: list[int]) -> None:
    guard = OutputGuard(kit.policy())
    channel = guard.open(("choices", 0, "delta", "content"))
    shown = "".join(map(channel.feed, pieces_of(text, cuts))) + channel.finish()
    whole = inspect(kit.policy(), [Segment(text, Provenance.MODEL, ("choices", 0))])
    assert (kit.released(text)[0], whole.action) == (shown, guard.verdict().action)
    assert (guard.blocked is not None) == (whole.action is Action.BLOCK)


@given(kits(actions=NOT_BLOCKING), short_texts, cut_places)
def test_a_streamed_text_gets_the_findings_of_the_whole_text(kit: Kit, text: str, cuts: list[int]) -> None:
    guard = OutputGuard(kit.policy())
    channel = guard.open(("choices", 0))
    for piece in pieces_of(text, cuts):
        channel.feed(piece)
    channel.finish()
    told = {(f.rule, f.start) for f in guard.verdict().findings}
    whole = inspect(kit.policy(), [Segment(text, Provenance.MODEL, ("choices", 0))])
    assert {(f.rule, f.start) for f in whole.findings} == told


@given(kits(), texts)
def test_a_text_that_arrives_at_once_is_redacted_and_judged_alike(kit: Kit, text: str) -> None:
    guard = OutputGuard(kit.policy())
    assert redact(text, kit.spans(text), kit.rules) == guard.whole(text, ("provider",))
    assert inspect(kit.policy(), alone(text)).action == guard.verdict().action


def test_the_first_rule_that_blocks_is_remembered() -> None:
    kit = make_kit({"one": "aa", "two": "bb"}, actions={"one": Action.BLOCK, "two": Action.BLOCK})
    guard = OutputGuard(kit.policy())
    guard.whole("bb", ())
    guard.whole("aa", ())
    assert guard.blocked == kit.rules["test.two"]


def test_coverage_of_a_stream_counts_its_channels_and_whole_texts() -> None:
    guard = OutputGuard(make_kit({"r": "ab"}).policy())
    assert Coverage() == guard.verdict().coverage
    guard.open(("choices", 0))
    guard.whole("text", ())
    assert Coverage({"model": 2}) == guard.verdict().coverage


def test_findings_of_a_stream_are_bounded() -> None:
    guard = OutputGuard(make_kit({"r": "ab"}).policy())
    guard.open(()).feed("ab " * 1000)
    guard.whole("ab " * 1000, ())
    assert len(guard.findings) == MAX_FINDINGS


@pytest.mark.parametrize(
    ("redacts", "action", "applies_to"),
    [
        (True, Action.REDACT, Provenance.MODEL),
        (True, Action.BLOCK, Provenance.MODEL),
        (False, Action.FLAG, Provenance.MODEL),
        (False, Action.BLOCK, Provenance.USER),
    ],
)
def test_copies_of_the_text_matter_when_a_rule_hides_model_text(
    redacts: bool, action: Action, applies_to: Provenance
) -> None:
    one = rule("test.r", action, applies_to=frozenset({applies_to}))
    assert redacts == OutputGuard(Policy("p", "1", rules={one.id: one})).redacts
    assert hides(one) or not redacts


def test_a_text_no_rule_looks_at_was_not_inspected() -> None:
    policy = dataclasses.replace(make_kit({"r": "ab"}).policy(), detectors={})
    told = inspect(policy, [Segment("ab", Provenance.USER, ("a",)), Segment("ab", Provenance.MODEL, ("b",))], ["image"])
    assert told.action is Action.ALLOW
    assert Coverage({}, {NO_RULE: 2, "image": 1}) == told.coverage
    assert not told.coverage.full
    guard = OutputGuard(policy)
    guard.open(("a",))
    assert Coverage({}, {NO_RULE: 1}) == guard.verdict().coverage
    assert guard.verdict().coverage.full


# ---------------------------------------------------------------- rules about tools


def test_an_output_guard_without_tool_rules_lets_every_call_pass() -> None:
    guard = OutputGuard(Policy("p", "r"))
    assert not guard.judges_calls
    assert guard.judge([ToolCall(("wipe",), {})])


def test_an_output_guard_stops_at_a_denied_call() -> None:
    rules = ToolRules()
    blocked = Rule("tools.not-offered", "", Severity.HIGH, Action.BLOCK, frozenset(), "")
    policy = Policy("p", "r", rules={blocked.id: blocked}, tools=rules)
    guard = OutputGuard(policy, ToolGuard(rules, Conversation()))
    assert guard.judges_calls
    assert not guard.judge([ToolCall(("wipe",), {})])
    assert guard.blocked is blocked
    assert [finding.rule for finding in guard.verdict().findings] == ["tools.not-offered"]


def test_a_text_of_two_provenances_is_redacted_for_both() -> None:
    kit = make_kit({"a": "aa"}, {"b": "bb"})
    both = [Segment("aa bb", provenance, ("text",)) for provenance in (Provenance.USER, Provenance.DOCUMENT)]
    policy = Policy(
        "p", "r", rules=kit.rules,
        detectors={Provenance.USER: kit.detectors[:1], Provenance.DOCUMENT: kit.detectors[1:]},
    )  # fmt: skip
    assert inspect(policy, both).edits == {("text",): "[A] [B]"}


def test_of_a_stream_full_of_matches_the_first_ones_are_shown_and_the_one_that_ends_it() -> None:
    kit = make_kit({"often": "ab1", "last": "zz9"}, actions={"often": Action.REDACT, "last": Action.BLOCK})
    for before in (MAX_SHOWN - 1, MAX_SHOWN, 2 * MAX_SHOWN, 2 * MAX_FINDINGS):
        guard = OutputGuard(only_for(kit, Provenance.MODEL))
        channel = guard.open(("text",))
        for _ in range(before):
            channel.feed("ab1 ")
        channel.feed("zz9 ")
        channel.finish()
        *others, last = guard.findings
        assert min(before, MAX_FINDINGS) == len(others)
        assert last.rule == "test.last"
        assert last.excerpt
        assert [bool(one.excerpt) for one in others] == [at < MAX_SHOWN for at in range(len(others))]
