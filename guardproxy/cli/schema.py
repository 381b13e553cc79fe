"""`guardproxy schema`: the JSON Schema of the files people write, for their editors."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

Kind = Literal["policy", "rule", "cases", "settings"]


def schema(
    kind: Annotated[
        Kind, typer.Argument(help="Which file: a policy, a rule of a pack, cases, or guardproxy.yaml.")
    ] = "policy",
    update: Annotated[
        Path | None,
        typer.Option(help="Instead: put the present tables between the markers of a Markdown file.", metavar="FILE"),
    ] = None,
) -> None:
    """Print the JSON Schema of a file, so that an editor completes keys and underlines mistakes.

        guardproxy schema > policy.schema.json

        guardproxy schema settings > guardproxy.schema.json

    Editors with the YAML language server find it through the first line of a file:

        # yaml-language-server: $schema=policy.schema.json
    """
    from guardproxy.errors import ConfigurationError
    from guardproxy.policyfile.reference import json_schema, schema_of, schema_text, with_tables
    from guardproxy.settings import Settings

    if update is not None:
        try:
            text = update.read_text(encoding="utf-8")
            update.write_text(with_tables(text), encoding="utf-8")
        except OSError as error:
            raise ConfigurationError(f"{update}: {error.strerror}") from error
        return
    made = schema_of(Settings, "guardproxy settings file") if kind == "settings" else json_schema(kind)
    typer.echo(schema_text(made), nl=False)
