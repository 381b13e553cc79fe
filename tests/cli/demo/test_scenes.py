"""The scenes: all is well with the default policy, and what does not happen is named."""

from __future__ import annotations

import asyncio

import pytest

from guardproxy.cli.demo import scenes
from guardproxy.cli.demo.scenes import PLACEHOLDER, SCENES, Scene
from guardproxy.cli.demo.script import PREFIX
from guardproxy.cli.demo.stage import Failure, Stage
from guardproxy.cli.demo.world import World
from guardproxy.policyfile.locate import shipped_policies
from tests.cli.demo.plays import play_scenes


async def test_everything_happens_as_it_must_with_the_default_policy() -> None:
    played = await play_scenes()
    assert played.failures == []
    assert all(scene.title in played.printed for scene in SCENES)
    for sentence in (
        "raised BadRequestError",
        "raised PermissionDeniedError",
        "raised RateLimitError",
        "retry-after-ms",
    ):
        assert sentence in played.printed
    assert f"is ¦{PLACEHOLDER}¦, " in played.printed
    # Of the credential nothing is shown but the prefix, in its pieces; of the keys nothing but the ids.
    assert f"s¦{PREFIX[1:4]}¦{PREFIX[4:]}¦••" in played.printed
    assert not played.secret_shown
    # The incident, as `guardproxy incidents show` prints it.
    assert "«Ig•••ns»" in played.printed


async def test_without_rules_every_scene_that_needs_one_fails_and_is_named() -> None:
    played = await play_scenes(shipped_policies() / "empty.yaml")
    titles = [f"{number}. {scene.title}" for number, scene in enumerate(SCENES, start=1)]
    clean, *guarded, quota, _records = titles
    assert {clean, quota}.isdisjoint(played.failed_scenes)
    assert {*guarded, titles[-1]} == played.failed_scenes
    assert not played.secret_shown


async def test_a_policy_that_only_observes_is_not_enough() -> None:
    played = await play_scenes(shipped_policies() / "observe-only.yaml")
    assert {f"{number}. {SCENES[number - 1].title}" for number in (2, 3, 4, 5, 8)} <= played.failed_scenes


async def test_a_scene_that_breaks_is_a_failure_of_that_scene_alone() -> None:
    async def breaks(_world: World, _stage: Stage) -> None:
        raise ValueError("no such thing")

    async def works(_world: World, stage: Stage) -> None:
        stage.check(True, "it works")

    played = await play_scenes(scenes=[Scene("Broken", breaks), Scene("Working", works)])
    assert [Failure("1. Broken", "the scene broke off with ValueError: no such thing")] == played.failures
    assert "✓ it works" in played.printed


async def test_a_scene_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hangs(_world: World, _stage: Stage) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(scenes, "SCENE_TIMEOUT_S", 0.0)
    played = await play_scenes(scenes=[Scene("Endless", hangs)])
    assert {"1. Endless"} == played.failed_scenes
