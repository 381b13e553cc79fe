"""Fields of a choice that follow each other: which ones end where another begins.

Reasoning comes before the answer's text, and a refusal after it. What is held of a field at its end could begin a
match, so a guard that must expect the field to go on keeps it until the choice ends, and it goes out behind the text
that came after it. Where the policy says that fields are sequential, the text of the next one ends it.

An upstream that returns to a field all the same is no such upstream: from there on nothing of its choice ends before
the choice does. Fields that grow in the same events do not end each other either: some servers bring the same words in
two fields. But where a field begins, those that spoke before have ended, be it with the last of their text in that very
event.
"""

from __future__ import annotations

from collections.abc import Set
from typing import Final

from guardproxy.wire.path import Path

_FIELD: Final = 2  # steps: a member of the delta. What lies deeper (citations, details) comes beside a field.


class Sequence:
    """Of one choice: which fields brought text, which of them ended, and whether they are believed to end."""

    __slots__ = ("_ended", "_returns", "_spoke")

    def __init__(self) -> None:
        self._spoke: dict[Path, None] = {}  # as they began
        self._ended: set[Path] = set()
        self._returns = False

    def ended_by(self, grown: Set[Path]) -> list[Path]:
        """What ends because there is text of these, as it began."""
        self._returns = self._returns or not self._ended.isdisjoint(grown)
        ended: list[Path] = []
        if not self._returns and any(len(key) == _FIELD for key in grown):
            begins = any(len(key) == _FIELD and key not in self._spoke for key in grown)
            ended = [key for key in self._spoke if key not in self._ended and (begins or key not in grown)]
            self._ended.update(ended)
        self._spoke.update(dict.fromkeys(grown))
        return ended

    def is_steady(self, field: Path) -> bool:
        """Whether more of this field alone ends nothing, and is no return to it."""
        return self._returns or self._spoke.keys() - self._ended == {field}
