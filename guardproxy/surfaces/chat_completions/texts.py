"""The catch-all and tool calls: shared by requests, whole responses and streams."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from guardproxy.core.exchange import Provenance, Segment
from guardproxy.wire.document import UndecodableJson, decode, encode, repeats_names, walk_strings
from guardproxy.wire.path import INSIDE_JSON, Path


def walk(value: Any, path: Path, provenance: Provenance, *, names: bool = True) -> Sequence[Segment]:
    """The catch-all: every string leaf below `value`, and every member name unless the API has named them all."""
    if isinstance(value, (dict, list)):
        return [Segment(text, provenance, where) for where, text in walk_strings(value, path, names=names)]
    return (Segment(value, provenance, path),) if isinstance(value, str) else ()


def read_call(call: dict[str, Any], path: Path, provenance: Provenance) -> Iterator[Segment]:
    """A tool call: its arguments are JSON in a string, so their decoded leaves are the segments.

    Arguments in which a name stands twice are written anew with the value that was read, the last one: a reader of the
    text itself would see both.
    """
    for name, value in call.items():
        here = (*path, name)
        if name == "arguments" and isinstance(value, str):
            try:
                arguments = decode(value)
            except UndecodableJson:
                yield Segment(value, provenance, here)
                continue
            if repeats_names(value):
                call[name] = encode(arguments).decode()
            yield from walk(arguments, (*here, INSIDE_JSON), provenance)
        elif isinstance(value, dict):
            yield from read_call(value, here, provenance)
        elif name != "type":
            yield from walk(value, here, provenance)
