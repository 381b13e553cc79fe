"""A caller's idempotency key, as the upstream sees it: as a digest.

The upstream remembers answers by that key for its whole account, which many of our keys share. As a digest over who
asks and what was sent it cannot meet another caller's, so nobody gets an answer that was made for somebody else; and
no text of the caller travels in it. The same caller's second try has the same digest in every process of one
installation, whose secret makes it.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Final

from guardproxy.core.principal import Principal

HEADER: Final = "idempotency-key"
_PURPOSE: Final = "guardproxy idempotency"


def with_scoped_key(headers: Mapping[str, str], principal: Principal | None, secret: bytes) -> Mapping[str, str]:
    """The headers with the idempotency key in the caller's own scope; unchanged where there is none.

    `headers` finds names in any case; what comes back with a key has them in lower case.
    """
    value = headers.get(HEADER)
    if value is None:
        return headers
    scope = "" if principal is None else principal.key_id
    said = "\0".join((_PURPOSE, scope, value)).encode("utf-8", "surrogateescape")
    return {
        **{name.lower(): other for name, other in headers.items()},
        HEADER: hmac.digest(secret, said, "sha256").hex(),
    }
