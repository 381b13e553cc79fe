"""A conversation as tool rules see it, in no API's dialect: who said what, which tools were called, what came back.

Each surface fills this in from its own documents. It holds texts and decoded arguments, no copies of documents, and is
made only for policies that have rules about tools.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from guardproxy.core.exchange import Provenance
from guardproxy.core.rewrite import unescaped
from guardproxy.wire.document import UndecodableJson, decode, walk_strings
from guardproxy.wire.path import Path


class _Unreadable:
    """Arguments that should be JSON and are not."""

    def __repr__(self) -> str:
        return "UNREADABLE"


UNREADABLE: Final = _Unreadable()


class Spoken(NamedTuple):
    """Text somebody wrote. `asks`: it is the user's own turn, whatever the caller's text counts as."""

    text: str
    provenance: Provenance
    asks: bool = False


class ToolCall(NamedTuple):
    """One whole call. `names`: what it may be called, the full name first (`mcp:crm/send`, `send`).

    `arguments` is decoded JSON, a text for tools that take text, or `UNREADABLE`. `declared`: the request need not
    have offered it by this name.
    """

    names: tuple[str, ...]
    arguments: Any
    path: Path = ()
    id: str = ""
    declared: bool = False


class ToolResult(NamedTuple):
    """What a tool gave back. Without `names` nobody can say which tool it was."""

    names: tuple[str, ...]
    texts: tuple[str, ...]
    path: Path = ()


class Found(NamedTuple):
    """Texts of documents: what an application found and its user did not write. Rules call it `document`."""

    texts: tuple[str, ...]


class Definition(NamedTuple):
    """A tool a request offers. `document` is what the model reads of it, without the dialect's wrapping."""

    names: tuple[str, ...]
    document: Mapping[str, Any]
    path: Path = ()


class Forced(NamedTuple):
    """A tool the request makes the model call, or `only` lets it choose from a few."""

    name: str
    path: Path
    only: bool = False


Step = Spoken | ToolCall | ToolResult | Found

# So many undo JSON in a string of JSON in a string of JSON, one after the other.
_READERS: Final = 4

DOCUMENT: Final = ("document",)
"""What documents are called where a rule names tools whose output is in the context."""


class Conversation(NamedTuple):
    """`unseen`: the model reads more than the request holds, such as a conversation stored on the server."""

    steps: tuple[Step, ...] = ()
    definitions: tuple[Definition, ...] = ()
    forced: tuple[Forced, ...] = ()
    unseen: bool = False


UNKNOWN: Final = Conversation(unseen=True)
"""What is known of a conversation whose request was never seen."""


def read_arguments(text: Any) -> Any:
    """Arguments in a string, decoded. Some servers write nothing at all for none."""
    if isinstance(text, (dict, list)):
        return text
    if not isinstance(text, str):
        return {} if text is None else UNREADABLE
    if not text.strip():
        return {}
    try:
        return decode(text)
    except UndecodableJson:
        return UNREADABLE


def readings(text: str) -> Iterator[str]:
    """A text as it is written, and as it is read where it holds JSON's escapes, and those of JSON in that JSON."""
    yield text
    for _ in range(_READERS):
        if "\\" not in text or (read := unescaped(text)) == text:
            return
        yield (text := read)


def texts_below(value: Any, *, names: bool = True) -> tuple[str, ...]:
    """Every text of a value as a model reads it, with the names of members unless an API has named them all."""
    found: list[str] = []
    for _, text in walk_strings(value, names=names, numbers=True):
        found += readings(text)
    return tuple(found)
