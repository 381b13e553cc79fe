"""The last scene reads the log and the incident file as they really are."""

from __future__ import annotations

from guardproxy.cli.demo.records import reason, records, row
from guardproxy.cli.demo.scenes import SCENES, Scene
from tests.cli.demo.plays import play_scenes


def test_a_row_says_what_happened_to_whom_and_why() -> None:
    event = {
        "event": "exchange_blocked",
        "status": 400,
        "key_name": "my-app",
        "model": "stand-in",
        "rules": {"injection.override-instructions": 1},
        "error_code": "content_policy_violation",
    }
    assert row(event) == "exchange_blocked   400  my-app       stand-in           injection.override-instructions"


def test_an_event_without_a_rule_has_its_error_as_the_reason() -> None:
    assert reason({"error_code": "rate_limit_exceeded"}) == "rate_limit_exceeded"
    assert reason({}) == ""


async def test_an_empty_log_is_a_failure() -> None:
    played = await play_scenes(scenes=[Scene("Records", records)])
    assert {"1. Records"} == played.failed_scenes


async def test_a_missing_event_is_a_failure() -> None:
    played = await play_scenes(scenes=[scene for scene in SCENES if scene.play.__name__ != "quota_used_up"])
    assert [failure.what for failure in played.failures] == ["every one of them stands in the log, in order"]
