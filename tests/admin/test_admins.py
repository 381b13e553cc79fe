"""The file of admins."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from guardproxy.admin.admins import AdminError, AdminTerms, NoSuchAdmin, create_admin, read_admins, revoke_admin
from guardproxy.errors import ConfigurationError
from guardproxy.identity.keys import ADMIN_PREFIX, parse

NOW = datetime(2030, 5, 1, 12, tzinfo=UTC)


def make(path: Path, name: str = "ada", **terms: Any) -> str:
    return create_admin(path, {}, AdminTerms(name=name, **{"role": "viewer", **terms}), NOW).token


def test_a_token_is_like_a_key_with_a_prefix_of_its_own(tmp_path: Path) -> None:
    token = make(tmp_path / "admins.yaml")
    assert token.startswith("gpa_")
    assert len(token) == len("gpa_") + 12 + 1 + 43 + 6
    assert parse(token, ADMIN_PREFIX) == read_admins(tmp_path / "admins.yaml")[0].id
    assert parse(token) is None
    assert parse(token.replace("gpa_", "gpk_")) is None  # the check is over the prefix too


def test_neither_file_nor_what_is_shown_holds_a_token_and_only_the_owner_reads_the_file(tmp_path: Path) -> None:
    path = tmp_path / "admins.yaml"
    token = make(path)
    assert token[17:] not in path.read_text(encoding="utf-8")
    assert "digest" not in read_admins(path)[0].shown()
    for file in (path, tmp_path / "admins.pepper"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_an_admin_is_active_until_it_expires_or_is_revoked(tmp_path: Path) -> None:
    path = tmp_path / "admins.yaml"
    make(path, expires=NOW + timedelta(hours=1))
    (admin,) = read_admins(path)
    assert [admin.status(NOW + timedelta(minutes=minutes)) for minutes in (0, 59, 60)] == ["active"] * 2 + ["expired"]
    assert revoke_admin(path, "ada", NOW).status(NOW) == "revoked"
    assert revoke_admin(path, admin.id, NOW + timedelta(days=1)).revoked == NOW


def test_a_name_is_free_again_once_its_holder_is_not_active(tmp_path: Path) -> None:
    path = tmp_path / "admins.yaml"
    make(path)
    with pytest.raises(AdminError, match="has this name"):
        make(path)
    revoke_admin(path, "ada", NOW)
    make(path)
    assert len(read_admins(path)) == 2
    revoke_admin(path, "ada", NOW)  # the one that is active
    assert all(admin.revoked for admin in read_admins(path))


def test_an_admin_is_found_by_the_whole_token_too(tmp_path: Path) -> None:
    path = tmp_path / "admins.yaml"
    token = make(path)
    assert revoke_admin(path, token, NOW).name == "ada"
    with pytest.raises(NoSuchAdmin):
        revoke_admin(path, "nobody", NOW)


def test_without_a_file_nothing_is_revoked_and_none_is_made(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="admins create"):
        revoke_admin(tmp_path / "admins.yaml", "ada", NOW)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (("role: viewer", "role: king"), "unknown role 'king'"),
        (("digest: ", "digest: x"), "64 hexadecimal digits"),
        (("id: ", "id: not-"), "12 letters and digits"),
    ],
)
def test_a_mistake_in_the_file_is_told_with_its_line_and_without_a_digest(
    tmp_path: Path, changed: tuple[str, str], told: str
) -> None:
    path = tmp_path / "admins.yaml"
    make(path)
    digest = read_admins(path)[0].digest
    path.write_text(path.read_text(encoding="utf-8").replace(*changed), encoding="utf-8")
    with pytest.raises(ConfigurationError, match=told) as raised:
        read_admins(path)
    assert "admins.yaml:" in raised.value.message
    assert digest not in raised.value.message


def test_two_admins_never_have_one_id(tmp_path: Path) -> None:
    path = tmp_path / "admins.yaml"
    make(path)
    text = path.read_text(encoding="utf-8")
    path.write_text(text + text[text.index("- id:") :], encoding="utf-8")
    with pytest.raises(ConfigurationError, match="stands above already"):
        read_admins(path)
