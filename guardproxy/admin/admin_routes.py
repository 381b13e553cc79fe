"""Admins themselves, who asks, and the metrics where they are not open to everybody."""

from __future__ import annotations

import asyncio
from functools import partial

from guardproxy.admin.admins import create_admin, read_admins, revoke_admin
from guardproxy.admin.bodies import check_expires
from guardproxy.admin.pages import page
from guardproxy.admin.roles import GRANTED
from guardproxy.admin.route import Call, Controls, Told
from guardproxy.audit.registry import CONTENT_TYPE
from guardproxy.gateway.gauges import metrics_page


async def who_am_i(controls: Controls, call: Call) -> Told:
    admin = call.admin
    permissions = sorted(permission.value for permission in GRANTED[admin.role])
    return Told(
        {
            "object": "guardproxy.admin",
            "id": admin.id,
            "name": admin.name,
            "role": admin.role.value,
            "permissions": permissions,
        }
    )


async def list_admins(controls: Controls, call: Call) -> Told:
    now = controls.now()
    admins = await asyncio.to_thread(read_admins, controls.authority.path)
    document = page(
        admins,
        call.query,
        lambda admin: admin.id,
        lambda admin: {"object": "guardproxy.admin", **admin.shown(), "status": admin.status(now)},
    )
    return Told(document, detail={"admins": len(document["data"])})


async def make_admin(controls: Controls, call: Call) -> Told:
    """The token is told once."""
    path, now = controls.authority.path, controls.now()
    check_expires(call.body, now)
    made = await asyncio.to_thread(create_admin, path, controls.environment, call.body.terms, now)
    document = {
        "object": "guardproxy.admin",
        **made.admin.shown(),
        "status": made.admin.status(now),
        "token": made.token,
    }
    return Told(document, made.admin.id, {"name": made.admin.name, "role": made.admin.role}, status=201)


async def end_admin(controls: Controls, call: Call) -> Told:
    """Nobody revokes themselves: somebody is left who can."""
    now = controls.now()
    ended = await asyncio.to_thread(
        partial(revoke_admin, keep=lambda admin: admin.id == call.admin.id), controls.authority.path, call.target, now
    )
    document = {"object": "guardproxy.admin", **ended.shown(), "status": ended.status(now)}
    return Told(document, ended.id, {"name": ended.name, "role": ended.role})


async def show_metrics(controls: Controls, call: Call) -> Told:
    return Told({}, text=metrics_page(controls.gateway), content_type=CONTENT_TYPE)
