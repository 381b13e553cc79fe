"""The last good revisions, kept on disk, so that one of them can be put in force again.

A revision is kept as the very files it was made of: every policy, every rule of every pack. Putting one back means to
read these files instead of the present ones, on the same path as ever. Which one that is stands in the file `pinned`:
whoever writes it - `guardproxy rollback` - need not talk to the proxies that read it, and a restart changes nothing.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from guardproxy.errors import ConfigurationError
from guardproxy.policyfile.sources import KeptSources

MOST_KEPT: Final = 10
PIN: Final = "pinned"
_REVISION: Final = re.compile(r"[0-9a-f]{12}")


class Kept(NamedTuple):
    """A revision that was in force: since when (epoch milliseconds), and its policies with their revisions."""

    revision: str
    time_ms: int
    policies: Mapping[str, str]


class History:
    """The directory of kept revisions, for the owner of the process only: policies may hold what is not public."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def keep(self, revision: str, policies: Mapping[str, str], files: Mapping[Path, bytes], time_ms: int) -> None:
        """Keep a revision that is in force now, and forget the oldest ones. Raises `OSError`."""
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        content = {
            "revision": revision,
            "time_ms": time_ms,
            "policies": dict(policies),
            "files": {str(path): raw.decode("utf-8", "surrogateescape") for path, raw in files.items()},
        }
        self._write(self._file(revision), json.dumps(content))
        for old in self.revisions()[MOST_KEPT:]:
            if old.revision != self.pinned():
                self._file(old.revision).unlink(missing_ok=True)

    def revisions(self) -> list[Kept]:
        """What is kept, the last in force first."""
        files = self.directory.glob("*.json") if self.directory.is_dir() else ()
        kept = [Kept(one["revision"], one["time_ms"], one["policies"]) for one in map(self._content, files)]
        return sorted(kept, key=lambda one: one.time_ms, reverse=True)

    def sources_of(self, revision: str) -> KeptSources:
        """The files of a kept revision. Raises `ConfigurationError`."""
        if not _REVISION.fullmatch(revision) or not self._file(revision).is_file():
            known = ", ".join(one.revision for one in self.revisions()) or "none"
            raise ConfigurationError(f"the revision '{revision}' is not kept in {self.directory}; kept: {known}")
        files = self._content(self._file(revision))["files"]
        return KeptSources({Path(path): text.encode("utf-8", "surrogateescape") for path, text in files.items()})

    def pinned(self) -> str | None:
        """The revision that is to be in force whatever the files say, if there is one."""
        try:
            return self.pin_file.read_text(encoding="utf-8").strip() or None
        except FileNotFoundError:
            return None
        except NotADirectoryError as error:
            raise ConfigurationError(f"{self.directory}: policies.state names a directory, and this is none") from error
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"{self.pin_file}: cannot be read: {error}") from error

    def before(self) -> str:
        """The revision that was in force before the present one. Raises `ConfigurationError` where none is kept."""
        kept = [one.revision for one in self.revisions()]
        pinned = self.pinned()
        older = kept[kept.index(pinned) + 1 :] if pinned in kept else kept[1:]
        if not older:
            raise ConfigurationError(f"no earlier revision is kept in {self.directory}")
        return older[0]

    def pin(self, revision: str) -> None:
        """Put a kept revision in force. Raises `ConfigurationError` for one that is not kept."""
        self.sources_of(revision)
        self._write(self.pin_file, revision + "\n")

    def release(self) -> None:
        """The files decide again."""
        self.pin_file.unlink(missing_ok=True)

    @property
    def pin_file(self) -> Path:
        return self.directory / PIN

    def _file(self, revision: str) -> Path:
        return self.directory / f"{revision}.json"

    def _content(self, file: Path) -> Any:
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ConfigurationError(f"{file}: this kept revision cannot be read: {error}") from error
        if not isinstance(content, dict) or not {"revision", "time_ms", "policies", "files"} <= content.keys():
            raise ConfigurationError(f"{file}: this is no kept revision: remove it")
        return content

    def _write(self, file: Path, text: str) -> None:
        """As a whole or not at all."""
        new = file.with_name(file.name + ".new")
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        new.replace(file)
