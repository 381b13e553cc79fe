from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from guardproxy.errors import InvalidJson
from guardproxy.wire.document import decode, encode
from guardproxy.wire.json_fault import MAX_DEPTH, MAX_VALUES, find_fault
from guardproxy.wire.strict_json import parse_strict

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=12
)

TOKENS = [
    *("{", "}", "[", "]", ",", ":", " ", "\n", "\r\n", "\t", '""', '"a"', '"a":', '"a":1', '"\\u0061":1', '"b":[]'),
    *("0", "-1", "01", "1.5", "1.", ".5", "-", "1e5", "1e400", "-1e400", "1e-400", "9" * 30, "1" + "0" * 309, "1e"),
    *("true", "false", "null", "nul", "NaN", "Infinity", "-Infinity", "truefalse", "'a'", "\ufeff", "\u00a0", "é"),
    *('"\\ud83d\\ude00"', '"\\ud83d"', '"\\ude00"', '"\\ud83d\\n\\ude00"', '"\\\\ud83d"', '"\\ud83d\\ud83d\\ude00"'),
    *('"\\x"', '"\\u12"', '"\\u12g4"', '"\t"', '"\x7f"', '"open', '"\\"', "\\", "/* */", "\x00", "[" * 40, "]" * 40),
]
almost_json = st.lists(st.sampled_from(TOKENS), max_size=9).map("".join).map(str.encode)
wrapped = st.tuples(st.sampled_from([b"[", b'{"a":', b""]), almost_json, st.sampled_from([b"]", b"}", b""])).map(
    b"".join
)


def accepts(raw: bytes) -> bool:
    try:
        parse_strict(raw)
    except InvalidJson:
        return False
    return True


def refusal(raw: bytes) -> str:
    with pytest.raises(InvalidJson) as caught:
        parse_strict(raw)
    assert caught.value.__cause__ is None and caught.value.__context__ is None
    return caught.value.message


@given(values, st.booleans(), st.sampled_from([None, 2]))
def test_json_is_accepted_and_means_what_it_means_to_everyone(value: Any, ascii_only: bool, indent: int | None) -> None:
    raw = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()
    assert value == parse_strict(raw) == json.loads(raw)
    assert find_fault(raw) is None


@settings(max_examples=500)
@given(wrapped | st.binary(max_size=6))
@example(b"[" * 64 + b"]" * 64)
@example(b"[" * 65 + b"]" * 65)
@example(b"[" * 100_000)
@example(b'{"a":' * 65 + b"1" + b"}" * 65)
@example(b"1" * 5000)
@example(b"-" + b"1" * 310)
@example(b"[[],[[[]]]]")
def test_the_fast_and_the_slow_half_give_the_same_verdict(raw: bytes) -> None:
    assert accepts(raw) == (find_fault(raw) is None)


@given(wrapped | values.map(lambda value: json.dumps(value).encode()))
def test_whatever_is_accepted_can_be_written_and_read_again_unchanged(raw: bytes) -> None:
    if accepts(raw):
        value = parse_strict(raw)
        assert json.dumps(value) == json.dumps(decode(raw)) == json.dumps(decode(encode(value)))


@given(values.filter(lambda value: value not in ({}, [])), st.data())
def test_a_body_cut_short_is_never_accepted_as_something_else(value: Any, data: st.DataObject) -> None:
    raw = json.dumps({"all": value}).encode()
    assert not accepts(raw[: data.draw(st.integers(0, len(raw) - 1))])


@given(values, st.sampled_from([b"1", b"{}", b"]", b"x", b"\x00", b"//"]))
def test_nothing_may_follow_the_value(value: Any, garbage: bytes) -> None:
    assert not accepts(json.dumps([value]).encode() + garbage)


@given(texts, st.sampled_from([b"\xff", b"\x80", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf5", b"\xe2\x82"]))
def test_bytes_that_are_not_utf8_are_refused_where_they_stand(before: str, noise: bytes) -> None:
    raw = b'[\n"' + before.replace("\n", "").encode()
    expected = f"invalid UTF-8 at line 2, column {len(raw.decode()) - 1} (byte {len(raw)})"
    assert expected in refusal(raw + noise + b'"]')


def test_member_order_and_unknown_members_survive() -> None:
    raw = b'{"z":1,"model":"m","a":{"later":true},"\\u0041":null}'
    assert list(parse_strict(raw)) == ["z", "model", "a", "A"]


@pytest.mark.parametrize("digits", [19, 20, 30, 100, 308])
def test_large_integers_survive_digit_by_digit(digits: int) -> None:
    assert int("9" * digits) == parse_strict(b'{"n":' + b"9" * digits + b"}")["n"]


def test_the_largest_double_is_accepted_and_the_next_integer_beyond_it_is_not() -> None:
    largest = int(1.7976931348623157e308)
    assert largest == parse_strict(str(largest).encode())
    assert -largest == parse_strict(str(-largest).encode())
    assert "beyond the range of a double" in refusal(b"[" + str(largest * 10).encode() + b"]")
    assert "beyond the range of a double" in refusal(str(int(math.ldexp(1, 1023)) * 2).encode())


@pytest.mark.parametrize("raw", [b'{"a":1,"a":1}', b'{"a":1,"\\u0061":1}', b'[{"b":[{"a":{},"c":2,"a":{}}]}]'])
def test_a_name_given_twice_is_refused_however_it_is_spelled(raw: bytes) -> None:
    assert 'duplicate key "a"' in refusal(raw)


def test_a_limit_is_exact_for_depth() -> None:
    assert accepts(b"[" * (MAX_DEPTH - 1) + b'{"a":1}' + b"]" * (MAX_DEPTH - 1))
    assert accepts(b'{"shallow":1},'.join([b"["] + [b""] * 100) + b"{}]")
    assert f"nested deeper than {MAX_DEPTH} at line 1, column 65 (byte 64)" in refusal(b"[" * 70 + b"]" * 70)


def test_a_limit_is_exact_for_the_number_of_values() -> None:
    assert accepts(b"[" + b"1," * (MAX_VALUES - 2) + b"1]")
    assert "more than 200,000 values at line 1, column 400000" in refusal(b"[" + b"1," * (MAX_VALUES - 1) + b"1]")


def test_commas_and_brackets_inside_a_text_are_no_values() -> None:
    text = "[,{" * MAX_VALUES
    assert text == parse_strict(json.dumps(text).encode())


def test_a_body_of_open_brackets_is_refused_and_not_a_crash() -> None:
    assert "nested deeper" in refusal(b"[" * 1_000_000)
    assert "nested deeper" in refusal(b'{"a":' * 100_000)


def test_the_message_says_what_is_wrong_and_where() -> None:
    raw = '{\n  "méta": 1,\n  "temperature": NaN\n}'.encode()
    assert refusal(raw) == (
        "The request body is not acceptable JSON: NaN and Infinity are not JSON; a number was expected "
        "at line 3, column 18 (byte 33)."
    )


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\"\\ ,.:'"), min_size=12, max_size=60))
def test_no_message_quotes_a_value_or_a_name_that_could_be_a_secret(noise: str) -> None:
    secret = f"9{noise}"  # a digit: no name made of letters
    quoted = json.dumps(secret, ensure_ascii=False)
    for raw in (f'{{"a":{quoted},}}', f"{{{quoted}:1,{quoted}:2}}", f"[{quoted}", f'["x" {quoted}]', f"[!{noise}]"):
        assert noise not in refusal(raw.encode())
