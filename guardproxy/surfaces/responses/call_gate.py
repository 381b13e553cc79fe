"""Calls of a stream: nothing of a call goes out before the whole call was looked at.

From the announcement of a call on, all events wait, whatever they are about, so that they keep their order. When the
call's item has ended they go on. That is so for calls that the caller carries out, since some clients make a call
without arguments of an announcement alone; when the policy stops one, when it was cut off or its end never comes, what
belongs to it is left out.

Where there are rules about tools it is so for all calls, announced or not, and the item is judged as it stands at its
end. When it is denied nothing goes on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from typing import Any, Final, NamedTuple

from guardproxy.core.inspection import OutputGuard
from guardproxy.errors import UpstreamUnavailable
from guardproxy.surfaces.responses.conversation import call_of, is_for_caller, steps_of
from guardproxy.surfaces.responses.families import family_of, owner_of
from guardproxy.wire.sse import SseEvent

MOST_HELD: Final = 100_000
Owner = int | str | None


class Outgoing(NamedTuple):
    """An event after it was edited. `event` is None for one of our own; `goes_out` False for one that is left out."""

    event: SseEvent | None
    document: dict[str, Any]
    step: str
    goes_out: bool = True


class CallGate:
    """Holds the events of one stream back as long as a call in it is undecided."""

    def __init__(self, guard: OutputGuard) -> None:
        self._guard = guard
        self.judges: Final = guard.judges_calls
        self._open: set[Owner] = set()
        self._cut: set[Owner] = set()
        self._judged: set[Owner] = set()
        self._held: list[Outgoing] = []
        self._said: dict[tuple[Owner, str, str], list[str]] = {}  # texts of calls, by member and by kind of event

    @property
    def waits(self) -> bool:
        """Whether a call is undecided."""
        return bool(self._open)

    def see(self, document: Mapping[str, Any], family: str, step: str) -> None:
        """Notice what announces a call, or belongs to one nobody announced."""
        owner, item = owner_of(document), document.get("item")
        if isinstance(item, dict):
            if step == "added" and (call_of(item, ()) is not None if self.judges else is_for_caller(item)):
                self._open.add(owner)
            return
        known = family_of(family)
        if self.judges and known.held and owner not in self._judged:
            self._open.add(owner)
            text = document.get("delta" if step == "delta" else known.done)
            if isinstance(text, str) and len(known.place) == 1:
                self._said.setdefault((owner, known.place[0], step), []).append(text)

    def judge(self, item: Any, owner: Owner) -> bool:
        """An item has ended. Whether the stream may go on."""
        if owner not in self._judged and (owner in self._open or call_of(item, ()) is not None):
            self._judged.add(owner)
            self._open.discard(owner)
            for told in self._versions(item, owner):
                self._guard.judge(steps_of(told, owner))
        return self._guard.blocked is None

    def _versions(self, item: Any, owner: Owner) -> Iterator[Any]:
        """The item, and should the events before it have told another call, that one too: clients act on either."""
        yield item
        told = {(member, "".join(pieces)) for (whose, member, _), pieces in self._said.items() if whose == owner}
        for member, text in sorted(told):
            if isinstance(item, dict) and text and item.get(member) != text:
                yield {**item, member: text}

    def judge_all(self, output: Any) -> None:
        """The response has ended. What of its calls was not judged yet is judged now or never shown."""
        for index, item in enumerate(output if isinstance(output, list) else ()):
            if not self.judge(item, index):
                return
        self.end()

    def close(self, owner: Owner) -> None:
        """A call has ended, and may go out."""
        self._open.discard(owner)

    def leave_out(self, owner: Owner) -> None:
        """A call was cut off: what belongs to it is left out."""
        self._count({owner})
        self._held = [out._replace(goes_out=False) if owner_of(out.document) == owner else out for out in self._held]
        self._judged.add(owner)
        self._open.discard(owner)

    def end(self) -> None:
        """No call ends any more: what belongs to open ones is left out."""
        if self._guard.blocked is None:
            self._count(self._open)
        self._held = [
            out._replace(goes_out=False) if owner_of(out.document) in self._open else out for out in self._held
        ]
        self._judged |= self._open
        self._open.clear()

    def _count(self, cut: Set[Owner]) -> None:
        self._guard.cut_calls += len(cut - self._cut)
        self._cut |= cut

    def cut_behind(self, last: dict[str, Any]) -> list[Outgoing]:
        """The policy has stopped the stream in a text that had ended: what goes out, up to this event."""
        self.end()
        held, self._held = self._held, []
        at = next((at for at, out in enumerate(held) if out.document is last), -1)
        return held[: at + 1]

    def pass_on(self, events: Iterable[Outgoing], *, wait: bool = False) -> list[Outgoing]:
        """What may go out now; nothing if it is to `wait`. Raises `UpstreamUnavailable` when too much waits."""
        self._held += events
        if len(self._held) > MOST_HELD:
            raise UpstreamUnavailable("the upstream's answer is too large to be looked at", reason="too_large")
        if self._open or wait:
            return []
        passed, self._held = self._held, []
        return passed

    def drop(self) -> None:
        """The policy has stopped the stream: nothing of open calls goes out, and of a denied one nothing behind it."""
        if self.judges:
            self._held.clear()
        self.end()
