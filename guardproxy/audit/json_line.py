"""One value as one line of JSON, whatever its text holds.

JSON escapes the line feed, and leaves every other character that a reader may take for the end of a line (U+0085,
U+2028, U+2029) or that a terminal may obey (bidi overrides) as it is. Here all that is not printable is escaped.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

import msgspec

Plain: TypeAlias = str | int | float | bool | Mapping[str, "Plain"] | Sequence["Plain"] | None


def _name_only(value: object) -> str:
    return f"<{type(value).__name__}>"


_encode: Final = msgspec.json.Encoder(enc_hook=_name_only).encode


def json_line(value: Plain | msgspec.Struct) -> bytes:
    """UTF-8 with one line feed, at the end. Half a surrogate pair becomes `?`, an object that is not JSON its type."""
    try:
        line = _encode(value)
    except UnicodeEncodeError:
        plain = msgspec.to_builtins(value, enc_hook=_name_only)
        line = json.dumps(plain, ensure_ascii=False).encode(errors="replace")
    if not line.isascii():
        text = line.decode()
        if not text.isprintable():
            line = "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in text).encode()
    return line + b"\n"
