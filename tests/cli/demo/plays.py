"""Playing the demo inside a test: a fast world, and a stage that remembers what was printed."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from guardproxy.cli.demo.scenes import SCENES, Scene, play
from guardproxy.cli.demo.stage import Failure, Stage
from guardproxy.cli.demo.world import World, open_world


class Played(NamedTuple):
    printed: str
    failures: Sequence[Failure]
    secret_shown: bool

    @property
    def failed_scenes(self) -> set[str]:
        return {failure.scene for failure in self.failures}


@asynccontextmanager
async def fast_world(policy: Path | None = None) -> AsyncIterator[World]:
    async with open_world(policy, delay_s=0) as world:
        yield world


async def play_scenes(policy: Path | None = None, scenes: Sequence[Scene] = SCENES) -> Played:
    screen = io.StringIO()
    stage = Stage(screen)
    async with fast_world(policy) as world:
        await play(world, stage, scenes)
        return Played(screen.getvalue(), stage.failures, world.secret_in(screen.getvalue()))
