"""Policy and rule files made for a test."""

from __future__ import annotations

import json
from pathlib import Path


def rule(rule_id: str, pattern: str, **changes: object) -> dict[str, object]:
    """A rule as it is written; JSON is YAML. Its examples suit the pattern `abc`."""
    written: dict[str, object] = {
        "id": rule_id,
        "title": "A rule of a test",
        "detector": "pattern",
        "with": {"pattern": pattern},
        "applies_to": ["user", "tool"],
        "severity": "high",
        "action": "redact",
        "examples": {"match": ["an abc"], "pass": ["an xyz"]},
    }
    return written | changes


def write_rule(directory: Path, written: dict[str, object]) -> Path:
    """A rule file where its id says it belongs."""
    pack, _, name = str(written["id"]).partition(".")
    (directory / pack).mkdir(parents=True, exist_ok=True)
    return write(directory / pack / f"{name}.yaml", written)


def write_policy(directory: Path, **content: object) -> Path:
    return write(directory / "policy.yaml", {"version": 1, "name": "mine"} | content)


def write(file: Path, content: object) -> Path:
    file.write_text(json.dumps(content, indent=1), encoding="utf-8")
    return file
