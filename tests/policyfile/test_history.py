"""A kept revision is the files it was made of, and a pin says which one is in force."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from guardproxy.errors import ConfigurationError
from guardproxy.policyfile.history import MOST_KEPT, History


def revision(number: int) -> str:
    return f"{number:012x}"


def keep(history: History, number: int) -> None:
    files = {Path("/policies/a.yaml"): b"\xff\x00 a file, whatever its bytes"}
    history.keep(revision(number), {"a": revision(number)}, files, number)


def test_the_files_come_back_byte_for_byte(tmp_path: Path) -> None:
    history = History(tmp_path / "state")
    keep(history, 1)
    sources = history.sources_of(revision(1))
    assert sources.read(Path("/policies/a.yaml")) == b"\xff\x00 a file, whatever its bytes"
    kept = tmp_path / "state" / f"{revision(1)}.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_the_last_in_force_comes_first_and_the_oldest_are_forgotten_but_not_a_pinned_one(tmp_path: Path) -> None:
    history = History(tmp_path)
    keep(history, 1)
    history.pin(revision(1))
    for number in range(2, MOST_KEPT + 4):
        keep(history, number)
    kept = [one.revision for one in history.revisions()]
    assert kept[0] == revision(MOST_KEPT + 3)
    assert len(kept) == MOST_KEPT + 1
    assert revision(1) in kept
    assert revision(2) not in kept


def test_only_what_is_kept_can_be_pinned(tmp_path: Path) -> None:
    history = History(tmp_path)
    keep(history, 1)
    assert history.pinned() is None
    for wrong in (revision(9), "../secrets", ""):
        with pytest.raises(ConfigurationError, match=f"kept: {revision(1)}"):
            history.pin(wrong)
    history.pin(revision(1))
    assert history.pinned() == revision(1)
    history.release()
    history.release()
    assert history.pinned() is None


def test_the_revision_before_is_one_step_behind_the_one_in_force(tmp_path: Path) -> None:
    history = History(tmp_path)
    keep(history, 1)
    with pytest.raises(ConfigurationError, match="no earlier revision"):
        history.before()
    keep(history, 2)
    keep(history, 3)
    assert history.before() == revision(2)
    history.pin(revision(2))
    assert history.before() == revision(1)
    history.pin(revision(1))
    with pytest.raises(ConfigurationError, match="no earlier revision"):
        history.before()


def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    (tmp_path / f"{revision(1)}.json").write_text("{", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        History(tmp_path).revisions()


@pytest.mark.parametrize("content", ["[]", "7", '{"revision": "x"}'])
def test_a_file_of_something_else_is_told(tmp_path: Path, content: str) -> None:
    (tmp_path / f"{revision(1)}.json").write_text(content, encoding="utf-8")
    with pytest.raises(ConfigurationError, match="this is no kept revision: remove it"):
        History(tmp_path).revisions()


def test_a_file_in_the_place_of_the_directory_is_told(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"state: policies\.state names a directory, and this is none"):
        History(tmp_path / "state").pinned()
