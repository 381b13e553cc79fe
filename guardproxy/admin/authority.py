"""From a presented token to an admin.

The file is the truth: it is looked at with each request, and read again when it is another one, so that a revocation
counts at once. A file that cannot be read admits nobody. Every presented text is digested and compared in constant
time, whatever it is, as callers' keys are.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from guardproxy.admin.admins import StoredAdmin, read_admins
from guardproxy.admin.roles import Role
from guardproxy.errors import ConfigurationError
from guardproxy.identity.keyfile import load_pepper
from guardproxy.identity.keys import ADMIN_PREFIX, digest, parse

TOKEN_MOST: Final = 256

_Stamp = tuple[int, int, int]


class Admin(NamedTuple):
    """Who asks, once that is known. `id` is the public part of the token."""

    id: str
    name: str
    role: Role


class Authority:
    """The admins of a file. Raises `ConfigurationError` when the file cannot be used."""

    def __init__(self, path: Path, environment: Mapping[str, str]) -> None:
        self.path = path
        self._environment = environment
        self._stamp: _Stamp | None = None
        self._admins: Mapping[str, StoredAdmin] = {}
        self._pepper = b""
        self.read()

    def __len__(self) -> int:
        return len(self._admins)

    def read(self) -> None:
        """Take the file as it is now."""
        stamp = _stamp(self.path)
        self._admins = {admin.id: admin for admin in read_admins(self.path)}
        self._pepper = load_pepper(self.path, self._environment)
        self._stamp = stamp

    async def refresh(self) -> None:
        """Read the file if it is another one than before. Until that succeeds nobody is known."""
        if self._stamp is not None and self._stamp == _stamp(self.path):
            return
        self._admins, self._stamp = {}, None
        await asyncio.to_thread(self.read)

    def find(self, token: str, now: datetime) -> Admin | None:
        """Who presents this at `now`; None if it is no token, unknown, expired or revoked."""
        stored = self._admins.get(parse(token[:TOKEN_MOST], ADMIN_PREFIX) or "")
        expected = stored.digest if stored is not None else "0" * 64
        same = hmac.compare_digest(digest(token[:TOKEN_MOST], self._pepper), expected)
        if stored is None or not same or stored.status(now) != "active":
            return None
        return Admin(stored.id, stored.name, Role(stored.role))


def utc_now() -> datetime:
    return datetime.now(UTC)


def _stamp(path: Path) -> _Stamp:
    try:
        found = path.stat()
    except OSError as error:
        raise ConfigurationError(
            f"{path}: the file of admins cannot be read ({error.strerror}); `guardproxy admins create NAME` makes one"
        ) from error
    return found.st_mtime_ns, found.st_size, found.st_ino
