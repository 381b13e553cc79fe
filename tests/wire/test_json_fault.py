from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardproxy.wire.json_fault import Fault, find_fault, integer_in_range, real_in_range


@pytest.mark.parametrize(
    ("expected", "raw"),
    [
        (Fault("a UTF-8 byte order mark; send UTF-8 without one", 1, 1, 0), b"\xef\xbb\xbf{}"),
        (Fault("UTF-16 or UTF-32 text; send UTF-8", 1, 1, 0), '{"a":1}'.encode("utf-16")),
        (Fault("UTF-16 or UTF-32 text; send UTF-8", 1, 1, 0), '{"a":1}'.encode("utf-16-be")),
        (Fault("UTF-16 or UTF-32 text; send UTF-8", 1, 1, 0), '{"a":1}'.encode("utf-32-le")),
        (Fault("invalid UTF-8", 1, 3, 2), b'{"\xff":1}'),
        (Fault("invalid UTF-8", 1, 2, 1), b'"\xed\xa0\x80"'),
        (Fault("an empty body", 1, 1, 0), b""),
        (Fault("an empty body", 2, 3, 3), b"\n  "),
        (Fault("a JSON value expected, found something else", 1, 1, 0), b"model=gpt"),
        (Fault("a JSON value expected, found the end of the body", 1, 6, 5), b'{"a":'),
        (Fault("a JSON value expected, found something else", 1, 1, 0), b"-"),
        (Fault("a JSON value expected, found something else", 1, 2, 1), b"[,]"),
        (Fault("text after the end of the JSON value", 2, 1, 3), b"{}\n{}"),
        (Fault("',' or ']' expected, found something else", 1, 4, 3), b"[1 2]"),
        (Fault("',' or '}' expected, found something else", 1, 7, 6), b'{"a":1]'),
        (Fault("',' or ']' expected, found the end of the body", 1, 3, 2), b"[1"),
        (Fault("a trailing comma", 1, 3, 2), b"[1, ]"),
        (Fault("a trailing comma", 1, 7, 6), b'{"a":1,}'),
        (Fault("a name in double quotes expected, found something else", 1, 2, 1), b"{'a':1}"),
        (Fault("a name in double quotes expected, found the end of the body", 1, 2, 1), b"{"),
        (Fault("':' expected, found something else", 1, 5, 4), b'{"a"}'),
        (Fault('duplicate key "top_p"', 1, 12, 11), b'{"top_p":1,"top_p":2}'),
        (Fault("duplicate key", 1, 9, 8), b'{"k9":1,"k9":2}'),
        (Fault("duplicate key", 1, 48, 47), b'{"%b":1,"%b":2}' % (b"a" * 41, b"a" * 41)),
        (Fault("NaN and Infinity are not JSON; a number was expected", 1, 2, 1), b"[-Infinity]"),
        (Fault("a number beyond the range of a double", 1, 2, 1), b"[-1e400]"),
        (Fault("a number beyond the range of a double", 1, 1, 0), b"1" * 10_000),
        (Fault("a malformed number", 1, 2, 1), b"[007]"),
        (Fault("a malformed number", 1, 2, 1), b"[1.]"),
        (Fault("a string that is never closed", 1, 2, 1), b'["abc]'),
        (Fault("an unescaped control character in a string", 1, 4, 3), b'["a\nb"]'),
        (Fault("an invalid escape in a string", 1, 4, 3), b'["a\\x"]'),
        (Fault("half of a UTF-16 surrogate pair in a string", 1, 4, 4), '["é\\ud800"]'.encode()),
        (Fault("half of a UTF-16 surrogate pair in a string", 1, 14, 13), b'"\\ud83d\\ude00\\ude00"'),
        (Fault("half of a UTF-16 surrogate pair in a string", 1, 2, 1), b'"\\ud83d \\ude00"'),
        (Fault("half of a UTF-16 surrogate pair in a string", 1, 4, 3), b'"\\\\\\ud83d\\\\ude00"'),
        (Fault("half of a UTF-16 surrogate pair in a string", 1, 3, 2), b'{"\\ud83d":1}'),
    ],
)
def test_a_fault_is_named_and_found(expected: Fault, raw: bytes) -> None:
    assert expected == find_fault(raw)


@given(st.lists(st.sampled_from(["1", '"é"', "\n", " ", '"😀"']), max_size=8))
def test_a_position_counts_lines_code_points_and_bytes(before: list[str]) -> None:
    prefix = "[" + "".join(part if part.isspace() else part + "," for part in before)
    fault = find_fault((prefix + "?").encode())
    assert fault is not None
    assert fault.offset == len(prefix.encode())
    assert fault.line == len(prefix.split("\n"))
    assert fault.column == len(prefix.split("\n")[-1]) + 1


@given(st.integers(-(10**330), 10**330))
def test_an_integer_is_in_range_exactly_if_a_double_can_hold_its_magnitude(value: int) -> None:
    try:
        float(value)
    except OverflowError:
        with pytest.raises(ValueError, match="out of range"):
            integer_in_range(str(value))
    else:
        assert value == integer_in_range(str(value))


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_double_is_in_range(value: float) -> None:
    assert value == real_in_range(repr(value))


@pytest.mark.parametrize("text", ["1e309", "-1e309", "9" * 309 + ".0"])
def test_a_number_that_reads_as_infinity_is_not(text: str) -> None:
    with pytest.raises(ValueError, match="out of range"):
        real_in_range(text)
