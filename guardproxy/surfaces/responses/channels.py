"""The growing texts of one stream.

A text of the model goes out as it becomes safe. A text that is part of a call is held until the call is whole: a
client acts on a call, and some repair a truncated one into one that runs. A text that clients join with others may wait
at its end for the next one; what comes again of it is filled in when it is decided.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Final

from guardproxy.core.inspection import OutputGuard
from guardproxy.core.joined import Run
from guardproxy.core.moved import Moved
from guardproxy.core.stream import StreamGuard
from guardproxy.errors import UpstreamUnavailable
from guardproxy.surfaces.citations import WaitingCitations, move_citations
from guardproxy.surfaces.repeats import Repeats
from guardproxy.surfaces.responses.cleaning import Cleaner
from guardproxy.surfaces.responses.families import (
    BESIDE,
    CONTENT,
    SUMMARY,
    ChannelKey,
    Family,
    RunKey,
    family_of,
    place_of,
    run_of,
)
from guardproxy.surfaces.responses.sealed import SEAL, is_sealed
from guardproxy.wire.json_end import is_all
from guardproxy.wire.path import Path

# What one stream may make us keep: characters of all its texts, and texts.
MOST_CHARACTERS: Final = 8 * 1024 * 1024
MOST_CHANNELS: Final = 10_000
_NOT_REPEATED: Final = frozenset({"delta", "logprobs", "obfuscation", "sequence_number"})


class Channel:
    """One text. `shown` is what of it went out; `form` is an event without its text, for more of it.

    `cited`: citations of it that wait, each in its event. `run`: the texts it is joined with; then `whole` is what the
    upstream said once it has ended. When it `waits`, `tail` is the event that brings the rest, and `later` what is done
    once that is decided. `bare`: it was announced, and no event has brought any of it.
    """

    __slots__ = (
        "_raw", "_shown", "bare", "cited", "cut", "family", "finished", "form", "guard", "key", "later", "path", "run",
        "tail", "waits", "whole",
    )  # fmt: skip

    def __init__(
        self, key: ChannelKey, family: Family, path: Path, guard: StreamGuard | None, run: Run | None = None
    ) -> None:
        self.key = key
        self.family = family
        self.path = path
        self.form: dict[str, Any] = {}
        self.finished = self.waits = self.bare = False
        self.cut = False  # a call that broke off
        self.guard = guard
        self.run = run
        self.whole: str | None = None
        self.tail: dict[str, Any] = {}
        self.later: list[Callable[[], None]] = []
        self.cited = WaitingCitations()
        self._raw: list[str] = []
        self._shown: list[str] = []

    @property
    def raw(self) -> str:
        """The upstream's text so far; empty once the text has ended."""
        return "".join(self._raw)

    @property
    def shown(self) -> str:
        return "".join(self._shown)

    @property
    def part(self) -> tuple[str, int] | None:
        """The list and the position of the part it is the text of, if it is one."""
        lists = [(step, self.family.place[0]) for step in self.family.place if step in (CONTENT, SUMMARY)]
        return next(((member, dict(self.key.indexes).get(step, 0)) for step, member in lists), None)

    def feed(self, text: str) -> str:
        """More of the text; what may go out now. Raises `UpstreamUnavailable` for a text that had ended."""
        if self.finished:
            if text:
                raise UpstreamUnavailable("the upstream went on with a text that it had finished", reason="bad_event")
            return text
        self._raw.append(text)
        return "" if self.guard is None else self._show(self.guard.feed(text))

    def finish(self, cleaner: Cleaner) -> str:
        """The text ends here; what was still held of it. Nothing of a call, whose end only `settle` can tell."""
        if self.finished or self.guard is None:
            return ""
        self.finished = True
        if self.run is not None:
            rest = self._show(self.run.end(self.guard))
            self.whole = self.raw
        else:
            rest = self._show(self.guard.finish())
            if self.guard.blocked is None:
                cleaner.remember(self.raw, self.shown)
        self._raw.clear()
        return rest

    @property
    def holds(self) -> bool:
        """Whether a text that has ended is not decided."""
        return self.finished and self.guard is not None and self.guard.held > 0

    @property
    def stopped(self) -> bool:
        """Whether the policy stops the text."""
        return self.guard is not None and self.guard.blocked is not None

    def take(self) -> str:
        """What was decided of the text since it has ended."""
        return "" if self.guard is None else self._show(self.guard.take())

    def settled(self) -> None:
        """The text is decided, and told."""
        self.waits = False
        for act in self.later:
            act()
        self.later.clear()

    def repeat(self, holder: dict[str, Any], member: str, item: dict[str, Any]) -> None:
        """The text comes again there: it says what went out, as soon as that is decided. If anything was
        hidden a seal of its item goes.
        """
        if self.waits:
            holder[member] = ""
            self.later.append(partial(self._write, holder, member, item))
        else:
            self._write(holder, member, item)

    def move(self, annotation: Any) -> None:
        """A citation of a text that waits follows it."""
        self.later.append(lambda: self._move([annotation]))

    def _move(self, annotations: Any) -> None:
        if self.guard is not None and self.guard.moved is not None:
            move_citations(annotations, self.guard.moved)

    def _write(self, holder: dict[str, Any], member: str, item: dict[str, Any]) -> None:
        holder[member] = shown = self.shown
        if shown != self.whole and self.whole is not None:
            move_citations(holder.get("annotations"), Moved.between(self.whole, shown))
            if is_sealed(item):
                item[SEAL] = None

    def settle(self, cleaner: Cleaner, text: str | None = None) -> str:
        """The call is whole; its text, which goes out as one. `text` is what its end said the text was, if it did."""
        text = text or self.raw
        self.finished = True
        self._raw.clear()
        return self._show(
            cleaner.arguments(text, self.path) if self.family.arguments else cleaner.text(text, self.path)
        )

    def event(self, text: str) -> dict[str, Any]:
        """An event that brings `text`."""
        value: Any = text
        for step in reversed(self.key.below):
            value = [value] if isinstance(step, int) else {step: value}
        return {**self.form, **value} if self.key.beside else {**self.form, "delta": value}

    def looks_whole(self, text: str | None = None) -> bool:
        """Whether the text could be all of a call: for arguments, that they are JSON."""
        return not self.family.arguments or is_all(text or self.raw, ended=False)

    @property
    def is_complete(self) -> bool:
        """Whether the text of a call shows by itself that nothing is missing, as JSON does."""
        return self.family.arguments and is_all(self.raw, ended=False)

    def is_cut(self, text: str | None) -> bool:
        """Whether its arguments were cut off, although its end was told. `text`: what that end said they were."""
        said = text or self.raw
        return self.family.arguments and bool(said.strip()) and not is_all(said, ended=True)

    def cut_off(self) -> None:
        """The call will not be whole any more."""
        self.finished = self.cut = True
        self._raw.clear()

    def _show(self, text: str) -> str:
        self._shown.append(text)
        return text


class Channels:
    """All channels of one stream, in the order in which they began."""

    def __init__(self, guard: OutputGuard) -> None:
        self._guard = guard
        self.runs: dict[RunKey, Run] = {}
        self._begun: dict[tuple[RunKey, str], tuple[int, ...]] = {}  # places of the last texts of runs, by family
        self._channels: dict[ChannelKey, Channel] = {}
        self._characters = 0
        self._repeats = Repeats()

    def __iter__(self) -> Iterator[Channel]:
        return iter(self._channels.values())

    def get(self, key: ChannelKey) -> Channel | None:
        return self._channels.get(key)

    def open(self, key: ChannelKey, form: Mapping[str, Any]) -> Channel:
        """The channel of that key, new if there is none. `form` is an event about it. Raises `UpstreamUnavailable`."""
        channel = self._channels.get(key)
        if channel is None:
            family = BESIDE if key.beside else family_of(key.family)
            path = _path(key, family)
            run = self._run_of(key)
            channel = Channel(key, family, path, None if family.held else self._guard.open(path, run), run)
            channel.form = _form_beside(form) if key.beside else _form(form, family)
            self._channels[key] = channel
            if len(self._channels) > MOST_CHANNELS:
                raise _too_large()
        elif channel.bare:
            channel.bare = False
            channel.form = _form(form, channel.family)
        return channel

    def _run_of(self, key: ChannelKey) -> Run | None:
        name = run_of(key)
        if name is None:
            return None
        place = place_of(key)
        if place is not None:
            if place < self._begun.get((name, key.family), place):
                raise UpstreamUnavailable("the upstream began a text before one it had begun", reason="bad_event")
            self._begun[name, key.family] = place
        if name not in self.runs:
            self.runs[name] = self._guard.run()
        return self.runs[name]

    def told(self, key: ChannelKey, text: str) -> Channel | None:
        """The joined text of that key, if it was this one; else another one of its family that was."""
        channel = self._channels.get(key)
        if channel is not None and channel.whole == text:
            return channel
        same = (one for one in self if one.key.family == key.family and one.whole == text and one.run is not None)
        return next(same, None)

    def feed_beside(self, key: ChannelKey, form: Mapping[str, Any], text: str) -> str:
        """A string of an event where no API has a text: a piece of one, or the same one again."""
        known = self._channels.get(key)
        if self._repeats.is_one(key, None if known is None else known.guard, text):
            return text
        return self.feed(self.open(key, form), text)

    def feed(self, channel: Channel, text: str) -> str:
        """`Channel.feed`, within what one stream may make us keep."""
        self._characters += len(text)
        if self._characters > MOST_CHARACTERS:
            raise _too_large()
        return channel.feed(text)


def _form(event: Mapping[str, Any], family: Family) -> dict[str, Any]:
    """What an event of the text looks like without its text."""
    form = {name: value for name, value in event.items() if name not in _NOT_REPEATED and name != family.done}
    kind = form.get("type")
    if isinstance(kind, str):
        form["type"] = f"{kind.rpartition('.')[0]}.delta"
    return {**form, "logprobs": []} if "logprobs" in event else form


def _form_beside(event: Mapping[str, Any]) -> dict[str, Any]:
    """The same for a text beside what the event is about: what names it, and of its other texts nothing."""
    form = {name: value for name, value in event.items() if name == "type" or name.endswith(("_id", "_index"))}
    empty = {"delta": "", "logprobs": []}
    return {**form, **{name: value for name, value in empty.items() if isinstance(event.get(name), type(value))}}


def _path(key: ChannelKey, family: Family) -> Path:
    """Where the text will stand in the response, as a finding names it."""
    if not family.place or not isinstance(key.owner, int):
        return (key.family, *key.below)
    indexes = dict(key.indexes)
    steps = (indexes.get(step, 0) if step.endswith("_index") else step for step in family.place)
    return ("output", key.owner, *steps, *key.below)


def _too_large() -> UpstreamUnavailable:
    return UpstreamUnavailable("the upstream's answer is too large to be looked at", reason="too_large")
