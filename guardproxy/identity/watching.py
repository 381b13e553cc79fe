"""The file of keys, read again when it changes: a key that was revoked there opens nothing some seconds later.

Every few seconds, and when asked, file and pepper are looked at as policies are: what a file system says of each path.
A change is read when it has come to rest, in a thread beside the event loop; then one reference is replaced. A file
with a mistake, and one that is gone, change nothing but the log: the last good keys stay in force.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

from guardproxy.audit.events import Event
from guardproxy.audit.sinks import EventLog
from guardproxy.errors import ConfigurationError
from guardproxy.identity.keyring import Keyring
from guardproxy.identity.live import LiveKeys
from guardproxy.policyfile.sources import Stamp, stamp_of

SETTLE_S: Final = 0.2
MOST_LOOKS: Final = 10

Look = Mapping[Path, Stamp | None]


def look_at(paths: Iterable[Path]) -> Look:
    """What the file system says of each path now."""
    return {path: stamp_of(path) for path in paths}


class KeyWatcher:
    """Keeps `keys.keyring` what `paths` say, as `load` reads them. Lives on one event loop.

    `seen`: how `paths` looked before they were read for the first time.
    """

    def __init__(
        self,
        paths: tuple[Path, ...],
        load: Callable[[], Keyring],
        keys: LiveKeys,
        log: EventLog,
        poll_s: float,
        *,
        seen: Look,
        settle_s: float = SETTLE_S,
    ) -> None:
        self._paths = paths
        self._load = load
        self._keys = keys
        self._log = log
        self._poll_s = poll_s
        self._settle_s = settle_s
        self._seen = seen
        self._asked = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run())

    def ask(self) -> None:
        """Look now: the handler of SIGHUP."""
        self._asked.set()

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def check(self) -> bool:
        """Take over what changed; whether anything did. A mistake in it is told once and changes nothing."""
        now = await asyncio.to_thread(look_at, self._paths)
        if now == self._seen:
            return False
        self._seen = await self._at_rest(now)
        try:
            keyring = await asyncio.to_thread(self._load)
        except ConfigurationError as error:
            return self._rejected(error.message.splitlines())
        except Exception as cause:  # a mistake of ours: told like any other, and it must not end the looking
            return self._rejected([f"the keys could not be read: {type(cause).__name__}"])
        self._keys.keyring = keyring
        self._log.emit(Event.KEYS_RELOADED, keys=len(keyring))
        return True

    def _rejected(self, problems: list[str]) -> bool:
        self._log.emit(Event.KEYS_REJECTED, problems=problems[:20])
        return False

    async def _at_rest(self, before: Look) -> Look:
        """What two looks in a row see: a file may be written in more than one piece."""
        for _ in range(MOST_LOOKS):
            await asyncio.sleep(self._settle_s)
            now = await asyncio.to_thread(look_at, self._paths)
            if now == before:
                break
            before = now
        return before

    async def _run(self) -> None:
        while True:
            try:
                async with asyncio.timeout(self._poll_s):
                    await self._asked.wait()
            except TimeoutError:
                pass
            self._asked.clear()
            await self.check()
