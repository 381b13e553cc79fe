"""A streamed response: each event is edited and sent on, so that what the client adds up is what may be seen.

Every text that grows is a channel with its own guard. Events go out one for one with their text replaced by what is
newly safe, possibly nothing; text still held when its end comes goes out in an event of our own before that. The same
text comes again in the events that end the text, its part, its item and the response: there it is what the deltas
added up to, since redacting whole and piece by piece come to the same.

What is part of a call is held until the call's end and sent whole, or not at all when the call was cut off; so is the
announcement of a call that the caller would carry out. Arguments that are no JSON at their end may have been cut off,
so that end waits for the end of the item, which says it.

A stream may begin in its middle, without the events that announce a response, an item or a part.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Final

from guardproxy.core.exchange import OpaqueKind
from guardproxy.core.inspection import OutputGuard
from guardproxy.core.policy import OnBlock
from guardproxy.errors import RequestError, UpstreamUnavailable
from guardproxy.surfaces.responses.call_gate import CallGate, Outgoing
from guardproxy.surfaces.responses.cleaning import Cleaner
from guardproxy.surfaces.responses.ending import end_blocked
from guardproxy.surfaces.responses.events import Writer, is_documented
from guardproxy.surfaces.responses.families import (
    family_of,
    owner_of,
    split_type,
    undocumented,
)
from guardproxy.surfaces.responses.flow import TextFlow
from guardproxy.surfaces.responses.leaves import is_base64, unread_in_event
from guardproxy.surfaces.responses.parts import edit_done, edit_part, repeat_item
from guardproxy.surfaces.responses.response import strip_item, strip_part, strip_tokens
from guardproxy.surfaces.responses.shown import Shown
from guardproxy.surfaces.responses.state import made
from guardproxy.wire.document import UndecodableJson, decode
from guardproxy.wire.sse import DONE, SseEvent

_DONE_FRAME: Final = b"data: [DONE]\n\n"
_BEGINNINGS: Final = frozenset({"created", "in_progress", "queued"})
_ENDINGS: Final = frozenset({"completed", "incomplete", "failed", "cancelled"})


class ResponsesStream:
    """Edits the events of one response. `feed` and `finish` return frames for the client, ready to write.

    With `starting_after` only events with a higher number come out; the upstream's stream has to begin at its start.
    """

    def __init__(
        self,
        guard: OutputGuard,
        usage_for: Callable[[int], Mapping[str, int]] | None = None,
        *,
        starting_after: int | None = None,
    ) -> None:
        self._guard = guard
        self._usage_for = usage_for
        self._cleaner = Cleaner(guard)
        self._flow = TextFlow(guard, self._cleaner)
        self._shown = Shown()
        self._writer = Writer(starting_after)
        self._gate = CallGate(guard)
        self._done = False
        self._tell_made: Callable[[Iterable[str]], None] | None = None
        self.usage: Any = None
        self.failed = False  # the upstream said so, with HTTP 200 as streams do
        self.characters = 0  # of text released, for a token estimate when the upstream reports no usage

    def tell_made(self, tell: Callable[[Iterable[str]], None]) -> None:
        """From here on `tell` hears the ids of what is stored, before the client does."""
        self._tell_made = tell

    def pass_on(self, piece: bytes) -> None:
        """Every event is taken apart."""

    def feed(self, event: SseEvent) -> list[bytes]:
        """One upstream event in, the frames it becomes out. After a block the frames end the stream."""
        if self._done:
            return []
        if event.data == DONE:
            frames = self.finish()
            return frames if self._guard.blocked else [*frames, _DONE_FRAME]
        try:
            document = decode(event.data)
        except UndecodableJson as error:
            raise UpstreamUnavailable("the upstream sent an event that is not JSON", reason="bad_event") from error
        if not isinstance(document, dict):
            raise UpstreamUnavailable("the upstream sent an event that is not an object", reason="bad_event")
        if not is_documented(document) and not self._guard.lets_unknown(("type",)):
            self._writer.drop(document)
            return self._blocked()
        kind = document.get("type")
        family, step = split_type(kind) if isinstance(kind, str) else ("", "")
        if self._tell_made is not None:
            for thing in (document.get("response"), document.get("item")):
                self._tell_made(made(thing))
        for unread, path in unread_in_event(document, step):
            if unread is not OpaqueKind.AUDIO or not self._guard.redacts:  # then it is taken out
                self._guard.lets(unread, path)
        if step == "added" or self._gate.judges or self._gate.waits or self._flow.undecided:
            return [*self._gated(event, document, (family, step)), *self._blocked()]
        goes_out = self._edit(document, family, step)
        if self._flow.undecided:
            passed = self._passed([*self._own(), Outgoing(event, document, step, goes_out)])
            return [*self._written(passed), *self._blocked()]
        frames = self._written(self._own())
        if goes_out:
            frames += self._writer.forward(event, document)
            self._shown.take(document, step)
        else:
            self._writer.drop(document)
        return [*frames, *self._blocked()]

    def finish(self) -> list[bytes]:
        """The upstream has closed the stream. What was held of texts goes out; calls that have not ended do not."""
        if self._done:
            return []
        self._done = True
        self._flow.end_all()
        self._gate.end()
        return [*self._written(self._passed(self._own())), *self._blocked()]

    def error_event(self, error: RequestError, request_id: str) -> bytes:
        """The error that ends this stream, in the form its clients raise."""
        return self._writer.error(error, request_id)

    def _gated(self, event: SseEvent, document: dict[str, Any], kind: tuple[str, str]) -> list[bytes]:
        """What goes out of an event while a call may be undecided."""
        gate = self._gate
        gate.see(document, *kind)
        waits = gate.waits
        goes_out = self._edit(document, *kind)
        self._flow.settle()
        if waits and self._guard.blocked is not None:
            gate.drop()
            if gate.judges:
                self._flow.before = []
                return []
        return self._written(self._passed([*self._own(), Outgoing(event, document, kind[1], goes_out)]))

    def _passed(self, events: list[Outgoing]) -> list[Outgoing]:
        """What may go out now: nothing behind a text that waits for those it is joined with."""
        waits = self._flow.undecided
        passed = self._gate.pass_on(events, wait=waits)
        if waits and self._guard.blocked is not None:
            return self._gate.cut_behind(self._flow.tail)
        return passed

    def _own(self) -> list[Outgoing]:
        before, self._flow.before = self._flow.before, []
        self.characters = self._flow.characters
        return [Outgoing(None, document, "") for document in before]

    def _written(self, passed: list[Outgoing]) -> list[bytes]:
        frames: list[bytes] = []
        for event, document, step, goes_out in passed:
            if event is None:
                if "annotation" in document:  # it had to wait
                    self._shown.take(document, "added")
                frames += self._writer.own(document) if goes_out and document.get("delta", "") is not None else []
            elif goes_out:
                frames += self._writer.forward(event, document)
                self._shown.take(document, step)
            else:
                self._writer.drop(document)
        return frames

    def _blocked(self) -> list[bytes]:
        """Nothing, or after a block the events that end the stream.

        Where the policy wants an error instead, whoever writes the frames adds it: it names the exchange.
        """
        if self._guard.blocked is None:
            return []
        self._done = True
        if self._guard.on_block is OnBlock.ERROR:
            return []
        usage = None if self._usage_for is None else self._usage_for(self.characters)
        return [
            frame
            for document in end_blocked(self._shown, self._flow.channels, usage, self._guard.block_message)
            for frame in self._writer.own(document)
        ]

    def _edit(self, document: dict[str, Any], family: str, step: str) -> bool:
        """Edit an event in place and note what goes before it; whether it goes out itself."""
        if self._guard.redacts:
            strip_tokens(document)
        self.failed = self.failed or (step in ("error", "failed") and not family) or bool(document.get("error"))
        self._flow.cite_decided()
        beside = undocumented(document, step)
        if beside:
            beside = self._flow.grow_beside(document, step)
        if step == "delta" and document.get("delta") is not None:
            return self._edit_delta(document, family, beside)
        waits = False
        if isinstance(document.get("response"), dict):
            self._edit_response(document, step)
        elif isinstance(document.get("item"), dict):
            waits = not self._edit_item(document, step)
        elif isinstance(document.get("part"), dict):
            if self._guard.redacts:
                strip_part(document["part"])
            edit_part(document, step, self._flow, self._cleaner)
        elif step == "done":
            waits = not edit_done(document, family, self._flow, self._cleaner)
        elif step == "added" and isinstance(document.get(family_of(family).done), str):
            member = family_of(family).done
            self._cleaner.members(document, (), (member,))
            document[member] = self._flow.begin(family, document, document[member])
        else:
            self._cleaner.members(document, (), beside)
            if "annotation" in document:
                waits = not self._flow.cite(document)
        return not waits and self._guard.blocked is None

    def _edit_delta(self, document: dict[str, Any], family: str, beside: Collection[str]) -> bool:
        self._cleaner.members(document, (), (*beside, "delta"))
        if self._guard.blocked is not None:
            return False
        delta = document["delta"]
        if family == "audio" and isinstance(delta, str) and is_base64(delta):
            document["delta"] = "" if self._guard.redacts else delta  # the same words, spoken
        else:
            self._flow.grow(family, document)
        return True  # also after a block, with the text before it

    def _edit_response(self, document: dict[str, Any], step: str) -> None:
        self._cleaner.members(document, (), ("response",))
        response = document["response"]
        output, status = response.get("output"), response.get("status")
        ended = step in _ENDINGS or (step not in _BEGINNINGS and status in _ENDINGS)
        if self._guard.redacts:
            strip_tokens(response)
        if ended and self._gate.judges:
            self._gate.judge_all(output)
        cut = []
        for index, item in enumerate(output if isinstance(output, list) else ()):
            if isinstance(item, dict) and ended:
                if self._end_item(item, index, whole=status in (None, "completed") and step in ("completed", "")):
                    cut.append(index)
            elif isinstance(item, dict):
                self._begin_item(item, {"output_index": index})
            elif isinstance(item, str):
                output[index] = self._cleaner.text(item, ("response", "output", index))
            else:
                self._cleaner.below(item, ("response", "output", index))
        for index in reversed(cut):
            del output[index]
        if ended:
            self._flow.end_all()
            self._gate.end()
        self._cleaner.members(response, ("response",), ("output",) if isinstance(output, list) else ())
        self.failed = self.failed or bool(response.get("error"))
        if isinstance(response.get("usage"), dict):
            self.usage = response["usage"]

    def _edit_item(self, document: dict[str, Any], step: str) -> bool:
        """An item that was announced or has ended; False if it is a call that was cut off."""
        self._cleaner.members(document, (), ("item",))
        if step == "done":
            owner = owner_of(document)
            cut = False
            if not self._gate.judges or self._gate.judge(document["item"], owner):
                cut = self._end_item(document["item"], owner, whole=True)
            if self._guard.blocked is None:
                self._gate.close(owner)
            return not cut
        self._begin_item(document["item"], document)
        return True

    def _begin_item(self, item: dict[str, Any], where: Mapping[str, Any]) -> None:
        if self._guard.redacts:
            strip_item(item)
        if item.get("type") != "message":
            self._flow.let_go()
        grows = self._flow.begin_item(item, where)
        self._cleaner.item(item, ("item",), grows)

    def _end_item(self, item: dict[str, Any], owner: int | str | None, *, whole: bool) -> bool:
        """Whether the item is a call that was cut off, of which nothing is shown."""
        if self._guard.redacts:
            strip_item(item)
        cut = self._flow.end_item(item, owner, whole=whole)
        if cut:
            self._gate.leave_out(owner)
        else:
            told = repeat_item(item, owner, self._flow)
            self._cleaner.item(item, ("item",) if owner is None else ("output", owner), told)
        return cut
