"""Reads the Dockerfile and .dockerignore as far as the tests here need it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import NamedTuple


class Instruction(NamedTuple):
    name: str
    rest: str

    @property
    def exec_form(self) -> list[str]:
        """The words of an instruction in exec form. Raises `ValueError` for the shell form, which eats signals."""
        words = json.loads(self.rest[self.rest.index("[") :])
        assert isinstance(words, list)
        return [str(word) for word in words]


def instructions(text: str) -> list[Instruction]:
    lines = (line for line in text.splitlines() if not line.lstrip().startswith("#"))
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [Instruction(*line.split(None, 1)) for line in joined.splitlines() if line.strip()]


def stages(read: Sequence[Instruction]) -> list[list[Instruction]]:
    """The instructions from each `FROM` to the next one."""
    starts = [number for number, each in enumerate(read) if each.name == "FROM"]
    return [list(read[start:end]) for start, end in zip(starts, [*starts[1:], len(read)], strict=True)]


def sent(paths: Iterable[str], dockerignore: str) -> Iterator[str]:
    """Those of the paths that go to the builder. Of the patterns that match a path or a folder above, the last wins."""
    patterns = [line for line in dockerignore.splitlines() if line and not line.startswith("#")]
    for path in paths:
        ignored = False
        for pattern in patterns:
            if _matches(path, pattern.removeprefix("!")):
                ignored = not pattern.startswith("!")
        if not ignored:
            yield path


def _matches(path: str, pattern: str) -> bool:
    anywhere = pattern.startswith("**/")
    for part in (PurePosixPath(path), *PurePosixPath(path).parents):
        tried = part.name if anywhere else str(part)
        if tried != "." and "/" not in tried and fnmatchcase(tried, pattern.removeprefix("**/")):
            return True
    return False
