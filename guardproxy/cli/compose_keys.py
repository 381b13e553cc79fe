"""The part of the composition root that is about keys: where they are, who watches them, who changes them."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Final

from guardproxy.audit.sinks import EventLog
from guardproxy.cli.compose_quota import store_address
from guardproxy.cli.compose_tokens import check_names, is_callers_name
from guardproxy.errors import ConfigurationError
from guardproxy.gateway.entrance import Entrance
from guardproxy.identity.failures import FailureLimiter
from guardproxy.identity.file_store import FileKeyStore, utc_now
from guardproxy.identity.keyfile import load_pepper, pepper_path
from guardproxy.identity.keyring import Keyring
from guardproxy.identity.keys import new_key
from guardproxy.identity.live import LiveKeys
from guardproxy.identity.store import KeyStore
from guardproxy.identity.watching import KeyWatcher, look_at
from guardproxy.policyfile.mistakes import suggestion
from guardproxy.settings import Settings

if TYPE_CHECKING:
    from guardproxy.identity.following import KeyFollower
    from guardproxy.identity.redis_store import RedisKeyStore

DEFAULT_FILE: Final = Path("keys.yaml")
# How much longer than a quota a key may take to be asked for: without it nothing goes on.
_PATIENCE: Final = 10.0


@dataclass(frozen=True, slots=True)
class OpenKeys:
    """The keys of a running proxy. `made` is the one that was made for this run, if one was.

    `stores` are where they can be listed and changed; the first is where new ones belong: the shared one, if there is.
    """

    keys: LiveKeys
    made: str | None
    watcher: KeyWatcher | None
    follower: KeyFollower | None
    stores: tuple[KeyStore, ...]

    @property
    def away(self) -> bool:
        """Whether there is a shared store that does not answer."""
        return self.follower is not None and not self.follower.asked.reachable

    async def start(self) -> None:
        """Begin to watch. Raises `ConfigurationError` where the shared store's keys are those of another pepper."""
        if self.follower is not None:
            await self.follower.start()
        if self.watcher is not None:
            self.watcher.start()

    async def stop(self) -> None:
        if self.watcher is not None:
            await self.watcher.stop()
        if self.follower is not None:
            await self.follower.stop()


def open_live_keys(settings: Settings, environ: Mapping[str, str], log: EventLog) -> OpenKeys:
    """Everything about keys, not yet started. Needs a running event loop. Raises `ConfigurationError`."""
    file = Path(settings.keys.file) if settings.keys.file else None
    paths = (file, _pepper_file(settings) or pepper_path(file)) if file else ()
    seen = look_at(paths)
    keyring, made = load_keyring(settings, environ)
    follower = _follower(settings, environ, log) if settings.keys.store == "redis" else None
    keys = LiveKeys(keyring, None if follower is None else follower.asked)
    stores: list[KeyStore] = []
    if follower is not None:
        follower.used = keys.used
        stores.append(follower.store)
    if file is not None:
        stores.append(FileKeyStore(file, environ, used=lambda: keys.used, pepper_file=_pepper_file(settings)))
    watcher = None
    if file is not None:
        load = partial(_reloaded, settings, environ, made)
        watcher = KeyWatcher(paths, load, keys, log, settings.keys.poll, seen=seen)
    return OpenKeys(keys, made, watcher, follower, tuple(stores))


def make_entrance(settings: Settings, log: EventLog) -> Entrance:
    """Whom the proxy believes, and how many invalid keys it takes."""
    keys = settings.keys
    return Entrance(
        FailureLimiter(keys.failures, keys.failure_window),
        tuple(map(ip_network, settings.listen.trusted_proxies)),
        log.emit,
    )


def load_keyring(settings: Settings, environ: Mapping[str, str]) -> tuple[Keyring, str | None]:
    """The keys of the file and of the environment; where there are none at all a new one, which is returned too."""
    keyring, shared = _of_file(settings, environ), settings.keys.store == "redis"
    session = environ.get("GUARDPROXY_KEY", "")
    made = None
    if session:
        keyring = keyring.with_session_key(session)
    elif settings.auth.oidc:
        pass  # whoever has a token comes in
    elif settings.keys.file and len(keyring) == 0 and not shared:
        raise ConfigurationError(f"{settings.keys.file} holds no key: make one with `guardproxy keys create NAME`")
    elif not settings.keys.file and not shared:
        made = new_key(secrets.token_bytes).token
        keyring = keyring.with_session_key(made)
    check_names(settings, keyring.names)
    if not shared:
        _check_assigned_keys(settings, keyring)
    return keyring, made


def make_redis_key_store(
    settings: Settings, environ: Mapping[str, str], pepper: bytes, now: Callable[[], datetime] = utc_now
) -> RedisKeyStore:
    """The shared store by itself, to list and change its keys. Raises `ConfigurationError`."""
    if settings.quota.redis.url is None:
        raise ConfigurationError(
            "keys in Redis need a server: set GUARDPROXY_REDIS_URL, or quota.redis.url in guardproxy.yaml"
        )
    address = store_address(settings, environ)
    from guardproxy.identity.redis_store import RedisKeyStore
    from guardproxy.quota.connect import make_client
    from guardproxy.quota.store import Store

    return RedisKeyStore(Store(make_client(address, _PATIENCE), lanes=1), settings.quota.redis.prefix, pepper, now)


def shared_pepper(settings: Settings, environ: Mapping[str, str]) -> bytes:
    """The pepper of the keys in the shared store. Raises `ConfigurationError`."""
    return load_pepper(Path(settings.keys.file or DEFAULT_FILE), environ, _pepper_file(settings))


def _follower(settings: Settings, environ: Mapping[str, str], log: EventLog) -> KeyFollower:
    store = make_redis_key_store(settings, environ, shared_pepper(settings, environ))
    from guardproxy.identity.following import KeyFollower
    from guardproxy.quota.connect import make_client, subscription_to

    client = make_client(store_address(settings, environ), _PATIENCE)  # announcements have a connection of their own
    return KeyFollower(store, log, settings.keys.poll, settings.keys.stale_max, subscription_to(client), client.aclose)


def _reloaded(settings: Settings, environ: Mapping[str, str], made: str | None) -> Keyring:
    """The keys of the file as it is now. It may hold none any more: then nobody comes in, which somebody wanted."""
    keyring, session = _of_file(settings, environ), made or environ.get("GUARDPROXY_KEY", "")
    return keyring.with_session_key(session) if session else keyring


def _of_file(settings: Settings, environ: Mapping[str, str]) -> Keyring:
    if settings.keys.file:
        return Keyring.load(Path(settings.keys.file), environ, _pepper_file(settings))
    return Keyring((), shared_pepper(settings, environ)) if settings.keys.store == "redis" else Keyring.empty()


def _pepper_file(settings: Settings) -> Path | None:
    return Path(settings.keys.pepper_file) if settings.keys.pepper_file else None


def _check_assigned_keys(settings: Settings, keyring: Keyring) -> None:
    """A key that is given a policy of its own has to exist: a mistyped name would leave the key with the default."""
    for name in settings.policies.keys:
        if name not in keyring.names and not is_callers_name(settings, name):
            hint = suggestion(name, keyring.names)
            raise ConfigurationError(f"policies.keys.{name}: there is no key of this name{hint}")
