"""The canonical exchange: not a translation, but pointers into the parsed document.

A `Segment` is one string of the document with where it came from (`Provenance`) and where it stands (`Path`).
Detectors see only segments; the document stays what it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence, Sized
from enum import StrEnum
from functools import partial
from types import MappingProxyType
from typing import Any, Final, NamedTuple, cast

from guardproxy.wire.path import Path


class Provenance(StrEnum):
    """Where text came from: a fact. What the policy makes of it is trust."""

    OPERATOR = "operator"
    USER = "user"
    TOOL = "tool"
    DOCUMENT = "document"
    MODEL = "model"


ALONE: Final = -1


class Segment(NamedTuple):
    """One text of an exchange. Like all values made for every request a named tuple, which is made three times as fast.

    Segments with the same `run` (other than `ALONE`) are read by the model as one continuous text: a secret or an
    injection cut in two between them is still found.
    """

    text: str
    provenance: Provenance
    path: Path
    run: int = ALONE


segment_of: Final = cast("Callable[[tuple[str, Provenance, Path, int]], Segment]", partial(tuple.__new__, Segment))
"""A segment of its four members, in half the time: for the texts that every exchange has."""


class OpaqueKind(StrEnum):
    """Content a text guard cannot read."""

    IMAGE = "image"
    AUDIO = "audio"
    FILE = "file"
    TOKENS = "tokens"
    ENCRYPTED = "encrypted"
    HOSTED = "hosted"
    UNKNOWN = "unknown"


class Opaque(NamedTuple):
    """A part of an exchange that could not be read as text."""

    kind: OpaqueKind
    provenance: Provenance
    path: Path

    @property
    def passes(self) -> bool:
        """Whether it passes under every policy, and is only told."""
        return False


class Seal(Opaque):
    """A provider's seal on something that was read."""

    __slots__ = ()

    @property
    def passes(self) -> bool:
        return True


def kinds_of(opaque: Sequence[Opaque]) -> Sequence[str]:
    """What could not be read, by kind: the reasons of a coverage."""
    return [item.kind.value for item in opaque] if opaque else ()


class Turn(NamedTuple):
    """A message as the caller labelled it. `role` is a claim, made by a member of what stands at `path`.

    `member` is None where the place itself says who speaks.
    """

    role: str
    path: Path
    member: str | None = "role"


turn_of: Final = cast("Callable[[tuple[str, Path, str | None]], Turn]", partial(tuple.__new__, Turn))
"""A turn of its three members, made like `segment_of`."""


class Reference(NamedTuple):
    """A place of a request that names something stored on the server, by its id."""

    path: Path
    id: str


class NamedModel(NamedTuple):
    """A model that a request names at `path`."""

    name: str
    path: Path


class NamedServer(NamedTuple):
    """A server, a connector or a tunnel that a request names at `path` for the upstream to ask."""

    name: str
    path: Path


class RequestReading(NamedTuple):
    """What a surface read out of a request: every text with its provenance, and the few facts the proxy acts on.

    `output_tokens` is the cap the caller asked for per choice, None if none; of each of the `inputs` there are so many
    `choices`. `stream_usage`: the caller wants a stream to end with the tokens it used. `documents` are the places the
    caller labelled as documents in the request itself. `state` is what the request refers to that is stored on the
    server. `background`: the answer is made later and fetched. `starting_after`: of a stream only events with a higher
    number are wanted. `other_models`: asked beside the `model`. `servers`: the upstream is to ask them.
    """

    model: str
    stream: bool
    segments: tuple[Segment, ...]
    turns: tuple[Turn, ...] = ()
    opaque: tuple[Opaque, ...] = ()
    tools: int = 0
    choices: int = 1
    output_tokens: int | None = None
    stream_usage: bool = False
    documents: tuple[Path, ...] = ()
    inputs: int = 1
    state: tuple[Reference, ...] = ()
    background: bool = False
    starting_after: int | None = None
    other_models: tuple[NamedModel, ...] = ()
    servers: tuple[NamedServer, ...] = ()

    @property
    def characters(self) -> int:
        return sum([len(text) for text, _, _, _ in self.segments])


class ResponseReading(NamedTuple):
    """What a surface read out of a whole response. `usage` is the upstream's own object, unchecked."""

    segments: tuple[Segment, ...]
    opaque: tuple[Opaque, ...] = ()
    usage: Any = None

    def text(self) -> str:
        """All of it, line by line."""
        return "\n".join([text for text, _, _, _ in self.segments])

    def length(self) -> int:
        """The characters of all its texts."""
        return sum([len(text) for text, _, _, _ in self.segments])


_NOTHING: Final[Mapping[str, int]] = MappingProxyType({})
_EVERY: Final = frozenset(Provenance)
_WORDS: Final = {provenance: provenance.value for provenance in Provenance}

# Why a text was not looked at: the policy has no rule for its provenance.
NO_RULE: Final = "no_rule"
_HARMLESS: Final = frozenset({NO_RULE})


class Coverage(NamedTuple):
    """How much of an exchange was looked at: segments inspected by provenance, and what was skipped, by reason."""

    inspected: Mapping[str, int] = MappingProxyType({})
    skipped: Mapping[str, int] = MappingProxyType({})

    @property
    def full(self) -> bool:
        """Whether everything the policy has rules for could be read."""
        return not self.skipped or _HARMLESS.issuperset(self.skipped)

    @property
    def extent(self) -> str:
        """`full` or `partial`, as headers and logs say it."""
        return "full" if not self.skipped or self.full else "partial"

    @staticmethod
    def of(
        groups: Mapping[Provenance, Sized], skipped: Collection[str] = (), watched: Collection[Provenance] = _EVERY
    ) -> Coverage:
        """Of the segments of each provenance, and of what was `skipped`, by reason.

        `watched`: the provenances the policy has rules for. A text no rule looks at was not inspected.
        """
        inspected: dict[str, int] = {}
        without = 0
        for provenance, group in groups.items():
            if provenance in watched:
                inspected[_WORDS[provenance]] = len(group)
            else:
                without += len(group)
        if not (skipped or without):
            return Coverage(inspected)
        reasons = dict(Counter(skipped)) if skipped else {}
        if without:
            reasons[NO_RULE] = without
        return Coverage(inspected, reasons)

    def plus(self, other: Coverage) -> Coverage:
        if not (other.inspected or other.skipped):
            return self
        return Coverage(_sum(self.inspected, other.inspected), _sum(self.skipped, other.skipped))


def _sum(one: Mapping[str, int], other: Mapping[str, int]) -> Mapping[str, int]:
    if not one or not other:
        return one or other
    total = dict(one)
    for name, count in other.items():
        total[name] = total.get(name, 0) + count
    return total
