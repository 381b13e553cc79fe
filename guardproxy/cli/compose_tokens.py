"""The part of the composition root that is about tokens of identity providers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from guardproxy.audit.events import Event
from guardproxy.audit.sinks import EventLog
from guardproxy.errors import ConfigurationError
from guardproxy.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from guardproxy.identity.lookup import KeyLookup
    from guardproxy.oidc.issuer_keys import Fetched
    from guardproxy.oidc.verifier import TokenVerifier

_PACKAGES: Final = ("joserfc", "cryptography")


def make_verifier(settings: Settings, told: Callable[[Fetched], None]) -> TokenVerifier | None:
    """What tokens are held against; None where no issuer is named. `told` hears of each fetch of keys.

    Raises `ConfigurationError` where the package for it is missing, or a file of certificates cannot be used.
    """
    if not settings.auth.oidc:
        return None
    try:
        from guardproxy.gateway.fetching import HttpFetch
        from guardproxy.oidc.read_settings import issuer_of
        from guardproxy.oidc.verifier import TokenVerifier
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _PACKAGES:
            raise
        raise ConfigurationError(
            "auth.oidc: tokens of identity providers need a package: pip install 'guardproxy[oidc]'"
        ) from error
    return TokenVerifier(issuer_of(one, HttpFetch(one.timeout, one.ca_file), told) for one in settings.auth.oidc)


def with_tokens(keys: KeyLookup, verifier: TokenVerifier) -> KeyLookup:
    """Who may call with a key, and who with a token."""
    from guardproxy.oidc.lookup import KeysAndTokens

    return KeysAndTokens(keys, verifier)


def telling(log: EventLog) -> Callable[[Fetched], None]:
    """Writes of each fetch what is new: other keys, a failure, the end of one."""
    failing: set[str] = set()

    def told(fetched: Fetched) -> None:
        if fetched.failure is not None:
            failing.add(fetched.issuer)
            log.emit(Event.ISSUER_KEYS_FAILED, issuer=fetched.issuer, error=fetched.failure)
        elif fetched.changed or fetched.issuer in failing:
            failing.discard(fetched.issuer)
            log.emit(
                Event.ISSUER_KEYS_LOADED, issuer=fetched.issuer, keys=fetched.keys, passed_over=fetched.passed_over
            )

    return told


def check_names(settings: Settings, names: Iterable[str]) -> None:
    """Raises `ConfigurationError` where the name of a key is one that a caller of an issuer could have."""
    for name in sorted(names):
        if is_callers_name(settings, name):
            raise ConfigurationError(
                f"a key is named {name}, and an issuer under auth.oidc {name.partition('/')[0]}: names that begin with "
                "it are those of its callers; give one of them another name"
            )


def is_callers_name(settings: Settings, name: str) -> bool:
    """Whether a caller with a token may have this name."""
    return any(name.startswith(f"{issuer.name}/") for issuer in settings.auth.oidc)
