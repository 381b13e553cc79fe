"""The `guardproxy` command. Each subcommand lives in a file of its own; heavy imports happen inside their bodies."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from guardproxy import __version__
from guardproxy.cli.admins import admins_app
from guardproxy.cli.candidate import candidate_app
from guardproxy.cli.cases import test
from guardproxy.cli.check import check
from guardproxy.cli.demo import demo
from guardproxy.cli.doctor import doctor
from guardproxy.cli.explain import explain
from guardproxy.cli.health import health
from guardproxy.cli.incidents import incidents_app
from guardproxy.cli.keys import keys_app
from guardproxy.cli.pin import pin
from guardproxy.cli.quota import quota_app
from guardproxy.cli.rollback import rollback
from guardproxy.cli.scan import scan
from guardproxy.cli.schema import schema
from guardproxy.cli.serve import serve
from guardproxy.cli.sign import sign, signing_secret
from guardproxy.errors import ConfigurationError

app = typer.Typer(
    name="guardproxy",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Start with `guardproxy demo`, then `OPENAI_API_KEY=... guardproxy serve`.",
)
app.command()(serve)
app.command()(demo)
app.command()(check)
app.command()(scan)
app.command()(health)
app.command()(pin)
app.command()(sign)
keys_app.command("signing-secret")(signing_secret)
app.command()(doctor)
app.command()(test)
app.command()(explain)
app.command()(rollback)
app.command()(schema)
app.add_typer(keys_app, name="keys")
app.add_typer(quota_app, name="quota")
app.add_typer(admins_app, name="admins")
app.add_typer(candidate_app, name="candidate")
app.add_typer(incidents_app, name="incidents")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"guardproxy {__version__}")
        raise typer.Exit


@app.callback()
def guardproxy(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """An LLM guardrail proxy: point the OpenAI base URL at it, write policies in YAML, review what was blocked."""


def main() -> None:
    """The console script. A configuration error is one clear message and exit code 2, never a traceback."""
    try:
        app()
    except ConfigurationError as error:
        typer.echo("\n".join(f"guardproxy: {line}" for line in error.message.splitlines()), err=True)
        sys.exit(2)
