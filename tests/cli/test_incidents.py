from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from guardproxy.audit.incidents import IncidentFile
from guardproxy.audit.record import AuditFinding, to_incident
from guardproxy.cli.incidents import incidents_app
from tests.audit.exchanges import NOON_MS, blocked

HOUR_MS = 3_600_000


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "incidents.jsonl"


def fill(path: Path, *changes: dict[str, Any]) -> None:
    incidents = IncidentFile(path)
    for values in changes:
        incidents.append(to_incident(blocked(**values)))
    incidents.close()


def run(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(incidents_app, arguments, env={"COLUMNS": "200", **environment})


def ids(*arguments: str) -> list[str]:
    result = run("list", "--json", *arguments)
    assert result.exit_code == 0
    return [json.loads(line)["id"] for line in result.stdout.splitlines()]


def test_without_a_file_the_commands_say_so_and_are_content(file: Path) -> None:
    for arguments in (["list"], ["show", "last"]):
        result = run(*arguments, "--file", str(file))
        assert result.exit_code == 0
        assert "No incidents yet" in result.output


def test_an_empty_file_is_no_trouble_either(file: Path) -> None:
    file.touch()
    for arguments in (["list"], ["show", "last"]):
        result = run(*arguments, "--file", str(file))
        assert result.exit_code == 0
        assert "yet" in result.output


def test_the_list_is_newest_first_in_aligned_columns(file: Path) -> None:
    fill(
        file,
        {"incident_id": "inc_b", "time_ms": NOON_MS + 60_000, "model": "a-much-longer-model-name"},
        {"incident_id": "inc_a"},
    )
    result = run("list", "--file", str(file))
    header, newer, older, _, hint = result.stdout.splitlines()
    assert newer.startswith("inc_b     2026-03-01 12:01:00  block   request  alice  a-much-longer-model-name  ")
    assert older.startswith("inc_a     2026-03-01 12:00:00  block   request  alice  small-model               ")
    assert header.index("rules") == newer.index("injection.ignore-previous ×2") == older.index("injection.")
    assert hint.endswith("incidents show inc_b")


def test_the_file_comes_from_the_environment_too(file: Path) -> None:
    fill(file, {"incident_id": "inc_1"})
    assert "inc_1" in run("list", GUARDPROXY_INCIDENTS=str(file)).stdout


def test_incidents_are_chosen_by_rule_pack_key_and_number(file: Path) -> None:
    fill(
        file,
        {"incident_id": "inc_1", "rules": (("secrets.one", 1),)},
        {"incident_id": "inc_2", "rules": (("secrets.two", 1), ("injection.x", 3)), "key_name": "bob"},
        {"incident_id": "inc_3", "rules": (("secretsauce.x", 1),), "key_id": "k9"},
    )
    where = ("--file", str(file))
    assert ids(*where) == ["inc_3", "inc_2", "inc_1"]
    assert ids(*where, "--rule", "secrets.two") == ["inc_2"]
    assert ids(*where, "--rule", "secrets") == ["inc_2", "inc_1"]
    assert ids(*where, "--rule", "secr") == []
    assert ids(*where, "--key", "bob") == ["inc_2"]
    assert ids(*where, "--key", "k9") == ["inc_3"]
    assert ids(*where, "--limit", "2") == ["inc_3", "inc_2"]
    assert "like that" in run("list", *where, "--key", "nobody").stdout


def test_since_takes_a_duration_back_from_now(file: Path) -> None:
    now_ms = time.time_ns() // 1_000_000
    fill(
        file,
        {"incident_id": "inc_old", "time_ms": now_ms - 30 * HOUR_MS},
        {"incident_id": "inc_new", "time_ms": now_ms - 3 * HOUR_MS},
    )
    where = ("--file", str(file))
    for duration in ("1d", "5h", "300m", "18000s"):
        assert ids(*where, "--since", duration) == ["inc_new"]
    assert ids(*where, "--since", "1w") == ["inc_new", "inc_old"]
    assert ids(*where, "--since", "2h") == []


@pytest.mark.parametrize("duration", ["2", "h", "-2h", "2 weeks", "1y", ""])
def test_a_duration_that_is_none_is_explained(file: Path, duration: str) -> None:
    result = run("list", "--file", str(file), "--since", duration)
    assert result.exit_code == 2
    assert "write 90s, 30m, 2h, 7d or 1w" in result.output


def test_a_bad_line_is_reported_and_the_others_are_listed(file: Path) -> None:
    fill(file, {"incident_id": "inc_1"}, {"incident_id": "inc_2"})
    file.write_bytes(b"garbage\n" + file.read_bytes() + b'{"id":"inc')
    result = run("list", "--file", str(file), "--json")
    assert len(result.stdout.splitlines()) == 2
    assert "2 unusable" in result.stderr
    assert "line 1 is garbage, line 4 is torn" in result.stderr


def test_a_file_that_cannot_be_read_is_an_error_with_advice(tmp_path: Path) -> None:
    result = run("list", "--file", str(tmp_path))
    assert result.exit_code == 2
    assert "--file or GUARDPROXY_INCIDENTS" in result.stderr


def test_show_tells_everything_and_where_to_look_at_the_rule(file: Path) -> None:
    fill(file, {"incident_id": "inc_1", "rules": (("injection.control-tokens", 2),)})
    shown = run("show", "inc_1", "--file", str(file)).stdout
    for fact in (
        "inc_1  exchange_blocked",
        "2026-03-01T12:00:00.250Z",
        "block in the request, answered 400",
        "content_policy_violation",
        "alice (k1)",
        "POST /v1/chat/completions (stream)",
        "req_1",
        "small-model",
        "default, revision r1",
        "user 2, model 1",
        "prompt 12, completion 30",
        "total 1250, guard_request 40",
        "100 in, 200 out",
        "injection.ignore-previous  high  user: messages[0].content",
        "please «ig•••ns» now",
        "policies/packs/injection/control-tokens.yaml",
        "guardproxy check",
    ):
        assert fact in shown


def test_show_names_no_file_that_is_not_there(file: Path) -> None:
    fill(file, {"incident_id": "inc_1", "rules": (("context.operator-message", 1), ("own.codeword", 1))})
    shown = run("show", "inc_1", "--file", str(file)).stdout
    assert ".yaml" not in shown
    assert "context.operator-message: `context:` in the policy default" in shown
    assert "own.codeword: a rule of your own" in shown


def test_show_finds_the_newest_and_one_by_the_beginning_of_its_id(file: Path) -> None:
    fill(
        file,
        {"incident_id": "inc_ab1", "time_ms": NOON_MS + 5},
        {"incident_id": "inc_ab"},
        {"incident_id": "inc_cd1"},
    )
    where = ("--file", str(file), "--json")
    for wanted, found in (("last", "inc_ab1"), ("inc_c", "inc_cd1"), ("inc_ab", "inc_ab")):
        assert found == json.loads(run("show", wanted, *where).stdout)["id"]


def test_show_explains_an_id_that_is_unknown_or_ambiguous(file: Path) -> None:
    fill(file, {"incident_id": "inc_a1"}, {"incident_id": "inc_a2"})
    ambiguous = run("show", "inc_a", "--file", str(file))
    unknown = run("show", "inc_x", "--file", str(file))
    assert ambiguous.exit_code == unknown.exit_code == 1
    assert "2 incidents begin with inc_a: inc_a1, inc_a2" in ambiguous.stderr
    assert "No incident inc_x" in unknown.stderr


def test_no_field_of_a_forged_file_acts_on_the_terminal(file: Path) -> None:
    attack = "\x1b[2J\x07\u202e"
    finding = AuditFinding(attack, attack, attack, attack, attack)
    fill(file, {"incident_id": "inc_1"})
    forged = json.loads(file.read_text())
    forged |= {name: attack for name, value in forged.items() if isinstance(value, str)}
    forged |= {"rules": {attack: 1}, "tokens": {attack: 1}, "coverage": {"inspected": {attack: 1}}}
    forged["findings"] = [{name: getattr(finding, name) for name in AuditFinding.__struct_fields__}]
    file.write_text(json.dumps(forged) + "\n")
    for arguments in (["list"], ["show", "last"], ["list", "--json"], ["show", "last", "--json"]):
        result = run(*arguments, "--file", str(file))
        assert result.exit_code == 0
        assert all(line.isprintable() for line in result.output.splitlines())


def test_colour_is_for_terminals_and_respects_no_color(file: Path) -> None:
    fill(file, {"incident_id": "inc_1"})
    arguments = ["list", "--file", str(file)]
    runner = CliRunner()
    assert "\x1b[31m" in runner.invoke(incidents_app, arguments, color=True, env={"NO_COLOR": ""}).stdout
    assert "\x1b[" not in runner.invoke(incidents_app, arguments, color=True, env={"NO_COLOR": "1"}).stdout
    assert "\x1b[" not in runner.invoke(incidents_app, arguments).stdout


@pytest.mark.parametrize("command", ["list", "show"])
def test_help_teaches_by_example(command: str) -> None:
    shown = run(command, "--help").stdout
    assert f"guardproxy incidents {command}" in shown
    assert "GUARDPROXY_INCIDENTS" in shown
