from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from ipaddress import ip_network
from typing import Any

import pytest

from guardproxy.core.choice import Choice, PolicySet
from guardproxy.core.policy import Policy, SurfaceRules
from guardproxy.core.principal import Principal
from guardproxy.errors import KeyStoreLost, Retry
from guardproxy.gateway.auth import NO_OWN_KEY
from guardproxy.gateway.entrance import Entrance
from guardproxy.gateway.policies import Policies
from guardproxy.identity.failures import FailureLimiter
from guardproxy.identity.keyring import Keyring
from guardproxy.identity.keys import new_key
from guardproxy.identity.lookup import Refused
from tests.identity.making import MOMENT, PEPPER, made
from tests.support.caller import Answer, ask
from tests.support.gateway import CHAT, KEY, DataPlane, data_plane, replies

LISTED = {"object": "list", "data": [{"id": "gpt-5-mini"}, {"id": "o3"}, {"name": "gpt-5"}, {"x": 1}, "gpt-5"]}


class Scene:
    """A proxy with one key, and a caller on the loopback."""

    def __init__(self, on: DataPlane, token: str) -> None:
        self.on = on
        self.token = token

    async def send(self, method: str, path: str, body: Any = None, *more: str, token: str | None = None) -> Answer:
        raw = None if body is None else json.dumps(body).encode()
        headers = dict(line.split(": ", 1) for line in more)
        return await ask(self.on.listeners.port, method, path, raw, token or self.token, headers=headers)

    async def chat(self, model: str = "m", *more: str, token: str | None = None, **members: Any) -> Answer:
        body = {"model": model, "messages": [{"role": "user", "content": "hi"}], **members}
        return await self.send("POST", CHAT, body, *more, token=token)


@asynccontextmanager
async def scene(
    *, gateway: dict[str, Any] | None = None, reply: Any = None, policy: Policy | None = None, **terms: Any
) -> AsyncIterator[Scene]:
    token, key = made(**terms)
    async with data_plane(reply, policy, keyring=Keyring([key], PEPPER), **(gateway or {})) as on:
        yield Scene(on, token)


async def test_a_key_may_ask_for_its_models_and_for_no_other() -> None:
    async with scene(models=("gpt-5*",)) as one:
        assert (await one.chat("GPT-5-mini")).status == 200
        refused = await one.chat("o3")
        assert refused.refusal == (403, "model_not_allowed")
        assert refused.error["param"] == "model"
        assert "o3" not in refused.error["message"]
        assert (one.on.record["event"], one.on.record["error_code"]) == ("exchange_refused", "model_not_allowed")
        assert one.on.record["key_name"] == "alice"
        assert len(one.on.upstream.sent) == 1


async def test_models_that_are_named_beside_the_first_are_held_against_the_key_too() -> None:
    async with scene(models=("gpt-5*",)) as one:
        refused = await one.chat("gpt-5", judge={"model": "o3"})
        assert refused.refusal == (403, "model_not_allowed")
        assert refused.error["param"] == "judge.model"


async def test_a_policy_in_shadow_lets_no_key_ask_for_other_models() -> None:
    async with scene(models=("gpt-5*",), policy=Policy("p", "r", shadow=True)) as one:
        assert (await one.chat("o3")).refusal == (403, "model_not_allowed")


async def test_a_list_of_models_shows_only_those_the_key_may_ask_for() -> None:
    async with scene(models=("gpt-5*",), reply=lambda: replies(LISTED)) as one:
        assert (await one.send("GET", "/v1/models")).json["data"] == [{"id": "gpt-5-mini"}, {"name": "gpt-5"}]
    async with scene(models=("*",), reply=lambda: replies(LISTED)) as one:
        assert len((await one.send("GET", "/v1/models")).json["data"]) == 5
    async with scene(tags=("a",), reply=lambda: replies(LISTED)) as one:
        assert (await one.send("GET", "/v1/models")).json == LISTED


async def test_one_model_is_shown_only_to_a_key_that_may_ask_for_it() -> None:
    async with scene(models=("gpt-5*",), reply=lambda: replies({"id": "gpt-5"})) as one:
        assert (await one.send("GET", "/v1/models/gpt-5")).status == 200
        assert (await one.send("GET", "/v1/models/o3")).refusal == (403, "model_not_allowed")


async def test_a_key_is_for_its_apis_and_for_no_other() -> None:
    async with scene(routes=("chat_completions",)) as one:
        assert (await one.chat()).status == 200
        assert (await one.send("GET", "/v1/models")).refusal == (403, "route_not_allowed")
        assert (await one.send("GET", "/v1/guardproxy/usage")).status == 200


async def test_a_key_of_certain_models_does_not_reach_what_nobody_looks_at_unless_it_says_so() -> None:
    policy = Policy("p", "r", surfaces={"files": SurfaceRules(uninspected=True)})
    async with scene(models=("m",), policy=policy) as one:
        assert (await one.send("GET", "/v1/files")).refusal == (403, "route_not_allowed")
    async with scene(models=("m",), routes=("files",), policy=policy) as one:
        assert (await one.send("GET", "/v1/files")).status == 200


async def test_a_key_is_for_its_networks_whatever_a_header_says() -> None:
    async with scene(cidrs=("192.0.2.0/24",)) as one:
        for more in ((), ("X-Forwarded-For: 192.0.2.7",)):
            assert (await one.chat("m", *more)).refusal == (403, "address_not_allowed")
        assert (await one.send("GET", "/v1/guardproxy/usage")).refusal == (403, "address_not_allowed")
    async with scene(cidrs=("127.0.0.0/8",)) as one:
        assert (await one.chat()).status == 200


async def test_a_trusted_proxy_says_for_whom_it_asks() -> None:
    trusting = {"entrance": Entrance(trusted=(ip_network("127.0.0.0/8"),))}
    async with scene(cidrs=("192.0.2.0/24",), gateway=trusting) as one:
        assert (await one.chat("m", "X-Forwarded-For: 10.0.0.1, 192.0.2.7")).status == 200
        assert (await one.chat("m", "X-Forwarded-For: 192.0.2.7, 10.0.0.1")).refusal == (403, "address_not_allowed")


async def test_a_key_may_choose_only_the_policies_it_names() -> None:
    own, strict, stricter = (Choice(Policy(name, "r")) for name in ("own", "strict", "stricter"))
    tighter = frozenset({("strict", "own"), ("stricter", "own")})
    named = {choice.policy.name: choice for choice in (own, strict, stricter)}
    policies = {"policies": Policies(PolicySet("r", own, named, tighter=tighter))}
    async with scene(policies=("strict",), gateway=policies) as one:
        asked = {name: await one.chat("m", f"x-guardproxy-use-policy: {name}") for name in (*named, "none")}
        assert {name: answer.status for name, answer in asked.items()} == {
            "own": 200, "strict": 200, "stricter": 403, "none": 403,
        }  # fmt: skip
        assert asked["stricter"].error["message"] == asked["none"].error["message"]


@pytest.mark.parametrize(
    "changes",
    [
        {"expires": MOMENT - timedelta(days=9999)},
        {"not_before": MOMENT + timedelta(days=1)},
        {"revoked": MOMENT},
        {"digest": secrets.token_hex(32)},
    ],
)
async def test_a_key_that_does_not_open_is_told_in_the_words_of_any_other(changes: dict[str, Any]) -> None:
    told: list[dict[str, Any]] = []
    async with scene(gateway={"entrance": Entrance(tell=lambda _, **fields: told.append(fields))}, **changes) as one:
        said = await one.chat()
        other = await one.chat(token=new_key(secrets.token_bytes).token)
        assert said.refusal == other.refusal == (401, "invalid_api_key")
        assert said.error["message"] == other.error["message"]
        first, second = told
        assert first["key_id"] == one.token[4:16]
        assert second["reason"] == "unknown"
        assert "key_id" not in second


async def test_an_address_with_too_many_invalid_keys_has_to_wait_and_a_valid_key_opens_all_the_same() -> None:
    token = new_key(secrets.token_bytes).token
    async with scene(gateway={"entrance": Entrance(FailureLimiter(3, 60.0))}) as one:
        answers = [await one.chat(token=token) for _ in range(6)]
        assert [answer.status for answer in answers] == [401, 401, 401, 429, 429, 429]
        assert {answer.error["code"] for answer in answers[3:]} == {"too_many_invalid_keys"}
        assert 1 <= int(answers[3].headers["retry-after"]) <= 60
        assert (await one.chat()).status == 200
        assert (await one.chat(token=token)).status == 429


async def test_what_was_presented_is_told_by_a_keyed_digest_and_only_until_it_is_too_much() -> None:
    junk = [secrets.token_urlsafe(24) for _ in range(2)]
    told: list[dict[str, Any]] = []

    door = Entrance(FailureLimiter(3, 60.0), tell=lambda _, **fields: told.append(fields))
    async with scene(gateway={"entrance": door}) as one:
        for token in (*junk, junk[0], junk[1], junk[0], junk[1]):
            await one.chat(token=token)
        assert [fields["limited"] for fields in told] == [False, False, False, True]
        marks = [fields["presented"] for fields in told]
        assert marks == [marks[0], marks[1]] * 2
        assert len(set(marks)) == 2
        assert {fields["address"] for fields in told} == {"127.0.0.1"}
        assert not any(token in str(told) + one.on.captured.getvalue() for token in junk)


async def test_a_request_without_a_key_is_no_failure_of_its_address() -> None:
    async with scene(gateway={"entrance": Entrance(FailureLimiter(1, 60.0))}) as one:
        for _ in range(5):
            assert (await ask(one.on.listeners.port, "GET", "/v1/models", None, None)).status == 401
        assert (await one.chat(token="junk")).status == 401


class Away:
    """Keys that nobody can look up."""

    def find(self, token: str, now: float) -> Principal | None:
        raise KeyStoreLost("try again later", retry=Retry(after_ms=1000))

    def why_refused(self, token: str, now: float) -> Refused:
        return Refused("unknown", None, "")

    def signing_secret(self, key_id: str) -> str:
        return key_id


async def test_keys_that_cannot_be_looked_up_are_an_outage_and_no_failure_of_the_caller() -> None:
    door = Entrance(FailureLimiter(1, 60.0))
    async with data_plane(keyring=Away(), entrance=door) as on:
        for _ in range(3):
            answer = await on.chat()
            assert answer.refusal == (503, "key_store_unavailable")
            assert answer.headers["retry-after"] == "1"
        assert on.record["event"] == "key_store_unavailable"
        assert len(door.failures) == 0


async def test_callers_of_anthropics_api_hear_of_it_in_its_shape() -> None:
    async with scene(models=("claude-*",), gateway={"entrance": Entrance(FailureLimiter(1, 60.0))}) as one:
        body = {"model": "gpt-5", "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]}
        said = [
            (await one.send("POST", "/v1/messages", body, token=token)).json["error"]
            for token in (None, "junk", "junk")
        ]
        assert [error["type"] for error in said] == ["permission_error", "authentication_error", "rate_limit_error"]
        assert [error["details"]["error_code"] for error in said] == [
            "model_not_allowed", "invalid_api_key", "too_many_invalid_keys",
        ]  # fmt: skip


BODY = b'{"model":"m","messages":[{"role":"user","content":"hi"}]}'


async def status(port: int, headers: dict[str, str]) -> int:
    return (await ask(port, "POST", CHAT, BODY, headers=headers)).status


async def test_the_header_of_our_own_counts_before_the_others() -> None:
    other = secrets.token_urlsafe(32)
    async with data_plane() as on:
        port = on.listeners.port
        assert await status(port, {"x-guardproxy-key": KEY}) == 200
        assert await status(port, {"x-guardproxy-key": KEY, "authorization": f"Bearer {other}"}) == 200
        assert await status(port, {"x-guardproxy-key": other, "authorization": f"Bearer {KEY}"}) == 401


async def test_where_callers_bring_the_providers_key_the_other_headers_are_not_looked_at() -> None:
    async with data_plane(passthrough=True) as on:
        answer = await on.chat()
        assert answer.error["message"] == NO_OWN_KEY
        usage = await ask(on.listeners.port, "GET", "/v1/guardproxy/usage", None, headers={"x-guardproxy-key": KEY})
        assert usage.status == 200
