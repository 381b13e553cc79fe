"""The written budget of a pack: how much it may find in ordinary text, as findings per million characters.

Ordinary text holds nothing to find, so a finding is a false alarm, with one exception: a rule whose matches do stand in
ordinary text (an address of a maintainer) has a line of its own with the reason, is judged by that alone and does
not count for its pack.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal, NamedTuple

from pydantic import Field

from bench import BenchError
from guardproxy.errors import ConfigurationError
from guardproxy.policyfile.mistakes import read_as, suggestion
from guardproxy.policyfile.schema import Text, Written
from guardproxy.policyfile.yaml_nodes import YamlFile, parse_yaml

SHIPPED: Final = Path(__file__).parent / "budget.yaml"
MILLION: Final = 1_000_000

Rate = Annotated[float, Field(ge=0, le=MILLION)]


class WrittenRate(Written):
    """What one rule may find, and why it has a line of its own."""

    findings: Rate
    because: Text


class WrittenPack(Written):
    """`all_rules`: the pack's rules without a line of their own, together. `each_rule`: any one of them."""

    all_rules: Rate
    each_rule: Rate
    rules: dict[str, WrittenRate] = Field(default_factory=dict)


class WrittenBudget(Written):
    version: Literal[1]
    packs: dict[str, WrittenPack]


class Judgement(NamedTuple):
    """What `name` (a rule or a pack) found, held against what it may: findings per million characters.

    `where` is the `file:line:column` of the figure; None: nothing is written about it.
    """

    name: str
    findings: int
    rate: float
    allowed: float | None
    where: str | None

    @property
    def ok(self) -> bool:
        return self.allowed is not None and self.rate <= self.allowed


@dataclass(frozen=True, slots=True)
class Budget:
    """A budget file, read. `packs` maps a pack to its figures."""

    packs: Mapping[str, WrittenPack]
    file: YamlFile

    def judge(self, findings: Mapping[str, int], characters: int) -> list[Judgement]:
        """A judgement of each rule in `findings` and of each of their packs: rules first, then packs, by name."""
        return [*self._rules(findings, characters), *self._packs(findings, characters)]

    def _rules(self, findings: Mapping[str, int], characters: int) -> Iterator[Judgement]:
        for rule, count in sorted(findings.items()):
            name = pack_of(rule)
            pack = self.packs.get(name)
            rate = per_million(count, characters)
            if pack is None:
                yield Judgement(rule, count, rate, None, None)
            elif own := pack.rules.get(rule):
                where = self.file.at(("packs", name, "rules", rule, "findings"))
                yield Judgement(rule, count, rate, own.findings, where)
            else:
                yield Judgement(rule, count, rate, pack.each_rule, self.file.at(("packs", name, "each_rule")))

    def _packs(self, findings: Mapping[str, int], characters: int) -> Iterator[Judgement]:
        totals: dict[str, int] = {}
        for rule, count in findings.items():
            name = pack_of(rule)
            pack = self.packs.get(name)
            totals.setdefault(name, 0)
            if pack is None or rule not in pack.rules:
                totals[name] += count
        for name, total in sorted(totals.items()):
            pack = self.packs.get(name)
            rate = per_million(total, characters)
            if pack is None:
                yield Judgement(name, total, rate, None, None)
            else:
                yield Judgement(name, total, rate, pack.all_rules, self.file.at(("packs", name, "all_rules")))


def pack_of(rule: str) -> str:
    return rule.partition(".")[0]


def per_million(findings: int, characters: int) -> float:
    """Findings per million characters; 0 without characters."""
    return findings * MILLION / characters if characters else 0.0


def read_budget(path: Path, known_rules: Collection[str]) -> Budget:
    """The budget at `path`. Raises ConfigurationError, one `file:line:column: problem` per line, also for a rule or a
    pack that is not among `known_rules`; BenchError when the file cannot be read.
    """
    try:
        file = parse_yaml(path.read_bytes(), _shown(path))
    except OSError as error:
        raise BenchError(f"{path}: the budget cannot be read: {error.strerror}") from error
    written = read_as(WrittenBudget, file, file.content)
    if problems := list(_unknown(written, file, known_rules)):
        raise ConfigurationError("\n".join(problems))
    return Budget(written.packs, file)


def _unknown(written: WrittenBudget, file: YamlFile, known: Collection[str]) -> Iterator[str]:
    packs = {pack_of(rule) for rule in known}
    for name, pack in written.packs.items():
        if name not in packs:
            yield f"{file.at_key(('packs', name))}: unknown pack '{name}'{suggestion(name, packs)}"
            continue
        own = [rule for rule in known if pack_of(rule) == name]
        for rule in pack.rules:
            if rule not in own:
                where = file.at_key(("packs", name, "rules", rule))
                yield f"{where}: the pack '{name}' has no rule '{rule}'{suggestion(rule, own)}"


def _shown(path: Path) -> str:
    absolute, here = path.absolute(), Path.cwd()
    return str(absolute.relative_to(here) if absolute.is_relative_to(here) else path)
