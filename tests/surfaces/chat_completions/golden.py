"""Golden files: a document and the texts that are read out of it, one line each, in the order in which they stand."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from guardproxy.core.exchange import Opaque, Segment
from guardproxy.wire.path import Inside, Key
from guardproxy.wire.path import Path as DocumentPath

FOLDER = Path(__file__).parents[2] / "golden" / "chat_completions"


def golden_files(kind: str) -> list[Path]:
    """`kind` is the first word of their names: request, response or stream."""
    found = sorted(FOLDER.glob(f"{kind}-*.json"))
    assert found, f"no golden file for a {kind}"
    return found


def read(file: Path) -> dict[str, Any]:
    document = json.loads(file.read_text(encoding="utf-8"))
    assert isinstance(document, dict)
    return document


def place(path: DocumentPath) -> str:
    """`messages/0/content`; a member's name is `metadata/(name)/team`, inside a string is `arguments/(json)/city`."""
    return "/".join(_step(step) for step in path)


def _step(step: object) -> str:
    match step:
        case Key(name):
            return f"(name)/{name}"
        case Inside(format):
            return f"({format})"
    return str(step)


def told_segments(segments: Iterable[Segment]) -> list[str]:
    """`user 3 messages/0/content: text`, where 3 is the run the text is a part of, `-` when it stands alone."""
    return [
        f"{segment.provenance.value} {segment.run if segment.run >= 0 else '-'} {place(segment.path)}: {segment.text}"
        for segment in segments
    ]


def told_opaque(opaque: Iterable[Opaque]) -> list[str]:
    return [f"{item.kind.value} {item.provenance.value} {place(item.path)}" for item in opaque]
