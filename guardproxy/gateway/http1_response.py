"""Reading HTTP/1.1 answers from bytes, strictly: what could be read in two ways is refused.

llhttp (through httptools) does the reading. It already refuses obs-fold, bare line feeds, content-length next to
transfer-encoding, repeated or signed lengths, and malformed chunks. What it lets through and a guard must not is
refused here: codings other than `chunked`, transfer-encoding in HTTP/1.0, repeated headers that decide how a body is
read, 101, status codes that are none, and everything without a bound (RFC 9112, sections 2.3, 6.1, 6.3, 11.1).

One parser reads all answers of a connection, one after the other: `begin` says that a request was sent. Bytes behind
the end of an answer are never part of the next one: they only take `keep_alive` away.
"""

from __future__ import annotations

from typing import Any, Final, Protocol, cast

import httptools

from guardproxy.errors import UpstreamUnavailable

MAX_HEAD_BYTES: Final = 64 * 1024
MAX_HEADER_LINES: Final = 128
MAX_INTERIM: Final = 8
# Each decides how the body is read: two of them could be read in two ways.
_SINGLE: Final = frozenset((b"content-type", b"content-encoding", b"content-length", b"transfer-encoding"))
_WITHOUT_BODY: Final = (204, 304)
_BAD = "the upstream's answer is not well-formed HTTP/1.1"
BROKEN: Final = "the upstream broke off its answer"


class _Llhttp(Protocol):
    """The part of `httptools.HttpResponseParser` that is used here; its own types are not complete."""

    def feed_data(self, data: bytes) -> None: ...

    def get_http_version(self) -> str: ...

    def get_status_code(self) -> int: ...

    def should_keep_alive(self) -> bool: ...


def _llhttp(callbacks: object) -> _Llhttp:
    return cast("_Llhttp", cast("Any", httptools).HttpResponseParser(callbacks))


class _RefusedByUs(Exception):
    """Raised through llhttp's callbacks to stop it; the reason is kept in `_refusal`."""


class ResponseParser:
    """The current answer: `status` and `headers` (names in lower case) once `has_head`, the unread body in `pieces`.

    `unread` is the size of `pieces` in bytes. After `complete` nothing more will come, and `keep_alive` tells whether
    the connection may be used again.
    """

    __slots__ = (
        "_barren",
        "_bodiless",
        "_head_bytes",
        "_interim",
        "_lines",
        "_llhttp",
        "_refusal",
        "_until_close",
        "complete",
        "has_head",
        "headers",
        "keep_alive",
        "pieces",
        "status",
        "unread",
    )

    def __init__(self) -> None:
        self._llhttp = _llhttp(self)
        self.begin(bodiless=False)
        self.complete = True  # nothing was asked, so nothing may come

    def begin(self, *, bodiless: bool) -> None:
        """A request was sent; `bodiless` for HEAD, whose answer has the head of another."""
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self.pieces: list[bytes] = []
        self.unread = 0
        self.has_head = False
        self.complete = False
        self.keep_alive = False
        self._bodiless = bodiless
        self._until_close = False
        self._interim = 0
        self._lines = 0
        self._head_bytes = 0
        self._barren = 0
        self._refusal = ""

    def feed(self, data: bytes) -> None:
        """Read on. Raises `UpstreamUnavailable` (reason `bad_answer`); what came before the fault stays readable."""
        self._barren += len(data)
        try:
            self._llhttp.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self.keep_alive = False
            if not self.complete:
                raise _bad(self._refusal or str(error)) from error
        # One header line, trailer or chunk extension without end never becomes an event, so bytes are counted too.
        if self._barren > MAX_HEAD_BYTES and not self.complete:
            raise _bad("too many bytes that are no body")

    def end(self) -> None:
        """The upstream closed. Raises `UpstreamUnavailable` (reason `broken`) if the answer is not complete by that."""
        if self._until_close and self.has_head:
            self.complete = True
        if not self.complete:
            raise UpstreamUnavailable(BROKEN, reason="broken")

    def take(self) -> bytes:
        """The unread body; at least one piece must be there."""
        pieces = self.pieces
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        self.unread = 0
        return data

    # What llhttp calls.

    def on_message_begin(self) -> None:
        if self.complete:
            self.keep_alive = False

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.complete:
            return
        self._lines += 1
        self._head_bytes += len(name) + len(value)
        if self._lines > MAX_HEADER_LINES or self._head_bytes > MAX_HEAD_BYTES:
            self._refuse("too many headers")
        if self.has_head:
            return  # a trailer: bounded, and not looked at
        name = name.lower()
        if name not in self.headers:
            self.headers[name] = value
        elif name in _SINGLE:
            self._refuse(f"{name.decode()} is repeated")

    def on_headers_complete(self) -> None:
        if self.complete:
            return
        llhttp = self._llhttp
        status = llhttp.get_status_code()
        version = llhttp.get_http_version()
        if version not in ("1.1", "1.0"):
            self._refuse("unknown version")
        if not 100 <= status <= 599 or status == 101:
            self._refuse("unexpected status")
        if status < 200:
            self._skip_interim()
            return
        framed = self._is_framed(version)
        self.status = status
        self.has_head = True
        if self._bodiless or status in _WITHOUT_BODY:
            # llhttp does not know of HEAD; and a 204 that announces a body may be followed by one.
            self.keep_alive = not self._bodiless and not framed and llhttp.should_keep_alive()
            self.complete = self._bodiless
            return
        self._until_close = not framed
        self.keep_alive = framed and llhttp.should_keep_alive()

    def on_body(self, piece: bytes) -> None:
        if not self.complete:
            self.pieces.append(piece)
            self.unread += len(piece)
            self._barren = 0

    def on_message_complete(self) -> None:
        if self.has_head:
            self.complete = True

    def _is_framed(self, version: str) -> bool:
        """Whether the head says where the body ends."""
        coding = self.headers.get(b"transfer-encoding")
        if coding is None:
            return b"content-length" in self.headers
        if coding.lower() != b"chunked" or version != "1.1":
            self._refuse("unknown transfer coding")
        return True

    def _skip_interim(self) -> None:
        self._interim += 1
        if self._interim > MAX_INTERIM:
            self._refuse("too many interim answers")
        self.headers = {}

    def _refuse(self, why: str) -> None:
        self._refusal = why
        raise _RefusedByUs(why)


def _bad(why: str) -> UpstreamUnavailable:
    return UpstreamUnavailable(f"{_BAD}: {why}", reason="bad_answer")
