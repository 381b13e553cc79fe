"""Who may do what: every route with every role and without one, on a started proxy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from guardproxy.admin.roles import Role
from guardproxy.admin.routes import METRICS, ROUTES, make_router
from tests.admin.scene import AdminScene, admin_scene, refused

EVERYBODY = {Role.VIEWER, Role.ANALYST, Role.OPERATOR, Role.ADMIN}
CHANGERS, ADMINS = {Role.OPERATOR, Role.ADMIN}, {Role.ADMIN}
UNKNOWN = "0" * 12

# Written down once more, by hand: method and path, who may, a body, and the status of whoever may.
EXPECTED: dict[tuple[str, str], tuple[set[Role], Any, int]] = {
    ("GET", "/admin/v1/whoami"): (EVERYBODY, None, 200),
    ("GET", "/admin/v1/keys"): (EVERYBODY, None, 200),
    ("POST", "/admin/v1/keys"): (CHANGERS, {"name": ""}, 400),
    ("GET", "/admin/v1/keys/{id}"): (EVERYBODY, None, 404),
    ("POST", "/admin/v1/keys/{id}/rotate"): (CHANGERS, {}, 404),
    ("POST", "/admin/v1/keys/{id}/revoke"): (CHANGERS, {"reason": "a test"}, 404),
    ("GET", "/admin/v1/quotas"): (EVERYBODY, None, 200),
    ("POST", "/admin/v1/quotas/reset"): (CHANGERS, {"everybody": True}, 200),
    ("POST", "/admin/v1/quotas/reconcile"): (CHANGERS, b"", 200),
    ("GET", "/admin/v1/policy"): (EVERYBODY, None, 200),
    ("POST", "/admin/v1/policy/reload"): (CHANGERS, {}, 200),
    ("POST", "/admin/v1/policy/rollback"): (CHANGERS, {"revision": UNKNOWN}, 503),
    ("GET", "/admin/v1/admins"): (ADMINS, None, 200),
    ("POST", "/admin/v1/admins"): (ADMINS, {"name": ""}, 400),
    ("POST", "/admin/v1/admins/{id}/revoke"): (ADMINS, {"reason": "a test"}, 404),
    ("GET", "/metrics"): (EVERYBODY, None, 200),
}


def test_every_route_of_the_router_has_its_rule_here() -> None:
    routes = {(route.method, route.path) for route in make_router(with_metrics=True).routes}
    assert routes == EXPECTED.keys()
    assert {*ROUTES, METRICS} == set(make_router(with_metrics=True).routes)


def test_no_two_routes_have_one_action_and_whatever_changes_is_recorded() -> None:
    actions = [route.action for route in (*ROUTES, METRICS)]
    assert len(actions) == len(set(actions))
    assert all(route.recorded for route in ROUTES)
    assert not METRICS.changes


async def asked(on: AdminScene, method: str, path: str, body: Any, role: Role | None, token: str | None = None) -> Any:
    whole = path.replace("{id}", UNKNOWN)
    return await on.ask(method, whole, role, body, token=token)


async def test_each_route_is_open_to_its_roles_and_to_nobody_else(tmp_path: Path) -> None:
    async with admin_scene(tmp_path, admin={"metrics": "token"}) as on:
        for (method, path), (may, body, status) in EXPECTED.items():
            for role in Role:
                answer = await asked(on, method, path, body, role)
                if role in may:
                    assert answer.status == status, (method, path, role, answer.body)
                else:
                    assert refused(answer) == (403, "role_not_allowed"), (method, path, role)


@pytest.mark.parametrize("callers_key", [False, True])
async def test_neither_without_a_token_nor_with_a_callers_key_is_any_route_open(
    tmp_path: Path, callers_key: bool
) -> None:
    async with admin_scene(tmp_path, admin={"metrics": "token"}) as on:
        for (method, path), (_, body, _) in EXPECTED.items():
            answer = await asked(on, method, path, body, None, on.key.token if callers_key else None)
            assert refused(answer) == (401, "invalid_token"), (method, path)
            assert answer.headers["www-authenticate"] == "Bearer"
        actions = {(route.method, route.path): route.action for route in (*ROUTES, METRICS)}
        assert [(record.outcome, record.admin, record.action) for record in on.records] == [
            ("denied", "-", actions[asked_for]) for asked_for in EXPECTED
        ]
        assert on.key.token not in (tmp_path / "admin.jsonl").read_text(encoding="utf-8")
