"""A changed policy is taken only if its own cases hold, whatever else is right about it."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from guardproxy.audit.sinks import configure_logging
from guardproxy.cli.cases.reloaded import failing_cases
from guardproxy.errors import ConfigurationError
from guardproxy.gateway.policies import Policies
from guardproxy.gateway.reloading import Reloader
from guardproxy.policyfile.catalogue import Wanted
from guardproxy.policyfile.history import History
from guardproxy.policyfile.store import PolicyStore
from tests.policyfile.workshop import rule, write_policy
from tests.support.proxy import Captured

CASES = """cases:
  - case: it is hidden
    messages: [{user: an abc}]
    expect: redact
    sent: an [REDACTED:own.one]
"""


def changed(directory: Path, action: str, messages: int = 9) -> Path:
    return write_policy(directory, rules=[rule("own.one", "abc", action=action)], limits={"messages": messages})


def store_of(path: Path, limit_s: float | None = 30.0, history: History | None = None) -> PolicyStore:
    play = None if limit_s is None else partial(failing_cases, limit_s=limit_s)
    ticks = iter(range(100))
    return PolicyStore(Wanted((path,)), history, lambda: next(ticks), None, play)


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    (tmp_path / "policy.cases.yaml").write_text(CASES, encoding="utf-8")
    return changed(tmp_path, "redact")


def test_a_policy_that_does_what_its_cases_say_is_taken(policy: Path) -> None:
    store = store_of(policy)
    store.load()
    changed(policy.parent, "redact", messages=8)
    loaded = store.reload()
    assert loaded is not None
    assert loaded.policies.default.policy.limits.messages == 8


def test_one_that_does_not_is_refused_with_the_place_of_the_case_and_once(policy: Path) -> None:
    store = store_of(policy)
    store.load()
    changed(policy.parent, "flag")
    with pytest.raises(ConfigurationError) as refused:
        store.reload()
    cases = policy.with_name("policy.cases.yaml")
    lines = refused.value.message.splitlines()
    assert f"{cases}:2:5: the case 'it is hidden' (whole): decision: expected redact, found flag" in lines
    assert any("(streamed)" in line for line in lines)
    assert not store.changed()
    assert store.reload() is None
    changed(policy.parent, "redact", messages=7)
    assert store.reload() is not None


def test_cases_are_looked_at_too(policy: Path) -> None:
    store = store_of(policy)
    store.load()
    cases = policy.with_name("policy.cases.yaml")
    cases.write_text(CASES.replace("redact", "block"), encoding="utf-8")
    assert store.changed()
    with pytest.raises(ConfigurationError, match="expected block, found redact"):
        store.reload()


def test_cases_that_became_something_else_than_a_file_refuse_the_policy(policy: Path) -> None:
    store = store_of(policy)
    store.load()
    cases = policy.with_name("policy.cases.yaml")
    cases.unlink()
    cases.mkdir()
    assert store.changed()
    with pytest.raises(ConfigurationError, match="cannot be read"):
        store.reload()


def test_without_playing_every_policy_that_is_right_is_taken(policy: Path) -> None:
    store = store_of(policy, limit_s=None)
    store.load()
    changed(policy.parent, "flag")
    assert store.reload() is not None


def test_cases_that_find_no_end_refuse_the_policy(policy: Path) -> None:
    store = store_of(policy, limit_s=1e-9)
    store.load()
    changed(policy.parent, "redact", messages=6)
    with pytest.raises(ConfigurationError, match="the cases took longer than 1e-09 s"):
        store.reload()


def test_a_kept_revision_is_put_in_force_without_asking_again(policy: Path, tmp_path: Path) -> None:
    history = History(tmp_path / "state")
    store = store_of(policy, history=history)
    first = store.load().policies.revision
    changed(policy.parent, "redact", messages=5)
    assert store.reload() is not None
    history.pin(first)
    loaded = store.reload()
    assert loaded is not None
    assert (loaded.pinned, loaded.policies.revision) == (True, first)


async def test_a_running_proxy_tells_which_case_did_not_hold(policy: Path) -> None:
    store, captured = store_of(policy), Captured()
    policies = Policies(store.load().policies)
    before = policies.current
    reloader = Reloader(store, policies, configure_logging("json", captured), None, settle_s=0.001)
    changed(policy.parent, "flag")
    assert not await reloader.check()
    assert policies.current is before
    (told,) = captured.events()
    assert told["event"] == "policy_rejected"
    assert "policy.cases.yaml:2:5: the case 'it is hidden'" in told["problems"][0]
