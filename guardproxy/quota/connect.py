"""From an address to a client: one server, the master that Sentinels name, or a cluster.

Time limits are short and there is one new try, for a connection that was closed while idle: a quota must never hold a
request up for longer than it takes to do without it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from redis.asyncio import Redis, RedisCluster, Sentinel
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError

from guardproxy.errors import ConfigurationError
from guardproxy.quota.store import Client

SCHEMES: Final = ("redis", "rediss", "redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster")
_SENTINEL_PORT: Final = 26379
_PORT: Final = 6379
_IDLE_CHECK_S: Final = 15


@dataclass(frozen=True, slots=True)
class StoreAddress:
    """Where the store is. A password may stand in `url` or beside it, never in a log."""

    url: str = field(repr=False)
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: str | None = None
    connect_timeout_s: float = 0.25
    command_timeout_s: float = 0.1


def make_client(address: StoreAddress, patience: float = 1.0) -> Client:
    """A client that connects when it is first used. `patience` lengthens its time limits, for work nobody waits for.

    Raises `ConfigurationError` for an address that is none, without repeating it.
    """
    parts = urlsplit(address.url)
    if parts.scheme not in SCHEMES:
        raise ConfigurationError(f"the URL of the quota store must begin with {':// or '.join(SCHEMES)}://")
    scheme, _, kind = parts.scheme.partition("+")
    if scheme == "rediss" and address.ca_file:
        _check_readable(address.ca_file)
    path = [part for part in parts.path.split("/") if part]
    try:
        options = _options(address, scheme == "rediss", patience)
        user, password = _credentials(address)
        options.update(username=user, password=password)
        if kind == "cluster":
            nodes = [ClusterNode(host, port) for host, port in _hosts(parts.netloc, _PORT)]
            return RedisCluster(startup_nodes=nodes, **options)
        if kind == "sentinel":
            if not path:
                raise ValueError("a Sentinel's URL ends with the name of the master: /mymaster or /mymaster/0")
            hosts = _hosts(parts.netloc, _SENTINEL_PORT)
            limits = {name: options[name] for name in ("socket_timeout", "socket_connect_timeout", "retry", "protocol")}
            sentinels: Any = Sentinel
            return _Master(sentinels(hosts, sentinel_kwargs=limits, db=_number(path[1:]), **options), path[0])
        ((host, port),) = _hosts(parts.netloc, _PORT)
        return Redis(host=host, port=port, db=_number(path), **options)
    except ValueError as error:
        raise ConfigurationError(f"the URL of the quota store cannot be used: {error}") from None


def _check_readable(ca_file: str) -> None:
    """A file of certificates that is not there would look like a server that is not."""
    try:
        with Path(ca_file).open("rb"):
            pass
    except OSError as error:
        raise ConfigurationError(f"{ca_file}: quota.redis.ca_file cannot be read: {error.strerror}") from error


def subscription_to(client: Client) -> Callable[[], Any] | None:
    """Makes subscriptions as redis-py has them; None for a cluster, where a channel has no one place to be heard at."""
    return None if isinstance(client, RedisCluster) else getattr(client, "pubsub", None)


class _Master:
    """The client of a master, which closes those of its Sentinels too."""

    def __init__(self, named: Any, name: str) -> None:
        self._sentinels = named.sentinels
        self._client = named.master_for(name)
        self.connection_pool = self._client.connection_pool

    async def execute_command(self, *words: Any) -> Any:
        return await self._client.execute_command(*words)

    def pipeline(self, transaction: bool = True) -> Any:
        return self._client.pipeline(transaction=transaction)

    def pubsub(self) -> Any:
        return self._client.pubsub()

    async def aclose(self) -> None:
        await self._client.aclose()
        for sentinel in self._sentinels:
            await sentinel.aclose()


def _options(address: StoreAddress, tls: bool, patience: float) -> dict[str, Any]:
    options: dict[str, Any] = {
        "socket_timeout": address.command_timeout_s * patience,
        "socket_connect_timeout": address.connect_timeout_s * patience,
        "retry": Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,)),
        "health_check_interval": _IDLE_CHECK_S,
        "protocol": 2,
    }
    if tls:
        options["ssl"] = True
        if address.ca_file:
            options["ssl_ca_certs"] = address.ca_file
    return options


def _credentials(address: StoreAddress) -> tuple[str | None, str | None]:
    user, _, password = urlsplit(address.url).netloc.rpartition("@")[0].partition(":")
    return address.username or unquote(user) or None, address.password or unquote(password) or None


def _hosts(netloc: str, default_port: int) -> list[tuple[str, int]]:
    hosts = []
    for place in netloc.rpartition("@")[2].split(","):
        parts = urlsplit(f"//{place}")
        if not parts.hostname:
            raise ValueError("it names no host")
        hosts.append((parts.hostname, parts.port or default_port))
    return hosts


def _number(path: list[str]) -> int:
    if not path:
        return 0
    if len(path) > 1 or not path[0].isdecimal():
        raise ValueError("the database is a number, as in redis://host:6379/0")
    return int(path[0])
