"""What a policy passes without a look goes through as it is, and says so."""

from __future__ import annotations

from typing import Any

import pytest

from guardproxy.core.policy import SurfaceRules
from guardproxy.core.quota import Metric, Quota
from guardproxy.errors import UpstreamUnavailable
from guardproxy.gateway.gateway import Bounds
from tests.support.caller import Answer, ask, calling, request
from tests.support.gateway import KEY, DataPlane, Reply, data_plane
from tests.support.policies import FORBIDDEN, HIDDEN, small
from tests.support.rest import until

OPEN = small(surfaces={"files": SurfaceRules(uninspected=True)})
SECRET = "upstream-key-of-a-test"


async def post(on: DataPlane, path: str = "/v1/files", body: bytes = b"x", key: str = KEY, **headers: str) -> Answer:
    return await ask(on.listeners.port, "POST", path, body, key, headers)


async def test_both_bodies_go_on_as_they_came_and_everybody_is_told() -> None:
    said = f"{HIDDEN} {FORBIDDEN}".encode() + b"\x00\xff"
    async with data_plane(lambda: Reply(said[:5], said[5:], content_type="audio/x"), OPEN) as on:
        answer = await post(
            on, "/v1/files/f-1/content?x=1", said, **{"content-type": "multipart/form-data; boundary=b"}
        )
        assert (answer.status, answer.body) == (200, said)
        assert answer.headers["content-type"] == "audio/x"
        assert answer.headers["x-guardproxy-coverage"] == "none"
        sent = on.upstream.sent[0]
        assert (sent.method, sent.path, sent.body) == ("POST", "/files/f-1/content?x=1", said)
        record = on.record
        assert (record["uninspected"], record["event"], record["route"]) == (True, "exchange_completed", "/v1/files")
        assert (record["bytes_in"], record["bytes_out"]) == (len(said), len(said))
        assert HIDDEN not in on.captured.getvalue()


@pytest.mark.parametrize(
    "surfaces", [{}, {"files": SurfaceRules(open=False, uninspected=True)}, {"audio": SurfaceRules(uninspected=True)}]
)
async def test_what_the_policy_does_not_name_stays_closed(surfaces: dict[str, SurfaceRules]) -> None:
    async with data_plane(policy=small(surfaces=surfaces, other_surfaces=SurfaceRules(uninspected=True))) as on:
        answer = await post(on)
        assert answer.refusal == (404, "unknown_url")
        assert "the content of files is not read" in answer.error["message"]
        assert on.upstream.sent == []
        assert "uninspected" not in on.record


async def test_a_key_and_the_limits_count_here_too() -> None:
    policy = small(surfaces=OPEN.surfaces, quotas=(Quota(Metric.REQUESTS, 60, 1),))
    async with data_plane(lambda: Reply(b"{}"), policy) as on:
        assert (await post(on, key="wrong-" + KEY)).refusal == (401, "invalid_api_key")
        assert (await post(on)).status == 200
        assert (await post(on)).status == 429
        assert len(on.upstream.sent) == 1


async def test_the_upstreams_key_does_not_go_out() -> None:
    async with data_plane(lambda: Reply(f"<{SECRET}>".encode()), OPEN, upstream_secret=SECRET) as on:
        assert (await post(on)).body == b"<[REDACTED]>"


@pytest.mark.parametrize(
    ("reply", "refusal"),
    [
        (lambda: Reply(b"{}", status=401), (502, "upstream_unavailable")),
        (lambda: Reply(b'{"error": "Invalid API', b' key"}', status=403), (502, "upstream_unavailable")),
        (lambda: Reply(UpstreamUnavailable("gone")), (502, "upstream_unavailable")),
    ],
)
async def test_an_upstream_that_fails_before_it_answers_is_an_error(reply: Any, refusal: tuple[int, str]) -> None:
    async with data_plane(reply, OPEN) as on:
        assert (await post(on)).refusal == refusal
        assert on.record["event"] == "upstream_failed"


async def test_an_error_of_the_upstream_is_passed_on_in_its_words() -> None:
    async with data_plane(lambda: Reply(b"no such file", status=404, content_type="text/plain"), OPEN) as on:
        answer = await post(on)
        assert (answer.status, answer.body) == (404, b"no such file")
        assert on.record["error_code"] == "upstream_404"


@pytest.mark.parametrize(
    "said", [(b'{"error": {"message": "This file is of', b' another project", "code": "x"}}'), (b"no",), (b"",)]
)
async def test_a_refusal_that_is_not_about_the_key_is_passed_on_in_its_words(said: tuple[bytes, ...]) -> None:
    async with data_plane(lambda: Reply(*said, status=403), OPEN) as on:
        answer = await post(on)
        assert (answer.status, answer.body) == (403, b"".join(said))
        assert on.record["error_code"] == "upstream_403"


async def test_a_long_refusal_is_passed_on_whole() -> None:
    long = [b"x" * 40_000] * 5
    async with data_plane(lambda: Reply(*long, status=403), OPEN) as on:
        answer = await post(on)
        assert (answer.status, answer.body, answer.complete) == (403, b"".join(long), True)


async def test_an_answer_that_breaks_off_is_not_taken_for_a_whole_one() -> None:
    async with data_plane(lambda: Reply(b"some", UpstreamUnavailable("gone")), OPEN) as on:
        answer = await post(on)
        assert (answer.body, answer.complete) == (b"some", False)
        assert on.record["event"] == "upstream_failed"


async def test_a_caller_who_reads_nothing_holds_an_exchange_no_longer_than_it_may_take() -> None:
    class Endless(Reply):
        async def read(self) -> bytes:
            return b"x" * 100_000

    async with (
        data_plane(Endless, OPEN, bounds=Bounds(exchange_s=1)) as on,
        calling(on.listeners.port, limit=1000) as caller,
    ):
        await caller.send(request("POST", "/v1/files", b"x", KEY))
        await caller.head()
        await until(lambda: on.gateway.lifecycle.in_flight == 0)
        assert on.gateway.lifecycle.in_flight == 0
        assert on.record["error_code"] == "upstream_timeout"
