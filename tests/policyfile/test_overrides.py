"""An override of a rule comes before one of its pack, and one that fits no rule is a mistake."""

from __future__ import annotations

from pathlib import Path

from guardproxy.policyfile.load import read_policy
from guardproxy.policyfile.overrides import override_of, unknown_overrides
from tests.policyfile.workshop import rule, write_policy


def test_what_is_said_of_one_rule_comes_before_what_is_said_of_its_pack(tmp_path: Path) -> None:
    override = {"own.*": {"action": "flag", "severity": "low"}, "own.one": {"action": "block"}}
    written = read_policy(write_policy(tmp_path, rules=[rule("own.one", "abc")], override=override)).written
    assert (override_of(written, "own.one").action, override_of(written, "own.one").severity) == ("block", "low")
    assert override_of(written, "own.two").action == "flag"
    assert override_of(written, "other.one").action is None


def test_an_override_that_fits_no_rule_is_told_with_its_place(tmp_path: Path) -> None:
    path = write_policy(
        tmp_path, rules=[rule("own.one", "abc")], override={"own.one": {}, "own.on": {}, "own.*": {}, "owm.*": {}}
    )
    said = [*unknown_overrides(read_policy(path))]
    assert [line.partition(": ")[2] for line in said] == [
        "no rule 'own.on' to override, did you mean 'own.one'?",
        "no rule 'owm.*' to override, did you mean 'own.*'?",
    ]
    assert all(line.startswith(f"{path}:") for line in said)
