from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardproxy.core.context import (
    KNOWN_ROLES,
    OPERATOR_MESSAGE,
    OPERATOR_ROLES,
    SERVER_STATE,
    UNKNOWN_ROLE,
    is_operator_role,
    refuse_opaque,
    refuse_state,
    separate,
    speaks_as_operator,
)
from guardproxy.core.exchange import Opaque, OpaqueKind, Provenance, Reference, Turn
from guardproxy.core.policy import Context, OperatorMessages, Policy
from guardproxy.core.principal import Principal
from guardproxy.core.verdict import Action

OPERATOR = Principal("key1", "backend", operator=True)
USER = Principal("key2", "browser", operator=False)
SYSTEM = Turn("system", ("messages", 0))

MAY_SEND = {
    (OperatorMessages.OPERATOR_KEYS, OPERATOR): True,
    (OperatorMessages.OPERATOR_KEYS, USER): False,
    (OperatorMessages.ANY_KEY, OPERATOR): True,
    (OperatorMessages.ANY_KEY, USER): True,
    (OperatorMessages.NOBODY, OPERATOR): False,
    (OperatorMessages.NOBODY, USER): False,
}


@pytest.mark.parametrize("who", OperatorMessages)
@pytest.mark.parametrize("principal", [OPERATOR, USER])
@pytest.mark.parametrize("role", sorted(OPERATOR_ROLES))
def test_who_may_send_operator_messages_is_the_policys_word(
    who: OperatorMessages, principal: Principal, role: str
) -> None:
    findings = separate(Context(who), principal, [Turn(role, ("messages", 2))])
    if MAY_SEND[who, principal]:
        assert findings == []
    else:
        assert [(f.rule, f.path) for f in findings] == [(OPERATOR_MESSAGE, ("messages", 2, "role"))]


@pytest.mark.parametrize("who", OperatorMessages)
@pytest.mark.parametrize("principal", [OPERATOR, USER])
def test_being_allowed_to_send_is_not_being_the_operator(who: OperatorMessages, principal: Principal) -> None:
    trusted = speaks_as_operator(Context(who), principal)
    assert trusted == (principal.operator and MAY_SEND[who, principal])


@given(
    st.sampled_from(sorted(OPERATOR_ROLES)).flatmap(
        lambda role: st.tuples(*(st.sampled_from([char.lower(), char.upper()]) for char in role)).map("".join)
    ),
    st.text(" \t\n\u00a0\u2003", max_size=3),
    st.text(" \t\n\u00a0\u2003", max_size=3),
)
def test_an_operator_role_in_other_clothes_is_an_operator_role(role: str, before: str, after: str) -> None:
    assert is_operator_role(before + role + after)
    refused = separate(Context(unknown_roles=Action.ALLOW), USER, [Turn(before + role + after, ())])
    assert [finding.rule for finding in refused] == [OPERATOR_MESSAGE]


@given(st.text(max_size=10))
def test_a_role_no_api_documents_is_refused_or_read_as_user_text(role: str) -> None:
    for action in (Action.BLOCK, Action.ALLOW):
        rules = {finding.rule for finding in separate(Context(unknown_roles=action), USER, [Turn(role, ())])}
        if is_operator_role(role):
            assert rules == {OPERATOR_MESSAGE}
        elif role in KNOWN_ROLES or action is Action.ALLOW:
            assert rules == set()
        else:
            assert rules == {UNKNOWN_ROLE}


@pytest.mark.parametrize("role", sorted(KNOWN_ROLES - OPERATOR_ROLES))
def test_everybody_may_take_the_other_roles(role: str) -> None:
    assert separate(Context(OperatorMessages.NOBODY), USER, [Turn(role, ())]) == []


def test_every_refused_turn_is_named() -> None:
    turns = [SYSTEM, Turn("user", ("messages", 1)), Turn("developer", ("messages", 2)), Turn("root", ("messages", 3))]
    findings = separate(Context(), USER, turns)
    assert [finding.path[1] for finding in findings] == [0, 2, 3]
    assert {Provenance.USER} == {finding.provenance for finding in findings}


@pytest.mark.parametrize(("kind", "action"), list(itertools.product(OpaqueKind, [Action.ALLOW, Action.BLOCK, None])))
def test_what_cannot_be_read_passes_only_where_the_policy_says_so(kind: OpaqueKind, action: Action | None) -> None:
    policy = Policy("p", "1", opaque={} if action is None else {kind: action})
    item = Opaque(kind, Provenance.USER, ("messages", 0, "content", 1))
    findings = refuse_opaque(policy, [item])
    if action is Action.ALLOW:
        assert findings == []
    else:
        assert [(f"opaque.{kind.value}", item.path)] == [(f.rule, f.path) for f in findings]


def test_a_place_that_says_itself_who_speaks_is_named_as_it_stands() -> None:
    findings = separate(Context(OperatorMessages.NOBODY), USER, [Turn("system", ("instructions",), None)])
    assert [finding.path for finding in findings] == [("instructions",)]


def test_a_reference_that_is_refused_is_a_finding_at_its_place() -> None:
    findings = refuse_state([Reference(("previous_response_id",), "resp_1")])
    assert [(finding.rule, finding.path) for finding in findings] == [(SERVER_STATE, ("previous_response_id",))]
    assert "resp_1" not in repr(findings)
