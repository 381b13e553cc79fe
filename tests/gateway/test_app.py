"""Two listeners: what each answers, and how both close."""

from __future__ import annotations

import asyncio
import socket

import pytest

from guardproxy.core.choice import Choice, PolicySet
from guardproxy.core.policy import Policy
from guardproxy.core.quota import Metric, Only, OnStoreError, Period, Quota
from guardproxy.errors import ConfigurationError
from guardproxy.gateway.app import Listeners
from guardproxy.gateway.gateway import Bounds
from guardproxy.gateway.policies import Policies
from guardproxy.quota.ledger import MemoryLedger
from tests.support.caller import Answer, ask, calling, request
from tests.support.gateway import CHAT, KEY, DataPlane, Reply, data_plane, make_gateway
from tests.support.policies import SMALL
from tests.support.prometheus import read_page
from tests.support.rest import until


async def look(on: DataPlane, path: str, method: str = "GET") -> Answer:
    async with calling(on.listeners.admin_port) as caller:
        await caller.send(request(method, path))
        return await caller.answer()


async def test_the_proxy_says_that_it_has_started_and_stopped() -> None:
    async with data_plane(policy=SMALL) as on:
        (started,) = on.events("proxy_started")
        assert started["port"] == on.listeners.port
        assert started["admin_port"] == on.listeners.admin_port
        assert (started["policy"], started["revision"]) == ("small", "r1")
    (stopped,) = on.events("proxy_stopped")
    assert stopped["drained"] is True
    assert on.upstream.closed


READY = {
    "status": "ready", "in_flight": 0, "policy": "r1", "quota": {"degraded": False, "unsettled": 0},
    "keys": {"degraded": False},
}  # fmt: skip


class LostStore(MemoryLedger):
    """A ledger whose store is away."""

    degraded = True  # type: ignore[misc]


@pytest.mark.parametrize(
    ("quota", "status"),
    [
        (Quota(Metric.COST, 0, 9, period=Period.MONTH, on_store_error=OnStoreError.CLOSED), 503),
        (Quota(Metric.REQUESTS, 60, 9), 200),
        (Quota(Metric.TOKENS, 60, 9, on_store_error=OnStoreError.CLOSED, shadow=True), 200),
        (Quota(Metric.TOKENS, 60, 9, on_store_error=OnStoreError.CLOSED, only=Only(models=("m",))), 200),
    ],
)
async def test_without_the_store_of_quotas_it_is_ready_unless_every_request_is_refused(
    quota: Quota, status: int
) -> None:
    policy = Policy("p", "r1", quotas=(quota,))
    async with data_plane(policy=policy, ledger=LostStore(lambda: 0)) as on:
        ready = await look(on, "/health/ready")
        assert (ready.status, ready.json["quota"]["degraded"]) == (status, True)


async def test_it_is_ready_without_the_store_as_long_as_one_policy_admits_requests() -> None:
    closed = Policy("closed", "r1", quotas=(Quota(Metric.REQUESTS, 60, 9, on_store_error=OnStoreError.CLOSED),))
    for other, status in ((closed, 503), (Policy("open", "r2"), 200)):
        policies = PolicySet("r", Choice(closed), {"closed": Choice(closed), "other": Choice(other)})
        async with data_plane(policies=Policies(policies), ledger=LostStore(lambda: 0)) as on:
            assert (await look(on, "/health/ready")).status == status


async def test_live_and_ready_while_it_serves() -> None:
    async with data_plane(policy=SMALL) as on:
        live, ready = await look(on, "/health/live"), await look(on, "/health/ready")
        assert (live.status, live.json) == (200, {"status": "live"})
        assert (ready.status, ready.json) == (200, READY)


async def test_before_it_serves_it_is_not_ready() -> None:
    async with data_plane(policy=SMALL) as on:
        on.gateway.lifecycle.ready = False
        assert (await look(on, "/health/ready")).json["status"] == "starting"
        assert (await look(on, "/health/ready")).status == 503
        on.gateway.lifecycle.draining = True
        assert (await look(on, "/health/ready")).json["status"] == "draining"
        assert (await look(on, "/health/live")).status == 200


@pytest.mark.parametrize(("method", "path"), [("GET", "/"), ("POST", "/health/live"), ("GET", "/v1/models")])
async def test_the_admin_listener_knows_nothing_else(method: str, path: str) -> None:
    async with data_plane() as on:
        assert (await look(on, path, method)).status == 404


async def test_the_metrics_tell_what_happened_here() -> None:
    async with data_plane(policy=SMALL) as on:
        assert (await on.chat()).status == 200
        assert (await on.chat(model=7)).status == 400
        answer = await look(on, "/metrics")
        assert (answer.status, answer.headers["content-type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
        page = read_page(answer.body.decode())
        labels = {"route": CHAT, "status": "200", "outcome": "exchange_completed"}
        assert page.value("guardproxy_requests_total", labels) == 1
        assert sum(page.of("guardproxy_requests_total").values()) == 2
        assert page.value("guardproxy_in_flight") == 0
        assert page.value("guardproxy_policy_info", {"policy": "small", "revision": "r1"}) == 1
        assert KEY not in answer.body.decode()


async def test_metrics_are_only_read_and_may_be_closed() -> None:
    async with data_plane() as on:
        assert (await look(on, "/metrics", "POST")).status == 404
        assert (await on.get("/metrics")).status == 404
    gateway, log, _ = make_gateway()
    closed = Listeners(gateway, log, open_metrics=False)
    await closed.open("127.0.0.1", 0, "127.0.0.1", 0)
    try:
        assert (await ask(closed.admin_port, "GET", "/metrics")).status == 404
    finally:
        await closed.close(0)


async def test_what_is_no_http_is_answered_and_recorded_without_its_text() -> None:
    async with data_plane() as on, calling(on.listeners.port) as caller:
        await caller.send(b"marzipan\r\n\r\n")
        answer = await caller.answer()
        assert answer.refusal == (400, "invalid_request")
        assert await caller.ended()
        assert on.record["event"] == "exchange_refused"
        assert on.record["request_id"] == answer.headers["x-request-id"]
        assert "marzipan" not in on.captured.getvalue() + answer.body.decode()


async def test_a_header_without_end_is_too_large() -> None:
    async with data_plane() as on, calling(on.listeners.port) as caller:
        await caller.send(b"GET /v1/models HTTP/1.1\r\nx: " + b"a" * 10_000 + b"\r\n\r\n")
        assert (await caller.answer()).refusal == (413, "request_too_large")


async def test_a_port_that_is_taken_is_a_configuration_error() -> None:
    gateway, log, captured = make_gateway()
    listeners = Listeners(gateway, log)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=rf"cannot listen on 127\.0\.0\.1:{port}: .*in use"):
            await listeners.open("127.0.0.1", port, "127.0.0.1", 0)
    await listeners.close(0)
    log.flush()
    assert captured.events() == []


async def test_an_address_nobody_has_is_a_configuration_error() -> None:
    gateway, log, _ = make_gateway()
    listeners = Listeners(gateway, log)
    with pytest.raises(ConfigurationError, match=r"cannot listen on 192\.0\.2\.1:0: "):
        await listeners.open("127.0.0.1", 0, "192.0.2.1", 0)
    await listeners.close(0)


async def test_a_stop_waits_for_exchanges_and_then_gives_up() -> None:
    class Silent(Reply):
        async def body(self, limit: int) -> bytes:
            await asyncio.Event().wait()
            raise AssertionError

    async with data_plane(Silent) as on, calling(on.listeners.port) as caller:
        await caller.send(request("GET", "/v1/models", None, KEY))
        await until(lambda: bool(on.upstream.replied))
        assert await on.listeners.close(0.05) is False
        assert on.events("proxy_stopped")[0]["drained"] is False
        assert await caller.ended()
        await until(lambda: on.gateway.lifecycle.in_flight == 0)


async def test_a_head_that_never_ends_is_not_waited_for() -> None:
    async with data_plane(bounds=Bounds(head_s=0.05)) as on, calling(on.listeners.port) as caller:
        await caller.send(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n")
        assert await caller.ended()
        assert (await on.chat()).status == 200
