"""The policies the engine is measured under, written to a file and loaded as the proxy loads its own."""

from __future__ import annotations

import gc
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import yaml

from guardproxy.cli.lasting import keep_what_exists
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


@contextmanager
def collected_as_served() -> Iterator[None]:
    """What is `served` while the block runs is collected as `guardproxy serve` has it; then as it was before."""
    thresholds = gc.get_threshold()
    try:
        yield
    finally:
        gc.unfreeze()
        gc.set_threshold(*thresholds)


def served(policy: Mapping[str, Any]) -> Policy:
    """As `loaded`, and the garbage collector as `guardproxy serve` has it then."""
    ready = loaded(policy)
    keep_what_exists()
    return ready


def uncapped(policy: Policy) -> Policy:
    """The same, without a bound on what a text may cost."""
    return replace(policy, limits=replace(policy.limits, matching_work=None))


def steps_of(policy: Policy) -> int:
    """The steps of work that all texts have cost so far, also to show what was found."""
    return sum(one.work for one in dict.fromkeys([*detectors(policy), *policy.masking]))


def open_guard(policy: Policy) -> StreamGuard:
    """The guard of one streamed answer, as the proxy opens it."""
    return OutputGuard(policy).open(("choices", 0, "message", "content"))


def detectors(policy: Policy) -> Sequence[Detector]:
    """What is held against a model's text."""
    return policy.detectors_for(Provenance.MODEL)
