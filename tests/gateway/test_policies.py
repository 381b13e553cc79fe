"""The policy of an exchange: the key's, the stricter one it asks for, and the form its conditions give it."""

from __future__ import annotations

import json
from dataclasses import replace

from guardproxy.core.choice import Choice, PolicySet
from guardproxy.core.conditions import Condition, OneOf
from guardproxy.core.policy import Policy, RequestLimits
from guardproxy.core.principal import Principal
from guardproxy.core.verdict import Action
from guardproxy.gateway.policies import ASKING_HEADER, Policies, facts_of
from tests.support.caller import ask
from tests.support.gateway import CHAT, KEY, data_plane
from tests.support.policies import HIDDEN, SMALL

STRICT = replace(
    SMALL,
    name="strict",
    revision="r2",
    rules={name: replace(rule, action=Action.BLOCK) for name, rule in SMALL.rules.items()},
)
SET = PolicySet(
    "set", Choice(SMALL), {"small": Choice(SMALL), "strict": Choice(STRICT)}, tighter=frozenset({("strict", "small")})
)
BODY = json.dumps({"model": "m", "messages": [{"role": "user", "content": HIDDEN}]}).encode()


async def test_a_caller_may_ask_for_a_stricter_policy_and_for_no_other() -> None:
    async with data_plane(policies=Policies(SET)) as on:
        port = on.listeners.port
        assert (await ask(port, "POST", CHAT, BODY, KEY)).headers["x-guardproxy-policy"] == "small@r1"
        stricter = await ask(port, "POST", CHAT, BODY, KEY, {ASKING_HEADER: "strict"})
        assert (stricter.status, stricter.headers["x-guardproxy-policy"]) == (400, "strict@r2")
        assert on.record["policy"] == "strict"
        for name in ("nosuch", "small, strict"):
            refused = await ask(port, "POST", CHAT, BODY, KEY, {ASKING_HEADER: name})
            assert refused.refusal == (403, "policy_not_allowed")


async def test_a_policy_that_is_not_stricter_is_refused_like_one_that_does_not_exist() -> None:
    looser = replace(SET, default=Choice(STRICT))
    async with data_plane(policies=Policies(looser)) as on:
        answers = [
            await ask(on.listeners.port, "POST", CHAT, BODY, KEY, {ASKING_HEADER: name}) for name in ("small", "nosuch")
        ]
        messages = {json.loads(answer.body)["error"]["message"] for answer in answers}
        assert len(messages) == 1


async def test_the_form_follows_the_model_and_the_metadata_of_the_request() -> None:
    mini = Condition((OneOf("model", frozenset({"mini-*"})),))
    form = replace(SMALL, revision="r1-1", limits=RequestLimits(messages=1, body_bytes=200))
    choice = Choice(SMALL, (mini,), {0: SMALL, 1: form})
    async with data_plane(policies=Policies.of(choice)) as on:
        assert (await on.chat("hi")).headers["x-guardproxy-policy"] == "small@r1"
        assert (await on.chat("hi", model="mini-1")).headers["x-guardproxy-policy"] == "small@r1-1"
        assert on.record["revision"] == "r1-1"
        assert (await on.chat("x" * 300, model="mini-1")).refusal == (413, "request_too_large")
        assert (await on.chat("x" * 300)).status == 200


def test_facts_are_read_as_they_are_and_nothing_is_made_up() -> None:
    who = Principal("id", "widget", team="research")
    facts = facts_of(who, "chat_completions", {"model": 5, "metadata": {"tier": "gold", "n": 1}})
    assert facts == ("widget", "research", "chat_completions", "", {"tier": "gold"})
    assert facts_of(Principal("id", "w"), "models", ["x"]) == ("w", "", "models", "", {})


def test_what_came_of_changes_is_kept() -> None:
    policies = Policies.of(Policy("one", "r1"))
    policies.reject(["my.yaml:3: a mistake"], 7)
    assert (policies.current.revision, policies.rejections, policies.reloads) == ("r1", 1, 0)
    assert policies.rejected == (7, ("my.yaml:3: a mistake",))
    policies.take(PolicySet.of(Policy("two", "r2")), 9, pinned=True)
    assert (policies.current.revision, policies.since_ms, policies.pinned, policies.reloads) == ("r2", 9, True, 1)
