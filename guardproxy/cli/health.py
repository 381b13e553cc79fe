"""`guardproxy health`: the health check of a container, by the program that is checked.

It asks the admin listener, whose address it finds as `serve` does: in the settings. An image then needs no other
program to be watched, and a check and its proxy cannot disagree about the port.
"""

from __future__ import annotations

import http.client
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

if TYPE_CHECKING:
    from guardproxy.admin_settings import Admin

_WILDCARDS: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 (where a listener on all addresses answers)
_MOST_BYTES: Final = 4096


def health(
    config: Annotated[
        Path | None,
        typer.Option(
            help="Settings file of the proxy. Default: guardproxy.yaml if there is one.",
            envvar="GUARDPROXY_CONFIG",
            metavar="FILE",
        ),
    ] = None,
    admin_port: Annotated[
        int | None, typer.Option(help="Port of the health checks, if `serve` was given one.", min=1, max=65535)
    ] = None,
    live: Annotated[
        bool, typer.Option("--live", help="Ask whether it runs, instead of whether it takes new requests.")
    ] = False,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for the answer.", min=0.1, max=60)] = 3.0,
) -> None:
    """Ask the proxy that runs on this machine how it is.

    Prints what it says. The exit code is 0 when it is ready (with `--live`: when it runs), and 1 when it is starting,
    draining or gone.

        guardproxy health

        guardproxy health --live --admin-port 9081
    """
    from guardproxy.cli.read_settings import read_settings
    from guardproxy.settings import Overrides

    admin = read_settings(config, Overrides(admin_port=admin_port)).admin
    good, said = _ask(admin, "live" if live else "ready", timeout)
    typer.echo(said, err=not good)
    if not good:
        raise typer.Exit(1)


def _ask(admin: Admin, hoped: str, timeout_s: float) -> tuple[bool, str]:
    """Whether the proxy is what is hoped, `live` or `ready`, and what to show of its answer."""
    from guardproxy.errors import ConfigurationError

    if admin.port == 0:
        raise ConfigurationError("admin.port is 0, a free port that only the proxy knows: give --admin-port")
    connection = http.client.HTTPConnection(_WILDCARDS.get(admin.host, admin.host), admin.port, timeout=timeout_s)
    try:
        connection.request("GET", f"/health/{hoped}", headers={"connection": "close"})
        answer = connection.getresponse()
        body = answer.read(_MOST_BYTES)
    except OSError as error:
        return False, f"no answer from {admin.host}:{admin.port}: {error.strerror or error}"
    except http.client.HTTPException:  # its text may quote what it was sent
        return False, f"no answer in HTTP from {admin.host}:{admin.port}"
    finally:
        connection.close()
    status = _status(body)
    if status is None:
        return False, f"{admin.host}:{admin.port} answered {answer.status}, and not as guardproxy does"
    return (answer.status, status) == (200, hoped), status


def _status(body: bytes) -> str | None:
    """The word of a health check's answer; None for anything else that may listen there."""
    from guardproxy.wire.document import UndecodableJson, decode

    try:
        value = decode(body)
    except UndecodableJson:
        return None
    status = value.get("status") if isinstance(value, dict) else None
    return status if isinstance(status, str) and status.isalpha() and status.isascii() else None
