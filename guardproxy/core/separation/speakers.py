"""Which turns a caller may take beyond what its key may: their order and number, and system text that is pinned."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from typing import Final

from guardproxy.core.context import is_operator_role
from guardproxy.core.exchange import ALONE, Provenance, RequestReading, Segment, Turn
from guardproxy.core.separation.terms import DEFINING, RoleOrder, Separation
from guardproxy.core.verdict import Finding, Severity
from guardproxy.wire.path import Path

ROLE_ORDER: Final = "context.role-order"
DEFINITION: Final = "context.definition"
UNPINNED: Final = "context.unpinned-prompt"

_SPEAKERS: Final = {"user": "user", "assistant": "assistant", "tool": "tool", "function": "tool"}


def refuse_speakers(terms: Separation, reading: RequestReading) -> list[Finding]:
    """The turns that may not stand where they stand or say what they say, as findings that block."""
    refused = list(_out_of_order(terms.order, reading.turns)) if terms.order else []
    if terms.definitions_by_operators:
        refused += _defined_by_users(reading)
    if terms.pinned:
        refused += _unpinned(terms.pinned, reading)
    return refused


def pin_of(text: str) -> str:
    """The digest a policy pins a system text by: SHA-256 of its UTF-8, as `sha256sum` writes it."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def speaker_of(role: str) -> str:
    """One of `SPEAKERS`; roles no API documents count as the user's."""
    return "operator" if is_operator_role(role) else _SPEAKERS.get(role, "user")


def _out_of_order(order: RoleOrder, turns: tuple[Turn, ...]) -> Iterator[Finding]:
    counts: Counter[str] = Counter()
    before = ""
    for turn in turns:
        speaker = speaker_of(turn.role)
        counts[speaker] += 1
        too_late = order.operator_first and speaker == "operator" and before not in ("", "operator")
        uncalled = order.tool_after_call and speaker == "tool" and before not in ("assistant", "tool")
        too_many = counts[speaker] > order.most.get(speaker, counts[speaker])
        if too_late or uncalled or too_many:
            yield _finding(ROLE_ORDER, turn.path)
        before = speaker
    if turns and order.last and before not in order.last:
        yield _finding(ROLE_ORDER, turns[-1].path)


def pins_of(reading: RequestReading) -> list[str]:
    """The digests that would pin the system messages of a request."""
    return [pin_of(text) for text, _ in _said_by_operators(reading).values()]


def _unpinned(pinned: frozenset[str], reading: RequestReading) -> Iterator[Finding]:
    """System turns whose text is no pinned one; one that says something beside its content is none either."""
    for path, (text, beside) in _said_by_operators(reading).items():
        if beside or pin_of(text) not in pinned:
            yield _finding(UNPINNED, path)


def _said_by_operators(reading: RequestReading) -> dict[Path, tuple[str, bool]]:
    """By system turn: its content, and whether something is said beside it."""
    said: dict[Path, list[Segment]] = {turn.path: [] for turn in reading.turns if is_operator_role(turn.role)}
    for segment in reading.segments:
        turn = next((segment.path[:length] for length in (2, 1) if segment.path[:length] in said), None)
        if turn is not None:
            said[turn].append(segment)
    return {
        turn: (
            "".join(segment.text for segment in segments if _is_content(segment, turn)),
            not all(_is_content(segment, turn) for segment in segments),
        )
        for turn, segments in said.items()
    }


def _defined_by_users(reading: RequestReading) -> Iterator[Finding]:
    """Members that define tools and formats and say something that is not the operator's."""
    whose = {segment.path[0]: segment.provenance for segment in reading.segments if segment.path[0] in DEFINING}
    for name, provenance in whose.items():
        if provenance is not Provenance.OPERATOR:
            yield _finding(DEFINITION, (name,))


def _is_content(segment: Segment, turn: Path) -> bool:
    return segment.run != ALONE or segment.path == turn


def _finding(rule: str, path: Path) -> Finding:
    return Finding(rule, Severity.HIGH, Provenance.USER, path, 0, 0)
