"""The bench runs the command it times, on rules that are right, and on one that is not."""

from __future__ import annotations

from pathlib import Path

from bench.many_rules import check, misspell, write_rules


def test_many_rules_are_checked_and_a_mistake_in_one_is_one_line(tmp_path: Path) -> None:
    policy = write_rules(tmp_path, count=12)
    good = check(policy)
    assert (good.code, good.said) == (0, "1 policy, 12 rules, 60 examples: all good")
    assert good.cpu_s > 0
    wrong_file = misspell(tmp_path)
    wrong = check(policy)
    assert wrong.code == 1
    assert wrong.said == f"{wrong_file}:6:1: unknown key 'severty', did you mean 'severity'?"
