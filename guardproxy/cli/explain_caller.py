"""Who `guardproxy explain` is asked about, and what would be refused before any rule looks at a text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from guardproxy.core.scope import ANYTHING, Scope

if TYPE_CHECKING:
    from datetime import datetime

    from guardproxy.core.conditions import Facts
    from guardproxy.core.policy import Policy
    from guardproxy.identity.stored import StoredKey
    from guardproxy.settings import Settings


class Caller(NamedTuple):
    """`name` and `team` as conditions know them. `note` says what may not be as whoever asks believes it is."""

    name: str = ""
    team: str = ""
    scope: Scope = ANYTHING
    note: str = ""


def caller_of(which: str, team: str | None, settings: Settings, now: datetime) -> Caller:
    """The caller with this name or id of a key, as far as the settings know it. Raises `ConfigurationError`."""
    from guardproxy.cli.compose_tokens import is_callers_name
    from guardproxy.cli.keys_place import known_keys
    from guardproxy.identity.keyring import SESSION

    if not which:
        return Caller(team=team or "")
    keys = known_keys(settings)
    found = next((key for key in reversed(keys) if which in (key.id, key.name)), None)
    if found is not None:
        own = found.team or ""
        return Caller(found.name, own if team is None else team, found.scope, _note(found, own, team, now))
    note = ""
    if not keys and settings.keys.file is None and settings.keys.store == "file":
        note = f"the settings name no keys (keys.file), so nobody can tell whether there is a key '{which}'"
    elif which != SESSION.name and not is_callers_name(settings, which):
        note = f"there is no key '{which}'{_near(which, keys)}; what is told is what a key of this name would get"
    return Caller(which, team or "", note=note)


def known_surface(name: str) -> str:
    """The name, if it is one of an API. Raises `ConfigurationError`."""
    from guardproxy.errors import ConfigurationError
    from guardproxy.policyfile.mistakes import suggestion
    from guardproxy.policyfile.surfaces import INSPECTED
    from guardproxy.surfaces.further import FURTHER

    if name not in INSPECTED and name not in FURTHER:
        raise ConfigurationError(f"--surface: unknown surface '{name}'{suggestion(name, [*INSPECTED, *FURTHER])}")
    return name


def refusals(policy: Policy, scope: Scope, facts: Facts) -> Iterator[str]:
    """Why such a request is refused whatever it says: the code its caller sees, and where that is decided."""
    from guardproxy.surfaces.further import FURTHER

    rules = policy.surface(facts.surface)
    if not rules.open or (facts.surface in FURTHER and not policy.surfaces.get(facts.surface, rules).uninspected):
        yield f"unknown_url: the policy does not open {facts.surface} (surfaces)"
    if not scope.allows_route(facts.surface):
        yield f"route_not_allowed: the key is for {', '.join(scope.routes)} only"
    if facts.surface in FURTHER:  # which model such a request names is not looked at
        if scope.models and facts.surface not in scope.routes:
            yield f"route_not_allowed: the key is for certain models, and its routes do not name {facts.surface}"
        return
    if facts.model and not scope.allows_model(facts.model):
        yield f"model_not_allowed: the key is for the models {', '.join(scope.models)} only"
    if facts.model and not policy.shadow and not policy.limits.allows_model(facts.model):
        yield f"model_not_allowed: the policy lets {', '.join(policy.limits.models)} through only (limits.models)"


def _note(key: StoredKey, own: str, team: str | None, now: datetime) -> str:
    if (status := key.status(now)) != "active":
        return f"the key '{key.name}' ({key.id}) is {status} and opens nothing (invalid_api_key)"
    if team is not None and team != own:
        has = f"the team '{own}'" if own else "no team"
        return f"the key '{key.name}' has {has}; what is told is what it would get with the team '{team}'"
    return ""


def _near(which: str, keys: Sequence[StoredKey]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(which, [key.name for key in keys], n=1)
    return f", did you mean '{close[0]}'?" if close else ""
