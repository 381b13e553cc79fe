"""Admins over the admin API, and the metrics behind a token."""

from __future__ import annotations

from pathlib import Path

from guardproxy.admin.roles import Role
from tests.admin.scene import admin_scene, refused
from tests.support.prometheus import read_page


async def test_everybody_is_told_who_they_are(tmp_path: Path) -> None:
    async with admin_scene(tmp_path) as on:
        told = (await on.get("/whoami", Role.ANALYST)).json
        assert (told["name"], told["role"], told["permissions"]) == ("analyst", "analyst", ["read", "reveal"])
        assert told["id"] in on.tokens[Role.ANALYST]


async def test_an_admin_that_is_made_is_known_at_once_and_once_revoked_no_more(tmp_path: Path) -> None:
    async with admin_scene(tmp_path) as on:
        made = (await on.post("/admins", {"name": "eve", "role": "operator"}, Role.ADMIN)).json
        token = made.pop("token")
        assert (await on.ask("GET", "/whoami", token=token)).json["name"] == "eve"
        listed = (await on.get("/admins", Role.ADMIN)).json["data"]
        assert made in listed
        assert "digest" not in str(listed)
        path = f"/admins/{made['id']}/revoke"
        assert (await on.post(path, {"reason": "left"}, Role.ADMIN)).json["status"] == "revoked"
        assert refused(await on.ask("GET", "/whoami", token=token)) == (401, "invalid_token")
        assert token[17:] not in (tmp_path / "admin.jsonl").read_text(encoding="utf-8") + on.captured.getvalue()


async def test_names_are_taken_once_and_nobody_revokes_themselves(tmp_path: Path) -> None:
    async with admin_scene(tmp_path) as on:
        taken = await on.post("/admins", {"name": "viewer", "role": "viewer"}, Role.ADMIN)
        assert refused(taken) == (409, "conflict")
        own = (await on.get("/whoami", Role.ADMIN)).json["id"]
        answer = await on.post(f"/admins/{own}/revoke", {"reason": "a slip"}, Role.ADMIN)
        assert refused(answer) == (409, "conflict")
        assert (await on.get("/whoami", Role.ADMIN)).status == 200


async def test_an_admin_whose_token_is_over_before_it_begins_is_not_made(tmp_path: Path) -> None:
    async with admin_scene(tmp_path) as on:
        before = len((await on.get("/admins", Role.ADMIN)).json["data"])
        answer = await on.post("/admins", {"name": "eve", "role": "viewer", "expires": "2020-01-01"}, Role.ADMIN)
        assert refused(answer) == (400, "invalid_request")
        assert len((await on.get("/admins", Role.ADMIN)).json["data"]) == before


async def test_metrics_may_need_a_token_and_reading_them_fills_no_record(tmp_path: Path) -> None:
    async with admin_scene(tmp_path, admin={"metrics": "token"}) as on:
        assert refused(await on.get("/metrics", None)) == (401, "invalid_token")
        answer = await on.get("/metrics")
        assert answer.headers["content-type"].startswith("text/plain")
        page = read_page(answer.body.decode())
        assert page.value("guardproxy_admin_actions_total", {"action": "metrics", "outcome": "denied"}) == 1
        assert [record.outcome for record in on.records] == ["denied"]


async def test_open_metrics_need_none_and_count_what_admins_do(tmp_path: Path) -> None:
    async with admin_scene(tmp_path) as on:
        await on.get("/whoami")
        page = read_page((await on.get("/metrics", None)).body.decode())
        assert page.value("guardproxy_admin_actions_total", {"action": "whoami", "outcome": "done"}) == 1
