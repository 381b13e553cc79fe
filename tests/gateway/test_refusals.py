"""A refusal says which place and which category, and nothing of what was found."""

from __future__ import annotations

import re

import pytest

from guardproxy.core.allowance import MATCHING_WORK
from guardproxy.core.context import OPERATOR_MESSAGE, UNKNOWN_ROLE
from guardproxy.core.exchange import Provenance
from guardproxy.core.verdict import Action, Finding, Severity, Verdict
from guardproxy.errors import GuardUnavailable, InvalidRequest, PolicyBlocked
from guardproxy.gateway.draft import Draft
from guardproxy.gateway.refusals import deciding_finding, guarding, open_incident, refusal
from tests.support.gateway import make_gateway
from tests.support.policies import SMALL

GATEWAY = make_gateway(SMALL)[0]


def draft_of(request_id: str = "req_1") -> Draft:
    draft = Draft(request_id)
    draft.policy = SMALL
    return draft


def finding(rule: str, *path: str | int) -> Finding:
    return Finding(rule, Severity.HIGH, Provenance.USER, path, 0, 5, "«ma•••an»")


def blocked(*findings: Finding) -> Verdict:
    return Verdict(Action.BLOCK, findings)


def test_the_first_rule_that_blocks_decides() -> None:
    odd, forbidden = finding("own.odd", "a"), finding("own.forbidden", "messages", 0, "content")
    assert deciding_finding(SMALL, blocked(odd, forbidden)) is forbidden
    assert deciding_finding(SMALL, blocked(odd)) is odd


def test_a_refusal_names_place_category_policy_and_incident() -> None:
    draft = draft_of()
    verdict = blocked(finding("own.codeword", "x"), finding("own.forbidden", "messages", 2, "content", 0, "text"))
    error = refusal(GATEWAY, draft, verdict)
    assert isinstance(error, PolicyBlocked)
    assert (error.status, error.code, error.param) == (400, "content_policy_violation", "messages[2].content[0].text")
    assert error.detail == {"policy": "small@r1", "category": "own", "incident_id": draft.incident_id}
    assert re.fullmatch(r"inc_[0-9a-z]{26}", str(draft.incident_id))
    assert "ma•••an" not in repr(vars(error))


def test_a_key_that_may_not_speak_as_the_operator_is_told_what_to_do() -> None:
    error = refusal(GATEWAY, draft_of(), blocked(finding(OPERATOR_MESSAGE, "messages", 0, "role")))
    assert (error.status, error.code, error.param) == (403, "role_not_allowed", "messages[0].role")
    assert "--speaks-as operator" in error.message
    assert PolicyBlocked.status == 400


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (UNKNOWN_ROLE, "role that is not known"),
        ("opaque.audio", "does not let audio content"),
        (MATCHING_WORK, "costs more to inspect than the policy allows"),
        ("own.forbidden", "policy"),
    ],
)
def test_the_message_says_why_in_general(rule: str, words: str) -> None:
    assert words in refusal(GATEWAY, draft_of(), blocked(finding(rule))).message


def test_a_text_that_costs_too_much_is_over_a_limit() -> None:
    error = refusal(GATEWAY, draft_of(), blocked(finding(MATCHING_WORK, "messages", 0, "content")))
    assert (error.status, error.code, error.param) == (400, "limit_exceeded", "messages[0].content")
    assert error.detail["category"] == "limits"


def test_an_exchange_is_one_incident() -> None:
    draft = Draft("req_1")
    open_incident(GATEWAY, draft)
    first = draft.incident_id
    open_incident(GATEWAY, draft)
    assert draft.incident_id == first


def test_a_guard_that_breaks_is_an_outage_that_keeps_its_cause() -> None:
    with pytest.raises(GuardUnavailable) as caught, guarding():
        raise LookupError("marzipan")
    assert isinstance(caught.value.__cause__, LookupError)
    assert "marzipan" not in caught.value.message


def test_what_is_already_an_answer_and_what_must_not_be_caught_pass_through() -> None:
    with pytest.raises(InvalidRequest), guarding():
        raise InvalidRequest("x")
    with pytest.raises(KeyboardInterrupt), guarding():
        raise KeyboardInterrupt
    with guarding():
        pass
