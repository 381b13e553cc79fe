"""The bytes of a stream may be cut inside of a character and inside of a line end: the events stay the same."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from guardproxy.wire.sse import SseDecoder, SseEvent, SseItem
from tests.promises.depth import cases

# Events of several lines, in which a line end that is read twice would end the event.
LINES = st.lists(st.sampled_from(["data: a", "data: é😀", "data:", "event: e", ": note", "data: \u2028b"]), max_size=5)
# A lone CR is not mixed with the others here: see the end of this file.
ENDS = st.sampled_from([["\r\n"], ["\r\n", "\n"], ["\r"]])


@st.composite
def written(draw: st.DrawFn) -> tuple[bytes, int]:
    """A stream with line ends of one kind or two, and how many events it has."""
    text, events, ends = "", 0, st.sampled_from(draw(ENDS))
    for lines in draw(st.lists(LINES, min_size=1, max_size=3)):
        text += "".join(line + draw(ends) for line in (*lines, ""))
        events += any(line.startswith("data") for line in lines)
    return text.encode(), events


def read(*pieces: bytes) -> list[SseItem]:
    decoder = SseDecoder()
    return [item for piece in pieces for item in decoder.feed(piece)]


@cases(100)
@given(written())
def test_events_of_several_lines_are_the_same_wherever_their_bytes_are_cut(stream: tuple[bytes, int]) -> None:
    whole, events = stream
    expected = read(whole)
    assert events == sum(isinstance(item, SseEvent) for item in expected)
    assert expected == read(*(whole[at : at + 1] for at in range(len(whole))))
    for at in range(len(whole) + 1):
        assert expected == read(whole[:at], whole[at:])


def test_a_line_feed_belongs_to_the_carriage_return_only_right_behind_it() -> None:
    assert read(b"data: a\rdata: b\n\n") == read(b"data: a\rdata: b", b"\n\n")
