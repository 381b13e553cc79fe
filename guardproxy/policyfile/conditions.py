"""From what was written under `when` or `if` to a condition."""

from __future__ import annotations

from collections.abc import Callable

from guardproxy.core.conditions import METADATA, Condition, OneOf
from guardproxy.errors import ConfigurationError
from guardproxy.policyfile.condition_schema import WrittenCondition
from guardproxy.policyfile.mistakes import suggestion
from guardproxy.surfaces import SURFACES


def compile_condition(written: WrittenCondition, at: Callable[..., str]) -> Condition:
    """What was written under `when` or `if`; `at` tells where. Raises `ConfigurationError`."""
    said = written.model_dump(exclude={"metadata"}, exclude_none=True)
    said |= {METADATA + name: words for name, words in written.metadata.items()}
    if not said:
        raise ConfigurationError(f"{at()}: a condition names at least one fact: key, team, model, surface or metadata")
    surfaces = sorted({surface.name for surface in SURFACES.values()})
    for word in said.get("surface", ()):
        if "*" not in word and word not in surfaces:
            raise ConfigurationError(f"{at('surface')}: unknown surface '{word}'{suggestion(word, surfaces)}")
    return Condition(tuple(OneOf(dimension, frozenset(words)) for dimension, words in sorted(said.items())))
