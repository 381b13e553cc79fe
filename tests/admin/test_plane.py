"""A request goes on to its end, whoever leaves."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from aiohttp.test_utils import make_mocked_request

from guardproxy.admin.roles import Role
from guardproxy.identity.file_store import FileKeyStore
from guardproxy.identity.keyfile import read_keys
from guardproxy.identity.store import Issued
from guardproxy.identity.stored import KeyTerms, StoredKey
from tests.admin.scene import admin_scene
from tests.support.caller import calling, request
from tests.support.rest import until


async def test_what_was_begun_is_done_and_recorded_when_its_caller_leaves_and_the_proxy_stops(
    tmp_path: Path, monkeypatch: Any
) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()
    rotate = FileKeyStore.rotate

    async def slow(self: FileKeyStore, which: str, overlap: timedelta) -> Issued:
        begun.set()
        await go_on.wait()
        return await rotate(self, which, overlap)

    async with admin_scene(tmp_path) as on:
        monkeypatch.setattr(FileKeyStore, "rotate", slow)
        plane = on.running.admin
        assert plane is not None
        before = read_keys(tmp_path / "keys.yaml")[0].digest
        headers = {"authorization": f"Bearer {on.tokens[Role.OPERATOR]}"}
        visit = make_mocked_request("POST", f"/admin/v1/keys/{on.key.key.id}/rotate", headers)
        caller = asyncio.create_task(plane.answer(visit))
        await begun.wait()
        caller.cancel()
        await asyncio.gather(caller, return_exceptions=True)
        assert caller.cancelled()
        closing = asyncio.create_task(plane.close())
        for _ in range(20):
            await asyncio.sleep(0)
        assert not closing.done()
        go_on.set()
        await closing
        assert [record.outcome for record in on.records] == ["begun", "done"]
        assert read_keys(tmp_path / "keys.yaml")[0].digest != before


async def test_what_was_begun_is_done_when_a_connection_is_lost(tmp_path: Path, monkeypatch: Any) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()
    create = FileKeyStore.create

    async def slow(self: FileKeyStore, terms: KeyTerms) -> Issued:
        begun.set()
        await go_on.wait()
        return await create(self, terms)

    async with admin_scene(tmp_path) as on:
        monkeypatch.setattr(FileKeyStore, "create", slow)
        body = json.dumps({"name": "late"}).encode()
        async with calling(on.running.listeners.admin_port) as caller:
            await caller.send(request("POST", "/admin/v1/keys", body, on.tokens[Role.OPERATOR]))
            await begun.wait()
            caller.vanish()
        go_on.set()
        await until(lambda: [record.outcome for record in on.records] == ["begun", "done"])
        assert [key.name for key in read_keys(tmp_path / "keys.yaml")] == ["app", "late"]


async def test_an_unforeseen_failure_is_an_error_without_its_text_and_recorded_by_its_place(
    tmp_path: Path, monkeypatch: Any
) -> None:
    async def broken(self: FileKeyStore) -> Sequence[StoredKey]:
        raise LookupError("a bug that quotes marzipan")

    async with admin_scene(tmp_path) as on:
        monkeypatch.setattr(FileKeyStore, "list", broken)
        answer = await on.get("/keys")
        assert (answer.status, answer.json["error"]["code"]) == (500, "internal_error")
        (record,) = on.records
        assert record.outcome == "failed"
        assert str(record.cause).startswith("LookupError at test_plane.py:")
        told = answer.body.decode() + on.captured.getvalue() + (tmp_path / "admin.jsonl").read_text(encoding="utf-8")
        assert "marzipan" not in told
