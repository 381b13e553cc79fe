from __future__ import annotations

from pathlib import Path

import pytest

from guardproxy.core.policy import ParameterRules, Policy, ServerState, SurfaceRules, Unknown
from guardproxy.errors import ConfigurationError
from guardproxy.policyfile.compile import load_policy
from guardproxy.policyfile.surfaces import INSPECTED


def policy(folder: Path, *lines: str) -> Policy:
    file = folder / "p.yaml"
    file.write_text("\n".join(["version: 1", "name: p", *lines]), encoding="utf-8")
    return load_policy(file)


def test_what_is_inspected_is_open_and_nothing_else_unless_the_policy_says_so(tmp_path: Path) -> None:
    plain = policy(tmp_path)
    assert all(plain.surface(name) == SurfaceRules() for name in INSPECTED)
    assert plain.surfaces == {}
    assert (plain.server_state, plain.parameters) == (ServerState.DENY, ParameterRules())


def test_surfaces_are_closed_and_opened_by_name_and_all_others_at_once(tmp_path: Path) -> None:
    written = "surfaces: {'*': {open: false}, responses: {}, moderations: {block: true}, files: {uninspected: true}}"
    read = policy(tmp_path, written)
    assert [name for name in sorted(INSPECTED) if read.surface(name).open] == ["moderations", "responses"]
    assert read.surfaces["files"].uninspected
    assert read.surface("moderations").block is True


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("surfaces: {response: {}}", "p.yaml:3:12: unknown surface 'response', did you mean 'responses'?"),
        ("surfaces: {files: {}}", "p.yaml:3:12: 'files' cannot be inspected, since the content of files is not read"),
        ("surfaces: {responses: {uninspected: true}}", "p.yaml:3:12: 'responses' can be inspected, and is"),
        ("surfaces: {realtime: {uninspected: true}}", "p.yaml:3:12: unknown surface 'realtime'"),
        ("server_state: owned", "p.yaml:3:15: unknown server_state 'owned'; use deny, own or allow"),
        ("parameters: {allow: ['Echo']}", "p.yaml:3:22: allow is written as requests write it, in lower case"),
        ("parameters: {unknown: drop}", "p.yaml:3:23: unknown unknown 'drop'; use pass, strip or reject"),
    ],
)
def test_a_mistake_is_told_with_its_place(written: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        policy(tmp_path, written)
    assert message in caught.value.message


def test_a_further_surface_may_be_named_to_say_that_it_is_closed(tmp_path: Path) -> None:
    assert not policy(tmp_path, "surfaces: {files: {open: false}}").surfaces["files"].open


def test_what_becomes_of_unknown_events_is_read(tmp_path: Path) -> None:
    assert policy(tmp_path).unknown_events is Unknown.PASS
    assert policy(tmp_path, "answers: {unknown_events: reject}").unknown_events is Unknown.REJECT


def test_parameters_are_read(tmp_path: Path) -> None:
    read = policy(
        tmp_path,
        "parameters: {unknown: strip, allow: [echo, chat_template_kwargs.thinking_mode], deny: [stream_options.x]}",
    )
    assert read.parameters == ParameterRules(
        Unknown.STRIP, frozenset({"echo", "chat_template_kwargs.thinking_mode"}), frozenset({"stream_options.x"})
    )
