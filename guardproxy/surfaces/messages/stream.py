"""A streamed message, edited so that what the client adds up is what may be seen.

Every text of a block is a channel with its own guard. Events go out one for one with their text replaced by what is
newly safe, possibly nothing; text still held when its end comes goes out in an event of our own before that. Clients
join the texts of all blocks, so the end of one waits while a match may go on in the next. A call is held until its end
and sent whole, or not at all when it was cut off. Meanwhile what began after it waits in line.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from typing import Any, Final

from guardproxy.core.inspection import OutputGuard
from guardproxy.core.policy import OnBlock
from guardproxy.errors import RequestError, UpstreamUnavailable
from guardproxy.surfaces.messages.beside import is_label
from guardproxy.surfaces.messages.cleaning import Cleaner
from guardproxy.surfaces.messages.ending import end_blocked, end_cut
from guardproxy.surfaces.messages.errors import error_event
from guardproxy.surfaces.messages.events import Edited, is_documented, own_event
from guardproxy.surfaces.messages.flow import BlockFlow
from guardproxy.surfaces.messages.plain import pass_on
from guardproxy.surfaces.messages.response import strip_tokens
from guardproxy.surfaces.messages.usage import merged, total
from guardproxy.wire.document import UndecodableJson, decode
from guardproxy.wire.sse import DONE, SseEvent

_DONE_FRAME: Final = b"data: [DONE]\n\n"


class MessagesStream:
    """Edits the events of one message. `feed` and `finish` return frames for the client, ready to write."""

    def __init__(self, guard: OutputGuard, usage_for: Callable[[int], Mapping[str, int]] | None = None) -> None:
        self._guard = guard
        self._usage_for = usage_for
        self._cleaner = Cleaner(guard)
        self._flow = BlockFlow(guard, self._cleaner)
        self._counts: dict[str, int] = {}
        self._done = False
        self.usage: Any = None
        self.failed = False  # the upstream sent an error, with HTTP 200 as streams do
        self.characters = 0  # of text released, for a token estimate when the upstream reports no usage

    def pass_on(self, piece: bytes) -> list[bytes] | None:
        """What `feed` makes of the one event these bytes are; None, and nothing done, if it has to be taken apart."""
        plain = None if self._done or self._flow.line else pass_on(piece, self._flow.blocks)
        if plain is None:
            return None
        self._flow.characters += plain[1]
        return self._sent([plain[0]])

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
        self._flow.named = bool(event.event)
        if not is_documented(document) and not self._guard.lets_unknown(("type",)):
            return self._sent([])
        stripped = self._guard.redacts and strip_tokens(document)
        return self._sent(self._edit(event, document, stripped))

    def finish(self) -> list[bytes]:
        """The upstream has closed the stream. What was held of texts goes out; calls that have not ended do not."""
        if self._done:
            return []
        frames = self._sent(self._end_all(None))
        if self.usage is None:
            self.usage = self._estimated()
        self._done = True
        return frames

    def cut(self) -> list[bytes]:
        """The answer ends here, as at the model's own cap: what is decided goes out, a begun call does not."""
        frames = self.finish()
        if self._guard.blocked:
            return frames
        return [*frames, *self._ended_by(end_cut)]

    def error_event(self, error: RequestError, request_id: str) -> bytes:
        """The error that ends this stream, in the form its clients raise."""
        return error_event(error, request_id)

    def _sent(self, frames: list[bytes]) -> list[bytes]:
        """The frames, and after a block those that end the stream.

        Where the policy wants an error instead, whoever writes the frames adds it: it names the exchange.
        """
        self.characters = self._flow.characters
        if self._guard.blocked is None:
            return frames
        self._done = True
        self.usage = self._estimated()
        if self._guard.on_block is OnBlock.ERROR:
            return frames
        return [*frames, *self._ended_by(partial(end_blocked, explanation=self._guard.block_message))]

    def _ended_by(self, end: Callable[[Iterable[int], int], Iterable[dict[str, Any]]]) -> list[bytes]:
        written = (self.usage or self._counts).get("output_tokens", 0)
        documents = end(self._flow.open_blocks(), written)
        return [own_event(document, named=self._flow.named) for document in documents]

    def _edit(self, event: SseEvent, document: dict[str, Any], changed: bool) -> list[bytes]:
        """Edit an event in place and write it. `changed`: something was taken out of it already."""
        match document.get("type"):
            case "content_block_delta" if isinstance(document.get("delta"), dict):
                changed = self._edit_beside(document, ("type", "index", "delta")) or changed
                return self._flow.grow(_index(document), Edited(event, document, changed))
            case "content_block_start" if isinstance(document.get("content_block"), dict):
                changed = self._cleaner.members(document, (), ("content_block",)) or changed
                return self._flow.begin(_index(document), Edited(event, document, changed))
            case "content_block_stop":
                changed = self._cleaner.members(document, ()) or changed
                return self._flow.end(_index(document), Edited(event, document, changed))
            case "message_start" if isinstance(document.get("message"), dict):
                return self._edit_message(event, document, changed)
            case "message_delta":
                return self._edit_end(event, document, changed)
            case "message_stop" | "error" as kind:
                self.failed = self.failed or kind == "error"
                return [*self._end_all(None), *self._forwarded(event, document, changed)]
        if document.get("delta") is not None and is_documented(document):
            raise UpstreamUnavailable("the upstream sent a piece of something unknown", reason="bad_event")
        if event.event == "error" or document.get("error"):
            self.failed = True
            return self._forwarded(event, document, changed)
        changed = self._edit_beside(document, ()) or changed
        return [] if self._guard.blocked else [Edited(event, document, changed).frame()]

    def _edit_beside(self, document: dict[str, Any], known: Collection[str]) -> bool:
        """Members of an event in which the API has no text: any of them may be a piece of one that grows."""
        changed = self._cleaner.names(document, ())
        members = [name for name in document if name not in known and not is_label(name)]
        changed = self._cleaner.members(document, (), [*members, *known]) or changed
        return self._flow.beside.edit(document, members) or changed

    def _end_all(self, reason: Any) -> list[bytes]:
        """The message ends, and with it all its texts."""
        frames = self._flow.end_all(reason)
        return [*frames, *(own_event(document, named=self._flow.named) for document in self._flow.beside.rest())]

    def _forwarded(self, event: SseEvent, document: dict[str, Any], changed: bool) -> list[bytes]:
        """An event with nothing in it that grows; not after a block."""
        changed = self._cleaner.members(document, ()) or changed
        return [] if self._guard.blocked else [Edited(event, document, changed).frame()]

    def _edit_message(self, event: SseEvent, document: dict[str, Any], changed: bool) -> list[bytes]:
        """The beginning of the message. Blocks it holds already may grow."""
        message, content = document["message"], document["message"].get("content")
        grows = isinstance(content, list) and all(isinstance(block, dict) for block in content)
        changed = self._cleaner.members(document, (), ("message",)) or changed
        changed = self._cleaner.members(message, ("message",), ("content",) if grows else ()) or changed
        for index, block in enumerate(content if grows else ()):
            changed = self._flow.begin_known(index, block) or changed
        self._counts = merged(self._counts, message.get("usage"))
        return [] if self._guard.blocked else [Edited(event, document, changed).frame()]

    def _edit_end(self, event: SseEvent, document: dict[str, Any], changed: bool) -> list[bytes]:
        """What ends the message, or only tells of its usage so far."""
        delta = document.get("delta")
        reason = delta.get("stop_reason") if isinstance(delta, dict) else None
        before = [] if reason is None else self._end_all(reason)
        if isinstance(document.get("usage"), dict):
            self._counts = merged(self._counts, document["usage"])
            self.usage = total(self._counts)
        return before if self._guard.blocked else [*before, *self._forwarded(event, document, changed)]

    def _estimated(self) -> dict[str, int] | None:
        """What a stream used that ends before the upstream said so: what it read, and the text that went out."""
        if self._usage_for is None or not self._counts:
            return None
        written = max(self._counts.get("output_tokens", 0), self._usage_for(self.characters)["completion_tokens"])
        return total({**self._counts, "output_tokens": written})


def _index(document: dict[str, Any]) -> int:
    index = document.get("index")
    if type(index) is not int:
        raise UpstreamUnavailable("the upstream sent a block whose index is not a number", reason="bad_event")
    return index
