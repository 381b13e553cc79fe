"""Calls that were cut off, in what ends them and in a whole answer.

An item that is incomplete holds the beginning of a call. One that the caller would carry out is not shown at all: half
a command line is a command line, and some clients run a call without arguments. One that the upstream carries out is
shown without that beginning.
"""

from __future__ import annotations

from typing import Any, Final

from guardproxy.surfaces.responses.conversation import is_for_caller
from guardproxy.surfaces.responses.families import FAMILIES
from guardproxy.surfaces.responses.leaves import read_leaves
from guardproxy.wire.document import replace
from guardproxy.wire.json_end import is_all

_UNFINISHED: Final = frozenset({"incomplete", "in_progress"})
_CALLS: Final = {family.item: family.place[0] for family in FAMILIES.values() if family.held}
"""By type of a call's item, the member below which its texts stand."""


def cut_off(item: dict[str, Any], *, whole: bool) -> bool:
    """Whether an item that has ended is a call that broke off. `whole`: nothing says so of the response it is in.

    Arguments in which something is still open broke off whatever is said.
    """
    kind, status = item.get("type"), item.get("status")
    if not (isinstance(kind, str) and (kind in _CALLS or is_for_caller(item))):
        return False
    arguments = item.get("arguments")
    if isinstance(arguments, str) and arguments.strip() and not is_all(arguments, ended=True):
        return True
    return status in _UNFINISHED or (not whole and status is None)


def drop_cut_calls(document: Any) -> int:
    """Take the calls that were cut off out of a whole answer, in place; how many there were."""
    output = document.get("output") if isinstance(document, dict) else None
    if not isinstance(output, list):
        return 0
    whole = document.get("status") in (None, "completed")
    cut = [index for index, item in enumerate(output) if isinstance(item, dict) and cut_off(item, whole=whole)]
    for index in reversed(cut):
        if is_for_caller(output[index]):
            del output[index]
        else:
            blank_call(output[index])
    return len(cut)


def blank_call(item: dict[str, Any]) -> None:
    """Take a call's texts out of its item, in place."""
    member = _CALLS.get(str(item.get("type")))
    value = item.get(member) if member is not None else None
    if member is not None and isinstance(value, str):
        item[member] = ""
    elif isinstance(value, (dict, list)):
        replace(value, {leaf.path: "" for leaf in read_leaves(value).texts})
