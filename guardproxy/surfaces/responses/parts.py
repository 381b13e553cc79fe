"""What comes again at the end of a text, of its part and of its item: there stands what went out of it.

Where a server told the text nowhere before, it begins and ends there.
"""

from __future__ import annotations

from typing import Any

from guardproxy.surfaces.responses.cleaning import Cleaner
from guardproxy.surfaces.responses.families import JOINED, family_of, family_of_part, growing_texts
from guardproxy.surfaces.responses.flow import TextFlow
from guardproxy.wire.document import get
from guardproxy.wire.path import Path


def edit_done(document: dict[str, Any], family: str, flow: TextFlow, cleaner: Cleaner) -> bool:
    """The event that ends a text; False if it waits."""
    known = family_of(family)
    if known.held and isinstance(document.get(known.done), str):
        cleaner.members(document, (), (known.done,))
        return flow.end_text(family, document)
    flow.bring(family, document, document.get(known.done))
    goes_out = flow.end_text(family, document)
    told = flow.repeat(family, document, document, known.done)
    cleaner.members(document, (), (known.done,) if told else ())
    return goes_out


def edit_part(document: dict[str, Any], step: str, flow: TextFlow, cleaner: Cleaner) -> None:
    """A part that was announced or has ended."""
    cleaner.members(document, (), ("part",))
    part = document["part"]
    family = family_of_part(part.get("type"))
    member = "" if family is None else family_of(family).done
    grows: set[Path] = set()
    if step == "done":
        if family is not None:
            flow.bring(family, document, part.get(member))
        flow.end_part(document)
        if family is not None and flow.repeat(family, document, part, member):
            grows.add((member,))
    elif family is not None and isinstance(part.get(member), str):
        part[member] = flow.begin(family, document, part[member])
        grows.add((member,))
    cleaner.below(part, ("part",), grows)


def repeat_item(item: dict[str, Any], owner: int | str | None, flow: TextFlow) -> set[Path]:
    """The places of an item that has ended where such texts come again."""
    told: set[Path] = set()
    for growing in [one for one in growing_texts(item) if one.family in JOINED]:
        where = {"output_index" if isinstance(owner, int) else "item_id": owner, **growing.indexes}
        if flow.repeat(growing.family, where, get(item, growing.path[:-1]), str(growing.path[-1]), item):
            told.add(growing.path)
    return told
