"""From a presented key to who is calling.

Every presented text is digested and compared in constant time, also one that is no key or names an unknown id: how
long the answer takes says nothing about which keys exist. A digest, the part that is stored, is only ever compared
with the digest of what was presented, so presenting a stored digest opens nothing.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, Self

from guardproxy.core.principal import Principal
from guardproxy.errors import ConfigurationError
from guardproxy.identity.entry import Entry, entry_of
from guardproxy.identity.keyfile import load_pepper, read_keys
from guardproxy.identity.keys import digest, digest_under, keyed, parse
from guardproxy.identity.lookup import Refused
from guardproxy.identity.stored import StoredKey

SESSION_KEY_LEAST: Final = 16
MARK_DIGITS: Final = 16
SESSION: Final = Principal(key_id="session", name="session", operator=True)


class Keyring:
    """The keys that may call. Frozen: reading the file again makes another."""

    def __init__(self, keys: Iterable[StoredKey], pepper: bytes, session_token: str | None = None) -> None:
        self._keys = tuple(keys)
        self._pepper = pepper
        self._keyed = keyed(pepper)
        self._entries = {key.id: entry_of(key) for key in self._keys}
        self._nobody = Entry(None, digest("", pepper))
        self._session = Entry(SESSION, digest(session_token, pepper)) if session_token else self._nobody

    @classmethod
    def load(cls, path: Path, environment: Mapping[str, str], pepper_file: Path | None = None) -> Self:
        """The keys of a file, with the pepper next to it, in `environment` or in a file of its own.

        Raises `ConfigurationError`.
        """
        return cls(read_keys(path), load_pepper(path, environment, pepper_file))

    @classmethod
    def empty(cls) -> Self:
        """No key at all, under a pepper of its own."""
        return cls((), secrets.token_bytes(32))

    def __len__(self) -> int:
        """How many keys there are, valid or not, the session's included."""
        return len(self._entries) + (self._session is not self._nobody)

    @property
    def names(self) -> frozenset[str]:
        """The names of all keys, valid or not."""
        return frozenset({key.name for key in self._keys} | ({SESSION.name} if self._session.principal else set()))

    def with_session_key(self, token: str) -> Keyring:
        """These keys and one more, for the life of the process, whose owner may speak as the operator.

        Any text of at least 16 printable ASCII characters without spaces. Raises `ConfigurationError`.
        """
        if len(token) < SESSION_KEY_LEAST or not all("!" <= character <= "~" for character in token):
            raise ConfigurationError(
                f"GUARDPROXY_KEY must have at least {SESSION_KEY_LEAST} printable ASCII characters and no spaces; "
                "leave it unset and a key is made at start"
            )
        return Keyring(self._keys, self._pepper, token)

    def derived(self, purpose: str) -> bytes:
        """A secret for one purpose, the same for as long as the pepper is; it tells nothing of the pepper."""
        return hmac.digest(self._pepper, f"guardproxy {purpose}".encode(), "sha256")

    def signing_secret(self, key_id: str) -> str:
        """What the back end behind a key signs its operator text with: 64 hexadecimal digits."""
        return self.derived(f"signing secret of {key_id}").hex()

    def ids_of(self, which: str) -> list[str]:
        """The ids of the keys with this id or name that were not revoked."""
        return [key.id for key in self._keys if which in (key.id, key.name) and key.revoked is None]

    def knows(self, key_id: str) -> bool:
        """Whether a key of the file has this id, whatever became of it."""
        return key_id in self._entries

    def find(self, token: str, now: float) -> Principal | None:
        """Who presents this key at `now` (Unix seconds); None if it is no key, unknown, expired or revoked."""
        return self.judge(parse(token), digest_under(self._keyed, token), now)

    def digest(self, token: str) -> str:
        """The digest of whatever was presented."""
        return digest_under(self._keyed, token)

    def judge(self, key_id: str | None, presented: str, now: float) -> Principal | None:
        """`find`, for what has this id and this digest."""
        entry = self._entries.get(key_id or "", self._nobody)
        is_session = hmac.compare_digest(presented, self._session.digest)
        is_valid = entry.opens(presented, now)
        if is_session and self._session.principal is not None:
            return self._session.principal
        return entry.principal if is_valid else None

    def why_refused(self, token: str, now: float) -> Refused:
        """Why `find` found nobody, for the log."""
        key_id = parse(token)
        mark = hmac.new(self.derived("refused keys"), token.encode("utf-8", "surrogatepass"), "sha256").hexdigest()
        if key_id is None:
            return Refused("malformed", None, mark[:MARK_DIGITS])
        if key_id not in self._entries:
            return Refused("unknown", None, mark[:MARK_DIGITS])
        return Refused(self._entries[key_id].why_closed(self.digest(token), now), key_id, mark[:MARK_DIGITS])
