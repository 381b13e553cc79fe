"""Secrets come from where the settings say, and no error shows one."""

from __future__ import annotations

from pathlib import Path

import pytest

from guardproxy.credentials import store_password, upstream_key
from guardproxy.errors import ConfigurationError
from guardproxy.settings import Settings, load_settings


def written(folder: Path, text: str) -> Path:
    file = folder / "guardproxy.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def test_the_upstreams_key_comes_from_the_named_variable_or_file(tmp_path: Path) -> None:
    assert upstream_key(load_settings(None, {}), {"OPENAI_API_KEY": " abc\n"}) == "abc"
    settings = load_settings(written(tmp_path, "upstream: {api_key_env: OTHER}\n"), {})
    assert upstream_key(settings, {"OPENAI_API_KEY": "abc"}) is None
    assert upstream_key(settings, {"OTHER": "def"}) == "def"
    (tmp_path / "key").write_text("ghi\n", encoding="utf-8")
    settings = load_settings(written(tmp_path, "upstream: {api_key_file: key}\n"), {})
    assert upstream_key(settings, {"OPENAI_API_KEY": "abc"}) == "ghi"


def test_a_key_file_that_is_missing_is_told(tmp_path: Path) -> None:
    settings = load_settings(written(tmp_path, "upstream: {api_key_file: key}\n"), {})
    with pytest.raises(ConfigurationError, match=r"key: upstream\.api_key_file cannot be read"):
        upstream_key(settings, {})


@pytest.mark.parametrize("key", ["a b", "a\r\nx: y", "clé", "a\x00b"])
def test_a_key_that_cannot_stand_in_a_header_is_refused_unseen(key: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        upstream_key(Settings(), {"OPENAI_API_KEY": key})
    assert key not in caught.value.message


def test_a_key_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"\xff\xfe")
    settings = load_settings(written(tmp_path, "upstream: {api_key_file: key}\n"), {})
    with pytest.raises(ConfigurationError):
        upstream_key(settings, {})


def test_the_stores_password_comes_from_its_file_or_variable(tmp_path: Path) -> None:
    variable = {"GUARDPROXY_REDIS_PASSWORD": " one\n"}
    assert store_password(load_settings(None, {}), variable) == "one"
    assert store_password(load_settings(None, {}), {}) is None
    settings = load_settings(written(tmp_path, "quota: {redis: {password_file: key}}\n"), {})
    with pytest.raises(ConfigurationError, match=r"key: quota\.redis\.password_file cannot be read"):
        store_password(settings, variable)
    (tmp_path / "key").write_text("two\n", encoding="utf-8")
    assert store_password(settings, variable) == "two"
    (tmp_path / "key").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError, match="is not UTF-8 text"):
        store_password(settings, variable)
