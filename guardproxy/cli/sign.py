"""`guardproxy sign`: the signature of a request's system messages and tools, and the digests that pin them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from guardproxy.cli.keys_place import DEFAULT_FILE, ConfigOption, KeysFileOption, known_keys
from guardproxy.errors import ConfigurationError

if TYPE_CHECKING:
    from guardproxy.core.exchange import RequestReading
    from guardproxy.core.separation.speech import Speaking
    from guardproxy.identity.keyring import Keyring

# Members that only requests to Anthropic's API have.
_OF_MESSAGES: Final = ("system", "output_config", "mcp_servers")
SECRET_VARIABLE: Final = "GUARDPROXY_SIGNING_SECRET"  # noqa: S105 - a name


def sign(
    request: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="The body of a request; default: standard input.")
    ] = None,
    pins: Annotated[
        bool,
        typer.Option("--pins", help="Print the digests for `pinned_prompts` instead, one for each system message."),
    ] = False,
) -> None:
    """Print the value of the header x-guardproxy-signature for a request.

    GUARDPROXY_SIGNING_SECRET=$(guardproxy keys signing-secret my-app) guardproxy sign request.json

    guardproxy sign --pins request.json

    The secret is that of the key the request is sent with. A signature fits the system messages, in their order, and
    the tools, and says nothing about the rest of the request, so it can be computed once.
    """
    import os

    from guardproxy.core.separation.signature import sign as signature_of
    from guardproxy.core.separation.speakers import pins_of

    document, reading, speaking = _read(request)
    if pins:
        for pin in pins_of(reading):
            typer.echo(f"sha256:{pin}")
        return
    secret = os.environ.get(SECRET_VARIABLE, "").strip()
    if not secret:
        raise ConfigurationError(f"set {SECRET_VARIABLE} to what `guardproxy keys signing-secret NAME` prints")
    part = speaking.operator_part(document)
    if part is None:
        typer.echo("This request says nothing in the operator's place, so it needs no signature.", err=True)
        raise typer.Exit(1)
    typer.echo(signature_of(secret.encode(), part))


def signing_secret(
    which: Annotated[
        str, typer.Argument(metavar="ID|NAME", help="The id or the name, as `guardproxy keys list` shows.")
    ],
    file: KeysFileOption = None,
    config: ConfigOption = None,
) -> None:
    """Print the secret that the back end behind a key signs its system messages with.

    guardproxy keys signing-secret my-app

    It is made from the pepper, so nothing is stored and it stays the same. Who has it can make the key say anything.
    """
    import os

    from guardproxy.cli.compose_keys import shared_pepper
    from guardproxy.cli.read_settings import read_settings
    from guardproxy.identity.keyring import Keyring

    settings = read_settings(config)
    if settings.keys.store == "file" or (file is not None and str(file) != settings.keys.file):
        named = str(file or settings.keys.file or DEFAULT_FILE)
        of_file = settings.keys.model_copy(update={"file": named, "store": "file"})
        settings = settings.model_copy(update={"keys": of_file})
    keyring = Keyring(known_keys(settings), shared_pepper(settings, os.environ))
    typer.echo(keyring.signing_secret(_id_of(keyring, which)))


def _id_of(keyring: Keyring, which: str) -> str:
    ids = keyring.ids_of(which)
    if len(ids) != 1:
        said = "No key has this id or name" if not ids else f"Several keys have this name: {', '.join(ids)}"
        typer.echo(f"{said}; `guardproxy keys list` shows them.", err=True)
        raise typer.Exit(1)
    return ids[0]


def _read(request: Path | None) -> tuple[Any, RequestReading, Speaking]:
    """A request of the API that it looks like: what none of the others has, or otherwise a chat completion."""
    from guardproxy.errors import InvalidJson, InvalidRequest
    from guardproxy.surfaces import chat_completions, messages, responses
    from guardproxy.wire.strict_json import parse_strict

    try:
        document = parse_strict(sys.stdin.buffer.read() if request is None else request.read_bytes())
        surface: Any = chat_completions
        if isinstance(document, dict) and "messages" not in document and "input" in document:
            surface = responses
        elif isinstance(document, dict) and not document.keys().isdisjoint(_OF_MESSAGES):
            surface = messages
        return document, surface.read_request(document, operator=True), surface.SPEAKING
    except OSError as error:
        raise ConfigurationError(f"{request}: cannot be read: {error.strerror}") from error
    except (InvalidJson, InvalidRequest) as error:
        raise ConfigurationError(f"this is no request: {error.message}") from error
