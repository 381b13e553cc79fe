"""Keeps what a proxy remembers of a store's keys in step with the store.

Two things run beside the exchanges. One listens for announcements of changes: it is quick, and may miss some. The other
asks for the version every few seconds: it misses nothing, notices when the store is away and when it is back, and
leaves there when keys were last used, at most once a minute for each.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from redis.exceptions import RedisError

from guardproxy.audit.events import Event
from guardproxy.audit.sinks import EventLog
from guardproxy.errors import ConfigurationError
from guardproxy.identity.asked import AskedStore
from guardproxy.identity.redis_store import OTHER_PEPPER, RedisKeyStore
from guardproxy.identity.store import KeyStoreError

USED_EVERY_S: Final = 60
CANCEL_AGAIN_S: Final = 0.1


class KeyFollower:
    """Follows `store` for `asked`. `used`: when keys were last used here, which others add to.

    `subscribe` makes a subscription as redis-py has it; None where the store cannot announce anything. `unsubscribed`
    closes what subscriptions need.
    """

    def __init__(
        self,
        store: RedisKeyStore,
        log: EventLog,
        poll_s: float,
        stale_max_s: float,
        subscribe: Callable[[], Any] | None = None,
        unsubscribed: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.asked = AskedStore(store, stale_max_s, self._turned)
        self.used: Mapping[str, int] = {}
        self.store = store
        self._log = log
        self._poll_s = poll_s
        self._subscribe = subscribe
        self._unsubscribed = unsubscribed
        self._version: int | None = None
        self._written: dict[str, int] = {}
        self._not_noted = False
        self._look = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin to follow. Raises `ConfigurationError` where the store's keys were made under another pepper."""
        self.store.open()
        if await self.check() is False:
            raise ConfigurationError(OTHER_PEPPER)
        self._tasks = [asyncio.create_task(self._poll(), name="keys-version")]
        if self._subscribe is not None:
            self._tasks.append(asyncio.create_task(self._listen(self._subscribe), name="keys-announcements"))
            self._tasks[-1].add_done_callback(self._listened)

    async def stop(self) -> None:
        pending = set(self._tasks)
        while pending:
            for task in pending:
                task.cancel()
            # Below Python 3.12 `asyncio.wait_for`, which redis-py sends with, may lose a cancellation: so once more.
            _, pending = await asyncio.wait(pending, timeout=CANCEL_AGAIN_S)
        self._tasks = []
        await self.store.close()
        if self._unsubscribed is not None:
            await self._unsubscribed()

    async def check(self) -> bool | None:
        """Ask for the version, and forget what it says has changed. False: another pepper; None: nobody answers."""
        try:
            version, same_pepper = await self.store.state()
        except KeyStoreError as error:
            self.asked.unreachable(error)
            return None
        if not same_pepper:
            self.asked.unreachable(KeyStoreError(OTHER_PEPPER))
            return False
        if version != self._version:
            self._version = version
            self.asked.all_changed()
        self.asked.reached()
        return True

    def announced(self, said: str) -> None:
        """A change was announced: `<version>:<key id>`. One that was missed before it leaves nothing certain."""
        number, _, key_id = said.partition(":")
        version = int(number)
        if self._version is not None and version <= self._version:
            return
        if version - 1 == self._version:
            self.asked.changed(key_id)
        else:
            self.asked.all_changed()
        self._version = version

    async def note_used(self) -> None:
        """Leave in the store when keys were used, where that was not noted within a minute."""
        new = {
            key_id: used for key_id, used in self.used.items() if used - self._written.get(key_id, 0) >= USED_EVERY_S
        }
        try:
            await self.store.note_used(new)
        except KeyStoreError as error:
            # Who may only read keys can still open with them.
            if not self._not_noted:
                self._log.emit(Event.KEY_USE_NOT_NOTED, error=error.message)
            self._not_noted = True
            return
        self._not_noted = False
        self._written |= new

    def _turned(self, error: KeyStoreError | None) -> None:
        if error is None:
            self._log.emit(Event.KEY_STORE_RESTORED)
        else:
            self._log.emit(Event.KEY_STORE_LOST, error=error.message)
            self._look.set()

    def _listened(self, task: asyncio.Task[None]) -> None:
        """Only a mistake of ours ends the listening before it is stopped. The version goes on being asked for."""
        if not task.cancelled() and (cause := task.exception()) is not None:
            error = f"announcements cannot be heard: {type(cause).__name__}"
            self.asked.unreachable(KeyStoreError(error))

    async def _poll(self) -> None:
        while True:
            try:
                async with asyncio.timeout(self._poll_s):
                    await self._look.wait()
            except TimeoutError:
                pass
            self._look.clear()
            try:
                if await self.check():
                    await self.note_used()
            except Exception as cause:  # a mistake of ours must not end the looking: what is not seen is told as lost
                self.asked.unreachable(KeyStoreError(f"the version could not be read: {type(cause).__name__}"))

    async def _listen(self, subscribe: Callable[[], Any]) -> None:
        while True:
            subscription = subscribe()
            try:
                await subscription.subscribe(self.store.channel)
                while True:
                    message = await subscription.get_message(ignore_subscribe_messages=True, timeout=self._poll_s)
                    if message is not None:
                        self.announced(message["data"].decode())
            except (RedisError, OSError, TimeoutError):
                # Whatever is missed meanwhile is found by its version, and that the store is away is told there.
                await asyncio.sleep(self._poll_s)
            finally:
                await subscription.aclose()
