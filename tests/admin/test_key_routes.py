"""Keys over the admin API: made, listed in pages, rotated and revoked, and the secret told once."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from guardproxy.admin.roles import Role
from guardproxy.identity.keyfile import load_pepper, read_keys
from guardproxy.identity.keyring import Keyring
from guardproxy.identity.keys import parse
from tests.admin.scene import AdminScene, admin_scene, refused


def opens(on: AdminScene, token: str) -> bool:
    """Whether the file of keys lets a token in, as a proxy that reads it now would."""
    path = on.folder / "keys.yaml"
    return Keyring(read_keys(path), load_pepper(path, {})).find(token, datetime.now(UTC).timestamp()) is not None


async def test_a_key_that_is_made_opens_and_its_secret_is_told_once(tmp_path: Path) -> None:
    async with admin_scene(tmp_path) as on:
        wanted = {"name": "billing", "speaks_as": "operator", "team": "blue", "models": ["gpt-5*"], "reason": "launch"}
        made = await on.post("/keys", wanted)
        assert made.status == 201
        assert made.headers["cache-control"] == "no-store"
        key = made.json
        token = key.pop("token")
        assert parse(token) == key["id"]
        assert opens(on, token)
        assert {"name": "billing", "speaks_as": "operator", "team": "blue", "models": ["gpt-5*"]}.items() <= key.items()
        assert "reason" not in key
        assert (await on.get(f"/keys/{key['id']}")).json == key
        everything = (await on.get("/keys")).body.decode()
        assert token not in everything
        assert "digest" not in everything
        begun, done = (record for record in on.records if record.action == "keys.create")
        assert (begun.outcome, done.outcome, done.target, done.reason) == ("begun", "done", key["id"], "launch")
        assert (done.name, done.role, done.status, done.source) == ("operator", "operator", 201, "127.0.0.1")
        assert done.detail == {"name": "billing", "team": "blue", "speaks_as": "operator"}
        assert token[17:] not in (tmp_path / "admin.jsonl").read_text(encoding="utf-8") + on.captured.getvalue()


async def test_keys_come_in_pages_and_can_be_chosen(tmp_path: Path) -> None:
    async with admin_scene(tmp_path) as on:
        for number in range(4):
            assert (await on.post("/keys", {"name": f"k{number}", "team": "blue"})).status == 201
        names, after = [], ""
        while True:
            page = (await on.get(f"/keys?limit=2{after}")).json
            names.append([key["name"] for key in page["data"]])
            if page["next"] is None:
                break
            after = f"&after={page['next']}"
        assert names == [["app", "k0"], ["k1", "k2"], ["k3"]]
        assert [key["name"] for key in (await on.get("/keys?team=red")).json["data"]] == ["app"]
        assert [key["name"] for key in (await on.get("/keys?name=k2&status=active")).json["data"]] == ["k2"]
        assert (await on.get("/keys?status=revoked")).json["data"] == []


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=201", "limit=x", "limit=1&limit=2", "after=000000000000", "nobody=1", "team=", "%ff=1"]
)
async def test_a_query_that_means_nothing_is_refused(tmp_path: Path, query: str) -> None:
    async with admin_scene(tmp_path) as on:
        assert refused(await on.get(f"/keys?{query}")) == (400, "invalid_request")


async def test_a_rotated_key_keeps_its_id_and_its_old_secret_for_the_overlap(tmp_path: Path) -> None:
    async with admin_scene(tmp_path) as on:
        before = on.key.token
        rotated = (await on.post(f"/keys/{on.key.key.id}/rotate", {"overlap": 3600})).json
        assert rotated["id"] == on.key.key.id
        assert opens(on, before)
        assert opens(on, rotated["token"])
        again = (await on.post(f"/keys/{on.key.key.id}/rotate", {"overlap": 0})).json
        assert [opens(on, token) for token in (before, rotated["token"], again["token"])] == [False, False, True]
        assert on.records[-1].detail == {"name": "app", "overlap_s": 0}


async def test_a_revoked_key_opens_nothing_any_more_and_says_why(tmp_path: Path) -> None:
    async with admin_scene(tmp_path) as on:
        path = f"/keys/{on.key.key.id}/revoke"
        assert refused(await on.post(path, {})) == (400, "invalid_request")
        ended = (await on.post(path, {"reason": "it leaked"})).json
        assert (ended["status"], ended["revoked_reason"]) == ("revoked", "it leaked")
        assert not opens(on, on.key.token)
        assert refused(await on.post(f"/keys/{on.key.key.id}/rotate", {})) == (409, "conflict")


async def test_what_does_not_fit_is_a_conflict_and_recorded_as_such(tmp_path: Path) -> None:
    async with admin_scene(tmp_path) as on:
        assert refused(await on.post("/keys", {"name": "app"})) == (409, "conflict")
        begun, ended = on.records
        assert (begun.outcome, ended.outcome, ended.status, ended.code) == ("begun", "refused", 409, "conflict")
        assert len(read_keys(tmp_path / "keys.yaml")) == 1


SECRET = "gpk_" + "A" * 12 + "_" + "B" * 49


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({}, "name is missing"),
        ({"name": "x", "speak_as": "user"}, "speak_as is not known here"),
        ({"name": "x", "speaks_as": "system"}, "speaks_as is one of operator or user"),
        ({"name": SECRET}, "and not a key"),
        ({"name": "x", "reason": SECRET}, "and not a key"),
        ({"name": "x", "cidrs": ["10.0.0.1/8"]}, "cidrs.0 is a network such as"),
        ({"name": "x", "expires": "soon"}, "expires is a date such as"),
        ({"name": "x", "expires": "0001-01-01T00:00:00+14:00"}, "expires is a date such as"),
        ({"name": 7}, "name should be a valid string"),
        ([], "the body is a JSON object"),
    ],
)
async def test_a_wrong_body_is_told_by_name_and_never_repeated(tmp_path: Path, body: Any, told: str) -> None:
    async with admin_scene(tmp_path) as on:
        answer = await on.post("/keys", body)
        assert refused(answer) == (400, "invalid_request")
        assert told in answer.json["error"]["message"]
        everything = answer.body.decode() + (tmp_path / "admin.jsonl").read_text(encoding="utf-8")
        assert SECRET[4:20] not in everything
        assert len(read_keys(tmp_path / "keys.yaml")) == 1
        assert [record.outcome for record in on.records] == ["refused"]


async def test_a_key_that_is_over_before_it_begins_is_not_made(tmp_path: Path) -> None:
    async with admin_scene(tmp_path) as on:
        answer = await on.post("/keys", {"name": "x", "expires": "2020-01-01"})
        assert refused(answer) == (400, "invalid_request")
        assert "expires is not in the future" in answer.json["error"]["message"]
        assert len(read_keys(tmp_path / "keys.yaml")) == 1


async def test_only_who_makes_admins_makes_keys_with_roles(tmp_path: Path) -> None:
    async with admin_scene(tmp_path) as on:
        body = {"name": "console", "roles": ["admin"]}
        assert refused(await on.post("/keys", body)) == (403, "role_not_allowed")
        assert (await on.post("/keys", body, Role.ADMIN)).status == 201


async def test_without_a_file_of_keys_there_is_nothing_to_administer(tmp_path: Path) -> None:
    async with admin_scene(tmp_path, keys={}) as on:
        answer = await on.get("/keys")
        assert refused(answer) == (409, "no_key_store")
        assert "keys.file" in answer.json["error"]["message"]


async def test_a_file_that_cannot_be_written_is_an_outage_and_changes_nothing(tmp_path: Path) -> None:
    async with admin_scene(tmp_path) as on:
        (tmp_path / "keys.yaml.new").touch()  # another command is writing it
        assert refused(await on.post("/keys", {"name": "x"})) == (503, "key_store_unavailable")
        assert (
            json.loads((tmp_path / "admin.jsonl").read_text(encoding="utf-8").splitlines()[-1])["outcome"] == "failed"
        )
