"""Every text below a value of this API, and what stands there that is no text.

One walk serves requests, answers and events. Three things it knows beside the catch-all: arguments are JSON in a
string; some members of some types hold bytes as base64; and such an image, file or sealed reasoning is something a
policy has to decide on, since nobody can read it. Base64 counts as bytes only at those places, and never in metadata,
schemas or arguments, whatever they look like: a key of letters and digits would pass for it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from guardproxy.core.exchange import Opaque, OpaqueKind, Provenance, Segment
from guardproxy.surfaces.member_names import DATA
from guardproxy.surfaces.responses.words import is_own_word
from guardproxy.surfaces.texts import read_call, walk
from guardproxy.wire.document import UndecodableJson, decode, encode, repeats_names
from guardproxy.wire.path import Key, Path, Step, is_word

# By type of the object: what it carries, and in which members.
_CARRIERS: Final = {
    "input_image": (OpaqueKind.IMAGE, ("image_url", "file_id")),
    "computer_screenshot": (OpaqueKind.IMAGE, ("image_url", "file_id")),
    "image": (OpaqueKind.IMAGE, ("url",)),
    "image_generation_call": (OpaqueKind.IMAGE, ("result",)),
    "response.image_generation_call.partial_image": (OpaqueKind.IMAGE, ("partial_image_b64",)),
    "input_audio": (OpaqueKind.AUDIO, ("input_audio", "data")),
    "output_audio": (OpaqueKind.AUDIO, ("data",)),
    "input_file": (OpaqueKind.FILE, ("file_data", "file_url", "file_id")),
    "base64": (OpaqueKind.FILE, ("data",)),
    "reasoning": (OpaqueKind.ENCRYPTED, ("encrypted_content",)),
    "compaction": (OpaqueKind.ENCRYPTED, ("encrypted_content",)),
}
# Of those members, these hold bytes, and these may hold them as a `data:` link.
_BYTES: Final = frozenset({"result", "partial_image_b64", "data", "file_data", "encrypted_content"})
_LINKS: Final = frozenset({"image_url", "url", "file_url"})
_BASE64: Final = re.compile(r"(?:data:[a-z0-9.+/-]{0,100}(?:;[a-z0-9=-]{1,40})?;base64,)?[A-Za-z0-9+/_\r\n-]*={0,2}")


class Leaf(NamedTuple):
    """One text. `arguments`: it is JSON in a string, so its decoded leaves are the texts."""

    path: Path
    text: str
    arguments: bool = False


class Leaves(NamedTuple):
    """What stands below a value, in document order."""

    texts: list[Leaf]
    opaque: list[tuple[OpaqueKind, Path]]


def read_leaves(value: Any, path: Path = (), *, every_name: bool = False) -> Leaves:
    """All texts at and below `value`, which stands at `path`; names of members only if they are no words of an API.

    With `every_name` all of them. Arguments in which a name stands twice are written anew, in place.
    """
    leaves = Leaves([], [])
    if isinstance(value, str):
        leaves.texts.append(Leaf(path, value))
    else:
        _read(value, path, leaves, every_name, ())
    return leaves


def segments(leaves: Iterable[Leaf], provenance: Provenance) -> Iterator[Segment]:
    """The leaves as texts of one provenance, arguments decoded."""
    for leaf in leaves:
        if leaf.arguments:
            yield from read_call({"arguments": leaf.text}, leaf.path[:-1], provenance)
        else:
            yield Segment(leaf.text, provenance, leaf.path)


def opaques(leaves: Leaves, provenance: Provenance) -> Iterator[Opaque]:
    for kind, path in leaves.opaque:
        yield Opaque(kind, provenance, path)


def unread_in_event(document: dict[str, Any], step: str) -> Iterator[tuple[OpaqueKind, Path]]:
    """What an event of a stream brings that nobody can read, at the place it has in the response."""
    spoken = document.get("type") == "response.audio.delta"
    if step == "delta" and isinstance(document.get("delta"), str) and not spoken:
        return  # nearly all events
    index = document.get("output_index")
    base: Path = ("output", index) if type(index) is int else ()
    unread = read_leaves(document).opaque
    if spoken:
        unread.append((OpaqueKind.AUDIO, ("delta", "data")))
    for kind, path in unread:
        yield kind, (*base, *path[1:])


def without(leaves: Leaves, path: Path, apart: Collection[str], names: Collection[str]) -> Leaves:
    """The leaves of an object at `path` without some of its members, and without members' names the API has given."""
    at = len(path)
    texts = [
        leaf
        for leaf in leaves.texts
        if not (leaf.path[at] in apart or (len(leaf.path) == at + 1 and _is_name(leaf.path[at], names)))
    ]
    return Leaves(texts, [one for one in leaves.opaque if len(one[1]) == at or one[1][at] not in apart])


def _is_name(step: Step, names: Collection[str]) -> bool:
    return isinstance(step, Key) and step.name in names


def is_bytes(kind: object, member: str, text: str) -> bool:
    """Whether this member of an object of this type (its `type`) holds bytes and really does."""
    _, members = _CARRIERS.get(kind, (None, ())) if isinstance(kind, str) else (None, ())
    return member in members and _holds_bytes(member, text)


def is_base64(text: str) -> bool:
    return _BASE64.fullmatch(text) is not None


def _holds_bytes(member: str, text: str) -> bool:
    return (member in _BYTES or (member in _LINKS and text.startswith("data:"))) and is_base64(text)


def _read(
    value: Any, path: Path, leaves: Leaves, every_name: bool, carried: Sequence[str], in_data: bool = False
) -> None:
    if isinstance(value, list):
        for index, child in enumerate(value):
            if isinstance(child, str):
                leaves.texts.append(Leaf((*path, index), child))
            elif isinstance(child, (dict, list)):
                _read(child, (*path, index), leaves, every_name, (), in_data)
    elif isinstance(value, dict):
        kind = value.get("type")
        if isinstance(kind, str) and kind in _CARRIERS and not in_data:
            opaque, carried = _CARRIERS[kind]
            if any(value.get(member) is not None for member in carried):
                leaves.opaque.append((opaque, path))
        for name, child in value.items():
            here = (*path, name)
            if every_name or not is_word(name):
                leaves.texts.append(Leaf((*path, Key(name)), name))
            if isinstance(child, str):
                _read_string(value, name, child, here, leaves, carried)
            elif isinstance(child, (dict, list)):
                # What an `input_audio` holds stands one level deeper, below its own name.
                inner = carried if name == kind and name in carried else ()
                _read(child, here, leaves, every_name, inner, in_data or name in DATA)


def _read_string(
    holder: dict[str, Any], name: str, text: str, here: Path, leaves: Leaves, carried: Sequence[str]
) -> None:
    if name == "arguments":
        leaves.texts.append(Leaf(here, _unambiguous(holder, name, text), arguments=True))
    elif name in carried and _holds_bytes(name, text):
        return
    elif not is_own_word(name, text):
        leaves.texts.append(Leaf(here, text))


def _unambiguous(holder: dict[str, Any], name: str, text: str) -> str:
    try:
        value = decode(text)
    except UndecodableJson:
        return text
    if repeats_names(text):
        holder[name] = text = encode(value).decode()
    return text


def named(name: str, value: Any, path: Path, provenance: Provenance) -> Sequence[Segment]:
    """A member nobody has heard of: its name is a text too."""
    return walk({name: value}, path, provenance)
