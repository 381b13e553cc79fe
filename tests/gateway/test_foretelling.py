"""What a policy would refuse and alter is told in one word each, and matches what it does where it is in force."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from guardproxy.core.exchange import Provenance, RequestReading
from guardproxy.core.policy import Context, Excess, ParameterRules, Policy, RequestLimits, ServerState, SurfaceRules
from guardproxy.core.principal import Principal
from guardproxy.core.separation.control_tokens import ALL_FAMILIES
from guardproxy.core.separation.documents import NO_LABELS
from guardproxy.core.separation.fence import FenceMode, Fences
from guardproxy.core.separation.terms import RoleOrder, Separation, Treatment
from guardproxy.core.verdict import Action, Verdict
from guardproxy.gateway.foretelling import capped, done, refused, set_apart
from guardproxy.surfaces import CHAT_COMPLETIONS, RESPONSES
from tests.support.policies import small

WHO = Principal("id", "caller", operator=True)
CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


def read(document: dict[str, Any]) -> RequestReading:
    assert CHAT_COMPLETIONS.read_request is not None
    return CHAT_COMPLETIONS.read_request(document, operator=True)


def why(policy: Policy, **members: Any) -> list[str]:
    document = {**CHAT, **members}
    return [finding.rule for finding in refused(policy, WHO, CHAT_COMPLETIONS, document, read(document))]


@pytest.mark.parametrize(
    ("policy", "members", "rules"),
    [
        (small(), {}, []),
        (small(surfaces={"chat_completions": SurfaceRules(open=False)}), {}, ["surfaces.chat_completions"]),
        (small(parameters=ParameterRules(deny=frozenset({"user"}))), {"user": "u"}, ["parameters.user"]),
        (small(limits=RequestLimits(choices=1)), {"n": 2}, ["limits.n"]),
        (
            small(context=Context(separation=Separation(order=RoleOrder(last=frozenset({"tool"}))))),
            {},
            ["context.role-order"],
        ),
    ],
)
def test_what_would_be_refused_before_a_text_is_looked_at(
    policy: Policy, members: dict[str, Any], rules: list[str]
) -> None:
    assert why(policy, **members) == rules
    assert why(replace(policy, shadow=True), **members) == []


def test_references_are_refused_only_where_none_may_be_made() -> None:
    document = {"model": "m", "input": "hi", "previous_response_id": "r"}
    assert RESPONSES.read_request is not None
    reading = RESPONSES.read_request(document, operator=True)
    for state, rules in ((ServerState.DENY, ["context.server-state"]), (ServerState.OWN, [])):
        found = refused(small(server_state=state), WHO, RESPONSES, document, reading)
        assert [finding.rule for finding in found] == rules


def words(terms: Separation, text: str, *, shadow: bool = False) -> dict[str, str]:
    policy = small(context=Context(separation=terms), shadow=shadow)
    document = {"model": "m", "messages": [{"role": "user", "content": text}]}
    return done(policy, set_apart(policy, WHO, read(document), Verdict(Action.ALLOW), NO_LABELS))


@pytest.mark.parametrize(
    ("treatment", "word"), [(Treatment.CLEAN, "neutralise"), (Treatment.FLAG, "flag"), (Treatment.BLOCK, "block")]
)
def test_what_becomes_of_a_control_token_is_the_policys_word(treatment: Treatment, word: str) -> None:
    terms = Separation(control_tokens=treatment, token_families=ALL_FAMILIES)
    assert words(terms, "<|im_start|>") == {"context.control-token": word}
    assert words(terms, "hi") == words(terms, "<|im_start|>", shadow=True) == {}


def test_a_fence_is_told() -> None:
    terms = Separation(fences=Fences({Provenance.USER: FenceMode.DELIMIT}))
    assert words(terms, "hi") == {"context.fence": "fence"}


@pytest.mark.parametrize(
    ("limits", "members", "found"),
    [
        (RequestLimits(), {"max_tokens": 9}, {}),
        (RequestLimits(output_tokens=5), {}, {"limits.max_completion_tokens": "write"}),
        (RequestLimits(output_tokens=5), {"max_tokens": 4}, {}),
        (
            RequestLimits(output_tokens=5, choices=1, excess=Excess.CAP),
            {"max_tokens": 9, "n": 2},
            {"limits.max_completion_tokens": "cap", "limits.n": "cap"},
        ),
    ],
)
def test_numbers_that_would_be_written_are_told(
    limits: RequestLimits, members: dict[str, Any], found: dict[str, str]
) -> None:
    policy = small(limits=limits)
    assert capped(policy, CHAT_COMPLETIONS, read({**CHAT, **members})) == found
    assert capped(replace(policy, shadow=True), CHAT_COMPLETIONS, read({**CHAT, **members})) == {}
