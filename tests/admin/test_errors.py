"""What becomes of an exception."""

from __future__ import annotations

import pytest

from guardproxy.admin.admins import AdminError, NoSuchAdmin
from guardproxy.admin.errors import Conflict, Unavailable, as_refusal
from guardproxy.errors import ConfigurationError, GuardproxyError, InvalidRequest, QuotaStoreUnavailable, RouteNotFound
from guardproxy.identity.store import KeyRevoked, KeyStoreUnavailable, NameTaken, NoSuchKey, SeveralKeys
from guardproxy.quota.choosing import NoSuchAccount


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (RouteNotFound("m"), 404, "not_found"),
        (NoSuchKey("m"), 404, "not_found"),
        (NoSuchAdmin("m"), 404, "not_found"),
        (NoSuchAccount("m"), 404, "not_found"),
        (NameTaken("m"), 409, "conflict"),
        (SeveralKeys("m"), 409, "conflict"),
        (KeyRevoked("m"), 409, "conflict"),
        (AdminError("m"), 409, "conflict"),
        (GuardproxyError("m"), 409, "conflict"),
        (KeyStoreUnavailable("m"), 503, "key_store_unavailable"),
        (QuotaStoreUnavailable("m"), 503, "quota_store_unavailable"),
        (ConfigurationError("m"), 503, "not_configured"),
        (InvalidRequest("m"), 400, "invalid_request"),
        (Conflict("m", code="policy_rejected"), 409, "policy_rejected"),
        (Unavailable("m", code="admin_log_unavailable"), 503, "admin_log_unavailable"),
    ],
)
def test_what_was_raised_on_purpose_keeps_its_message(error: Exception, status: int, code: str) -> None:
    refusal = as_refusal(error)
    assert (refusal.status, refusal.code, refusal.message) == (status, code, "m")


def test_what_was_not_loses_its_text() -> None:
    cause = LookupError("quotes something")
    refusal = as_refusal(cause)
    assert (refusal.status, refusal.code, refusal.__cause__) == (500, "internal_error", cause)
    assert "quotes" not in refusal.message
