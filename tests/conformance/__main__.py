"""`python -m tests.conformance`: exits 1 if a client saw anything else than it must, 2 if one cannot be installed."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

import typer

from tests.conformance import expectations as names
from tests.conformance.exchanges import exchanges
from tests.conformance.install import Installed, InstallFailed, install
from tests.conformance.runner import PLAIN, ROOT, Client, conform, python_clients, report


def clients(at: Installed) -> list[Client]:
    def node(script: str) -> list[str]:
        return [str(at.node), script]

    sdk = node("ai_sdk.mjs")
    langchain = [str(at.python), "-m", "tests.conformance.clients.langchain"]
    return [
        *python_clients(),
        Client(names.NODE_RAW, "raw", node("openai_node.mjs"), at.scripts, PLAIN),
        Client(names.NODE_HELPER, "helper", node("openai_node.mjs"), at.scripts),
        Client(names.ANTHROPIC_NODE_RAW, "raw", node("anthropic_node.mjs"), at.scripts, ("messages",)),
        Client(names.ANTHROPIC_NODE_HELPER, "helper", node("anthropic_node.mjs"), at.scripts, ("messages",)),
        Client(names.LANGCHAIN, "", langchain, ROOT, ("chat", "responses", "completions", "embeddings", "messages")),
        Client(names.AI_SDK, "openai", sdk, at.scripts, ("chat", "responses", "completions", "embeddings")),
        Client(names.AI_SDK_COMPATIBLE, "compatible", sdk, at.scripts, ("chat", "completions", "embeddings")),
        Client(names.AI_SDK_ANTHROPIC, "anthropic", sdk, at.scripts, ("messages",)),
    ]


def main() -> int:
    typer.echo("installing the clients into .conformance (once) ...")
    try:
        installed = install(ROOT / ".conformance")
    except InstallFailed as failed:
        typer.echo(str(failed), err=True)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        outcomes = asyncio.run(conform(clients(installed), exchanges(), Path(folder)))
    typer.echo(report(outcomes))
    return 0 if all(outcome.agrees for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
