"""Changed policies are taken over whole, mistakes are told, and an exchange that runs keeps what it started with."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from guardproxy.audit.sinks import configure_logging
from guardproxy.core.choice import PolicySet
from guardproxy.core.exchange import Provenance
from guardproxy.core.policy import Policy
from guardproxy.gateway.policies import Policies
from guardproxy.gateway.reloading import Reloader, tell_not_kept
from guardproxy.match.readings import Readings
from guardproxy.policyfile.catalogue import Wanted
from guardproxy.policyfile.store import Loaded, PolicyStore
from tests.policyfile.workshop import rule, write_policy, write_rule
from tests.support.gateway import Reply, data_plane
from tests.support.proxy import Captured
from tests.support.rest import until
from tests.support.upstream import DONE, chunk, event


class Running(NamedTuple):
    reloader: Reloader
    policies: Policies
    captured: Captured

    def events(self) -> list[dict[str, Any]]:
        return self.captured.events()


@asynccontextmanager
async def running(path: Path, poll_s: float | None = None) -> AsyncIterator[Running]:
    store = PolicyStore(Wanted((path,)), None, lambda: 0)
    policies, captured = Policies(store.load().policies), Captured()
    reloader = Reloader(store, policies, configure_logging("json", captured), poll_s, settle_s=0.001, accelerate_s=0.01)
    reloader.start()
    try:
        yield Running(reloader, policies, captured)
    finally:
        await reloader.stop()
        await reloader.stop()


async def test_a_changed_quota_keeps_what_was_used(tmp_path: Path) -> None:
    def quotas(limit: int) -> list[dict[str, Any]]:
        return [{"metric": "requests", "per": "hour", "limit": limit}]

    async with running(write_policy(tmp_path, quotas=quotas(2))) as on, data_plane(policies=on.policies) as plane:
        for _ in range(2):
            assert (await plane.chat()).status == 200
        assert (await plane.chat()).status == 429
        write_policy(tmp_path, quotas=quotas(3))
        assert await on.reloader.check()
        answer = await plane.chat()
        assert (answer.status, answer.headers["x-ratelimit-remaining-requests"]) == (200, "0")
        write_policy(tmp_path, quotas=quotas(1))
        assert await on.reloader.check()
        assert "limit of 1 requests" in (await plane.chat()).json["error"]["message"]


async def test_a_change_is_taken_over_and_told_with_both_revisions(tmp_path: Path) -> None:
    async with running(write_policy(tmp_path, limits={"messages": 1})) as on:
        before = on.policies.current
        assert not await on.reloader.check()
        write_policy(tmp_path, limits={"messages": 2})
        assert await on.reloader.check()
        after = on.policies.current
        assert after.default.policy.limits.messages == 2
        (told,) = on.events()
        assert (told["event"], told["revision"], told["previous"]) == (
            "policy_reloaded", after.revision, before.revision,
        )  # fmt: skip
        assert told["policies"] == {"mine": after.revision}


async def test_a_mistake_changes_nothing_and_names_file_and_line(tmp_path: Path) -> None:
    path = write_policy(tmp_path)
    async with running(path) as on:
        before = on.policies.current
        write_policy(tmp_path, limits={"mesages": 2})
        assert not await on.reloader.check()
        assert not await on.reloader.check()
        assert on.policies.current is before
        (told,) = on.events()
        assert (told["event"], told["revision"]) == ("policy_rejected", before.revision)
        assert told["problems"] == [f"{path}:5:3: unknown key 'mesages', did you mean 'messages'?"]


async def test_it_looks_by_itself_and_when_it_is_asked(tmp_path: Path) -> None:
    path = write_policy(tmp_path, limits={"messages": 1})
    async with running(path, poll_s=0.01) as on:
        write_policy(tmp_path, limits={"messages": 2})
        await until(lambda: on.policies.current.default.policy.limits.messages == 2)
    async with running(path, poll_s=None) as on:
        write_policy(tmp_path, limits={"messages": 3})
        on.reloader.ask()
        await until(lambda: on.policies.current.default.policy.limits.messages == 3)


async def test_a_running_exchange_keeps_its_policy_until_its_last_byte(tmp_path: Path) -> None:
    hiding = write_policy(tmp_path, rules=[rule("own.one", "abc", applies_to=["model"])])
    async with running(hiding) as on:
        go_on = asyncio.Event()

        class Waiting(Reply):
            async def read(self) -> bytes:
                piece = await super().read()
                if b"two" in piece:
                    await go_on.wait()
                return piece

        def reply() -> Reply:
            pieces = [event(chunk({"content": text})) for text in ("one abc ", "two abc", " end")]
            return Waiting(*pieces, DONE, content_type="text/event-stream")

        async with data_plane(reply, policies=on.policies) as plane:
            first = asyncio.create_task(plane.chat("hi", stream=True))
            await until(lambda: bool(plane.upstream.sent))
            write_policy(tmp_path, rules=[])
            old = on.policies.current.revision
            assert await on.reloader.check()
            go_on.set()
            answer = await first
            assert answer.headers["x-guardproxy-policy"] == f"mine@{old}"
            assert b"abc" not in answer.body
            assert plane.record["revision"] == old
            second = await plane.chat("hi", stream=True)
            assert second.headers["x-guardproxy-policy"] == f"mine@{on.policies.current.revision}"
            assert second.body.count(b"abc") == 2


async def test_policies_that_stay_in_force_are_accelerated_and_so_is_what_replaces_them(tmp_path: Path) -> None:
    write_rule(tmp_path, rule("own.word", "abc"))
    async with running(write_policy(tmp_path, packs=["./own"])) as on:
        await until(lambda: is_accelerated(on.policies.current))
        write_rule(tmp_path, rule("own.word", "abcd?"))
        assert await on.reloader.check()
        await until(lambda: is_accelerated(on.policies.current))


def is_accelerated(policies: PolicySet) -> bool:
    detectors = policies.default.policy.detectors_for(Provenance.USER)
    assert detectors
    return all(isinstance(one, Readings) and one.accelerated for one in detectors)


def test_what_was_not_kept_is_told() -> None:
    captured = Captured()
    log = configure_logging("json", captured)
    policies = Policies.of(Policy("p", "r")).current
    tell_not_kept(log, Loaded(policies, False))
    tell_not_kept(log, Loaded(policies, False, "state: Read-only file system"))
    (told,) = captured.events()
    assert (told["event"], told["cause"]) == ("policy_not_kept", "state: Read-only file system")
