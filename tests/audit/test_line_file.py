"""A file that only grows. What incidents need of it is in `test_incidents`."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from guardproxy.audit.line_file import LineFile


def test_lines_are_there_when_the_append_returns_and_on_the_disk_where_that_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    file = LineFile(tmp_path / "deep" / "lines")
    file.append_line(b"one\n")
    assert (file.path.read_bytes(), synced) == (b"one\n", [])
    file.append_line(b"two\n", sync=True)
    assert (file.path.read_bytes(), len(synced)) == (b"one\ntwo\n", 1)
    file.close()
    file.close()
    file.append_line(b"three\n")
    assert file.path.read_bytes() == b"one\ntwo\nthree\n"
    file.close()


def test_a_disk_that_cannot_keep_a_line_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Any) -> None:
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(os, "fsync", broken)
    file = LineFile(tmp_path / "lines")
    with pytest.raises(OSError, match="broken"):
        file.append_line(b"one\n", sync=True)
    file.close()
