"""`guardproxy keys`: make, list, show, rotate and revoke the keys that callers present."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer

from guardproxy.cli.keys_place import ConfigOption, JsonOption, KeysFileOption, StoreOption, with_keys
from guardproxy.cli.keys_shown import as_json, echo_json, echo_key, echo_table, explain_new, explain_rotated
from guardproxy.core.excerpt import printable

# What reads the file is imported by the commands: `guardproxy --help` must not wait for it.
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from guardproxy.identity.store import KeyStore
    from guardproxy.identity.stored import KeyTerms, StoredKey

keys_app = typer.Typer(
    name="keys",
    no_args_is_help=True,
    help="Make, list, rotate and revoke the keys that callers present, in a file or in the store that proxies share. "
    "Only digests are stored.",
)

_UNITS: Final = {
    "m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1),
}  # fmt: skip
_OPTIONS: Final = {"name": "NAME", "tags": "--tag", "cidrs": "--cidr"}
WhichArgument = Annotated[
    str, typer.Argument(metavar="ID|NAME", help="The id or the name, as `guardproxy keys list` shows.")
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
    not_before: Annotated[
        str | None, typer.Option(help="When it begins to work, written as --expires is. Default: now.")
    ] = None,
    models: Annotated[
        str | None, typer.Option(help="Models it may ask for, with commas; * is any text. Default: all.")
    ] = None,
    routes: Annotated[
        str | None,
        typer.Option(help="APIs it may use, with commas: chat_completions, embeddings ... Default: all that are open."),
    ] = None,
    policies: Annotated[
        str | None,
        typer.Option(help="Stricter policies its caller may ask for instead of its own, with commas. Default: all."),
    ] = None,
    cidr: Annotated[
        list[str] | None, typer.Option(help="A network it may be used from; may be given again. Default: anywhere.")
    ] = None,
    tag: Annotated[list[str] | None, typer.Option(help="A word of your own, to be shown; may be given again.")] = None,
    file: KeysFileOption = None,
    store: StoreOption = None,
    config: ConfigOption = None,
    json_: JsonOption = False,
) -> None:
    """Make a key and print it, once.

    guardproxy keys create chat-widget

    guardproxy keys create billing-service --speaks-as operator --expires 90d

    guardproxy keys create batch --models 'gpt-5*,o3' --routes chat_completions,embeddings --cidr 10.20.0.0/16

    export OPENAI_API_KEY=$(guardproxy keys create my-app --speaks-as operator)

    The key alone goes to standard output, what to do with it to standard error.
    """
    now = datetime.now(UTC).replace(microsecond=0)
    terms = _terms(
        name=name,
        speaks_as=speaks_as,
        team=team,
        expires=_moment(expires, now, "--expires"),
        not_before=_moment(not_before, now, "--not-before"),
        models=_words(models),
        routes=_words(routes),
        policies=_words(policies),
        cidrs=tuple(cidr or ()),
        tags=tuple(tag or ()),
    )

    async def make(keys: KeyStore) -> None:
        issued = await keys.create(terms)
        if json_:
            echo_json({"token": issued.token, "key": as_json(issued.key, now, {})})
            return
        typer.echo(issued.token)
        explain_new(issued.key, keys.place)

    with_keys(store, file, config, make, now, changes=True)


@keys_app.command("list")
def list_keys(
    file: KeysFileOption = None, store: StoreOption = None, config: ConfigOption = None, json_: JsonOption = False
) -> None:
    """All keys, the newest last. An id is public: it names a key in logs and opens nothing.

    guardproxy keys list

    guardproxy keys list --file /etc/guardproxy/keys.yaml

    guardproxy keys list --store redis --json
    """
    now = datetime.now(UTC)

    async def show_all(keys: KeyStore) -> None:
        stored, used = await keys.list(), await keys.last_used()
        if json_:
            echo_json([as_json(key, now, used) for key in stored])
        elif stored:
            echo_table(stored, now, used)
        else:
            typer.echo(f"No key in {keys.place} yet. Make one: guardproxy keys create NAME", err=True)

    with_keys(store, file, config, show_all, now)


@keys_app.command()
def show(
    which: WhichArgument,
    file: KeysFileOption = None,
    store: StoreOption = None,
    config: ConfigOption = None,
    json_: JsonOption = False,
) -> None:
    """All that is known of one key: what it is for, until when, and when it was last used.

    guardproxy keys show chat-widget

    guardproxy keys show 4fK2m9QxTz0A --json
    """
    from guardproxy.identity.changes import chosen

    now = datetime.now(UTC)

    async def show_one(keys: KeyStore) -> None:
        stored: Sequence[StoredKey] = await keys.list()
        used: Mapping[str, int] = await keys.last_used()
        key = chosen(stored, which, now)
        if json_:
            echo_json(as_json(key, now, used))
        else:
            echo_key(key, now, used)

    with_keys(store, file, config, show_one, now)


@keys_app.command()
def rotate(
    which: WhichArgument,
    overlap: Annotated[
        str, typer.Option(help="How long the secret before goes on: 30m, 24h, 7d. 0 for a key that leaked: not at all.")
    ] = "24h",
    file: KeysFileOption = None,
    store: StoreOption = None,
    config: ConfigOption = None,
    json_: JsonOption = False,
) -> None:
    """Give a key another secret and print it, once. The key stays who it is: its id, limits, policy and terms.

    guardproxy keys rotate chat-widget

    guardproxy keys rotate chat-widget --overlap 7d

    guardproxy keys rotate 4fK2m9QxTz0A --overlap 0

    Both secrets open until the overlap ends; a secret older than that opens nothing any more.
    """
    now = datetime.now(UTC)
    lasts = _overlap(overlap)

    async def renew(keys: KeyStore) -> None:
        issued = await keys.rotate(which, lasts)
        if json_:
            echo_json({"token": issued.token, "key": as_json(issued.key, now, {})})
            return
        typer.echo(issued.token)
        explain_rotated(issued, now)

    with_keys(store, file, config, renew, now, changes=True)


@keys_app.command()
def revoke(
    which: WhichArgument,
    reason: Annotated[str | None, typer.Option(help="Why; it is kept with the key.")] = None,
    file: KeysFileOption = None,
    store: StoreOption = None,
    config: ConfigOption = None,
    json_: JsonOption = False,
) -> None:
    """Make a key invalid for ever. Its line stays, so that logs can still be read.

    guardproxy keys revoke chat-widget

    guardproxy keys revoke 4fK2m9QxTz0A --reason 'found in a public repository'

    Running proxies refuse it within five seconds.
    """
    now = datetime.now(UTC).replace(microsecond=0)
    if reason is not None:
        _checked(reason, "--reason")

    async def end(keys: KeyStore) -> None:
        key = await keys.revoke(which, reason)
        if json_:
            echo_json(as_json(key, now, {}))
            return
        said = "was revoked before" if key.revoked is not None and key.revoked < now else "is revoked"
        typer.echo(f"Key {key.id} ({printable(key.name)}) {said}. Running proxies refuse it within five seconds.")

    with_keys(store, file, config, end, now, changes=True)


def _terms(**said: Any) -> KeyTerms:
    """What was said, checked; what is wrong is told with the option it stands in, and never repeated."""
    from pydantic import ValidationError

    from guardproxy.identity.stored import KeyTerms

    try:
        return KeyTerms.model_validate(said)
    except ValidationError as error:
        detail = error.errors(include_url=False)[0]
        field = str(detail["loc"][0]) if detail["loc"] else "not_before"
        reason = detail["msg"].removeprefix("Value error, ").removeprefix("Input ")
        hint = _OPTIONS.get(field, "--" + field.replace("_", "-"))
        raise typer.BadParameter(f"it {reason}", param_hint=hint) from None


def _words(listed: str | None) -> tuple[str, ...]:
    return tuple(word.strip() for word in listed.split(",")) if listed is not None else ()


def _checked(text: str, option: str) -> None:
    from guardproxy.identity.stored import checked_name

    try:
        checked_name(text)
    except ValueError as error:
        raise typer.BadParameter(f"it {error}", param_hint=option) from None


def _moment(text: str | None, now: datetime, option: str) -> datetime | None:
    if text is None:
        return None
    try:
        if form := re.fullmatch(r"([0-9]{1,4})([mhdw])", text):
            moment = now + int(form[1]) * _UNITS[form[2]]
        else:
            moment = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise typer.BadParameter("write 12h, 90d, 4w, or a date like 2030-01-31", param_hint=option) from None
    if moment <= now:
        raise typer.BadParameter("that is not in the future", param_hint=option)
    return moment


def _overlap(text: str) -> timedelta:
    form = re.fullmatch(r"([0-9]{1,4})([mhdw])|0", text)
    if form is None:
        raise typer.BadParameter("write 30m, 24h, 7d, or 0", param_hint="--overlap")
    return int(form[1]) * _UNITS[form[2]] if form[1] else timedelta(0)
