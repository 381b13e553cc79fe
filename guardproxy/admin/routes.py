"""Every route of the admin API, and who may use it: the whole list."""

from __future__ import annotations

from typing import Final

from guardproxy.admin.admin_routes import end_admin, list_admins, make_admin, show_metrics, who_am_i
from guardproxy.admin.bodies import CreateAdmin, CreateKey, Reasoned, ResetQuotas, Revoke, RollBack, RotateKey
from guardproxy.admin.key_routes import create_key, list_keys, revoke_key, rotate_key, show_key
from guardproxy.admin.pages import PAGING
from guardproxy.admin.policy_routes import reload_policy, roll_back_policy, show_policy
from guardproxy.admin.quota_routes import reconcile_quotas, reset_quotas, show_quotas
from guardproxy.admin.roles import Permission
from guardproxy.admin.route import PREFIX, Route, Router

_READ, _OPERATE, _ADMINISTER = Permission.READ, Permission.OPERATE, Permission.ADMINISTER
_ACCOUNT: Final = ("key", "team", "model")

ROUTES: Final = (
    Route("GET", f"{PREFIX}/whoami", "whoami", _READ, who_am_i),
    Route("GET", f"{PREFIX}/keys", "keys.list", _READ, list_keys, query=(*PAGING, "status", "team", "name")),
    Route("POST", f"{PREFIX}/keys", "keys.create", _OPERATE, create_key, CreateKey),
    Route("GET", f"{PREFIX}/keys/{{id}}", "keys.show", _READ, show_key),
    Route("POST", f"{PREFIX}/keys/{{id}}/rotate", "keys.rotate", _OPERATE, rotate_key, RotateKey),
    Route("POST", f"{PREFIX}/keys/{{id}}/revoke", "keys.revoke", _OPERATE, revoke_key, Revoke),
    Route("GET", f"{PREFIX}/quotas", "quotas.show", _READ, show_quotas, query=_ACCOUNT),
    Route("POST", f"{PREFIX}/quotas/reset", "quotas.reset", _OPERATE, reset_quotas, ResetQuotas),
    Route("POST", f"{PREFIX}/quotas/reconcile", "quotas.reconcile", _OPERATE, reconcile_quotas, str),
    Route("GET", f"{PREFIX}/policy", "policy.show", _READ, show_policy),
    Route("POST", f"{PREFIX}/policy/reload", "policy.reload", _OPERATE, reload_policy, Reasoned),
    Route("POST", f"{PREFIX}/policy/rollback", "policy.rollback", _OPERATE, roll_back_policy, RollBack),
    Route("GET", f"{PREFIX}/admins", "admins.list", _ADMINISTER, list_admins, query=PAGING),
    Route("POST", f"{PREFIX}/admins", "admins.create", _ADMINISTER, make_admin, CreateAdmin),
    Route("POST", f"{PREFIX}/admins/{{id}}/revoke", "admins.revoke", _ADMINISTER, end_admin, Revoke),
)
METRICS: Final = Route("GET", "/metrics", "metrics", _READ, show_metrics, recorded=False)


def make_router(*, with_metrics: bool) -> Router:
    """`with_metrics`: who reads the metrics needs a token."""
    return Router((*ROUTES, METRICS) if with_metrics else ROUTES)
