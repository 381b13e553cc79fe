"""The section `admin` of the settings."""

from __future__ import annotations

from pathlib import Path

from guardproxy.admin_settings import Admin
from guardproxy.settings import load_settings


def written(folder: Path, text: str, environ: dict[str, str] | None = None) -> Admin:
    file = folder / "guardproxy.yaml"
    file.write_text(text, encoding="utf-8")
    return load_settings(file, environ or {}).admin


def test_there_is_no_admin_api_where_nothing_is_said() -> None:
    admin = load_settings(None, {}).admin
    assert (admin.tokens_file, admin.log_file, admin.metrics, admin.hosts) == (None, "admin.jsonl", "open", ())


def test_files_lie_beside_the_file_that_names_them(tmp_path: Path) -> None:
    admin = written(tmp_path, "admin: {tokens_file: admins.yaml, log_file: log/admin.jsonl, hosts: [a.example]}")
    assert admin.tokens_file == str(tmp_path / "admins.yaml")
    assert admin.log_file == str(tmp_path / "log" / "admin.jsonl")
    assert admin.hosts == ("a.example",)


def test_the_environment_names_what_the_file_does_not(tmp_path: Path) -> None:
    environ = {"GUARDPROXY_ADMINS": "/run/admins.yaml", "GUARDPROXY_ADMIN_LOG": "/var/admin.jsonl"}
    admin = written(tmp_path, "{}", environ)
    assert (admin.tokens_file, admin.log_file) == ("/run/admins.yaml", "/var/admin.jsonl")
    admin = written(tmp_path, "admin: {tokens_file: mine.yaml, log_file: mine.jsonl}", environ)
    assert (admin.tokens_file, admin.log_file) == (str(tmp_path / "mine.yaml"), str(tmp_path / "mine.jsonl"))
