"""Who is calling, from the headers of a request.

A key stands in `Authorization: Bearer`, where most clients put it, or in a header of its own: `api-key`, where Azure's
do, Anthropic's `x-api-key`, or `x-guardproxy-key`, which no provider takes for its own; never in a query or a body,
which end up in logs. A request that cannot be told gets the
same words whatever was wrong with its key, and never hears back anything it presented. A header that stands there twice
is refused: which of the two counts is what the next server may see otherwise.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from multidict import MultiMapping

from guardproxy.core.principal import Principal
from guardproxy.errors import InvalidKey, RequestError
from guardproxy.gateway.passthrough import OWN_KEY_HEADER
from guardproxy.identity.lookup import KeyLookup
from guardproxy.surfaces.conventions import OPENAI

NO_KEY: Final = "no key given: set the client's api_key to a guardproxy key"
NO_OWN_KEY: Final = f"no guardproxy key given: send it in {OWN_KEY_HEADER}, beside the provider key"
WRONG_KEY: Final = "this key is not valid here: set the client's api_key to a current guardproxy key"
SEVERAL_KEYS: Final = "the header of the key is given more than once: send one guardproxy key, once"


def _wrong_key(token: str) -> RequestError:
    return InvalidKey(WRONG_KEY)


def authenticate(
    headers: MultiMapping[str],
    keyring: KeyLookup,
    now: float,
    key_header: str = OPENAI.key_header,
    refuse: Callable[[str], RequestError] = _wrong_key,
    passthrough: bool = False,
) -> Principal | Awaitable[Principal]:
    """The holder of the presented key at `now` (Unix seconds), or the promise of it where a store has to be asked.

    Raises `InvalidKey`. `headers` finds names in any case, as HTTP's mappings do. `refuse` gives the error for a key
    that opens nothing.
    """
    token = presented_key(headers, key_header, passthrough)
    found = keyring.find(token, now)
    if isinstance(found, Principal):
        return found
    if found is None:
        raise refuse(token)
    return _asked(found, token, refuse)


def presented_key(headers: MultiMapping[str], key_header: str, passthrough: bool = False) -> str:
    """The guardproxy key of a request. Raises `InvalidKey`.

    Of `x-guardproxy-key`, `Authorization` and the `key_header` the first that is given. Where callers bring the
    provider's key (`passthrough`) the others hold that, and are not looked at.
    """
    if OWN_KEY_HEADER in headers and (own := _only(headers, OWN_KEY_HEADER).strip()):
        return own
    if passthrough:
        raise InvalidKey(NO_OWN_KEY)
    token, authorization = "", _only(headers, "Authorization").strip()
    if authorization:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise InvalidKey(WRONG_KEY)
    else:
        token = _only(headers, key_header)
    token = token.strip()
    if not token:
        raise InvalidKey(NO_KEY)
    return token


async def _asked(found: Awaitable[Principal | None], token: str, refuse: Callable[[str], RequestError]) -> Principal:
    principal = await found
    if principal is None:
        raise refuse(token)
    return principal


def _only(headers: MultiMapping[str], name: str) -> str:
    values = headers.getall(name, ())
    if len(values) > 1:
        raise InvalidKey(SEVERAL_KEYS)
    return values[0] if values else ""
