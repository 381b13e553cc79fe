"""`guardproxy admins`: who may use the admin API, and what they did."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

from guardproxy.core.excerpt import printable

# What reads the files is imported by the commands: `guardproxy --help` must not wait for it.
if TYPE_CHECKING:
    from guardproxy.admin.journal import AdminRecord

admins_app = typer.Typer(
    name="admins",
    no_args_is_help=True,
    help="Make, list and revoke the tokens of the admin API, and read what was done with them.",
)

DEFAULT_FILE: Final = Path("admins.yaml")
DEFAULT_LOG: Final = Path("admin.jsonl")
_UNITS: Final = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_ROLES: Final = (
    "viewer (sees how keys, quotas and policies stand), analyst (sees that, and no more yet), operator (also changes "
    "them) or admin (also makes and revokes admins)"
)
RoleWord = Literal["viewer", "analyst", "operator", "admin"]
_COLUMNS: Final = ("id", "name", "role", "created (UTC)", "expires (UTC)", "status")
_LOG_COLUMNS: Final = ("time (UTC)", "admin", "role", "action", "target", "outcome", "from", "reason")
_MAY: Final = {
    "viewer": "It may see how keys, quotas and policies stand.",
    "analyst": "It may see how keys, quotas and policies stand, as a viewer; nothing else asks for this role yet.",
    "operator": "It may see that, make, rotate and revoke keys, reset quotas, and reload and roll back policies.",
    "admin": "It may do everything, and make and revoke other admins.",
}

FileOption = Annotated[
    Path,
    typer.Option("--file", envvar="GUARDPROXY_ADMINS", help="The file of admins; its pepper is kept next to it."),
]


@admins_app.command()
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Who holds the token. It stands in every record.")],
    role: Annotated[
        str,
        typer.Option(
            metavar="ROLE",
            help="viewer: looks. analyst: looks; no more yet. operator: keys, quotas, policies. admin: everything, and "
            "other admins.",
        ),
    ] = "",
    expires: Annotated[
        str | None, typer.Option(help="When it stops working: 12h, 90d, 4w, or a date like 2030-01-31. Default: never.")
    ] = None,
    file: FileOption = DEFAULT_FILE,
) -> None:
    """Make a token of the admin API and print it, once.

    guardproxy admins create ada --role operator --expires 90d

    The token alone goes to standard output, what to do with it to standard error. A running proxy knows it at once.
    """
    import os

    from guardproxy.admin.admins import AdminError, AdminTerms, create_admin
    from guardproxy.identity.stored import checked_name

    now = datetime.now(UTC)
    try:
        checked_name(name)
    except ValueError as error:
        raise typer.BadParameter(f"a name {error}", param_hint="NAME") from None
    terms = AdminTerms(name=name, role=_role(role), expires=_moment(expires, now) if expires else None)
    try:
        made = create_admin(file, os.environ, terms, now)
    except AdminError as error:
        raise typer.BadParameter(error.message, param_hint="NAME") from None
    typer.echo(made.token)
    for line in (
        f"This is the token of {name} (id {made.admin.id}), with the role {terms.role}. It is shown this once.",
        _MAY[terms.role],
        f"Next: name the file under admin.tokens_file (or GUARDPROXY_ADMINS={file}) and start the proxy, then",
        "curl -H 'Authorization: Bearer TOKEN' http://127.0.0.1:8081/admin/v1/whoami",
    ):
        typer.echo(line, err=True)


@admins_app.command("list")
def list_admins(file: FileOption = DEFAULT_FILE) -> None:
    """All admins of the file, the newest last.

    guardproxy admins list
    """
    from guardproxy.admin.admins import read_admins

    now = datetime.now(UTC)
    rows = [
        (
            admin.id, printable(admin.name), admin.role, _time(admin.created),
            _time(admin.expires) if admin.expires else "never", admin.status(now),
        )
        for admin in read_admins(file)
    ]  # fmt: skip
    if not rows:
        typer.echo(f"No admin in {file} yet. Make one: guardproxy admins create NAME --role ROLE", err=True)
        return
    _print_table([_COLUMNS, *rows])


@admins_app.command()
def revoke(
    which: Annotated[
        str, typer.Argument(metavar="ID|NAME", help="The id or the name, as `guardproxy admins list` shows.")
    ],
    file: FileOption = DEFAULT_FILE,
) -> None:
    """Make a token invalid for ever, in running proxies too. Its line stays, so that records can still be read.

    guardproxy admins revoke ada
    """
    from guardproxy.admin.admins import AdminError, revoke_admin

    try:
        ended = revoke_admin(file, which, datetime.now(UTC))
    except AdminError as error:
        typer.echo(error.message, err=True)
        raise typer.Exit(1) from error
    typer.echo(f"The token of {printable(ended.name)} ({ended.id}) is revoked.")


@admins_app.command("log")
def show_log(
    file: Annotated[
        Path, typer.Option("--file", envvar="GUARDPROXY_ADMIN_LOG", help="The record that `guardproxy serve` writes.")
    ] = DEFAULT_LOG,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="JSON for programs, instead of a table.")] = False,
) -> None:
    """What was done over the admin API, the newest last: who, what, whether, and why.

    guardproxy admins log

    guardproxy admins log --json | jq 'select(.outcome == "denied")'
    """
    from guardproxy.audit.json_line import json_line

    newest = deque(_records(file), maxlen=limit)
    if as_json:
        for record in newest:
            typer.echo(json_line(record).decode(), nl=False)
    elif newest:
        _print_table([_LOG_COLUMNS, *map(_row, newest)])


def _role(word: str) -> RoleWord:
    """Raises `typer.BadParameter` that says what there is to choose from, and what for."""
    match word:
        case "viewer" | "analyst" | "operator" | "admin":
            return word
    said = f"'{printable(word, 40)}' is no role; use" if word else "say what the token may do:"
    raise typer.BadParameter(f"{said} {_ROLES}", param_hint="--role")


def _records(file: Path) -> Iterator[AdminRecord]:
    from guardproxy.admin.journal import read_journal

    bad = 0
    try:
        for record in read_journal(file):
            if record is None:
                bad += 1
            else:
                yield record
    except FileNotFoundError:
        typer.echo(f"Nothing was recorded yet: no file {file}.", err=True)
    except OSError as error:
        typer.echo(f"{file} cannot be read: {error.strerror}. Name one with --file or GUARDPROXY_ADMIN_LOG.", err=True)
        raise typer.Exit(2) from None
    if bad:
        typer.echo(f"{bad} unusable lines in {file}", err=True)


def _row(record: AdminRecord) -> tuple[str, ...]:
    outcome = record.outcome.value if record.code is None else f"{record.outcome.value} ({record.code})"
    told = (record.name, record.role, record.action, record.target, outcome, record.source, record.reason or "")
    return (record.time.partition(".")[0].replace("T", " "), *(printable(each, 60) for each in told))


def _print_table(rows: list[tuple[str, ...]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _moment(text: str, now: datetime) -> datetime:
    try:
        if form := re.fullmatch(r"([0-9]{1,4})([hdw])", text):
            moment = now.replace(microsecond=0) + int(form[1]) * _UNITS[form[2]]
        else:
            moment = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise typer.BadParameter("write 12h, 90d, 4w, or a date like 2030-01-31", param_hint="--expires") from None
    if moment <= now:
        raise typer.BadParameter("that is not in the future", param_hint="--expires")
    return moment


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M")
