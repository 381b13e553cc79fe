"""`python -m tests.transcripts`: writes what comes of each transcript anew. What changed is for a person to judge."""

from __future__ import annotations

import asyncio
import os
import sys

import typer

from tests.transcripts.stage import play
from tests.transcripts.transcript import name_of, read, transcripts


async def update() -> list[str]:
    """The names of those that changed."""
    changed = []
    for file in transcripts():
        transcript = read(file)
        played = await play(transcript)
        text = transcript.written(played.outcome)
        if file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")
            changed.append(name_of(file))
    return changed


def main() -> int:
    if os.environ.get("CI"):
        typer.echo("transcripts are written by people who look at what changed, not by CI", err=True)
        return 2
    changed = asyncio.run(update())
    typer.echo("\n".join([*changed, f"{len(changed)} of {len(transcripts())} transcripts changed"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
