"""`guardproxy explain`: which policy applies to an exchange, why, and where each part of it was written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from guardproxy.cli.read_settings import ConfigOption, PolicyOption, read_settings_for_policies

if TYPE_CHECKING:
    from guardproxy.core.conditions import Condition, Facts
    from guardproxy.policyfile.catalogue import Catalogue
    from guardproxy.policyfile.load import PolicyDocument
    from guardproxy.settings import Settings

_SECTIONS = (
    "context", "opaque", "parameters", "server_state", "surfaces", "limits", "answers", "charging", "tools",
)  # fmt: skip


def explain(
    key: Annotated[str, typer.Option(help="The name of the key that calls.")] = "",
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
    facts = Facts(key, team if team is not None else _team_of(key, settings), surface, model, _members(metadata or []))
    said = explanation(catalogue, facts, use_policy, rule)
    typer.echo(json.dumps(said, ensure_ascii=False) if as_json else "\n".join(_lines(said)))


def explanation(catalogue: Catalogue, facts: Facts, use_policy: str | None, rule: str | None) -> dict[str, Any]:
    """What there is to say, as plain values. Raises `ConfigurationError` for a policy or rule there is not."""
    from guardproxy.core.conditions import outcome_of
    from guardproxy.core.principal import Principal
    from guardproxy.errors import ConfigurationError
    from guardproxy.policyfile.choices import conditions_of, document_of

    policies = catalogue.policies
    principal = Principal("", facts.key, team=facts.team or None)
    assigned = policies.assigned(principal)
    choice = assigned if use_policy is None else policies.asked(use_policy, assigned)
    if choice is None:
        raise ConfigurationError(f"this caller may not choose '{use_policy}': it is not stricter than its own policy")
    written = catalogue.documents[choice.policy.name]
    places = conditions_of(written)
    form = choice.among(facts)
    document = document_of(written, [one for one in choice.conditions if one.holds(facts)])
    said: dict[str, Any] = {
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
        "quotas": [quota.model_dump(exclude_defaults=True) for quota in document.written.quotas],
        "may_choose": sorted(name for name, base in policies.tighter if base == assigned.policy.name),
    }
    if rule is not None:
        said["rule"] = _rule(document, form.rules, rule)
    return said


def _team_of(key: str, settings: Settings) -> str:
    """The team of a key, where there is a file or a store of keys that knows it."""
    from guardproxy.cli.keys_place import known_keys

    keys = reversed(known_keys(settings)) if key else ()
    return next((stored.team or "" for stored in keys if stored.name == key), "")


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
    why = "; ".join(f"{part.dimension} is '{facts.of(part.dimension)}'" for part in failed)
    return {"at": at, "if": str(condition), "holds": not failed, "why_not": why or None}


def _by_pack(rules: Any) -> dict[str, dict[str, int]]:
    packs: dict[str, Counter[str]] = {}
    for rule in rules:
        word = f"{rule.shadow.word} (shadow)" if rule.shadow else rule.action.word
        packs.setdefault(rule.pack, Counter())[word] += 1
    return {pack: dict(words) for pack, words in packs.items()}


def _section(document: PolicyDocument, part: str) -> dict[str, Any]:
    """A part of the policy and where it stands; `elsewhere`: those of its members that stand in another place."""
    file, at = document.file.origin((part,))
    members = document.file.content.get(part)
    elsewhere = {
        name: document.file.at_key((part, name))
        for name in (members if isinstance(members, dict) else ())
        if document.file.origin((part, name)) != (file, (*at, name))
    }
    value = document.written.model_dump(include={part})[part]
    return {"value": value, "at": document.at(part), "elsewhere": elsewhere}


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


def _shown(value: Any) -> str:
    """A value for people: what says nothing inside a mapping is left out."""
    match value:
        case dict():
            said = ((name, one) for name, one in value.items() if one is not None and one not in ((), [], {}))
            return "{" + ", ".join(f"{name} {_shown(one)}" for name, one in said) + "}"
        case list() | tuple():
            return "[" + ", ".join(map(_shown, value)) + "]"
        case bool() | None:
            return {True: "true", False: "false", None: "none"}[value]
    return str(value)


def _lines(said: dict[str, Any]) -> Iterator[str]:
    yield f"policy    {said['policy']}  ({said['file'].rpartition(':')[0].rpartition(':')[0]})"
    yield f"because   {said['because']}"
    if said["extends"]:
        yield f"extends   {' -> '.join(said['extends'])}"
    for number, one in enumerate(said["when"]):
        state = "holds" if one["holds"] else f"does not hold: {one['why_not']}"
        yield f"{'when' if not number else '':9} {one['at']}  {one['if']}: {state}"
    yield f"mode      {said['mode']}"
    for number, (pack, words) in enumerate(said["rules"].items()):
        counts = ", ".join(f"{count} {word}" for word, count in words.items())
        yield f"{'rules' if not number else '':9} {pack}: {counts}"
    for number, (name, override) in enumerate(said["overrides"].items()):
        changes = ", ".join(f"{what} {value}" for what, value in override.items() if what != "at")
        yield f"{'override' if not number else '':9} {name}: {changes}  ({override['at']})"
    for part, section in said["sections"].items():
        if (value := _shown(section["value"]).removeprefix("{").removesuffix("}")) not in ("", "none"):
            places = [section["at"], *(f"{name} {at}" for name, at in section["elsewhere"].items())]
            yield f"{part:9} {value}  ({'; '.join(places)})"
    for number, quota in enumerate(said["quotas"]):
        yield f"{'quotas' if not number else '':9} {', '.join(f'{name} {value}' for name, value in quota.items())}"
    if said["may_choose"]:
        yield f"callers   may choose {', '.join(said['may_choose'])} with x-guardproxy-use-policy"
    if "rule" in said:
        yield "rule      " + "\n          ".join(f"{what}: {value}" for what, value in said["rule"].items())
