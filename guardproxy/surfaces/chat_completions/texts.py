"""The catch-all and tool calls: shared by requests, whole responses and streams."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from guardproxy.core.exchange import Provenance, Segment
from guardproxy.wire.document import UndecodableJson, decode, walk_strings
from guardproxy.wire.path import INSIDE_JSON, Path


def walk(value: Any, path: Path, provenance: Provenance) -> Iterator[Segment]:
    """The catch-all: every string leaf and every member name below `value`."""
    for where, text in walk_strings(value, path, names=True):
        yield Segment(text, provenance, where)


def read_call(call: dict[str, Any], path: Path, provenance: Provenance) -> Iterator[Segment]:
    """A tool call: its arguments are JSON in a string, so their decoded leaves are the segments."""
    for name, value in call.items():
        here = (*path, name)
        if name == "arguments" and isinstance(value, str):
            yield from _read_arguments(value, here, provenance)
        elif isinstance(value, dict):
            yield from read_call(value, here, provenance)
        elif name != "type":
            yield from walk(value, here, provenance)


def _read_arguments(arguments: str, path: Path, provenance: Provenance) -> Iterator[Segment]:
    try:
        value = decode(arguments)
    except UndecodableJson:
        yield Segment(arguments, provenance, path)
        return
    yield from walk(value, (*path, INSIDE_JSON), provenance)
