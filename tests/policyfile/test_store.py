"""Whatever is written into the files, the policies in force are those of the last time everything was right."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guardproxy.core.choice import PolicySet
from guardproxy.errors import ConfigurationError
from guardproxy.policyfile import store as store_module
from guardproxy.policyfile.catalogue import Catalogue, Wanted, load_policies
from guardproxy.policyfile.history import History
from guardproxy.policyfile.sources import Sources
from guardproxy.policyfile.store import PolicyStore
from tests.policyfile.workshop import rule, write, write_policy


def store_of(path: Path, history: History | None = None) -> PolicyStore:
    ticks = iter(range(1_000_000))
    return PolicyStore(Wanted((path,)), history, lambda: next(ticks))


def messages(store: PolicyStore) -> int | None:
    loaded = store.reload()
    return loaded.policies.default.policy.limits.messages if loaded else None


def test_a_change_of_content_is_taken_and_one_of_time_alone_is_not(tmp_path: Path) -> None:
    path = write_policy(tmp_path, limits={"messages": 1})
    store = store_of(path)
    store.load()
    assert not store.changed()
    os.utime(path, (1, 1))
    assert store.changed()
    assert store.reload() is None
    assert not store.changed()
    write_policy(tmp_path, limits={"messages": 2})
    assert store.changed()
    assert messages(store) == 2


def test_a_mistake_is_told_once_and_what_mends_it_is_taken(tmp_path: Path) -> None:
    path = write_policy(tmp_path, limits={"messages": 1})
    store = store_of(path)
    store.load()
    write_policy(tmp_path, limits={"mesages": 2})
    with pytest.raises(ConfigurationError, match=r"policy.yaml:5:3: unknown key 'mesages', did you mean 'messages'\?"):
        store.reload()
    assert not store.changed()
    assert store.reload() is None
    write_policy(tmp_path, limits={"messages": 3})
    assert store.changed()
    assert messages(store) == 3


def test_what_cannot_be_used_here_is_not_taken(tmp_path: Path) -> None:
    def check(policies: PolicySet) -> None:
        if policies.default.policy.limits.messages == 2:
            raise ConfigurationError("two is not enough")

    path = write_policy(tmp_path, limits={"messages": 1})
    store = PolicyStore(Wanted((path,)), None, lambda: 0, check)
    store.load()
    write_policy(tmp_path, limits={"messages": 2})
    with pytest.raises(ConfigurationError, match="two is not enough"):
        store.reload()
    assert store.reload() is None
    write_policy(tmp_path, limits={"messages": 3})
    assert messages(store) == 3


def test_a_mistake_in_a_file_that_is_new_can_be_mended_there(tmp_path: Path) -> None:
    path = write_policy(tmp_path)
    store = store_of(path)
    store.load()
    base = write(tmp_path / "base.yaml", {"version": 1, "name": "base", "limits": {"messages": 0}})
    write_policy(tmp_path, extends="./base.yaml")
    with pytest.raises(ConfigurationError, match=r"base\.yaml"):
        store.reload()
    write(base, {"version": 1, "name": "base", "limits": {"messages": 4}})
    assert store.changed()
    assert messages(store) == 4


def test_going_back_to_the_content_in_force_after_a_mistake_is_a_reload(tmp_path: Path) -> None:
    path = write_policy(tmp_path, limits={"messages": 1})
    store = store_of(path)
    store.load()
    path.write_text("nonsense: [", encoding="utf-8")
    with pytest.raises(ConfigurationError):
        store.reload()
    write_policy(tmp_path, limits={"messages": 1})
    assert messages(store) == 1


def test_the_examples_of_a_changed_rule_are_run(tmp_path: Path) -> None:
    write_policy(tmp_path, rules=[rule("own.one", "abc"), rule("own.two", "abc")])
    store = store_of(tmp_path / "policy.yaml")
    store.load()
    write_policy(tmp_path, rules=[rule("own.one", "abc"), rule("own.two", "abd")])
    with pytest.raises(ConfigurationError, match=r"own\.two: this match example is not found"):
        store.reload()


def test_files_that_change_while_they_are_read_are_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_policy(tmp_path, limits={"messages": 1})
    load = load_policies
    times: list[int] = []

    def changing(wanted: Wanted, sources: Sources) -> Catalogue:
        loaded = load(wanted, sources)
        times.append(1)
        if len(times) == 1:
            write_policy(tmp_path, limits={"messages": 22})
        return loaded

    monkeypatch.setattr(store_module, "load_policies", changing)
    assert store_of(path).load().policies.default.policy.limits.messages == 22
    assert len(times) == 2


def test_a_pinned_revision_is_in_force_whatever_the_files_say(tmp_path: Path) -> None:
    path, history = write_policy(tmp_path, limits={"messages": 1}), History(tmp_path / "state")
    store = store_of(path, history)
    first = store.load().policies.revision
    write_policy(tmp_path, limits={"messages": 2})
    assert messages(store) == 2
    assert [one.revision for one in history.revisions()][1] == first
    history.pin(first)
    assert store.changed()
    loaded = store.reload()
    assert loaded is not None
    assert (loaded.pinned, loaded.policies.revision) == (True, first)
    write_policy(tmp_path, limits={"messages": 3})
    assert not store.changed()
    assert store_of(path, history).load().policies.revision == first  # a proxy that starts
    history.release()
    assert store.changed()
    assert messages(store) == 3


def test_a_kept_revision_is_pinned_and_released_but_not_one_that_cannot_be_used_here(tmp_path: Path) -> None:
    def check(policies: PolicySet) -> None:
        if policies.default.policy.limits.messages in forbidden:
            raise ConfigurationError("not here")

    forbidden: set[int] = set()
    path, history = write_policy(tmp_path, limits={"messages": 1}), History(tmp_path / "state")
    ticks = iter(range(1000))
    store = PolicyStore(Wanted((path,)), history, lambda: next(ticks), check)
    first = store.load().policies.revision
    write_policy(tmp_path, limits={"messages": 2})
    assert messages(store) == 2
    assert [kept.revision for kept in store.kept()][1] == first
    assert store.pin() == first
    assert messages(store) == 1
    store.release()
    assert messages(store) == 2
    forbidden.add(1)
    with pytest.raises(ConfigurationError, match="not here"):
        store.pin(first)
    assert history.pinned() is None


def test_where_nothing_is_kept_nothing_is_pinned(tmp_path: Path) -> None:
    store = store_of(write_policy(tmp_path))
    assert list(store.kept()) == []
    for refused in (store.pin, store.release):
        with pytest.raises(ConfigurationError, match=r"policies\.state"):
            refused()


def test_a_pin_that_leads_nowhere_is_told_once(tmp_path: Path) -> None:
    history = History(tmp_path / "state")
    store = store_of(write_policy(tmp_path), history)
    store.load()
    history.pin_file.write_text("0" * 12, encoding="utf-8")
    assert store.changed()
    with pytest.raises(ConfigurationError, match="is not kept"):
        store.reload()
    assert not store.changed()


def test_what_cannot_be_kept_is_in_force_all_the_same(tmp_path: Path) -> None:
    path = write_policy(tmp_path)
    (tmp_path / "state" / f"{store_of(path).load().policies.revision}.json.new").mkdir(parents=True)
    loaded = store_of(path, History(tmp_path / "state")).load()
    assert loaded.not_kept is not None
    assert loaded.policies.default.policy.name == "mine"


contents = st.sampled_from(['{"messages": 1}', '{"messages": 2}', '{"messages": 0}', '{"mesages": 1}', "["])


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(contents, min_size=1, max_size=6))
def test_after_any_history_the_last_good_content_is_in_force(tmp_path: Path, history: list[str]) -> None:
    path = tmp_path / "p.yaml"
    head = "version: 1\nname: mine\nlimits: "
    path.write_text(head + '{"messages": 9}', encoding="utf-8")
    store, current, good = store_of(path), 9, 9
    store.load()
    for content in history:
        path.write_text(head + content, encoding="utf-8")
        if content in ('{"messages": 1}', '{"messages": 2}'):
            good = int(content[-2])
        try:
            loaded = store.reload()
        except ConfigurationError:
            loaded = None
        if loaded is not None:
            current = loaded.policies.default.policy.limits.messages or 0
        assert current == good
