"""Server-sent events as bytes, right for every way of cutting the stream.

The grammar is that of the HTML standard: lines end in LF, CR or CRLF; `data:` lines of one event are joined by LF;
an empty line ends the event; a first byte order mark is skipped. Three differences serve a relay. Comments come out
as items of their own, at once, since they keep a connection alive. `id:` and `retry:` are dropped, and so is an event
without data: OpenAI's client fails on a frame made of them. And bytes that are not UTF-8 are an error instead of
replacement characters.

There is one meaning and three speeds. A chunk that is exactly one plain event, which is what upstreams mostly send, is
told by its looks. Complete lines are otherwise decoded and split in one go, and if they might hold a fault one at a
time, which finds the exact byte. How the stream was cut changes neither items nor faults.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

DONE: Final = "[DONE]"
MAX_EVENT_BYTES: Final = 8 * 1024 * 1024

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_LINE_END: Final = re.compile(rb"\r\n|\r|\n")


class SseEvent(NamedTuple):
    """One event that carries data. `event` is "" where the stream named none."""

    data: str
    event: str = ""


class SseComment(NamedTuple):
    """One comment line, without its colon and one leading space."""

    text: str


SseItem = SseEvent | SseComment


class SseError(ValueError):
    """The stream cannot be read on. `position` is the offset in the stream of the first offending byte.

    `items` are those of the same `feed` from before the fault. The message never holds bytes of the stream.
    """

    def __init__(self, reason: str, position: int, items: Sequence[SseItem]) -> None:
        super().__init__(f"{reason} (byte {position} of the stream)")
        self.position = position
        self.items = tuple(items)


class SseDecoder:
    """Reads one stream. Not usable any more after an `SseError`.

    `max_event_bytes` bounds what an event may hold: its data so far, with a line end after each of its lines, plus the
    line being read, of whatever kind.
    """

    def __init__(self, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self._max = max_event_bytes
        self._partial = bytearray()  # of the last line, until its end is seen
        self._position = 0  # in the stream, of the first byte of that line
        self._after_cr = False  # a LF that comes next belongs to the line before
        self._data: list[str] = []
        self._event = ""
        self._held = 0  # bytes of the first `_measured` lines of data
        self._measured = 0
        # Whether an event may begin with the next byte: nothing of the above is pending.
        self.between = True

    @property
    def incomplete(self) -> bool:
        """Whether the stream, if it ended here, would cut an event off.

        A comment is no event, and `data: [DONE]` says all it has to say without the empty line after it.
        """
        line = bytes(self._partial)
        if self._data or self._event or (line and not line.startswith(b":")):
            return [*self._data, *_data_of(line)] != [DONE]
        return False

    def skip(self, events: int) -> None:
        """So many bytes, which are whole events, were read elsewhere."""
        self._position += events

    def feed(self, chunk: bytes) -> list[SseItem]:
        """The events and comments completed by these bytes. Raises `SseError`."""
        if (
            self.between
            and chunk.endswith(b"\n\n")
            and chunk.startswith(b"data: ")
            and chunk.find(b"\n") == len(chunk) - 2 < self._max
            and b"\r" not in chunk
        ):
            try:
                items: list[SseItem] = [SseEvent(chunk[6:-2].decode())]
            except UnicodeDecodeError:
                pass
            else:
                self._position += len(chunk)
                return items
        return self._take_chunk(chunk)

    def _take_chunk(self, chunk: bytes) -> list[SseItem]:
        if self._after_cr and chunk:
            self._after_cr = False
            if chunk[0] == 0x0A:
                self._position += 1
                chunk = chunk[1:]
        last_cr = chunk.rfind(b"\r")
        end = max(chunk.rfind(b"\n"), last_cr) + 1
        items: list[SseItem] = []
        if end:
            self._after_cr = last_cr == len(chunk) - 1
            block = bytes(self._partial) + chunk[:end]
            items = self._take_block(block, len(chunk) - end)
            self._position += len(block)
            self._partial.clear()
        self._partial += chunk[end:]
        self._check_bound(len(self._partial), items)
        self.between = not (self._partial or self._data or self._event or self._after_cr)
        return items

    def _take_block(self, block: bytes, left: int) -> list[SseItem]:
        """Items of complete lines, which `left` bytes of an incomplete one follow."""
        if self._held + len(block) + left <= self._max:
            try:
                text = block.decode()
            except UnicodeDecodeError:
                pass
            else:
                items: list[SseItem] = []
                if self._position == 0 and text[0] == "\ufeff":
                    text = text[1:]
                if "\r" in text:
                    text = text.replace("\r\n", "\n").replace("\r", "\n")
                lines = text.split("\n")
                lines.pop()  # after the last line end
                self._take_lines(lines, items)
                return items
        return self._take_one_by_one(block)

    def _take_one_by_one(self, block: bytes) -> list[SseItem]:
        items: list[SseItem] = []
        at = 0
        for end in _LINE_END.finditer(block):
            line = block[at : end.start()]
            self._check_bound(len(line), items, at)
            try:
                text = line.decode()
            except UnicodeDecodeError as error:
                position = self._position + at + error.start
            else:
                if self._position + at == 0:
                    text = text.removeprefix("\ufeff")
                self._take_lines([text], items)
                at = end.end()
                continue
            raise SseError("the stream is not UTF-8", position, items)  # not chained: that error holds the line
        return items

    def _take_lines(self, lines: list[str], items: list[SseItem]) -> None:
        data = self._data
        for line in lines:
            if line.startswith("data: "):
                data.append(line[6:])
            elif line:
                self._take_field(line, items)
            else:
                if data:
                    items.append(SseEvent("\n".join(data), self._event))
                    data.clear()
                self._event = ""
                self._held = self._measured = 0
        if data:
            self._measure()

    def _take_field(self, line: str, items: list[SseItem]) -> None:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._event = value
        elif not name:
            items.append(SseComment(value))

    def _measure(self) -> None:
        for line in self._data[self._measured :]:
            self._held += len(line.encode()) + 1
        self._measured = len(self._data)

    def _check_bound(self, line_bytes: int, items: Sequence[SseItem], at: int = 0) -> None:
        room = self._max - self._held
        if line_bytes > room:
            raise SseError(f"an event of more than {self._max} bytes", self._position + at + max(room, 0), items)


def encode_event(data: bytes | str, event: str = "") -> bytes:
    """One event as bytes; several lines of `data` become several `data:` lines, whatever their line ends were.

    Never writes `id:`, `retry:` or an event without a `data:` line. ValueError if `event` holds a line end.
    """
    raw = data.encode() if isinstance(data, str) else data
    if b"\n" in raw or b"\r" in raw:
        raw = _LINE_END.sub(b"\ndata: ", raw)
    if not event:
        return b"data: " + raw + b"\n\n"
    if "\n" in event or "\r" in event:
        raise ValueError("the name of an event is one line")
    return b"event: %b\ndata: %b\n\n" % (event.encode(), raw)


def encode_comment(text: str) -> bytes:
    """A comment, which every client ignores: the only safe keep-alive."""
    return b": %b\n\n" % _LINE_END.sub(b"\n: ", text.encode())


def _data_of(line: bytes) -> list[str]:
    name, _, value = line.partition(b":")
    return [value.removeprefix(b" ").decode(errors="replace")] if name == b"data" else []
