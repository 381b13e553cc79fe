"""Fields of a choice that follow each other: which ones end where another begins.

Reasoning comes before the answer's text, and a refusal after it. What is held of a field at its end could begin a
match, so a guard that must expect the field to go on keeps it until the choice ends, and it goes out behind the text
that came after it. Unless the policy says that fields are interleaved, the text of the next one ends it.

An upstream that returns to a field all the same is no such upstream: from there on nothing of its choice ends before
the choice does. Were fields ended again and again, one that brings a secret in small pieces between others would have
all but the last of it shown. Fields that grow in the same events do not end each other either: some servers bring the
same words in two fields. But where a field begins, those that spoke before have ended, be it with the last of their
text in that very event.
"""

from __future__ import annotations

from collections.abc import Set
from typing import Final

from guardproxy.wire.path import Path

_HOLDERS: Final = ("delta", "message")
_VOICE: Final[Path] = ("audio", "transcript")


class Sequence:
    """Of one choice: which fields brought text, which of them ended, and whether they are believed to end."""

    __slots__ = ("_ended", "_last", "_returns", "_spoke")

    def __init__(self) -> None:
        self._spoke: dict[Path, None] = {}  # as they began
        self._ended: set[Path] = set()
        self._returns = False
        self._last: Set[Path] = frozenset()  # what spoke last, of which more changes nothing

    def goes_on(self, grown: Set[Path]) -> bool:
        """Whether more text of these changes nothing: no field begins, ends, or comes back."""
        return grown == self._last or self._returns

    def ended_by(self, grown: Set[Path]) -> list[Path]:
        """What ends because there is text of these, as it began."""
        self._returns = self._returns or not self._ended.isdisjoint(grown)
        ended: list[Path] = []
        if not self._returns and any(is_field(key) for key in grown):
            begins = any(is_field(key) and key not in self._spoke for key in grown)
            ended = [key for key in self._spoke if key not in self._ended and (begins or key not in grown)]
            self._ended.update(ended)
        self._spoke.update(dict.fromkeys(grown))
        self._last = frozenset(grown) if self._ended.isdisjoint(grown) else frozenset()
        return ended

    def is_steady(self, field: Path) -> bool:
        """Whether more of this field alone ends nothing, and is no return to it."""
        return self._returns or self._spoke.keys() - self._ended == {field}

    def begins_with(self, field: Path) -> bool:
        """There is text of this field alone. Whether it is the first of all, so that it ends nothing; else no note is
        taken of it.
        """
        if self._spoke:
            return False
        self.ended_by({field})
        return True


def is_field(key: Path) -> bool:
    """Whether a text is one that others follow: a member of the delta, a part of the content, the words of a voice.

    Others below a member (details of the reasoning, what is cited) come beside such a one.
    """
    holder, *below = key
    if holder not in _HOLDERS or not below:
        return False
    return len(below) == 1 or tuple(below) == _VOICE or (below[0] == "content" and below[-1] == "text")
