"""Where `guardproxy keys` works: the file of keys, or the store that proxies share; and how its failures are told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal, TypeVar

import typer

from guardproxy.cli.read_settings import ConfigOption as ConfigOption

# What reads files and talks to stores is imported when it is needed: `guardproxy --help` must not wait for it.
if TYPE_CHECKING:
    from datetime import datetime

    from guardproxy.identity.store import KeyStore
    from guardproxy.identity.stored import StoredKey
    from guardproxy.settings import Settings

DEFAULT_FILE: Final = Path("keys.yaml")
Place = Literal["file", "redis"]
Result = TypeVar("Result")

KeysFileOption = Annotated[
    Path | None,
    typer.Option(
        "--file",
        envvar="GUARDPROXY_KEYS",
        metavar="FILE",
        help="The file of keys. Default: that of the settings (keys.file), or keys.yaml.",
    ),
]
StoreOption = Annotated[
    Place | None,
    typer.Option(
        "--store",
        help="file, or redis: the store of quota.redis that proxies share. Default: as the settings say (keys.store).",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="JSON on standard output, for other programs.")]


def with_keys(
    place: Place | None,
    file: Path | None,
    config: Path | None,
    work: Callable[[KeyStore], Awaitable[Result]],
    now: datetime,
    *,
    changes: bool = False,
) -> Result:
    """What `work` makes of the chosen keys. A failure ends the command: 1 where the answer is no, 2 where none can be.

    All of it happens at `now`. `changes`: the work makes or changes keys, for which the pepper is needed, and made
    where it is the very first.
    """
    import asyncio

    from guardproxy.cli.read_settings import read_settings
    from guardproxy.errors import ConfigurationError
    from guardproxy.identity.store import KeyStoreError, KeyStoreUnavailable, NameTaken

    settings = read_settings(config)

    async def run() -> Result:
        store = await _open(place, file, settings, now, changes=changes)
        try:
            return await work(store)
        finally:
            await store.close()

    try:
        return asyncio.run(run())
    except KeyStoreUnavailable as error:
        raise ConfigurationError(error.message) from error
    except NameTaken as error:
        raise typer.BadParameter(error.message, param_hint="NAME") from error
    except KeyStoreError as error:
        typer.echo(f"{error.message[0].upper()}{error.message[1:]}.", err=True)
        raise typer.Exit(1) from error


def known_keys(settings: Settings) -> Sequence[StoredKey]:
    """The keys that proxies with these settings know, as far as they are kept somewhere. Raises `ConfigurationError`.

    A key that stands in the file is the one of the file.
    """
    import asyncio
    import os

    from guardproxy.cli.compose_keys import make_redis_key_store
    from guardproxy.errors import ConfigurationError
    from guardproxy.identity.keyfile import read_keys
    from guardproxy.identity.store import KeyStoreError

    of_file = read_keys(Path(settings.keys.file)) if settings.keys.file else ()
    if settings.keys.store == "file":
        return of_file

    async def shared() -> Sequence[StoredKey]:
        store = make_redis_key_store(settings, os.environ, b"")  # nothing is digested
        store.open()
        try:
            return await store.list()
        finally:
            await store.close()

    try:
        of_store = asyncio.run(shared())
    except KeyStoreError as error:
        raise ConfigurationError(error.message) from error
    ids = {key.id for key in of_file}
    return (*(key for key in of_store if key.id not in ids), *of_file)


async def _open(
    place: Place | None, file: Path | None, settings: Settings, now: datetime, *, changes: bool
) -> KeyStore:
    import os

    from guardproxy.identity.file_store import FileKeyStore

    named = Path(settings.keys.file) if settings.keys.file else None
    pepper_file = Path(settings.keys.pepper_file) if settings.keys.pepper_file else None
    if place is None:
        place = "file" if file is not None and file != named else settings.keys.store
    if place == "file":
        return FileKeyStore(file or named or DEFAULT_FILE, os.environ, lambda: now, pepper_file=pepper_file)
    return await _open_shared(file or named or DEFAULT_FILE, pepper_file, settings, now, changes=changes)


async def _open_shared(
    file: Path, pepper_file: Path | None, settings: Settings, now: datetime, *, changes: bool
) -> KeyStore:
    import os
    import secrets

    from guardproxy.cli.compose_keys import make_redis_key_store
    from guardproxy.errors import ConfigurationError
    from guardproxy.identity.keyfile import ensure_pepper, load_pepper

    unknown = secrets.token_bytes(32)
    store = make_redis_key_store(settings, os.environ, unknown, lambda: now)
    store.open()
    if not changes:  # nothing is digested, and any pepper will do
        return store
    try:
        _, without_keys = await store.state()  # nobody has used this pepper before: only no pepper at all fits it
        if without_keys:
            pepper = ensure_pepper(file, os.environ, secrets.token_bytes, pepper_file)
        else:
            pepper = load_pepper(file, os.environ, pepper_file)
    except ConfigurationError:
        await store.close()
        raise
    return store.under(pepper)
