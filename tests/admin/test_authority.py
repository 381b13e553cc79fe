"""From a token to an admin."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from guardproxy.admin.admins import AdminTerms, create_admin, read_admins, revoke_admin
from guardproxy.admin.authority import Admin, Authority, utc_now
from guardproxy.admin.roles import Role
from guardproxy.errors import ConfigurationError
from guardproxy.identity.keys import ADMIN_PREFIX, digest, new_key, parse, renewed
from tests.admin.scene import make_admins

NOW = datetime.now(UTC)


def test_a_token_leads_to_its_admin_and_its_role(tmp_path: Path) -> None:
    path = tmp_path / "admins.yaml"
    tokens = make_admins(path)
    authority = Authority(path, {})
    assert len(authority) == 4
    for role, token in tokens.items():
        found = authority.find(token, NOW)
        assert found == Admin(token[4:16], role.value, role)


def test_what_is_stored_is_no_token(tmp_path: Path) -> None:
    path = tmp_path / "admins.yaml"
    token = make_admins(path)[Role.ADMIN]
    authority = Authority(path, {})
    stored = read_admins(path)[0]
    other = new_key(secrets.token_bytes, ADMIN_PREFIX).token
    same_id = renewed(stored.id, secrets.token_bytes, ADMIN_PREFIX)
    assert parse(same_id, ADMIN_PREFIX) == stored.id
    for presented in (
        same_id,
        "",
        "gpa_",
        stored.digest,
        f"gpa_{stored.id}_{stored.digest}",
        other,
        token.lower(),
        "ü" * 300,
    ):
        assert authority.find(presented, NOW) is None


def test_a_token_of_another_pepper_is_none(tmp_path: Path) -> None:
    path = tmp_path / "admins.yaml"
    token = make_admins(path)[Role.ADMIN]
    assert Authority(path, {"GUARDPROXY_PEPPER": "p" * 32}).find(token, NOW) is None
    assert digest(token, b"p" * 32) != digest(token, b"q" * 32)


async def test_changes_of_the_file_count_at_once(tmp_path: Path) -> None:
    path = tmp_path / "admins.yaml"
    tokens = make_admins(path)
    authority = Authority(path, {})
    revoke_admin(path, "operator", NOW)
    added = create_admin(path, {}, AdminTerms(name="new", role="viewer", expires=NOW + timedelta(hours=1)), NOW).token
    await authority.refresh()
    assert authority.find(tokens[Role.OPERATOR], NOW) is None
    assert authority.find(added, NOW) is not None
    assert authority.find(added, NOW + timedelta(hours=1)) is None


async def test_while_the_file_cannot_be_read_nobody_is_known(tmp_path: Path) -> None:
    path = tmp_path / "admins.yaml"
    token = make_admins(path)[Role.ADMIN]
    authority = Authority(path, {})
    good = path.read_bytes()
    path.write_bytes(good[:-10])
    for _ in range(2):
        with pytest.raises(ConfigurationError):
            await authority.refresh()
        assert authority.find(token, NOW) is None
    path.write_bytes(good)
    await authority.refresh()
    assert authority.find(token, NOW) is not None


def test_without_a_file_or_its_pepper_there_is_no_authority(tmp_path: Path) -> None:
    path = tmp_path / "admins.yaml"
    with pytest.raises(ConfigurationError, match="admins create"):
        Authority(path, {})
    make_admins(path)
    (tmp_path / "admins.pepper").unlink()
    with pytest.raises(ConfigurationError, match="pepper"):
        Authority(path, {})


def test_time_is_told_with_its_zone() -> None:
    assert utc_now().tzinfo is UTC
