"""Texts of events in places where the API has none: members nobody has heard of, events nobody has heard of.

A server may tell a text there in pieces, and a client may add them up. So each such place is a channel, keyed by the
type of the event, its block and the path, and what of a text is not decided waits; what is only repeated in event after
event is no more of a text (`Repeats`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, Final, NamedTuple

from guardproxy.core.inspection import OutputGuard
from guardproxy.core.stream import StreamGuard
from guardproxy.errors import UpstreamUnavailable
from guardproxy.surfaces.messages.cleaning import Cleaner
from guardproxy.surfaces.messages.leaves import read_leaves
from guardproxy.surfaces.messages.words import LABELS
from guardproxy.surfaces.repeats import Repeats
from guardproxy.wire.document import replace
from guardproxy.wire.path import Key, Path

MOST_CHANNELS: Final = 10_000


class _Place(NamedTuple):
    kind: str
    block: int | None
    path: Path


class Beside:
    """Edits such members in place. `rest` gives what was held of them in events of our own."""

    def __init__(self, guard: OutputGuard, cleaner: Cleaner) -> None:
        self._guard = guard
        self._cleaner = cleaner
        self._channels: dict[_Place, StreamGuard] = {}
        self._forms: dict[_Place, dict[str, Any]] = {}
        self._ended: set[_Place] = set()
        self._repeats = Repeats()

    def edit(self, document: dict[str, Any], members: Collection[str], below: Path = ()) -> bool:
        """Members of an event, or of what stands `below` that path in it; whether anything was changed.

        Their own names were looked at before.
        """
        if not members:
            return False
        holder = document["delta"] if below else document
        index = document.get("index")
        at = _Place(str(document.get("type")), index if type(index) is int else None, ())
        changed = self._edit_names(holder, members, below)
        edits: dict[Path, str] = {}
        for path, text in _texts(holder, members):
            if isinstance(path[-1], Key):
                continue
            if is_label(path[-1]):
                shown = self._cleaner.text(text, (*below, *path))
            else:
                shown = self._grow(at._replace(path=(*below, *path)), document, text)
            if shown != text:
                edits[path] = shown
        replace(holder, edits)
        return changed or bool(edits)

    def rest(self, index: int | None = None) -> Iterator[dict[str, Any]]:
        """The texts of a block end, or with None all of them: events with what was held."""
        for place, channel in self._channels.items():
            if place not in self._ended and index in (None, place.block) and self._guard.blocked is None:
                self._ended.add(place)
                text = channel.finish()
                if text:
                    yield _with(self._forms[place], place.path, text)

    def _edit_names(self, holder: dict[str, Any], members: Collection[str], below: Path) -> bool:
        """Names below the members, before their texts: events of our own repeat them."""
        names: dict[Path, str] = {}
        for path, name in _texts(holder, members):
            if isinstance(path[-1], Key):
                shown = self._cleaner.text(name, (*below, *path))
                if shown != name:
                    names[path] = shown
        replace(holder, names)
        return bool(names)

    def _grow(self, place: _Place, document: dict[str, Any], text: str) -> str:
        channel = self._channels.get(place)
        if self._repeats.is_one(place, channel, text):
            return text
        if place in self._ended:
            if text:
                raise UpstreamUnavailable("the upstream went on with a text that it had finished", reason="bad_event")
            return text
        if channel is None:
            if len(self._channels) >= MOST_CHANNELS:
                raise UpstreamUnavailable("the upstream's answer is too large to be looked at", reason="too_large")
            channel = self._channels[place] = self._guard.open(place.path)
            self._forms[place] = _form(document)
        return channel.feed(text)


def is_label(name: object) -> bool:
    """Whether a member of that name, wherever it stands, names something, which is told at once."""
    return isinstance(name, str) and (name in LABELS or name == "id" or name.endswith("_id"))


def _texts(holder: dict[str, Any], members: Collection[str]) -> Iterator[tuple[Path, str]]:
    for member in members:
        if isinstance(holder[member], (str, dict, list)):
            yield from read_leaves(holder[member], (member,), every_name=True).texts


def _form(document: dict[str, Any]) -> dict[str, Any]:
    """What an event of our own has beside the text: what says what it is about."""
    form: dict[str, Any] = {name: document[name] for name in ("type", "index") if name in document}
    delta = document.get("delta")
    if isinstance(delta, dict):  # clients add its texts up
        texts = {name: value for name, value in delta.items() if isinstance(value, str)}
        form["delta"] = {name: value if name == "type" else "" for name, value in texts.items()}
    return form


def _with(form: dict[str, Any], path: Path, text: str) -> dict[str, Any]:
    """The form with a text at that path."""
    step: Any = path[0]
    if len(path) > 1 and isinstance(form.get(step), dict):
        return {**form, step: _with(form[step], path[1:], text)}
    value: Any = text
    for below in reversed(path[1:]):
        value = [value] if isinstance(below, int) else {below: value}
    return {**form, step: value}
