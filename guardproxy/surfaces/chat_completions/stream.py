"""A streamed chat response: each event is edited and sent on, so that what the client adds up is what may be seen.

Every string that grows in a choice is a channel with its own guard, keyed by choice and place (`content`, `refusal`,
`reasoning_content`, a field nobody knows), in a list by its item's index. Events go out one for one with their text
replaced by what is newly safe, possibly nothing; text still held when a choice finishes goes out before its finish
frame.

Tool calls are not streamed. A client acts on a call, and some repair a truncated one into a runnable one, so a call is
collected, looked at parsed, and sent whole before the finish frame - or, when it was cut off, not at all. The events
its fragments came in go out without them.

A finish reason is the end of a choice's text, and an error that of all: it decides what their last characters are. An
upstream that goes on after it is not believed any more.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from typing import Any, Final

from guardproxy.core.inspection import OutputGuard
from guardproxy.core.policy import OnBlock
from guardproxy.errors import RequestError, UpstreamUnavailable
from guardproxy.surfaces.chat_completions.beside import Beside, append_rest, ended_of, paused, rest_of
from guardproxy.surfaces.chat_completions.bounds import Bounds
from guardproxy.surfaces.chat_completions.calls import released
from guardproxy.surfaces.chat_completions.cleaning import Cleaner
from guardproxy.surfaces.chat_completions.cut import CUT, says_ended
from guardproxy.surfaces.chat_completions.delta import DeltaEditor, rest_cited
from guardproxy.surfaces.chat_completions.events import (
    CHUNK_OBJECT,
    forwarded,
    goes_on,
    is_documented,
    own_event,
    parsed,
    usage_event,
)
from guardproxy.surfaces.chat_completions.items import nest
from guardproxy.surfaces.chat_completions.places import WHOLE, Places
from guardproxy.surfaces.chat_completions.plain import REASONS, OpenChoice, PlainEvent, ShortWay
from guardproxy.surfaces.chat_completions.response import strip_choice_copies, strip_tokens
from guardproxy.surfaces.hidden_usage import hide_usage
from guardproxy.surfaces.openai_errors import error_event
from guardproxy.wire.path import Path
from guardproxy.wire.sse import DONE, SseEvent

_DONE_FRAME: Final = b"data: [DONE]\n\n"


class ChatStream:
    """Edits the events of one response. `feed` and `finish` return frames for the client, ready to write."""

    def __init__(self, guard: OutputGuard, usage_for: Callable[[int], Mapping[str, int]] | None = None) -> None:
        self._guard = guard
        self._usage_for = usage_for
        self._choices: dict[int, OpenChoice] = {}
        self._last: dict[str, Any] = {"object": CHUNK_OBJECT}
        self._done = self._told = self.hides_usage = False
        self._labels: dict[str, str] = {}
        self._short_way = ShortWay(self._choices, self._labels)
        self._cleaner = Cleaner(guard, self._labels)
        self._bounds = Bounds()
        self._beside = Beside(guard, self._cleaner, self._channel, self._labels, CHUNK_OBJECT)
        self._delta = DeltaEditor(guard, self._cleaner, self._channel)
        self._places = Places(guard, self._cleaner, self._channel, ahead=True)
        self.usage: Any = None
        self.failed = False  # the upstream sent an error object, with HTTP 200 as streams do
        self.characters = 0  # of text released, for a token estimate when the upstream reports no usage

    def feed(self, event: SseEvent) -> list[bytes]:
        """One upstream event in, the frames it becomes out. After a block the frames end the stream."""
        if self._done:
            return []
        plain = self._short_way.repeat(event)
        if plain is not None:
            return self._sent(plain)
        if event.data == DONE:
            frames = self._ending()
            return self._blocked(frames) if self._guard.blocked else [*frames, _DONE_FRAME]
        document, came = parsed(event.data), event.data
        if self.hides_usage and "usage" in document:
            self.usage, left = hide_usage(document, event, self.usage)
            if left is None:
                return []
            event = left
        plain = self._short_way.edit(document, event, came)
        if plain is not None:
            return self._sent(plain)
        if not is_documented(document) and not self._guard.lets_unknown(("object",)):
            return self._blocked([]) if self._guard.blocked else []
        frames = [*self._edit(document), forwarded(document, event)]
        return self._blocked(frames) if self._guard.blocked else frames

    def pass_on(self, piece: bytes) -> list[bytes] | None:
        """What `feed` makes of the one event these bytes are; None, and nothing done, if it has to be taken apart."""
        plain = None if self._done else self._short_way.pass_on(piece)
        return None if plain is None else self._sent(plain)

    def _sent(self, plain: PlainEvent) -> list[bytes]:
        frame, released, self._last = plain
        self.characters += released
        return self._blocked([frame]) if self._guard.blocked else [frame]

    def finish(self) -> list[bytes]:
        """The upstream has closed the stream without `[DONE]`, which clients accept. Cut-off tool calls are dropped."""
        if self._done:
            return []
        self._done = True
        frames: list[bytes] = []
        self._break_off(frames)
        frames += self._beside.end(self._last)
        return self._blocked(frames) if self._guard.blocked else frames

    def error_event(self, error: RequestError, request_id: str) -> bytes:
        """The error that ends this stream, in the form its clients raise."""
        return error_event(error, request_id)

    def cut(self) -> list[bytes]:
        """The answer ends here, as at the model's own cap: what is decided goes out, a begun tool call does not."""
        frames = self.finish()
        if self._guard.blocked:
            return frames
        frames += [own_event(self._last, index, {}, "length") for index, _ in self._open()]
        if self._usage_for is not None:
            frames.append(usage_event(self._last, self._usage_for(self.characters)))
        return [*frames, _DONE_FRAME]

    def _ending(self) -> list[bytes]:
        self._done = True
        frames: list[bytes] = []
        for index, choice in self._open():
            frames += self._flush(index, choice, {})
            frames += self._release_calls(index, choice, None)
        return [*frames, *self._beside.end(self._last)]

    def _open(self) -> list[tuple[int, OpenChoice]]:
        return [(index, choice) for index, choice in sorted(self._choices.items()) if not choice.finished]

    def _blocked(self, frames: list[bytes]) -> list[bytes]:
        """End every open choice, or the first where none began, the one way all clients notice, with a refusal that
        cannot pass for model text.

        Where the policy wants an error instead, whoever writes the frames adds it: it names the exchange.
        """
        self._done = True
        if self._guard.on_block is OnBlock.ERROR:
            return frames
        refusal = {"refusal": self._guard.block_message}
        for index in [index for index, _ in self._open()] or ([] if self._choices else [0]):
            frames.append(own_event(self._last, index, {"delta": refusal}))
            frames.append(own_event(self._last, index, {}, "content_filter"))
        if self._usage_for is not None:
            frames.append(usage_event(self._last, self._usage_for(self.characters)))
        return [*frames, _DONE_FRAME]

    def _edit(self, document: dict[str, Any]) -> list[bytes]:
        """Edit an event in place; the frames that go before it."""
        frames: list[bytes] = []
        if self._guard.redacts:
            strip_tokens(document)
        self._cleaner.names(document)
        self._beside.edit(document)
        if isinstance(document.get("choices"), list):  # last: events of our own repeat what stands beside them
            self._edit_choices(document, document["choices"], frames)
        if document.get("error"):
            self.failed = True
            self._break_off(frames, failed=True)
        told = bool(document.get("usage")) and not document.get("choices")
        if told and not self._told:
            self._let_go(frames)
        if document.get("error") or told:  # the last of a stream
            frames += self._beside.end(self._last, document)
        if isinstance(document.get("usage"), dict):
            self.usage = document["usage"]
        return frames

    def _let_go(self, frames: list[bytes]) -> None:
        """The usage is told behind all choices: to some clients what comes after it has none. So what is held of texts
        goes out before it, should they have ended. If not, they go on, and this is not believed again.
        """
        self._told = True
        for index, choice in self._open():
            frames += self._written(index, choice, paused(choice))

    def _break_off(self, frames: list[bytes], *, failed: bool = False) -> None:
        """The upstream failed or breaks off. Text that was held goes out, before its error; calls do not."""
        for index, choice in self._open():
            frames += self._flush(index, choice, {})
            self._guard.cut_calls += choice.calls.drop()
            choice.finished = failed and self._guard.blocked is None

    def _edit_choices(self, document: dict[str, Any], choices: list[Any], frames: list[bytes]) -> None:
        if document.get("object") == CHUNK_OBJECT:  # Azure's annotations come with an empty one, and clients drop those
            self._last = document
        for position, value in enumerate(choices):
            if not isinstance(value, dict):
                self._beside.edit_odd(choices, position)
                continue
            index = value.get("index", position)
            if not isinstance(index, int):
                raise UpstreamUnavailable("the upstream sent a choice whose index is not a number", reason="bad_event")
            choice = self._choices.get(index)
            if choice is None:
                self._bounds.add_choice()
                choice = self._choices[index] = OpenChoice(("choices", index), ordered=self._guard.ordered)
            self._edit_choice(index, choice, value, frames, fails=bool(document.get("error")))

    def _edit_choice(
        self, index: int, choice: OpenChoice, value: dict[str, Any], frames: list[bytes], *, fails: bool
    ) -> None:
        present: dict[Path, Path] = {}
        if self._guard.redacts:
            strip_choice_copies(value, value.get("delta"))
        self._cleaner.names(value)
        for member, below in value.items():
            if member in ("delta", "message") and isinstance(below, dict):
                held = choice.calls.held
                if choice.calls.take(below):
                    self._bounds.add_call(choice.calls.held - held)
                    if choice.finished:
                        raise goes_on()
                present.update(self._delta.edit(choice, member, below))
            elif member == "finish_reason" and isinstance(below, str):
                value[member] = below if below in REASONS else self._guard.whole(below, ("choices", index, member))
            elif isinstance(below, (str, dict, list)) and member in WHOLE:
                self._cleaner.below(value, member)
            elif isinstance(below, (str, dict, list)):
                present.update(self._places.edit(choice, (), value, member))
        for key, text, placed in ended_of(choice, value, present) if choice.grown or choice.ahead else ():
            self.characters += len(text)
            frames += () if placed else (own_event(self._last, index, nest(key, text, choice.forms)),)
        if value.get("finish_reason") and not choice.finished:  # some servers write "" until the end
            self._finish_choice(index, choice, value, present, frames)
        elif fails and not choice.finished:
            self._end_texts(index, choice, value, present, frames)
            choice.finished = self._guard.blocked is None

    def _finish_choice(
        self, index: int, choice: OpenChoice, value: dict[str, Any], present: dict[Path, Path], frames: list[bytes]
    ) -> None:
        """Everything of the choice goes out before its finish frame; a block on the way takes the finish back."""
        self._end_texts(index, choice, value, present, frames)
        calls = self._release_calls(index, choice, value["finish_reason"])
        if calls and value.get("delta"):
            # To a client the first call ends the text, so what this event brings of it goes first.
            frames.append(own_event(self._last, index, {"delta": value["delta"]}))
            value["delta"] = {}
        frames += calls
        if self._guard.blocked:
            value["finish_reason"] = None
        else:
            choice.finished = True
            if choice.calls.cut and says_ended(value["finish_reason"]):
                value["finish_reason"] = CUT

    def _end_texts(
        self, index: int, choice: OpenChoice, value: dict[str, Any], present: dict[Path, Path], frames: list[bytes]
    ) -> None:
        frames += self._flush(index, choice, present)
        self.characters += append_rest(choice, value, present)
        if choice.cited and self._guard.blocked is None:  # behind the text, which stands in this event
            delta = value.get("delta")
            value["delta"] = {**delta} if isinstance(delta, dict) else {}
            value["delta"]["annotations"] = [*value["delta"].get("annotations", ()), *rest_cited(choice)]

    def _channel(self, choice: OpenChoice, key: Path, text: str) -> str:
        """Feed one channel; what of its text may go out now."""
        if choice.finished:
            if text:
                raise goes_on()
            return text
        channel = choice.channels.get(key)
        if channel is None:
            self._bounds.add_channel()
            channel = choice.channels[key] = self._guard.open((*choice.path, *key))
        if text and self._guard.ordered:
            choice.grown.add(key)
        released = channel.feed(text)
        self.characters += len(released)
        return released

    def _flush(self, index: int, choice: OpenChoice, present: Container[Path]) -> Iterator[bytes]:
        """The choice's held text, channel by channel, except channels whose text stands in the event at hand."""
        return self._written(index, choice, rest_of(choice, present), cites=not present)

    def _written(
        self, index: int, choice: OpenChoice, texts: Iterable[tuple[Path, str]], *, cites: bool = True
    ) -> Iterator[bytes]:
        for key, text in texts:
            self.characters += len(text)
            yield own_event(self._last, index, nest(key, text, choice.forms))
        if choice.cited and cites and self._guard.blocked is None:
            yield own_event(self._last, index, {"delta": {"annotations": rest_cited(choice)}})

    def _release_calls(self, index: int, choice: OpenChoice, reason: Any) -> list[bytes]:
        """The choice's calls."""
        deltas, characters = released(self._guard, choice.calls, ("choices", index, "delta"), reason)
        self.characters += characters
        return [own_event(self._last, index, {"delta": delta}) for delta in deltas]
