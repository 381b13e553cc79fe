"""Golden files of this surface; how they are read and told is the same as for chats."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parents[2] / "golden" / "messages"


def golden_files(kind: str) -> list[Path]:
    """`kind` is the first word of their names: request, response or stream."""
    found = sorted(FOLDER.glob(f"{kind}-*.json"))
    assert found, f"no golden file for a {kind}"
    return found
