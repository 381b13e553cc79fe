"""Reading HTTP/1.1 requests from bytes, strictly: what could be read in two ways is refused.

llhttp (through httptools) does the reading, as it does for answers (`http1_response`). It already refuses methods it
does not know, bare line feeds, obs-fold, control characters in headers, content-length next to transfer-encoding,
repeated or signed lengths, and malformed chunks. What it lets through and a guard must not is refused here: versions
other than 1.1 and 1.0, codings other than `chunked`, transfer-encoding in HTTP/1.0, HTTP/1.1 without `host`, a header
twice that may stand there once, and everything without a bound (RFC 9112, sections 2.3, 3.2, 6.1, 11.2).

One parser reads all requests of a connection. Each is handed on when its head is complete, its body grows from then on.
After a request that is not kept alive, asks for another protocol, or is broken, nothing is read: the parser is `over`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NoReturn, Protocol, cast

import httptools
from multidict import CIMultiDict

from guardproxy.errors import InternalError, InvalidRequest, RequestError, RequestTooLarge
from guardproxy.gateway.request import Request, RequestBody, Wire

MAX_LINE_BYTES: Final = 8190
MAX_HEADER_LINES: Final = 128
# Few lines are long, so these are counted together: a head is kept until it is complete, whoever sends it.
_LONG: Final = 512
MAX_LONG_BYTES: Final = 64 * 1024
# A line without end never becomes an event, so bytes that became none are counted too.
MAX_BARREN_BYTES: Final = 2 * MAX_LINE_BYTES
# A second one would be read by the next server, or by us, and not by both.
_SINGLE: Final = (
    "host", "content-type", "content-length", "transfer-encoding", "user-agent", "content-range", "content-location",
    "etag", "max-forwards", "server",
)  # fmt: skip
_MALFORMED: Final = "this is not a well-formed HTTP/1.1 request"
_TOO_LONG: Final = "the request line or a header is too long"
_UNFRAMED: Final = "the request body is not framed as HTTP says"


class _Llhttp(Protocol):
    """The part of `httptools.HttpRequestParser` that is used here; its own types are not complete."""

    def feed_data(self, data: bytes | memoryview) -> None: ...

    def get_http_version(self) -> str: ...

    def get_method(self) -> bytes: ...

    def should_keep_alive(self) -> bool: ...

    def should_upgrade(self) -> bool: ...


def _llhttp(callbacks: object) -> _Llhttp:
    return cast("_Llhttp", cast("Any", httptools).HttpRequestParser(callbacks))


class _RefusedByUs(Exception):
    """Raised through llhttp's callbacks to stop it; the error is kept in `_refusal`."""


class RequestParser:
    """Gives each request to `begun` once its head is complete.

    `reading`: a request has begun to arrive and is not complete. `over`: nothing more is read.
    """

    __slots__ = (
        "_barren",
        "_begun",
        "_body",
        "_keep_alive",
        "_lines",
        "_llhttp",
        "_long_bytes",
        "_refusal",
        "_target",
        "_wire",
        "over",
        "reading",
    )

    def __init__(self, wire: Wire, begun: Callable[[Request], None]) -> None:
        self.reading = False
        self.over = False
        self._wire = wire
        self._begun = begun
        self._llhttp = _llhttp(self)
        self._barren = 0
        self._lines: list[tuple[bytes, bytes]] = []
        self._long_bytes = 0
        self._target = b""
        self._body: RequestBody | None = None
        self._keep_alive = True
        self._refusal: RequestError | None = None

    def feed(self, data: bytes | memoryview) -> None:
        """Read on. Raises `RequestError` for what never became a request; what breaks a body its reader is told."""
        if self.over:
            return
        self._barren += len(data)
        try:
            self._llhttp.feed_data(data)
            if self._barren > MAX_BARREN_BYTES:
                raise RequestTooLarge(_TOO_LONG)
        except httptools.HttpParserUpgrade:
            self.over = True  # what follows would be of another protocol, and all of them are refused
        except (httptools.HttpParserError, RequestTooLarge) as error:
            if self.over:  # bytes behind a request after which nothing was to come
                return
            self.over = True
            fault = self._fault(error)
            if self._body is None:
                raise fault from fault.__cause__
            self._body.fail(fault)

    def _fault(self, error: Exception) -> RequestError:
        """What the caller is told. Not in llhttp's words, which quote the request."""
        if isinstance(error, RequestError):
            return error
        if self._refusal is not None:
            return self._refusal
        if isinstance(error, httptools.HttpParserCallbackError):  # a bug of ours
            failure = InternalError("guardproxy failed to read this request")
            failure.__cause__ = error.__context__
            return failure
        return InvalidRequest(_MALFORMED if self._body is None else _UNFRAMED)

    # What llhttp calls.

    def on_message_begin(self) -> None:
        self.reading = True
        self._barren = 0
        self._lines = []
        self._long_bytes = 0
        self._target = b""

    def on_url(self, part: bytes) -> None:
        self._barren = 0
        self._target += part
        if len(self._target) > MAX_LINE_BYTES:
            self._refuse(RequestTooLarge(_TOO_LONG))

    def on_header(self, name: bytes, value: bytes) -> None:
        self._barren = 0
        lines = self._lines
        if len(name) + len(value) > _LONG:
            self._count_long(len(name) + len(value))
        if len(lines) == MAX_HEADER_LINES:
            self._refuse(InvalidRequest(_MALFORMED))
        lines.append((name, value))

    def on_headers_complete(self) -> None:
        self._barren = 0
        llhttp = self._llhttp
        version = llhttp.get_http_version()
        # llhttp takes the white space before a value away, and not the one behind it.
        named = [
            (name.lower().decode(), value.rstrip(b" \t").decode("utf-8", "surrogateescape"))
            for name, value in self._lines
        ]
        self._lines = []  # for the trailers, which are bounded, and not looked at
        headers = CIMultiDict(named)
        if len(dict(named)) < len(named):
            self._check_single(headers)
        if version == "1.1":
            minor = 1
            if "host" not in headers:
                self._refuse(InvalidRequest(_MALFORMED))
        elif version == "1.0":
            minor = 0
        else:
            self._refuse(InvalidRequest(_MALFORMED))
        coding, length = headers.get("transfer-encoding"), headers.get("content-length")
        if coding is not None and (coding.lower() != "chunked" or not minor):
            self._refuse(InvalidRequest(_MALFORMED))
        self._keep_alive = llhttp.should_keep_alive() and not llhttp.should_upgrade()
        request = Request(
            self._wire,
            llhttp.get_method().decode(),
            self._target.decode("utf-8", "surrogateescape"),
            headers,
            minor=minor,
            keep_alive=self._keep_alive,
            content_length=int(length) if length is not None else None,
        )
        self._begun(request)
        self._body = request.content

    def on_body(self, piece: bytes) -> None:
        self._barren = 0
        if self._body is not None:
            self._body.feed(piece)

    def on_message_complete(self) -> None:
        self.reading = False
        self.over = not self._keep_alive
        if self._body is not None:
            self._body.end()
            self._body = None

    def _count_long(self, size: int) -> None:
        self._long_bytes += size
        if size > MAX_LINE_BYTES or self._long_bytes > MAX_LONG_BYTES:
            self._refuse(RequestTooLarge(_TOO_LONG))

    def _check_single(self, headers: CIMultiDict[str]) -> None:
        for name in _SINGLE:
            if len(headers.getall(name, ())) > 1:
                self._refuse(InvalidRequest(_MALFORMED))

    def _refuse(self, error: RequestError) -> NoReturn:
        self._refusal = error
        raise _RefusedByUs
