"""How a gateway stands, read when somebody asks."""

from __future__ import annotations

from dataclasses import replace

from guardproxy import __version__
from guardproxy.core.choice import Choice, PolicySet
from guardproxy.core.policy import Policy
from guardproxy.gateway.gateway import Gateway
from guardproxy.gateway.gauges import metrics_page
from guardproxy.gateway.policies import Policies
from guardproxy.quota.ledger import MemoryLedger
from guardproxy.quota.model import StoreHealth
from guardproxy.state.health import StateHealth
from tests.support.gateway import make_gateway
from tests.support.policies import SMALL
from tests.support.prometheus import Page, read_page


def shown(gateway: Gateway) -> Page:
    return read_page(metrics_page(gateway))


def test_what_runs_is_told() -> None:
    gateway, _, _ = make_gateway()
    gateway.lifecycle.begin()
    gateway.lifecycle.ready = True
    page = shown(gateway)
    assert (page.value("guardproxy_in_flight"), page.value("guardproxy_ready")) == (1, 1)
    gateway.lifecycle.end()
    gateway.lifecycle.ready, gateway.lifecycle.draining = False, True
    page = shown(gateway)
    assert (page.value("guardproxy_in_flight"), page.value("guardproxy_ready")) == (0, 0)
    assert page.value("guardproxy_draining") == 1


class Away(MemoryLedger):
    """A ledger whose store is out of reach."""

    degraded = True  # type: ignore[misc]
    store = StoreHealth(errors=7, degraded_ms=2500, lost=3)  # type: ignore[assignment,misc]


def test_a_store_that_is_away_is_loud() -> None:
    page = shown(make_gateway(ledger=Away(lambda: 0))[0])
    assert page.value("guardproxy_quota_store_degraded") == 1
    assert page.value("guardproxy_quota_degraded_seconds_total") == 2.5
    assert page.value("guardproxy_quota_store_errors_total") == 7
    assert page.value("guardproxy_quota_lost_total") == 3


def test_a_store_of_keys_that_is_away_is_loud() -> None:
    away = False
    gateway = replace(make_gateway()[0], keys_away=lambda: away)
    assert shown(gateway).value("guardproxy_key_store_degraded") == 0
    away = True
    assert shown(gateway).value("guardproxy_key_store_degraded") == 1


def test_what_is_shared_with_other_proxies_is_told_and_nothing_where_nothing_is() -> None:
    page = shown(make_gateway()[0])
    assert page.value("guardproxy_shared_state_degraded") == 0

    class AwayState:
        health = StateHealth(degraded=True, unwritten=5, lost=2)

    page = shown(make_gateway(state=AwayState())[0])
    assert page.value("guardproxy_shared_state_degraded") == 1
    assert page.value("guardproxy_shared_state_unwritten") == 5
    assert page.value("guardproxy_shared_state_lost_total") == 2


def test_the_policies_in_force_are_told_with_their_revision_and_what_came_of_changes() -> None:
    other = Policy("other", "r9")
    policies = Policies(PolicySet("r", Choice(SMALL), {"small": Choice(SMALL), "other": Choice(other)}), 12_000)
    policies.reject(["a mistake"], 1)
    page = shown(make_gateway(policies=policies)[0])
    assert page.value("guardproxy_policy_info", {"policy": "other", "revision": "r9"}) == 1
    assert page.value("guardproxy_policy_info", {"policy": "small", "revision": "r1"}) == 1
    assert page.value("guardproxy_policy_reloads_total", {"result": "rejected"}) == 1
    assert page.value("guardproxy_policy_since_seconds") == 12


def test_the_process_is_told() -> None:
    page = shown(make_gateway()[0])
    assert page.value("guardproxy_build_info", {"version": __version__}) == 1
    assert page.value("process_cpu_seconds_total") > 0
    assert page.value("process_start_time_seconds") > 1_700_000_000
