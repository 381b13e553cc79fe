"""Holding the arguments of a call against what a rule demands of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

from guardproxy.core.tools.dictated import named_in
from guardproxy.core.tools.entities import Entity, Kind, entities, forms, parts_of
from guardproxy.core.tools.names import Names, folded, matches
from guardproxy.core.tools.origin import Sources
from guardproxy.core.tools.rules import ArgumentRule
from guardproxy.match.pattern_set import PatternSet
from guardproxy.wire.document import UndecodableJson, decode, repeats_names

# Longer values are not held against expressions character by character for ever: nothing that names somebody is longer.
LONGEST: Final = 200_000
_READERS: Final = 3


class Leaf(NamedTuple):
    """One value of the arguments with the names above it. `is_name`: it is itself the name of a member. `inner`: it
    stands in JSON in a text, and `names` are those in there: only a rule that names it is about it.
    """

    value: str | int | float
    names: frozenset[str]
    is_name: bool = False
    inner: bool = False


def leaves(arguments: Any) -> Iterator[Leaf]:
    """Every text and number of the arguments, and the names of members below the first level; inside of texts that
    are JSON, too.
    """
    waiting: list[tuple[Any, frozenset[str], int]] = [(arguments, frozenset(), 0)]
    while waiting:
        value, names, inside = waiting.pop()
        if isinstance(value, dict):
            for name, below in value.items():
                if names:
                    yield Leaf(name, names, is_name=True, inner=inside > 0)
                waiting.append((below, names | {folded(name)}, inside))
        elif isinstance(value, list):
            waiting += [(below, names, inside) for below in value]
        elif isinstance(value, (str, int, float)) and not isinstance(value, bool):
            yield Leaf(value, names, inner=inside > 0)
            if inside < _READERS and isinstance(value, str) and (held := _held(value)) is not None:
                waiting.append((held, frozenset(), inside + 1))


def _held(text: str) -> Any:
    """What a text holds that is JSON; None if it is no object, list or text."""
    if text.lstrip()[:1] not in ("{", "[", '"') or len(text) > LONGEST:
        return None
    try:
        value = decode(text)
    except UndecodableJson:
        return None
    # Nobody can say which of two members of one name a program takes.
    return _EVERY.decode(text) if repeats_names(text) else value


def _every_value(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return values


_EVERY: Final = json.JSONDecoder(object_pairs_hook=_every_value)


class ArgumentCheck:
    """Checks arguments against the texts of one conversation."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def objection(self, rule: ArgumentRule, arguments: Any) -> str | None:
        """What is wrong with the arguments the rule is about, in words that quote none of them; None if nothing is."""
        for leaf in leaves(arguments):
            named = not leaf.names.isdisjoint(rule.of)
            if not named and (leaf.inner or (rule.of and leaf.names)):
                continue
            if (reason := self._fault(rule, leaf)) is not None:
                return f"{_shown(rule, leaf)} {reason}"
        return None

    def _fault(self, rule: ArgumentRule, leaf: Leaf) -> str | None:
        text = leaf.value if isinstance(leaf.value, str) else str(leaf.value)
        if len(text) > LONGEST:
            return "is too long to be looked at"
        if not leaf.is_name:
            if rule.matches is not None and not matches_whole(rule.matches, text):
                return "is not written as demanded"
            # The end of a value is white space to an expression, which has no other way to ask for it.
            if rule.never is not None and rule.never.scan(f"{text}\n"):
                return "holds what it must not"
        if rule.origins is None and rule.one_of is None and rule.at_most is None:
            return None
        return next(filter(None, (self._stranger(rule, entity) for entity in _entities(rule, leaf))), None)

    def _stranger(self, rule: ArgumentRule, entity: Entity) -> str | None:
        if rule.one_of is not None and _is_listed(rule.one_of, entity):
            return None
        if rule.at_most is not None and _is_at_most(rule.at_most, entity):
            return None
        if rule.origins is None:
            return f"is no {entity.kind.value} that is allowed"
        origin = self._sources.origin(entity)
        return None if origin in rule.origins else f"is {origin.value}"


def _shown(rule: ArgumentRule, leaf: Leaf) -> str:
    """The argument in the policy's own words."""
    return min(rule.of & leaf.names, default="an argument")


def matches_whole(patterns: PatternSet, text: str) -> bool:
    """Whether the one expression of the set matches all of a text."""
    return any(span.start == 0 and span.end == len(text) for span in patterns.scan(text))


def _entities(rule: ArgumentRule, leaf: Leaf) -> Iterable[Entity]:
    if rule.kinds:
        found = [*entities(leaf.value), *named_in(leaf.value)] if isinstance(leaf.value, str) else parts_of(leaf.value)
        return [entity for entity in found if entity.kind in rule.kinds]
    parts = parts_of(leaf.value)
    # The name of a member is a value only where it names somebody.
    return [part for part in parts if part.kind is not Kind.TEXT] if leaf.is_name else parts


def _is_at_most(bound: float, entity: Entity) -> bool:
    """Whether a number is within a bound in every way it may be read. A negative one never is."""
    if entity.kind is not Kind.AMOUNT or entity.value.startswith("-"):
        return False
    values = forms(entity.value)
    return bool(values) and all(float(value) <= bound for value in values)


def _is_listed(names: Names, entity: Entity) -> bool:
    """Whether a list has it. Of a link the host counts, and where a pattern goes on, each of its parts by itself."""
    if entity.doubtful:
        return False
    if not entity.host:
        return names.match(entity.value)
    return any(_is_link_of(pattern, entity) for pattern in names.patterns)


def _is_link_of(pattern: str, entity: Entity) -> bool:
    scheme, begins, rest = pattern.partition("://")
    if not begins:
        return matches(pattern, entity.host)
    host, _, path = rest.partition("/")
    behind = _behind_host(entity)
    if ".." in unquote(behind):
        return False
    return matches(scheme, entity.value.partition("://")[0]) and matches(host, entity.host) and matches(path, behind)


def _behind_host(entity: Entity) -> str:
    """Path and query of a link, without the slash before them."""
    rest = entity.value.partition("://")[2] or entity.value.removeprefix("//")
    at = min((rest.find(char) for char in "/?#" if char in rest), default=len(rest))
    return rest[at:].removeprefix("/")
