"""Where and why a body is not the one JSON value every reader would read the same way.

JSON has corners in which parsers disagree: which of two equal names wins, what NaN or 1e400 is, whether half of a
UTF-16 pair is text (Bishop Fox, "JSON interoperability vulnerabilities"). Whoever inspects one reading while the
upstream acts on another inspects nothing, so all of them are refused, along with shapes that only serve to exhaust.

This is the slow half of `strict_json`: a complete scanner that walks the text token by token, needs no recursion,
and stops at the first fault. It gives a position and a reason, and of the body itself at most the spelling of a name
made of letters: bodies hold secrets.
"""

from __future__ import annotations

import json
import re
from typing import Final, NamedTuple, NoReturn

MAX_DEPTH: Final = 64
MAX_VALUES: Final = 200_000

_DOUBLE_DIGITS: Final = 309  # the largest double is 1.8e308
_SPACE: Final = re.compile(r"[ \t\n\r]*")
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_LITERAL: Final = re.compile(r"true|false|null")
_NOT_FINITE: Final = re.compile(r"-?Infinity|NaN")
_ESCAPE: Final = re.compile(r"\\(?:u([0-9a-fA-F]{4})|.)")
_SHOWN_NAME: Final = re.compile(r"[A-Za-z_]{1,40}")
_SCAN_STRING: Final = json.JSONDecoder().raw_decode
_WIDE_MARKS: Final = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")


class Fault(NamedTuple):
    """The first thing wrong. `line` and `column` (code points) count from 1, `offset` (bytes) from 0."""

    reason: str
    line: int
    column: int
    offset: int

    def __str__(self) -> str:
        return f"{self.reason} at line {self.line}, column {self.column} (byte {self.offset})"


def find_fault(raw: bytes) -> Fault | None:
    """The first fault of a body, or None when it is strict JSON."""
    if raw.startswith(b"\xef\xbb\xbf"):
        return Fault("a UTF-8 byte order mark; send UTF-8 without one", 1, 1, 0)
    if raw.startswith(_WIDE_MARKS) or b"\x00" in raw[:2]:
        return Fault("UTF-16 or UTF-32 text; send UTF-8", 1, 1, 0)
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        return _fault("invalid UTF-8", raw[: error.start].decode())
    try:
        _Walk(text).to_the_end()
    except _Stop as stop:
        return _fault(stop.reason, text[: stop.at])
    return None


def integer_in_range(text: str) -> int:
    """The value of an integer token. ValueError when no double can hold its magnitude."""
    if len(text) <= _DOUBLE_DIGITS - 1:
        return int(text)
    if len(text.lstrip("-")) > _DOUBLE_DIGITS:  # before int(), which refuses long digits in words of its own
        raise ValueError("out of range")
    try:
        float(value := int(text))
    except OverflowError:
        raise ValueError("out of range") from None
    return value


def real_in_range(text: str) -> float:
    """The value of a number token with a fraction or exponent. ValueError when it is beyond the largest double."""
    value = float(text)
    if value - value != 0:
        raise ValueError("out of range")
    return value


def _fault(reason: str, before: str) -> Fault:
    line_start = before.rfind("\n") + 1
    return Fault(reason, before.count("\n") + 1, len(before) - line_start + 1, len(before.encode()))


class _Stop(Exception):
    def __init__(self, reason: str, at: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.at = at


class _Walk:
    """One pass over a text. `_open` holds, for each container still open, its names so far, or None for an array."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._values = 0
        self._open: list[set[str] | None] = []
        self._just_opened = False
        self._has_escapes = "\\u" in text

    def to_the_end(self) -> None:
        if self._next() == "":
            self._stop("an empty body")
        self._value()
        while self._open:
            self._member_or_end(self._open[-1])
        if self._next() != "":
            self._stop("text after the end of the JSON value")

    def _stop(self, reason: str, at: int | None = None) -> NoReturn:
        raise _Stop(reason, self._at if at is None else at)

    def _next(self) -> str:
        """The next character that is not white space, "" at the end."""
        text, at = self._text, self._at
        if text[at : at + 1] in " \t\n\r":
            space = _SPACE.match(text, at)
            self._at = at = space.end() if space else at
        return text[at : at + 1]

    def _member_or_end(self, names: set[str] | None) -> None:
        closing = "]" if names is None else "}"
        character = self._next()
        if character == closing:
            self._open.pop()
            self._at += 1
            self._just_opened = False
            return
        if not self._just_opened:
            if character != ",":
                self._unexpected(f"',' or '{closing}'")
            comma = self._at
            self._at += 1
            if self._next() == closing:
                self._stop("a trailing comma", comma)
        self._just_opened = False
        if names is not None:
            self._name(names)
        self._value()

    def _name(self, names: set[str]) -> None:
        if self._next() != '"':
            self._unexpected("a name in double quotes")
        start = self._at
        name = self._string()
        if name in names:
            self._stop(f'duplicate key "{name}"' if _SHOWN_NAME.fullmatch(name) else "duplicate key", start)
        names.add(name)
        if self._next() != ":":
            self._unexpected("':'")
        self._at += 1

    def _value(self) -> None:
        character = self._next()
        self._values += 1
        if self._values > MAX_VALUES:
            self._stop(f"more than {MAX_VALUES:,} values")
        if character == '"':
            self._string()
        elif character and character in "{[":
            if len(self._open) == MAX_DEPTH:
                self._stop(f"nested deeper than {MAX_DEPTH}")
            self._open.append(set() if character == "{" else None)
            self._just_opened = True
            self._at += 1
        else:
            self._scalar()

    def _scalar(self) -> None:
        if literal := _LITERAL.match(self._text, self._at):
            self._at = literal.end()
        elif number := _NUMBER.match(self._text, self._at):
            self._number(number)
        elif _NOT_FINITE.match(self._text, self._at):
            self._stop("NaN and Infinity are not JSON; a number was expected")
        else:
            self._unexpected("a JSON value")

    def _number(self, token: re.Match[str]) -> None:
        if (rest := self._text[token.end() : token.end() + 1]) and rest in "0123456789.eE+-":
            self._stop("a malformed number")
        try:
            if token[1] or token[2]:
                real_in_range(token[0])
            else:
                integer_in_range(token[0])
        except ValueError:
            self._stop("a number beyond the range of a double")
        self._at = token.end()

    def _string(self) -> str:
        start = self._at
        try:
            value, self._at = _SCAN_STRING(self._text, start)
        except json.JSONDecodeError as error:
            self._bad_string(start, error.pos)
        if self._has_escapes and not _is_text(value):
            self._stop("half of a UTF-16 surrogate pair in a string", _lone_half(self._text, start, self._at))
        return str(value)

    def _bad_string(self, start: int, at: int) -> NoReturn:
        if at == start:
            self._stop("a string that is never closed")
        control = self._text[at : at + 1] < " "
        self._stop("an unescaped control character in a string" if control else "an invalid escape in a string", at)

    def _unexpected(self, expected: str) -> NoReturn:
        found = "the end of the body" if self._at >= len(self._text) else "something else"
        self._stop(f"{expected} expected, found {found}")


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _lone_half(text: str, start: int, end: int) -> int:
    """Where the first escape stands that is a high half no low one follows, or a low one after no high one."""
    high: re.Match[str] | None = None
    for escape in _ESCAPE.finditer(text, start, end):
        unit = int(escape[1], 16) if escape[1] else 0
        low = 0xDC00 <= unit <= 0xDFFF
        if high and low and high.end() == escape.start():
            high = None
        elif high or low:
            return (high or escape).start()
        elif 0xD800 <= unit <= 0xDBFF:
            high = escape
    return high.start() if high else start
