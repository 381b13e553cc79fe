"""`guardproxy rollback`: put the policies in force again that were in force before."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from guardproxy.cli.read_settings import ConfigOption, read_settings_for_policies

if TYPE_CHECKING:
    from guardproxy.policyfile.history import History, Kept


def rollback(
    revision: Annotated[str | None, typer.Argument(help="A kept revision. Default: the one before.")] = None,
    list_: Annotated[bool, typer.Option("--list", help="Only show what is kept.")] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Let the policy files decide again.")] = False,
    config: ConfigOption = None,
) -> None:
    """Put kept policies in force again, in every proxy that runs with these settings.

    A proxy whose settings name a directory under `policies.state` keeps there the last ten revisions that were in
    force, as the files they were made of. A rollback pins one of them: running proxies take it over as they take over
    changed files, and so does one that starts. Changes of the files then wait until `--undo`.

        guardproxy rollback --list

        guardproxy rollback

        guardproxy rollback 3f2a9c41d0b7

        guardproxy rollback --undo
    """
    from guardproxy.cli.compose import policy_store
    from guardproxy.errors import ConfigurationError
    from guardproxy.policyfile.history import History

    settings = read_settings_for_policies(config)
    if settings.policies.state is None:
        raise ConfigurationError("nothing is kept: name a directory under policies.state in guardproxy.yaml")
    history = History(Path(settings.policies.state))
    if list_:
        typer.echo("\n".join(_table(history)) or "nothing is kept yet")
        return
    try:
        if undo:
            history.release()
            typer.echo("the policy files decide again")
        else:
            target = policy_store(settings).pin(revision)
            typer.echo(f"{target} is pinned; undo it with `guardproxy rollback --undo`")
    except OSError as error:
        raise ConfigurationError(f"{history.pin_file}: cannot be written: {error.strerror}") from error


def _table(history: History) -> list[str]:
    pinned = history.pinned()
    return [_row(one, pinned) for one in history.revisions()]


def _row(one: Kept, pinned: str | None) -> str:
    since = datetime.fromtimestamp(one.time_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    policies = ", ".join(f"{name}@{revision}" for name, revision in one.policies.items())
    return f"{one.revision}  {since}  {policies}{'  (pinned)' if one.revision == pinned else ''}"
