"""Golden files of the surfaces that need no more than a document and the texts read out of it."""

from __future__ import annotations

from pathlib import Path

GOLDEN = Path(__file__).parents[1] / "golden"


def golden_files(surface: str, kind: str) -> list[Path]:
    """`kind` is the first word of their names: request, response or stream."""
    found = sorted((GOLDEN / surface).glob(f"{kind}-*.json"))
    assert found, f"no golden file for a {kind} of {surface}"
    return found
