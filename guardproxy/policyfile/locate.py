"""Where the shipped policies and packs are: inside an installed wheel, or at the top of a checkout."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import guardproxy
from guardproxy.errors import ConfigurationError
from guardproxy.policyfile.mistakes import suggestion
from guardproxy.policyfile.sources import Sources

_PACKAGE: Final = Path(guardproxy.__file__).parent


def shipped_policies(package: Path = _PACKAGE) -> Path:
    """The directory that holds `default.yaml` and `packs/`. Raises `ConfigurationError` if there is none."""
    for directory in (package / "_policies", package.parent / "policies"):
        if (directory / "default.yaml").is_file():
            return directory
    raise ConfigurationError("the shipped policies are missing from this installation; give a policy file")


def find_policy(name: str, policy_directory: Path) -> Path:
    """The file of a policy that another one extends: a path next to it, or, without slash and ending, a shipped one.

    Raises `ConfigurationError` (without a position) for a shipped one that does not exist.
    """
    if "/" in name or name.endswith((".yaml", ".yml")):
        return policy_directory / name
    shipped = {file.stem: file for file in shipped_policies().glob("*.yaml") if "." not in file.stem}
    if name in shipped:
        return shipped[name]
    raise ConfigurationError(
        f"unknown policy '{name}'{suggestion(name, shipped)} (a file of your own: './{name}.yaml')"
    )


def find_pack(name: str, policy_directory: Path, sources: Sources | None = None) -> Path:
    """The directory of a pack a policy names: with a slash it is relative to the policy, without one it is shipped.

    Raises `ConfigurationError` (without a position) when there is no such directory.
    """
    sources = sources or Sources()
    if "/" in name:
        directory = policy_directory / name
        if sources.is_directory(directory):
            return directory
        raise ConfigurationError(f"the pack directory '{name}' does not exist next to this file")
    packs = shipped_policies() / "packs"
    known = [entry.name for entry in sources.entries(packs) if sources.is_directory(entry)]
    if name in known:
        return packs / name
    hint = suggestion(name, known)
    raise ConfigurationError(f"unknown pack '{name}'{hint} (a directory of your own is written './{name}')")
