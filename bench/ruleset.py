"""Which rules are measured, compiled as the proxy compiles them."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench import BenchError
from guardproxy.core.excerpt import mask_excerpt
from guardproxy.core.exchange import Provenance
from guardproxy.core.policy import Detector, Policy
from guardproxy.core.verdict import Action
from guardproxy.match.scanner import Span
from guardproxy.policyfile.compile import compile_policy
from guardproxy.policyfile.load import PolicyDocument, read_policy
from guardproxy.policyfile.locate import find_pack, shipped_policies
from guardproxy.policyfile.mistakes import suggestion
from guardproxy.policyfile.schema import WrittenOverride


@dataclass(frozen=True, slots=True)
class Ruleset:
    """A policy, and the detectors of all its rules, each rule once, wherever they apply."""

    policy: Policy
    everywhere: tuple[Detector, ...]

    @staticmethod
    def of(policy: Policy) -> Ruleset:
        each = {id(detector): detector for detectors in policy.detectors.values() for detector in detectors}
        return Ruleset(policy, tuple(each.values()))

    @property
    def active(self) -> list[str]:
        """The ids of the rules that are looked for."""
        return sorted(rule.id for rule in self.policy.rules.values() if rule.action is not Action.ALLOW)

    def detectors_at(self, provenance: Provenance | None) -> tuple[Detector, ...]:
        """Those the proxy holds against text of that provenance; None: all of them."""
        return self.everywhere if provenance is None else self.policy.detectors_for(provenance)

    def excerpt(self, text: str, found: Sequence[Span], span: Span) -> str:
        """What may be shown of a finding: all that any rule found in the text is masked."""
        hidden = [(s.start, s.end) for detector in self.policy.masking for s in detector.scan(text)]
        hidden += [(s.start, s.end) for s in found]
        return mask_excerpt(text, span.start, span.end, hidden)


def shipped_packs() -> list[str]:
    return sorted(entry.name for entry in (shipped_policies() / "packs").iterdir() if entry.is_dir())


def shipped_rules() -> list[str]:
    """The ids of all rules in shipped packs, by their file names."""
    packs = shipped_policies() / "packs"
    return sorted(f"{file.parent.name}.{file.stem}" for file in packs.glob("*/*.yaml"))


def load_ruleset(policy_file: Path | None, packs: Sequence[str]) -> Ruleset:
    """The rules to measure.

    Without a policy: those of `packs`, or of all shipped packs, also the ones that ship switched off. With one: its
    active rules, of `packs` only if there are any. Raises ConfigurationError or BenchError.
    """
    if policy_file is None:
        return Ruleset.of(compile_policy(_all_rules_of(packs or shipped_packs())))
    return Ruleset.of(compile_policy(_narrowed(read_policy(policy_file), packs)))


def _all_rules_of(packs: Sequence[str]) -> PolicyDocument:
    places = []
    for pack in packs:
        find_pack(pack, Path.cwd())
        places.append(str(Path(pack).resolve()) if "/" in pack else pack)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "every-rule.yaml"
        file.write_text(json.dumps({"version": 1, "name": "every-rule", "packs": places}), encoding="utf-8")
        document = read_policy(file)
    off = [rule.written.id for rule in document.rules if rule.written.action == "allow"]
    override = dict.fromkeys(off, WrittenOverride(action="flag"))
    return replace(document, written=document.written.model_copy(update={"override": override}))


def _narrowed(document: PolicyDocument, packs: Sequence[str]) -> PolicyDocument:
    if not packs:
        return document
    known = {_pack(rule.written.id) for rule in document.rules}
    for pack in packs:
        if pack not in known:
            name = document.written.name
            raise BenchError(f"the policy '{name}' has no rules of a pack '{pack}'{suggestion(pack, known)}")
    override = {name: change for name, change in document.written.override.items() if _pack(name) in packs}
    rules = tuple(rule for rule in document.rules if _pack(rule.written.id) in packs)
    return replace(document, written=document.written.model_copy(update={"override": override}), rules=rules)


def _pack(rule: str) -> str:
    return rule.partition(".")[0]
