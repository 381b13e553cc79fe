"""At least as strict means at least as strict in every part, and a part with no order has to be equal."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardproxy.core.exchange import OpaqueKind, Provenance, Segment
from guardproxy.core.inspection import inspect
from guardproxy.core.policy import (
    AnswerFields,
    Context,
    Excess,
    OnBlock,
    OperatorMessages,
    Policy,
    RequestLimits,
    Rule,
    ServerState,
    Unknown,
)
from guardproxy.core.quota import Metric, Only, OnStoreError, Period, Quota, Share
from guardproxy.core.separation.terms import OperatorPrompt, Separation, Treatment
from guardproxy.core.strictness import loosenings
from guardproxy.core.verdict import Action, Severity
from tests.support.policies import FORBIDDEN, HIDDEN, SMALL, small

QUOTA = Quota(Metric.REQUESTS, 60, 10)
BASE = small(
    limits=RequestLimits(messages=10),
    quotas=(QUOTA,),
    opaque=dict.fromkeys(OpaqueKind, Action.BLOCK),
    unknown_events=Unknown.STRIP,
)


def with_rule(**changes: Any) -> Policy:
    return replace(BASE, rules={**BASE.rules, "own.codeword": replace(BASE.rules["own.codeword"], **changes)})


def with_quota(**changes: Any) -> Policy:
    return replace(BASE, quotas=(replace(QUOTA, **changes),))


def test_a_policy_is_as_strict_as_itself() -> None:
    assert loosenings(BASE, BASE) == []


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (with_rule(action=Action.FLAG), "own.codeword does flag instead of redact"),
        (with_rule(applies_to=frozenset({Provenance.USER})), "does not look at document, model, operator, tool text"),
        (with_rule(meaning="another"), "own.codeword looks for something else"),
        (with_rule(action=Action.ALLOW, shadow=Action.BLOCK), "own.codeword does allow instead of redact"),
        (replace(BASE, rules={}), "own.codeword is missing"),
        (replace(BASE, context=Context(OperatorMessages.ANY_KEY)), "context.operator_messages is looser"),
        (replace(BASE, context=Context(unknown_roles=Action.ALLOW)), "context.unknown_roles is looser"),
        (
            replace(BASE, context=Context(separation=Separation(prompt=OperatorPrompt("Say all you know.")))),
            "context.operator_prompt differs, and has no order of strictness",
        ),
        (replace(BASE, opaque={OpaqueKind.FILE: Action.ALLOW}), "opaque.file is looser"),
        (replace(BASE, limits=RequestLimits(messages=11)), "limits.messages is higher"),
        (replace(BASE, limits=RequestLimits()), "limits.messages is higher"),
        (replace(BASE, limits=RequestLimits(messages=10, matching_work=11)), "limits.matching_work is higher"),
        (replace(BASE, limits=RequestLimits(messages=10, matching_work=None)), "limits.matching_work is higher"),
        (replace(BASE, quotas=()), "requests/60s of key is higher or missing"),
        (with_quota(limit=11), "requests/60s of key is higher or missing"),
        (with_quota(shadow=True), "requests/60s of key is higher or missing"),
        (with_quota(shares=(Share.GLOBAL,)), "requests/60s of key is higher or missing"),
        (with_quota(window_s=0, period=Period.DAY), "requests/60s of key is higher or missing"),
        (with_quota(only=Only(models=("m",))), "requests/60s of key is higher or missing"),
        (with_quota(on_store_error=OnStoreError.OPEN), "requests/60s is looser while the store is away"),
        (replace(BASE, on_limit=OnBlock.ERROR), "on_limit differs"),
        (replace(BASE, shadow=True), "shadow mode"),
        (replace(BASE, on_block=OnBlock.ERROR), "on_block differs"),
        (replace(BASE, answer_fields=AnswerFields.SEQUENTIAL), "answer_fields differs"),
        # A field that ends is decided as it stands: that may hide what would be no match had it gone on.
        (replace(BASE, answer_fields=AnswerFields.INTERLEAVED), "answer_fields differs"),
    ],
)
def test_each_part_that_is_looser_is_named(other: Policy, reason: str) -> None:
    assert reason in " | ".join(loosenings(BASE, other))


@pytest.mark.parametrize(
    "other",
    [
        with_rule(action=Action.BLOCK),
        replace(BASE, block_message="No."),
        replace(BASE, limits=RequestLimits(messages=9, tools=1, matching_work=1)),
        replace(BASE, limits=RequestLimits(messages=10, excess=Excess.CAP)),
        with_quota(on_store_error=OnStoreError.CLOSED),
        replace(BASE, quotas=(replace(QUOTA, limit=9), Quota(Metric.TOKENS, 60, 1))),
        replace(BASE, context=Context(OperatorMessages.NOBODY)),
        replace(BASE, context=Context(separation=Separation(hidden_characters=Treatment.FLAG))),
        replace(BASE, rules={**BASE.rules, "own.more": replace(BASE.rules["own.odd"], id="own.more")}),
    ],
)
def test_what_is_stricter_or_more_is_no_loosening(other: Policy) -> None:
    assert loosenings(BASE, other) == []


def test_the_more_becomes_of_unknown_events_the_stricter() -> None:
    passes, strips, rejects = (replace(BASE, unknown_events=unknown) for unknown in Unknown)
    for looser, stricter in ((passes, strips), (strips, rejects), (passes, rejects)):
        assert loosenings(looser, stricter) == []
        assert loosenings(stricter, looser) == ["answers.unknown_events is looser"]


def test_a_hard_quota_stays_hard() -> None:
    hard, soft = (replace(BASE, quotas=(Quota(Metric.TOKENS, 60, 9, hard=hard),)) for hard in (True, False))
    assert loosenings(hard, soft) == ["the quota tokens/60s is not hard"]
    assert loosenings(soft, hard) == []


def test_an_account_of_the_policy_itself_is_another_one_under_another_name() -> None:
    own = with_quota(shares=(Share.KEY, Share.POLICY))
    assert loosenings(own, replace(own, quotas=(replace(own.quotas[0], limit=1),))) == []
    assert loosenings(own, replace(own, name="other")) == [
        "the quota requests/60s of key and policy is higher or missing"
    ]


def test_a_quota_that_only_tells_need_not_be_there() -> None:
    assert loosenings(with_quota(shadow=True), replace(BASE, quotas=())) == []


@pytest.mark.parametrize("part", [part.name for part in fields(Quota) if part.init])
def test_every_part_of_a_quota_is_compared(part: str) -> None:
    calendar = Quota(
        Metric.UNITS, 0, 10, Period.DAY, unit="a", hard=True, on_store_error=OnStoreError.CLOSED,
    )  # fmt: skip
    looser: dict[str, Any] = {
        "metric": Metric.COST, "window_s": 60, "limit": 11, "period": Period.WEEK, "zone": "Asia/Tokyo",
        "shares": (Share.TEAM,), "unit": "b", "only": Only(teams=("x",)), "hard": False, "shadow": True,
        "on_store_error": OnStoreError.DEGRADED,
    }  # fmt: skip
    of = replace(calendar, period=None, window_s=1) if part == "window_s" else calendar
    pair = [replace(BASE, quotas=(quota,)) for quota in (of, replace(of, **{part: looser[part]}))]
    assert loosenings(*pair)


def test_every_part_of_a_policy_is_compared_or_known_not_to_be() -> None:
    for part in fields(Policy):
        if part.init and part.name not in ("name", "revision", "detectors", "masking"):
            changed = object.__new__(Policy)
            for one in fields(Policy):
                object.__setattr__(changed, one.name, getattr(BASE, one.name))
            object.__setattr__(changed, part.name, _looser(part.name))
            # Rules about tools only forbid: having some where there were none is no loosening, losing them is.
            pair = (changed, BASE) if part.name == "tools" else (replace(BASE, unknown_events=Unknown.REJECT), changed)
            assert loosenings(*pair), part.name


def _looser(part: str) -> Any:
    looser: dict[str, Any] = {
        "rules": {}, "context": Context(OperatorMessages.ANY_KEY), "opaque": dict.fromkeys(OpaqueKind, Action.ALLOW),
        "limits": RequestLimits(), "quotas": (), "shadow": True, "server_state": ServerState.ALLOW,
        "unknown_events": Unknown.PASS,
    }  # fmt: skip
    return looser.get(part, object())


actions = st.sampled_from(Action)


@given(actions, actions, st.text(st.sampled_from("x "), max_size=4), st.sampled_from([HIDDEN, FORBIDDEN, ""]))
def test_what_is_no_loosening_never_does_less(one: Action, other: Action, before: str, text: str) -> None:
    base, changed = (
        replace(SMALL, rules={name: replace(rule, action=action) for name, rule in SMALL.rules.items()})
        for action in (one, other)
    )
    segments = [Segment(before + text, Provenance.USER, ("text",))]
    if not loosenings(base, changed):
        assert inspect(changed, segments).action >= inspect(base, segments).action


def test_a_rule_that_is_off_need_not_be_there() -> None:
    off = Rule("own.off", "off", Severity.LOW, Action.ALLOW, frozenset(Provenance), "")
    assert loosenings(replace(BASE, rules={**BASE.rules, "own.off": off}), BASE) == []
