"""Asking the upstream for the usage of a stream, where a quota counts it and the caller did not ask.

Most servers know `stream_options`. One that refuses it is not asked again for an hour, and the request that it refused
is sent a second time as the caller wrote it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

from guardproxy.core.exchange import RequestReading
from guardproxy.surfaces import Surface

SILENCE_S: Final = 3600.0
REFUSES: Final = frozenset({400, 422})


class Asking:
    """Which surfaces of the upstream are not asked, and until when."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._silent_until: dict[str, float] = {}

    def ask(self, surface: Surface, document: Any, reading: RequestReading) -> bool:
        """Whether the request now asks, on the proxy's behalf."""
        if surface.ask_for_usage is None or not reading.stream or reading.stream_usage:
            return False
        if self._silent_until.get(surface.name, 0.0) > self._now_s():
            return False
        surface.ask_for_usage(document)
        return True

    def refused(self, surface: Surface) -> None:
        """The upstream does not know what it was asked."""
        self._silent_until[surface.name] = self._now_s() + SILENCE_S


def is_refusal(status: int, answer: bytes) -> bool:
    """Whether an error is about what we asked for."""
    return status in REFUSES and (b"stream_options" in answer or b"include_usage" in answer)
