"""Accounts over the admin API, after real requests to the data plane's ledger."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from guardproxy.core.principal import Principal
from guardproxy.oidc.mapping import caller_id
from tests.admin.scene import AdminScene, admin_scene, refused


async def spend(on: AdminScene, tokens: int, caller: Principal | None = None) -> None:
    """One settled request of the key `app`, or of another caller."""
    gateway = on.running.gateway
    principal = caller or on.key.key.principal
    policy = gateway.policies.current.assigned(principal).policy
    plan = gateway.planner.plan(policy, principal, "m", True)
    await gateway.ledger.admit("r", plan.accounts, {"requests": 1, "tokens": tokens})
    gateway.ledger.settle("r", None)


def used(document: Any) -> dict[str, int]:
    return {each["id"]: each["used"] for each in document["data"]}


async def test_how_accounts_stand_is_told_by_id_by_name_by_team_and_for_everybody(tmp_path: Path) -> None:
    async with admin_scene(tmp_path) as on:
        await spend(on, 300)
        everything = {"requests/3600s": 1, "tokens/month@UTC": 300, "tokens/86400s": 300}
        assert used((await on.get("/quotas?key=app")).json) == everything
        assert used((await on.get(f"/quotas?key={on.key.key.id}")).json) == everything
        assert used((await on.get("/quotas?team=blue")).json) == {"tokens/month@UTC": 0, "tokens/86400s": 300}
        everybody = (await on.get("/quotas")).json
        assert used(everybody) == {"tokens/86400s": 300}
        (told,) = everybody["data"]
        assert (told["limit"], told["remaining"], told["mode"], everybody["degraded"]) == (5000, 4700, "enforce", False)
        assert refused(await on.get("/quotas?key=nobody")) == (404, "not_found")


async def test_a_caller_with_a_token_is_named_by_its_id_in_the_log(tmp_path: Path) -> None:
    caller = Principal(caller_id("https://idp.example.com", "ann"), "corp/ann", team="red")
    async with admin_scene(tmp_path, keys={}) as on:
        await spend(on, 300, caller)
        stands = (await on.get(f"/quotas?key={caller.key_id}")).json
        assert used(stands) == {"requests/3600s": 1, "tokens/86400s": 300}
        assert used((await on.get(f"/quotas?key={caller.key_id}&team=red")).json)["tokens/month@UTC"] == 300
        assert (await on.post("/quotas/reset", {"key": caller.key_id})).status == 200
        assert used((await on.get(f"/quotas?key={caller.key_id}")).json)["requests/3600s"] == 0


async def test_a_reset_forgets_what_was_used_and_says_whose(tmp_path: Path) -> None:
    async with admin_scene(tmp_path) as on:
        await spend(on, 300)
        assert refused(await on.post("/quotas/reset", {})) == (400, "invalid_request")
        assert refused(await on.post("/quotas/reset", {"everybody": True, "key": "app"})) == (400, "invalid_request")
        assert (await on.post("/quotas/reset", {"team": "red", "reason": "a new quarter"})).status == 200
        assert used((await on.get("/quotas?key=app")).json)["requests/3600s"] == 1
        assert used((await on.get("/quotas?key=app")).json)["tokens/month@UTC"] == 0
        record = [record for record in on.records if record.action == "quotas.reset"][-1]
        assert (record.target, record.reason, record.outcome) == ("team=red", "a new quarter", "done")


async def test_a_lost_account_is_raised_to_the_logs_and_no_further(tmp_path: Path) -> None:
    async with admin_scene(tmp_path) as on:
        line = {
            "time": datetime.now(UTC).isoformat().replace("+00:00", "Z"), "request_id": "r1", "key_id": on.key.key.id,
            "key_name": "app", "team": "red", "model": "m", "charged": {"requests": 1, "tokens": 900},
        }  # fmt: skip
        logs = (json.dumps(line) + "\n" + json.dumps(line) + '\n{"charged": cut o').encode()
        first = (await on.post("/quotas/reconcile", logs)).json
        assert [(each["id"], each["spent"], each["was_short_of"]) for each in first["data"]] == [
            ("tokens/month@UTC", 900, 900)
        ]
        counts = {"lines": 3, "exchanges": 1, "repeated": 1, "unusable": 1}
        assert {name: first[name] for name in counts} == counts
        assert first["first_unusable"] == [3]
        again = (await on.post("/quotas/reconcile", logs)).json
        assert [each["was_short_of"] for each in again["data"]] == [0]
        assert used((await on.get("/quotas?team=red")).json)["tokens/month@UTC"] == 900


async def test_without_quotas_there_is_no_account(tmp_path: Path) -> None:
    async with admin_scene(tmp_path, policy="version: 1\nname: none\n") as on:
        assert (await on.get("/quotas")).json["data"] == []
        answer = await on.post("/quotas/reset", {"everybody": True})
        assert refused(answer) == (404, "not_found")
        assert "no quotas" in answer.json["error"]["message"]
