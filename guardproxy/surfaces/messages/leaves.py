"""Every text below a value of this API, and what stands there that is no text.

One walk serves requests, answers and events. Three things it knows beside the catch-all: the input of a call is what a
model wrote, so its names and long numbers are texts too; some members of some objects hold bytes as base64; and images,
files and whatever the provider has sealed are something a policy has to decide on, since nobody here can read it.
Base64 counts as bytes only at those places, and never in metadata or schemas, whatever they look like: a key of letters
and digits would pass for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from guardproxy.core.exchange import Opaque, OpaqueKind, Provenance, Segment
from guardproxy.surfaces.member_names import DATA
from guardproxy.surfaces.messages.words import MEMBERS, is_own_word
from guardproxy.wire.document import is_long_number
from guardproxy.wire.path import Key, Path, is_word

# By type of the object, the members of it that hold bytes.
_BYTES: Final[Mapping[str, frozenset[str]]] = {
    "base64": frozenset({"data"}),
    "thinking": frozenset({"signature"}),
    "signature_delta": frozenset({"signature"}),
    "redacted_thinking": frozenset({"data"}),
    "compaction": frozenset({"signature", "encrypted_content"}),
    "compaction_delta": frozenset({"encrypted_content"}),
    "web_search_result": frozenset({"encrypted_content"}),
    "web_search_result_location": frozenset({"encrypted_index"}),
    "advisor_redacted_result": frozenset({"encrypted_content"}),
    "encrypted_code_execution_result": frozenset({"encrypted_stdout"}),
}
# Types that cannot be read whatever they hold, and those that cannot be if they have the member.
_UNREADABLE: Final = {
    "image": OpaqueKind.IMAGE,
    "container_upload": OpaqueKind.FILE,
    "code_execution_output": OpaqueKind.FILE,
    "bash_code_execution_output": OpaqueKind.FILE,
    "redacted_thinking": OpaqueKind.ENCRYPTED,
}
_SEALED_IN: Final = {
    "compaction": "encrypted_content",
    "compaction_delta": "encrypted_content",
    "web_search_result": "encrypted_content",
    "advisor_redacted_result": "encrypted_content",
    "encrypted_code_execution_result": "encrypted_stdout",
}
_READABLE_SOURCES: Final = frozenset({"text", "content"})
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_\r\n-]*={0,2}")


class Leaf(NamedTuple):
    """One text."""

    path: Path
    text: str


class Leaves(NamedTuple):
    """What stands below a value, in document order."""

    texts: list[Leaf]
    opaque: list[tuple[OpaqueKind, Path]]


def read_leaves(value: Any, path: Path = (), *, every_name: bool = False) -> Leaves:
    """All texts at and below `value`, which stands at `path`. Names of members only if they are no words of an API.

    With `every_name` all of them but this API's own. So it is everywhere in the input of a call.
    """
    leaves = Leaves([], [])
    if isinstance(value, str):
        leaves.texts.append(Leaf(path, value))
    else:
        _read(value, path, leaves, every_name, in_call=False)
    return leaves


def read_member(holder: Mapping[str, Any], name: str, path: Path) -> Leaves:
    """One member of a request's object at `path`, its name included unless it is one of this API's."""
    leaves = Leaves([], [])
    if name not in MEMBERS:
        leaves.texts.append(Leaf((*path, Key(name)), name))
    in_call = name == "input" and is_call(holder)
    _read_child(holder.get("type"), name, holder[name], (*path, name), leaves, every_name=True, in_call=in_call)
    return leaves


def opaque_kind(block: Mapping[str, Any]) -> OpaqueKind | None:
    """What of an object cannot be read, if anything."""
    kind = block.get("type")
    if not isinstance(kind, str):
        return None
    if kind == "document":
        source = block.get("source")
        comes_as = source.get("type") if isinstance(source, dict) else None
        return None if isinstance(comes_as, str) and comes_as in _READABLE_SOURCES else OpaqueKind.FILE
    if kind == "thinking":  # the seal over a text that was read is none; without that text it is all there is
        return OpaqueKind.ENCRYPTED if block.get("signature") and not block.get("thinking") else None
    sealed_in = _SEALED_IN.get(kind)
    if sealed_in is not None:
        return OpaqueKind.ENCRYPTED if block.get(sealed_in) else None
    return _UNREADABLE.get(kind)


def is_call(block: Mapping[str, Any]) -> bool:
    """Whether this is a call of a tool, of whatever kind: what it is called with stands in `input`."""
    kind = block.get("type")
    return isinstance(kind, str) and kind.endswith("tool_use")


def is_bytes(kind: object, member: object, text: str) -> bool:
    """Whether this member of an object of this type holds bytes and really does."""
    members = _BYTES.get(kind) if isinstance(kind, str) else None
    return members is not None and member in members and _BASE64.fullmatch(text) is not None


def segments(leaves: Iterable[Leaf], provenance: Provenance) -> Iterator[Segment]:
    """The leaves as texts of one provenance."""
    for path, text in leaves:
        yield Segment(text, provenance, path)


def opaques(leaves: Leaves, provenance: Provenance) -> Iterator[Opaque]:
    for kind, path in leaves.opaque:
        yield Opaque(kind, provenance, path)


def _read(value: Any, path: Path, leaves: Leaves, every_name: bool, in_call: bool, in_data: bool = False) -> None:
    if isinstance(value, list):
        for index, child in enumerate(value):
            _read_child(None, None, child, (*path, index), leaves, every_name, in_call, in_data)
    elif isinstance(value, dict):
        apart = in_call or in_data
        kind = None if apart else value.get("type")
        unread = None if apart else opaque_kind(value)
        if unread is not None:
            leaves.opaque.append((unread, path))
        calls = not apart and is_call(value)
        for name, child in value.items():
            if name not in MEMBERS and (every_name or in_call or not is_word(name)):
                leaves.texts.append(Leaf((*path, Key(name)), name))
            inside = in_call or (calls and name == "input")
            _read_child(kind, name, child, (*path, name), leaves, every_name, inside, in_data)


def _read_child(
    kind: Any, step: str | int | None, child: Any, here: Path, leaves: Leaves, every_name: bool, in_call: bool,
    in_data: bool = False,
) -> None:  # fmt: skip
    if isinstance(child, str):
        if in_call or not (is_own_word(step, child) or is_bytes(kind, step, child)):
            leaves.texts.append(Leaf(here, child))
    elif isinstance(child, (dict, list)):
        _read(child, here, leaves, every_name, in_call, in_data or step in DATA)
    elif in_call and is_long_number(child):
        leaves.texts.append(Leaf(here, str(child)))
