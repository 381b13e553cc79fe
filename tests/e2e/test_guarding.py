"""What a policy does to exchanges, seen from both sides: blocks, redactions, roles, quotas, slow readers."""

from __future__ import annotations

import asyncio
import base64
import os
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from guardproxy.identity.keyfile import ensure_pepper, rewrite_keys
from guardproxy.identity.keys import digest, new_key
from guardproxy.identity.stored import StoredKey
from guardproxy.quota.tokenizer import EstimatingTokenizer
from tests.e2e.scene import CHAT, MARK, POLICY, Scene, chat, said, scene
from tests.support.caller import Answer, ask, calling, request
from tests.support.proxy import SESSION_KEY
from tests.support.rest import until
from tests.support.upstream import (
    DONE,
    STREAM_END,
    STREAM_HEAD,
    Asked,
    Send,
    answers,
    chunk,
    completion,
    event,
    piece,
    streams,
    whole,
)

NO_QUOTAS, RULES = POLICY.partition("quotas:")[0], POLICY[POLICY.index("rules:") :]

ABOUT_120_TOKENS = "the tide is calm " * 30


def with_quotas(*quotas: str) -> str:
    return f"{NO_QUOTAS}quotas: [{', '.join(quotas)}]\n{RULES}"


def streamed_text(answer: Answer) -> str:
    frames = [each for each in answer.events if each != "[DONE]"]
    return "".join(choice["delta"].get("content") or "" for each in frames for choice in each["choices"])


async def test_what_a_rule_hides_in_user_text_does_not_reach_the_upstream(tmp_path: Path) -> None:
    async with scene(tmp_path) as on:
        answer = await on.chat(messages=said(f"{MARK} codeword-tulip"), unheard_of=["codeword-rose"])
        assert answer.headers["x-guardproxy-decision"] == "redact"
        assert on.upstream.last.json == {
            "model": "m",
            "messages": said(f"{MARK} [REDACTED:own.codeword]"),
            "unheard_of": ["[REDACTED:own.codeword]"],
        }
        record = on.proxy.exchange()
        assert (record["event"], record["direction"]) == ("exchange_redacted", "request")
        assert record["rules"] == {"own.codeword": 2}


async def test_a_blocked_request_is_a_400_with_an_incident(tmp_path: Path) -> None:
    async with scene(tmp_path) as on:
        answer = await on.chat(messages=said(f"{MARK} forbidden phrase"))
        assert answer.refusal == (400, "content_policy_violation")
        assert answer.error["param"] == "messages[0].content"
        incident = answer.error["guardproxy"]["incident_id"]
        assert incident == on.proxy.exchange()["incident_id"]
        assert incident in on.proxy.incidents.read_text(encoding="utf-8")
        assert on.ended == "exchange_blocked"
        assert on.upstream.asked == []


async def test_a_blocked_whole_answer_is_a_400(tmp_path: Path) -> None:
    async with scene(tmp_path, answers(whole(completion("a forbidden phrase")))) as on:
        answer = await on.chat()
        assert answer.refusal == (400, "content_policy_violation")
        assert on.ended == "exchange_blocked"
        assert on.proxy.exchange()["direction"] == "response"
        assert on.proxy.exchange()["tokens"] == {"reported": 12}


async def test_a_stream_blocked_midway_ends_with_content_filter_and_done(tmp_path: Path) -> None:
    read = asyncio.Event()

    async def script(asked: Asked, send: Send) -> None:
        await send(STREAM_HEAD + piece(event(chunk({"content": "All is well. "}))))
        await read.wait()
        for text in ("Now a forbid", "den phrase", " and more"):
            await send(piece(event(chunk({"content": text}))))
        await asyncio.Event().wait()

    async with scene(tmp_path, script) as on, calling(on.port) as caller:
        await caller.send(request("POST", CHAT, chat(stream=True), SESSION_KEY))
        status, headers = await caller.head()
        assert status == 200
        first = await caller.chunk()
        read.set()
        answer = Answer(status, headers, first + await caller.rest())
        assert streamed_text(answer) == "All is well. Now a "
        assert answer.events[-1] == "[DONE]"
        assert answer.events[-2]["choices"][0]["finish_reason"] == "content_filter"
        record = on.proxy.exchange()
        assert (record["event"], record["status"]) == ("exchange_blocked", 200)
        assert record["incident_id"] in on.proxy.incidents.read_text(encoding="utf-8")
        # The upstream would go on for ever; nobody listens any more.
        await asyncio.wait_for(on.upstream.gone.wait(), 5)


async def test_a_stream_blocked_in_its_first_event_is_a_400(tmp_path: Path) -> None:
    async def script(asked: Asked, send: Send) -> None:
        await send(STREAM_HEAD + piece(event(chunk({"content": "a forbidden phrase"}))) + piece(DONE) + STREAM_END)

    async with scene(tmp_path, script) as on:
        answer = await on.chat(stream=True)
        assert answer.refusal == (400, "content_policy_violation")
        assert answer.error["guardproxy"]["incident_id"] == on.proxy.exchange()["incident_id"]
        assert on.ended == "exchange_blocked"


async def test_an_unknown_role_is_refused(tmp_path: Path) -> None:
    async with scene(tmp_path) as on:
        answer = await on.chat(messages=said(MARK, "wizard"))
        assert (answer.status, answer.error["param"]) == (400, "messages[0].role")
        assert on.proxy.exchange()["rules"] == {"context.unknown-role": 1}
        assert on.ended == "exchange_blocked"
        assert on.upstream.asked == []


@pytest.mark.parametrize("role", ["system", "developer", " System"])
async def test_only_keys_of_operators_may_speak_as_the_operator(role: str, tmp_path: Path) -> None:
    tokens = {who: make_key(tmp_path / "keys.yaml", who) for who in ("user", "operator")}
    async with scene(tmp_path, keys={"file": str(tmp_path / "keys.yaml")}) as on:
        body = chat(messages=[*said(MARK, role), *said(MARK)])
        refused = await on.post(body, key=tokens["user"])
        assert refused.refusal == (403, "role_not_allowed")
        assert refused.error["param"] == "messages[0].role"
        assert on.ended == "exchange_blocked"
        assert on.upstream.asked == []
        if role != " System":
            assert (await on.post(body, key=tokens["operator"])).status == 200
        assert (await on.post(chat(), key=tokens["user"])).status == 200
        assert not any(token in on.proxy.captured.getvalue() for token in tokens.values())


async def test_audio_is_blocked_and_an_image_passes_and_counts_as_skipped(tmp_path: Path) -> None:
    data = base64.b64encode(os.urandom(30)).decode()
    image = [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}]
    audio = [{"type": "input_audio", "input_audio": {"data": data, "format": "wav"}}]
    async with scene(tmp_path) as on:
        assert (await on.chat(messages=said(image))).status == 200
        assert on.upstream.last.json["messages"] == said(image)
        assert on.proxy.exchange()["coverage"]["skipped"] == {"image": 1}
        answer = await on.chat(messages=said(audio))
        assert answer.refusal == (400, "content_policy_violation")
        assert answer.error["param"] == "messages[0].content[0]"
        assert on.proxy.exchange()["rules"] == {"opaque.audio": 1}
        assert len(on.upstream.asked) == 1


async def test_a_key_that_has_used_up_its_requests_is_told_when_to_come_back(tmp_path: Path) -> None:
    async with scene(tmp_path, policy=with_quotas("{metric: requests, per: hour, limit: 2}")) as on:
        first = await on.chat()
        assert first.headers["x-ratelimit-limit-requests"] == "2"
        assert first.headers["x-ratelimit-remaining-requests"] == "1"
        blocked = await on.chat(messages=said("forbidden phrase"))
        assert (blocked.status, blocked.headers["x-ratelimit-remaining-requests"]) == (400, "0")
        denied = await on.chat()
        assert denied.refusal == (429, "rate_limit_exceeded")
        assert denied.error["type"] == "requests"
        # An hour is longer than any client should wait inside a call.
        assert denied.headers["x-should-retry"] == "false"
        assert denied.headers["x-ratelimit-reset-requests"].endswith("s")
        assert on.ended == "quota_refused"
        assert len(on.upstream.asked) == 1


async def test_a_short_wait_is_told_in_milliseconds(tmp_path: Path) -> None:
    async with scene(tmp_path, policy=with_quotas("{metric: requests, per: minute, limit: 1}")) as on:
        await on.chat()
        denied = await on.chat()
        assert denied.status == 429
        assert 0 < int(denied.headers["retry-after-ms"]) < 77_100
        assert int(denied.headers["retry-after"]) == -(-int(denied.headers["retry-after-ms"]) // 1000)
        # Looking at what there is counts as a request too.
        assert (await ask(on.port, "GET", "/v1/models", None, SESSION_KEY)).status == 429


async def test_a_request_too_large_for_its_token_limit_is_never_worth_another_try(tmp_path: Path) -> None:
    async with scene(tmp_path, policy=with_quotas("{metric: tokens, per: minute, limit: 100}")) as on:
        denied = await on.chat(max_completion_tokens=500)
        assert denied.refusal == (429, "rate_limit_exceeded")
        assert denied.error["type"] == "tokens"
        assert denied.headers["x-should-retry"] == "false"


async def test_tokens_are_settled_with_what_the_upstream_reports(tmp_path: Path) -> None:
    async with scene(tmp_path, policy=with_quotas("{metric: tokens, per: hour, limit: 10000}")) as on:
        assert (await on.chat(max_completion_tokens=5000)).status == 200
        assert await tokens_used(on) == 12
        usage = {"prompt_tokens": 100, "completion_tokens": 30, "total_tokens": 130}

        async def script(asked: Asked, send: Send) -> None:
            last = {**chunk({}), "choices": [], "usage": usage}
            await send(STREAM_HEAD + piece(event(chunk({"content": "hi"}))) + piece(event(last)) + piece(DONE))
            await send(STREAM_END)

        on.upstream.script = script
        await on.chat(stream=True)
        assert on.proxy.exchange()["tokens"] == {"reported": 130}
        assert await tokens_used(on) == 142
        on.upstream.script = answers(whole({"error": {"message": "no", "type": "x"}}, 400))
        await on.chat()
        assert await tokens_used(on) == 142


async def test_a_caller_who_leaves_pays_for_what_was_said(tmp_path: Path) -> None:
    async def script(asked: Asked, send: Send) -> None:
        await send(STREAM_HEAD + piece(event(chunk({"content": ABOUT_120_TOKENS}))))
        await asyncio.Event().wait()

    quota = with_quotas("{metric: tokens, per: hour, limit: 10000}")
    async with scene(tmp_path, script, policy=quota) as on, calling(on.port) as caller:
        await caller.send(request("POST", CHAT, chat(stream=True, max_completion_tokens=9000), SESSION_KEY))
        await caller.head()
        await caller.chunk()
        caller.vanish()
        await until(lambda: bool(on.proxy.events("client_disconnected")))
        assert "estimated" in on.proxy.exchange()["tokens"]
        assert 100 < await tokens_used(on) < 150


async def test_a_stream_is_charged_by_its_text_where_no_usage_is_reported(tmp_path: Path) -> None:
    quota = with_quotas("{metric: tokens, per: hour, limit: 10000}")
    async with scene(tmp_path, streams(ABOUT_120_TOKENS), policy=quota) as on:
        await on.chat(stream=True)
        assert 100 < await tokens_used(on) < 150


async def test_a_caller_who_does_not_read_stops_the_upstream_from_being_read(tmp_path: Path) -> None:
    frame = piece(event({"object": "chat.completion.chunk", "choices": [], "padding": [10_000] * 11_000}))
    most = 64 * 1024 * 1024

    async def script(asked: Asked, send: Send) -> None:
        await send(STREAM_HEAD)
        while on.upstream.sent < most:
            await send(frame)
        await send(piece(DONE) + STREAM_END)

    async with scene(tmp_path, script) as on, calling(on.port, limit=1024) as caller:
        await caller.send(request("POST", CHAT, chat(stream=True), SESSION_KEY))
        await caller.head()
        before = -1
        while on.upstream.sent != before:  # until it stands still
            before = on.upstream.sent
            await asyncio.sleep(0.1)
        # The kernel's socket buffers on both legs hold some megabytes; the proxy itself must not hold the rest.
        assert before < most
        assert on.proxy.running.gateway.lifecycle.in_flight == 1
        assert (await caller.rest()).endswith(DONE)
        assert on.upstream.sent > most


async def test_what_is_not_touched_is_not_changed(tmp_path: Path) -> None:
    body = (
        b'{ "model":"m", "b":1.0,"a":123456789012345678901234567890,"messages":[{"role":"user","content":"\\u00e9"}]}'
    )
    async with scene(tmp_path) as on:
        assert (await on.post(body)).status == 200
        assert on.upstream.last.json == {
            "model": "m",
            "b": 1.0,
            "a": 123456789012345678901234567890,
            "messages": said("é"),
        }
        assert list(on.upstream.last.json) == ["model", "b", "a", "messages"]


async def tokens_used(on: Scene) -> int:
    """What the key has used of its token limit. A look at the models takes none."""
    # The quota of tokens is told by the next request that has text; a blocked one uses nothing.
    answer = await on.chat(messages=said("forbidden phrase"), max_completion_tokens=1)
    limit, left = (int(answer.headers[f"x-ratelimit-{what}-tokens"]) for what in ("limit", "remaining"))
    return limit - left - _reserved(on)


def _reserved(on: Scene) -> int:
    """Of the probing request: its own text, and the one token it allows."""
    return EstimatingTokenizer().count("m", ["forbidden phrase", "m"]) + 1


def make_key(file: Path, speaks_as: Any) -> str:
    """A key in a key file, made as `guardproxy keys create` does; the token to present."""
    pepper = ensure_pepper(file, {}, secrets.token_bytes)
    made = new_key(secrets.token_bytes)
    stored = StoredKey(
        id=made.key_id,
        name=speaks_as,
        digest=digest(made.token, pepper),
        speaks_as=speaks_as,
        created=datetime.now(UTC),
    )
    rewrite_keys(file, lambda known: (*known, stored))
    return made.token
