"""How the data plane asks who holds a key, wherever the keys are."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import NamedTuple, Protocol

from guardproxy.core.principal import Principal


class Refused(NamedTuple):
    """Why a key opens nothing. `key_id`: its id, if a key has it; `mark`: a keyed digest of whatever was presented."""

    reason: str
    key_id: str | None
    mark: str


class KeyLookup(Protocol):
    """Who presents a key. The file's keys and those asked for lately are known at once, without a turn of the loop."""

    def find(self, token: str, now: float) -> Principal | Awaitable[Principal | None] | None:
        """Who presents this at `now` (Unix seconds); None if nobody may come in with it.

        An awaitable where a store has to be asked; awaiting raises `RequestError` when the store cannot be asked.
        """
        ...

    def why_refused(self, token: str, now: float) -> Refused:
        """Why `find` found nobody, for the log. It may take longer than `find`, and says nothing of the token."""
        ...

    def signing_secret(self, key_id: str) -> str:
        """What the back end behind a key signs its operator text with: 64 hexadecimal digits."""
        ...
