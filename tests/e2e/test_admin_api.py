"""What is done over the admin API, seen by callers: keys in a file and in a shared store, of one proxy and of two."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from guardproxy.admin.roles import Role
from tests.admin.scene import AdminScene, admin_scene
from tests.support.caller import ask
from tests.support.stores import StoreServer, store_server

USAGE = "/v1/guardproxy/usage"
# How busy the machine is decides no test.
PATIENCE_S = 30.0


@pytest.fixture
def server(tmp_path: Path) -> Iterator[StoreServer]:
    with store_server("redis", tmp_path) as started:
        yield started


async def status(on: AdminScene, token: str) -> int:
    return (await ask(on.running.listeners.port, "GET", USAGE, None, token)).status


async def until_status(on: AdminScene, token: str, wanted: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while await status(on, token) != wanted:
            await asyncio.sleep(0.02)


async def test_a_key_of_the_file_lives_from_its_making_to_its_revocation(tmp_path: Path) -> None:
    # Whoever asks until a key opens must not be told to wait.
    async with admin_scene(tmp_path, keys={"file": str(tmp_path / "keys.yaml"), "failures": None}) as on:
        made = (await on.post("/keys", {"name": "new", "team": "red"})).json
        await until_status(on, made["token"], 200)
        rotated = (await on.post(f"/keys/{made['id']}/rotate", {"overlap": 0})).json
        await until_status(on, rotated["token"], 200)
        await until_status(on, made["token"], 401)
        assert (await on.get(f"/keys/{made['id']}")).json["last_used"].endswith("Z")
        await on.post(f"/keys/{made['id']}/revoke", {"reason": "the end"})
        await until_status(on, rotated["token"], 401)


def shared(server: StoreServer, folder: Path) -> dict[str, Any]:
    redis = {"url": server.url, "command_timeout": 5.0, "connect_timeout": 5.0}
    keys = {"file": str(folder / "keys.yaml"), "store": "redis", "poll": 0.5, "failures": None}
    return {"keys": keys, "quota": {"redis": redis}}


async def test_what_is_done_at_one_proxy_holds_at_both(tmp_path: Path, server: StoreServer) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(admin_scene(folders[0], **shared(server, folders[0])))
        # The second proxy has the first one's pepper: the keys of the store are digested under it.
        settings = shared(server, folders[1])
        settings["keys"] |= {"file": None, "pepper_file": str(folders[0] / "keys.pepper")}
        two = await stack.enter_async_context(admin_scene(folders[1], **settings))

        made = (await one.post("/keys", {"name": "shared", "team": "red"})).json
        for proxy in (one, two):
            await until_status(proxy, made["token"], 200)
        names = [key["name"] for key in (await one.get("/keys")).json["data"]]
        assert names == ["app", "shared"]  # of the file, and of the store
        assert [key["name"] for key in (await two.get("/keys")).json["data"]] == ["shared"]

        shown = (await two.get("/quotas?key=shared")).json
        assert shown["data"][0]["used"] == 0
        ended = await two.post(f"/keys/{made['id']}/revoke", {"reason": "it leaked"})
        assert ended.json["status"] == "revoked"
        for proxy in (one, two):
            await until_status(proxy, made["token"], 401)

        server.kill()
        answer = await two.post("/keys", {"name": "more"})
        assert (answer.status, answer.json["error"]["code"]) == (503, "key_store_unavailable")
        assert [record.outcome for record in two.records][-2:] == ["begun", "failed"]
        assert (await two.get("/whoami", Role.VIEWER)).status == 200


async def test_an_account_of_the_shared_store_is_reset_and_an_outage_told(tmp_path: Path, server: StoreServer) -> None:
    async with admin_scene(tmp_path, quota=shared(server, tmp_path)["quota"]) as on:
        gateway, principal = on.running.gateway, on.key.key.principal
        policy = gateway.policies.current.assigned(principal).policy
        plan = gateway.planner.plan(policy, principal, "m", True)
        await gateway.ledger.admit("r", plan.accounts, {"requests": 1, "tokens": 300})
        gateway.ledger.settle("r", None)
        used = {each["id"]: each["used"] for each in (await on.get("/quotas?key=app")).json["data"]}
        assert used == {"requests/3600s": 1, "tokens/month@UTC": 300, "tokens/86400s": 300}
        assert (await on.post("/quotas/reset", {"key": "app"})).status == 200
        assert {each["used"] for each in (await on.get("/quotas?key=app")).json["data"]} == {0}
        server.kill()
        answer = await on.post("/quotas/reset", {"key": "app"})
        assert (answer.status, answer.json["error"]["code"]) == (503, "quota_store_unavailable")
        assert "guardproxy_quota_store_errors_total 0" not in (await on.get("/metrics", None)).body.decode()
