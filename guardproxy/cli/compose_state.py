"""The part of the composition root that is about what proxies remember together beside the account.

Sharing needs a store and a secret that all proxies have: the pepper of the keys. Without a store, and without a pepper,
each process remembers by itself. Nothing that could be guessed stands in the store without a secret in its digest.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from guardproxy.audit.events import Event
from guardproxy.audit.sinks import EventLog
from guardproxy.cli.compose_keys import DEFAULT_FILE
from guardproxy.cli.compose_quota import steady_epoch_ms, store_address
from guardproxy.core.separation.history import SeenAnswers
from guardproxy.gateway.ownership import MemoryOwnership, Ownership
from guardproxy.gateway.seen import OwnAnswers, Seen
from guardproxy.identity.keyfile import PEPPER_VARIABLE, load_pepper
from guardproxy.identity.keyring import SESSION, Keyring
from guardproxy.settings import Settings

if TYPE_CHECKING:
    from guardproxy.state.scripts import Place
    from guardproxy.state.shared import SharedState, Told

MOST_IDS: Final = 400_000
MOST_PIECES: Final = 800_000
"""How much all proxies of a store remember together: at most 90 MB there, in Redis; in Valkey 50."""

NO_PEPPER: Final = (
    "without a pepper (GUARDPROXY_PEPPER, keys.pepper_file, or the file next to keys.yaml) no proxy knows what others "
    "made or answered (server_state: own, history: seen)"
)


class Remembered(NamedTuple):
    """Who made what, which answers went out, and what is shared of it, if anything is."""

    ownership: Ownership
    seen: Seen
    state: SharedState | None


def make_remembered(
    settings: Settings, log: EventLog, environ: Mapping[str, str], session_key: str | None = None
) -> Remembered:
    """What this process remembers: shared where the settings name a store and all proxies have a pepper.

    `session_key`: the key of this run, which other processes may have another one of. Needs a running event loop.
    """
    keyring = shared_keyring(settings, environ)
    if settings.quota.redis.url is None or keyring is None:
        return Remembered(MemoryOwnership(), OwnAnswers(SeenAnswers(secrets.token_bytes(32))), None)
    from guardproxy.gateway.shared_answers import SharedAnswers
    from guardproxy.gateway.shared_ownership import SharedOwnership

    def told(kind: str | None, lost: int) -> None:
        if kind is None:
            log.emit(Event.SHARED_STATE_RESTORED, lost=lost)
        else:
            log.emit(Event.SHARED_STATE_LOST, error=kind, lost=lost)

    names = {SESSION.key_id: session_name(keyring, session_key)} if session_key else {}
    made, answered = places(settings)
    state = make_shared_state(settings, environ, told)
    state.open()
    return Remembered(
        SharedOwnership(state, made, keyring.derived("stored ids"), names),
        SharedAnswers(SeenAnswers(keyring.derived("seen answers")), state, answered, names),
        state,
    )


def session_name(keyring: Keyring, session_key: str) -> str:
    """What the store calls the key of a run: its id is the same whatever key that is."""
    return f"{SESSION.key_id} {Keyring((), keyring.derived('keys of runs')).digest(session_key)[:24]}"


def make_shared_state(settings: Settings, environ: Mapping[str, str], told: Told, patience: float = 1.0) -> SharedState:
    """The shared state by itself; `patience` as in `make_client`. Raises `ConfigurationError`."""
    address = store_address(settings, environ)
    from guardproxy.quota.connect import make_client
    from guardproxy.quota.store import Store
    from guardproxy.state.shared import SharedState

    return SharedState(Store(make_client(address, patience), lanes=2), steady_epoch_ms(), told)


def places(settings: Settings) -> tuple[Place, Place]:
    """Where the store keeps who made what, and which answers went out."""
    from guardproxy.state.scripts import Place

    prefix = settings.quota.redis.prefix
    return Place.below(prefix, "own", MOST_IDS), Place.below(prefix, "seen", MOST_PIECES)


def shared_keyring(settings: Settings, environ: Mapping[str, str]) -> Keyring | None:
    """No key, under the pepper that all proxies have; None where they have none. Raises `ConfigurationError`."""
    keys = settings.keys
    if not (keys.file or keys.pepper_file or keys.store == "redis" or PEPPER_VARIABLE in environ):
        return None
    file = Path(keys.pepper_file) if keys.pepper_file else None
    return Keyring((), load_pepper(Path(keys.file or DEFAULT_FILE), environ, file))
