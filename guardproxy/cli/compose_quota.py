"""The part of the composition root that is about quotas: who keeps the account, and what things cost."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from guardproxy.audit.events import Event
from guardproxy.audit.sinks import EventLog
from guardproxy.core.choice import PolicySet
from guardproxy.core.quota import Metric
from guardproxy.credentials import store_password
from guardproxy.errors import ConfigurationError
from guardproxy.quota.ledger import MemoryLedger
from guardproxy.quota.model import Ledger
from guardproxy.quota.plan import Planner
from guardproxy.quota.price import NANO, Price, PriceTable
from guardproxy.quota.tokenizer import EstimatingTokenizer, TiktokenTokenizer, Tokenizer
from guardproxy.settings import Settings

if TYPE_CHECKING:
    from guardproxy.quota.connect import StoreAddress
    from guardproxy.quota.redis_ledger import RedisLedger

# How much longer than a request settlements and renewals may wait for an answer.
_PATIENCE: Final = 10.0


def steady_epoch_ms() -> Callable[[], int]:
    """Epoch milliseconds that never step: the time of day at this moment, and what has passed since."""
    epoch = time.time_ns() - time.monotonic_ns()
    return lambda: (epoch + time.monotonic_ns()) // 1_000_000


def make_planner(settings: Settings) -> Planner:
    """Which accounts an exchange is charged to, and what it costs."""
    prices = PriceTable(
        [
            Price(price.models, round(price.input * NANO), round(price.output * NANO), price.units)
            for price in settings.quota.prices
        ]
    )
    return Planner(prices, enforce=settings.quota.enforce)


def check_prices(settings: Settings, policies: PolicySet) -> None:
    """Raises `ConfigurationError` where money is counted and nothing has a price."""
    if settings.quota.prices:
        return
    limiting = {policy.name for policy in policies.every for quota in policy.quotas if quota.metric is Metric.COST}
    if limiting:
        raise ConfigurationError(
            f"{', '.join(sorted(limiting))}: the policy limits cost: write what models cost under quota.prices in "
            "guardproxy.yaml"
        )


def make_tokenizer(settings: Settings) -> Tokenizer:
    """What counts texts before they go out. Raises `ConfigurationError` where a package or a vocabulary is missing."""
    if settings.quota.tokenizer == "estimate":
        return EstimatingTokenizer()
    from guardproxy.quota.vocabulary import load_encodings

    return TiktokenTokenizer(load_encodings())


def make_ledger(settings: Settings, log: EventLog, environ: Mapping[str, str]) -> Ledger:
    """The ledger of this process: shared where the settings name a store. Needs a running event loop."""
    if settings.quota.redis.url is None:
        return MemoryLedger(steady_epoch_ms())
    from guardproxy.quota.degrading import DegradingLedger

    def told(lost: bool, kind: str) -> None:
        if lost:
            log.emit(Event.QUOTA_STORE_LOST, error=kind)
        else:
            log.emit(Event.QUOTA_STORE_RESTORED)

    def put_back(requests: int, complete: bool) -> None:
        log.emit(Event.QUOTA_DATA_LOST, charged_again=requests, complete=complete)

    share = settings.quota.factor / settings.quota.replicas
    ledger = DegradingLedger(make_redis_ledger(settings, environ, put_back), steady_epoch_ms(), share, told)
    ledger.open()
    return ledger


def make_redis_ledger(
    settings: Settings, environ: Mapping[str, str], told: Callable[[int, bool], None] | None = None
) -> RedisLedger:
    """The shared ledger by itself; `told` hears what the store had lost. Raises `ConfigurationError`."""
    address = store_address(settings, environ)
    from guardproxy.quota.connect import make_client
    from guardproxy.quota.redis_ledger import RedisLedger
    from guardproxy.quota.store import Store

    return RedisLedger(
        Store(make_client(address)),
        Store(make_client(address, _PATIENCE), lanes=1),
        steady_epoch_ms(),
        lease_ms=int(settings.quota.lease * 1000),
        prefix=settings.quota.redis.prefix,
        told=told,
    )


def store_address(settings: Settings, environ: Mapping[str, str]) -> StoreAddress:
    """Where the store is. Raises `ConfigurationError` where none is named, or the package for it is missing."""
    redis = settings.quota.redis
    if redis.url is None:
        raise ConfigurationError(
            "no store of quotas is named: set GUARDPROXY_REDIS_URL, or quota.redis.url in guardproxy.yaml; without one "
            "each process counts by itself"
        )
    try:
        from guardproxy.quota.connect import StoreAddress
    except ImportError as error:
        raise ConfigurationError("a store of quotas needs a package: pip install 'guardproxy[redis]'") from error
    return StoreAddress(
        url=redis.url,
        username=redis.username,
        password=store_password(settings, environ),
        ca_file=redis.ca_file,
        connect_timeout_s=redis.connect_timeout,
        command_timeout_s=redis.command_timeout,
    )
