"""Who keeps the account, as the settings say."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from guardproxy.audit.sinks import configure_logging
from guardproxy.cli.compose_quota import check_prices, make_ledger, make_planner, steady_epoch_ms, store_address
from guardproxy.core.choice import Choice, PolicySet
from guardproxy.core.policy import Policy
from guardproxy.core.principal import Principal
from guardproxy.core.quota import Metric, Period, Quota
from guardproxy.errors import ConfigurationError
from guardproxy.quota.degrading import DegradingLedger
from guardproxy.quota.ledger import MemoryLedger
from guardproxy.quota.model import Account
from guardproxy.settings import Settings
from tests.support.proxy import Captured
from tests.support.rest import until
from tests.support.stores import StoreServer, store_server

KEY = (Account("key", [Quota(Metric.REQUESTS, 60, 5)]),)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[StoreServer]:
    with store_server("valkey", tmp_path) as started:
        yield started


def settings(**quota: object) -> Settings:
    return Settings.model_validate_json(json.dumps({"quota": quota}))


def test_the_time_is_that_of_day_and_never_steps() -> None:
    clock = steady_epoch_ms()
    assert abs(clock() - time.time_ns() // 1_000_000) < 60_000
    times = [clock() for _ in range(1000)]
    assert times == sorted(times)


def test_without_a_store_the_process_counts_by_itself() -> None:
    assert isinstance(make_ledger(settings(), configure_logging("json", Captured()), {}), MemoryLedger)


async def test_with_a_store_it_counts_there_and_says_when_that_is_lost_and_found_again(server: StoreServer) -> None:
    captured = Captured()
    log = configure_logging("json", captured)
    store = {"url": server.url, "command_timeout": 5.0, "connect_timeout": 5.0}
    ledger = make_ledger(settings(redis=store), log, {})
    assert isinstance(ledger, DegradingLedger)
    assert not (await ledger.admit("a", KEY, {"requests": 1})).degraded
    ledger.settle("a", None)
    server.kill()
    for number in range(5):
        assert (await ledger.admit(f"b{number}", KEY, {"requests": 1})).degraded
        ledger.cancel(f"b{number}")
    server.start()
    await until(lambda: not ledger.degraded)
    await ledger.drain()
    log.flush()
    events = {event["event"]: event for event in captured.events()}
    assert sorted(events) == ["quota_data_lost", "quota_store_lost", "quota_store_restored"]
    assert events["quota_store_lost"]["error"] == "ConnectionError"
    assert events["quota_data_lost"]["complete"] is False  # it came back empty


def test_a_password_comes_from_its_variable_or_its_file_and_is_not_shown(tmp_path: Path) -> None:
    password = secrets.token_hex(8)
    (tmp_path / "password").write_text(f"{password}\n")
    url = {"url": "redis://host", "username": "proxy"}
    given = store_address(settings(redis=url), {"GUARDPROXY_REDIS_PASSWORD": password})
    read = store_address(settings(redis={**url, "password_file": str(tmp_path / "password")}), {})
    for address in (given, read):
        assert (address.username, address.password) == ("proxy", password)
        assert password not in repr(address)
    with pytest.raises(ConfigurationError, match=r"password_file cannot be read"):
        store_address(settings(redis={**url, "password_file": str(tmp_path / "none")}), {})


def test_a_command_that_needs_a_store_says_how_to_name_one() -> None:
    with pytest.raises(ConfigurationError, match="GUARDPROXY_REDIS_URL"):
        store_address(settings(), {})


def test_prices_are_whole_numbers_and_money_needs_them() -> None:
    policy = Policy("p", "r", quotas=(Quota(Metric.COST, 0, 10**9, period=Period.MONTH),))
    with pytest.raises(ConfigurationError, match=r"p: .*quota\.prices"):
        check_prices(settings(), PolicySet.of(Choice(Policy("p", "r"), (), {1: policy})))
    priced = settings(prices=[{"models": ["m"], "input": 0.15, "output": 0.6}])
    check_prices(priced, PolicySet.of(policy))
    planner = make_planner(priced)
    plan = planner.plan(policy, Principal("k", "k"), "m", True)
    assert plan.charge(1_000_000, 1_000_000)["cost"] == 750_000_000
    assert make_planner(settings(enforce=False)).plan(policy, Principal("k", "k"), "m", True).quotas[0].shadow
