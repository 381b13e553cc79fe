"""What has to be known of a key to let its holder in, and nothing else: made once, asked for each request."""

from __future__ import annotations

from hmac import compare_digest
from math import inf
from typing import NamedTuple

from guardproxy.core.principal import Principal
from guardproxy.identity.stored import StoredKey


class Entry(NamedTuple):
    """Whose key it is, and which digests open it when. Times are Unix seconds, ends exclusive.

    `former` is the digest of the secret it had before it was rotated; minus infinity as an end: not any more.
    """

    principal: Principal | None
    digest: str
    starts: float = -inf
    ends: float = inf
    former: str = ""
    former_ends: float = -inf

    def opens(self, presented: str, now: float) -> bool:
        """Whether what was presented has the digest of the key, and the key is valid at `now`.

        How long it takes says nothing about a digest.
        """
        ends = self.ends if compare_digest(presented, self.digest) else -inf
        if self.former and compare_digest(presented, self.former):
            ends = self.former_ends
        return self.starts <= now < ends

    def why_closed(self, presented: str, now: float) -> str:
        """Why this was not let in, in a word or two."""
        if compare_digest(presented, self.former) and self.former:
            return "rotated"
        if not compare_digest(presented, self.digest):
            return "wrong secret"
        if self.ends == -inf:
            return "revoked"
        return "expired" if now >= self.ends else "not yet valid"


def entry_of(key: StoredKey) -> Entry:
    """The entry of a key as it is kept."""
    starts = -inf if key.not_before is None else key.not_before.timestamp()
    if key.revoked is not None:
        return Entry(key.principal, key.digest, starts, -inf)
    ends = inf if key.expires is None else key.expires.timestamp()
    if key.rotated_from is None:
        return Entry(key.principal, key.digest, starts, ends)
    former_ends = min(ends, key.rotated_from.until.timestamp())
    return Entry(key.principal, key.digest, starts, ends, key.rotated_from.digest, former_ends)
