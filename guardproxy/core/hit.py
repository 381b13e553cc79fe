"""A match in a stream, as it is told to who listens: once, however often it grows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from guardproxy.core.policy import Rule

MOST: Final = 256
"""Matches that may still grow and would otherwise be told of twice."""


class Hit(NamedTuple):
    """A match as it is told to the listener: where it lies in the channel, and the text up to its end.

    `context[at:]` is the match, or what is left of it when its beginning was inside a match that is already out.
    """

    rule: Rule
    start: int
    end: int
    context: str
    at: int


OnHit = Callable[[Hit], None]


class Told:
    """Which matches were told, by rule and start: the last ones, in the order of telling."""

    __slots__ = ("_told",)

    def __init__(self) -> None:
        self._told: dict[tuple[str, int], None] = {}

    def is_new(self, rule: str, start: int) -> bool:
        """Whether this one was not told yet. From now on it was."""
        if (rule, start) in self._told:
            return False
        self._told[rule, start] = None
        if len(self._told) > MOST:
            del self._told[next(iter(self._told))]
        return True
