"""A JSON document read, walked and edited in place; what nobody touches stays what it is.

Members keep their order and numbers their value, also integers beyond 64 bits. A path (see `path`) points at a value,
at a member's name (`Key`), or through a string that itself holds JSON (`Inside`). Such a string is decoded once for
all edits under it and written again once, as valid JSON: a secret cannot hide behind its escapes, and a replaced text
cannot break out of its quotes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from guardproxy.wire.json_text import JsonText
from guardproxy.wire.path import Inside, Key, Path, Step

MAX_DEPTH: Final = 256
MIN_DIGITS: Final = 6
_LONG_NUMBER: Final = 10 ** (MIN_DIGITS - 1)

_DECODER = msgspec.json.Decoder()
_ENCODER = msgspec.json.Encoder()


class UndecodableJson(ValueError):
    """Not one JSON value every reader would read. The message holds a position, never text of the document."""


class _RepeatedName(ValueError):
    pass


def _refuse_repeated_name(pairs: list[tuple[str, Any]]) -> None:
    if len({name for name, _ in pairs}) != len(pairs):
        raise _RepeatedName


_NAME_CHECK = json.JSONDecoder(object_pairs_hook=_refuse_repeated_name)


def decode(raw: bytes | str) -> Any:
    """The value of an upstream's JSON. Raises `UndecodableJson`, also for nesting deeper than `MAX_DEPTH`.

    NaN, numbers beyond a double, invalid UTF-8 and halves of surrogate pairs are refused. Of equal names the last wins.
    """
    try:
        value = _DECODER.decode(raw)
    except UnicodeError:  # its text quotes the document
        reason = "invalid UTF-8"
    except (msgspec.MsgspecError, RecursionError) as error:
        reason = str(error)
    else:
        if not (_may_be_deep(raw) and is_deeper_than(MAX_DEPTH, value)):
            return value
        reason = f"nested deeper than {MAX_DEPTH}"
    raise UndecodableJson(reason)


def encode(value: Any) -> bytes:
    """Compact UTF-8. A text with half of a surrogate pair cannot be UTF-8: then everything is in ASCII escapes."""
    try:
        return _ENCODER.encode(value)
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()


def repeats_names(raw: bytes | str) -> bool:
    """Whether an object of this JSON has two members of one name: of those, whoever decodes it sees only one.

    Text that `decode` has accepted and that is forwarded as it stands needs this answer to be False.
    """
    try:
        _NAME_CHECK.decode(raw if isinstance(raw, str) else raw.decode())
    except _RepeatedName:
        return True
    return False


def get(document: Any, path: Path) -> Any:
    """What stands at a path; for a path that ends in `Key`, the name itself. `LookupError` when nothing does."""
    value = document
    for step in path:
        match step:
            case Inside():
                value = decode(_string(value))
            case Key(name):
                value = _checked(value, name)
            case _:
                value = value[_checked(value, step)]
    return value


def replace(document: Any, edits: Mapping[Path, str]) -> None:
    """Puts each text where its path points. A number or another scalar may stand there as well as a string.

    A path that ends in `Key` renames the member, which keeps its place; a name that is taken gets a suffix, so no
    member is lost. Paths are those of the document before any of the edits. Raises `LookupError` when nothing stands
    at a path, `UndecodableJson` for an `Inside` of a string that holds no JSON, and `ValueError` for an edit of the
    whole document, of a container, or of both a text and what is inside of it; then the document may be half edited.
    """
    if () in edits:
        raise ValueError("the document itself cannot be replaced in place")
    if edits:
        _edited(document, list(edits.items()))


def walk_strings(
    value: Any, path: Path = (), *, names: bool = False, numbers: bool = False
) -> Iterator[tuple[Path, str]]:
    """Every string in document order with its path, which begins with `path`; with `names` also every member's name.

    A name comes before what it names, at a path that ends in `Key`. With `numbers` also those long enough to identify
    somebody (`MIN_DIGITS`), as they are written. Needs no recursion.
    """
    if isinstance(value, str):
        yield path, value
        return
    walks = [(path, _members(value))]
    while walks:
        here, members = walks[-1]
        for step, child in members:
            if names and isinstance(step, str):
                yield (*here, Key(step)), step
            if isinstance(child, str):
                yield (*here, step), child
            elif numbers and is_long_number(child):
                yield (*here, step), str(child)
            elif isinstance(child, (dict, list)):
                walks.append(((*here, step), _members(child)))
                break
        else:
            walks.pop()


def is_long_number(value: Any) -> bool:
    """Whether this is a number of at least `MIN_DIGITS` digits before the point."""
    return type(value) in (int, float) and abs(value) >= _LONG_NUMBER


def is_deeper_than(limit: int, value: Any) -> bool:
    """Whether a container stands inside `limit` others."""
    level = [value] if isinstance(value, (dict, list)) else []
    for _ in range(limit):
        if not level:
            return False
        level = [child for container in level for _, child in _members(container) if isinstance(child, (dict, list))]
    return bool(level)


def _may_be_deep(raw: bytes | str) -> bool:
    if len(raw) <= 2 * MAX_DEPTH:
        return False
    opened = raw.count("[") + raw.count("{") if isinstance(raw, str) else raw.count(b"[") + raw.count(b"{")
    return opened > MAX_DEPTH


def _members(value: Any) -> Iterator[tuple[str | int, Any]]:
    if isinstance(value, dict):
        return iter(value.items())
    return iter(enumerate(value)) if isinstance(value, list) else iter(())


def _edited(value: Any, edits: Sequence[tuple[Path, str]]) -> Any:
    """`value` after edits whose paths begin at it. Containers are changed in place, anything else is made anew."""
    below: dict[Step, list[tuple[Path, str]]] = {}
    for path, text in edits:
        if not path:
            return _replaced(value, text, alone=len(edits) == 1)
        below.setdefault(path[0], []).append((path[1:], text))
    renames: dict[str, str] = {}
    for step, under in below.items():
        match step:
            case Inside():
                text = _string(value)
                value = _rewritten(text, dict(under)) or encode(_edited(decode(text), under)).decode()
            case Key(name):
                renames[_checked(value, name)] = _new_name(under)
            case _:
                value[step] = _edited(value[_checked(value, step)], under)
    if renames:
        _rename(value, renames)
    return value


def _rewritten(text: str, edits: Mapping[Path, str]) -> str | None:
    """JSON in a string with its leaves edited, everything else as it is spelled; None if it takes more than that."""
    try:
        read = JsonText(text)
    except (ValueError, RecursionError):
        return None
    found = {leaf.at: edits[leaf.path] for leaf in read.leaves if leaf.path in edits}
    return read.written(found) if len(found) == len(edits) and not read.repeats_names() else None


def _new_name(edits: Sequence[tuple[Path, str]]) -> str:
    [(path, text)] = edits
    if path:
        raise LookupError("nothing stands at this path of the document, which goes on after a name")
    return text


def _replaced(value: Any, text: str, *, alone: bool) -> str:
    if not alone or isinstance(value, (dict, list)):
        raise ValueError("an edit replaces a container, or a text that another edit enters")
    return text


def _rename(members: dict[str, Any], renames: Mapping[str, str]) -> None:
    taken = {name for name in members if name not in renames}
    tried: dict[str, int] = {}
    before = list(members.items())
    members.clear()
    for old, value in before:
        name = wanted = renames.get(old, old)
        while old in renames and name in taken:
            tried[wanted] = tried.get(wanted, 1) + 1
            name = f"{wanted}_{tried[wanted]}"
        taken.add(name)
        members[name] = value


def _checked(value: Any, step: Any) -> Any:
    """The step, if something stands there. The error does not show it: it may be a name the caller chose."""
    if isinstance(step, str) and isinstance(value, dict) and step in value:
        return step
    if isinstance(step, int) and isinstance(value, list) and 0 <= step < len(value):
        return step
    raise LookupError("nothing stands at this path of the document")


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise LookupError("no string stands at this path of the document")
    return value
