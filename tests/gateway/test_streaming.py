"""A stream goes out as it comes, as its policy wants it, and always with an end its reader can tell."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

import pytest

from guardproxy.core.exchange import Provenance
from guardproxy.core.policy import Context, OnBlock, ServerState, Unknown
from guardproxy.core.quota import Charging, Metric, Quota
from guardproxy.core.separation.terms import Separation
from guardproxy.detectors import DETECTORS
from guardproxy.errors import UpstreamTimeout, UpstreamUnavailable
from guardproxy.gateway.gateway import Bounds
from tests.gateway.waiting import Held, HeldAnswers, HeldOwnership
from tests.support.answers import RESPONSE_ID, response_events
from tests.support.caller import Answer, calling, request
from tests.support.gateway import CHAT, KEY, BrokenDetector, Reply, data_plane, streamed
from tests.support.policies import FORBIDDEN, PLACEHOLDER, SMALL, small
from tests.support.rest import until
from tests.support.upstream import DONE, chunk, event

END = event(chunk({}, finish_reason="stop")) + DONE
FAULT = UpstreamUnavailable("the upstream broke off its answer", reason="broken")


def said(*texts: str) -> list[bytes]:
    return [event(chunk({"content": text})) for text in texts]


def text(answer: Answer) -> str:
    frames = [each for each in answer.events if isinstance(each, dict) and "choices" in each]
    return "".join(choice["delta"].get("content") or "" for each in frames for choice in each["choices"])


def cut(data: bytes, step: int) -> list[bytes]:
    return [data[at : at + step] for at in range(0, len(data), step)]


async def _never() -> bytes:
    await asyncio.Event().wait()
    raise AssertionError


async def test_frames_that_tell_an_id_leave_only_when_other_proxies_could_know_it_and_others_at_once() -> None:
    held = Held()
    events = [b"event: %s\n" % one["type"].encode() + event(one) for one in response_events("All ", "is well.")]
    policy = small(server_state=ServerState.OWN)
    async with (
        data_plane(lambda: streamed(*events), policy, ownership=HeldOwnership(held)) as on,
        calling(on.listeners.port) as caller,
    ):
        body = json.dumps({"model": "m", "input": "hi", "stream": True}).encode()
        await caller.send(request("POST", "/v1/responses", body, KEY))
        await caller.head()
        first = asyncio.create_task(caller.chunk())
        assert await held.holds(first)
        held.told.set()
        assert RESPONSE_ID.encode() in await first
        assert b"response.completed" in await caller.rest()


async def test_the_end_of_a_stream_leaves_only_when_other_proxies_could_know_what_it_said() -> None:
    held = Held()
    policy = small(context=Context(separation=Separation(seen_only=True)))
    async with (
        data_plane(lambda: streamed(*said("All is well."), END), policy, seen=HeldAnswers(held)) as on,
        calling(on.listeners.port) as caller,
    ):
        body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": True}).encode()
        await caller.send(request("POST", CHAT, body, KEY))
        await caller.head()
        assert b"All is well." in await caller.chunk()
        end = asyncio.create_task(caller.chunk())
        assert await held.holds(end)
        held.told.set()
        assert b'"finish_reason":"stop"' in (await end).replace(b": ", b":")


@pytest.mark.parametrize("step", [1, 2, 3, 7, 64, 10_000])
async def test_how_the_upstreams_bytes_were_cut_changes_nothing(step: int) -> None:
    whole = b": hello\n\n" + b"".join(said("say code", "word-tulip", " é€😀", " now")) + END
    async with data_plane(lambda: streamed(*cut(whole, step)), SMALL) as on:
        answer = await on.chat(stream=True)
        assert text(answer) == f"say {PLACEHOLDER} é€😀 now"
        assert answer.body.startswith(b": \n\n")  # that there was a comment, not what it said
        assert answer.events[-1] == "[DONE]"
        assert answer.headers["cache-control"] == "no-cache"
        assert (on.record["event"], on.record["status"]) == ("exchange_redacted", 200)
        assert on.record["bytes_out"] == len(answer.body)


async def test_a_stream_without_done_is_given_its_rest() -> None:
    async with data_plane(lambda: streamed(*said("the codeword-")), SMALL) as on:
        answer = await on.chat(stream=True)
        assert text(answer) == "the codeword-"
        assert answer.complete
        assert on.record["event"] == "exchange_completed"


async def test_an_empty_stream_is_an_empty_answer() -> None:
    async with data_plane(lambda: streamed(), SMALL) as on:
        answer = await on.chat(stream=True)
        assert (answer.status, answer.body, answer.complete) == (200, b"", True)


@pytest.mark.parametrize("fault", [FAULT, UpstreamTimeout("silent"), LookupError("marzipan")])
async def test_before_the_first_byte_a_failure_is_an_ordinary_error(fault: Exception) -> None:
    async with data_plane(lambda: streamed(fault), SMALL) as on:
        answer = await on.chat(stream=True)
        assert answer.status == getattr(fault, "status", 500)
        assert on.record["status"] == answer.status


@pytest.mark.parametrize("fault", [FAULT, UpstreamTimeout("silent"), LookupError("marzipan")])
async def test_after_it_a_failure_is_the_last_event(fault: Exception) -> None:
    async with data_plane(lambda: streamed(*said("first ", "second codeword-"), fault), SMALL) as on:
        answer = await on.chat(stream=True)
        assert (answer.status, answer.complete) == (200, True)
        assert answer.events[-1]["error"]["code"] == getattr(fault, "code", "internal_error")
        assert answer.events[-1]["error"]["guardproxy"]["request_id"] == on.record["request_id"]
        assert text(answer).startswith("first second ")
        assert "marzipan" not in answer.body.decode() + on.captured.getvalue()


async def test_what_came_with_a_broken_event_but_before_it_goes_out() -> None:
    async with data_plane(lambda: streamed(b"".join([*said("first "), b"data: {\n\n"])), SMALL) as on:
        answer = await on.chat(stream=True)
        assert text(answer) == "first "
        assert answer.events[-1]["error"]["code"] == "upstream_unavailable"


async def test_a_stream_cut_off_in_an_event_says_so() -> None:
    async with data_plane(lambda: streamed(*said("first "), b'data: {"cho'), SMALL) as on:
        assert (await on.chat(stream=True)).events[-1]["error"]["code"] == "upstream_unavailable"
        assert on.record["event"] == "upstream_failed"


async def test_a_stream_that_takes_too_long_is_ended_in_band() -> None:
    class Endless(Reply):
        async def read(self) -> bytes:
            return await super().read() or await _never()

    def endless() -> Reply:
        return Endless(*said("first "), content_type="text/event-stream")

    async with data_plane(endless, SMALL, bounds=Bounds(exchange_s=1)) as on:
        answer = await on.chat(stream=True)
        assert text(answer) == "first "
        assert answer.events[-1]["error"]["code"] == "upstream_timeout"


async def test_a_caller_who_reads_nothing_holds_an_exchange_no_longer_than_it_may_take() -> None:
    class Endless(Reply):
        async def read(self) -> bytes:
            return said("word " * 20_000)[0]

    def endless() -> Reply:
        return Endless(content_type="text/event-stream")

    async with (
        data_plane(endless, SMALL, bounds=Bounds(exchange_s=1)) as on,
        calling(on.listeners.port, limit=1000) as caller,
    ):
        body = json.dumps({"model": "m", "stream": True, "messages": [{"role": "user", "content": "hi"}]}).encode()
        await caller.send(request("POST", CHAT, body, KEY))
        await caller.head()
        await until(lambda: on.gateway.lifecycle.in_flight == 0)
        assert on.gateway.lifecycle.in_flight == 0
        assert on.record["error_code"] == "upstream_timeout"


@pytest.mark.parametrize("parts", [[FORBIDDEN], ["forbid", "den phrase"]])
async def test_blocked_before_its_first_byte_a_stream_is_a_400(parts: Sequence[str]) -> None:
    async with data_plane(lambda: streamed(b"".join(said(*parts))), SMALL) as on:
        answer = await on.chat(stream=True)
        assert answer.refusal == (400, "content_policy_violation")
        assert answer.error["guardproxy"]["incident_id"] == on.record["incident_id"]


async def test_blocked_later_it_ends_with_an_error_where_the_policy_wants_one() -> None:
    policy = small(on_block=OnBlock.ERROR)
    async with data_plane(lambda: streamed(*said("fine, ", "a forbid", "den phrase", " more")), policy) as on:
        answer = await on.chat(stream=True)
        assert text(answer) == "fine, a "
        error = answer.events[-1]["error"]
        assert (error["code"], error["guardproxy"]["incident_id"]) == (
            "content_policy_violation",
            on.record["incident_id"],
        )
        assert on.record["event"] == "exchange_blocked"


async def test_a_blocked_stream_tells_the_usage_it_is_charged_with() -> None:
    async with data_plane(lambda: streamed(*said("fine, ", "a forbidden phrase")), SMALL) as on:
        answer = await on.chat(stream=True, stream_options={"include_usage": True})
        assert answer.events[-1] == "[DONE]"
        assert answer.events[-2]["usage"]["total_tokens"] == on.record["tokens"]["estimated"] > 0


async def test_blocked_later_it_ends_the_way_clients_know() -> None:
    async with data_plane(lambda: streamed(*said("fine, ", "a forbid", "den phrase", " more")), SMALL) as on:
        answer = await on.chat(stream=True)
        assert text(answer) == "fine, a "
        assert answer.events[-2]["choices"][0]["finish_reason"] == "content_filter"
        assert answer.events[-1] == "[DONE]"
        assert (on.record["event"], on.record["status"]) == ("exchange_blocked", 200)
        assert on.record["incident_id"].startswith("inc_")


async def test_a_guard_that_breaks_in_a_stream_ends_it_and_lets_nothing_more_out() -> None:
    policy = small(detectors={Provenance.MODEL: (BrokenDetector(),)})
    async with data_plane(lambda: streamed(*said("first ", "marzipan", " more")), policy) as on:
        answer = await on.chat(stream=True)
        assert text(answer) == "first "
        assert answer.events[-1]["error"]["code"] == "guardrail_unavailable"
        assert on.record["event"] == "guard_failed"
        assert on.record["cause"].startswith("LookupError at gateway.py:")
        assert "marzipan" not in answer.body.decode() + on.captured.getvalue()


async def test_a_guard_that_breaks_at_the_end_ends_the_stream_in_band_too() -> None:
    policy = small(detectors={Provenance.MODEL: (BrokenDetector(),)})
    async with data_plane(lambda: streamed(*said("first ")), policy) as on:
        answer = await on.chat(stream=True)
        assert answer.complete
        assert answer.events[-1]["error"]["code"] == "guardrail_unavailable"


async def test_a_guard_that_breaks_on_the_rest_of_a_broken_stream_ends_it_in_band() -> None:
    policy = small(detectors={Provenance.MODEL: (BrokenDetector(),)})
    async with data_plane(lambda: streamed(*said("first "), FAULT), policy) as on:
        answer = await on.chat(stream=True)
        assert answer.complete
        assert answer.events[-1]["error"]["code"] == "guardrail_unavailable"
        assert on.record["event"] == "guard_failed"


async def test_a_block_found_in_the_rest_of_a_broken_stream_is_a_block() -> None:
    technique = DETECTORS["pattern"]
    at_the_end = technique.build([("own.forbidden", technique.options(pattern="forbidden", not_after="a-z"))])
    policy = small(detectors={Provenance.MODEL: (at_the_end,)})
    async with data_plane(lambda: streamed(*said("fine ", "but forbidden"), FAULT), policy) as on:
        answer = await on.chat(stream=True)
        assert text(answer) == "fine but "
        assert answer.events[-1] == "[DONE]"
        assert on.record["event"] == "exchange_blocked"
        assert on.record["incident_id"].startswith("inc_")


async def test_tokens_are_the_reported_ones_or_follow_the_text_that_went_out() -> None:
    usage = {**chunk({}), "choices": [], "usage": {"total_tokens": 130}}
    async with data_plane(lambda: streamed(*said("hi"), event(usage), DONE), SMALL) as on:
        await on.chat(stream=True)
        assert on.record["tokens"] == {"reported": 130}
    async with data_plane(lambda: streamed(*said("x" * 300)), SMALL) as on:
        await on.chat(stream=True)
        assert on.record["tokens"] == {"estimated": 38}


async def test_an_error_object_of_the_upstream_is_its_failure_though_the_status_is_200() -> None:
    sent = event({"error": {"message": "overloaded", "type": "server_error", "param": None, "code": None}})
    async with data_plane(lambda: streamed(*said("half an "), sent), SMALL) as on:
        answer = await on.chat(stream=True)
        assert text(answer) == "half an "
        assert answer.events[-1]["error"]["message"] == "overloaded"
        assert (on.record["event"], on.record["error_code"]) == ("upstream_failed", "upstream_error")


@pytest.mark.parametrize("on_limit", [OnBlock.FINISH, OnBlock.ERROR])
async def test_an_answer_that_exceeds_its_hard_limit_ends_in_the_middle(on_limit: OnBlock) -> None:
    policy = small(quotas=(Quota(Metric.TOKENS, 3600, 1000, hard=True),), on_limit=on_limit)
    endless = [*said(*["word " * 10] * 100)]
    async with data_plane(lambda: streamed(*endless, END), policy) as on:
        answer = await on.chat(stream=True, max_tokens=20, stream_options={"include_usage": True})
        assert 160 < len(text(answer)) < 300  # eight characters for each token, and the piece that exceeded them
        if on_limit is OnBlock.FINISH:
            reasons = [e["choices"][0]["finish_reason"] for e in answer.events if isinstance(e, dict) and e["choices"]]
            assert reasons[-1] == "length"
            assert answer.events[-1] == "[DONE]"
            assert answer.events[-2]["usage"]["total_tokens"] > 20
        else:
            assert answer.events[-1]["error"]["code"] == "insufficient_quota"
        assert (on.record["event"], on.record["error_code"]) == ("quota_refused", "insufficient_quota")


async def test_an_answer_within_its_hard_limit_is_left_alone() -> None:
    policy = small(quotas=(Quota(Metric.TOKENS, 3600, 1000, hard=True),))
    async with data_plane(lambda: streamed(*said(*["word "] * 20), END), policy) as on:
        answer = await on.chat(stream=True, max_tokens=20)
        assert text(answer) == "word " * 20
        assert on.record["event"] == "exchange_completed"


async def test_a_caller_who_leaves_is_charged_what_was_produced_by_then() -> None:
    words = "the ferry leaves the harbour a little after sunrise and the water is calm "

    class Silent(Reply):
        async def read(self) -> bytes:
            return await super().read() or await _never()

    def endless() -> Reply:
        return Silent(*said(*[words] * 20, "end, codeword-"), content_type="text/event-stream")

    policy = small(quotas=(Quota(Metric.TOKENS, 3600, 10**6),))
    async with data_plane(endless, policy) as on:
        body = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "hi"}]}
        reader, writer = await asyncio.open_connection("127.0.0.1", on.listeners.port)
        data = json.dumps(body).encode()
        head = [f"POST {CHAT} HTTP/1.1", "host: x", f"authorization: Bearer {KEY}", f"content-length: {len(data)}"]
        writer.write("\r\n".join([*head, "", ""]).encode() + data)
        await reader.readuntil(b"end, ")
        writer.close()
        await until(lambda: bool(on.events("client_disconnected")))
        tokens = on.record["tokens"]["estimated"]
        assert 0.8 < tokens / (20 * 15) < 1.3  # each piece is fifteen tokens


@pytest.mark.parametrize(("counted", "used"), [(True, 2), (False, 1)])
async def test_a_blocked_request_counts_as_the_policy_says(counted: bool, used: int) -> None:
    policy = small(quotas=(Quota(Metric.REQUESTS, 3600, 10),), charging=Charging(blocked=counted))
    async with data_plane(lambda: streamed(*said("hi"), END), policy) as on:
        assert (await on.chat("a forbidden phrase", stream=True)).status == 400
        answer = await on.chat("hi", stream=True)
        assert answer.headers["x-ratelimit-remaining-requests"] == str(10 - used)


async def test_an_answer_that_is_blocked_counts_all_the_same() -> None:
    policy = small(quotas=(Quota(Metric.REQUESTS, 3600, 10),), charging=Charging(blocked=False))
    async with data_plane(lambda: streamed(*said("a forbidden phrase"), END), policy) as on:
        assert (await on.chat("hi", stream=True)).status == 400
        assert (await on.chat("hi", stream=True)).headers["x-ratelimit-remaining-requests"] == "8"


@pytest.mark.parametrize("on_block", OnBlock)
async def test_an_unknown_event_that_the_policy_refuses_ends_the_stream_and_is_logged(on_block: OnBlock) -> None:
    policy = small(unknown_events=Unknown.REJECT, on_block=on_block)
    async with data_plane(lambda: streamed(*said("Well."), event({"object": "vendor.trace"}), END), policy) as on:
        answer = await on.chat(stream=True)
        assert text(answer) == "Well."
        if on_block is OnBlock.FINISH:
            assert answer.events[-2]["choices"][0]["finish_reason"] == "content_filter"
        else:
            assert "unknown_events" in answer.events[-1]["error"]["message"]
        assert on.record["event"] == "exchange_blocked"
        assert on.record["rules"] == {"answers.unknown_events": 1}
        assert on.record["features"] == {"unknown_events": 1}


async def test_an_unknown_event_that_is_refused_before_the_first_byte_is_a_400_that_says_why() -> None:
    policy = small(unknown_events=Unknown.REJECT)
    async with data_plane(lambda: streamed(event({"object": "vendor.trace"}), END), policy) as on:
        answer = await on.chat(stream=True)
        assert answer.status == 400
        assert "unknown_events" in answer.error["message"]
        assert answer.error["guardproxy"]["category"] == "answers"


async def test_how_many_unknown_events_were_left_out_stands_in_the_log() -> None:
    policy = small(unknown_events=Unknown.STRIP)
    trace = event({"object": "vendor.trace"})
    async with data_plane(lambda: streamed(trace, *said("Well."), trace, END), policy) as on:
        answer = await on.chat(stream=True)
        assert (text(answer), b"vendor" in answer.body) == ("Well.", False)
        assert (on.record["event"], on.record["features"]) == ("exchange_completed", {"unknown_events": 2})
