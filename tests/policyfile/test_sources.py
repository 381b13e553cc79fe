"""Whatever was asked for is watched, and what was read can be read again from a copy."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from guardproxy.errors import ConfigurationError
from guardproxy.policyfile.load import read_policy
from guardproxy.policyfile.sources import KeptSources, Sources, read_text_file, shown
from tests.policyfile.workshop import rule, write_policy, write_rule


def policy_with_pack(folder: Path) -> Path:
    write_rule(folder, rule("mine.one", "abc"))
    return write_policy(folder, packs=["./mine"])


def test_a_changed_an_added_and_a_removed_file_are_noticed(tmp_path: Path) -> None:
    path = policy_with_pack(tmp_path)
    sources = Sources()
    read_policy(path, sources)
    assert not sources.changed()
    added = tmp_path / "mine" / "two.yaml"
    added.write_text("x", encoding="utf-8")
    assert sources.changed()
    added.unlink()
    sources = Sources()
    read_policy(path, sources)
    path.write_text(path.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert sources.changed()


def test_a_link_that_leads_elsewhere_is_noticed_though_the_files_stay_as_they_are(tmp_path: Path) -> None:
    """As mounted config maps change: `..data` is swapped for a link to another directory."""
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        policy_with_pack(tmp_path / name)
    (tmp_path / "..data").symlink_to("old")
    (tmp_path / "policy.yaml").symlink_to("..data/policy.yaml")
    (tmp_path / "mine").symlink_to("..data/mine")
    sources = Sources()
    read_policy(tmp_path / "policy.yaml", sources)
    assert not sources.changed()
    (tmp_path / "..swap").symlink_to("new")
    (tmp_path / "..swap").replace(tmp_path / "..data")
    assert sources.changed()


def test_a_file_that_was_missing_is_noticed_when_it_comes(tmp_path: Path) -> None:
    sources = Sources()
    with pytest.raises(ConfigurationError, match="does not exist"):
        read_policy(write_policy(tmp_path, extends="./base.yaml"), sources)
    (tmp_path / "base.yaml").write_text("x", encoding="utf-8")
    assert sources.changed()


def test_a_directory_and_a_link_to_nothing_are_there_though_no_files(tmp_path: Path) -> None:
    sources = Sources()
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    for name, there in (("folder", True), ("link", True), ("nothing", False)):
        assert sources.is_there(tmp_path / name) is there
        assert not sources.is_file(tmp_path / name)
        assert tmp_path / name in sources.stamps
    kept = KeptSources({tmp_path / "folder" / "file": b""})
    assert kept.is_there(tmp_path / "folder")
    assert not kept.is_there(tmp_path / "nothing")


def test_the_digest_is_that_of_the_content(tmp_path: Path) -> None:
    path = policy_with_pack(tmp_path)
    digests = []
    for _ in range(2):
        sources = Sources()
        read_policy(path, sources)
        digests.append(sources.digest())
        os.utime(path)
    assert digests[0] == digests[1]


def test_a_copy_gives_the_same_policy_after_the_files_are_gone(tmp_path: Path) -> None:
    path = policy_with_pack(tmp_path)
    sources = Sources()
    before = read_policy(path, sources)
    path.unlink()
    (tmp_path / "mine" / "one.yaml").unlink()
    kept = KeptSources(sources.files)
    again = read_policy(path, kept)
    assert again.written == before.written
    assert [one.written for one in again.rules] == [one.written for one in before.rules]
    assert kept.digest() == sources.digest()
    assert not kept.changed()
    with pytest.raises(ConfigurationError, match="not part of the kept revision"):
        read_text_file(kept, tmp_path / "other.yaml")


def test_paths_are_shown_short_below_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert shown(tmp_path / "a" / "b.yaml") == "a/b.yaml"
    assert shown(tmp_path.parent / "b.yaml") == str(tmp_path.parent / "b.yaml")
