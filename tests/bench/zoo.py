"""A pack, a policy and texts for the tests of counting: animals with numbers are what there is to find."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

from tests.policyfile.workshop import rule, write, write_policy, write_rule


def write_zoo(folder: Path) -> Path:
    """A policy with a pack `zoo`: a rule that redacts for all but the operator, one for tools only, one that is off."""
    everyone = ["user", "tool", "document", "model"]
    write_rule(folder, rule("zoo.zebra", "zebra[0-9]{4}", applies_to=everyone))
    write_rule(folder, rule("zoo.lion", "lion[0-9]{1,6}", applies_to=["tool"], action="flag"))
    write_rule(folder, rule("zoo.asleep", "owl[0-9]", applies_to=everyone, action="allow"))
    return write_policy(folder, packs=["./zoo"])


def write_budget(folder: Path, **packs: object) -> Path:
    """A budget in which `zoo` may find a million, unless `packs` says otherwise."""
    plenty = {"all_rules": 1_000_000, "each_rule": 1_000_000}
    return write(folder / "budget.yaml", {"version": 1, "packs": {"zoo": plenty} | packs})


def write_records(file: Path, *records: object) -> Path:
    """A line of JSON for each record, compressed if the name says so."""
    raw = "".join(f"{json.dumps(record)}\n" for record in records).encode()
    file.write_bytes(gzip.compress(raw) if file.suffix == ".gz" else raw)
    return file
