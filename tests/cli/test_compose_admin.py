"""When there is an admin API, and when a proxy does not start."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from guardproxy.audit.sinks import configure_logging
from guardproxy.cli.compose import start
from guardproxy.errors import ConfigurationError
from guardproxy.settings import Settings
from tests.admin.scene import admin_scene
from tests.support.caller import ask
from tests.support.proxy import Captured

UPSTREAM = {"OPENAI_API_KEY": "x" * 20}


def settings(folder: Path, **admin: object) -> Settings:
    (folder / "policy.yaml").write_text("version: 1\nname: tiny\n", encoding="utf-8")
    values = {
        "listen": {"port": 0}, "policy": str(folder / "policy.yaml"), "log": {"incidents": None}, "drain_timeout": 1.0,
        "admin": {"port": 0, **admin},
    }  # fmt: skip
    return Settings.model_validate_json(json.dumps(values))


async def test_without_a_file_of_admins_there_is_none_and_the_log_says_how_to_get_one(tmp_path: Path) -> None:
    captured = Captured()
    log = configure_logging("json", captured)
    running = await start(settings(tmp_path), log, UPSTREAM)
    try:
        port = running.listeners.admin_port
        assert (await ask(port, "GET", "/admin/v1/whoami")).status == 404
        assert (await ask(port, "GET", "/health/live")).status == 200
        assert (await ask(port, "GET", "/metrics")).status == 200
    finally:
        await running.close()
    (started,) = [event for event in captured.events() if event["event"] == "proxy_started"]
    assert "admin.tokens_file" in started["admin_api"]
    assert not (tmp_path / "admin.jsonl").exists()


async def test_with_one_it_is_on_and_health_stays_open(tmp_path: Path) -> None:
    async with admin_scene(tmp_path) as on:
        (started,) = on.events("proxy_started")
        assert started["admin_api"] == "on"
        assert (await on.ask("GET", "/health/ready", None)).status == 200


@pytest.mark.parametrize(
    ("admin", "told"), [({"metrics": "token"}, "admin.tokens_file"), ({"tokens_file": "none.yaml"}, "admins create")]
)
async def test_what_cannot_be_used_keeps_the_proxy_from_starting(
    tmp_path: Path, admin: dict[str, str], told: str
) -> None:
    with pytest.raises(ConfigurationError, match=told):
        await start(settings(tmp_path, **admin), configure_logging("json", Captured()), UPSTREAM)
