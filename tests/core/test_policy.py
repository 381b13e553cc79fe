from __future__ import annotations

import pytest

from guardproxy.core.exchange import OpaqueKind, Provenance
from guardproxy.core.policy import (
    Context,
    OperatorMessages,
    Policy,
    RequestLimits,
    ServerState,
    SurfaceRules,
)
from guardproxy.core.verdict import Action
from tests.support.strategies import make_kit, rule


def test_the_pack_of_a_rule_is_the_first_part_of_its_id() -> None:
    assert rule("secrets.openai-key").pack == "secrets"


def test_a_provenance_without_rules_has_no_detectors() -> None:
    detectors = make_kit({"r": "ab"}).detectors
    policy = Policy("p", "1", detectors={Provenance.MODEL: detectors})
    assert detectors == policy.detectors_for(Provenance.MODEL)
    assert policy.detectors_for(Provenance.USER) == ()


def test_an_unwritten_policy_is_the_strict_one() -> None:
    policy = Policy("p", "1")
    assert Context(OperatorMessages.OPERATOR_KEYS, unknown_roles=Action.BLOCK) == policy.context
    assert policy.server_state is ServerState.DENY
    assert {policy.opaque.get(kind, Action.BLOCK) for kind in OpaqueKind} == {Action.BLOCK}


@pytest.mark.parametrize("limit", ["messages", "text_characters", "tools", "inputs", "choices", "output_tokens"])
def test_only_the_size_of_the_body_is_limited_unless_written(limit: str) -> None:
    assert getattr(RequestLimits(), limit) is None
    assert RequestLimits().body_bytes == 20 * 1024 * 1024


def test_the_recording_policy_flags_what_the_policy_blocks_and_hides_what_it_hides() -> None:
    kit = make_kit({"hides": "aa", "stops": "bb", "notes": "cc"}, actions={"stops": Action.BLOCK, "notes": Action.FLAG})
    policy = kit.policy()
    recording = policy.recording
    assert {name: one.action for name, one in recording.rules.items()} == {
        "test.hides": Action.REDACT, "test.stops": Action.FLAG, "test.notes": Action.FLAG,
    }  # fmt: skip
    assert (recording.detectors, recording.revision, recording.recording) == (
        policy.detectors, policy.revision, recording,
    )  # fmt: skip
    assert policy.rules["test.stops"].action is Action.BLOCK


def test_a_surface_the_policy_does_not_name_is_like_all_the_others() -> None:
    named, others = SurfaceRules(block=True), SurfaceRules(open=False)
    policy = Policy("p", "1", surfaces={"a": named}, other_surfaces=others)
    assert (policy.surface("a"), policy.surface("b")) == (named, others)
    assert Policy("p", "1").surface("a").open


def test_a_policy_with_the_masks_of_another_one_differs_in_nothing_else() -> None:
    one, other = (make_kit({name: pattern}).policy() for name, pattern in (("hides", "aa"), ("also", "bb")))
    both = one.with_masks_of(other)
    for before, after in ((one, both), (one.recording, both.recording), (one.recording, both.recording.recording)):
        assert after.masking == (*one.masking, *other.masking) != before.masking
        assert (after.rules, after.revision, after.watched) == (before.rules, before.revision, before.watched)
    assert one.recording.with_masks_of(other).recording.masking == both.masking
