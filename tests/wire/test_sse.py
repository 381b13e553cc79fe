from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from openai._streaming import SSEDecoder

from guardproxy.wire.sse import (
    DONE,
    SseComment,
    SseDecoder,
    SseError,
    SseEvent,
    SseItem,
    encode_comment,
    encode_event,
)

Outcome = tuple[list[SseItem], int | None]
"""The items of a stream, and where it is faulty."""

FRAGMENTS = [
    *(b"data", b"data:", b"data: ", b"event: ", b"event:", b"id: 7", b"retry: 5", b": ", b":", b"unknown: x"),
    *(b"\n", b"\r", b"\r\n", b"\n\n", b"x", b" ", b'{"a":1}', b"data: [DONE]\n\n", b"data: y\n\n", b"data: y\r\n\r\n"),
    *(b"\xef\xbb\xbf", "é".encode(), "😀".encode(), "\u2028".encode(), b"\xff", b"\xc3", b"\x00"),
]
streams = st.lists(st.sampled_from(FRAGMENTS), max_size=14).map(b"".join)
valid_streams = st.lists(st.sampled_from([f for f in FRAGMENTS if f not in (b"\xff", b"\xc3")]), max_size=14).map(
    b"".join
)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
lines = texts.map(lambda text: re.sub(r"[\r\n]", "", text))


def read(chunks: list[bytes], max_event_bytes: int = 1000) -> Outcome:
    decoder = SseDecoder(max_event_bytes)
    items: list[SseItem] = []
    try:
        for chunk in chunks:
            items += decoder.feed(chunk)
    except SseError as error:
        return [*items, *error.items], error.position
    return items, None


def cut(stream: bytes, at: list[int]) -> list[bytes]:
    edges = [0, *sorted(min(position, len(stream)) for position in at), len(stream)]
    return [stream[start:end] for start, end in itertools.pairwise(edges)]


def plainly(stream: bytes, max_event_bytes: int = 1000) -> Outcome:
    """The same meaning, written for reading: the whole stream, one line after the other."""
    items: list[SseItem] = []
    data: list[str] = []
    event = ""
    at = 0
    while at < len(stream):
        end = re.compile(rb"\r\n|\r|\n|\Z").search(stream, at)
        assert end
        room = max_event_bytes - sum(len(line.encode()) + 1 for line in data)
        if end.start() - at > room:
            return items, at + max(room, 0)
        if end.start() == end.end():
            break
        try:
            line = stream[at : end.start()].decode()
        except UnicodeDecodeError as error:
            return items, at + error.start
        name, _, value = line.removeprefix("\ufeff" if at == 0 else "").partition(":")
        value = value.removeprefix(" ")
        if line.removeprefix("\ufeff" if at == 0 else "") == "":
            if data:
                items.append(SseEvent("\n".join(data), event))
            data, event = [], ""
        elif name == "data":
            data.append(value)
        elif name == "event":
            event = value
        elif name == "":
            items.append(SseComment(value))
        at = end.end()
    return items, None


@given(streams, st.lists(st.integers(0, 60)), st.sampled_from([2, 5, 9, 30, 1000]))
@example(b"data: x\r\n\r\n", [8, 10], 1000)
@example("data: 😀\n\n".encode(), [7, 8, 9], 1000)
@example(b"\xef\xbb\xbfdata: x\n\n", [1, 2], 1000)
@example(b"data: y\n\ndata: \xff\n\n", [9], 1000)
def test_every_way_of_cutting_gives_the_items_and_faults_of_the_whole(stream: bytes, at: list[int], bound: int) -> None:
    expected = plainly(stream, bound)
    assert expected == read([stream], bound)
    assert expected == read(cut(stream, at), bound)
    assert expected == read([stream[i : i + 1] for i in range(len(stream))], bound)


@given(st.lists(st.tuples(texts, lines), max_size=5), st.lists(st.integers(0, 200)))
def test_what_is_encoded_is_decoded_again(events: list[tuple[str, str]], at: list[int]) -> None:
    stream = b"".join(encode_event(data, event) for data, event in events)
    expected = [SseEvent(re.sub(r"\r\n?", "\n", data), event) for data, event in events]
    assert (expected, None) == read(cut(stream, at))


@given(valid_streams)
def test_what_is_relayed_reads_the_same_for_the_openai_client(stream: bytes) -> None:
    items, _ = read([stream])
    relayed = b"".join(
        encode_event(item.data, item.event) if isinstance(item, SseEvent) else encode_comment(item.text)
        for item in items
    )
    seen = [(event.data, event.event or "") for event in SSEDecoder().iter_bytes(iter([relayed]))]
    assert [(item.data, item.event) for item in items if isinstance(item, SseEvent)] == seen


@given(texts)
def test_a_comment_is_nothing_but_comment_lines(text: str) -> None:
    items, fault = read([encode_comment(text)])
    assert fault is None
    assert re.split(r"\r\n|\r|\n", text) == [item.text for item in items if isinstance(item, SseComment)]
    assert len(items) == text.replace("\r\n", "\n").replace("\r", "\n").count("\n") + 1


def test_a_comment_comes_out_at_once_even_within_an_event() -> None:
    decoder = SseDecoder()
    assert [SseComment("OPENROUTER PROCESSING")] == decoder.feed(b"data: a\n: OPENROUTER PROCESSING\n")
    assert [SseEvent("a\nb")] == decoder.feed(b"data: b\n\n")


def test_frames_that_would_crash_the_openai_client_are_dropped() -> None:
    stream = b"event: ping\n\nretry: 3\n\nid: 1\n\n\ndata: x\nid: 2\nretry: 4\n\n"
    assert ([SseEvent("x")], None) == read([stream])


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_an_event_ends_with_its_empty_line_and_not_before(end: bytes) -> None:
    decoder = SseDecoder()
    assert decoder.feed(b"data: x" + end) == []
    assert [SseEvent("x")] == decoder.feed(end)


@pytest.mark.parametrize("separator", ["\u2028", "\u0085", "\x0b", "\x0c", "\x1c"])
def test_only_cr_and_lf_end_a_line(separator: str) -> None:
    assert ([SseEvent(f"a{separator}b")], None) == read([f"data: a{separator}b\n\n".encode()])


@pytest.mark.parametrize("left", [b"data: x\n", b"data: x", b"dat", b"event: x\n", b"event: x\ndata: [DONE]x\n"])
def test_an_event_that_is_cut_off_is_known_and_never_made_up(left: bytes) -> None:
    decoder = SseDecoder()
    assert [SseEvent("a")] == decoder.feed(b"data: a\n\n" + left)
    assert decoder.incomplete


@pytest.mark.parametrize("left", [b"", b"\n", b": keep-al", b"data: [DONE]", b"data: [DONE]\n", b"data:[DONE]\r\n"])
def test_an_unfinished_comment_or_done_cuts_nothing_off(left: bytes) -> None:
    decoder = SseDecoder()
    decoder.feed(b"data: a\n\n" + left)
    assert not decoder.incomplete


@given(streams, st.lists(st.integers(0, 60)))
def test_completeness_does_not_depend_on_how_the_stream_was_cut(stream: bytes, at: list[int]) -> None:
    whole, pieces = SseDecoder(), SseDecoder()
    try:
        whole.feed(stream)
    except SseError:
        return
    for chunk in cut(stream, at):
        pieces.feed(chunk)
    assert whole.incomplete == pieces.incomplete


def test_an_error_names_its_byte_and_none_of_the_text() -> None:
    with pytest.raises(SseError) as caught:
        SseDecoder().feed(b"data: private\n\ndata: private \xff\n\n")
    assert caught.value.position == 29
    assert (SseEvent("private"),) == caught.value.items
    assert "private" not in str(caught.value)
    assert caught.value.__cause__ is None and caught.value.__context__ is None


def test_an_endless_line_is_refused_at_the_bound() -> None:
    decoder = SseDecoder(max_event_bytes=100)
    decoder.feed(b"data: " + b"x" * 94)
    with pytest.raises(SseError, match="more than 100 bytes") as caught:
        decoder.feed(b"x")
    assert caught.value.position == 100


def test_endless_empty_data_lines_are_refused_too() -> None:
    decoder = SseDecoder(max_event_bytes=100)
    with pytest.raises(SseError):
        for _ in range(101):
            decoder.feed(b"data\n")


def test_many_events_below_the_bound_never_reach_it() -> None:
    decoder = SseDecoder(max_event_bytes=20)
    assert [SseEvent("0123456789")] * 50 == decoder.feed(b"data: 0123456789\n\n" * 50)


def test_an_event_name_cannot_smuggle_in_a_line() -> None:
    with pytest.raises(ValueError, match="one line"):
        encode_event("x", "a\nid: 1")


def test_frames_have_exactly_these_bytes() -> None:
    assert encode_event(DONE) == b"data: [DONE]\n\n"
    assert encode_event(b"{}", "error") == b"event: error\ndata: {}\n\n"
    assert encode_event("a\r\nb") == b"data: a\ndata: b\n\n"
    assert encode_comment("ping") == b": ping\n\n"


def test_events_read_elsewhere_count_for_the_place_of_a_fault() -> None:
    decoder = SseDecoder()
    assert decoder.between
    decoder.skip(100)
    with pytest.raises(SseError) as caught:
        decoder.feed(b"data: \xff\n\n")
    assert caught.value.position == 106


@pytest.mark.parametrize(("bytes_so_far", "between"), [(b"data: a\n\n", True), (b"data: a\n", False), (b"da", False)])
def test_a_decoder_knows_whether_an_event_may_begin(bytes_so_far: bytes, between: bool) -> None:
    decoder = SseDecoder()
    decoder.feed(bytes_so_far)
    assert decoder.between is between
