"""Long lists in pages: what comes after an id, so many at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

from guardproxy.errors import InvalidRequest

LIMIT_DEFAULT: Final = 50
LIMIT_MOST: Final = 200
PAGING: Final = ("limit", "after")

Item = TypeVar("Item")


def page(
    items: Sequence[Item], query: Mapping[str, str], id_of: Callable[[Item], str], shown: Callable[[Item], Any]
) -> dict[str, Any]:
    """The items after the one with the id `after`; `next` is what `after` is for the next page, None on the last.

    Raises `InvalidRequest`.
    """
    limit, after = _limit(query.get("limit")), query.get("after")
    begin = 0
    if after is not None:
        places = [at for at, item in enumerate(items) if id_of(item) == after]
        if not places:
            raise InvalidRequest("after is the id of an item of this list")
        begin = places[0] + 1
    part = items[begin : begin + limit]
    more = begin + limit < len(items)
    return {"object": "list", "data": [shown(item) for item in part], "next": id_of(part[-1]) if more else None}


def _limit(text: str | None) -> int:
    if text is None:
        return LIMIT_DEFAULT
    if not (text.isascii() and text.isdecimal() and 0 < int(text[:9]) <= LIMIT_MOST and len(text) < 9):
        raise InvalidRequest(f"limit is a number from 1 to {LIMIT_MOST}")
    return int(text)
