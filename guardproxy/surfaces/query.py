"""The query of a request: an allow-list of members, each with the form of its values.

A query is sent to the upstream, so nothing in it is taken as it comes: members nobody here knows are left out, as are
those of other paths; a value that has not its member's form is refused, and so is a member that is there twice.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple
from urllib.parse import parse_qsl, urlencode

from guardproxy.errors import InvalidRequest

Query = tuple[tuple[str, str], ...]

LONGEST: Final = 4096
_MOST: Final = 64


class QueryMember(NamedTuple):
    """`many`: it may be there several times. `forwarded` False: it is for the proxy and not for the upstream."""

    form: re.Pattern[str]
    many: bool = False
    forwarded: bool = True


def read_query(raw: str, members: Mapping[str, QueryMember]) -> Query:
    """The known members of a query, decoded. Raises `InvalidRequest`."""
    if not raw or not members:
        return ()
    if len(raw) > LONGEST:
        raise InvalidRequest(f"the query is longer than {LONGEST:,} characters")
    try:
        found = parse_qsl(raw, keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=_MOST)
    except ValueError:  # also for bytes that are no UTF-8; its text quotes the query
        raise InvalidRequest("the query cannot be read") from None
    query: list[tuple[str, str]] = []
    for name, value in found:
        member = members.get(name)
        if member is None:
            continue
        if not member.form.fullmatch(value):
            raise InvalidRequest(f"the query's '{name}' has a value that is not allowed here", param=name)
        if not member.many and any(name == known for known, _ in query):
            raise InvalidRequest(f"the query's '{name}' is there twice", param=name)
        query.append((name, value))
    return tuple(query)


def write_query(query: Sequence[tuple[str, str]], members: Mapping[str, QueryMember]) -> str:
    """The part of a query that goes to the upstream, with its question mark; empty if nothing does."""
    forwarded = [(name, value) for name, value in query if members[name].forwarded]
    return f"?{urlencode(forwarded)}" if forwarded else ""
