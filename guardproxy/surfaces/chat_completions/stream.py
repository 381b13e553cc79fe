"""A streamed chat response: each event is edited and sent on, so that what the client adds up is what may be seen.

Every string that grows in a choice is a channel with its own guard, keyed by choice and place (`content`, `refusal`,
`reasoning_content`, a field nobody knows). Events go out one for one with their text replaced by what is newly safe,
possibly nothing; text still held when a choice finishes goes out before its finish frame.

Tool calls are not streamed. A client acts on a call, and some repair a truncated one into a runnable one, so a call is
collected, looked at decoded, and sent whole before the finish frame - or, when it was cut off, not at all. The events
its fragments came in go out without them.

A finish reason is the end of a choice's text: it decides what its last characters are. An upstream that goes on after
it is not believed any more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from guardproxy.core.exchange import OpaqueKind
from guardproxy.core.inspection import OutputGuard
from guardproxy.core.policy import OnBlock
from guardproxy.errors import RequestError, UpstreamUnavailable
from guardproxy.surfaces.chat_completions.conversation import calls_of
from guardproxy.surfaces.chat_completions.events import CHUNK_OBJECT, forwarded, goes_on, nest, own_event, usage_event
from guardproxy.surfaces.chat_completions.plain import DELTA_LABELS, LABELS, REASONS, OpenChoice, PlainEvent, ShortWay
from guardproxy.surfaces.chat_completions.response import strip_choice_copies, strip_tokens
from guardproxy.surfaces.chat_completions.signed import SIGNATURE, signature_holds
from guardproxy.surfaces.hidden_usage import hide_usage
from guardproxy.surfaces.openai_errors import error_event
from guardproxy.wire.document import UndecodableJson, decode, get, replace, walk_strings
from guardproxy.wire.path import Key, Path, is_word
from guardproxy.wire.sse import DONE, SseEvent

_DONE_FRAME: Final = b"data: [DONE]\n\n"
_REFUSAL: Final = "This answer was stopped by a policy of the proxy."


class ChatStream:
    """Edits the events of one response. `feed` and `finish` return frames for the client, ready to write."""

    def __init__(self, guard: OutputGuard, usage_for: Callable[[int], Mapping[str, int]] | None = None) -> None:
        self._guard = guard
        self._usage_for = usage_for
        self._choices: dict[int, OpenChoice] = {}
        self._last: dict[str, Any] = {"object": CHUNK_OBJECT}
        self._done = self.hides_usage = False
        self._labels: dict[str, str] = {}
        self._short_way = ShortWay(self._choices, self._labels)
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
        try:
            document = decode(event.data)
        except UndecodableJson as error:
            raise UpstreamUnavailable("the upstream sent an event that is not JSON", reason="bad_event") from error
        if not isinstance(document, dict):
            raise UpstreamUnavailable("the upstream sent an event that is not an object", reason="bad_event")
        came = event.data
        if self.hides_usage and "usage" in document:
            self.usage, left = hide_usage(document, event, self.usage)
            if left is None:
                return []
            event = left
        plain = self._short_way.edit(document, event, came)
        if plain is not None:
            return self._sent(plain)
        frames = [*self._edit(document), forwarded(document, event)]
        return self._blocked(frames) if self._guard.blocked else frames

    def pass_on(self, piece: bytes) -> list[bytes] | None:
        """What `feed` makes of the one event these bytes are; None, and nothing done, if it has to be taken apart."""
        plain = None if self._done else self._short_way.pass_on(piece)
        return None if plain is None else self._sent(plain)

    def _sent(self, plain: PlainEvent) -> list[bytes]:
        self.characters += plain.released
        self._last = plain.document
        return self._blocked([plain.frame]) if self._guard.blocked else [plain.frame]

    def finish(self) -> list[bytes]:
        """The upstream has closed the stream without `[DONE]`, which clients accept. Cut-off tool calls are dropped."""
        if self._done:
            return []
        self._done = True
        frames = [frame for index, choice in self._open() for frame in self._flush(index, choice, set())]
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
            frames += self._flush(index, choice, set())
            frames += self._release_calls(index, choice, None)
        return frames

    def _open(self) -> list[tuple[int, OpenChoice]]:
        return [(index, choice) for index, choice in sorted(self._choices.items()) if not choice.finished]

    def _blocked(self, frames: list[bytes]) -> list[bytes]:
        """End every open choice the one way all clients notice, with a refusal that cannot pass for model text.

        Where the policy wants an error instead, whoever writes the frames adds it: it names the exchange.
        """
        self._done = True
        if self._guard.on_block is OnBlock.ERROR:
            return frames
        for index, _ in self._open():
            frames.append(own_event(self._last, index, {"delta": {"refusal": _REFUSAL}}))
            frames.append(own_event(self._last, index, {}, "content_filter"))
        if self._usage_for is not None:
            frames.append(usage_event(self._last, self._usage_for(self.characters)))
        return [*frames, _DONE_FRAME]

    def _edit(self, document: dict[str, Any]) -> list[bytes]:
        """Edit an event in place; the frames that go before it."""
        frames: list[bytes] = []
        if self._guard.redacts:
            strip_tokens(document)
        self._clean_names(document)
        for member, value in document.items():
            if member == "choices" and isinstance(value, list):
                continue
            if value == CHUNK_OBJECT and member == "object":
                self._labels[member] = CHUNK_OBJECT  # the API's own word, which no rule is about
            elif isinstance(value, str) and member in LABELS:
                self._clean_label(document, member, value)
            elif isinstance(value, (str, dict, list)):
                self._clean_below(document, member)
        if isinstance(document.get("choices"), list):  # last: events of our own repeat what stands beside them
            self._edit_choices(document, document["choices"], frames)
        self.failed = self.failed or bool(document.get("error"))
        if isinstance(document.get("usage"), dict):
            self.usage = document["usage"]
        return frames

    def _clean_names(self, holder: dict[str, Any]) -> None:
        """Look at members' names that are no words of an API."""
        for name in [name for name in holder if not is_word(name)]:
            cleaned = self._guard.whole(name, (Key(name),))
            if cleaned != name:
                replace(holder, {(Key(name),): cleaned})

    def _clean_label(self, document: dict[str, Any], member: str, value: str) -> None:
        """A label stands the same in every event, so it is looked at when it changes."""
        if self._labels.get(member) != value:
            cleaned = self._guard.whole(value, (member,))
            document[member] = cleaned
            if cleaned == value:
                self._labels[member] = value

    def _edit_choices(self, document: dict[str, Any], choices: list[Any], frames: list[bytes]) -> None:
        if document.get("object") == CHUNK_OBJECT:  # Azure's annotations come with an empty one, and clients drop those
            self._last = document
        for position, value in enumerate(choices):
            if not isinstance(value, dict):
                self._clean_below(choices, position)
                continue
            index = value.get("index", position)
            if not isinstance(index, int):
                raise UpstreamUnavailable("the upstream sent a choice whose index is not a number", reason="bad_event")
            choice = self._choices.get(index)
            if choice is None:
                choice = self._choices[index] = OpenChoice()
            self._edit_choice(index, choice, value, frames)

    def _edit_choice(self, index: int, choice: OpenChoice, value: dict[str, Any], frames: list[bytes]) -> None:
        present: set[Path] = set()
        if self._guard.redacts:
            strip_choice_copies(value, value.get("delta"))
        self._clean_names(value)
        for member, below in value.items():
            if member in ("delta", "message") and isinstance(below, dict):
                if choice.calls.take(below) and choice.finished:
                    raise goes_on()
                self._edit_delta(index, choice, (member,), below, present)
            elif member == "finish_reason" and isinstance(below, str):
                value[member] = below if below in REASONS else self._guard.whole(below, ("choices", index, member))
            elif isinstance(below, str):
                value[member] = self._channel(index, choice, (member,), below, present)
            elif isinstance(below, (dict, list)):
                self._clean_below(value, member)
        if value.get("finish_reason") and not choice.finished:  # some servers write "" until the end
            self._finish_choice(index, choice, value, present, frames)

    def _finish_choice(
        self, index: int, choice: OpenChoice, value: dict[str, Any], present: set[Path], frames: list[bytes]
    ) -> None:
        """Everything of the choice goes out before its finish frame; a block on the way takes the finish back."""
        frames += self._flush(index, choice, present)
        for path in present:
            text = choice.channels[path].finish()
            if text:
                self.characters += len(text)
                replace(value, {path: get(value, path) + text})
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

    def _edit_delta(
        self, index: int, choice: OpenChoice, where: Path, delta: dict[str, Any], present: set[Path]
    ) -> None:
        self._clean_names(delta)
        for member, value in delta.items():
            if isinstance(value, str):
                if member == "role":
                    delta[member] = value if value == "assistant" else self._guard.whole(value, (*where, member))
                else:
                    delta[member] = self._channel(index, choice, (*where, member), value, present)
            elif isinstance(value, (dict, list)):
                edits: dict[Path, str] = {}
                for path, text in walk_strings(value, (member,)):
                    if path[-1] == SIGNATURE:
                        edits[path] = text if signature_holds(choice.channels, (*where, *path)) else ""
                    elif path[-1] in DELTA_LABELS:
                        edits[path] = self._guard.whole(text, ("choices", index, *where, *path))
                    elif path == ("audio", "data"):
                        if not self._guard.lets(OpaqueKind.AUDIO, ("choices", index, *where, "audio")):
                            edits[path] = ""
                    else:
                        edits[path] = self._channel(index, choice, (*where, *path), text, present)
                replace(delta, edits)

    def _channel(self, index: int, choice: OpenChoice, path: Path, text: str, present: set[Path]) -> str:
        """Feed one channel; what of its text may go out now."""
        if choice.finished:
            if text:
                raise goes_on()
            return text
        channel = choice.channels.get(path)
        if channel is None:
            channel = choice.channels[path] = self._guard.open(("choices", index, *path))
        present.add(path)
        released = channel.feed(text)
        self.characters += len(released)
        return released

    def _flush(self, index: int, choice: OpenChoice, present: set[Path]) -> Iterator[bytes]:
        """The choice's held text, channel by channel, except channels whose text stands in the event at hand."""
        for path, channel in choice.channels.items():
            if path not in present:
                text = channel.finish()
                if text:
                    self.characters += len(text)
                    yield own_event(self._last, index, nest(path, text))

    def _release_calls(self, index: int, choice: OpenChoice, reason: Any) -> list[bytes]:
        """The choice's calls; none of them when one is blocked, since they were meant together."""
        path: Path = ("choices", index, "delta")
        if self._guard.judges_calls and not self._guard.judge(calls_of(choice.calls.whole(reason), path)):
            return []

        def clean(text: str) -> str:
            cleaned = self._guard.whole(text, path)
            self.characters += len(cleaned)
            return cleaned

        frames = [own_event(self._last, index, {"delta": delta}) for delta in choice.calls.release(reason, clean)]
        return [] if self._guard.blocked else frames

    def _clean_below(self, holder: Any, member: str | int) -> None:
        """Look at strings that arrive at once (metadata, errors, annotations) and redact them in place."""
        edits: dict[Path, str] = {}
        for path, text in walk_strings(holder[member], (member,), names=member != "usage"):
            cleaned = self._guard.whole(text, path)
            if cleaned != text:
                edits[path] = cleaned
        replace(holder, edits)
