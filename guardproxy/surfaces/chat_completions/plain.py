"""The short way for the event most streams consist of: one more piece of one choice's content, nothing else to look at.

It comes to what the long way would (tests hold them against each other), without asking for everything else an event
may hold; and an event that repeats such a one around another text is not even parsed (`template`). Any other event it
leaves alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from guardproxy.core.stream import StreamGuard
from guardproxy.surfaces.chat_completions.calls import PendingCalls
from guardproxy.surfaces.chat_completions.events import CHUNK_OBJECT, name_of
from guardproxy.surfaces.chat_completions.sequence import Sequence
from guardproxy.surfaces.chat_completions.template import Template, template_of
from guardproxy.surfaces.citations import WaitingCitations
from guardproxy.surfaces.repeats import Repeats
from guardproxy.wire.document import encode, repeats_names
from guardproxy.wire.path import Path
from guardproxy.wire.sse import SseEvent, encode_event

# Strings deeper in a delta that name things and never grow.
DELTA_LABELS: Final = frozenset({"role", "type", "id", "index", "format", "expires_at"})
# Strings of an event that stand the same in each of them.
LABELS: Final = frozenset({"id", "object", "model", "system_fingerprint", "service_tier", "provider"})
REASONS: Final = frozenset({"stop", "length", "tool_calls", "content_filter", "function_call", ""})

CONTENT: Final[Path] = ("delta", "content")
_PLAIN_CHOICE: Final = ("index", "delta")
_PLAIN_MEMBERS: Final = frozenset(
    {"created", "choices", "usage", "logprobs", "finish_reason", "system_fingerprint", "service_tier"}
)


class OpenChoice:
    """One choice of the stream: its channels by key (see `items`), its unfinished tool calls, whether it has ended.

    `ahead`: what is to go out before the event at hand, by channel. `cited`: citations of its content that wait.
    `path`: where it stands in an event; what stands beside the choices is one more, at the empty path. `grown`: fields
    with text in the event at hand, where these end others. `steady`: more content alone ends none. `signed`: how much
    of a channel its provider has signed.
    """

    __slots__ = (
        "_sequence",
        "ahead",
        "calls",
        "channels",
        "cited",
        "finished",
        "forms",
        "grown",
        "path",
        "renamed",
        "repeats",
        "signed",
        "steady",
    )

    def __init__(self, path: Path = (), *, ordered: bool = False) -> None:
        self.path = path
        self.channels: dict[Path, StreamGuard] = {}
        self.repeats = Repeats()
        self.ahead: list[tuple[Path, str]] = []
        self.signed: dict[Path, int] = {}
        self.cited = WaitingCitations()
        self.forms: dict[Path, Mapping[str, Any]] = {}  # of the items of lists that channels stand in
        self.renamed: set[str] = set()  # members of the delta in which a name was hidden
        self.calls = PendingCalls()
        self.finished = False
        self.grown: set[Path] = set()
        self.steady = not ordered  # as long as nothing is known of it
        self._sequence = Sequence()

    def take_ended(self) -> Iterable[tuple[Path, bool]]:
        """The fields that end at the event at hand, and whether it has text of them."""
        ended: Iterable[tuple[Path, bool]] = ()
        if not self._sequence.goes_on(self.grown):
            ended = [(key, key in self.grown) for key in self._sequence.ended_by(self.grown)]
            self.steady = self._sequence.is_steady(CONTENT)
        self.grown.clear()
        return ended

    def begins(self, text: str) -> bool:
        """Content alone comes. Whether it is the first text of all, so that nothing else is to be done about it."""
        self.steady = self.steady or (bool(text) and self._sequence.begins_with(CONTENT))
        return self.steady


PlainEvent = tuple[bytes, int, dict[str, Any]]
"""What became of a plain event: its frame, how many characters it released, and what it looks like.

A plain tuple, as it is made for nearly every chunk.
"""


class _Known(NamedTuple):
    """A plain event that was looked at, of which others may differ in their text only; `head`, `tail`: of its frame.

    `shown`: what goes out around the text. It is another thing than what came in where usage is hidden (`rewritten`).
    """

    template: Template
    choice: OpenChoice
    channel: StreamGuard
    document: dict[str, Any]
    head: bytes
    tail: bytes
    shown: tuple[bytes, bytes]
    rewritten: bool


class ShortWay:
    """Reads the `choices` and the `labels` of a stream, which the long way keeps."""

    def __init__(self, choices: Mapping[int, OpenChoice], labels: Mapping[str, str]) -> None:
        self._choices = choices
        self._labels = labels
        self._known: _Known | None = None

    def repeat(self, event: SseEvent) -> PlainEvent | None:
        """An event like the last plain one, unparsed. If nothing is hidden or held, it goes out as it came."""
        known = self._known
        if known is None or event.event or known.choice.finished or not known.choice.steady:
            return None
        template, _, channel, document, _, _, shown, rewritten = known
        data = event.data
        text = template.text_of(data)
        if text is None:
            return None
        released = channel.feed(text)
        if rewritten or released != text:
            return encode(released)[1:-1].join(shown), len(released), document
        return encode_event(data), len(released), document

    def pass_on(self, piece: bytes) -> PlainEvent | None:
        """`repeat` for bytes that are one whole event: not even the event is taken out of its frame."""
        known = self._known
        if known is None or known.choice.finished or not known.choice.steady:
            return None
        _, _, channel, document, head, tail, shown, rewritten = known
        if not (piece.startswith(head) and piece.endswith(tail)):
            return None
        try:
            text = piece[len(head) : -len(tail)].decode()
        except UnicodeDecodeError:
            return None
        if not text.isprintable() or '"' in text or "\\" in text or len(piece) < len(head) + len(tail):
            return None  # it does not stand in JSON as it is (`template.is_literal`), or the form is too short
        released = channel.feed(text)
        if rewritten or released != text:
            piece = encode(released)[1:-1].join(shown)
        return piece, len(released), document

    def edit(self, document: dict[str, Any], event: SseEvent, came: str | None = None) -> PlainEvent | None:
        """A parsed event. None, and nothing done, if it is not plain. `came`: its data, if some of it is hidden."""
        choices = document.get("choices")
        if not isinstance(choices, list) or len(choices) != 1 or not isinstance(choices[0], dict):
            return None
        choice = choices[0]
        index, delta = choice.get("index"), choice.get("delta")
        known = self._choices.get(index) if type(index) is int else None
        if known is None or known.finished or not isinstance(delta, dict) or len(delta) != 1:
            return None
        text, channel = delta.get("content"), known.channels.get(CONTENT)
        if channel is None or not isinstance(text, str) or not is_plain(document, choice, self._labels):
            return None
        if not known.steady and not known.begins(text):
            return None
        template = template_of(event.data, text)
        if template is not None:  # otherwise what is known stays true
            shown = _frame(template)
            if came is None or came == event.data:
                self._known = _Known(template, known, channel, document, *shown, shown, False)
            elif (arrives := template_of(came, text)) is not None:
                self._known = _Known(arrives, known, channel, document, *_frame(arrives), shown, True)
        delta["content"] = released = channel.feed(text)
        untouched = released == text and (template is not None or not repeats_names(event.data))
        frame = encode_event(event.data if untouched else encode(document), name_of(event))
        return frame, len(released), document


def _frame(template: Template) -> tuple[bytes, bytes]:
    """What stands before and behind the text in the whole frame."""
    return f"data: {template.head}".encode(), f"{template.tail}\n\n".encode()


def is_plain(document: dict[str, Any], choice: dict[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether an event holds nothing to look at beside its delta: labels that were, numbers, nothing at all."""
    for member, value in document.items():
        if isinstance(value, str):
            if labels.get(member) != value:
                return False
        elif member not in _PLAIN_MEMBERS or not (value is None or type(value) is int or member == "choices"):
            return False
    for member, value in choice.items():
        if member not in _PLAIN_CHOICE and (value is not None or member not in _PLAIN_MEMBERS):
            return False
    return document.get("object") == CHUNK_OBJECT
