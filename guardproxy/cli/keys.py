"""`guardproxy keys`: make, list and revoke the keys that callers present."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

from guardproxy.core.excerpt import printable

# What reads the file is imported by the commands: `guardproxy --help` must not wait for it.
if TYPE_CHECKING:
    from guardproxy.identity.stored import StoredKey

keys_app = typer.Typer(
    name="keys",
    no_args_is_help=True,
    help="Make, list and revoke the keys that callers present. Only digests are stored.",
)

DEFAULT_FILE: Final = Path("keys.yaml")
_UNITS: Final = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_COLUMNS: Final = ("id", "name", "speaks as", "created (UTC)", "expires (UTC)", "status")
_MAY: Final = {
    "user": "It may send user, assistant and tool messages; the default policy refuses its system messages.",
    "operator": "It may also send system and developer messages, which steer the model: keep it on your own servers.",
}

FileOption = Annotated[
    Path,
    typer.Option("--file", envvar="GUARDPROXY_KEYS", help="The file of keys; its pepper is kept next to it."),
]


@keys_app.command()
def create(
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help="Who holds the key: a person or an application. It stands in the logs."),
    ],
    speaks_as: Annotated[
        Literal["operator", "user"],
        typer.Option(
            help="operator: may also send system and developer messages. An application that sends a system prompt of "
            "its own needs it. user: may not."
        ),
    ] = "user",
    team: Annotated[
        str | None,
        typer.Option(
            help="The team it belongs to: its keys share the limits of a team, and policies may be given, and "
            "conditions written, by team. Default: no team."
        ),
    ] = None,
    expires: Annotated[
        str | None, typer.Option(help="When it stops working: 12h, 90d, 4w, or a date like 2030-01-31. Default: never.")
    ] = None,
    file: FileOption = DEFAULT_FILE,
) -> None:
    """Make a key and print it, once.

    guardproxy keys create chat-widget

    guardproxy keys create billing-service --speaks-as operator --expires 90d

    export OPENAI_API_KEY=$(guardproxy keys create my-app --speaks-as operator)

    The key alone goes to standard output, what to do with it to standard error.
    """
    import os
    import secrets

    from guardproxy.identity.keyfile import ensure_pepper, rewrite_keys
    from guardproxy.identity.keys import digest, new_key
    from guardproxy.identity.stored import StoredKey

    now = datetime.now(UTC).replace(microsecond=0)
    valid_until = None if expires is None else _moment(expires, now)
    _check_name(name)
    if team is not None:
        _check_name(team, "--team")
    made = new_key(secrets.token_bytes)
    pepper = ensure_pepper(file, os.environ, secrets.token_bytes)
    stored = StoredKey(
        id=made.key_id,
        name=name,
        digest=digest(made.token, pepper),
        speaks_as=speaks_as,
        team=team,
        created=now,
        expires=valid_until,
    )

    def added(keys: tuple[StoredKey, ...]) -> tuple[StoredKey, ...]:
        if any(key.name == name and key.status(now) == "active" for key in keys):
            raise typer.BadParameter(
                f"there is an active key called {name}; choose another name, or revoke it first", param_hint="NAME"
            )
        return (*keys, stored)

    rewrite_keys(file, added)
    typer.echo(made.token)
    _explain(stored, file)


@keys_app.command("list")
def list_keys(file: FileOption = DEFAULT_FILE) -> None:
    """All keys of the file, the newest last. An id is public: it names a key in logs and opens nothing.

    guardproxy keys list

    guardproxy keys list --file /etc/guardproxy/keys.yaml
    """
    from guardproxy.identity.keyfile import read_keys

    now = datetime.now(UTC)
    rows = [_row(key, now) for key in read_keys(file)]
    if not rows:
        typer.echo(f"No key in {file} yet. Make one: guardproxy keys create NAME", err=True)
        return
    widths = [max(map(len, column)) for column in zip(_COLUMNS, *rows, strict=True)]
    for row in (_COLUMNS, *rows):
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


@keys_app.command()
def revoke(
    which: Annotated[
        str, typer.Argument(metavar="ID|NAME", help="The id or the name, as `guardproxy keys list` shows.")
    ],
    file: FileOption = DEFAULT_FILE,
) -> None:
    """Make a key invalid for ever. Its line stays in the file, so that logs can still be read.

    guardproxy keys revoke chat-widget

    guardproxy keys revoke 4fK2m9QxTz0A
    """
    from guardproxy.identity.keyfile import rewrite_keys

    now = datetime.now(UTC).replace(microsecond=0)
    revoked: list[StoredKey] = []

    def changed(keys: tuple[StoredKey, ...]) -> tuple[StoredKey, ...]:
        chosen = _chosen(keys, which)
        revoked.append(chosen)
        ended = chosen if chosen.revoked else chosen.model_copy(update={"revoked": now})
        return tuple(ended if key.id == chosen.id else key for key in keys)

    if not file.exists():
        typer.echo(f"There is no file {file}. Name one with --file or GUARDPROXY_KEYS.", err=True)
        raise typer.Exit(1)
    rewrite_keys(file, changed)
    key = revoked[0]
    said = "was revoked before" if key.revoked else "is revoked"
    typer.echo(f"Key {key.id} ({printable(key.name)}) {said}. Restart a running proxy: it reads the keys at start.")


def _explain(key: StoredKey, file: Path) -> None:
    until = f" until {_time(key.expires)} UTC" if key.expires else ""
    for line in (
        f"This is the key of {key.name} (id {key.id}), valid{until or ' until it is revoked'}.",
        f"It is shown this once: {file} keeps only a digest.",
        _MAY[key.speaks_as],
        f"Next: start the proxy with GUARDPROXY_KEYS={file} guardproxy serve (restart it if it runs: it reads the keys",
        "at start), and set the application's api_key to the key and its base_url to the proxy's /v1.",
    ):
        typer.echo(line, err=True)


def _check_name(name: str, where: str = "NAME") -> None:
    from guardproxy.identity.stored import checked_name

    try:
        checked_name(name)
    except ValueError as error:
        raise typer.BadParameter(f"a name {error}", param_hint=where) from None


def _moment(text: str, now: datetime) -> datetime:
    try:
        if form := re.fullmatch(r"([0-9]{1,4})([hdw])", text):
            moment = now + int(form[1]) * _UNITS[form[2]]
        else:
            moment = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise typer.BadParameter("write 12h, 90d, 4w, or a date like 2030-01-31", param_hint="--expires") from None
    if moment <= now:
        raise typer.BadParameter("that is not in the future", param_hint="--expires")
    return moment


def _chosen(keys: tuple[StoredKey, ...], which: str) -> StoredKey:
    """The key meant by an id, a name, or (someone pastes what they have) a whole key; never repeats what was given."""
    from guardproxy.identity.keys import parse

    key_id = parse(which) or which
    matching = [key for key in keys if key.id == key_id] or [key for key in keys if key.name == which]
    current = [key for key in matching if key.revoked is None] or matching[-1:]
    if not current:
        typer.echo("No key has this id or name; `guardproxy keys list` shows them.", err=True)
        raise typer.Exit(1)
    if len(current) > 1:
        ids = ", ".join(key.id for key in current)
        typer.echo(f"Several keys have this name: {ids}. Revoke by id.", err=True)
        raise typer.Exit(1)
    return current[0]


def _row(key: StoredKey, now: datetime) -> tuple[str, ...]:
    expires = _time(key.expires) if key.expires else "never"
    return key.id, printable(key.name), key.speaks_as, _time(key.created), expires, key.status(now)


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M")
