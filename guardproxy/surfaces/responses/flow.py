"""The growing texts of a stream, from their beginning to their end.

Edits the places of an event where such a text stands, and collects the events of our own that have to go out before it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Final

from guardproxy.core.inspection import OutputGuard
from guardproxy.surfaces.responses.channels import Channel, Channels
from guardproxy.surfaces.responses.cleaning import Cleaner
from guardproxy.surfaces.responses.conversation import is_for_caller
from guardproxy.surfaces.responses.cut import blank_call, cut_off
from guardproxy.surfaces.responses.families import (
    JOINED,
    family_of,
    growing_texts,
    key_of,
    owner_of,
    part_of,
    undocumented,
)
from guardproxy.surfaces.responses.leaves import read_leaves
from guardproxy.surfaces.responses.sealed import SEAL, is_sealed
from guardproxy.surfaces.responses.words import is_label
from guardproxy.wire.document import replace, walk_strings
from guardproxy.wire.path import Key, Path, is_word

_WHERE: Final = "output_index", "item_id", "content_index", "summary_index", "command_index"


class TextFlow:
    """`before` are the events to send before the one at hand. `characters`: how many of text were released."""

    def __init__(self, guard: OutputGuard, cleaner: Cleaner) -> None:
        self.channels = Channels(guard)
        self.before: list[dict[str, Any]] = []
        self.characters = 0
        self._guard = guard
        self._cleaner = cleaner
        self._citing: dict[Channel, None] = {}  # texts with citations that wait
        self._unsettled: list[Channel] = []  # texts that ended and wait for those they are joined with
        self._waiting: dict[int, dict[str, Any]] = {}  # by channel, ends of calls that may have been cut off

    def grow(self, family: str, document: dict[str, Any]) -> None:
        """A delta: a text, or an object of several. What may not go out yet is taken out of it."""
        holder = {"delta": document["delta"]}
        edits: dict[Path, str] = {}
        for path, text in walk_strings(holder, names=True):
            if isinstance(path[-1], Key):
                if not is_word(text):
                    edits[path] = self._cleaner.text(text, path)
            else:
                channel = self.channels.open(key_of(family, document, path[1:]), document)
                edits[path] = self._released(self.channels.feed(channel, text))
        replace(holder, edits)
        document["delta"] = holder["delta"]

    def grow_beside(self, document: dict[str, Any], step: str) -> Collection[str]:
        """The members of an event in which no API has a text: what may not go out yet is taken out of them."""
        names: dict[Path, str] = {}
        for path, name in self._beside(document, step):
            if isinstance(path[-1], Key) and (cleaned := self._cleaner.text(name, path)) != name:
                names[path] = cleaned
        replace(document, names)
        key = key_of(str(document.get("type")), document)._replace(beside=True)
        edits: dict[Path, str] = {}
        for path, text in self._beside(document, step):  # with names as they may be shown: our own events repeat them
            if is_label(path[-1]):
                edits[path] = self._cleaner.text(text, path)
            elif not isinstance(path[-1], Key):
                edits[path] = self._released(self.channels.feed_beside(key._replace(below=path), document, text))
        replace(document, edits)
        return undocumented(document, step)

    @staticmethod
    def _beside(document: dict[str, Any], step: str) -> Iterator[tuple[Path, str]]:
        for member in undocumented(document, step):
            yield (Key(member),), member
            if isinstance(document[member], (str, dict, list)):
                for leaf in read_leaves(document[member], (member,), every_name=True).texts:
                    yield leaf.path, leaf.text

    @property
    def undecided(self) -> bool:
        """Whether a text has ended that is not decided, so that nothing behind it may go out."""
        return bool(self._unsettled)

    @property
    def tail(self) -> dict[str, Any]:
        """The event that brings the end of the first such text."""
        return self._unsettled[0].tail

    def settle(self) -> None:
        """Fill in what is decided by now."""
        while self._unsettled:
            channel = self._unsettled[0]
            if channel.holds and not channel.stopped:
                return
            rest = channel.tail["delta"] + self._released(channel.take())
            channel.tail["delta"] = rest or None  # nothing to tell
            if channel.stopped:
                return
            channel.settled()
            del self._unsettled[0]

    def let_go(self) -> None:
        """What is no text of a message comes next: where the policy says so, the texts before have ended."""
        if self._unsettled and self._guard.sequential:
            for run in self.channels.runs.values():
                run.let_go()
            self.settle()

    def bring(self, family: str, where: Mapping[str, Any], text: Any) -> None:
        """A text that is joined with others ends; perhaps no event brought any of it before."""
        if family not in JOINED or not isinstance(text, str):
            return
        form = {name: where[name] for name in _WHERE if name in where}
        key = key_of(family, form)
        channel = self.channels.get(key)
        if channel is None and self.channels.told(key, text) is None:
            channel = self.channels.open(key, {"type": f"response.{family}.delta", **form})
        if channel is not None and not channel.finished and not channel.raw:
            self.channels.feed(channel, text)
            channel.finish(self._cleaner)
            if channel.holds:
                self._wait(channel, {"delta": ""})  # which nobody adds up

    def repeat(
        self, family: str, where: Mapping[str, Any], holder: dict[str, Any], member: str, item: Any = None
    ) -> bool:
        """A text that comes again says what went out of it. False if this one never did."""
        text = holder.get(member)
        if family not in JOINED or not isinstance(text, str):
            return False
        channel = self.channels.told(key_of(family, where), text)
        if channel is not None:
            channel.repeat(holder, member, holder if item is None else item)
        return channel is not None

    def begin(self, family: str, where: Mapping[str, Any], text: str, below: Path = ()) -> str:
        """A text that an announcement holds: its beginning, or when it is announced again, what is known of it."""
        if not text and (family not in JOINED or below):
            return text
        form = {name: where[name] for name in _WHERE if name in where}
        key = key_of(family, form, below)
        known = self.channels.get(key)
        if known is not None:
            return known.shown
        more: dict[str, Any] = {"logprobs": []} if family == "output_text" else {}
        channel = self.channels.open(key, {"type": f"response.{family}.delta", **form, **more})
        channel.bare = not text
        return self._released(self.channels.feed(channel, text))

    def begin_item(self, item: dict[str, Any], where: Mapping[str, Any]) -> set[Path]:
        """An item that is announced; the places of the texts that may still grow. A seal over a text held back goes."""
        at = {"output_index": where["output_index"]} if "output_index" in where else {}
        if (name := self._name_of(item)) is not None:
            at["item_id"] = name
        edits = {
            growing.path: self.begin(growing.family, {**at, **growing.indexes}, growing.text, growing.below)
            for growing in growing_texts(item)
        }
        if is_sealed(item) and any(growing.text != edits[growing.path] for growing in growing_texts(item)):
            item[SEAL] = None
        replace(item, edits)
        return set(edits)

    def cite(self, document: dict[str, Any]) -> bool:
        """A citation that comes by itself follows the text of its part. False if it waits until that is decided."""
        owner, part = owner_of(document), part_of(document)
        for channel in self.channels:
            if channel.key.owner == owner and channel.part == part and channel.guard is not None:
                if channel.waits:
                    channel.move(document["annotation"])
                    return True
                channel.cited.add(document["annotation"], document)
                self._citing[channel] = None
                told = [one for _, one in channel.cited.take(channel.guard, ended=channel.finished)]
                self.before += [one for one in told if one is not document]
                return any(one is document for one in told)
        return True

    def cite_decided(self) -> None:
        """Citations that waited for texts that are decided now."""
        for channel in list(self._citing):
            self.before += [document for _, document in channel.cited.take(channel.guard, ended=channel.finished)]
            if not channel.cited:
                del self._citing[channel]

    def end_text(self, family: str, document: dict[str, Any]) -> bool:
        """The event that ends a text. False if it has to wait: arguments that are no JSON may have been cut off."""
        key, member = key_of(family, document), family_of(family).done
        text = document.get(member)
        text = text if isinstance(text, str) and text else None
        if not family_of(family).held:
            self._end(channel for channel in self.channels if channel.key._replace(below=()) == key)
            return True
        channel = self.channels.get(key) if text is None else self.channels.open(key, document)
        if channel is None:
            return True
        if not channel.finished:
            if not channel.looks_whole(text) and (text or channel.raw):
                self._waiting[id(channel)] = document
                return False
            self._settle(channel, text)
        if isinstance(document.get(member), str):
            document[member] = channel.shown
        return True

    def end_part(self, document: Mapping[str, Any]) -> None:
        """A part has ended, and its text with it."""
        owner, part = owner_of(document), part_of(document)
        self._end(channel for channel in self.channels if channel.key.owner == owner and channel.part == part)

    def end_item(self, item: dict[str, Any], owner: int | str | None, *, whole: bool) -> bool:
        """An item has ended, and with it all its texts. Calls are shown now or never; whether this one never is."""
        for growing in growing_texts(item):
            where = {"output_index" if isinstance(owner, int) else "item_id": owner, **growing.indexes}
            if not growing.below:
                self.bring(growing.family, where, growing.text)
        mine = [channel for channel in self.channels if channel.key.owner in (owner, self._name_of(item))]
        self._end(mine)
        if item.get("type") == "reasoning":
            for run in {id(one.run): one.run for one in mine if one.run is not None}.values():
                run.finish()
            self.settle()
        calls = [channel for channel in mine if channel.family.held]
        cut = cut_off(item, whole=whole)
        for channel in calls:
            if not channel.finished and self._guard.blocked is None:
                ended = self._waiting.pop(id(channel), None)
                told = item.get("status") == "completed" or ended is not None or channel.is_complete
                if cut or not told or channel.is_cut(None if ended is None else ended.get(channel.family.done)):
                    channel.cut_off()
                else:
                    self._settle_late(channel, ended)
        if any(channel.cut for channel in calls) or (cut and not calls):
            if is_for_caller(item):
                return True
            blank_call(item)
        return False

    def end_all(self) -> None:
        """The response has ended, or its stream has. Calls that did not end are not shown."""
        self._end(self.channels)
        for run in self.channels.runs.values():
            run.finish()
        self.settle()

    def _name_of(self, item: Mapping[str, Any]) -> str | None:
        """The id of an item as it may be shown, which is how the events of its texts name it."""
        name = item.get("id")
        return self._cleaner.text(name, ("item", "id")) if isinstance(name, str) else None

    def _end(self, channels: Iterable[Channel]) -> None:
        for channel in channels:
            ended = channel.finished
            text = self._released(channel.finish(self._cleaner))
            if channel.holds and not ended:
                self.before.append(channel.event(text))
                self._wait(channel, self.before[-1])
            if channel.waits:
                continue
            if text:
                self.before.append(channel.event(text))
            if channel.cited and self._guard.blocked is None:
                self.before += [document for _, document in channel.cited.take(channel.guard, ended=True)]

    def _wait(self, channel: Channel, tail: dict[str, Any]) -> None:
        """A text has ended that may go on in the next one."""
        channel.waits, channel.tail = True, tail
        self._unsettled.append(channel)
        for annotation, document in channel.cited.take(None, ended=True):
            channel.move(annotation)
            self.before.append(document)

    def _settle(self, channel: Channel, text: str | None) -> None:
        """A call is whole. Unless the policy stops it, it goes out before the event at hand."""
        shown = channel.settle(self._cleaner, text)
        if self._guard.blocked is None and shown:
            self.before.append(channel.event(self._released(shown)))

    def _settle_late(self, channel: Channel, ended: dict[str, Any] | None) -> None:
        """The same at the end of the item, with the event that had to wait for it, if there was one."""
        member = channel.family.done
        self._settle(channel, None if ended is None else ended.get(member))
        if ended is not None and self._guard.blocked is None:
            self.before.append({**ended, member: channel.shown})

    def _released(self, text: str) -> str:
        self.characters += len(text)
        return text
