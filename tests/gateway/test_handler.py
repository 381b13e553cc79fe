"""The story of an exchange in its order: what is asked first, and what always happens at the end."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import pytest

from guardproxy.audit.registry import exposition
from guardproxy.core.exchange import Provenance
from guardproxy.core.policy import (
    ParameterRules,
    RequestLimits,
    ServerState,
    SurfaceRules,
    Unknown,
)
from guardproxy.core.quota import Metric, Period, Quota
from guardproxy.errors import QuotaStoreUnavailable, Retry
from guardproxy.gateway.handler import new_request_id
from guardproxy.identity.keyring import SESSION
from guardproxy.quota.ledger import MemoryLedger
from guardproxy.quota.model import Admission
from guardproxy.quota.plan import Planner
from guardproxy.quota.price import Price, PriceTable
from tests.support.caller import Answer, ask, calling, request
from tests.support.gateway import CHAT, KEY, BrokenDetector, DataPlane, Reply, data_plane, replies
from tests.support.policies import FORBIDDEN, HIDDEN, PLACEHOLDER, SMALL, small
from tests.support.prometheus import Page, read_page
from tests.support.rest import until
from tests.support.upstream import completion

WRONG_JSON = b'{"a":1,"a":2}'
QUOTAS = (Quota(Metric.REQUESTS, 3600, 3), Quota(Metric.TOKENS, 3600, 100_000))


def test_request_ids_differ_and_look_alike() -> None:
    ids = {new_request_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(re.fullmatch(r"req_[0-9a-f]{24}", each) for each in ids)


async def test_an_exchange_leaves_one_record_that_tells_all() -> None:
    async with data_plane(policy=SMALL) as on:
        answer = await on.chat("hello", user="u-1")
        (record,) = [each for each in on.events() if "request_id" in each]
        assert record["request_id"] == answer.headers["x-request-id"]
        assert record["event"] == "exchange_completed"
        assert (record["method"], record["route"], record["status"], record["stream"]) == ("POST", CHAT, 200, False)
        assert (record["policy"], record["revision"], record["model"]) == ("small", "r1", "m")
        assert record["key_id"] == "session"
        assert record["coverage"]["inspected"]["user"] >= 2
        assert record["tokens"] == {"reported": 12}
        assert set(record["timings_us"]) == {"total", "guard_request", "upstream_first_byte", "guard_response"}
        assert record["bytes_in"] > 0
        assert record["time"] == "2026-03-01T12:00:00.250Z"


async def test_the_path_is_asked_before_the_key_and_the_key_before_the_body() -> None:
    async with data_plane(policy=SMALL) as on:
        port = on.listeners.port
        assert (await ask(port, "POST", "/v1/nothing", WRONG_JSON)).refusal == (404, "unknown_url")
        assert (await ask(port, "POST", CHAT, WRONG_JSON)).refusal == (401, "invalid_api_key")
        assert (await ask(port, "POST", CHAT, WRONG_JSON, KEY)).refusal == (400, "invalid_json")
        assert [each["event"] for each in on.events() if "request_id" in each] == ["exchange_refused"] * 3
        assert on.upstream.sent == []


async def test_what_nobody_served_is_not_written_into_the_log() -> None:
    async with data_plane(policy=SMALL) as on:
        await ask(on.listeners.port, "MARZIPAN", "/marzipan", None, KEY)
        assert (on.record["method"], on.record["route"]) == ("-", "-")
        await on.get("/v1/models/marzipan")
        assert on.record["route"] == "/v1/models/{id}"
        assert "marzipan" not in on.captured.getvalue().lower()


async def test_the_rewritten_request_goes_out_and_nothing_else_of_it_changes() -> None:
    async with data_plane(policy=SMALL) as on:
        await on.chat(f"a {HIDDEN}", x=[1.5, None, 10**25])
        sent = json.loads(on.upstream.sent[0].body or b"")
        messages = [{"role": "user", "content": f"a {PLACEHOLDER}"}]
        assert sent == {"model": "m", "messages": messages, "x": [1.5, None, 10**25]}
        assert on.record["event"] == "exchange_redacted"


async def test_limits_and_roles_are_held_before_any_quota_is_touched() -> None:
    policy = small(limits=RequestLimits(messages=1), quotas=QUOTAS)
    async with data_plane(policy=policy) as on:
        two = [{"role": "user", "content": "hi"}] * 2
        assert (await on.chat(messages=two)).refusal == (400, "limit_exceeded")
        assert (await on.chat(messages=[{"role": "wizard", "content": "hi"}])).status == 400
        answer = await on.chat()
        assert answer.headers["x-ratelimit-remaining-requests"] == "2"


async def test_a_blocked_request_counts_as_one_and_uses_no_tokens() -> None:
    async with data_plane(policy=small(quotas=QUOTAS)) as on:
        assert (await on.chat(FORBIDDEN)).refusal == (400, "content_policy_violation")
        answer = await on.get("/v1/models")
        assert answer.headers["x-ratelimit-remaining-requests"] == "1"
        denied = [await on.chat(), await on.chat()][-1]
        assert denied.refusal == (429, "rate_limit_exceeded")
        assert denied.headers["x-ratelimit-remaining-tokens"] == str(100_000 - 12)
        assert on.record["event"] == "quota_refused"


async def test_a_guard_that_breaks_is_an_outage_and_nothing_is_sent() -> None:
    policy = small(detectors={Provenance.USER: (BrokenDetector(),)}, quotas=QUOTAS)
    async with data_plane(policy=policy) as on:
        answer = await on.chat("marzipan")
        assert answer.refusal == (503, "guardrail_unavailable")
        assert on.upstream.sent == []
        record = on.record
        assert (record["event"], record["error_code"]) == ("guard_failed", "guardrail_unavailable")
        assert record["cause"].startswith("LookupError at gateway.py:")
        assert "action" not in record
        assert "marzipan" not in answer.body.decode() + on.captured.getvalue()


async def test_a_failure_of_ours_is_a_500_without_its_text() -> None:
    class Broken(MemoryLedger):
        async def admit(self, *_: object) -> None:  # type: ignore[override]
            raise LookupError("marzipan")

    async with data_plane(policy=small(quotas=QUOTAS), ledger=Broken(lambda: 0)) as on:
        answer = await on.chat()
        assert answer.refusal == (500, "internal_error")
        assert on.record["event"] == "guard_failed"
        assert "marzipan" not in answer.body.decode() + on.captured.getvalue()


async def test_while_draining_a_new_exchange_is_refused() -> None:
    async with data_plane(policy=SMALL) as on:
        on.gateway.lifecycle.draining = True
        answer = await on.chat()
        assert answer.refusal == (503, "shutting_down")
        assert on.record["event"] == "exchange_refused"


async def test_a_caller_who_leaves_is_settled_and_recorded() -> None:
    class Silent(Reply):
        async def body(self, limit: int) -> bytes:
            await asyncio.Event().wait()
            raise AssertionError

    async with data_plane(Silent, small(quotas=QUOTAS)) as on, calling(on.listeners.port) as caller:
        body = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
        await caller.send(request("POST", CHAT, json.dumps(body).encode(), KEY))
        await until(lambda: bool(on.upstream.replied))
        caller.vanish()
        await until(lambda: on.gateway.lifecycle.in_flight == 0)
        assert on.record["event"] == "client_disconnected"


async def test_a_large_body_is_read_like_a_small_one() -> None:
    async with data_plane(policy=SMALL) as on:
        answer = await on.chat("word " * 100_000 + HIDDEN)
        assert answer.status == 200
        assert json.loads(on.upstream.sent[0].body or b"")["messages"][0]["content"].endswith(PLACEHOLDER)
        broken = await ask(on.listeners.port, "POST", CHAT, b'{"a":"' + b"x" * 300_000 + b'"', KEY)
        assert broken.refusal == (400, "invalid_json")


async def test_what_becomes_of_unknown_parameters_is_the_policys_word() -> None:
    for unknown, status, forwarded in (
        (Unknown.PASS, 200, {"unheard_of": 1}),
        (Unknown.STRIP, 200, {}),
        (Unknown.REJECT, 400, None),
    ):
        async with data_plane(policy=small(parameters=ParameterRules(unknown))) as on:
            answer = await on.chat(unheard_of=1)
            assert answer.status == status
            sent = [json.loads(each.body or b"") for each in on.upstream.sent]
            assert [{k: v for k, v in each.items() if k not in ("model", "messages")} for each in sent] == (
                [] if forwarded is None else [forwarded]
            )


async def test_a_parameter_that_would_defeat_the_guard_is_refused_unless_the_policy_allows_it_by_name() -> None:
    async with data_plane(policy=SMALL) as on:
        answer = await on.chat(chat_template="{{ messages }}")
        assert answer.refusal == (400, "unsupported_parameter")
        assert answer.error["param"] == "chat_template"
        assert on.record["event"] == "exchange_refused"
        assert on.upstream.sent == []
    allowing = small(parameters=ParameterRules(allow=frozenset({"chat_template"})))
    async with data_plane(policy=allowing) as on:
        assert (await on.chat(chat_template="x")).status == 200


async def test_a_surface_the_policy_closes_is_not_there_for_anybody() -> None:
    policy = small(surfaces={"chat_completions": SurfaceRules(open=False)})
    async with data_plane(policy=policy) as on:
        assert (await on.chat()).refusal == (404, "unknown_url")
        assert on.upstream.sent == []
        assert (await on.get("/v1/models")).status == 200


async def test_each_inspected_answer_says_how_much_of_the_exchange_could_be_read() -> None:
    image = [{"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}}]
    async with data_plane(policy=SMALL) as on:
        assert (await on.chat()).headers["x-guardproxy-coverage"] == "full"
        assert on.record["extent"] == "full"
        assert (await on.chat(image)).headers["x-guardproxy-coverage"] == "partial"
        assert (on.record["extent"], on.record["coverage"]["skipped"]["image"]) == ("partial", 1)
        assert "x-guardproxy-coverage" not in (await on.chat(FORBIDDEN)).headers


async def test_what_would_have_to_be_hidden_in_a_path_is_not_sent() -> None:
    async with data_plane(policy=small(server_state=ServerState.ALLOW)) as on:
        for path in (f"/v1/models/{HIDDEN}", f"/v1/responses/{HIDDEN}"):
            answer = await on.get(path)
            assert answer.refusal == (400, "content_policy_violation")
            assert HIDDEN not in answer.body.decode()
        assert on.upstream.sent == []
        assert on.record["event"] == "exchange_blocked"


async def test_a_response_made_in_the_background_is_charged_at_once_and_fetched_for_nothing() -> None:
    queued: dict[str, Any] = {"id": "resp_1", "object": "response", "status": "queued", "output": [], "usage": None}
    done = {**queued, "status": "completed", "usage": {"total_tokens": 500}}
    tokens = Quota(Metric.TOKENS, 3600, 1000)
    ledger = MemoryLedger(lambda: 0)
    said = iter([queued, done])
    policy = small(quotas=(tokens,), server_state=ServerState.OWN)
    async with data_plane(lambda: Reply(json.dumps(next(said)).encode()), policy, ledger=ledger) as on:
        body = {"model": "m", "input": "x" * 30, "background": True, "max_output_tokens": 100}
        made = await ask(on.listeners.port, "POST", "/v1/responses", json.dumps(body).encode(), KEY)
        assert made.status == 200
        assert (await on.get("/v1/responses/resp_1")).json == done
        accounts = on.gateway.planner.plan(policy, SESSION, "m", True).accounts
        assert 100 < (await ledger.look(accounts))[0].used < 150


async def test_a_hard_limit_writes_a_cap_into_a_request_that_has_none() -> None:
    hard = small(quotas=(Quota(Metric.TOKENS, 60, 1000, hard=True),))
    async with data_plane(policy=hard) as on:
        await on.chat()
        assert json.loads(on.upstream.sent[0].body or b"")["max_completion_tokens"] == 250
        await on.chat(max_tokens=20)
        sent = json.loads(on.upstream.sent[1].body or b"")
        assert sent["max_tokens"] == 20
        assert "max_completion_tokens" not in sent


async def test_a_budget_is_told_as_one_and_its_charges_stand_in_the_log() -> None:
    budget = Quota(Metric.COST, 0, 500_000, period=Period.MONTH)
    planner = Planner(PriceTable([Price(("*",), 10**9, 10**9)]))
    async with data_plane(policy=small(quotas=(budget,)), planner=planner) as on:
        await on.chat(max_tokens=100)
        assert on.record["charged"] == {
            "requests": 1, "tokens": 12, "input_tokens": 9, "output_tokens": 3, "cost": 12_000,
        }  # fmt: skip
        answer = await on.chat(max_tokens=490)
        assert answer.refusal == (429, "insufficient_quota")
        assert answer.json["error"]["type"] == "insufficient_quota"
        assert answer.json["error"]["guardproxy"]["resets_at"]
        assert answer.headers["x-should-retry"] == "false"


async def test_what_a_shadowed_quota_would_refuse_stands_in_the_log() -> None:
    shadow = Quota(Metric.REQUESTS, 3600, 1, shadow=True)
    async with data_plane(policy=small(quotas=(shadow,))) as on:
        await on.chat()
        assert "would_refuse" not in on.record
        assert (await on.chat()).status == 200
        assert on.record["would_refuse"] == {"requests/3600s": 1}


async def test_no_more_than_so_many_run_at_once_and_every_end_makes_room() -> None:
    class Silent(Reply):
        async def body(self, limit: int) -> bytes:
            await asyncio.Event().wait()
            raise AssertionError

    quota = Quota(Metric.CONCURRENCY, 0, 1)
    async with data_plane(Silent, small(quotas=(quota,))) as on:
        async with calling(on.listeners.port) as caller:
            body = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
            await caller.send(request("POST", CHAT, json.dumps(body).encode(), KEY))
            await until(lambda: bool(on.upstream.replied))
            denied = await on.chat()
            assert denied.refusal == (429, "concurrency_limit_exceeded")
            assert 250 <= int(denied.headers["retry-after-ms"]) <= 1000
            caller.vanish()
            await until(lambda: on.gateway.lifecycle.in_flight == 0)
        on.upstream.reply = lambda: Reply(json.dumps(completion()).encode())
        assert (await on.chat()).status == 200


async def test_an_account_that_cannot_be_asked_is_an_outage_of_ours_and_no_used_up_limit() -> None:
    class Away(MemoryLedger):
        async def admit(self, *_: object) -> None:  # type: ignore[override]
            raise QuotaStoreUnavailable("away", retry=Retry(after_ms=1500))

    async with data_plane(policy=small(quotas=QUOTAS), ledger=Away(lambda: 0)) as on:
        answer = await on.chat()
        assert answer.refusal == (503, "quota_store_unavailable")
        assert answer.headers["retry-after"] == "2"
        assert on.record["event"] == "quota_store_unavailable"
        assert on.upstream.sent == []


async def test_an_admission_without_the_store_is_marked() -> None:
    class Alone(MemoryLedger):
        async def admit(self, *given: Any) -> Admission:
            return (await super().admit(*given))._replace(degraded=True)

    async with data_plane(policy=small(quotas=QUOTAS), ledger=Alone(lambda: 0)) as on:
        assert (await on.chat()).headers["x-guardproxy-quota"] == "degraded"
        assert quota_decisions(on) == {"degraded": 1}


async def test_what_the_quotas_say_is_counted_by_result_and_quota_and_tokens_by_direction() -> None:
    quota = Quota(Metric.REQUESTS, 3600, 2)
    async with data_plane(policy=small(quotas=(quota,))) as on:
        assert [(await on.chat()).status for _ in range(3)] == [200, 200, 429]
        assert quota_decisions(on) == {"admitted": 2, "refused": 1}
        page = metrics_of(on)
        assert page.value("guardproxy_quota_refusals_total", {"quota": "requests/3600s", "mode": "enforce"}) == 1
        used = {"source": "reported", "team": ""}
        reported = completion()["usage"]
        assert page.value("guardproxy_tokens_total", {"type": "input", **used}) == 2 * reported["prompt_tokens"]
        assert page.value("guardproxy_tokens_total", {"type": "output", **used}) == 2 * reported["completion_tokens"]


def metrics_of(on: DataPlane) -> Page:
    return read_page(exposition(on.gateway.recorder.metrics.told()))


def quota_decisions(on: DataPlane) -> dict[str, float]:
    series = metrics_of(on).of("guardproxy_quota_decisions_total")
    return {dict(labels)["result"]: count for labels, count in series.items()}


# ---------------------------------------------------------------- Anthropic's API

MESSAGES = "/v1/messages"


async def send_message(on: DataPlane, headers: dict[str, str] | None = None, **members: Any) -> Answer:
    body = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}], **members}
    key = {"x-api-key": KEY} if headers is None else headers
    return await ask(on.listeners.port, "POST", MESSAGES, json.dumps(body).encode(), None, key)


async def test_a_message_is_asked_and_answered_with_the_key_in_its_own_header() -> None:
    said = {"content": [{"type": "text", "text": HIDDEN}], "usage": {"input_tokens": 1, "output_tokens": 2}}
    async with data_plane(lambda: replies(said), small()) as on:
        answer = await send_message(on, system="Be kind.")
        assert answer.json["content"][0]["text"] == PLACEHOLDER
        assert answer.headers["request-id"] == answer.headers["x-request-id"] == on.record["request_id"]
        assert on.record["tokens"] == {"reported": 3}
        assert on.record["route"] == MESSAGES


@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "kind"),
    [
        ("POST", MESSAGES, {}, 401, "authentication_error"),
        ("POST", MESSAGES, {"api-key": KEY}, 401, "authentication_error"),
        ("POST", MESSAGES, {"x-api-key": "wrong"}, 401, "authentication_error"),
        ("GET", MESSAGES, {"x-api-key": KEY}, 405, "invalid_request_error"),
        ("POST", MESSAGES + "/batches", {"x-api-key": KEY}, 404, "not_found_error"),
        ("POST", MESSAGES + "?beta=maybe", {"x-api-key": KEY}, 400, "invalid_request_error"),
        ("POST", MESSAGES, {"x-api-key": KEY, "upgrade": "websocket"}, 403, "permission_error"),
        ("POST", MESSAGES, {"x-api-key": KEY}, 413, "request_too_large"),
    ],
)
async def test_whatever_is_refused_there_is_told_in_its_own_words(
    method: str, path: str, headers: dict[str, str], status: int, kind: str
) -> None:
    async with data_plane(policy=small(limits=RequestLimits(body_bytes=5))) as on:
        answer = await ask(on.listeners.port, method, path, b"{}    ", None, headers)
        assert (answer.status, answer.json["type"], answer.json["error"]["type"]) == (status, "error", kind)
        assert answer.json["request_id"] == answer.headers["request-id"] == answer.headers["x-request-id"]
        assert on.upstream.sent == []


async def test_the_header_of_one_api_is_no_key_for_the_other() -> None:
    async with data_plane() as on:
        answer = await ask(on.listeners.port, "POST", CHAT, b"{}", None, {"x-api-key": KEY})
        assert answer.refusal == (401, "invalid_api_key")
        assert "request-id" not in answer.headers


async def test_models_are_listed_for_a_client_of_either_api() -> None:
    listed = {"data": [], "has_more": False}
    version = {"anthropic-version": "2023-06-01"}
    async with data_plane(lambda: replies(listed)) as on:
        port = on.listeners.port
        answer = await ask(port, "GET", "/v1/models", b"", None, {"x-api-key": KEY, **version})
        assert (answer.status, answer.json) == (200, listed)
        assert answer.headers["request-id"] == answer.headers["x-request-id"]
        refused = await ask(port, "GET", "/v1/models/m", b"", None, {"x-api-key": "wrong", **version})
        assert (refused.status, refused.json["error"]["type"]) == (401, "authentication_error")
        assert (await ask(port, "GET", "/v1/models", b"", None, {"x-api-key": KEY})).refusal == (401, "invalid_api_key")


async def test_what_a_rule_is_about_does_not_travel_in_the_names_of_features() -> None:
    said = {"content": [], "usage": {"input_tokens": 1, "output_tokens": 2}}
    async with data_plane(lambda: replies(said), small()) as on:
        body = json.dumps({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}).encode()
        for betas, status in (("files-api-2025-04-14", 200), (f"{HIDDEN}-2025-04-14", 400)):
            answer = await ask(
                on.listeners.port, "POST", MESSAGES, body, None, {"x-api-key": KEY, "anthropic-beta": betas}
            )
            assert answer.status == status
        assert len(on.upstream.sent) == 1


async def test_a_limit_is_told_by_the_name_of_the_apis_member() -> None:
    async with data_plane(policy=small(limits=RequestLimits(output_tokens=8))) as on:
        answer = await send_message(on)
        assert answer.json["error"]["details"] == {"error_code": "limit_exceeded", "param": "max_tokens"}


async def test_what_is_stored_there_may_be_referred_to_only_as_the_policy_says() -> None:
    for state, status in ((ServerState.DENY, 403), (ServerState.OWN, 403), (ServerState.ALLOW, 200)):
        async with data_plane(lambda: replies({"content": []}), small(server_state=state)) as on:
            answer = await send_message(on, container="container_1")
            assert (answer.status, len(on.upstream.sent)) == (status, int(status == 200))
            if status == 403:
                details = answer.json["error"]["details"]
                assert details == {"error_code": "server_state_not_allowed", "param": "container"}


async def test_a_system_prompt_and_a_beta_that_switches_the_model_are_the_policys_word() -> None:
    async with data_plane(lambda: replies({"content": []}), small()) as on:
        assert (await send_message(on, system="Be kind.", fallbacks=[])).status == 200
        answer = await send_message(on, fallbacks=[{"model": "other"}])
        assert answer.json["error"]["details"] == {"error_code": "unsupported_parameter", "param": "fallbacks"}
