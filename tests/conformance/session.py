"""A client program at work: it is told an exchange a line, and says a line when text began and one for what it saw.

The programs are real processes with the real client, in whatever language that is written in. One that dies, says
nothing or talks nonsense has seen that, which is never what was expected.
"""

from __future__ import annotations

import asyncio
import json
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

PATIENCE = 60.0


class Seen(NamedTuple):
    """What the application gets: texts, how it ended in the client's words, and the error that it has to handle."""

    text: str = ""
    refusal: str = ""
    calls: tuple[str, ...] = ()
    finish: str = ""
    error: str = ""

    def __str__(self) -> str:
        said = [f"{name}={value!r}" for name, value in self._asdict().items() if value]
        return " ".join(said) or "nothing"


class Session:
    """One process of a program. `ask` starts it where none runs."""

    def __init__(self, command: Sequence[str], folder: Path, environ: Mapping[str, str] | None = None) -> None:
        self._command = command
        self._folder = folder
        self._environ = environ
        self._process: Process | None = None

    async def ask(self, order: Mapping[str, Any], began: Callable[[], None], patience: float = PATIENCE) -> Seen:
        """What this client sees of an exchange; `began` is called with its first text."""
        try:
            async with asyncio.timeout(patience):
                return await self._converse(order, began)
        except TimeoutError:
            await self.close()
            return Seen(error=f"the client program said nothing for {patience:g} s")
        except (EOFError, ConnectionError, ValueError, TypeError, KeyError) as fault:
            await self.close()
            return Seen(error=f"the client program failed: {type(fault).__name__} {fault}".rstrip())

    async def _converse(self, order: Mapping[str, Any], began: Callable[[], None]) -> Seen:
        process = self._process or await asyncio.create_subprocess_exec(
            *self._command, cwd=self._folder, env=self._environ, stdin=PIPE, stdout=PIPE
        )
        self._process = process
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(json.dumps(order).encode() + b"\n")
        await process.stdin.drain()
        while line := await process.stdout.readline():
            said = json.loads(line)
            if "saw" in said:
                saw = said["saw"]
                return Seen(**{**saw, "calls": tuple(saw["calls"])})
            began()
        raise EOFError("it ended")

    async def close(self) -> None:
        """Programs end with their input. One that does not is ended."""
        process, self._process = self._process, None
        if process is None:
            return
        try:
            async with asyncio.timeout(5):
                assert process.stdin is not None
                process.stdin.close()
                await process.communicate()
        except TimeoutError:
            process.kill()
            await process.wait()
