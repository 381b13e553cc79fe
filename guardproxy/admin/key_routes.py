"""Callers' keys: list, make, show, rotate, revoke. A secret is told once, to whoever made it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from guardproxy.admin.bodies import check_expires
from guardproxy.admin.errors import Conflict, NotFound, RoleNotAllowed
from guardproxy.admin.pages import page
from guardproxy.admin.roles import Permission
from guardproxy.admin.route import Call, Controls, Told
from guardproxy.identity.store import KeyStore
from guardproxy.identity.stored import StoredKey


async def list_keys(controls: Controls, call: Call) -> Told:
    """All keys, the oldest first; `status`, `team` and `name` choose."""
    store, now = _store(controls), controls.now()
    used = await store.last_used()
    wanted = call.query
    keys = [
        key
        for key in await store.list()
        if wanted.get("status", key.status(now)) == key.status(now)
        and wanted.get("team", key.team) == key.team
        and wanted.get("name", key.name) == key.name
    ]
    document = page(keys, wanted, lambda key: key.id, lambda key: _shown(key, now, used.get(key.id)))
    return Told(document, detail={"keys": len(document["data"])})


async def show_key(controls: Controls, call: Call) -> Told:
    store = _store(controls)
    key = _of_id(await store.list(), call.target)
    return Told(_shown(key, controls.now(), (await store.last_used()).get(key.id)))


async def create_key(controls: Controls, call: Call) -> Told:
    """A key with roles stands for an admin, so only who makes admins makes one."""
    if call.body.roles and not call.admin.role.may(Permission.ADMINISTER):
        raise RoleNotAllowed(f"the role {call.admin.role.value} may not make keys that have roles")
    check_expires(call.body, controls.now())
    issued = await _store(controls).create(call.body.terms)
    key = issued.key
    detail = {"name": key.name, "team": key.team, "speaks_as": key.speaks_as}
    return Told({**_shown(key, controls.now()), "token": issued.token}, key.id, detail, status=201)


async def rotate_key(controls: Controls, call: Call) -> Told:
    issued = await _store(controls).rotate(call.target, call.body.for_time)
    document = {**_shown(issued.key, controls.now()), "token": issued.token}
    return Told(document, issued.key.id, {"name": issued.key.name, "overlap_s": call.body.overlap})


async def revoke_key(controls: Controls, call: Call) -> Told:
    key = await _store(controls).revoke(call.target, call.body.reason)
    return Told(_shown(key, controls.now()), key.id, {"name": key.name})


def _store(controls: Controls) -> KeyStore:
    if controls.keys is None:
        raise Conflict("this proxy has no store of keys: set keys.file", code="no_key_store")
    return controls.keys


def _of_id(keys: Sequence[StoredKey], key_id: str) -> StoredKey:
    for key in keys:
        if key.id == key_id:
            return key
    raise NotFound("no key has this id")


def _shown(key: StoredKey, now: datetime, used: int | None = None) -> dict[str, Any]:
    """A key without its digests."""
    shown = {"object": "guardproxy.key", **key.shown(), "status": key.status(now)}
    if used is not None:
        shown["last_used"] = datetime.fromtimestamp(used, UTC).isoformat().replace("+00:00", "Z")
    return shown
