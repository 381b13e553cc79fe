"""The operator's commands for the accounts in a shared store, on a real one."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from guardproxy.cli.quota import quota_app
from guardproxy.core.principal import Principal
from guardproxy.errors import ConfigurationError
from guardproxy.oidc.mapping import caller_id
from guardproxy.policyfile.compile import load_policy
from guardproxy.quota.plan import Planner
from tests.quota.ledgers import on_real_time
from tests.support.stores import StoreServer, store_server

POLICY = """
version: 1
name: small
quotas:
  - {metric: requests, per: minute, limit: 10}
  - {metric: tokens, per: month, limit: 1000, scope: team}
  - {metric: tokens, per: day, limit: 5000, scope: global}
"""
ADA = Principal("session", "session", team="red")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[StoreServer]:
    with store_server("redis", tmp_path) as started:
        yield started


class Shell:
    def __init__(self, folder: Path, server: StoreServer) -> None:
        self.policy = folder / "policy.yaml"
        self.policy.write_text(POLICY, encoding="utf-8")
        self.config = folder / "guardproxy.yaml"
        redis = {"url": server.url, "command_timeout": 5.0, "connect_timeout": 5.0}
        self.config.write_text(json.dumps({"policy": "policy.yaml", "quota": {"redis": redis}}), encoding="utf-8")

    def run(self, *arguments: str, **more: str) -> Result:
        return CliRunner().invoke(quota_app, [*arguments, "--config", str(self.config)], **more)  # type: ignore[arg-type]


@pytest.fixture
def shell(tmp_path: Path, server: StoreServer) -> Shell:
    return Shell(tmp_path, server)


def spend(shell: Shell, server: StoreServer, tokens: int, who: Principal = ADA) -> None:
    """One settled request, of the session's key in the team red if not of somebody else."""

    async def run() -> None:
        ledger = on_real_time(server, lambda: time.time_ns() // 1_000_000)
        plan = Planner().plan(load_policy(shell.policy), who, "m", True)
        await ledger.admit("r", plan.accounts, {"requests": 1, "tokens": tokens})
        ledger.settle("r", None)
        await ledger.drain()

    asyncio.run(run())


def test_show_tells_how_accounts_stand(shell: Shell, server: StoreServer) -> None:
    spend(shell, server, 300)
    shown = shell.run("show", "--key", "session", "--team", "red").stdout
    assert "requests/60s: 1 requests of 10 requests used" in shown
    assert "tokens/month@UTC: 300 tokens of 1,000 tokens used" in shown
    assert "tokens/86400s: 300 tokens of 5,000 tokens used" in shown
    everybody = shell.run("show").stdout
    assert "tokens/86400s" in everybody
    assert "requests/60s" not in everybody
    assert "0 tokens of 1,000" in shell.run("show", "--team", "blue").stdout


def test_a_caller_with_a_token_is_named_by_its_id_and_its_team_apart(shell: Shell, server: StoreServer) -> None:
    key_id = caller_id("https://idp", "ann")
    spend(shell, server, 300, Principal(key_id, "corp/ann", team="red"))
    shown = shell.run("show", "--key", key_id).stdout
    assert "requests/60s: 1 requests of 10 requests used" in shown
    assert "tokens/month" not in shown
    assert "tokens/month@UTC: 300 tokens" in shell.run("show", "--key", key_id, "--team", "red").stdout


def test_reset_asks_first_and_then_forgets(shell: Shell, server: StoreServer) -> None:
    spend(shell, server, 300)
    assert shell.run("reset", "--team", "red", input="n\n").exit_code == 1
    assert "300 tokens of 1,000" in shell.run("show", "--team", "red").stdout
    assert shell.run("reset", "--team", "red", "--yes").exit_code == 0
    assert "0 tokens of 1,000" in shell.run("show", "--team", "red").stdout


def test_reconcile_raises_a_lost_account_to_the_logs_and_no_further(
    shell: Shell, server: StoreServer, tmp_path: Path
) -> None:
    line = {
        "time": datetime.now(UTC).isoformat().replace("+00:00", "Z"), "event": "exchange_completed", "request_id": "r1",
        "key_id": "session", "key_name": "session", "team": "red", "model": "m",
        "charged": {"requests": 1, "tokens": 900},
    }  # fmt: skip
    log = tmp_path / "log.jsonl"
    log.write_text(json.dumps(line) + "\n" + json.dumps(line) + '\n{"charged": cut o', encoding="utf-8")
    first = shell.run("reconcile", str(log))
    assert "tokens/month@UTC: was short of 900 tokens, put right" in first.stdout
    assert first.exit_code == 0
    assert "3 lines read: 1 exchanges with a charge, 1 of them told again, 1 lines unusable" in first.stderr
    assert f"what these lines charged is missing: {log}:3\n" in first.stderr
    assert "holds all that was spent" in shell.run("reconcile", str(log)).stdout
    strict = shell.run("reconcile", "--strict", str(log))
    assert (strict.exit_code, "holds all that was spent" in strict.stdout) == (1, True)
    log.write_text(json.dumps(line), encoding="utf-8")
    assert shell.run("reconcile", "--strict", str(log)).exit_code == 0
    assert "900 tokens of 1,000 tokens used" in shell.run("show", "--team", "red").stdout


def test_of_several_policies_the_caller_s_is_shown_and_those_of_all_are_reset(
    shell: Shell, server: StoreServer, tmp_path: Path
) -> None:
    other = (
        POLICY.replace("small", "other")
        .replace("limit: 1000", "limit: 50")
        .replace("day, limit: 5000", "day, limit: 7")
    )
    (tmp_path / "other.yaml").write_text(other, encoding="utf-8")
    settings = json.loads(shell.config.read_text(encoding="utf-8"))
    settings["policies"] = {
        "files": [settings.pop("policy"), "other.yaml"],
        "default": "small",
        "teams": {"red": "other"},
    }
    shell.config.write_text(json.dumps(settings), encoding="utf-8")
    spend(shell, server, 300)
    red = shell.run("show", "--team", "red").stdout
    assert "tokens/month@UTC: 300 tokens of 50 tokens used" in red
    assert "of 1,000" not in red
    assert "tokens/month@UTC: 0 tokens of 1,000 tokens used" in shell.run("show", "--team", "blue").stdout
    everybody = shell.run("show").stdout
    assert "300 tokens of 5,000 tokens" in everybody
    assert "300 tokens of 7 tokens" in everybody
    assert shell.run("reset", "--team", "red", "--yes").stdout.count("team:") == 1
    assert "tokens/month@UTC: 0 tokens of 50" in shell.run("show", "--team", "red").stdout


def test_mistakes_are_told(shell: Shell, server: StoreServer, tmp_path: Path) -> None:
    assert "name no file of keys" in shell.run("show", "--key", "nobody").stderr
    empty = tmp_path / "empty.jsonl"
    empty.write_text("", encoding="utf-8")
    assert "hold no charge" in shell.run("reconcile", str(empty)).stderr
    server.kill()
    away = shell.run("show")
    assert away.exit_code == 1
    assert "does not answer" in away.stderr


@pytest.mark.parametrize("command", ["show", "reset"])
def test_without_a_store_that_is_what_is_told_whatever_is_asked(tmp_path: Path, command: str) -> None:
    (tmp_path / "policy.yaml").write_text("version: 1\nname: bare\n", encoding="utf-8")
    config = tmp_path / "guardproxy.yaml"
    config.write_text("policy: policy.yaml\n", encoding="utf-8")
    for asked in ([], ["--key", "session"], ["--team", "red"]):
        result = CliRunner().invoke(quota_app, [command, *asked, "--config", str(config)])
        assert isinstance(result.exception, ConfigurationError)
        assert "quota.redis.url" in result.exception.message


def test_a_policy_without_quotas_and_a_key_that_is_not_in_the_file_are_told(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = tmp_path / "keys.yaml"
    keys.write_text("version: 1\nkeys: []\n", encoding="utf-8")
    monkeypatch.setenv("GUARDPROXY_KEYS", str(keys))
    told = shell.run("show", "--key", "nobody").stderr
    assert f"No key in {keys} has this id or name; `guardproxy keys list --file {keys}`" in " ".join(told.split())
    shell.policy.write_text("version: 1\nname: bare\n", encoding="utf-8")
    assert "There are no quotas in bare." in shell.run("show", "--key", "session").stderr
