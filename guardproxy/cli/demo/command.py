"""`guardproxy demo`: the main job end to end, with nothing to set up."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

if TYPE_CHECKING:
    from guardproxy.cli.demo.stage import Stage
    from guardproxy.cli.demo.world import World

_WITHOUT_CLIENT: Final = (
    "guardproxy demo shows the real OpenAI client at work, and it is not installed here. "
    "Install it: python -m pip install 'openai>=3.50'"
)
_STOPPED_BY_SIGTERM: Final = 143
_STOPPED_BY_SIGINT: Final = 130


def demo(
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the proxy and the stand-in model running afterwards, to try them.")
    ] = False,
    policy: Annotated[
        Path | None, typer.Option(hidden=True, help="Another policy than the default one: its scenes may fail.")
    ] = None,
) -> None:
    """See guardproxy at work: the real OpenAI client, through a real proxy, to a stand-in model that misbehaves.

    Everything runs on this machine and on free ports; no API key is needed and nothing is left behind. Each scene is
    checked. The exit code is 0 if everything happened as it must, and 1 if not.

        guardproxy demo

        guardproxy demo --keep
    """
    import asyncio
    import os
    import sys
    from importlib.util import find_spec

    from guardproxy.cli.demo.stage import Stage

    if find_spec("openai") is None:
        typer.echo(_WITHOUT_CLIENT, err=True)
        raise typer.Exit(2)
    try:
        ended_well = asyncio.run(_run(Stage.on(sys.stdout, os.environ), keep=keep, policy=policy))
    except KeyboardInterrupt:
        raise typer.Exit(_STOPPED_BY_SIGINT) from None
    except asyncio.CancelledError:
        raise typer.Exit(_STOPPED_BY_SIGTERM) from None
    if not ended_well:
        raise typer.Exit(1)


async def _run(stage: Stage, *, keep: bool, policy: Path | None) -> bool:
    from guardproxy.cli.demo.handover import left_running, next_steps
    from guardproxy.cli.demo.scenes import SCENES, play
    from guardproxy.cli.demo.world import open_world

    _cancel_on_sigterm()
    async with open_world(policy) as world:
        _introduce(stage, world)
        await play(world, stage, SCENES)
        if not stage.end():
            return False
        next_steps(stage)
        if keep:
            left_running(world, stage)
            await _until_stopped()
    return True


def _introduce(stage: Stage, world: World) -> None:
    from openai import __version__

    policy = world.policy
    stage.title("guardproxy demo")
    stage.says("Your application → guardproxy → a model. Here all three run on this machine, on loopback.")
    stage.gap()
    stage.facts(
        {
            "application": f"the real OpenAI client, openai {__version__}",
            "guardproxy": f"{world.base_url}, policy {policy.name} with {len(policy.rules)} rules",
            "model": f"{world.model.base_url}, a stand-in whose answers misbehave",
        }
    )


def _cancel_on_sigterm() -> None:
    """End like on Ctrl-C, which asyncio cares for itself: everything is closed and the folder removed."""
    import asyncio
    import signal
    from contextlib import suppress

    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - called from a task
    # Neither on Windows nor outside the main thread; there SIGTERM ends the process as always.
    with suppress(NotImplementedError, RuntimeError, ValueError):
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)


async def _until_stopped() -> None:
    """Wait for Ctrl-C or SIGTERM, which is the way this is meant to end."""
    import asyncio

    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - called from a task
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        task.uncancel()
