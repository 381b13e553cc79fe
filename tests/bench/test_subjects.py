from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from bench import BenchError
from bench.subjects import NEVER_REACHED, POLICIES, SUBJECTS, both_packs, unlimited


def test_a_policy_is_measured_with_all_it_has_but_quotas_that_never_refuse(tmp_path: Path) -> None:
    written = {
        "version": 1,
        "name": "default",
        "packs": ["secrets"],
        "quotas": [{"metric": "requests", "per": "minute", "limit": 60}],
    }
    (tmp_path / "default.yaml").write_text(yaml.safe_dump(written))
    quotas = [{"metric": "requests", "per": "minute", "limit": NEVER_REACHED}]
    assert unlimited(tmp_path / "default.yaml") == {**written, "quotas": quotas}


def test_a_missing_policy_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="no policy at"):
        unlimited(tmp_path / "default.yaml")


def test_the_measured_policies_are_there() -> None:
    assert unlimited(POLICIES / "empty.yaml").get("packs", []) == []
    assert unlimited(POLICIES / "default.yaml")["packs"]


def test_both_packs_stand_in_the_default_policy_with_all_else_it_has() -> None:
    default, both = unlimited(POLICIES / "default.yaml"), both_packs()
    assert {"secrets", "pii"} < set(both["packs"])
    assert both | {"name": "", "packs": []} == default | {"name": "", "packs": []}


def test_guardproxy_has_targets_and_the_floor_has_none() -> None:
    targets = {name: (subject.target, subject.first_token) for name, subject in SUBJECTS.items()}
    assert targets == {
        "floor": (None, None),
        "empty-policy": (1.3, None),
        "default-policy": (2.0, None),
        "both-packs": (None, 1.0),
        "control": (None, None),
    }
