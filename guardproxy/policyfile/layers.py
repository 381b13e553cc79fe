"""One policy laid over another: `extends`, and the blocks under `when`.

What the upper one says wins. Mappings are merged key by key, as deep as they go, so an `override` of one rule leaves
those of the others alone, and `limits: {messages: 10}` the other limits. The lists `packs`, `rules` and `when` are
added to the lower one's. Everything else, quotas among it, is replaced as a whole. Never taken over are the things
that are about one file: `version`, `name`, `description`, `extends`, `tightens`.

Every value keeps the place where it was written, so a mistake is told with the file, line and column it really has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from guardproxy.policyfile.yaml_nodes import Place, YamlFile

ADDED: Final = frozenset({"packs", "rules", "when"})
OWN: Final = frozenset({"version", "name", "description", "extends", "tightens"})


class Source(Protocol):
    """Content with the places of its values: a `YamlFile`, or several of them laid over each other."""

    @property
    def name(self) -> str: ...

    @property
    def content(self) -> object: ...

    def at(self, place: Place, offset: int | None = None) -> str: ...

    def at_key(self, place: Place) -> str: ...


@dataclass(frozen=True, slots=True)
class Layers:
    """Several contents merged into one. `origins`: where the value at a place comes from, if not from around it."""

    name: str
    content: dict[str, Any]
    origins: Mapping[Place, tuple[YamlFile, Place]]

    @classmethod
    def of(cls, file: YamlFile) -> Layers:
        content = file.content if isinstance(file.content, dict) else {}
        return cls(file.name, dict(content), {(): (file, ())})

    def origin(self, place: Place) -> tuple[YamlFile, Place]:
        """The file, and the place in it, where the value at `place` was written."""
        above = place
        while above not in self.origins:
            above = above[:-1]
        file, at = self.origins[above]
        return file, (*at, *place[len(above) :])

    def at(self, place: Place, offset: int | None = None) -> str:
        file, inside = self.origin(place)
        return file.at(inside, offset)

    def at_key(self, place: Place) -> str:
        file, inside = self.origin(place)
        return file.at_key(inside)

    def under(self, upper: Layers) -> Layers:
        """These with `upper`, a policy that extends them, laid over them. It keeps the name of the upper one."""
        taken = {key: value for key, value in self.content.items() if key not in OWN}
        origins = dict(self.origins) | {(key,): self.origin((key,)) for key in taken} | {(): upper.origins[()]}
        merged = _Merge(Layers(upper.name, taken, origins))
        merged.lay(upper.content, upper, ())
        return Layers(upper.name, merged.content, merged.origins)

    def with_block(self, place: Place, left_out: frozenset[str]) -> Layers:
        """These with the mapping at `place` of their own content laid over them."""
        block: Any = self.content
        for step in place:
            block = block[step]
        merged = _Merge(self)
        merged.lay({key: value for key, value in block.items() if key not in left_out}, self, place)
        return Layers(self.name, merged.content, merged.origins)


class _Merge:
    """Content in the making, and where its values come from."""

    def __init__(self, lower: Layers) -> None:
        self.content: dict[str, Any] = dict(lower.content)
        self.origins: dict[Place, tuple[YamlFile, Place]] = dict(lower.origins)

    def lay(self, upper: Mapping[str, Any], source: Layers, place: Place) -> None:
        self._mapping(self.content, upper, source, place, ())

    def _mapping(
        self, lower: dict[str, Any], upper: Mapping[str, Any], source: Layers, place: Place, at: Place
    ) -> None:
        for key, value in upper.items():
            below, inside = lower.get(key), (*at, key)
            if isinstance(below, dict) and isinstance(value, dict):
                lower[key] = dict(below)
                self._mapping(lower[key], value, source, (*place, key), inside)
            elif not at and key in ADDED and isinstance(below, list) and isinstance(value, list):
                for index in range(len(value)):
                    self.origins[*inside, len(below) + index] = source.origin((*place, key, index))
                lower[key] = [*below, *value]
            else:
                self._replaced(inside, source.origin((*place, key)))
                lower[key] = value

    def _replaced(self, at: Place, origin: tuple[YamlFile, Place]) -> None:
        for stale in [known for known in self.origins if known[: len(at)] == at and known]:
            del self.origins[stale]
        self.origins[at] = origin
