"""The scripts that read and change keys inside Redis or Valkey, and where the keys lie there.

Everything lies under the prefix of the deployment, whose hash tag keeps it on one shard. Nothing in it opens anything:
digests, terms, dates.
"""

from __future__ import annotations

import hashlib
from importlib.resources import files
from typing import Final, NamedTuple

from guardproxy.quota.scripts import Script


class KeyPlaces(NamedTuple):
    """Names in the store."""

    keys: str
    names: str
    version: str
    pepper: str
    used: str
    channel: str

    @classmethod
    def below(cls, prefix: str) -> KeyPlaces:
        base = f"{prefix}keys"
        return cls(base, f"{base}:names", f"{base}:version", f"{base}:pepper", f"{base}:used", f"{base}:changed")


def _script(name: str) -> Script:
    source = (files("guardproxy.identity") / "lua" / f"{name}.lua").read_text(encoding="utf-8")
    return Script(name, source, hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest())


CHANGE: Final = _script("change")
FIND: Final = _script("find")
STATE: Final = _script("state")
PAGE: Final = _script("page")
USED: Final = _script("used")
