"""What a request without a body says: the id of a stored response, and a query of which each member is known.

Background responses are only ever delivered this way, so they are looked at when they are fetched. A stream is always
asked for from its beginning: what may be shown of a text is decided by all of it, so the proxy reads what the client
has seen already and leaves it out of what it sends.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from guardproxy.core.exchange import Opaque, Provenance, Reference, RequestReading, Segment
from guardproxy.surfaces.query import QueryMember
from guardproxy.surfaces.responses.request import OPAQUE_ANSWERS

_SWITCH: Final = QueryMember(re.compile("true|false"))
_INCLUDE: Final = QueryMember(re.compile(r"[a-z_]{1,40}(?:\.[a-z_]{1,40}){0,4}"), many=True)
_ANYWHERE: Final = {"include": _INCLUDE, "include[]": _INCLUDE}

RETRIEVE: Final[Mapping[str, QueryMember]] = {
    **_ANYWHERE,
    "stream": _SWITCH,
    "starting_after": QueryMember(re.compile("[0-9]{1,9}"), forwarded=False),
    "include_obfuscation": _SWITCH,
}
LIST_ITEMS: Final[Mapping[str, QueryMember]] = {
    **_ANYWHERE,
    "limit": QueryMember(re.compile("[0-9]{1,4}")),
    "order": QueryMember(re.compile("asc|desc")),
    "after": QueryMember(re.compile("[A-Za-z0-9][A-Za-z0-9_-]{0,127}")),
}
_ID: Final = ("response_id",)


def read_target(target: str, query: Sequence[tuple[str, str]]) -> RequestReading:
    """What a request about the stored response `target` says. It is a reference to something stored on the server."""
    told = dict(query)
    starting_after = told.get("starting_after")
    opaque = []
    for name, value in query:
        kind = OPAQUE_ANSWERS.get(value) if name in _ANYWHERE else None
        if kind is not None:
            opaque.append(Opaque(kind, Provenance.MODEL, (name,)))
    texts = [Segment(target, Provenance.USER, _ID)]
    texts += [Segment(value, Provenance.USER, (name,)) for name, value in query]
    return RequestReading(
        model="",
        stream=told.get("stream") == "true",
        segments=tuple(texts),
        opaque=tuple(opaque),
        output_tokens=0,
        state=(Reference(_ID, target),),
        starting_after=None if starting_after is None else int(starting_after),
    )
