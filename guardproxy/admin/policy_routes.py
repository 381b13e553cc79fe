"""The policies: which are in force, take over changed files now, put a kept revision in force again."""

from __future__ import annotations

import asyncio
from typing import Any

from guardproxy.admin.errors import Conflict
from guardproxy.admin.journal import Detail
from guardproxy.admin.route import Call, Controls, Told
from guardproxy.audit.record import iso_time
from guardproxy.gateway.policies import Policies


async def show_policy(controls: Controls, call: Call) -> Told:
    """What is in force, since when, and the last change that was not taken over."""
    kept = await asyncio.to_thread(controls.policies.kept)
    revisions = [
        {"revision": one.revision, "in_force": iso_time(one.time_ms), "policies": dict(one.policies)} for one in kept
    ]
    return Told({**_in_force(controls.gateway.policies), "kept": revisions})


async def reload_policy(controls: Controls, call: Call) -> Told:
    """Look at the files now. Changes with mistakes are a conflict, and the last good ones stay in force."""
    return await _looked(controls)


async def roll_back_policy(controls: Controls, call: Call) -> Told:
    """Pin a kept revision, or let the files decide again, and take that over."""
    if call.body.undo:
        await asyncio.to_thread(controls.policies.release)
    else:
        await asyncio.to_thread(controls.policies.pin, call.body.revision)
    return await _looked(controls)


async def _looked(controls: Controls) -> Told:
    policies = controls.gateway.policies
    before = policies.current.revision
    changed = await controls.reloader.check()
    # Files are tried once: what the regular look found wrong before is still wrong.
    if not changed and policies.rejected is not None and policies.rejected.time_ms >= policies.since_ms:
        problems = "; ".join(policies.rejected.problems)
        raise Conflict(f"the policies have mistakes, so {before} stays in force: {problems}", code="policy_rejected")
    detail: Detail = {"previous": before, "changed": changed, "pinned": policies.pinned}
    return Told({**_in_force(policies), "changed": changed}, policies.current.revision, detail)


def _in_force(policies: Policies) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "object": "guardproxy.policy",
        "revision": policies.current.revision,
        "since": iso_time(policies.since_ms),
        "pinned": policies.pinned,
        "default": policies.current.default.policy.name,
        "policies": {name: choice.policy.revision for name, choice in policies.current.named.items()},
        "last_rejected": None,
    }
    if policies.rejected is not None:
        shown["last_rejected"] = {
            "time": iso_time(policies.rejected.time_ms),
            "problems": list(policies.rejected.problems),
        }
    return shown
