"""Whether proxies could tell each other what they made and answered: a part of `guardproxy doctor`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from guardproxy.cli.doctor import Findings
    from guardproxy.settings import Settings

_MARK: Final = bytes(16)
"""Nobody's: it takes the place of one id in each memory."""


async def examine_state(settings: Settings, environ: Mapping[str, str], found: Findings) -> None:
    """Note something in each shared memory and find it again, with the very scripts and keys of a running proxy."""
    from guardproxy.cli.compose_state import NO_PEPPER, make_shared_state, places, shared_keyring
    from guardproxy.errors import ConfigurationError
    from guardproxy.quota.store import StoreUnreachable

    if settings.quota.redis.url is None:
        return
    try:
        keyring = shared_keyring(settings, environ)
    except ConfigurationError as error:
        found.bad(error.message)
        return
    if keyring is None:
        found.doubt(NO_PEPPER)
        return
    state = make_shared_state(settings, environ, lambda kind, lost: None, patience=20.0)
    state.open()
    try:
        for place in places(settings):
            await state.try_out(place, _MARK)
        found.good("what one proxy made or answered is known to the others (server_state: own, history: seen)")
    except StoreUnreachable as error:
        found.bad(f"the store cannot keep what proxies made and answered ({error}): its user may not, or it is away")
    finally:
        await state.close()
