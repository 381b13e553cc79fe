"""A case goes through the proxy itself, and what it came to is told as it was."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from guardproxy.audit.events import Event
from guardproxy.cli.cases.stage import decision_of, open_stage
from guardproxy.core.choice import Choice
from guardproxy.core.conditions import Condition, OneOf
from guardproxy.core.quota import Metric, Period, Quota, Share
from guardproxy.policyfile.cases import Case, WrittenCaller, WrittenCase
from tests.audit.exchanges import completed
from tests.support.policies import FORBIDDEN, HIDDEN, PLACEHOLDER, small


def case(text: str, answer: Any = "fine", **more: Any) -> Case:
    values = {"case": "x", "expect": "allow", "messages": ({"user": text},), "answer": answer, **more}
    return Case("p.cases.yaml:1:1", WrittenCase.model_construct(**{**_defaults(), **values}))


def _defaults() -> dict[str, Any]:
    return {"caller": WrittenCaller(), "request": {}}


@pytest.mark.parametrize("stream", [False, True])
async def test_what_is_sent_and_received_and_decided(stream: bool) -> None:
    one = case(f"say {HIDDEN}", f"it is {HIDDEN}!")
    async with open_stage(Choice(small()), [one]) as stage:
        outcome = await stage.play(one, stream=stream)
    assert (outcome.decision, outcome.code) == ("redact", None)
    assert outcome.sent["messages"][0]["content"] == f"say {PLACEHOLDER}"
    assert outcome.received is not None
    assert outcome.received["content"] == f"it is {PLACEHOLDER}!"
    assert outcome.rules == {"own.codeword": 2}


@pytest.mark.parametrize("stream", [False, True])
async def test_a_refused_request_reaches_no_model(stream: bool) -> None:
    one = case(FORBIDDEN)
    async with open_stage(Choice(small()), [one]) as stage:
        outcome = await stage.play(one, stream=stream)
    assert (outcome.decision, outcome.code) == ("block", "content_policy_violation")
    assert (outcome.sent, outcome.received) == (None, None)


async def test_arguments_of_a_tool_call_are_put_together() -> None:
    function = {"name": "send", "arguments": f'{{"text": "{HIDDEN}"}}'}
    answer = {"content": None, "tool_calls": [{"id": "call_1", "type": "function", "function": function}]}
    one = case("hi", answer)
    async with open_stage(Choice(small()), [one]) as stage:
        received = (await stage.play(one, stream=True)).received
    assert received is not None
    assert PLACEHOLDER in received["tool_calls"][0]["function"]["arguments"]


async def test_no_case_uses_up_what_another_one_needs() -> None:
    day, month = Quota(Metric.REQUESTS, 86_400, 1), Quota(Metric.REQUESTS, 0, 1, Period.MONTH)
    quotas = tuple(replace(quota, shares=(Share.GLOBAL,)) for quota in (day, month))
    one, other = case("hi"), case("hi")
    async with open_stage(Choice(small(quotas=quotas)), [one, other]) as stage:
        assert [(await stage.play(played, stream=True)).decision for played in (one, other, one)] == ["allow"] * 3


async def test_the_caller_of_a_case_decides_the_form_of_the_policy() -> None:
    research = Condition((OneOf("team", frozenset({"research"})),))
    choice = Choice(small(), (research,), {0: small(), 1: small(rules={}, detectors={}, masking=())})
    one = case(FORBIDDEN, caller=WrittenCaller(team="research"))
    async with open_stage(choice, [one]) as stage:
        assert (await stage.play(one, stream=False)).decision == "allow"


@pytest.mark.parametrize(
    ("event", "decision"),
    [
        (Event.EXCHANGE_COMPLETED, "allow"),
        (Event.EXCHANGE_REFUSED, "refuse"),
        (Event.GUARD_FAILED, "failed"),
        (Event.UPSTREAM_FAILED, "failed"),
    ],
)
def test_a_guard_that_did_not_run_is_no_decision(event: Event, decision: str) -> None:
    assert decision_of(completed(event=event)) == decision
