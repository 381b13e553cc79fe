"""How long `guardproxy check` takes for five hundred rule files, and what it says about a mistake in one of them.

    python -m bench.many_rules

The rules are made up: a prefix of their own and random characters, with five examples each, as a company would write
them for its tokens. The command is a process of its own, as in a pipeline, and its own time is told beside the time
that passed, since other work on the machine makes only the latter longer.
"""

from __future__ import annotations

import random
import resource
import string
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

RULES = 500
GOAL_S = 3.0

RULE = """id: acme.{name}
title: Token of the service {word}
detector: pattern
with: {{pattern: '{word}_[A-Za-z0-9]{{24}}', not_before: 'A-Za-z0-9_', not_after: 'A-Za-z0-9_'}}
applies_to: [model, tool, document]
severity: high
action: {action}
examples:
  match: ['key={word}_{{alnum:24}}', 'in a sentence: {word}_{{alnum:24}}.']
  pass: ['{word}_ is our prefix', 'the {word} service', '{word}_{{alnum:10}}']
"""


class Checked(NamedTuple):
    """One run of the command: seconds that passed, seconds of processor time, exit code and last line."""

    passed_s: float
    cpu_s: float
    code: int
    said: str


def write_rules(folder: Path, count: int = RULES, seed: int = 5) -> Path:
    """A policy with a pack of so many rules."""
    pick = random.Random(seed)
    pack = folder / "acme"
    pack.mkdir(parents=True)
    for number in range(count):
        word = "".join(pick.choices(string.ascii_lowercase, k=5))
        name = f"{word}-{number}"
        (pack / f"{name}.yaml").write_text(RULE.format(name=name, word=word, action="redact"), encoding="utf-8")
    policy = folder / "policy.yaml"
    policy.write_text("version: 1\nname: many\npacks: [./acme]\n", encoding="utf-8")
    return policy


def misspell(folder: Path) -> Path:
    """Put a mistake into one of the rules."""
    rule = sorted((folder / "acme").glob("*.yaml"))[7]
    rule.write_text(rule.read_text(encoding="utf-8").replace("severity:", "severty:"), encoding="utf-8")
    return rule


def check(policy: Path) -> Checked:
    """`guardproxy check` in a process of its own."""
    before, started = _children_s(), time.perf_counter()
    command = [sys.executable, "-m", "guardproxy", "check", str(policy)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    passed = time.perf_counter() - started
    said = (done.stderr.splitlines() or done.stdout.splitlines() or [""])[0]
    return Checked(passed, _children_s() - before, done.returncode, said)


def main() -> None:
    """Print both."""
    with TemporaryDirectory(prefix="guardproxy-bench-") as name:
        folder = Path(name)
        policy = write_rules(folder)
        runs = [check(policy) for _ in range(3)]
        best = min(runs, key=lambda run: run.passed_s)
        met = "met" if best.passed_s <= GOAL_S else "missed"
        print(best.said)
        print(f"best of 3: {best.passed_s:.2f} s passed, {best.cpu_s:.2f} s of processor time (goal {GOAL_S} s: {met})")
        misspell(folder)
        wrong = check(policy)
        print(f"with a mistake: exit code {wrong.code} after {wrong.passed_s:.2f} s\n{wrong.said}")


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
