"""Looking at texts of a stream that come whole, and at those that come again.

The same text stands in up to five events: in deltas, in its own `.done`, in the part, the item and the response. What
was made of it is kept, so it is looked at once, found once and shown alike each time; that whole and piecewise
redaction are equal makes this the same as looking again.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from guardproxy.core.inspection import OutputGuard
from guardproxy.core.rewrite import redact_json_text, unescaped
from guardproxy.surfaces.citations import edit_cited
from guardproxy.surfaces.responses.leaves import is_bytes, read_leaves
from guardproxy.surfaces.responses.sealed import SEAL, is_sealed
from guardproxy.surfaces.responses.words import is_own_word
from guardproxy.wire.document import replace
from guardproxy.wire.path import Key, Path, is_word

# Characters kept; a text beyond that is looked at again when it comes again.
_MOST_KEPT: Final = 8 * 1024 * 1024
_PADDING: Final = 16


class Cleaner:
    """Cleans texts of one stream. Everything is changed in place."""

    def __init__(self, guard: OutputGuard) -> None:
        self._guard = guard
        self._known: dict[str, str] = {}
        self._kept = 0
        self._words: set[str] = set()  # names that were looked at

    def text(self, text: str, path: Path) -> str:
        """What may be shown of a text."""
        known = self._known.get(text)
        if known is None:
            known = self._guard.whole(text, path)
            self.remember(text, known)
        return known

    def remember(self, text: str, shown: str) -> None:
        """A text has been shown like this."""
        if self._kept + len(text) <= _MOST_KEPT and text not in self._known:
            self._kept += len(text)
            self._known[text] = shown

    def arguments(self, text: str, path: Path) -> str:
        """JSON in a string: its decoded leaves are cleaned. Without JSON, what a lenient reader would see."""
        inside = redact_json_text(text, lambda leaf: self.text(leaf, path))
        if inside is not None:
            return inside
        view = unescaped(text)
        cleaned = self.text(view, path)
        return text if cleaned == view else cleaned

    def below(self, value: Any, path: Path, but: Collection[Path] = ()) -> bool:
        """Everything below a container, names that are no words of an API included; whether anything was changed.

        `but`: places below it that were dealt with.
        """
        edits: dict[Path, str] = {}
        for leaf in read_leaves(value).texts:
            if leaf.path in but:
                continue
            here = (*path, *leaf.path)
            cleaned = self.arguments(leaf.text, here) if leaf.arguments else self.text(leaf.text, here)
            if cleaned != leaf.text:
                edits[leaf.path] = cleaned
        edit_cited(value, edits, replace)
        return bool(edits)

    def item(self, item: Any, path: Path, but: Collection[Path] = ()) -> None:
        """An item. Sealed reasoning of which anything was hidden loses its seal."""
        if isinstance(item, dict) and self.below(item, path, but) and is_sealed(item):
            item[SEAL] = None

    def members(self, holder: dict[str, Any], path: Path, but: Collection[str] = ()) -> None:
        """All members of an object, except some that were dealt with."""
        for name in [name for name in holder if name not in self._words]:
            if is_word(name) and len(self._words) < 1000:
                self._words.add(name)
                continue
            cleaned = self.text(name, (*path, Key(name)))
            if cleaned != name:
                replace(holder, {(Key(name),): cleaned})
        kind = holder.get("type")
        for name, value in holder.items():
            if name in but or value is None or type(value) is int:
                continue
            if isinstance(value, str):
                if name == "arguments":
                    holder[name] = self.arguments(value, (*path, name))
                elif name == "obfuscation":  # another one each time
                    holder[name] = value if is_padding(value) else self._guard.whole(value, (*path, name))
                elif not (is_own_word(name, value) or is_bytes(kind, name, value)):
                    holder[name] = self.text(value, (*path, name))
            elif isinstance(value, list):
                for index, child in enumerate(value):
                    holder[name][index] = self._one(child, (*path, name, index))
            elif isinstance(value, dict):
                self.item(value, (*path, name))

    def _one(self, value: Any, path: Path) -> Any:
        if isinstance(value, str):
            return self.text(value, path)
        if isinstance(value, list):
            self.below(value, path)
        self.item(value, path)
        return value


def is_padding(value: str) -> bool:
    """Whether this is no more than the random padding that hides the length of a delta from who watches the network:
    too short for a credential.
    """
    return len(value) <= _PADDING and value.isascii() and value.isalnum()
