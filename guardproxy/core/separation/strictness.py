"""Is one separation at least as strict as another? Part by part, as `guardproxy.core.strictness` compares policies.

A caller may bring a separation about, by a policy it asks for or by the metadata of its request, so it must never be
the looser one. Marking more text, treating signs more sternly, taking fewer speakers: all that has an order. The
policy's own prompt has none, since any other words may allow more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from math import inf
from typing import Any, Final

from guardproxy.core.separation.fence import Fences, Modes
from guardproxy.core.separation.terms import EVERY_KEY, RoleOrder, Separation, Treatment

# What a policy file calls parts of a separation, where that is another name.
_WRITTEN: Final = {
    "prompt": "operator_prompt", "pinned": "pinned_prompts", "seen_only": "history", "fences": "fence",
    "token_families": "control_token_families", "definitions_by_operators": "definitions",
}  # fmt: skip

_TREATMENT_ORDER: Final = (Treatment.ALLOW, Treatment.FLAG, Treatment.CLEAN, Treatment.BLOCK)
_OFF: Final[Modes] = {}


def separation_loosenings(ours: Separation | None, theirs: Separation | None) -> Iterator[str]:
    """In what the second one is looser than the first, or cannot be told to be as strict."""
    ours, theirs = ours or Separation(), theirs or Separation()
    for part in fields(Separation):
        one, other = getattr(ours, part.name), getattr(theirs, part.name)
        if not part.init or one == other:
            continue
        name = f"context.{_WRITTEN.get(part.name, part.name)}"
        looser = _LOOSER.get(part.name)
        if looser is None:
            yield f"{name} differs, and has no order of strictness"
        elif part.name == "token_families" and ours.control_tokens is Treatment.ALLOW:
            continue  # of what is let through, any may be named
        elif looser(one, other):
            yield f"{name} is looser"


def _no_longer(ours: bool, theirs: bool) -> bool:
    return ours and not theirs


def _milder(ours: Treatment, theirs: Treatment) -> bool:
    return _TREATMENT_ORDER.index(theirs) < _TREATMENT_ORDER.index(ours)


def _fewer_families(ours: frozenset[str], theirs: frozenset[str]) -> bool:
    return not theirs >= ours


def _fewer_signers(ours: frozenset[str], theirs: frozenset[str]) -> bool:
    return EVERY_KEY not in theirs and not theirs >= ours


def _other_pins(ours: frozenset[str], theirs: frozenset[str]) -> bool:
    """No pins at all means that any prompt passes."""
    return bool(ours) and not (theirs and theirs <= ours)


def _looser_order(ours: RoleOrder | None, theirs: RoleOrder | None) -> bool:
    ours, theirs = ours or RoleOrder(), theirs or RoleOrder()
    return (
        _no_longer(ours.operator_first, theirs.operator_first)
        or _no_longer(ours.tool_after_call, theirs.tool_after_call)
        or _other_pins(ours.last, theirs.last)  # nobody named means anybody, there as well
        or any(theirs.most.get(speaker, inf) > most for speaker, most in ours.most.items())
    )


def _looser_fences(ours: Fences | None, theirs: Fences | None) -> bool:
    """Which model a request names is its caller's choice, so the modes have to be as strict for every one of them."""
    ours, theirs = ours or Fences(_OFF), theirs or Fences(_OFF)
    if _no_longer(ours.sandwich, theirs.sandwich):
        return True
    names = [name.pattern for name, _ in ours.by_model]
    if names == [name.pattern for name, _ in theirs.by_model]:
        pairs = zip(_every(ours), _every(theirs), strict=True)
        return any(_weaker(one, other) for one, other in pairs)
    return any(_weaker(one, other) for one in _every(ours) for other in _every(theirs))


def _every(fences: Fences) -> list[Modes]:
    return [fences.modes, *(modes for _, modes in fences.by_model)]


def _weaker(ours: Modes, theirs: Modes) -> bool:
    return any(theirs.get(source, 0) < mode for source, mode in ours.items())


_LOOSER: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "pinned": _other_pins,
    "signed_keys": _fewer_signers,
    "order": _looser_order,
    "seen_only": _no_longer,
    "control_tokens": _milder,
    "token_families": _fewer_families,
    "hidden_characters": _milder,
    "fake_turns": _milder,
    "fences": _looser_fences,
    "definitions_by_operators": _no_longer,
}
