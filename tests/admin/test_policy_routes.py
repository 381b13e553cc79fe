"""Policies over the admin API: what is in force, files taken over now, a revision put in force again."""

from __future__ import annotations

from pathlib import Path

from tests.admin.scene import POLICY, admin_scene, refused


async def test_changed_files_are_taken_over_when_asked(tmp_path: Path) -> None:
    async with admin_scene(tmp_path) as on:
        before = (await on.get("/policy")).json
        assert (before["default"], before["pinned"], before["last_rejected"]) == ("small", False, None)
        assert (await on.post("/policy/reload", {})).json["changed"] is False
        (tmp_path / "policy.yaml").write_text(POLICY.replace("limit: 10}", "limit: 20}"), encoding="utf-8")
        after = (await on.post("/policy/reload", {"reason": "twice as much"})).json
        assert after["changed"] is True
        assert after["revision"] != before["revision"]
        assert after["since"] >= before["since"]
        assert (await on.get("/policy")).json["revision"] == after["revision"]
        record = on.records[-2]
        assert (record.action, record.target, record.reason) == ("policy.reload", after["revision"], "twice as much")
        assert record.detail == {"previous": before["revision"], "changed": True, "pinned": False}


async def test_files_with_mistakes_are_a_conflict_and_the_last_good_ones_stay(tmp_path: Path) -> None:
    async with admin_scene(tmp_path) as on:
        before = (await on.get("/policy")).json["revision"]
        (tmp_path / "policy.yaml").write_text(POLICY.replace("limit: 10}", "limit: ten}"), encoding="utf-8")
        for _ in range(2):  # also when they were found wrong before
            answer = await on.post("/policy/reload")
            assert refused(answer) == (409, "policy_rejected")
            assert "policy.yaml:5" in answer.json["error"]["message"]
        now = (await on.get("/policy")).json
        assert now["revision"] == before
        assert "policy.yaml:5" in now["last_rejected"]["problems"][0]
        (tmp_path / "policy.yaml").write_text(POLICY, encoding="utf-8")
        assert (await on.post("/policy/reload")).json["revision"] == before


async def test_a_rollback_puts_the_revision_before_in_force_until_it_is_undone(tmp_path: Path) -> None:
    async with admin_scene(tmp_path) as on:
        first = (await on.get("/policy")).json["revision"]
        (tmp_path / "policy.yaml").write_text(POLICY.replace("limit: 10}", "limit: 20}"), encoding="utf-8")
        second = (await on.post("/policy/reload")).json["revision"]
        back = (await on.post("/policy/rollback", {"reason": "too generous"})).json
        assert (back["revision"], back["pinned"]) == (first, True)
        assert [kept["revision"] for kept in (await on.get("/policy")).json["kept"]] == [second, first]
        undone = (await on.post("/policy/rollback", {"undo": True})).json
        assert (undone["revision"], undone["pinned"]) == (second, False)
        chosen = (await on.post("/policy/rollback", {"revision": first})).json
        assert (chosen["revision"], chosen["pinned"]) == (first, True)
        assert refused(await on.post("/policy/rollback", {"revision": first, "undo": True})) == (400, "invalid_request")


async def test_where_nothing_is_kept_nothing_is_rolled_back(tmp_path: Path) -> None:
    async with admin_scene(tmp_path, policies={"poll": None}) as on:
        answer = await on.post("/policy/rollback")
        assert refused(answer) == (503, "not_configured")
        assert "policies.state" in answer.json["error"]["message"]
        assert (await on.get("/policy")).json["kept"] == []
