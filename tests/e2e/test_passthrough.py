"""The real clients where callers bring the provider's key, and where the proxy holds it."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import openai
import pytest
from anthropic import AsyncAnthropic

from guardproxy.gateway.auth import NO_OWN_KEY
from guardproxy.gateway.passthrough import NO_PROVIDER_KEY, OWN_KEY_THERE, PROVIDER_HEADERS, SEVERAL_PROVIDER_KEYS
from tests.support.proxy import SESSION_KEY, UPSTREAM_KEY, Proxy, running_proxy
from tests.support.upstream import Script, Upstream, answers, completion, running_upstream, streams, whole

PROVIDER_KEY = "sk-test-" + secrets.token_hex(40)
OWN = {"x-guardproxy-key": SESSION_KEY}
MESSAGES: Any = [{"role": "user", "content": "hello"}]
BARE = "version: 1\nname: bare\n"
GOOD = answers(whole(completion()))


@asynccontextmanager
async def proxy_of(folder: Path, script: Script = GOOD, policy: str = BARE) -> AsyncIterator[tuple[Proxy, Upstream]]:
    async with running_upstream(script) as upstream:
        settings = {"credentials": "passthrough"}
        async with running_proxy(upstream.base_url, folder, policy=policy, upstream=settings) as proxy:
            yield proxy, upstream


async def chat(proxy: Proxy, key: str = PROVIDER_KEY, **options: Any) -> Any:
    async with proxy.client(key, **{"default_headers": OWN, **options}) as client:
        return await client.chat.completions.create(model="m", messages=MESSAGES)


async def refusal(proxy: Proxy, key: str = PROVIDER_KEY, **options: Any) -> openai.APIStatusError:
    with pytest.raises(openai.APIStatusError) as caught:
        await chat(proxy, key, **options)
    return caught.value


def written(proxy: Proxy, folder: Path) -> str:
    """Everything the proxy wrote down."""
    proxy.log.flush()
    files = [path.read_text(encoding="utf-8") for path in folder.iterdir() if path.name != "policy.yaml"]
    return "\n".join([proxy.captured.getvalue(), *files])


async def test_the_provider_key_travels_and_the_guardproxy_key_stays(tmp_path: Path) -> None:
    async with proxy_of(tmp_path) as (proxy, upstream):
        answer = await chat(proxy)
        assert answer.choices[0].message.content == "Hello there."
        sent = upstream.last.headers
        assert sent["authorization"] == f"Bearer {PROVIDER_KEY}"
        assert "x-guardproxy-key" not in sent
        assert SESSION_KEY not in json.dumps(sent) + upstream.last.body.decode()
        assert UPSTREAM_KEY not in json.dumps(sent)
        assert proxy.exchange()["key_id"] == "session"
        assert PROVIDER_KEY not in written(proxy, tmp_path)


async def test_a_stream_goes_the_same_way(tmp_path: Path) -> None:
    async with proxy_of(tmp_path, streams("Hel", "lo")) as (proxy, upstream):
        async with proxy.client(PROVIDER_KEY, default_headers=OWN) as client:
            stream = await client.chat.completions.create(model="m", messages=MESSAGES, stream=True)
            assert "".join([piece.choices[0].delta.content or "" async for piece in stream]) == "Hello"
        assert upstream.last.headers["authorization"] == f"Bearer {PROVIDER_KEY}"


async def test_each_client_puts_the_key_where_its_provider_looks(tmp_path: Path) -> None:
    answer = {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn",
        "stop_sequence": None, "content": [{"type": "text", "text": "hi"}],
        "usage": {"input_tokens": 1, "output_tokens": 1},
    }  # fmt: skip
    async with proxy_of(tmp_path, answers(whole(answer))) as (proxy, upstream):
        base = proxy.base_url.removesuffix("/v1")
        for headers, name, value in (
            ({}, "authorization", f"Bearer {PROVIDER_KEY}"),
            ({"authorization": "", "x-api-key": PROVIDER_KEY}, "x-api-key", PROVIDER_KEY),
        ):
            async with AsyncAnthropic(
                base_url=base, api_key=PROVIDER_KEY, default_headers={**OWN, **headers}, max_retries=0
            ) as client:
                await client.messages.create(model="m", max_tokens=5, messages=MESSAGES)
            sent = upstream.last.headers
            assert {each: sent[each] for each in sent if each in PROVIDER_HEADERS} == {name: value}
            assert "x-guardproxy-key" not in sent


async def test_the_header_of_azures_client_travels_too(tmp_path: Path) -> None:
    async with proxy_of(tmp_path) as (proxy, upstream):
        await chat(proxy, "unused", default_headers={**OWN, "authorization": "", "api-key": PROVIDER_KEY})
        assert upstream.last.headers["api-key"] == PROVIDER_KEY
        assert "authorization" not in upstream.last.headers


async def test_the_account_is_that_of_the_guardproxy_key(tmp_path: Path) -> None:
    policy = BARE + "quotas: [{metric: requests, per: hour, limit: 2}]\n"
    async with proxy_of(tmp_path, policy=policy) as (proxy, _):
        for key in (PROVIDER_KEY, PROVIDER_KEY + "2"):
            await chat(proxy, key)
        assert isinstance(await refusal(proxy, PROVIDER_KEY + "3"), openai.RateLimitError)


async def test_two_callers_are_told_apart_on_one_connection(tmp_path: Path) -> None:
    async with proxy_of(tmp_path) as (proxy, upstream):
        for number in range(4):
            await chat(proxy, f"{PROVIDER_KEY}{number % 2}")
        assert [asked.headers["authorization"][-1] for asked in upstream.asked] == ["0", "1", "0", "1"]


@pytest.mark.parametrize(
    ("key", "headers", "message"),
    [
        (PROVIDER_KEY, {}, NO_OWN_KEY),
        (SESSION_KEY, {}, NO_OWN_KEY),
        (SESSION_KEY, OWN, OWN_KEY_THERE),
        ("gpk_" + "x" * 60, OWN, OWN_KEY_THERE),
        (PROVIDER_KEY, {**OWN, "x-api-key": PROVIDER_KEY}, SEVERAL_PROVIDER_KEYS),
        (PROVIDER_KEY, {**OWN, "authorization": "Basic eDp5"}, NO_PROVIDER_KEY),
        (PROVIDER_KEY, {**OWN, "authorization": ""}, NO_PROVIDER_KEY),
    ],
    ids=["no own key", "own key as provider's", "own key twice", "any own key", "two keys", "basic", "empty"],
)
async def test_both_keys_have_to_be_in_their_places(
    tmp_path: Path, key: str, headers: dict[str, str], message: str
) -> None:
    async with proxy_of(tmp_path) as (proxy, upstream):
        refused = await refusal(proxy, key, default_headers=headers)
        assert (refused.status_code, refused.code) == (401, "invalid_api_key")
        assert message in refused.message
        assert upstream.asked == []
        assert PROVIDER_KEY not in written(proxy, tmp_path)


@pytest.mark.parametrize("status", [401, 403])
async def test_a_provider_key_that_the_upstream_refuses_is_the_callers_to_mend(tmp_path: Path, status: int) -> None:
    """Its words are left out: providers quote keys."""
    said = {
        "error": {"message": f"Incorrect API key provided: {PROVIDER_KEY}", "type": "x", "param": None, "code": "y"}
    }
    async with proxy_of(tmp_path, answers(whole(said, status))) as (proxy, _):
        refused = await refusal(proxy)
        assert (refused.status_code, refused.code) == (status, "invalid_provider_key")
        assert proxy.exchange()["event"] == "exchange_refused"
        assert PROVIDER_KEY[:12] not in refused.message + written(proxy, tmp_path)


RULES = """
rules:
- id: own.word
  title: A word
  detector: pattern
  with: {pattern: 'marzipan'}
  applies_to: [user, model]
  severity: high
  action: block
  examples: {match: ['marzipan'], pass: ['bread']}
"""


async def test_no_excerpt_shows_a_part_of_the_provider_key(tmp_path: Path) -> None:
    text = f"{PROVIDER_KEY} marzipan {PROVIDER_KEY}"
    async with proxy_of(tmp_path, answers(whole(completion(text))), BARE + RULES) as (proxy, _):
        refused = await refusal(proxy)
        assert refused.code == "content_policy_violation"
        proxy.log.flush()
        incidents = proxy.incidents.read_text(encoding="utf-8")
        assert "own.word" in incidents
        told = written(proxy, tmp_path)
        assert not any(PROVIDER_KEY[at : at + 8] in told for at in range(len(PROVIDER_KEY) - 8))


async def test_where_the_proxy_holds_the_key_nothing_of_the_callers_travels(tmp_path: Path) -> None:
    async with running_upstream(GOOD) as upstream, running_proxy(upstream.base_url, tmp_path, policy=BARE) as proxy:
        await chat(proxy, default_headers=OWN)
        await chat(proxy, SESSION_KEY, default_headers={})
        for asked in upstream.asked:
            assert asked.headers["authorization"] == f"Bearer {UPSTREAM_KEY}"
            assert not {"x-guardproxy-key", "api-key", "x-api-key"} & set(asked.headers)
        wrong = await refusal(proxy, SESSION_KEY, default_headers={"x-guardproxy-key": "wrong"})
        assert wrong.status_code == 401
