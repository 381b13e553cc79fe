"""Looking at texts of a stream that come whole. What the policy hides is changed in place."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from guardproxy.core.inspection import OutputGuard
from guardproxy.core.rewrite import redact_json_text, unescaped
from guardproxy.surfaces.messages.leaves import is_bytes, read_leaves
from guardproxy.surfaces.messages.sealed import edit, is_sealed, unseal
from guardproxy.surfaces.messages.words import is_own_word
from guardproxy.wire.document import replace
from guardproxy.wire.path import Key, Path, is_word


class Cleaner:
    """Cleans texts of one stream. What cannot be read stops it, unless the policy lets that through."""

    def __init__(self, guard: OutputGuard) -> None:
        self._guard = guard

    def text(self, text: str, path: Path) -> str:
        """What may be shown of a text."""
        return self._guard.whole(text, path)

    def arguments(self, text: str, path: Path) -> str:
        """JSON in a string: its decoded leaves are cleaned. Without JSON, what a lenient reader would see."""
        inside = redact_json_text(text, lambda leaf: self.text(leaf, path))
        if inside is not None:
            return inside
        view = unescaped(text)
        cleaned = self.text(view, path)
        return text if cleaned == view else cleaned

    def below(self, value: Any, path: Path, but: Collection[Path] = ()) -> bool:
        """Everything below a container but some places that were dealt with; whether anything was changed.

        A sealed block that stands in a list of it leaves that list, and if it is sealed itself it loses its seal.
        """
        leaves = read_leaves(value)
        for kind, where in leaves.opaque:
            self._guard.lets(kind, (*path, *where))
        edits: dict[Path, str] = {}
        for leaf in leaves.texts:
            if leaf.path in but:
                continue
            cleaned = self.text(leaf.text, (*path, *leaf.path))
            if cleaned != leaf.text:
                edits[leaf.path] = cleaned
        if not edits:
            return False
        edit(value, edits)
        if isinstance(value, dict) and is_sealed(value):
            unseal(value)
        return True

    def names(self, holder: dict[str, Any], path: Path) -> bool:
        """The names of an object's members that are no words of an API; whether any was changed."""
        changed = False
        for name in [name for name in holder if not is_word(name)]:
            cleaned = self.text(name, (*path, Key(name)))
            if cleaned != name:
                replace(holder, {(Key(name),): cleaned})
                changed = True
        return changed

    def members(self, holder: dict[str, Any], path: Path, but: Collection[str] = ()) -> bool:
        """All members of an object, except some that were dealt with; whether anything was changed."""
        changed = self.names(holder, path)
        kind = holder.get("type")
        for name, value in holder.items():
            if name in but:
                continue
            if isinstance(value, (dict, list)):
                changed = self.below(value, (*path, name)) or changed
            elif isinstance(value, str) and not (is_own_word(name, value) or is_bytes(kind, name, value)):
                holder[name] = self.text(value, (*path, name))
                changed = changed or holder[name] != value
        return changed
