"""To which call of a choice a fragment belongs, and with which index that call goes out.

The API says: by its `index`, which a server may leave out where a fragment stands in its place. But some servers give
all calls of an answer the same index, or none, and each call in one piece. Clients add up by index, and would make of
two such calls one that cannot run. So a fragment begins a call of its own where it cannot belong to the last one with
its index:

- it has another id, and a name, without which it would be no call, or the last one's arguments are whole already; some
  servers give each fragment a new id, and those belong together;
- it has a name and arguments but no id, and the last one's arguments are whole already. More would only spoil them.

A call that is begun so goes out with the next index that nobody has.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from guardproxy.wire.json_end import JsonEnd

_BODIES: Final = ("function", "custom")


class _Begun:
    """What of a call its next fragment is held against."""

    __slots__ = ("_end", "_object", "_unread", "call_id", "index")

    def __init__(self, index: int) -> None:
        self.index = index
        self.call_id = ""
        self._end = JsonEnd()
        self._unread: list[str] = []
        self._object = False  # some servers write the arguments as an object

    def take(self, arguments: Any) -> None:
        if isinstance(arguments, str):
            self._unread.append(arguments)
        elif arguments is not None:
            self._object = True

    @property
    def has_all(self) -> bool:
        """Whether its arguments are whole. They are read only here, as few servers make anybody ask, and once."""
        for piece in self._unread:
            self._end.feed(piece)
        self._unread.clear()
        return self._object or self._end.is_whole


class Belonging:
    """Of the calls of one choice."""

    __slots__ = ("_by_id", "_last", "_taken")

    def __init__(self) -> None:
        self._last: dict[int, _Begun] = {}  # by the upstream's index
        self._by_id: dict[tuple[int | None, str], _Begun] = {}
        self._taken: set[int] = set()  # indexes that go out

    def index_of(self, fragment: Mapping[str, Any], position: int) -> int:
        """The index of the call to which the fragment at that position of its delta belongs."""
        told, given = fragment.get("index"), fragment.get("id")
        told = told if type(told) is int else None
        call_id = given if isinstance(given, str) else ""
        name, arguments, is_json = _body(fragment)
        lane = position if told is None else told
        last = self._by_id.get((told, call_id)) or self._last.get(lane)
        if last is None or _begins(last, call_id, name, arguments):
            last = _Begun(lane if lane not in self._taken else max(self._taken) + 1)
            self._taken.add(last.index)
        self._last[lane] = last
        if call_id:
            last.call_id = call_id
            self._by_id[told, call_id] = self._by_id[None, call_id] = last
        if is_json:
            last.take(arguments)
        return last.index


def _begins(last: _Begun, call_id: str, name: Any, arguments: Any) -> bool:
    """Whether a fragment cannot be more of this call."""
    brings = bool(arguments.strip()) if isinstance(arguments, str) else arguments is not None
    if call_id and last.call_id and call_id != last.call_id:
        return bool(name) or (brings and last.has_all)
    return not call_id and bool(name) and brings and last.has_all


def _body(fragment: Mapping[str, Any]) -> tuple[Any, Any, bool]:
    """The name and the arguments in a fragment, and whether these are JSON, unlike the input of a custom tool."""
    for kind in _BODIES:
        body = fragment.get(kind)
        if isinstance(body, dict):
            return body.get("name"), body.get("arguments", body.get("input")), "arguments" in body
    return None, None, False
