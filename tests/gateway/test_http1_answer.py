"""Heads of answers: framed as the request allows, and never longer than they are."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardproxy.gateway.http1_answer import chunk, head, is_bodiless

HEADERS = {"content-type": "application/json", "x-request-id": "req_1"}
LENGTH = "Content-Length: 2\r\n"


def lines(data: bytes) -> list[str]:
    text = data.decode()
    assert text.endswith("\r\n\r\n")
    return text[:-4].split("\r\n")


def test_a_head_says_what_it_is_given_how_it_is_framed_and_when_it_was_sent() -> None:
    status, *headers, date = lines(head(200, HEADERS, LENGTH))
    assert (status, headers) == (
        "HTTP/1.1 200 OK",
        ["content-type: application/json", "x-request-id: req_1", "Content-Length: 2"],
    )
    assert re.fullmatch(r"Date: (Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT", date)


@pytest.mark.parametrize(
    ("minor", "keep_alive", "said"),
    [(1, True, None), (1, False, "Connection: close"), (0, True, "Connection: keep-alive"), (0, False, None)],
)
def test_whether_the_connection_lives_on_is_said_where_it_is_not_understood(
    minor: int, keep_alive: bool, said: str | None
) -> None:
    status, *rest = lines(head(404, {}, "", minor=minor, keep_alive=keep_alive))
    assert status == f"HTTP/1.{minor} 404 Not Found"
    assert [line for line in rest if line.startswith("Connection")] == ([said] if said else [])


def test_a_status_nobody_knows_has_no_words() -> None:
    assert lines(head(599, {}, ""))[0] == "HTTP/1.1 599 "


texts = st.text(max_size=20)
controls = st.sampled_from([*map(chr, range(0x20)), "\x7f"]).filter(lambda each: each != "\t")


@given(st.dictionaries(st.sampled_from(["x-a", "x-b", "server"]), texts))
def test_a_head_has_as_many_lines_as_headers_or_is_not_written(headers: dict[str, str]) -> None:
    try:
        written = head(200, headers, LENGTH)
    except ValueError:
        assert any(re.search(r"[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]", value) for value in headers.values())
    else:
        assert lines(written)[1:-2] == [f"{name}: {value}" for name, value in headers.items()]


@given(texts, controls, texts, st.booleans())
def test_what_would_inject_a_header_never_gets_out(before: str, control: str, behind: str, in_name: bool) -> None:
    bad = f"{before}{control}{behind}"
    with pytest.raises(ValueError, match="holds control characters") as refused:
        head(200, {"x-a": "fine", **({bad: "v"} if in_name else {"x-b": bad})}, LENGTH)
    assert str(refused.value) == "a header of an answer holds control characters"


def test_what_cannot_be_printed_but_is_no_control_character_goes_out() -> None:
    assert "x-a: a\tb\xa0é😀" in lines(head(200, {"x-a": "a\tb\xa0é😀"}, LENGTH))


@given(st.binary(min_size=1, max_size=300))
def test_a_chunk_is_as_long_as_it_says(data: bytes) -> None:
    size, _, rest = chunk(data).partition(b"\r\n")
    assert rest == data + b"\r\n"
    assert int(size, 16) == len(data)


def test_only_some_answers_have_no_body() -> None:
    assert is_bodiless("HEAD", 200)
    assert is_bodiless("GET", 204)
    assert is_bodiless("POST", 304)
    assert not is_bodiless("POST", 200)
    assert not is_bodiless("GET", 404)
