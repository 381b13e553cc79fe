"""The last scene: what stands in the log and in the incident file, and what must not."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from contextlib import redirect_stdout
from typing import Any, Final

from guardproxy.audit.incidents import read_incidents
from guardproxy.cli.demo.script import AFTER, ORDERS, PLAIN, TOLD
from guardproxy.cli.demo.stage import Stage, Style
from guardproxy.cli.demo.world import World
from guardproxy.cli.incidents import show_incident

_EXPECTED: Final = (
    ("exchange_blocked", 400, "injection.override-instructions"),
    ("exchange_redacted", 200, "secrets.openai-key"),
    ("exchange_redacted", 200, "secrets.openai-key"),
    ("exchange_redacted", 200, "secrets.openai-key"),
    ("exchange_blocked", 403, "context.operator-message"),
    ("quota_refused", 429, "rate_limit_exceeded"),
)
_WIDTHS: Final = (18, 4, 12, 18)


async def records(world: World, stage: Stage) -> None:
    await world.settled()
    log = world.log.getvalue()
    notable = [event for event in world.log.events() if event["event"] in {name for name, _, _ in _EXPECTED}]
    for event in notable:
        stage.line(row(event), Style.BAD if event["event"] == "exchange_blocked" else Style.MARKED)
    blocked = [event for event in notable if event["event"] == "exchange_blocked"]
    if blocked:
        stage.quote(
            json.dumps(
                blocked[0],
            ),
            "in the log each is a line of JSON; the first of them:",
        )
    found = list(read_incidents(world.incidents)) if world.incidents.exists() else []
    if found:
        stage.gap()
        stage.code(f"guardproxy incidents show {found[0].id}")
        stage.quote(_shown(world, found[0].id))
    told = [(event["event"], event["status"], reason(event)) for event in notable]
    stage.check(told == list(_EXPECTED), "every one of them stands in the log, in order")
    stage.check(
        [incident.id for incident in found] == [event["incident_id"] for event in blocked] and len(found) == 2,
        "what was blocked awaits review in the incident file, under the same ids",
    )
    kept = world.incidents.read_text(encoding="utf-8") if found else ""
    stage.check(not world.secret_in(log + kept), "neither holds the credential or a key")
    stage.check(not any(text in log for text in (ORDERS, TOLD, PLAIN, AFTER)), "the log holds no text of anybody's")


def reason(event: Mapping[str, Any]) -> str:
    """The first rule that found something; without one, the code of the error."""
    return next(iter(event.get("rules", ())), str(event.get("error_code", "")))


def row(event: Mapping[str, Any]) -> str:
    """A log event in columns: what happened, status, key, model, why."""
    cells = (event["event"], event["status"], event.get("key_name", "-"), event.get("model", "-"))
    return "".join(f"{cell!s:<{width}} " for cell, width in zip(cells, _WIDTHS, strict=True)) + reason(event)


def _shown(world: World, incident: str) -> str:
    """What `guardproxy incidents show` prints."""
    printed = io.StringIO()
    with redirect_stdout(printed):
        show_incident(incident, world.incidents)
    return printed.getvalue()
