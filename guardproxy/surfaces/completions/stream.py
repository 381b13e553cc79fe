"""A streamed legacy completion: each event is edited and sent on, so that what the client adds up is what may be seen.

Events look like whole answers, each with another piece of `choices[].text`. Every string that grows in a choice is a
channel with its own guard, keyed by choice and member. Events go out one for one with their text replaced by what is
newly safe, possibly nothing; text still held when a choice finishes goes out before its finish frame, and before an
error of the upstream.

There is no refusal in this API: what the policy stops ends with `finish_reason: content_filter` and nothing else. Nor
are there messages: a server that sends some in these events is not believed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from guardproxy.core.inspection import OutputGuard
from guardproxy.core.policy import OnBlock
from guardproxy.core.stream import StreamGuard
from guardproxy.errors import RequestError, UpstreamUnavailable
from guardproxy.surfaces.chat_completions.bounds import Bounds
from guardproxy.surfaces.chat_completions.cleaning import Cleaner
from guardproxy.surfaces.chat_completions.events import forwarded, is_documented, usage_event
from guardproxy.surfaces.completions.response import strip_choice_copies
from guardproxy.surfaces.hidden_usage import hide_usage
from guardproxy.surfaces.openai_errors import error_event
from guardproxy.wire.document import UndecodableJson, decode, encode
from guardproxy.wire.sse import DONE, SseEvent, encode_event

_DONE_FRAME: Final = b"data: [DONE]\n\n"
_OBJECT: Final = "text_completion"
# What a frame made by us takes over from the upstream's.
_SKELETON: Final = ("id", "object", "created", "model", "system_fingerprint")
# Strings of an event that stand the same in each of them.
_LABELS: Final = frozenset({"id", "object", "model", "system_fingerprint", "service_tier", "provider"})
_REASONS: Final = frozenset({"stop", "length", "content_filter", "abort", ""})
# A chat's members: whose text is not told apart here.
_MESSAGES: Final = ("delta", "message")


class _OpenChoice:
    """One choice of the stream: its channels by member, whether it has ended."""

    __slots__ = ("channels", "finished")

    def __init__(self) -> None:
        self.channels: dict[str, StreamGuard] = {}
        self.finished = False


class CompletionStream:
    """Edits the events of one response. `feed` and `finish` return frames for the client, ready to write."""

    def __init__(self, guard: OutputGuard, usage_for: Callable[[int], Mapping[str, int]] | None = None) -> None:
        self._guard = guard
        self._usage_for = usage_for
        self._choices: dict[int, _OpenChoice] = {}
        self._last: dict[str, Any] = {"object": _OBJECT}
        self._labels: dict[str, str] = {"object": _OBJECT}  # the API's own word, which no rule is about
        self._cleaner = Cleaner(guard, self._labels)
        self._bounds = Bounds()
        self._done = False
        self.hides_usage = False
        self.usage: Any = None
        self.failed = False  # the upstream sent an error object, with HTTP 200 as streams do
        self.characters = 0  # of text released, for a token estimate when the upstream reports no usage

    def pass_on(self, piece: bytes) -> None:
        """Every event is taken apart."""

    def feed(self, event: SseEvent) -> list[bytes]:
        """One upstream event in, the frames it becomes out. After a block the frames end the stream."""
        if self._done:
            return []
        if event.data == DONE:
            frames = self.finish()
            return frames if self._guard.blocked else [*frames, _DONE_FRAME]
        document = _decoded(event.data)
        if self.hides_usage and "usage" in document:
            self.usage, left = hide_usage(document, event, self.usage)
            if left is None:
                return []
            event = left
        if not is_documented(document, _OBJECT) and not self._guard.lets_unknown(("object",)):
            return self._blocked([]) if self._guard.blocked else []
        frames = [*self._edit(document), forwarded(document, event)]
        return self._blocked(frames) if self._guard.blocked else frames

    def finish(self) -> list[bytes]:
        """The upstream has ended its stream, with or without `[DONE]`; what was held back goes out."""
        if self._done:
            return []
        self._done = True
        frames = [frame for index, choice in self._open() for frame in self._flush(index, choice, set())]
        return self._blocked(frames) if self._guard.blocked else frames

    def error_event(self, error: RequestError, request_id: str) -> bytes:
        """The error that ends this stream, in the form its clients raise."""
        return error_event(error, request_id)

    def _open(self) -> list[tuple[int, _OpenChoice]]:
        return [(index, choice) for index, choice in sorted(self._choices.items()) if not choice.finished]

    def _blocked(self, frames: list[bytes]) -> list[bytes]:
        """End every open choice, or the first where none began, the one way all clients notice.

        Where the policy wants an error instead, whoever writes the frames adds it: it names the exchange.
        """
        self._done = True
        if self._guard.on_block is OnBlock.ERROR:
            return frames
        open_ones = [index for index, _ in self._open()] or ([] if self._choices else [0])
        frames += [self._own_event(index, {}, "content_filter") for index in open_ones]
        if self._usage_for is not None:
            frames.append(usage_event(self._last, self._usage_for(self.characters)))
        return [*frames, _DONE_FRAME]

    def _edit(self, document: dict[str, Any]) -> list[bytes]:
        """Edit an event in place; the frames that go before it."""
        frames: list[bytes] = []
        if self._guard.redacts:
            strip_choice_copies(document)
        self._cleaner.names(document)
        for member, value in document.items():
            if member == "choices" and isinstance(value, list):
                continue
            if isinstance(value, str) and member in _LABELS:
                self._cleaner.label(document, member, value)
            elif isinstance(value, (str, dict, list)):
                self._cleaner.below(document, member, counts=member == "usage")
        if isinstance(document.get("choices"), list):  # last: events of our own repeat what stands beside them
            self._edit_choices(document, document["choices"], frames)
        if document.get("error"):
            self.failed = True
            self._end_all(frames)
        if isinstance(document.get("usage"), dict):
            self.usage = document["usage"]
        return frames

    def _end_all(self, frames: list[bytes]) -> None:
        """The upstream failed: text that was held goes out before its error, as when it breaks off."""
        for index, choice in self._open():
            frames += self._flush(index, choice, set())
            choice.finished = self._guard.blocked is None

    def _edit_choices(self, document: dict[str, Any], choices: list[Any], frames: list[bytes]) -> None:
        self._last = document
        for position, value in enumerate(choices):
            if not isinstance(value, dict):
                self._cleaner.below(choices, position)
                continue
            index = value.get("index", position)
            if not isinstance(index, int):
                raise _bad_event("a choice whose index is not a number")
            if any(isinstance(value.get(member), (dict, list)) for member in _MESSAGES):
                raise _bad_event("messages where only text is expected")
            choice = self._choices.get(index)
            if choice is None:
                self._bounds.add_choice()
                choice = self._choices[index] = _OpenChoice()
            self._edit_choice(index, choice, value, frames, fails=bool(document.get("error")))

    def _edit_choice(
        self, index: int, choice: _OpenChoice, value: dict[str, Any], frames: list[bytes], *, fails: bool
    ) -> None:
        present: set[str] = set()
        if self._guard.redacts:
            strip_choice_copies(value)
        self._cleaner.names(value)
        for member, below in value.items():
            if member == "finish_reason" and isinstance(below, str):
                value[member] = below if below in _REASONS else self._guard.whole(below, ("choices", index, member))
            elif isinstance(below, str):
                value[member] = self._grow(index, choice, member, below)
                present.add(member)
            elif isinstance(below, (dict, list)):
                self._cleaner.below(value, member)
        if value.get("finish_reason") and not choice.finished:  # some servers write "" until the end
            self._finish_choice(index, choice, value, present, frames)
        elif fails and not choice.finished:
            self._end_texts(index, choice, value, present, frames)
            choice.finished = self._guard.blocked is None

    def _finish_choice(
        self, index: int, choice: _OpenChoice, value: dict[str, Any], present: set[str], frames: list[bytes]
    ) -> None:
        """Everything of the choice goes out before its finish frame; a block on the way takes the finish back."""
        self._end_texts(index, choice, value, present, frames)
        if self._guard.blocked:
            value["finish_reason"] = None
        else:
            choice.finished = True

    def _end_texts(
        self, index: int, choice: _OpenChoice, value: dict[str, Any], present: set[str], frames: list[bytes]
    ) -> None:
        frames += self._flush(index, choice, present)
        for member in present:
            value[member] += self._counted(choice.channels[member].finish())

    def _grow(self, index: int, choice: _OpenChoice, member: str, text: str) -> str:
        """Feed one channel; what of its text may go out now."""
        if choice.finished:
            if text:
                raise _bad_event("more of a choice that it had finished")
            return text
        channel = choice.channels.get(member)
        if channel is None:
            self._bounds.add_channel()
            channel = choice.channels[member] = self._guard.open(("choices", index, member))
        return self._counted(channel.feed(text))

    def _flush(self, index: int, choice: _OpenChoice, present: set[str]) -> Iterator[bytes]:
        """The choice's held text, channel by channel, except channels whose text stands in the event at hand."""
        for member, channel in choice.channels.items():
            if member not in present:
                text = self._counted(channel.finish())
                if text:
                    yield self._own_event(index, {member: text})

    def _counted(self, text: str) -> str:
        self.characters += len(text)
        return text

    def _own_event(self, index: int, parts: dict[str, str], finish_reason: str | None = None) -> bytes:
        """An event of our own: one choice with `parts`, in the skeleton of the upstream's last event."""
        choice = {"index": index, "text": "", **parts, "logprobs": None, "finish_reason": finish_reason}
        skeleton = {name: self._last[name] for name in _SKELETON if name in self._last}
        return encode_event(encode({**skeleton, "choices": [choice]}))


def _decoded(data: str) -> dict[str, Any]:
    try:
        document = decode(data)
    except UndecodableJson as error:
        raise _bad_event("an event that is not JSON") from error
    if not isinstance(document, dict):
        raise _bad_event("an event that is not an object")
    return document


def _bad_event(what: str) -> UpstreamUnavailable:
    return UpstreamUnavailable(f"the upstream sent {what}", reason="bad_event")
