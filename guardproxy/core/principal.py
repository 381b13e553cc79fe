"""Who is calling."""

from __future__ import annotations

from dataclasses import dataclass

from guardproxy.core.scope import ANYTHING, Scope


@dataclass(frozen=True, slots=True)
class Principal:
    """The holder of a key. `operator` is true when the key's owner may send system and developer messages.

    Keys of one `team` share its limits, and may have a policy of their own; None for a key of no team. `key_id` is the
    public part of the key: it may stand in logs, it opens nothing, and it stays the same when the key is rotated.
    `scope` is what the key may be used for. `roles` and `tags` are words that were given with it: nothing here asks for
    them, and the admin listener takes only tokens of its own.
    """

    key_id: str
    name: str
    operator: bool = False
    team: str | None = None
    scope: Scope = ANYTHING
    roles: frozenset[str] = frozenset()
    tags: tuple[str, ...] = ()
