"""Keys for tests: made anew each time, under a pepper of the test run."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import Any

from guardproxy.identity.keys import digest, new_key
from guardproxy.identity.stored import StoredKey

MOMENT = datetime(2030, 5, 1, 12, tzinfo=UTC)
NOW = MOMENT.timestamp()
PEPPER = secrets.token_bytes(32)


def made(**changes: Any) -> tuple[str, StoredKey]:
    """A key and what is kept of it."""
    key = new_key(secrets.token_bytes)
    fields: dict[str, Any] = {"name": "alice", "speaks_as": "user", "created": MOMENT, **changes}
    return key.token, StoredKey(**{"id": key.key_id, "digest": digest(key.token, PEPPER), **fields})
