"""Reading what came of a call, and hiding what must not be shown."""

from __future__ import annotations

from itertools import pairwise

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai import APIStatusError, RateLimitError

from guardproxy.cli.demo.calls import MASK, error_of, mask, masked_key, parsed, refused, say, told_wait
from guardproxy.cli.demo.script import PREFIX, new_credential

CREDENTIAL = new_credential()


def error(body: object) -> APIStatusError:
    response = httpx2.Response(429, request=httpx2.Request("POST", "http://127.0.0.1/v1"))
    return RateLimitError("too many", response=response, body=body)


@given(st.text("abc ", max_size=9), st.text("abc ", max_size=9), st.lists(st.integers(0, 80), max_size=12))
def test_a_masked_stream_has_the_same_cuts_and_nothing_of_the_credential(
    before: str, after: str, cuts: list[int]
) -> None:
    text = before + CREDENTIAL + after
    edges = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    pieces = [text[start:end] for start, end in pairwise(edges)]
    masked = mask(pieces, CREDENTIAL)
    assert list(map(len, pieces)) == list(map(len, masked))
    assert before + PREFIX + MASK * (len(CREDENTIAL) - len(PREFIX)) + after == "".join(masked)


def test_pieces_without_the_credential_stay_as_they_are() -> None:
    assert mask(["a", "", "b"], CREDENTIAL) == ["a", "", "b"]


def test_a_key_is_shown_by_its_public_part() -> None:
    assert masked_key("gpk_abcdefghijkl_" + "x" * 49) == "gpk_abcdefghijkl_…"


async def test_an_answer_is_no_refusal_and_an_error_is_one() -> None:
    async def answer() -> str:
        return "text"

    async def fail() -> str:
        raise failure

    failure = error({"code": "rate_limit_exceeded"})
    assert await refused(answer()) is None
    assert await refused(fail()) is failure


def test_an_error_is_its_body() -> None:
    assert error_of(error({"code": "x"})) == {"code": "x"}
    assert {} == error_of(error("text")) == error_of(None)
    assert '"code": "x"' in say(error({"code": "x"}))
    assert "no error" in say(None)


@pytest.mark.parametrize(
    ("after_ms", "after_s", "good"),
    [
        ("59001", "60", True),
        ("60000", "60", True),
        ("1", "1", True),
        ("0", "0", False),
        ("59001", "59", False),
        ("120001", "121", False),
        ("soon", "1", False),
        (None, "1", False),
        ("1", None, False),
    ],
)
def test_a_wait_is_told_twice_alike_and_short_enough_to_be_obeyed(
    after_ms: str | None, after_s: str | None, good: bool
) -> None:
    assert good is told_wait(after_ms, after_s)


def test_text_that_is_no_json_is_none() -> None:
    assert parsed('{"a": 1}') == {"a": 1}
    assert parsed('{"a": 1') is None
