"""The catch-all and tool calls: shared by requests, whole responses and streams.

A provider may sign a call it made (`extra_content.google.thought_signature`): the call is read, its signature passes
as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

from guardproxy.core.exchange import Provenance, Segment
from guardproxy.core.rewrite import long_number, unescaped, whole_characters
from guardproxy.wire.document import UndecodableJson, decode, encode, is_long_number, repeats_names, walk_strings
from guardproxy.wire.json_text import JsonText
from guardproxy.wire.path import INSIDE_JSON, Path

_CALL_MEMBERS: Final = frozenset({"id", "type", "index", "function", "custom", "name", "arguments", "input"})
_GROWING: Final = frozenset({"arguments", "input"})
_CALL_TYPES: Final = ("function", "custom")
_SIGNATURE: Final = ("extra_content", "google", "thought_signature")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]{1,200000}={0,2}")


def walk(
    value: Any, path: Path, provenance: Provenance, *, names: bool = True, numbers: bool = False
) -> Sequence[Segment]:
    """The catch-all: every string leaf below `value`, and every member name unless the API has named them all.

    With `numbers` also long numbers.
    """
    if isinstance(value, (dict, list)):
        found = walk_strings(value, path, names=names, numbers=numbers)
        return [Segment(text, provenance, where) for where, text in found]
    if isinstance(value, str):
        return (Segment(value, provenance, path),)
    return (Segment(str(value), provenance, path),) if numbers and is_long_number(value) else ()


def read_call(call: dict[str, Any], path: Path, provenance: Provenance) -> Iterator[Segment]:
    """A tool call: its arguments are JSON, as a rule in a string, so their decoded leaves are the segments.

    Arguments in which a name stands twice are written anew with the value that was read, the last one: a reader of the
    text itself would see both. Arguments that are not JSON are read as a lenient reader would, escapes and all.
    """
    for name, value in call.items():
        here = (*path, name)
        if name == "arguments" and isinstance(value, str):
            try:
                arguments = decode(value)
            except UndecodableJson:
                yield from _read_leniently(value, here, provenance)
                continue
            if repeats_names(value):
                call[name] = encode(arguments).decode()
            yield from walk(arguments, (*here, INSIDE_JSON), provenance, numbers=True)
        elif name in _GROWING and not isinstance(value, str):  # some servers write the object itself
            yield from walk(value, here, provenance, numbers=True)
        elif name not in _CALL_MEMBERS:
            for segment in walk({name: value}, path, provenance):
                if not is_signature(segment.path, segment.text):
                    yield segment
        elif isinstance(value, dict):
            yield from read_call(value, here, provenance)
        elif not (name == "type" and value in _CALL_TYPES):
            yield from walk(value, here, provenance)


def _read_leniently(text: str, path: Path, provenance: Provenance) -> Iterator[Segment]:
    """What only a lenient reader takes for JSON, leaf by leaf; and what nobody does as one text."""
    try:
        read = JsonText(text)
    except (ValueError, RecursionError):
        read = None
    if read is None or read.repeats_names():
        yield Segment(unescaped(text), provenance, path)
        return
    for leaf in read.leaves:
        where = (*path, INSIDE_JSON, *leaf.path)
        if leaf.value is not None:
            yield Segment(whole_characters(leaf.value), provenance, where)
        else:
            yield from (Segment(number, provenance, where) for number in islice(long_number(leaf.spelled), 1))


def is_signature(path: Path, text: str) -> bool:
    """Whether a string at that path of a call, or of a message, is what its provider signed it with."""
    return path[-3:] == _SIGNATURE and _BASE64.fullmatch(text) is not None


def may_be_signed(message: Mapping[str, Any]) -> bool:
    """Whether it is worth asking for `signatures`."""
    return "tool_calls" in message or _SIGNATURE[0] in message


def signatures(holder: Any, path: Path) -> Iterator[Path]:
    """Where a message at `path` has such signatures: on itself and on its calls."""
    if not isinstance(holder, dict):
        return
    calls = holder.get("tool_calls")
    signed = [(holder, path)]
    signed += [(call, (*path, "tool_calls", at)) for at, call in enumerate(calls if isinstance(calls, list) else ())]
    for one, where in signed:
        if isinstance(one, dict) and "extra_content" in one:
            found = walk_strings(one["extra_content"], (*where, _SIGNATURE[0]))
            yield from (place for place, text in found if is_signature(place, text))
