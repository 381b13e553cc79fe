"""What of a chat message no text guard can read: images and other parts, and reasoning that only its provider can read.

They stand in a message's content, in requests and in answers, and in members that other servers add: `images`,
`reasoning_details`, `thinking_blocks`, the pictures of a file in `annotations`. The texts beside the bytes are still
read: a file's name, a link. Base64 counts as bytes only in the member in which what was found has its bytes: anywhere
else, and in what no API documents, a key of letters and digits would pass for it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from guardproxy.core.exchange import Opaque, OpaqueKind, Provenance, Segment
from guardproxy.wire.document import walk_strings
from guardproxy.wire.path import Path

PARTS: Final = {
    "image_url": OpaqueKind.IMAGE,
    "input_image": OpaqueKind.IMAGE,
    "input_audio": OpaqueKind.AUDIO,
    "audio": OpaqueKind.AUDIO,
    "file": OpaqueKind.FILE,
    "input_file": OpaqueKind.FILE,
}
# Parts of an answer that say all they say in strings.
_READABLE_PARTS: Final = frozenset(
    {"text", "refusal", "input_text", "output_text", "thinking", "reasoning", "reference"}
)
# What a part or a message may hold, whatever its type says.
_MEMBERS: Final = {
    "image": OpaqueKind.IMAGE,
    "image_url": OpaqueKind.IMAGE,
    "images": OpaqueKind.IMAGE,
    "input_image": OpaqueKind.IMAGE,
    "input_audio": OpaqueKind.AUDIO,
    "audio_url": OpaqueKind.AUDIO,
    "file": OpaqueKind.FILE,
    "input_file": OpaqueKind.FILE,
    "video": OpaqueKind.UNKNOWN,
    "video_url": OpaqueKind.UNKNOWN,
    "encrypted_content": OpaqueKind.ENCRYPTED,
}
_REASONING: Final = frozenset({"reasoning_details", "thinking_blocks"})
_SEALED: Final = ("data", "encrypted_content")
_SEALED_TYPES: Final = frozenset({"reasoning.encrypted", "redacted_thinking"})
_MODALITIES: Final = {"image": OpaqueKind.IMAGE, "audio": OpaqueKind.AUDIO}

# By kind, members that hold the bytes themselves; and members whose links may.
_BYTES: Final = {
    OpaqueKind.IMAGE: frozenset({"image", "images"}),
    OpaqueKind.AUDIO: frozenset({"data"}),
    OpaqueKind.FILE: frozenset({"file_data"}),
    OpaqueKind.ENCRYPTED: frozenset(_SEALED),
}
_LINKS: Final = frozenset({"url", "image_url", "file_url", "images", "image", "audio_url", "video_url", "video"})
_BASE64: Final = re.compile(r"(?:data:[a-z0-9.+/-]{0,100}(?:;[a-z0-9=-]{1,40})?;base64,)?[A-Za-z0-9+/_\r\n-]*={0,2}")

# Members of a message that are not its content and may hold what cannot be read.
BESIDE: Final = _MEMBERS.keys() | _REASONING | {"annotations"}
CARRIERS: Final = BESIDE | {"content"}
_STREAMED: Final = CARRIERS | {"audio"}

Unread = Sequence[tuple[OpaqueKind, Path]]


def unread(member: str, value: Any) -> Unread:
    """What cannot be read of a member of a message in an answer, or of one of `BESIDE` in a request.

    The paths begin with the member.
    """
    if not value:
        return ()
    if member in _MEMBERS:
        count = len(value) if isinstance(value, list) else 0
        return [(_MEMBERS[member], (member, index)) for index in range(count)] or [(_MEMBERS[member], (member,))]
    if member == "audio":
        spoken = isinstance(value, dict) and isinstance(value.get("data"), str)
        return [(OpaqueKind.AUDIO, (member,))] if spoken else ()
    if not isinstance(value, list):
        return ()
    items = [(item, (member, index)) for index, item in enumerate(value) if isinstance(item, dict)]
    if member in _REASONING:
        sealed = [(item.get("type"), path) for item, path in items if any(item.get(name) for name in _SEALED)]
        return [(OpaqueKind.ENCRYPTED if kind in _SEALED_TYPES else OpaqueKind.UNKNOWN, path) for kind, path in sealed]
    if member == "content":
        return [(kind, path) for item, path in items for kind in _kinds_of(item)]
    if member == "annotations":
        return [found for item, path in items for found in _pictures_of(item, path)]
    return ()


def withhold(delta: dict[str, Any], lets: Callable[[OpaqueKind, Path], bool], where: Path) -> Unread:
    """What cannot be read of a delta at `where` and may pass; a member with something that may not is null then."""
    found: list[tuple[OpaqueKind, Path]] = []
    for member in _STREAMED.intersection(delta):
        parts = unread(member, delta[member])
        if all(lets(kind, (*where, *path)) for kind, path in parts):
            found += parts
        else:
            delta[member] = None
    return found


def held_by(part: dict[str, Any]) -> list[OpaqueKind]:
    """What a part of text holds beside its text, as no API says it may."""
    return sorted({_MEMBERS[name] for name, value in part.items() if value and name in _MEMBERS})


def asked_for(modalities: Any) -> Iterator[OpaqueKind]:
    """What an answer is to be besides text."""
    for modality in modalities if isinstance(modalities, list) else ():
        if isinstance(modality, str) and modality != "text":
            yield _MODALITIES.get(modality, OpaqueKind.UNKNOWN)


def opaques(found: Unread, path: Path, provenance: Provenance) -> Iterator[Opaque]:
    """The same for a message at `path`."""
    return (Opaque(kind, provenance, (*path, *where)) for kind, where in found)


def readable(part: dict[str, Any], kind: OpaqueKind, path: Path, provenance: Provenance) -> Iterator[Segment]:
    """The texts beside the bytes of a part of that kind, which cannot be read."""
    for where, text in walk_strings(part, path, names=True):
        if not _holds_bytes(kind, where, text):
            yield Segment(text, provenance, where)


def beside(found: Unread, member: str, value: Any, path: Path, provenance: Provenance) -> Iterator[Segment]:
    """The texts of a member of the message at `path` beside the bytes of what was found unread in it."""
    for where, text in walk_strings(value, (member,), names=True):
        if not is_bytes(found, where, text):
            yield Segment(text, provenance, (*path, *where))


def is_bytes(found: Unread, path: Path, text: str) -> bool:
    """Whether a string of a message is bytes of what was found unread."""
    return any(path[: len(where)] == where and _holds_bytes(kind, path, text) for kind, where in found)


def _holds_bytes(kind: OpaqueKind, path: Path, text: str) -> bool:
    name = [step for step in path if not isinstance(step, int)][-1]
    linked = name in _LINKS and text.startswith("data:")
    return (linked or name in _BYTES.get(kind, ())) and _BASE64.fullmatch(text) is not None


def _kinds_of(part: dict[str, Any]) -> list[OpaqueKind]:
    kind = part.get("type")
    if isinstance(kind, str) and kind not in _READABLE_PARTS:
        return [PARTS.get(kind, OpaqueKind.UNKNOWN)]
    return held_by(part)


def _pictures_of(annotation: dict[str, Any], path: Path) -> Iterator[tuple[OpaqueKind, Path]]:
    """What cannot be read of a file that a server read for the model and tells as an annotation, in parts."""
    file = annotation.get("file")
    parts = file.get("content") if isinstance(file, dict) else None
    for index, part in enumerate(parts if isinstance(parts, list) else ()):
        if isinstance(part, dict):
            yield from ((kind, (*path, "file", "content", index)) for kind in _kinds_of(part))
