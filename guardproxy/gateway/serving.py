"""The connections of one listener, and how they end together."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

from guardproxy.gateway.conversation import Conversation, Service

# Python 3.11 may lose a cancellation that comes together with a deadline, so it is said until it is heard.
_AGAIN_S: Final = 0.5


class Serving:
    """Makes a `Conversation` of each connection an event loop's server accepts: it is its protocol factory."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._here: set[Conversation] = set()
        self._empty = asyncio.Event()
        self._empty.set()

    def __call__(self) -> Conversation:
        conversation = Conversation(self._service, self._forget)
        self._here.add(conversation)
        self._empty.clear()
        return conversation

    @property
    def open(self) -> int:
        """Connections that have not ended."""
        return len(self._here)

    async def shutdown(self, timeout_s: float) -> None:
        """Close the connections where nothing runs, wait for the others that long, then close them too.

        Returns when no connection is left, and no task of one. New ones must not be accepted meanwhile.
        """
        for conversation in list(self._here):
            conversation.close()
        await self._wait(timeout_s)
        while self._here:
            for conversation in list(self._here):
                conversation.abort()
            await self._wait(_AGAIN_S)

    async def _wait(self, timeout_s: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._empty.wait()

    def _forget(self, conversation: Conversation) -> None:
        self._here.discard(conversation)
        if not self._here:
            self._empty.set()
