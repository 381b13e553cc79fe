"""The scripts that keep the account inside Redis or Valkey, each one atomic.

A script is put together from the chunks it needs and known by the digest of its text, so proxies of different versions
can share a store: each runs its own text on the same data.
"""

from __future__ import annotations

import hashlib
from importlib.resources import files
from typing import Final, NamedTuple

_SHARED: Final = ("ring", "record", "limits", "generation")


class Script(NamedTuple):
    """`sha` is what EVALSHA wants, `source` what EVAL wants."""

    name: str
    source: str
    sha: str


class Scripts(NamedTuple):
    admit: Script
    settle: Script
    renew: Script
    look: Script
    raise_to: Script


def load_scripts(clock: str | None = None) -> Scripts:
    """All scripts. `clock` is Lua that defines `now_ms()`; without it the store's own time counts."""
    start = clock or _chunk("clock")
    shared = [_chunk(name) for name in _SHARED]

    def script(name: str) -> Script:
        source = "\n".join([start, *shared, _chunk(name)])
        return Script(name, source, hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest())

    return Scripts(script("admit"), script("settle"), script("renew"), script("look"), script("raise"))


def _chunk(name: str) -> str:
    return (files("guardproxy.quota") / "lua" / f"{name}.lua").read_text(encoding="utf-8")
