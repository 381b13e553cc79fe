"""Policies that change while the proxy runs.

Every few seconds the files are looked at, and at once on SIGHUP. Looking is comparing what a file system says about
each path, so a link that is swapped - how mounted config maps change - is seen like any other change. Changes are taken
when they have come to rest. Reading and compiling happen in a thread beside the event loop; then one reference is
replaced. Policies with a mistake change nothing but the log. Policies in force that have settled are accelerated, in
a thread too: traffic never waits for that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from guardproxy.audit.events import Event
from guardproxy.audit.sinks import EventLog
from guardproxy.core.choice import PolicySet
from guardproxy.errors import ConfigurationError
from guardproxy.gateway.gateway import epoch_ms
from guardproxy.gateway.policies import Policies
from guardproxy.policyfile.store import Loaded, PolicyStore

SETTLE_S: Final = 0.2
ACCELERATE_S: Final = 1.0
"""How long policies are in force before they are accelerated: what is soon replaced, or gone, is not worth it."""

MOST_LOOKS: Final = 25
MOST_PROBLEMS: Final = 20


class Reloader:
    """Keeps `policies.current` what the files say. Lives on one event loop; `poll_s` None: only when asked.

    `role` stands in what is logged: the policies are the `present` ones, or a `candidate`.
    """

    def __init__(
        self,
        store: PolicyStore,
        policies: Policies,
        log: EventLog,
        poll_s: float | None,
        *,
        settle_s: float = SETTLE_S,
        accelerate_s: float = ACCELERATE_S,
        role: str = "present",
        now_ms: Callable[[], int] = epoch_ms,
    ) -> None:
        self._store = store
        self._policies = policies
        self._log = log
        self._poll_s = poll_s
        self._settle_s = settle_s
        self._accelerate_s = accelerate_s
        self._role = role
        self._now_ms = now_ms
        self._checking = asyncio.Lock()
        self._asked = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._accelerating: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run())
        self._accelerate()

    def ask(self) -> None:
        """Look now: the handler of SIGHUP."""
        self._asked.set()

    async def stop(self) -> None:
        tasks = [task for task in (self._task, self._accelerating) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._task = self._accelerating = None

    async def check(self) -> bool:
        """Take over what changed; whether anything did. A mistake in it is told and changes nothing."""
        async with self._checking:  # whoever asks over the admin API, and the regular look
            return await self._check()

    async def _check(self) -> bool:
        if not await asyncio.to_thread(self._store.changed):
            return False
        await self._come_to_rest()
        try:
            loaded = await asyncio.to_thread(self._store.reload)
        except ConfigurationError as error:
            return self._rejected(error.message.splitlines())
        except Exception as cause:  # a mistake of ours: told like any other, and it must not end the looking
            return self._rejected([f"the policies could not be read: {type(cause).__name__}: {cause}"])
        if loaded is None:
            return False
        self._take_over(loaded)
        return True

    def _rejected(self, problems: list[str]) -> bool:
        revision, more = self._policies.current.revision, max(0, len(problems) - MOST_PROBLEMS)
        self._policies.reject(problems[:MOST_PROBLEMS], self._now_ms())
        self._log.emit(
            Event.POLICY_REJECTED, role=self._role, revision=revision, problems=problems[:MOST_PROBLEMS], more=more
        )
        return False

    def _take_over(self, loaded: Loaded) -> None:
        before = self._policies.current
        self._policies.take(loaded.policies, self._now_ms(), pinned=loaded.pinned)
        self._accelerate()
        self._log.emit(
            Event.POLICY_RELOADED,
            role=self._role,
            revision=loaded.policies.revision,
            previous=before.revision,
            policies={name: choice.policy.revision for name, choice in loaded.policies.named.items()},
            pinned=loaded.pinned,
        )
        tell_not_kept(self._log, loaded)

    def _accelerate(self) -> None:
        if self._accelerating is not None:
            self._accelerating.cancel()
        self._accelerating = asyncio.get_running_loop().create_task(self._accelerated(self._policies.current))

    async def _accelerated(self, policies: PolicySet) -> None:
        await asyncio.sleep(self._accelerate_s)
        await asyncio.to_thread(policies.accelerate)

    async def _come_to_rest(self) -> None:
        """Wait until two looks see the same: several files are rarely written at one moment."""
        before = await asyncio.to_thread(self._store.look)
        for _ in range(MOST_LOOKS):
            await asyncio.sleep(self._settle_s)
            now = await asyncio.to_thread(self._store.look)
            if now == before:
                return
            before = now

    async def _run(self) -> None:
        while True:
            try:
                async with asyncio.timeout(self._poll_s):
                    await self._asked.wait()
            except TimeoutError:
                pass
            self._asked.clear()
            await self.check()


def tell_not_kept(log: EventLog, loaded: Loaded) -> None:
    """A revision that could not be kept is in force all the same; only a later rollback will miss it."""
    if loaded.not_kept is not None:
        log.emit(Event.POLICY_NOT_KEPT, revision=loaded.policies.revision, cause=loaded.not_kept)
