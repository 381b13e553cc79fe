"""Everything one data plane works with, put together by `cli.serve`."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from guardproxy.audit.sinks import Recorder
from guardproxy.core.policy import Policy
from guardproxy.gateway.keyring import Keyring
from guardproxy.gateway.lifecycle import Lifecycle
from guardproxy.gateway.upstream import Upstream
from guardproxy.quota.model import Ledger


def epoch_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Bounds:
    """Seconds and bytes no single exchange may exceed, beside the policy's limits."""

    body_s: float = 30.0
    exchange_s: float = 900.0
    response_bytes: int = 16 * 1024 * 1024
    head_s: float = 15.0


@dataclass(frozen=True, slots=True)
class Gateway:
    policy: Policy
    keyring: Keyring
    ledger: Ledger
    upstream: Upstream
    recorder: Recorder
    lifecycle: Lifecycle
    bounds: Bounds = Bounds()
    upstream_secret: str | None = None
    now_ms: Callable[[], int] = epoch_ms

    def scrub(self, data: bytes) -> bytes:
        """Bytes for a caller without the upstream's key, should the upstream have echoed it."""
        secret = self.upstream_secret
        return data.replace(secret.encode(), b"[REDACTED]") if secret and secret.encode() in data else data
