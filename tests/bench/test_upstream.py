from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from bench.scenarios import SCENARIOS, reply_text
from bench.upstream import read_request, render_stream, render_whole

TAG = b"abcdefgh"


def test_a_whole_reply_has_the_tag_the_text_and_the_right_length() -> None:
    scenario = SCENARIOS["whole"]
    head, _, body = render_whole(scenario).tagged(TAG).partition(b"\r\n\r\n")
    assert f"content-length: {len(body)}".encode() in head
    assert json.loads(body)["choices"][0]["message"]["content"] == "abcdefgh" + reply_text(scenario)


def test_a_stream_has_one_event_a_frame_and_the_stated_number_of_chunks() -> None:
    scenario = SCENARIOS["stream"]
    frames = render_stream(scenario).frames(TAG, usage=False)
    assert all(frame.count(b"data: ") == 1 for frame in frames)
    contents = [json.loads(frame.split(b"data: ")[1].split(b"\n")[0])["choices"][0]["delta"] for frame in frames[:-1]]
    texts = [delta["content"] for delta in contents if delta.get("content")]
    assert len(texts) == scenario.chunks
    assert "".join(texts) == "abcdefgh" + reply_text(scenario)


def test_the_usage_of_a_stream_comes_only_when_it_is_asked_for() -> None:
    stream = render_stream(SCENARIOS["stream"])
    assert not any(b"usage" in frame for frame in stream.frames(TAG, usage=False))
    assert sum(b"usage" in frame for frame in stream.frames(TAG, usage=True)) == 1


@given(st.binary(max_size=60), st.data())
def test_a_request_is_read_when_its_last_byte_is_there_and_not_before(body: bytes, data: st.DataObject) -> None:
    raw = b"POST /v1 HTTP/1.1\r\nhost: x\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    assert read_request(raw) == (b"POST", body)
    assert read_request(raw[: data.draw(st.integers(0, len(raw) - 1))]) is None
