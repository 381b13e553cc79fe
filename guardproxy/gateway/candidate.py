"""A candidate policy beside the present one: live traffic is held against both, and only one of them acts.

Nothing of it happens on the way of an exchange but keeping its bytes. What is kept waits in a short queue; what finds
no room is counted and left out. The comparing is done on the event loop in small steps, each in a moment in which
nobody else wants the loop (or after looking for one in vain for a while), and after half a millisecond of them it rests
so long that it takes at most `share` of the time. So an exchange waits for one step at most, few do, and a busy proxy
compares less instead of answering later. `python -m bench.candidate` measures it.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from typing import Final

from guardproxy.audit.comparisons import Compared, Comparison, ComparisonFile
from guardproxy.core.choice import PolicySet
from guardproxy.core.policy import Policy
from guardproxy.errors import RequestError
from guardproxy.gateway.comparing import Difference, NotComparable, Sample, compare_in_steps
from guardproxy.gateway.draft import Draft, place
from guardproxy.gateway.policies import Policies
from guardproxy.gateway.upstream import UpstreamReply
from guardproxy.surfaces import Surface
from guardproxy.wire.document import UndecodableJson

Steps = Generator[None, None, None]

MOST_WAITING: Final = 64
MOST_BYTES: Final = 1 << 20
SHARE: Final = 0.005
STRETCH_S: Final = 0.0005
"""How long it works before it rests: much longer than a step, so that resting costs little."""

IDLE_S: Final = 0.0001
"""Of a loop that has nothing to do a turn takes less."""
PAUSES_S: Final = (0.001, 0.002, 0.004, 0.008, 0.016)

COUNT_EVERY_S: Final = 10.0


class Watched:
    """The bytes of one exchange, kept while it runs. `too_large`: it is left out."""

    __slots__ = ("answer", "labels", "raw", "size", "streamed", "surface", "too_large")

    def __init__(self, surface: Surface, raw: bytes, labels: Sequence[str] = ()) -> None:
        self.surface = surface
        self.raw = raw
        self.labels = tuple(labels)
        self.answer: list[bytes] | None = None
        self.streamed = False
        self.size = len(raw)
        self.too_large = self.size > MOST_BYTES

    def hear(self, piece: bytes) -> None:
        self.size += len(piece)
        if self.size > MOST_BYTES:
            self.too_large, self.answer = True, None
        elif not self.too_large:
            if self.answer is None:
                self.answer = []
            self.answer.append(piece)


class Overheard:
    """An upstream's answer of which every byte that is read is kept as well."""

    __slots__ = ("_reply", "_watched", "content_type", "status")

    def __init__(self, reply: UpstreamReply, watched: Watched) -> None:
        self._reply = reply
        self._watched = watched
        self.status = reply.status
        self.content_type = reply.content_type
        watched.streamed = reply.content_type == "text/event-stream"

    def returned(self) -> Sequence[tuple[str, str]]:
        return self._reply.returned()

    async def read(self) -> bytes:
        return self._kept(await self._reply.read())

    async def body(self, limit: int) -> bytes:
        return self._kept(await self._reply.body(limit))

    def close(self) -> None:
        self._reply.close()

    def _kept(self, piece: bytes) -> bytes:
        if piece and 200 <= self.status < 300:
            self._watched.hear(piece)
        return piece


class Candidate:
    """Compares exchanges that are over. Lives on one event loop. `share` is the part of the time it may take."""

    def __init__(
        self,
        policies: Policies,
        file: ComparisonFile,
        now_ms: Callable[[], int],
        share: float = SHARE,
    ) -> None:
        self._policies = policies
        self._file = file
        self._now_ms = now_ms
        self._rests = 1 / share - 1
        self._waiting: deque[tuple[str, Sample]] = deque()
        self._more = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._compared = self._different = self._left_out = self._failed = 0
        self._cause = ""
        self._counted = time.monotonic()
        self._worked = 0.0
        self.lost = 0

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """What waits is left out, and counted as such."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        self._left_out += len(self._waiting)
        self._waiting.clear()
        self._tell_counts()

    def watch(
        self, policy: Policy, present: PolicySet, surface: Surface, raw: bytes, labels: Sequence[str] = ()
    ) -> Watched | None:
        """Keep the bytes of an exchange under `policy`, if this is a candidate for it. `labels`: of its documents.

        It is one for the policy of its own name, or, where none of the present ones has its name, for the default.
        """
        name = self._policies.current.default.policy.name
        concerned = name if name in present.named else present.default.policy.name
        if policy.name != concerned:
            return None
        if len(self._waiting) >= MOST_WAITING:  # keeping its bytes would be for nothing
            self._left_out += 1
            return None
        return Watched(surface, raw, labels)

    def offer(self, draft: Draft, watched: Watched) -> None:
        """Compare this exchange when there is time. Costs nothing now."""
        if draft.principal is None or draft.policy is None:
            return
        if watched.too_large or len(self._waiting) >= MOST_WAITING:
            self._left_out += 1
            return
        answer = None if watched.answer is None else tuple(watched.answer)
        sample = Sample(
            draft.principal, watched.surface, draft.policy, watched.raw, answer, watched.streamed,
            draft.request, draft.response, draft.provider_key, watched.labels,
        )  # fmt: skip
        self._waiting.append((draft.request_id, sample))
        self._more.set()

    async def _run(self) -> None:
        while True:
            await self._more.wait()
            self._more.clear()
            while self._waiting:
                request_id, sample = self._waiting.popleft()
                await self._compare(request_id, sample)

    async def _compare(self, request_id: str, sample: Sample) -> None:
        steps = self._compared_and_told(request_id, sample)
        going = True
        while going:
            await _until_idle()
            started = time.perf_counter()
            going = self._step(steps)
            self._worked += time.perf_counter() - started
            if self._worked >= STRETCH_S:
                worked, self._worked = self._worked, 0.0
                await asyncio.sleep(worked * self._rests)

    def _compared_and_told(self, request_id: str, sample: Sample) -> Steps:
        form, difference = yield from compare_in_steps(sample, self._policies.current.default)
        yield  # writing takes as long as another step
        self._tell(request_id, sample, form, difference)

    def _step(self, steps: Steps) -> bool:
        """One step of a comparison; whether there is another one."""
        try:
            next(steps)
        except StopIteration:
            return False
        except (RequestError, UndecodableJson, NotComparable):  # nothing to compare, as the exchange found out itself
            self._left_out += 1
        except Exception as cause:  # a mistake of ours: counted as one and told, and the next exchange is compared
            self._failed += 1
            self._cause = place(cause)
        else:
            return True
        return False

    def _tell(self, request_id: str, sample: Sample, form: Policy, difference: Difference | None) -> None:
        self._compared += 1
        if difference is not None:
            self._different += 1
            self._write(
                Comparison(
                    time_ms=self._now_ms(),
                    request_id=request_id,
                    current=f"{sample.policy.name}@{sample.policy.revision}",
                    candidate=f"{form.name}@{form.revision}",
                    before=difference.before.word,
                    after=difference.after.word,
                    rules=difference.rules,
                )
            )
        if time.monotonic() - self._counted > COUNT_EVERY_S:
            self._tell_counts()

    def _tell_counts(self) -> None:
        self._counted = time.monotonic()
        if self._compared or self._left_out or self._failed:
            policy = self._policies.current.default.policy
            counts = Compared(
                time_ms=self._now_ms(),
                candidate=f"{policy.name}@{policy.revision}",
                compared=self._compared,
                different=self._different,
                left_out=self._left_out,
                failed=self._failed,
                cause=self._cause,
            )
            self._compared = self._different = self._left_out = self._failed = 0
            self._cause = ""
            self._write(counts)

    def _write(self, line: Comparison | Compared) -> None:
        try:
            self.lost += not self._file.append(line)
        except OSError:
            self.lost += 1


async def _until_idle() -> None:
    """Return when the loop has nothing else to do, or after having looked a few times."""
    for pause in PAUSES_S:
        asked = time.perf_counter()
        await asyncio.sleep(0)
        if time.perf_counter() - asked < IDLE_S:
            return
        await asyncio.sleep(pause)
