"""How `guardproxy keys` shows keys: a table, one key whole, and what to do with a new one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import typer

from guardproxy.core.excerpt import printable

if TYPE_CHECKING:
    from guardproxy.identity.store import Issued
    from guardproxy.identity.stored import StoredKey

_MAY: Final = {
    "user": "It may send user, assistant and tool messages; the default policy refuses its system messages.",
    "operator": "It may also send system and developer messages, which steer the model: keep it on your own servers.",
}


def as_json(key: StoredKey, now: datetime, used: Mapping[str, int]) -> dict[str, Any]:
    """A key for other programs: no digest, its status, and when it was last used, if that is known."""
    last = used.get(key.id)
    when = {} if last is None else {"last_used": datetime.fromtimestamp(last, UTC).isoformat().replace("+00:00", "Z")}
    return {**key.shown(), "status": key.status(now), **when}


def echo_json(document: Any) -> None:
    typer.echo(json.dumps(document, indent=2, ensure_ascii=False))


def echo_table(keys: Sequence[StoredKey], now: datetime, used: Mapping[str, int]) -> None:
    """A line for each key; when they were used stands there where it is known of any."""
    columns = ["id", "name", "speaks as", "created (UTC)", "expires (UTC)", "status"]
    if used:
        columns.insert(-1, "last used (UTC)")
    rows = [columns, *(_row(key, now, used) for key in keys)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def echo_key(key: StoredKey, now: datetime, used: Mapping[str, int]) -> None:
    """All that is known of one key, a line for each fact."""
    for name, value in as_json(key, now, used).items():
        if name == "rotated_from":
            typer.echo(f"former secret valid until: {value['until']}")
        else:
            shown = ", ".join(value) if isinstance(value, list) else str(value)
            typer.echo(f"{name.replace('_', ' ')}: {printable(shown, 2000)}")


def explain_new(key: StoredKey, place: str) -> None:
    """What to do with a key that was just made."""
    start = f" until {shown_time(key.expires)} UTC" if key.expires else " until it is revoked"
    if key.not_before:
        start = f" from {shown_time(key.not_before)} UTC on{start if key.expires else ''}"
    for line in (
        f"This is the key of {key.name} (id {key.id}), valid{start}.",
        f"It is shown this once: {place} keeps only a digest.",
        _MAY[key.speaks_as],
        *_next_step(place),
    ):
        typer.echo(line, err=True)


def explain_rotated(issued: Issued, now: datetime) -> None:
    """What to do with the new secret of a key."""
    key = issued.key
    typer.echo(f"This is the new secret of {printable(key.name)} (id {key.id}), shown this once.", err=True)
    if key.rotated_from is None:
        typer.echo("The one before opens nothing any more.", err=True)
    else:
        until = shown_time(key.rotated_from.until)
        typer.echo(f"The one before opens until {until} UTC; one before that, if any, not any more.", err=True)
    if key.status(now) != "active":
        typer.echo(f"The key is {key.status(now)} all the same.", err=True)


def shown_time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M")


def _next_step(place: str) -> tuple[str, ...]:
    application = "set the application's api_key to the key and its base_url to the proxy's /v1."
    if place.endswith("store"):
        return (f"Next: {application} Every proxy with keys.store: redis takes it at once.",)
    return (
        f"Next: start the proxy with GUARDPROXY_KEYS={place} guardproxy serve (one that runs with it takes the key",
        f"within seconds), and {application}",
    )


def _row(key: StoredKey, now: datetime, used: Mapping[str, int]) -> list[str]:
    expires = shown_time(key.expires) if key.expires else "never"
    row = [key.id, printable(key.name), key.speaks_as, shown_time(key.created), expires, key.status(now)]
    if used:
        last = used.get(key.id)
        row.insert(-1, shown_time(datetime.fromtimestamp(last, UTC)) if last else "-")
    return row
