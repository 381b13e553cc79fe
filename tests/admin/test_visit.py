"""One request: where it comes from, who asks, what is recorded, and what happens when nothing can be."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from guardproxy.admin.admins import AdminTerms, create_admin
from guardproxy.admin.roles import Role
from guardproxy.identity.keyfile import read_keys
from guardproxy.identity.keys import ADMIN_PREFIX, new_key
from tests.admin.scene import CALLERS_KEY, admin_scene, refused
from tests.support.caller import ask, calling, request


@pytest.mark.parametrize("header", ["origin", "sec-fetch-site"])
async def test_what_a_browser_sends_for_a_page_is_refused_with_a_valid_token_too(tmp_path: Path, header: str) -> None:
    async with admin_scene(tmp_path) as on:
        answer = await on.ask("POST", "/keys", Role.ADMIN, {"name": "x"}, headers={header: "http://127.0.0.1:8081"})
        assert refused(answer) == (403, "cross_origin_refused")
        assert not any(name.startswith("access-control") for name in answer.headers)
        assert len(read_keys(tmp_path / "keys.yaml")) == 1
        preflight = await on.ask("OPTIONS", "/keys", None, headers={"origin": "http://evil.example"})
        assert refused(preflight) == (403, "cross_origin_refused")


async def test_a_host_has_no_say_in_what_is_answered(tmp_path: Path) -> None:
    async with admin_scene(tmp_path) as on:
        assert (await on.ask("GET", "/whoami", headers={"host": "/admin/v1/keys?x"})).json["object"]


async def test_with_a_list_of_hosts_others_are_sent_away(tmp_path: Path) -> None:
    async with admin_scene(tmp_path, admin={"hosts": ["Admin.example.com", "[::1]"]}) as on:
        for host in ("admin.example.com", "ADMIN.EXAMPLE.COM:8081", "[::1]:8081", "[::1]"):
            assert (await on.ask("GET", "/whoami", headers={"host": host})).status == 200
        for host in ("evil.example", "admin.example.com.evil.example", "admin.example.com:x"):
            assert refused(await on.ask("GET", "/whoami", headers={"host": host})) == (421, "host_not_allowed")
        assert (await on.ask("GET", "/health/live", None, headers={"host": "evil.example"})).status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/admin/v1/", "/admin/v1/whoami/", "/admin/v1//whoami", "/admin/v1/./whoami", "/admin/v1/%77hoami",
        "/ADMIN/v1/whoami", "/admin/v2/whoami", "/admin/v1/keys/../whoami", "/v1/models", "/", "/health/other",
    ],
)  # fmt: skip
async def test_a_path_is_matched_as_it_is(tmp_path: Path, path: str) -> None:
    async with admin_scene(tmp_path) as on:
        raw = request("GET", path, None, on.tokens[Role.ADMIN])
        async with calling(on.running.listeners.admin_port) as caller:
            await caller.send(raw)
            assert refused(await caller.answer()) == (404, "not_found")
        assert on.records[-1].action == "unknown"


async def test_another_method_is_told_and_changes_nothing(tmp_path: Path) -> None:
    async with admin_scene(tmp_path) as on:
        answer = await on.ask("DELETE", "/keys")
        assert refused(answer) == (405, "method_not_allowed")
        assert answer.json["error"]["message"] == "use GET, POST here"


async def test_no_key_of_a_caller_opens_the_admin_api_and_no_token_the_data_plane(tmp_path: Path) -> None:
    async with admin_scene(tmp_path) as on:
        for key in (on.key.token, CALLERS_KEY):
            assert refused(await on.ask("GET", "/whoami", token=key)) == (401, "invalid_token")
        port = on.running.listeners.port
        for token in on.tokens.values():
            for path in ("/v1/models", "/v1/guardproxy/usage"):
                assert (await ask(port, "GET", path, None, token)).refusal == (401, "invalid_api_key")
        assert (await ask(port, "GET", "/v1/guardproxy/usage", None, on.key.token)).status == 200


async def test_the_data_plane_has_no_admin_paths(tmp_path: Path) -> None:
    async with admin_scene(tmp_path) as on:
        for path in ("/admin/v1/whoami", "/metrics", "/v1/admin/v1/whoami", "/v1/../admin/v1/whoami"):
            answer = await ask(on.running.listeners.port, "GET", path, None, on.tokens[Role.ADMIN])
            assert answer.refusal == (404, "unknown_url")
        host = {"host": "admin.example.com/admin/v1/whoami"}
        answer = await ask(on.running.listeners.port, "GET", "/admin/v1/whoami", None, on.tokens[Role.ADMIN], host)
        assert answer.status == 404


async def test_every_token_that_is_not_good_is_refused_in_the_same_words(tmp_path: Path) -> None:
    async with admin_scene(tmp_path) as on:
        path, now = tmp_path / "admins.yaml", datetime.now(UTC)
        terms = AdminTerms(name="past", role="admin", expires=now - timedelta(seconds=1))
        good = on.tokens[Role.ADMIN]
        wrong = [
            create_admin(path, {}, terms, now).token,  # expired
            new_key(secrets.token_bytes, ADMIN_PREFIX).token,  # unknown
            good[:-1],
            good + "x",
            good.replace("gpa_", "gpk_"),
            "x" * 5000,
        ]
        told = {(await on.ask("GET", "/whoami", token=token)).json["error"]["message"] for token in wrong}
        assert len(told) == 1
        assert (await on.get("/whoami", Role.ADMIN)).status == 200


async def test_a_token_given_twice_or_elsewhere_is_none(tmp_path: Path) -> None:
    async with admin_scene(tmp_path) as on:
        token = on.tokens[Role.ADMIN]
        port = on.running.listeners.admin_port
        for headers in ({"x-api-key": token}, {"authorization": f"Basic {token}"}, {"cookie": f"token={token}"}):
            answer = await ask(port, "GET", "/admin/v1/whoami", None, None, headers)
            assert refused(answer) == (401, "invalid_token")
        twice = request("GET", "/admin/v1/whoami", None, token).replace(
            b"host: proxy\r\n", f"host: proxy\r\nauthorization: Bearer {token}\r\n".encode()
        )
        async with calling(port) as caller:
            await caller.send(twice)
            assert (await caller.answer()).status in (400, 401)


async def test_who_fails_too_often_is_told_to_wait_and_fills_no_record(tmp_path: Path) -> None:
    async with admin_scene(tmp_path, keys={"file": str(tmp_path / "keys.yaml"), "failures": 3}) as on:
        for _ in range(3):
            assert refused(await on.get("/whoami", None)) == (401, "invalid_token")
        for _ in range(5):
            answer = await on.get("/whoami", None)
            assert refused(answer) == (429, "too_many_failures")
            assert 1 <= int(answer.headers["retry-after"]) <= 60
        assert [record.status for record in on.records] == [401, 401, 401, 429]
        # Callers' keys from there count too, and who has a token is not locked out.
        answer = await ask(on.running.listeners.port, "GET", "/v1/models", None, "x" * 60)
        assert answer.status == 429
        assert (await on.get("/whoami")).status == 200


async def test_a_page_that_asks_again_and_again_fills_no_record(tmp_path: Path) -> None:
    async with admin_scene(tmp_path, keys={"file": str(tmp_path / "keys.yaml"), "failures": 3}) as on:
        for _ in range(10):
            answer = await on.ask("GET", "/whoami", None, headers={"origin": "http://evil.example"})
            assert refused(answer) == (403, "cross_origin_refused")
        assert len(on.records) == 4


async def test_what_was_denied_is_recorded_with_who_asked_and_what_for(tmp_path: Path) -> None:
    async with admin_scene(tmp_path) as on:
        assert refused(await on.post("/keys", {"name": "x"}, Role.VIEWER)) == (403, "role_not_allowed")
        (record,) = on.records
        assert (record.outcome, record.action, record.name, record.role) == (
            "denied",
            "keys.create",
            "viewer",
            "viewer",
        )
        (event,) = on.events("admin_denied")
        assert (event["action"], event["code"], event["level"]) == ("keys.create", "role_not_allowed", "warning")
        assert event["admin"] in on.tokens[Role.VIEWER]


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
async def test_a_body_a_form_can_send_is_refused(tmp_path: Path, content_type: str) -> None:
    async with admin_scene(tmp_path) as on:
        answer = await on.ask("POST", "/keys", Role.ADMIN, {"name": "x"}, headers={"content-type": content_type})
        assert refused(answer) == (400, "invalid_request")


async def test_where_nothing_can_be_recorded_nothing_is_done_and_nothing_told(tmp_path: Path) -> None:
    async with admin_scene(tmp_path) as on:
        (tmp_path / "admin.jsonl").unlink(missing_ok=True)
        (tmp_path / "admin.jsonl").mkdir()
        assert refused(await on.post("/keys", {"name": "x"})) == (503, "admin_log_unavailable")
        assert refused(await on.get("/keys")) == (503, "admin_log_unavailable")
        assert refused(await on.get("/keys", None)) == (401, "invalid_token")
        assert len(read_keys(tmp_path / "keys.yaml")) == 1
        assert len(on.events("admin_log_failed")) >= 3
        (tmp_path / "admin.jsonl").rmdir()
        assert (await on.post("/keys", {"name": "x"})).status == 201


async def test_a_file_of_admins_that_cannot_be_read_admits_nobody_and_says_so(tmp_path: Path) -> None:
    async with admin_scene(tmp_path) as on:
        path = tmp_path / "admins.yaml"
        good = path.read_bytes()
        path.write_bytes(good + b"  - nonsense: [\n")
        answer = await on.get("/whoami", Role.ADMIN)
        assert refused(answer) == (503, "admins_unreadable")
        assert "admins.yaml" not in answer.body.decode()
        assert "admins.yaml" in str(on.records[-1].cause)
        path.unlink()
        assert refused(await on.get("/whoami", Role.ADMIN)) == (503, "admins_unreadable")
        path.write_bytes(good)
        assert (await on.get("/whoami", Role.ADMIN)).status == 200
