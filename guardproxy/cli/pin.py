"""`guardproxy pin`: the digests of tool definitions, as a policy wants them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator


def pin(
    file: Annotated[typer.FileBinaryRead, typer.Argument(help="A JSON file; `-` is stdin.")],
) -> None:
    """Print the digests of tool definitions that you have read, for `tools: {definitions: {pinned: ...}}` of a policy.

    FILE is a request to the API, or its list of `tools`. With a pin, a definition that is not what you have read is
    blocked (or flagged), and opens an incident.

        guardproxy pin request.json
    """
    from guardproxy.core.tools.pins import definition_digest
    from guardproxy.surfaces.tool_calls import function_definition
    from guardproxy.wire.document import UndecodableJson, decode

    name = str(getattr(file, "name", "stdin"))
    try:
        definitions = list(_tools(decode(file.read())))
    except UndecodableJson as error:
        _fail(f"{name}: not JSON: {error}")
    if not definitions:
        _fail(f"{name}: no tools in it: it has to be a request with `tools`, or the list itself")
    typer.echo("tools:\n  definitions:\n    pinned:")
    for tool in definitions:
        names, document = function_definition(tool)
        typer.echo(f"      {json.dumps(names[0])}: {definition_digest(document)}")


def _tools(value: Any) -> Iterator[dict[str, Any]]:
    lists = [value.get(name) for name in ("tools", "functions")] if isinstance(value, dict) else [value]
    for tools in lists:
        yield from (tool for tool in (tools if isinstance(tools, list) else ()) if isinstance(tool, dict))


def _fail(message: str) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(1)
