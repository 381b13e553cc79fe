"""The keys of one issuer, fetched when they are due and kept while the issuer is away.

However many tokens wait for keys, one fetch runs. It is a task of its own: a caller that leaves does not end it. Keys
are fetched again when they have grown old (nobody waits for that, and it needs no caller: a key that was withdrawn is
not good for longer because nobody called in between), and when a token names one that is not known, but never sooner
than `REFETCH_S` after the last try: made-up ids cost the issuer nothing, and they are not remembered, so they push
nothing out. A fetch that succeeded replaces all keys: one that is gone was withdrawn.

While the issuer is away its last keys stay good for a bounded time. After that, and for a key that nobody could ask
for, the answer is that it cannot be told, which is an outage and not the caller's fault.

Times are seconds of a clock that never steps.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from guardproxy.oidc.discovery import UnusableDiscovery, discovery_url, read_discovery
from guardproxy.oidc.key_set import ALGORITHMS, KeySet, UnusableKeySet, VerificationKey, read_key_set
from guardproxy.oidc.token import RefusedToken

REFETCH_S: Final = 10.0
RETRY_S: Final = 30.0
"""While the issuer is away and nobody calls."""

MOST_BYTES: Final = 256 * 1024

Fetch = Callable[[str, int], Awaitable[bytes]]
"""The body at an address, at most so many bytes. Raises `FetchFailed`."""


class FetchFailed(Exception):
    """What was asked for did not come. Its text says why, in a word or two of ours."""


class UnknownKey(RefusedToken):
    """The issuer has no such key."""


class IssuerAway(Exception):
    """It cannot be told: the issuer's keys could not be fetched. `wait_s` is when they are tried again."""

    def __init__(self, wait_s: float) -> None:
        super().__init__()
        self.wait_s = wait_s


@dataclass(frozen=True, slots=True)
class KeySource:
    """Where keys are and how long they are good. `jwks_url` None: as the issuer's discovery document says."""

    name: str
    issuer: str
    jwks_url: str | None = None
    algorithms: Sequence[str] = ALGORITHMS
    refresh_s: float = 300.0
    stale_s: float = 3600.0
    timeout_s: float = 5.0


class Fetched(NamedTuple):
    """A try to fetch keys. `failure` None: there are `keys` of them now, and `passed_over` that are of no use."""

    issuer: str
    failure: str | None
    keys: int = 0
    passed_over: int = 0
    changed: bool = False


class IssuerKeys:
    """Lives on one event loop. `told` hears of each try. `generation` counts the sets of keys there were."""

    def __init__(
        self,
        source: KeySource,
        fetch: Fetch,
        told: Callable[[Fetched], None],
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self._fetch = fetch
        self._told = told
        self._now_s = now_s
        self._keys: KeySet | None = None
        self._raw = b""
        self._loaded_at = 0.0
        self._tried_at: float | None = None
        self._failed = False
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._kept = False
        self.generation = 0

    def start(self) -> None:
        """Have the keys fetched now and whenever they are due, also while nobody calls, until `close`."""
        self._kept = True
        if self._task is None:
            self._begin()

    def check(self) -> bool:
        """Whether the keys are good now. Has them fetched again if they are due, without waiting for it."""
        if self._keys is None:
            return False
        age = self._now_s() - self._loaded_at
        if age >= self._source.refresh_s and self._task is None and self._may_try():
            self._begin()
        return age < self._source.refresh_s + self._source.stale_s

    def find(self, kid: str | None, algorithm: str) -> VerificationKey | None:
        """A key that is known and good now."""
        return self._keys.find(kid, algorithm) if self.check() and self._keys is not None else None

    async def find_or_fetch(self, kid: str | None, algorithm: str) -> VerificationKey:
        """A key, asked for if it is not known. Raises `UnknownKey` and `IssuerAway`."""
        key = self.find(kid, algorithm)
        if key is None and (self._task is not None or self._may_try()):
            await self.refresh()
            key = self.find(kid, algorithm)
        if key is not None:
            return key
        if self._failed or not self.check() or not self._keys:
            raise IssuerAway(self._wait_s())
        raise UnknownKey

    async def refresh(self) -> None:
        """Fetch the keys, or wait for the fetch that runs. How that went is told, and seen in what is found."""
        await asyncio.shield(self._task or self._begin())

    async def close(self) -> None:
        self._kept = False
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _may_try(self) -> bool:
        return self._tried_at is None or self._now_s() - self._tried_at >= REFETCH_S

    def _wait_s(self) -> float:
        return 0.0 if self._tried_at is None else max(0.0, REFETCH_S - (self._now_s() - self._tried_at))

    def _begin(self) -> asyncio.Task[None]:
        self._task = asyncio.get_running_loop().create_task(self._refresh())
        return self._task

    async def _refresh(self) -> None:
        self._tried_at = self._now_s()
        self._failed = True  # until it has succeeded, whatever ends it
        try:
            async with asyncio.timeout(self._source.timeout_s):
                raw = await self._fetch(await self._address(), MOST_BYTES)
            keys = read_key_set(raw, self._source.algorithms)
        except TimeoutError:
            self._told(Fetched(self._source.name, "too slow"))
        except FetchFailed as error:
            self._told(Fetched(self._source.name, str(error)))
        except UnusableDiscovery as error:
            self._told(Fetched(self._source.name, f"the discovery document {error}"))
        except UnusableKeySet:
            self._told(Fetched(self._source.name, "what was fetched is no set of keys"))
        else:
            self._take(keys, raw)
        finally:
            self._tried_at = self._now_s()
            self._task = None
            self._plan_next()

    def _plan_next(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._kept:
            wait_s = min(RETRY_S, self._source.refresh_s) if self._failed else self._source.refresh_s
            self._timer = asyncio.get_running_loop().call_later(wait_s, self.start)

    async def _address(self) -> str:
        source = self._source
        if source.jwks_url is not None:
            return source.jwks_url
        return read_discovery(await self._fetch(discovery_url(source.issuer), MOST_BYTES), source.issuer)

    def _take(self, keys: KeySet, raw: bytes) -> None:
        changed = self._keys is None or raw != self._raw
        if changed:
            self._keys, self._raw = keys, raw
            self.generation += 1
        self._loaded_at = self._now_s()
        self._failed = False
        self._told(Fetched(self._source.name, None, len(keys), keys.passed_over, changed))
