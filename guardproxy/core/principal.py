"""Who is calling."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Principal:
    """The holder of a key. `operator` is true when the key's owner may send system and developer messages.

    Keys of one `team` share its limits, and may have a policy of their own; None for a key of no team. `key_id` is the
    public part of the key: it may stand in logs, it opens nothing.
    """

    key_id: str
    name: str
    operator: bool = False
    team: str | None = None
