"""Looking at what arrives at once in an event of a stream of choices. What the policy hides is changed in place."""

from __future__ import annotations

from typing import Any

from guardproxy.core.inspection import OutputGuard
from guardproxy.surfaces.chat_completions.opaque import Unread, is_bytes
from guardproxy.wire.document import replace, walk_strings
from guardproxy.wire.path import Key, Path, is_word

# Names that were looked at and stand in event after event; a name beyond that is looked at each time.
_MOST_KEPT = 1000


class Cleaner:
    """Cleans the names, labels and other strings of one stream. `labels` are those that may stand as they are."""

    def __init__(self, guard: OutputGuard, labels: dict[str, str]) -> None:
        self._guard = guard
        self._labels = labels
        self._names: set[str] = set()

    def names(self, holder: dict[str, Any]) -> None:
        """The names of an object's members that are no words of an API."""
        for name in [name for name in holder if not is_word(name)]:
            cleaned = self._name(name, (Key(name),))
            if cleaned != name:
                replace(holder, {(Key(name),): cleaned})

    def names_below(self, value: Any, path: Path, *, words: bool = False) -> bool:
        """Names below a container that are no words of an API, or all with `words`; whether any was changed."""
        edits: dict[Path, str] = {}
        for where, name in walk_strings(value, names=True):
            if isinstance(where[-1], Key) and (words or not is_word(name)):
                cleaned = self._name(name, (*path, *where))
                if cleaned != name:
                    edits[where] = cleaned
        replace(value, edits)
        return bool(edits)

    def label(self, document: dict[str, Any], member: str, value: str) -> None:
        """A label stands the same in every event, so it is looked at when it changes."""
        if self._labels.get(member) != value:
            cleaned = self._guard.whole(value, (member,))
            document[member] = cleaned
            if cleaned == value:
                self._labels[member] = value

    def below(self, holder: Any, member: str | int, *, counts: bool = False, found: Unread = ()) -> None:
        """Strings that arrive at once (metadata, errors, log probabilities), and names; of what the answer `counts`
        those that are no words of an API, of which it is full. `found` is what of it cannot be read.
        """
        edits: dict[Path, str] = {}
        for path, text in walk_strings(holder[member], (member,), names=True):
            if (counts and isinstance(path[-1], Key) and is_word(text)) or is_bytes(found, path, text):
                continue
            cleaned = self._guard.whole(text, path)
            if cleaned != text:
                edits[path] = cleaned
        replace(holder, edits)

    def _name(self, name: str, path: Path) -> str:
        if name in self._names:
            return name
        cleaned = self._guard.whole(name, path)
        if cleaned == name and len(self._names) < _MOST_KEPT and len(name) < 100:
            self._names.add(name)
        return cleaned
