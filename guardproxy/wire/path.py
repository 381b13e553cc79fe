"""Where a text stands in a JSON document.

The two special steps are classes of their own and no tuples: `Key("json")` must never equal `Inside("json")`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Key:
    """A path step that points at the *name* of an object's member, not at its value."""

    name: str


@dataclass(frozen=True, slots=True)
class Inside:
    """A path step into a string that itself holds JSON (a tool call's arguments)."""

    format: str = "json"


INSIDE_JSON: Final = Inside()

Step = str | int | Key | Inside
Path = tuple[Step, ...]


def format_path(path: Path) -> str:
    """`messages[0].content`, the way OpenAI writes `error.param`.

    Names of members the caller chose (inside arguments, metadata, schemas) could hold a secret, so a name is shown
    only where it is a plain identifier of at most 40 characters.
    """
    out = ""
    for step in path:
        match step:
            case Inside():
                break
            case Key():
                out += ".(name)"
            case int():
                out += f"[{step}]"
            case str():
                shown = step if step.isidentifier() and len(step) <= 40 else "(…)"
                out += f".{shown}" if out else shown
    return out
