"""Bodies are bounded, strict, and told by name where they are wrong."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from guardproxy.admin.roles import Role
from guardproxy.admin.route import JSON_MOST
from tests.admin.scene import admin_scene, refused
from tests.support.caller import calling, request
from tests.support.upstream import piece


async def test_a_body_has_an_end(tmp_path: Path) -> None:
    async with admin_scene(tmp_path) as on:
        exact = json.dumps({"name": "x"}).encode().ljust(JSON_MOST)
        json_type = {"content-type": "application/json"}
        assert (await on.post("/keys", exact, headers=json_type)).status == 201
        answer = await on.post("/keys", exact + b" ", headers=json_type)
        assert refused(answer) == (413, "request_too_large")
        assert "65,536 bytes" in answer.json["error"]["message"]


async def test_json_is_read_as_everybody_reads_it(tmp_path: Path) -> None:
    async with admin_scene(tmp_path) as on:
        for raw in (b'{"name": "a", "name": "b"}', b'{"name": NaN}', b"{", b'{"name": "\\ud800"}', b"\xff"):
            answer = await on.post("/keys", raw, headers={"content-type": "application/json"})
            assert refused(answer) == (400, "invalid_json")


async def test_what_takes_no_body_takes_none(tmp_path: Path) -> None:
    async with admin_scene(tmp_path) as on:
        async with calling(on.running.listeners.admin_port) as caller:
            await caller.send(request("GET", "/admin/v1/whoami", b"{}", on.tokens[Role.VIEWER]))
            assert refused(await caller.answer()) == (400, "invalid_request")
        assert (await on.post("/policy/reload")).status == 200


async def test_many_mistakes_are_told_together_and_not_without_end(tmp_path: Path) -> None:
    async with admin_scene(tmp_path) as on:
        answer = await on.post("/keys", {f"m{number}": 1 for number in range(20)})
        message = answer.json["error"]["message"]
        assert refused(answer) == (400, "invalid_request")
        assert message.count("is not known here") == 4
        assert message.endswith("and 16 more")


async def test_a_body_that_breaks_off_is_its_callers_doing(tmp_path: Path) -> None:
    async with admin_scene(tmp_path) as on:
        async with calling(on.running.listeners.admin_port) as caller:
            whole = request("POST", "/admin/v1/keys", b'{"name": "x"}', on.tokens[Role.OPERATOR])
            await caller.send(whole[:-5])
        async with asyncio.timeout(10):
            while not on.records:
                await asyncio.sleep(0.01)
        assert [(record.outcome, record.code) for record in on.records] == [("refused", "invalid_request")]


async def test_who_waits_to_be_invited_is_invited_and_a_body_in_chunks_is_read(tmp_path: Path) -> None:
    headers = {"content-type": "application/json", "transfer-encoding": "chunked", "expect": "100-continue"}
    async with admin_scene(tmp_path) as on, calling(on.running.listeners.admin_port) as caller:
        await caller.send(request("POST", "/admin/v1/keys", None, on.tokens[Role.OPERATOR], headers))
        assert await caller.head() == (100, {})
        await caller.send(piece(b'{"name":') + piece(b' "x"}') + b"0\r\n\r\n")
        assert (await caller.answer()).status == 201
