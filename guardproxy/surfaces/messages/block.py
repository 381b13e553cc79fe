"""One block of a stream and its growing texts.

A text goes out as it becomes safe. Texts that clients join over all blocks (`JOINED`) may have to wait for those that
follow, and with them what comes behind them in their block. A signature ends the text it signs, and it goes out only
over a text that went out as it came.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from guardproxy.core.exchange import OpaqueKind
from guardproxy.core.inspection import OutputGuard
from guardproxy.core.joined import Run
from guardproxy.core.stream import StreamGuard
from guardproxy.errors import UpstreamUnavailable
from guardproxy.surfaces.messages.calls import Call
from guardproxy.surfaces.messages.cleaning import Cleaner
from guardproxy.surfaces.messages.events import Edited
from guardproxy.surfaces.messages.leaves import is_bytes
from guardproxy.wire.path import Path

SIGNATURE: Final = "signature"
JOINED: Final = ("text", "thinking")
"""Members of blocks whose texts clients join over all blocks."""
_LABELS: Final = frozenset({"type", "id", "name", "tool_use_id", SIGNATURE})


class Channel:
    """One text of a block. `delta` is the type of the events that bring it, `run` the texts it is joined with."""

    __slots__ = ("_run", "delta", "ended", "fed", "guard")

    def __init__(self, delta: str, guard: StreamGuard, run: Run | None = None) -> None:
        self.delta = delta
        self.guard = guard
        self._run = run
        self.fed = False  # there was any text
        self.ended = False

    def feed(self, text: str) -> str:
        """More of the text; what may go out now. Raises `UpstreamUnavailable` for a text that had ended."""
        if self.ended:
            if text:
                raise goes_on()
            return text
        self.fed = self.fed or bool(text)
        return self.guard.feed(text)

    def finish(self) -> str:
        """The text ends here; what was still held of it and is decided."""
        if self.ended:
            return ""
        self.ended = True
        return self.guard.finish() if self._run is None else self._run.end(self.guard)

    def close(self) -> str:
        """The text ends here, whatever follows; what was still held of it. Raises `UpstreamUnavailable` for one that is
        joined with a text that goes on.
        """
        shown = self.finish()
        if self.waits and self._run is not None:
            self._run.let_go()
            if self.waits:
                raise UpstreamUnavailable("the upstream ended a text behind one that goes on", reason="bad_event")
        return shown + self.guard.take()

    @property
    def waits(self) -> bool:
        """Whether a text that has ended is not decided."""
        return self.ended and self.guard.held > 0


class Block:
    """`announced`: an event of its own tells the client that it begins. `call`: it is shown whole or not at all.

    `told` is what was announced, as the model wrote it; kept only where calls are judged. `behind`: events that go out
    once the texts are decided.
    """

    __slots__ = ("_guard", "_runs", "_shown", "announced", "behind", "call", "channels", "ended", "index", "told")

    def __init__(
        self, index: int, guard: OutputGuard, *, announced: bool, runs: Mapping[str, Run] = MappingProxyType({})
    ) -> None:
        self.index = index
        self.announced = announced
        self.call: Call | None = None
        self.channels: dict[str, Channel] = {}
        self.ended = False
        self.told: dict[str, Any] = {}
        self.behind: list[Edited] = []
        self._guard = guard
        self._runs = runs
        self._shown: set[str] = set()  # members whose texts went out with the announcement, as whole texts

    @property
    def path(self) -> Path:
        return ("content", self.index)

    def begin(self, content: dict[str, Any], cleaner: Cleaner) -> bool:
        """Edit the block as it is announced; whether anything was changed."""
        changed = False
        for member in dict.fromkeys(("text", str(content.get("type")))):
            text = content.get(member)
            if isinstance(text, str):
                channel = self.channel(member, f"{member}_delta")
                content[member] = channel.feed(text)
                if content.get(SIGNATURE):  # nobody signs what is not there yet
                    content[member] += channel.close()
                    if channel.guard.edited:
                        content[SIGNATURE] = ""
                changed = changed or content[member] != text
        self._shown = {name for name, value in content.items() if isinstance(value, str) and value} - _LABELS
        self._shown -= self.channels.keys()
        return cleaner.below(content, self.path, [(member,) for member in self.channels]) or changed

    def channel(self, member: str, delta: str) -> Channel:
        """The text of that member, new if there is none. Raises `UpstreamUnavailable` for one shown as whole before."""
        known = self.channels.get(member)
        if known is None:
            if member in self._shown:
                raise UpstreamUnavailable("the upstream goes on with a text that it had sent whole", reason="bad_event")
            run = self._runs.get(member)
            known = self.channels[member] = Channel(delta, self._guard.open((*self.path, member), run), run)
        return known

    @property
    def is_open(self) -> bool:
        """Whether the client has been told that it begins, if it was not held back, and not that it has ended."""
        ended = self.ended and not self.behind
        return self.announced and not ended and (self.call is None or self.call.known)

    @property
    def waits(self) -> bool:
        """Whether a text of it has ended and is not decided."""
        return any(channel.waits for channel in self.channels.values())

    @property
    def stopped(self) -> bool:
        """Whether the policy stops a text of it."""
        return any(channel.guard.blocked is not None for channel in self.channels.values())

    def finish(self) -> list[tuple[str, str, str]]:
        """All texts end here: (type of delta, member, text) for what was still held. Those of a call never wait."""
        found = [
            (channel.delta, member, channel.finish() if self.call is None else channel.close())
            for member, channel in self.channels.items()
        ]
        return [one for one in found if one[2]]

    def take(self) -> list[tuple[str, str, str]]:
        """The same for what was decided after their end."""
        found = [(channel.delta, member, channel.guard.take()) for member, channel in self.channels.items()]
        return [one for one in found if one[2]]

    def sign(self, delta: dict[str, Any], cleaner: Cleaner) -> bool:
        """Whether a signature may go out. All texts have ended."""
        signature = delta[SIGNATURE]
        if any(channel.guard.edited for channel in self.channels.values()) or self._guard.blocked is not None:
            return False
        if not self._has_text:
            self._guard.lets(OpaqueKind.ENCRYPTED, self.path)
        where = (*self.path, SIGNATURE)
        return is_bytes(delta.get("type"), SIGNATURE, signature) or cleaner.text(signature, where) == signature

    @property
    def _has_text(self) -> bool:
        return any(channel.fed for channel in self.channels.values())


def goes_on() -> UpstreamUnavailable:
    return UpstreamUnavailable("the upstream went on with a text that it had finished", reason="bad_event")
