"""The policies the engine is measured under, written to a file and loaded as the proxy loads its own."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import yaml

from guardproxy.core.exchange import Provenance
from guardproxy.core.inspection import OutputGuard
from guardproxy.core.policy import Detector, Policy
from guardproxy.core.stream import StreamGuard
from guardproxy.policyfile.compile import load_policy

BOTH_PACKS: Final[Mapping[str, Any]] = {"version": 1, "name": "both-packs", "packs": ["secrets", "pii"]}
NO_RULES: Final[Mapping[str, Any]] = {"version": 1, "name": "no-rules", "packs": []}


@contextmanager
def written(policy: Mapping[str, Any]) -> Iterator[Path]:
    """A file with this policy while the block runs."""
    with tempfile.TemporaryDirectory(prefix="guardproxy-bench-") as folder:
        file = Path(folder) / f"{policy['name']}.yaml"
        file.write_text(yaml.safe_dump(dict(policy), sort_keys=False), encoding="utf-8")
        yield file


def loaded(policy: Mapping[str, Any]) -> Policy:
    """The policy, ready to use. Raises ConfigurationError."""
    with written(policy) as file:
        return load_policy(file)


def open_guard(policy: Policy) -> StreamGuard:
    """The guard of one streamed answer, as the proxy opens it."""
    return OutputGuard(policy).open(("choices", 0, "message", "content"))


def detectors(policy: Policy) -> Sequence[Detector]:
    """What is held against a model's text."""
    return policy.detectors_for(Provenance.MODEL)
