"""Everything one data plane works with, put together by `cli.serve`."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from guardproxy.audit.sinks import Recorder
from guardproxy.core.memo import Memo
from guardproxy.core.policy import Policy
from guardproxy.core.quota import OnStoreError
from guardproxy.core.separation.history import SeenAnswers
from guardproxy.gateway.asking import Asking
from guardproxy.gateway.entrance import Entrance
from guardproxy.gateway.lifecycle import Lifecycle
from guardproxy.gateway.ownership import MemoryOwnership, Ownership
from guardproxy.gateway.policies import Policies
from guardproxy.gateway.seen import OwnAnswers, Seen
from guardproxy.gateway.upstream import Upstream
from guardproxy.identity.lookup import KeyLookup
from guardproxy.quota.expectations import Expectations
from guardproxy.quota.headers import HeadersOf, rate_limit_headers
from guardproxy.quota.model import Ledger
from guardproxy.quota.plan import Planner
from guardproxy.quota.tokenizer import EstimatingTokenizer, Tokenizer
from guardproxy.state.health import UNSHARED, StateHealth

if TYPE_CHECKING:
    from guardproxy.gateway.candidate import Candidate
    from guardproxy.state.shared import SharedState


def epoch_ms() -> int:
    return time.time_ns() // 1_000_000


def _closes(policy: Policy) -> bool:
    """Whether a quota of all its requests is closed while the store is away."""
    return any(
        quota.on_store_error is OnStoreError.CLOSED and not quota.shadow and not str(quota.only)
        for quota in policy.quotas
    )


@dataclass(frozen=True, slots=True)
class Bounds:
    """Seconds and bytes no single exchange may exceed, beside the policy's limits."""

    body_s: float = 30.0
    exchange_s: float = 900.0
    response_bytes: int = 16 * 1024 * 1024
    head_s: float = 15.0


@dataclass(frozen=True, slots=True)
class Gateway:
    policies: Policies
    keyring: KeyLookup
    ledger: Ledger
    upstream: Upstream
    recorder: Recorder
    lifecycle: Lifecycle
    bounds: Bounds = Bounds()
    memo: Memo | None = None
    ownership: Ownership = field(default_factory=MemoryOwnership)
    planner: Planner = field(default_factory=Planner)
    candidate: Candidate | None = None
    tokenizer: Tokenizer = field(default_factory=EstimatingTokenizer)
    headers_of: HeadersOf = rate_limit_headers
    keys_away: Callable[[], bool] = bool
    expectations: Expectations = field(default_factory=Expectations)
    entrance: Entrance = field(default_factory=Entrance)
    asking: Asking = field(default_factory=Asking)
    passthrough: bool = False
    upstream_secret: str | None = field(default=None, repr=False)
    now_ms: Callable[[], int] = epoch_ms
    separation_secret: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    seen: Seen = field(default_factory=lambda: OwnAnswers(SeenAnswers(secrets.token_bytes(32))), repr=False)
    state: SharedState | None = None
    _secret: bytes = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_secret", (self.upstream_secret or "").encode())

    @property
    def closed(self) -> bool:
        """Whether all requests are refused: the store of the quotas is away, and every policy closes then for all."""
        return self.ledger.degraded and all(map(_closes, self.policies.current.every))

    @property
    def state_health(self) -> StateHealth:
        """How that does which is shared with other proxies beside the account."""
        return UNSHARED if self.state is None else self.state.health

    def scrub(self, data: bytes) -> bytes:
        """Bytes for a caller without the upstream's key, should the upstream have echoed it."""
        return data.replace(self._secret, b"[REDACTED]") if self._secret and self._secret in data else data
