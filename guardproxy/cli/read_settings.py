"""The settings as every command reads them: from the same file as `guardproxy serve`, and told the same way."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

if TYPE_CHECKING:
    from guardproxy.policy_settings import Told
    from guardproxy.settings import Overrides, Settings

_DEFAULT_CONFIG: Final = Path("guardproxy.yaml")

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        help="Settings file. Default: guardproxy.yaml if there is one.", envvar="GUARDPROXY_CONFIG", metavar="FILE"
    ),
]
PolicyOption = Annotated[
    Path | None,
    typer.Option(
        help="One policy file for everybody, instead of what the settings name (`policy`, `policies`).", metavar="FILE"
    ),
]


def read_settings(config: Path | None, overrides: Overrides | None = None, told: Told | None = None) -> Settings:
    """The settings; `told` hears what of policies is named and not used. Raises `ConfigurationError`."""
    import os

    from guardproxy.settings import Overrides, load_settings

    return load_settings(settings_file(config), os.environ, overrides or Overrides(), told or _nobody)


def read_settings_for_policies(config: Path | None, policy: Path | None = None) -> Settings:
    """The same for a command that uses the policies, and says on stderr which ones it does not use."""
    from guardproxy.settings import Overrides

    return read_settings(config, Overrides(policy=policy), _say)


def settings_file(named: Path | None) -> Path | None:
    """The settings file of a process: the one that was named, or the one that lies in the working directory."""
    return _DEFAULT_CONFIG if named is None and _DEFAULT_CONFIG.exists() else named


def _nobody(_: str) -> None:
    """A command without policies has nothing to tell about them."""


def _say(sentence: str) -> None:
    typer.echo(f"guardproxy: {sentence}", err=True)
