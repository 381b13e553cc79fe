"""Where a text stands in a JSON document.

The two special steps are classes of their own and no tuples: `Key("json")` must never equal `Inside("json")`.
"""

from __future__ import annotations

import re
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
# What `format_path` shows as it is.
_WORD: Final = re.compile("[a-z_]{1,32}")

Path = tuple[Step, ...]


def is_word(name: str) -> bool:
    """Whether a member's name looks like a word of an API: at most 32 lower-case letters and underscores."""
    return _WORD.fullmatch(name) is not None


def format_path(path: Path) -> str:
    """`messages[0].content`, the way OpenAI writes `error.param`.

    Names of members the caller chose (inside arguments, metadata, schemas) could hold a secret, so a name is shown
    only where it looks like a word of an API: at most 32 lower-case letters and underscores.
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
                shown = step if is_word(step) else "(…)"
                out += f".{shown}" if out else shown
    return out
