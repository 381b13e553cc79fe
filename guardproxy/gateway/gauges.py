"""How a gateway stands at this moment, in numbers that are read only when somebody asks.

What exchanges count is in `audit.metrics`; here is what no exchange knows: how many run, whether the store of the
quotas answers, which policies are in force, what could not be written.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from guardproxy import __version__
from guardproxy.audit.registry import Family, Sample, exposition
from guardproxy.gateway.gateway import Gateway
from guardproxy.quota.model import StoreHealth

_STARTED: Final = time.time()
_STATM: Final = Path("/proc/self/statm")
_NO_STORE: Final = StoreHealth(0, 0, 0)


class _Gauge(NamedTuple):
    family: Family
    read: Callable[[Gateway], Iterator[Sample]]


def metrics_page(gateway: Gateway) -> str:
    """Everything there is to tell, as Prometheus reads it."""
    own = ((gauge.family, gauge.read(gateway)) for gauge in GAUGES)
    return exposition([*gateway.recorder.metrics.told(), *own])


def _one(value: float) -> Iterator[Sample]:
    yield Sample((), value)


def _store(gateway: Gateway) -> StoreHealth:
    return gateway.ledger.store or _NO_STORE


def _lost(gateway: Gateway) -> Iterator[Sample]:
    yield Sample(("log",), gateway.recorder.lost_lines)
    yield Sample(("incidents",), gateway.recorder.lost_incidents)


def _policies(gateway: Gateway) -> Iterator[Sample]:
    for name, choice in gateway.policies.current.named.items():
        yield Sample((name, choice.policy.revision), 1)


def _reloads(gateway: Gateway) -> Iterator[Sample]:
    yield Sample(("taken",), gateway.policies.reloads)
    yield Sample(("rejected",), gateway.policies.rejections)


def _memory(_: Gateway) -> Iterator[Sample]:
    """Only where the system has a file that tells it."""
    if sys.platform == "linux" and _STATM.exists():
        pages = int(_STATM.read_text(encoding="ascii").split()[1])
        yield Sample((), pages * os.sysconf("SC_PAGE_SIZE"))


GAUGES: Final = (
    _Gauge(
        Family("guardproxy_in_flight", "gauge", "Exchanges that run now, streams included."),
        lambda gateway: _one(gateway.lifecycle.in_flight),
    ),
    _Gauge(
        Family("guardproxy_ready", "gauge", "1 while new exchanges are welcome, as /health/ready says."),
        lambda gateway: _one(gateway.lifecycle.ready and not gateway.closed),
    ),
    _Gauge(
        Family("guardproxy_draining", "gauge", "1 while it stops: running exchanges end, new ones are refused."),
        lambda gateway: _one(gateway.lifecycle.draining),
    ),
    _Gauge(
        Family("guardproxy_key_store_degraded", "gauge", "1 while the store of the keys is away: known keys go on."),
        lambda gateway: _one(gateway.keys_away()),
    ),
    _Gauge(
        Family("guardproxy_quota_store_degraded", "gauge", "1 while the breaker is open: the quotas' store is away."),
        lambda gateway: _one(gateway.ledger.degraded),
    ),
    _Gauge(
        Family("guardproxy_quota_degraded_seconds_total", "counter", "Seconds without the store of the quotas."),
        lambda gateway: _one(_store(gateway).degraded_ms / 1000),
    ),
    _Gauge(
        Family("guardproxy_quota_store_errors_total", "counter", "Questions the store of the quotas did not answer."),
        lambda gateway: _one(_store(gateway).errors),
    ),
    _Gauge(
        Family("guardproxy_quota_unsettled", "gauge", "Reservations whose settlement has not reached the store."),
        lambda gateway: _one(gateway.ledger.unsettled),
    ),
    _Gauge(
        Family("guardproxy_quota_lost_total", "counter", "Charges that will never reach the store of the quotas."),
        lambda gateway: _one(_store(gateway).lost),
    ),
    _Gauge(
        Family("guardproxy_shared_state_degraded", "gauge", "1 while what other proxies made cannot be asked for."),
        lambda gateway: _one(gateway.state_health.degraded),
    ),
    _Gauge(
        Family("guardproxy_shared_state_unwritten", "gauge", "What other proxies have not been told yet: ids, pieces."),
        lambda gateway: _one(gateway.state_health.unwritten),
    ),
    _Gauge(
        Family("guardproxy_shared_state_lost_total", "counter", "What other proxies will never be told: ids, pieces."),
        lambda gateway: _one(gateway.state_health.lost),
    ),
    _Gauge(
        Family("guardproxy_lost_lines_total", "counter", "What could not be written: log lines, incidents.", ("to",)),
        _lost,
    ),
    _Gauge(
        Family("guardproxy_policy_info", "gauge", "1 for each policy in force.", ("policy", "revision")),
        _policies,
    ),
    _Gauge(
        Family("guardproxy_policy_reloads_total", "counter", "Changed policies: taken over or rejected.", ("result",)),
        _reloads,
    ),
    _Gauge(
        Family("guardproxy_policy_since_seconds", "gauge", "Unix time since when the policies are in force."),
        lambda gateway: _one(gateway.policies.since_ms / 1000),
    ),
    _Gauge(
        Family("guardproxy_build_info", "gauge", "1, with the version.", ("version",)),
        lambda _: iter((Sample((__version__,), 1),)),
    ),
    _Gauge(
        Family("process_start_time_seconds", "gauge", "Unix time at which this process began."),
        lambda _: _one(_STARTED),
    ),
    _Gauge(
        Family("process_cpu_seconds_total", "counter", "CPU time of this process, user and system."),
        lambda _: _one(time.process_time()),
    ),
    _Gauge(
        Family("process_resident_memory_bytes", "gauge", "Memory of this process that is not swapped out."), _memory
    ),
)
