"""The real client with tokens of an identity provider on loopback, through a running proxy."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import openai
import pytest

from guardproxy.oidc.discovery import WELL_KNOWN
from guardproxy.oidc.mapping import caller_id
from guardproxy.oidc.schema import AuthSettings
from tests.support.caller import ask
from tests.support.identity_provider import AUDIENCE, IdentityProvider, running_identity_provider, signing_key
from tests.support.proxy import SESSION_KEY, UPSTREAM_KEY, Proxy, running_proxy
from tests.support.upstream import Upstream, answers, completion, running_upstream, whole

MESSAGES: Any = [{"role": "user", "content": "hello"}]
POLICY = """
version: 1
name: small
quotas: [{metric: requests, per: hour, limit: 2}]
context: {operator_messages: operator_keys}
"""


class Scene:
    def __init__(self, provider: IdentityProvider, proxy: Proxy, upstream: Upstream) -> None:
        self.provider, self.proxy, self.upstream = provider, proxy, upstream

    async def chat(self, token: str, messages: Any = MESSAGES, model: str = "gpt-5", **options: Any) -> str:
        async with self.proxy.client(token, **options) as client:
            answer = await client.chat.completions.create(model=model, messages=messages)
        return answer.choices[0].message.content or ""

    async def refusal(self, token: str, **more: Any) -> openai.APIStatusError:
        with pytest.raises(openai.APIStatusError) as caught:
            await self.chat(token, **more)
        return caught.value


@asynccontextmanager
async def scene(
    folder: Path,
    policy: str = "version: 1\nname: bare\n",
    provider: dict[str, Any] | None = None,
    failures: int | None = 20,
    **issuer: Any,
) -> AsyncIterator[Scene]:
    async with running_identity_provider(**provider or {}) as idp, running_upstream(answers(whole(completion()))) as up:
        written = {"oidc": [{"name": "corp", "issuer": idp.issuer, "audience": [AUDIENCE], **issuer}]}
        auth = AuthSettings.model_validate_json(json.dumps(written))
        async with running_proxy(up.base_url, folder, policy=policy, auth=auth, keys={"failures": failures}) as proxy:
            yield Scene(idp, proxy, up)


async def test_a_token_is_a_key_and_its_holder_stands_in_the_log(tmp_path: Path) -> None:
    async with scene(tmp_path, claims={"name": "preferred_username"}) as on:
        token = on.provider.token(preferred_username="ann")
        assert await on.chat(token) == "Hello there."
        record = on.proxy.exchange()
        assert (record["key_name"], record["key_id"]) == ("corp/ann", caller_id(on.provider.issuer, "u-1"))
        assert on.upstream.last.headers["authorization"] == f"Bearer {UPSTREAM_KEY}"
        assert on.provider.asked == [WELL_KNOWN, "/keys"]
        assert token not in on.proxy.captured.getvalue()
        (loaded,) = on.proxy.events("issuer_keys_loaded")
        assert (loaded["issuer"], loaded["keys"]) == ("corp", 1)


async def test_keys_go_on_working_beside_tokens(tmp_path: Path) -> None:
    async with scene(tmp_path) as on:
        assert await on.chat(SESSION_KEY) == "Hello there."


async def test_each_subject_has_an_account_of_its_own_whatever_its_token(tmp_path: Path) -> None:
    async with scene(tmp_path, POLICY) as on:
        await on.chat(on.provider.token(sub="ann", jti="1"))
        await on.chat(on.provider.token(sub="ann", jti="2"))
        assert isinstance(await on.refusal(on.provider.token(sub="ann", jti="3")), openai.RateLimitError)
        assert await on.chat(on.provider.token(sub="bob"))


async def test_a_team_of_the_issuer_shares_the_account_of_that_team(tmp_path: Path) -> None:
    policy = "version: 1\nname: small\nquotas: [{metric: requests, per: hour, limit: 2, scope: team}]\n"
    team = {"team": {"claim": "groups", "words": {"g-ml": "ml"}}}
    async with scene(tmp_path, policy, claims=team) as on:
        for sub in ("ann", "bob"):
            await on.chat(on.provider.token(sub=sub, groups=["x", "g-ml"]))
        assert isinstance(await on.refusal(on.provider.token(sub="eve", groups="g-ml")), openai.RateLimitError)
        assert await on.chat(on.provider.token(sub="eve", groups=["y"]))


async def test_who_may_speak_as_the_operator_is_said_by_the_settings(tmp_path: Path) -> None:
    speaks = {"speaks_as": {"claim": "/realm_access/roles", "words": {"backend": "operator"}}}
    system = [{"role": "system", "content": "be brief"}, *MESSAGES]
    async with scene(tmp_path, POLICY, claims=speaks) as on:
        refused = await on.refusal(on.provider.token(), messages=system)
        assert (refused.status_code, refused.code) == (403, "role_not_allowed")
        assert await on.chat(on.provider.token(sub="app", realm_access={"roles": ["backend"]}), messages=system)


FAULTS = ("wrong audience", "wrong signature", "unknown issuer", "malformed token")


async def test_who_presents_one_bad_token_after_the_other_has_to_wait(tmp_path: Path) -> None:
    async with scene(tmp_path, failures=1) as on:
        bad = on.provider.token(aud="other")
        assert (await on.refusal(bad)).status_code == 401
        assert (await on.refusal(bad)).code == "too_many_invalid_keys"
        assert await on.chat(on.provider.token())


async def test_a_bad_token_is_a_wrong_key(tmp_path: Path) -> None:
    async with scene(tmp_path) as on:
        good = on.provider.token()
        for token in (
            on.provider.token(aud="other"),
            good[:-6] + "AAAAAA",
            on.provider.token(iss="https://x"),
            "a.b.c",
        ):
            refused = await on.refusal(token)
            assert (refused.status_code, refused.code) == (401, "invalid_api_key")
            assert token not in str(refused.body)
        reasons = [event["reason"] for event in on.proxy.events("key_refused")]
        assert reasons == [f"token: {fault}" for fault in FAULTS]
        expired = await on.refusal(on.provider.token(exp=1_000_000_000, iat=None))
        assert isinstance(expired, openai.AuthenticationError)
        assert isinstance(expired.body, dict)
        assert expired.body["guardproxy"]["reason"] == "expired"
        assert on.upstream.asked == []


async def test_no_mangled_token_opens_anything_or_breaks_the_proxy(tmp_path: Path) -> None:
    chance = random.Random(20261122)
    async with scene(tmp_path, failures=None) as on:
        port = on.proxy.running.listeners.port
        good = on.provider.token()
        for _ in range(300):
            characters = list(good)
            for _ in range(chance.randint(1, 3)):
                at = chance.randrange(len(characters))
                characters[at : at + chance.randint(0, 1)] = chance.choice(["", ".", "A", "-", "=", "~", "e30", "AAAA"])
            token = "".join(characters)
            if token != good:
                answer = await ask(port, "GET", "/v1/models", None, token)
                assert answer.refusal == (401, "invalid_api_key")
        assert on.upstream.asked == []
        assert not on.proxy.events("guard_failed")


async def test_many_first_callers_at_once_fetch_the_keys_once(tmp_path: Path) -> None:
    held = asyncio.Event()
    async with scene(tmp_path, provider={"held": held}) as on:
        calls = [asyncio.create_task(on.chat(on.provider.token(sub=f"u-{number}"))) for number in range(5)]
        while not on.provider.asked:
            await asyncio.sleep(0.001)
        held.set()
        assert await asyncio.gather(*calls) == ["Hello there."] * 5
        assert on.provider.asked == [WELL_KNOWN, "/keys"]


async def test_a_new_key_of_the_issuer_is_found_when_it_is_first_used(tmp_path: Path) -> None:
    async with scene(tmp_path) as on:
        assert await on.chat(on.provider.token())
        on.provider.keys = {"k2": ("EdDSA", signing_key("EdDSA"))}
        assert on.proxy.running.verifier is not None
        (issuer,) = on.proxy.running.verifier.issuers
        await issuer.keys.refresh()
        assert await on.chat(on.provider.token("k2"))


@pytest.mark.parametrize(
    "answer",
    [
        whole({}, 500),
        whole({}, 302, headers=[("location", "http://127.0.0.1:9/")]),
        whole(b'{"keys":[' + b" " * 300_000 + b"]}"),
        whole(b"<html>"),
        b"",
    ],
    ids=["failing", "redirecting", "huge", "no keys", "silent"],
)
async def test_an_issuer_that_does_not_give_its_keys_is_an_outage(tmp_path: Path, answer: bytes) -> None:
    async with scene(tmp_path, provider={"script": answers(answer)}, timeout=0.2) as on:
        refused = await on.refusal(on.provider.token())
        assert (refused.status_code, refused.code) == (503, "identity_provider_unavailable")
        assert 0 < float(refused.response.headers["retry-after-ms"]) <= 12_000
        assert on.proxy.events("issuer_keys_failed")[0]["issuer"] == "corp"
        assert on.proxy.exchange()["event"] == "issuer_unavailable"
        assert await on.chat(SESSION_KEY) == "Hello there."
        assert on.upstream.last.path == "/v1/chat/completions"
        assert len(on.upstream.asked) == 1


async def test_the_address_of_the_keys_may_be_told(tmp_path: Path) -> None:
    async with running_identity_provider() as keys, scene(tmp_path, jwks_url=keys.jwks_url) as on:
        assert await on.chat(on.provider.token())
        assert (on.provider.asked, keys.asked) == ([], ["/keys"])
