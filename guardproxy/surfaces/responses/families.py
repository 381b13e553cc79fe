"""The texts that grow in a stream: what their events are called, and where the finished text stands in an item.

A family is an event's type without `response.` and without its last word: `output_text` of
`response.output_text.delta`. Its deltas belong together by what they belong to (`output_index`, or `item_id` where that
is missing) and by the numbers of part, summary or command. The same text comes again in the family's `.done` event, in
the part, in the item and in the response.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final, NamedTuple

from guardproxy.surfaces.responses.words import LABELS
from guardproxy.wire.path import Path

CONTENT: Final = "content_index"
SUMMARY: Final = "summary_index"
COMMAND: Final = "command_index"
_INDEXES: Final = frozenset({CONTENT, SUMMARY, COMMAND})


class Family(NamedTuple):
    """`place`: below an item of type `item`, with the name of an index where a position goes.

    `done`: the member of its `.done` event that holds the text. `held`: it is part of a call, which is shown whole or
    not at all; `arguments`: as JSON.
    """

    item: str
    place: tuple[str, ...]
    done: str = "text"
    held: bool = False
    arguments: bool = False


FAMILIES: Final[Mapping[str, Family]] = {
    "output_text": Family("message", ("content", CONTENT, "text")),
    "refusal": Family("message", ("content", CONTENT, "refusal"), "refusal"),
    "reasoning_text": Family("reasoning", ("content", CONTENT, "text")),
    "reasoning_summary_text": Family("reasoning", ("summary", SUMMARY, "text")),
    "function_call_arguments": Family("function_call", ("arguments",), "arguments", held=True, arguments=True),
    "mcp_call_arguments": Family("mcp_call", ("arguments",), "arguments", held=True, arguments=True),
    "custom_tool_call_input": Family("custom_tool_call", ("input",), "input", held=True),
    "code_interpreter_call_code": Family("code_interpreter_call", ("code",), "code", held=True),
    "shell_call_command": Family("shell_call", ("action", "commands", COMMAND), "command", held=True),
    "apply_patch_call_operation_diff": Family("apply_patch_call", ("operation", "diff"), "diff", held=True),
    "shell_call_output_content": Family("shell_call_output", ("output", COMMAND), "output"),
}
_UNKNOWN: Final = Family("", (), "text")
BESIDE: Final = Family("", (), "")
_PARTS: Final = {
    "output_text": "output_text",
    "refusal": "refusal",
    "reasoning_text": "reasoning_text",
    "summary_text": "reasoning_summary_text",
}
# Members below the place of a text that is several.
_BELOW: Final = ("stdout", "stderr")


_SNAPSHOTS: Final = ("response", "item", "part")
_TELL_WHOLE: Final = frozenset({"done", "added", "error"})
# Members of events that are not told in pieces, and endings of the names of those that name something.
_MEMBERS: Final = LABELS | {
    "sequence_number", "item_id", "output_index", "content_index", "summary_index", "command_index", "annotation_index",
    "annotation", "partial_image_index", "partial_image_b64", "output_format", "size", "quality", "background",
    "logprobs", "obfuscation", "error", "usage", "response", "item", "part",
}  # fmt: skip
_DELTA_MEMBERS: Final = _MEMBERS | {"delta"}
_NAMING: Final = ("_id", "_index")


JOINED: Final = frozenset({"output_text", "reasoning_text", "reasoning_summary_text"})
"""Families whose texts clients join: all of a response, or those of one item of reasoning."""


class ChannelKey(NamedTuple):
    """Which text a delta belongs to. Indexes that are 0 are left out, as some servers do. `below`: within the delta.

    `beside`: it stands beside a delta, where no API has a text; `family` is the type of its events then, and `below`
    its place in them.
    """

    family: str
    owner: int | str | None
    indexes: tuple[tuple[str, int], ...] = ()
    below: Path = ()
    beside: bool = False


RunKey = tuple[str, int | str | None]


def run_of(key: ChannelKey) -> RunKey | None:
    """Which texts a text is joined with, if with any."""
    if key.family not in JOINED or key.below or key.beside:
        return None
    return ("text", None) if key.family == "output_text" else ("reasoning", key.owner)


def place_of(key: ChannelKey) -> tuple[int, ...] | None:
    """Where among the texts of its family a client finds a text; None if the event does not say so in numbers."""
    numbers = (value for name, value in key.indexes if name in (CONTENT, SUMMARY))
    return (key.owner, *numbers) if isinstance(key.owner, int) else None


def family_of(name: str) -> Family:
    """The family of that name. One nobody has heard of is held if it seems to be part of a call."""
    known = FAMILIES.get(name)
    if known is not None:
        return known
    arguments = name.endswith("arguments")
    if arguments or ("_call_" in name and "_output" not in name):
        return Family("", (), "arguments" if arguments else name.rpartition("_")[2], held=True, arguments=arguments)
    return _UNKNOWN


def split_type(kind: str) -> tuple[str, str]:
    """`response.output_text.delta` as `output_text` and `delta`."""
    family, _, step = kind.removeprefix("response.").rpartition(".")
    return family, step


def key_of(family: str, document: Mapping[str, Any], below: Path = ()) -> ChannelKey:
    """The text of that family which an event is about."""
    indexes = [
        (name, value)
        for name, value in document.items()
        if type(value) is int and value and name.endswith("_index") and name != "output_index"
    ]
    return ChannelKey(family, owner_of(document), tuple(sorted(indexes)) if indexes else (), below)


def owner_of(document: Mapping[str, Any]) -> int | str | None:
    """The item an event is about: its index in the output, else its id."""
    index, name = document.get("output_index"), document.get("item_id")
    if type(index) is int:
        return index
    return name if isinstance(name, str) else None


def part_of(document: Mapping[str, Any]) -> tuple[str, int]:
    """The list and the position in it of the part an event is about."""
    member, name = ("summary", SUMMARY) if SUMMARY in document else ("content", CONTENT)
    index = document.get(name)
    return member, index if type(index) is int else 0


def family_of_part(kind: object) -> str | None:
    """The family whose text a part of that type holds."""
    return _PARTS.get(kind) if isinstance(kind, str) else None


def undocumented(document: Mapping[str, Any], step: str) -> Collection[str]:
    """The members of an event in which no API has a text, so that any may hold a piece of one that grows.

    None where an event tells something whole: a response, an item or a part, an end or an announcement, an error.
    """
    if document.keys() <= _DELTA_MEMBERS and step == "delta":
        return ()  # nearly all events
    if step in _TELL_WHOLE or any(isinstance(document.get(name), dict) for name in _SNAPSHOTS):
        return ()
    documented = _DELTA_MEMBERS if step == "delta" else _MEMBERS
    return [name for name in document if name not in documented and not name.endswith(_NAMING)]


class Growing(NamedTuple):
    """A text of an item that events may add to: which one, where in the item, and what it is so far."""

    family: str
    indexes: Mapping[str, int]
    below: Path
    path: Path
    text: str


def growing_texts(item: Mapping[str, Any]) -> Iterator[Growing]:
    """The texts of an item that has only begun."""
    for name, family in FAMILIES.items():
        if family.item == item.get("type"):
            for path, indexes, value in _matches(item, family.place, (), {}):
                if isinstance(value, str):
                    yield Growing(name, indexes, (), path, value)
                elif isinstance(value, dict):
                    for below in _BELOW:
                        if isinstance(value.get(below), str):
                            yield Growing(name, indexes, (below,), (*path, below), value[below])


def _matches(
    value: Any, place: tuple[str, ...], path: Path, indexes: Mapping[str, int]
) -> Iterator[tuple[Path, Mapping[str, int], Any]]:
    if not place:
        yield path, indexes, value
        return
    step, rest = place[0], place[1:]
    if step in _INDEXES:
        for index, child in enumerate(value if isinstance(value, list) else ()):
            yield from _matches(child, rest, (*path, index), {**indexes, step: index})
    elif isinstance(value, dict) and step in value:
        yield from _matches(value[step], rest, (*path, step), indexes)
