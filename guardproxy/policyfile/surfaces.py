"""What a policy says about surfaces, held against the surfaces there are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from guardproxy.policyfile.load import PolicyDocument
from guardproxy.policyfile.mistakes import suggestion
from guardproxy.surfaces import SURFACES
from guardproxy.surfaces.further import FURTHER

OTHERS: Final = "*"
"""Stands for the inspected surfaces that the policy does not name."""

INSPECTED: Final = frozenset(surface.name for surface in SURFACES.values())


def surface_problems(document: PolicyDocument) -> Iterator[str]:
    """One line for each entry that names no surface, or asks of one what it is not for."""
    for name, said in document.written.surfaces.items():
        where = document.file.at_key(("surfaces", name))
        if name in FURTHER:
            if said.open and not said.uninspected:
                yield (
                    f"{where}: '{name}' cannot be inspected, since {FURTHER[name]}; "
                    "it is closed, or passed without a look: {uninspected: true}"
                )
        elif name != OTHERS and name not in INSPECTED:
            yield f"{where}: unknown surface '{name}'{suggestion(name, [*INSPECTED, *FURTHER, OTHERS])}"
        elif said.uninspected:
            yield f"{where}: '{name}' can be inspected, and is; 'uninspected' is for {', '.join(FURTHER)}"
