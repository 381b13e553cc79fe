"""A log event as one line for a person at a terminal.

    12:00:00.250  exchange_blocked   400 POST /v1/chat/completions  1.2 ms  rules=injection.ignore-previous:1  ...

The same fields as in the JSON line, the deciding ones first. Values are made printable here as well: the terminal of
whoever watches must not depend on every writer having been careful.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from guardproxy.core.excerpt import printable

_RESET: Final = "\x1b[0m"
_DIM: Final = "\x1b[2m"
_COLOURS: Final = {"info": "\x1b[32m", "warning": "\x1b[33m", "error": "\x1b[31m"}
_EVENT_WIDTH: Final = 21
_SUMMARY: Final = ("status", "method", "route")
_FIRST: Final = ("incident_id", "rules", "error_code", "direction", "model", "key_name")
_HEAD: Final = frozenset({"time", "level", "event"})
# What the line of an exchange leaves to the JSON: of use to programs, or said by another field.
_QUIET: Final = frozenset(
    {"action", "bytes_in", "bytes_out", "coverage", "extent", "key_id", "policy", "revision", "stream", "timings_us"}
)


def console_line(event: Mapping[str, object], *, colour: bool) -> str:
    """`event` holds `time` (ISO 8601), `level`, `event` and any fields. The line has no newline at its end."""
    level = str(event["level"])
    parts = [
        _paint(str(event["time"])[11:23], _DIM, colour),
        _paint(printable(str(event["event"])).ljust(_EVENT_WIDTH), _COLOURS[level], colour),
        " ".join(_word(event[field]) for field in _SUMMARY if field in event),
        _total(event.get("timings_us")),
    ]
    parts += [f"{_paint(f'{printable(field)}=', _DIM, colour)}{_word(event[field])}" for field in _named(event)]
    return "  ".join(part for part in parts if part)


def _named(event: Mapping[str, object]) -> Iterator[str]:
    left_out = _HEAD.union(_SUMMARY, _FIRST, _QUIET if "request_id" in event else ())
    for field in (*_FIRST, *(field for field in event if field not in left_out)):
        if event.get(field) is not None:
            yield field


def _total(timings_us: object) -> str:
    total = timings_us.get("total") if isinstance(timings_us, Mapping) else None
    return f"{total / 1000:.1f} ms" if isinstance(total, int) else ""


def _word(value: object) -> str:
    if isinstance(value, Mapping):
        return ",".join(f"{printable(str(name))}:{_word(item)}" for name, item in value.items())
    return printable(str(value))


def _paint(text: str, style: str, colour: bool) -> str:
    return f"{style}{text}{_RESET}" if colour else text
