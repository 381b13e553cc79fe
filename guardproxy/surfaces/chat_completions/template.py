"""Events that differ from an earlier one in nothing but their text, told without parsing them.

Most events of a stream repeat the one before, byte for byte, around another piece of text. Once such an event has been
parsed and looked at, what stands before and behind its text (`head`, `tail`) is known: the head ends inside the text's
quotes. A later event with the same head and tail, and between them neither a quote, a backslash nor a control
character, is the same document with that text. No parser can read it otherwise, so it may also go out as it came.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from guardproxy.wire.document import repeats_names

_MEMBER: Final = '"content"'
_TEXT_BEGINS: Final = re.compile(r'"content"[ \t]*:[ \t]*"')


class Template(NamedTuple):
    """What stands around the text of an event, as JSON."""

    head: str
    tail: str

    def text_of(self, data: str) -> str | None:
        """The text of an event of this form; None for any other event."""
        head, tail = self
        if not data.startswith(head) or not data.endswith(tail):
            return None
        text = data[len(head) : -len(tail)]
        # A form too short for both, whose head and tail overlap in it, would not be this document.
        return text if is_literal(text) and len(data) == len(head) + len(text) + len(tail) else None


def is_literal(text: str) -> bool:
    """Whether a text stands in JSON as it is."""
    return text.isprintable() and '"' not in text and "\\" not in text


def template_of(data: str, text: str) -> Template | None:
    """The form of an event that holds one `content`, and it is `text`; None if that cannot be told by its looks.

    Escapes could spell the member's name another way, and of two members of one name the second would count.
    """
    if "\\" in data or data.count(_MEMBER) != 1 or repeats_names(data):
        return None
    begins = _TEXT_BEGINS.search(data)
    if begins is None or not data.startswith(f'{text}"', begins.end()):
        return None
    return Template(data[: begins.end()], data[begins.end() + len(text) :])
