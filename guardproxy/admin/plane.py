"""The admin API on the admin listener. A request goes on to its end when its caller leaves.

What was begun is then recorded with how it ended, and a change is never made half.
"""

from __future__ import annotations

import asyncio

from aiohttp import web

from guardproxy.admin.visit import Desk, Visit


class AdminPlane:
    """Answers what the admin listener hands on."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._running: set[asyncio.Task[web.Response]] = set()

    async def answer(self, request: web.BaseRequest) -> web.Response:
        """Raises nothing but cancellation: the caller has left."""
        task = asyncio.get_running_loop().create_task(Visit(self._desk, request).answer(), name="admin-visit")
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Let what runs come to its end."""
        if self._running:
            await asyncio.wait(self._running)
        self._desk.journal.close()
