"""The scripts that keep a shared memory inside Redis or Valkey, and where it lies there.

A memory is bounded by number and by age: it holds the latest marks only, each for `KEPT_MS` after it was last used.
Everything lies under the prefix of the deployment, whose hash tag keeps it on one shard.
"""

from __future__ import annotations

import hashlib
from importlib.resources import files
from typing import Final, NamedTuple, Self

from guardproxy.quota.coded import Arg
from guardproxy.quota.scripts import Script

KEPT_MS: Final = 30 * 24 * 3600 * 1000
GENERATIONS: Final = 4


class Place(NamedTuple):
    """A memory in the store: its keys, and what every script is told of its bounds."""

    keys: tuple[str, ...]
    bounds: tuple[Arg, ...]

    @classmethod
    def below(cls, prefix: str, name: str, most: int) -> Self:
        """The memory of this name. It holds at most so many marks, or a batch more, and at least three quarters."""
        base = f"{prefix}{name}"
        keys = (base, *(f"{base}:{number}" for number in range(GENERATIONS)))
        return cls(keys, (most // GENERATIONS, KEPT_MS // (GENERATIONS - 1), KEPT_MS))


class StateScripts(NamedTuple):
    note: Script
    find: Script


def load_scripts(clock: str | None = None) -> StateScripts:
    """Both scripts. `clock` is Lua that defines `now_ms()`; without it the store's own time counts."""
    start = "\n".join([clock or _chunk("quota", "clock"), _chunk("state", "generations")])

    def script(name: str) -> Script:
        source = "\n".join([start, _chunk("state", name)])
        return Script(name, source, hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest())

    return StateScripts(script("note"), script("find"))


def _chunk(package: str, name: str) -> str:
    return (files(f"guardproxy.{package}") / "lua" / f"{name}.lua").read_text(encoding="utf-8")
