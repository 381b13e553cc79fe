"""Answers that arrive at once, and errors of the upstream, go out as the policy wants them or not at all."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from guardproxy.core.exchange import Provenance
from guardproxy.core.policy import Context, ServerState
from guardproxy.core.separation.terms import Separation
from tests.gateway.waiting import Held, HeldAnswers, HeldOwnership
from tests.support.caller import ask
from tests.support.gateway import CHAT, KEY, BrokenDetector, Reply, data_plane, replies
from tests.support.policies import FORBIDDEN, HIDDEN, PLACEHOLDER, SMALL, small
from tests.support.upstream import completion

ERROR: dict[str, Any] = {"error": {"message": "no", "type": "invalid_request_error", "param": None, "code": "x"}}
SECRET = "upstream-key-of-a-test"


async def test_an_untouched_answer_keeps_every_member_number_and_their_order() -> None:
    raw = b'{"z":1.5,"unheard_of":{"b":123456789012345678901,"a":null},"choices":[]}'
    async with data_plane(lambda: Reply(raw), SMALL) as on:
        answer = await on.chat()
        assert answer.body == raw
        assert answer.headers["x-guardproxy-decision"] == "allow"
        assert on.record["event"] == "exchange_completed"
        assert on.record["bytes_out"] == len(raw)


async def test_what_a_rule_hides_is_replaced_wherever_it_stands() -> None:
    document = completion(f"say {HIDDEN}", reasoning_content=HIDDEN, unheard_of=[{"deep": HIDDEN}])
    async with data_plane(lambda: replies(document), SMALL) as on:
        answer = await on.chat()
        assert HIDDEN not in answer.body.decode()
        message = answer.json["choices"][0]["message"]
        assert message["content"] == f"say {PLACEHOLDER}"
        assert message["unheard_of"] == [{"deep": PLACEHOLDER}]
        assert answer.headers["x-guardproxy-decision"] == "redact"
        assert on.record["rules"] == {"own.codeword": 3}
        assert on.record["direction"] == "response"


async def test_an_upstream_that_says_with_status_200_that_it_failed_is_logged_as_failed_and_looked_at() -> None:
    failed = {"error": {"message": f"gone: {HIDDEN}", "code": 502}, "choices": []}
    async with data_plane(lambda: replies(failed), SMALL) as on:
        answer = await on.chat()
        assert (answer.status, answer.json["error"]["message"]) == (200, f"gone: {PLACEHOLDER}")
        assert (on.record["event"], on.record["error_code"]) == ("upstream_failed", "upstream_error")


async def test_a_stored_answer_that_failed_when_it_was_made_is_no_failure_of_fetching_it() -> None:
    failed = {"id": "resp_1", "object": "response", "output": [], "error": {"message": "gone", "code": "server_error"}}
    async with data_plane(lambda: replies(failed), small(server_state=ServerState.ALLOW)) as on:
        assert (await on.get("/v1/responses/resp_1")).status == 200
        assert on.record["event"] == "exchange_completed"


@pytest.mark.parametrize("what", ["id", "answer"])
async def test_an_answer_leaves_only_when_other_proxies_could_know_of_it(what: str) -> None:
    held = Held()
    if what == "id":
        changes: dict[str, Any] = {"ownership": HeldOwnership(held)}
        policy, path = small(server_state=ServerState.OWN), "/v1/responses"
        members: dict[str, Any] = {"input": "hi"}
        document: dict[str, Any] = {"id": "resp_1", "object": "response", "output": []}
    else:
        changes = {"seen": HeldAnswers(held)}
        policy = small(context=Context(separation=Separation(seen_only=True)))
        path, members, document = CHAT, {"messages": [{"role": "user", "content": "hi"}]}, completion()
    async with data_plane(lambda: replies(document), policy, **changes) as on:

        async def answered() -> bytes:
            body = json.dumps({"model": "m", **members}).encode()
            return (await ask(on.listeners.port, "POST", path, body, KEY)).body

        answer = asyncio.create_task(answered())
        assert await held.holds(answer)
        held.told.set()
        assert json.loads(await answer)["id"] == document["id"]


async def test_copies_in_another_encoding_go_when_text_can_be_replaced() -> None:
    document = completion("fine")
    document["choices"][0]["logprobs"] = {"content": [{"token": HIDDEN, "bytes": list(HIDDEN.encode())}]}
    async with data_plane(lambda: replies(document), SMALL) as on:
        assert (await on.chat()).json["choices"][0]["logprobs"] is None
    async with data_plane(lambda: replies(document)) as on:
        assert (await on.chat()).json == document


async def test_a_call_that_was_cut_off_does_not_go_out() -> None:
    calls = [
        {"id": at, "type": "function", "function": {"name": "sh", "arguments": at}} for at in ("{}", '{"cmd": "rm')
    ]
    document = completion("fine", tool_calls=calls)
    document["choices"][0]["finish_reason"] = "length"
    async with data_plane(lambda: replies(document)) as on:
        choice = (await on.chat()).json["choices"][0]
        assert choice["message"]["tool_calls"] == calls[:1]
        assert (choice["message"]["content"], choice["finish_reason"]) == ("fine", "length")
        assert on.record["features"] == {"cut_calls": 1}


async def test_a_blocked_answer_is_an_error_and_charged() -> None:
    async with data_plane(lambda: replies(completion(FORBIDDEN)), SMALL) as on:
        answer = await on.chat()
        assert answer.refusal == (400, "content_policy_violation")
        assert FORBIDDEN not in answer.body.decode()
        assert on.record["event"] == "exchange_blocked"
        assert on.record["tokens"] == {"reported": 12}


async def test_audio_that_nobody_can_hear_is_blocked_or_where_text_is_hidden_taken_out() -> None:
    audio = {"id": "a", "data": "UklGRg==", "transcript": HIDDEN, "expires_at": 1}
    document = completion(None, audio=audio)
    async with data_plane(lambda: replies(document), SMALL) as on:
        message = (await on.chat()).json["choices"][0]["message"]
        assert message["audio"] == {"id": "a", "transcript": PLACEHOLDER, "expires_at": 1}
    async with data_plane(lambda: replies(document)) as on:
        assert (await on.chat()).refusal == (400, "content_policy_violation")
        assert on.record["rules"] == {"opaque.audio": 1}


async def test_a_flagged_answer_passes_as_it_is() -> None:
    async with data_plane(lambda: replies(completion("an odd one")), SMALL) as on:
        assert (await on.chat()).json == completion("an odd one")
        assert on.record["event"] == "exchange_flagged"


async def test_the_decision_is_the_stricter_of_both_halves() -> None:
    async with data_plane(lambda: replies(completion("fine")), SMALL) as on:
        assert (await on.chat(HIDDEN)).headers["x-guardproxy-decision"] == "redact"


async def test_a_guard_that_breaks_lets_nothing_out() -> None:
    policy = small(detectors={Provenance.MODEL: (BrokenDetector(),)})
    async with data_plane(lambda: replies(completion("marzipan")), policy) as on:
        answer = await on.chat()
        assert answer.refusal == (503, "guardrail_unavailable")
        assert on.record["event"] == "guard_failed"
        assert "marzipan" not in answer.body.decode() + on.captured.getvalue()


@pytest.mark.parametrize("raw", [b"", b"<html>", b"[]", b'"text"', b"null", b"{} {}"])
async def test_what_is_no_json_object_is_no_answer(raw: bytes) -> None:
    async with data_plane(lambda: Reply(raw), SMALL) as on:
        assert (await on.chat()).refusal == (502, "upstream_unavailable")


@pytest.mark.parametrize(
    ("status", "event"),
    [(400, "exchange_refused"), (404, "exchange_refused"), (429, "upstream_failed"), (503, "upstream_failed")],
)
async def test_an_error_in_openais_words_is_passed_on(status: int, event: str) -> None:
    async with data_plane(lambda: replies(ERROR, status, headers={"retry-after-ms": "7"}), SMALL) as on:
        answer = await on.chat()
        assert (answer.status, answer.json) == (status, ERROR)
        assert answer.headers["retry-after-ms"] == "7"
        assert (on.record["event"], on.record["error_code"]) == (event, f"upstream_{status}")
        assert on.record["bytes_out"] == len(answer.body)


@pytest.mark.parametrize("document", [{"detail": [7]}, [], "no", None])
@pytest.mark.parametrize("status", [300, 302, 500])
async def test_an_error_in_other_words_is_told_in_ours(document: Any, status: int) -> None:
    async with data_plane(lambda: replies(document, status), SMALL) as on:
        assert (await on.chat()).refusal == (502, "upstream_unavailable")
        assert on.record["event"] == "upstream_failed"


@pytest.mark.parametrize(
    "document", [{"detail": "no such model"}, {"message": "no such model"}, {"error": "no such model"}]
)
async def test_a_refusal_of_another_shape_stays_a_refusal_in_openais_shape(document: Any) -> None:
    async with data_plane(lambda: replies(document, 404), SMALL) as on:
        answer = await on.chat()
        assert (answer.status, answer.json["error"]["message"]) == (404, "no such model")
        assert set(answer.json["error"]) == {"message", "type", "param", "code"}
        assert on.record["event"] == "exchange_refused"


@pytest.mark.parametrize("status", [401, 403])
async def test_that_the_upstream_refuses_our_key_is_our_outage(status: int) -> None:
    async with data_plane(lambda: replies({"error": {"message": f"bad key {SECRET}"}}, status)) as on:
        answer = await on.chat()
        assert answer.refusal == (502, "upstream_unavailable")
        assert SECRET not in answer.body.decode()


async def test_a_403_about_the_content_is_told_in_the_upstreams_words_without_our_key() -> None:
    said = {"error": {"message": f"Your input was flagged {SECRET}", "code": 403, "metadata": {"reasons": [HIDDEN]}}}
    async with data_plane(lambda: replies(said, 403), SMALL, upstream_secret=SECRET) as on:
        answer = await on.chat()
        assert answer.status == 403
        assert answer.json["error"]["message"] == "Your input was flagged [REDACTED]"
        assert answer.json["error"]["metadata"] == {"reasons": [PLACEHOLDER]}
        assert (on.record["event"], on.record["error_code"]) == ("exchange_refused", "upstream_403")


async def test_a_403_that_is_no_json_is_about_our_key() -> None:
    async with data_plane(lambda: Reply(b"<html>flagged</html>", status=403)) as on:
        answer = await on.chat()
        assert answer.refusal == (502, "upstream_unavailable")
        assert "credentials" in answer.json["error"]["message"]


async def test_our_key_in_an_error_of_the_upstream_is_hidden() -> None:
    quoting = {"error": {"message": f"the key {SECRET} is out of credit", "code": SECRET}}
    async with data_plane(lambda: replies(quoting, 400), upstream_secret=SECRET) as on:
        answer = await on.chat()
        assert answer.json["error"] == {"message": "the key [REDACTED] is out of credit", "code": "[REDACTED]"}


async def test_an_error_of_the_upstream_is_inspected_like_an_answer() -> None:
    async with data_plane(lambda: replies({"error": {"message": f"you said {HIDDEN}"}}, 400), SMALL) as on:
        assert (await on.chat()).json == {"error": {"message": f"you said {PLACEHOLDER}"}}
    async with data_plane(lambda: replies({"error": {"message": FORBIDDEN}}, 500), SMALL) as on:
        assert (await on.chat()).refusal == (400, "content_policy_violation")


async def test_our_key_never_reaches_the_caller_whatever_echoes_it() -> None:
    echo = completion(f"the key is {SECRET}")
    escaped = json.dumps(echo).replace(SECRET, SECRET[:-1] + f"\\u{ord(SECRET[-1]):04x}").encode()
    headers = {"openai-model": SECRET}
    for raw in (json.dumps(echo).encode(), escaped):
        async with data_plane(lambda raw=raw: Reply(raw, headers=headers), SMALL, upstream_secret=SECRET) as on:  # type: ignore[misc]
            answer = await on.chat()
            assert answer.status == 200
            assert SECRET not in answer.body.decode() + repr(answer.headers)
            assert answer.json["choices"][0]["message"]["content"] == "the key is [REDACTED]"
