"""Writing HTTP/1.1 answers as bytes: heads that nothing can be injected into, bodies with a length or in chunks.

What frames an answer follows from the request (RFC 9112, section 6.3): the answer to HEAD, 204 and 304 have no body; to
HTTP/1.0 nothing is chunked, so a body without a length lasts until the connection ends.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import Final

LAST_CHUNK: Final = b"0\r\n\r\n"
_UNWRITABLE: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_WITHOUT_BODY: Final = (204, 304)


def is_bodiless(method: str, status: int) -> bool:
    """Whether an answer has no body, whatever its head says."""
    return method == "HEAD" or status in _WITHOUT_BODY


def head(status: int, headers: Mapping[str, str], framing: str, *, minor: int = 1, keep_alive: bool = True) -> bytes:
    """The head of an answer, `framing` being the line that says how its body is read.

    Raises `ValueError` for a header that holds control characters; it is not quoted.
    """
    if not "".join((*headers, *headers.values())).isprintable():
        _check(headers)
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    connection = ""
    if keep_alive != bool(minor):  # where it is not as this version has it anyway
        connection = "Connection: keep-alive\r\n" if keep_alive else "Connection: close\r\n"
    return f"{_status_line(minor, status)}{lines}{framing}{_date_line(int(time.time()))}{connection}\r\n".encode()


def chunk(data: bytes) -> bytes:
    """A chunk of a chunked body. `data` must not be empty: an empty chunk is its end."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def _check(headers: Mapping[str, str]) -> None:
    """`str.isprintable` refuses more than it must, and so is only the quick way to let pass."""
    if any(_UNWRITABLE.search(text) for line in headers.items() for text in line):
        raise ValueError("a header of an answer holds control characters")


@lru_cache(maxsize=256)
def _status_line(minor: int, status: int) -> str:
    try:
        reason = HTTPStatus(status).phrase
    except ValueError:
        reason = ""
    return f"HTTP/1.{minor} {status} {reason}\r\n"


@lru_cache(maxsize=1)
def _date_line(second: int) -> str:
    return f"Date: {formatdate(second, usegmt=True)}\r\n"
