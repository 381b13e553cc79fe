"""`guardproxy explain`: which policy applies to an exchange, why, and where each part of it was written."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from guardproxy.cli.explain_caller import Caller, caller_of, known_surface, refusals
from guardproxy.cli.explain_lines import lines_of
from guardproxy.cli.read_settings import ConfigOption, PolicyOption, read_settings_for_policies

if TYPE_CHECKING:
    from guardproxy.core.conditions import Condition, Facts
    from guardproxy.policyfile.catalogue import Catalogue
    from guardproxy.policyfile.load import PolicyDocument

_SECTIONS = (
    "context", "opaque", "parameters", "server_state", "surfaces", "limits", "answers", "charging", "tools",
)  # fmt: skip


def explain(
    key: Annotated[str, typer.Option(help="The key that calls.", metavar="ID|NAME")] = "",
    team: Annotated[str | None, typer.Option(help="Its team. Default: that of the key in the file of keys.")] = None,
    model: Annotated[str, typer.Option(help="The model the request asks for.")] = "",
    surface: Annotated[str, typer.Option(help="The API.")] = "chat_completions",
    metadata: Annotated[
        list[str] | None, typer.Option(help="A member of the request's metadata.", metavar="NAME=VALUE")
    ] = None,
    use_policy: Annotated[str | None, typer.Option(help="What x-guardproxy-use-policy asks for.")] = None,
    rule: Annotated[str | None, typer.Option(help="One rule in full, by its id.", metavar="ID")] = None,
    config: ConfigOption = None,
    policy: PolicyOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, for programs.")] = False,
) -> None:
    """Say which policy applies to an exchange and why: the key it came with, what it extends, which `when` holds.

    What such a request is refused for before any rule looks at it (the API, the model) is told as `refused`, with the
    code its caller sees; a key nobody knows as `note`.

    The revision is the one a running proxy writes into its log and into the header x-guardproxy-policy.

        guardproxy explain --key chat-widget --model gpt-5

        guardproxy explain --team research --rule secrets.jwt

        guardproxy explain --policy my-policy.yaml --metadata tier=gold --json
    """
    import json

    from guardproxy.core.conditions import Facts
    from guardproxy.policyfile.catalogue import load_policies
    from guardproxy.settings import wanted_policies

    settings = read_settings_for_policies(config, policy)
    catalogue = load_policies(wanted_policies(settings))
    caller = caller_of(key, team, settings, datetime.now(UTC))
    facts = Facts(caller.name, caller.team, known_surface(surface), model, _members(metadata or []))
    said = explanation(catalogue, facts, caller, use_policy, rule)
    typer.echo(json.dumps(said, ensure_ascii=False) if as_json else "\n".join(lines_of(said)))


def explanation(
    catalogue: Catalogue, facts: Facts, caller: Caller, use_policy: str | None, rule: str | None
) -> dict[str, Any]:
    """What there is to say, as plain values. Raises `ConfigurationError` for a policy or rule there is not."""
    from guardproxy.core.conditions import outcome_of
    from guardproxy.core.principal import Principal
    from guardproxy.errors import ConfigurationError
    from guardproxy.policyfile.choices import conditions_of, document_of

    policies = catalogue.policies
    principal = Principal("", facts.key, team=facts.team or None)
    assigned = policies.assigned(principal)
    choice = assigned if use_policy is None else policies.asked(use_policy, assigned)
    if choice is None or (choice is not assigned and not caller.scope.allows_policy(choice.policy.name)):
        raise ConfigurationError(
            f"this caller may not choose '{use_policy}': it is not stricter than its own policy, or none of its key's"
        )
    written = catalogue.documents[choice.policy.name]
    places = conditions_of(written)
    form = choice.among(facts)
    document = document_of(written, [one for one in choice.conditions if one.holds(facts)])
    said: dict[str, Any] = {
        "asked": facts._asdict(),
        "notes": [caller.note] if caller.note else [],
        "refused": [*refusals(form, caller.scope, facts)],
        "policy": f"{form.name}@{form.revision}",
        "file": written.at(),
        "because": _reason(policies.keys, policies.teams, facts, use_policy),
        "extends": list(written.extended),
        "when": [_held(one, places[one], facts) for one in choice.conditions],
        "outcome": outcome_of(choice.conditions, facts),
        "mode": "shadow" if form.shadow else "enforce",
        "rules": _by_pack(form.rules.values()),
        "overrides": {
            name: {**override.model_dump(exclude_none=True), "at": document.file.at_key(("override", name))}
            for name, override in document.written.override.items()
        },
        "sections": {part: _section(document, part) for part in _SECTIONS},
        "quotas": [
            {**quota.model_dump(exclude_defaults=True), "at": document.at("quotas", index)}
            for index, quota in enumerate(document.written.quotas)
        ],
        "may_choose": sorted(
            name for name, base in policies.tighter if base == assigned.policy.name and caller.scope.allows_policy(name)
        ),
    }
    if rule is not None:
        said["rule"] = _rule(document, form.rules, rule)
    return said


def _members(pairs: list[str]) -> dict[str, str]:
    from guardproxy.errors import ConfigurationError

    if wrong := next((pair for pair in pairs if "=" not in pair), None):
        raise ConfigurationError(f"--metadata is written NAME=VALUE, not '{wrong}'")
    return dict(pair.split("=", 1) for pair in pairs)


def _reason(keys: Any, teams: Any, facts: Facts, use_policy: str | None) -> str:
    if use_policy is not None:
        return "the caller asks for it, and it is at least as strict as its own"
    if facts.key in keys:
        return f"policies.keys gives it to the key '{facts.key}'"
    return f"policies.teams gives it to the team '{facts.team}'" if facts.team in teams else "it is the default"


def _held(condition: Condition, at: str, facts: Facts) -> dict[str, Any]:
    failed = [part for part in condition.parts if not part.holds(facts.of(part.dimension))]
    why = "; ".join(_is(part.dimension, facts.of(part.dimension)) for part in failed)
    return {"at": at, "if": str(condition), "holds": not failed, "why_not": why or None}


def _is(dimension: str, value: str) -> str:
    return f"{dimension} is '{value}'" if value else f"there is no {dimension}"


def _by_pack(rules: Any) -> dict[str, dict[str, int]]:
    packs: dict[str, Counter[str]] = {}
    for rule in rules:
        word = f"{rule.shadow.word} (shadow)" if rule.shadow else rule.action.word
        packs.setdefault(rule.pack, Counter())[word] += 1
    return {pack: dict(words) for pack, words in packs.items()}


def _section(document: PolicyDocument, part: str) -> dict[str, Any]:
    """A part of the policy and where it stands, None for the default; `elsewhere`: members that stand elsewhere."""
    file, at = document.file.origin((part,))
    members = document.file.content.get(part)
    elsewhere = {
        name: document.file.at_key((part, name))
        for name in (members if isinstance(members, dict) else ())
        if document.file.origin((part, name)) != (file, (*at, name))
    }
    value = document.written.model_dump(include={part})[part]
    return {"value": value, "at": None if members is None else document.at(part), "elsewhere": elsewhere}


def _rule(document: Any, rules: Any, name: str) -> dict[str, Any]:
    from guardproxy.errors import ConfigurationError
    from guardproxy.policyfile.mistakes import suggestion

    written = {rule.written.id: rule for rule in document.rules}
    if name not in written:
        raise ConfigurationError(f"no rule '{name}'{suggestion(name, written)}")
    if name not in rules:
        return {"id": name, "at": written[name].at(), "action": "off: its condition does not hold"}
    rule = rules[name]
    return {
        "id": name,
        "title": rule.title,
        "at": written[name].at(),
        "action": rule.action.word,
        "shadow": rule.shadow.word if rule.shadow else None,
        "severity": rule.severity.value,
        "applies_to": sorted(provenance.value for provenance in rule.applies_to),
        "written_action": written[name].written.action,
    }
