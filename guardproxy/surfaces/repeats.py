"""Texts of a stream in places that no API documents: do they grow, or are they told again and again?

In such a place a string may be a piece of a text that grows, or a label that stands the same in every event. A channel
that was fed one text, of which nothing waits and nothing was hidden, knows all about that text standing there once
more: no match that begins in it goes on behind it, so none began in its repetition either. So a text that is only
repeated passes as it is, and is no more of itself.
"""

from __future__ import annotations

from collections.abc import Hashable

from guardproxy.core.stream import StreamGuard


class Repeats:
    """Remembers what channels were fed, as long as it was one text."""

    __slots__ = ("_only",)

    def __init__(self) -> None:
        self._only: dict[Hashable, str] = {}

    def is_one(self, key: Hashable, channel: StreamGuard | None, text: str) -> bool:
        """Whether the text is no more than a repetition. `channel`: the one of this key, None if it is new.

        Asked of every text before it is fed to the channel.
        """
        if channel is None:
            self._only[key] = text
        elif key in self._only:
            if self._only[key] == text and not (channel.held or channel.edited):
                return True
            del self._only[key]
        return False

    def forget(self, key: Hashable) -> None:
        """What of this channel waited was let go undecided: a match may go on in what would be its repetition."""
        self._only.pop(key, None)
