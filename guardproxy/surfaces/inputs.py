"""Text without a role: the `prompt` of a completion, the `input` of embeddings and moderations.

It is a string, several strings, numbers of tokens, several lists of those, or parts with a type. Several strings are
several inputs, which no model reads as one; the parts of one input are one run. Token numbers are text that only the
model's own tokenizer can read, so they are opaque, as images are: the policy decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from guardproxy.core.exchange import ALONE, Opaque, OpaqueKind, Provenance, Segment
from guardproxy.errors import InvalidRequest
from guardproxy.surfaces.texts import walk
from guardproxy.wire.document import walk_strings
from guardproxy.wire.path import Path, format_path

# A list of token numbers.
TOKENS: Final = OpaqueKind.TOKENS

_TEXT_MEMBER: Final = {"text": "text", "input_text": "text", "refusal": "refusal", "output_text": "text"}
_OPAQUE_TYPES: Final = {
    "image_url": OpaqueKind.IMAGE,
    "image": OpaqueKind.IMAGE,
    "input_image": OpaqueKind.IMAGE,
    "image_base64": OpaqueKind.IMAGE,
    "input_audio": OpaqueKind.AUDIO,
    "audio": OpaqueKind.AUDIO,
    "audio_url": OpaqueKind.AUDIO,
    "file": OpaqueKind.FILE,
    "input_file": OpaqueKind.FILE,
}
# By kind, members that hold the bytes of an opaque part themselves; and those with a link which may do so.
_BYTES: Final = {
    OpaqueKind.IMAGE: frozenset({"image", "image_base64"}),
    OpaqueKind.AUDIO: frozenset({"data", "audio"}),
    OpaqueKind.FILE: frozenset({"file_data"}),
}
_LINKS: Final = frozenset({"url", "image_url", "file_url", "audio_url", "image", "audio"})
# Only what really is base64 is bytes; anything else that stands there is text.
_BASE64: Final = re.compile(r"(?:data:[a-z0-9.+/-]{0,100}(?:;[a-z0-9=-]{1,40})?;base64,)?[A-Za-z0-9+/_\r\n-]*={0,2}")


class InputReader:
    """Collects the texts of one request. `parts`: the API takes objects where text may stand."""

    def __init__(self, provenance: Provenance, *, parts: bool) -> None:
        self.segments: list[Segment] = []
        self.opaque: list[Opaque] = []
        self._provenance = provenance
        self._parts = parts
        self._run = ALONE

    def read_input(self, value: Any, path: Path) -> int:
        """Read one member of the request; how many inputs it holds, a part counted as one.

        Raises `InvalidRequest` for what is no input.
        """
        if isinstance(value, str):
            self._text(value, path, ALONE)
        elif isinstance(value, list) and value:
            return self._read_list(value, path)
        elif isinstance(value, dict) and self._parts:
            self._read_part(value, path, self._next_run())
        else:
            raise self._wrong(path)
        return 1

    def _read_list(self, values: list[Any], path: Path) -> int:
        kinds = set(map(type, values))
        if int in kinds:
            self.opaque.append(Opaque(TOKENS, self._provenance, path))
            if len(kinds) == 1:
                return 1
        # Strings between numbers, and parts, belong to one input.
        run = self._next_run() if kinds & {int, dict} else ALONE
        for index, value in enumerate(values):
            self._read_item(value, (*path, index), run)
        return 1 if int in kinds else len(values)

    def _read_item(self, value: Any, path: Path, run: int) -> None:
        if isinstance(value, str):
            self._text(value, path, run)
        elif isinstance(value, list) and value and set(map(type, value)) == {int}:
            self.opaque.append(Opaque(TOKENS, self._provenance, path))
        elif isinstance(value, dict) and self._parts:
            self._read_part(value, path, self._next_run() if "content" in value else run)
        elif type(value) is not int:
            raise self._wrong(path)

    def _read_part(self, part: dict[str, Any], path: Path, run: int) -> None:
        """A part with a type, an object with parts or a string under `content`, or one whose members tell its type."""
        content = part.get("content")
        if isinstance(content, (str, list)):
            self._read_content(content, (*path, "content"), run)
            self.segments += walk({k: v for k, v in part.items() if k != "content"}, path, self._provenance)
            return
        kinds = _kinds_of(part)
        self.opaque += [Opaque(kind, self._provenance, path) for kind in kinds]
        text_member = _TEXT_MEMBER.get(part.get("type", "text")) if not kinds else None
        if text_member is None:
            self.segments += _readable(part, kinds, path, self._provenance)
            return
        for name, value in part.items():
            if name == text_member:
                if not isinstance(value, str):
                    raise InvalidRequest("the text of a part must be a string", param=format_path((*path, name)))
                self._text(value, (*path, name), run)
            elif name != "type":
                self.segments += walk({name: value}, path, self._provenance)

    def _read_content(self, content: str | list[Any], path: Path, run: int) -> None:
        if isinstance(content, str):
            self._text(content, path, run)
            return
        for index, part in enumerate(content):
            self._read_item(part, (*path, index), run)

    def _text(self, text: str, path: Path, run: int) -> None:
        self.segments.append(Segment(text, self._provenance, path, run))

    def _next_run(self) -> int:
        self._run += 1
        return self._run

    def _wrong(self, path: Path) -> InvalidRequest:
        forms = "a string, a list of strings, token numbers or lists of them" + (", or parts" if self._parts else "")
        return InvalidRequest(f"this must be {forms}, and not empty", param=format_path(path))


def _kinds_of(part: dict[str, Any]) -> list[OpaqueKind]:
    """What a part holds that cannot be read; nothing for a part of text. Some dialects leave the type out."""
    kinds = [kind for name, kind in _OPAQUE_TYPES.items() if part.get("type") == name or part.get(name) is not None]
    if not kinds and ("type" in part or set(part) != {"text"}):
        named = part.get("type")
        return [] if isinstance(named, str) and named in _TEXT_MEMBER else [OpaqueKind.UNKNOWN]
    return list(dict.fromkeys(kinds))


def _readable(
    part: dict[str, Any], kinds: Sequence[OpaqueKind], path: Path, provenance: Provenance
) -> Iterator[Segment]:
    """The texts beside the bytes of a part of those kinds: a file's name, a link; not base64 where they have theirs."""
    for where, text in walk_strings(part, path, names=True):
        linked = where[-1] in _LINKS and text.startswith("data:")
        if not ((linked or any(where[-1] in _BYTES.get(kind, ()) for kind in kinds)) and _BASE64.fullmatch(text)):
            yield Segment(text, provenance, where)
