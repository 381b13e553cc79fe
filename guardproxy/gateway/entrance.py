"""What is needed at the door: who failed how often, which proxies speak for others, and whom to tell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from guardproxy.audit.events import Event
from guardproxy.core.scope import Network
from guardproxy.identity.failures import FailureLimiter


def _untold(event: Event, **fields: object) -> None:
    """Where nobody listens."""


@dataclass(frozen=True, slots=True)
class Entrance:
    """`trusted` proxies may say for whom they ask; `tell` logs what was refused."""

    failures: FailureLimiter = field(default_factory=FailureLimiter)
    trusted: tuple[Network, ...] = ()
    tell: Callable[..., None] = _untold
