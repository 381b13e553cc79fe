"""What one stream may make us keep, however many choices its upstream answers with."""

from __future__ import annotations

from typing import Final

from guardproxy.errors import UpstreamUnavailable

# Choices, texts that grow (each has scanners of its own), and characters of calls that are not whole yet.
MOST_CHOICES: Final = 1_000
MOST_CHANNELS: Final = 10_000
MOST_CALL_CHARACTERS: Final = 16 * 1024 * 1024


class Bounds:
    """Counts it. Each method raises `UpstreamUnavailable` beyond its bound."""

    __slots__ = ("_call_characters", "_channels", "_choices")

    def __init__(self) -> None:
        self._choices = self._channels = self._call_characters = 0

    def add_choice(self) -> None:
        self._choices += 1
        if self._choices > MOST_CHOICES:
            raise _too_large("has too many choices")

    def add_channel(self) -> None:
        self._channels += 1
        if self._channels > MOST_CHANNELS:
            raise _too_large("has too many texts")

    def add_call(self, characters: int) -> None:
        self._call_characters += characters
        if self._call_characters > MOST_CALL_CHARACTERS:
            raise _too_large("calls tools with too much text")


def _too_large(what: str) -> UpstreamUnavailable:
    return UpstreamUnavailable(f"the upstream's answer {what} to be looked at", reason="too_large")
