"""Where policy files are read from, and a record of everything that was read.

A policy is made of many files: those it names, those they extend, a file for each rule of each pack. `Sources` reads
them all and remembers every one, so that a running proxy knows what to watch, and can keep a copy of what it uses.
`KeptSources` gives the same files again from such a copy.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from guardproxy.errors import ConfigurationError


class Stamp(NamedTuple):
    """What changes when a file or directory does. A link that leads elsewhere changes it too."""

    device: int
    inode: int
    size: int
    modified_ns: int
    changed_ns: int


class Sources:
    """Files on disk. `stamps` has one entry for every path that was asked for, also for those that were not there."""

    def __init__(self) -> None:
        self.stamps: dict[Path, Stamp | None] = {}
        self.files: dict[Path, bytes] = {}

    def read(self, path: Path) -> bytes:
        """The content of a file. Raises `OSError`."""
        self._watch(path)
        content = path.read_bytes()
        self.files[path.absolute()] = content
        return content

    def entries(self, directory: Path) -> list[Path]:
        """What a directory holds, hidden entries aside, in the order of names. Raises `OSError`."""
        self._watch(directory)
        return sorted(entry for entry in directory.iterdir() if not entry.name.startswith("."))

    def is_directory(self, path: Path) -> bool:
        self._watch(path)
        return path.is_dir()

    def is_file(self, path: Path) -> bool:
        self._watch(path)
        return path.is_file()

    def is_there(self, path: Path) -> bool:
        """Whether there is anything, be it a directory or a link to nothing: only what is not there is left out."""
        self._watch(path)
        return os.path.lexists(path)

    def changed(self) -> bool:
        """Whether anything that was asked for may have another content by now. Costs one look at each path."""
        return any(stamp_of(path) != stamp for path, stamp in self.stamps.items())

    def digest(self) -> str:
        """The same for the same files with the same content."""
        return digest_of(self.files)

    def _watch(self, path: Path) -> None:
        # Before the file is read: a change that comes in between is then noticed later, and never overlooked.
        self.stamps.setdefault(path.absolute(), stamp_of(path))


class KeptSources(Sources):
    """The files of a kept copy, under the paths they had."""

    def __init__(self, kept: Mapping[Path, bytes]) -> None:
        super().__init__()
        self._kept = dict(kept)

    def read(self, path: Path) -> bytes:
        content = self._kept.get(path.absolute())
        if content is None:
            raise FileNotFoundError(2, "it is not part of the kept revision", str(path))
        self.files[path.absolute()] = content
        return content

    def entries(self, directory: Path) -> list[Path]:
        at = directory.absolute()
        names = {path.relative_to(at).parts[0] for path in self._kept if path.is_relative_to(at) and path != at}
        return [directory / name for name in sorted(names)]

    def is_directory(self, path: Path) -> bool:
        at = path.absolute()
        return any(at in kept.parents for kept in self._kept)

    def is_file(self, path: Path) -> bool:
        return path.absolute() in self._kept

    def is_there(self, path: Path) -> bool:
        return self.is_file(path) or self.is_directory(path)


def stamp_of(path: Path) -> Stamp | None:
    """The stamp of what is at `path` now, links followed; None where nothing can be found out."""
    try:
        status = path.stat()
    except OSError:
        return None
    return Stamp(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def content_of(path: Path) -> str | None:
    """A digest of what is at `path` now, a file's bytes or a directory's names; None where there is nothing."""
    try:
        if path.is_dir():
            content = "\0".join(sorted(entry.name for entry in path.iterdir())).encode("utf-8", "surrogateescape")
        else:
            content = path.read_bytes()
    except OSError:
        return None
    return hashlib.sha256(content).hexdigest()


def digest_of(files: Mapping[Path, bytes]) -> str:
    whole = hashlib.sha256()
    for path, content in sorted(files.items()):
        whole.update(os.fsencode(path) + b"\0" + hashlib.sha256(content).digest())
    return whole.hexdigest()


def shown(path: Path) -> str:
    """The path as messages show it: short where it lies below the working directory."""
    absolute, here = path.absolute(), Path.cwd()
    return str(absolute.relative_to(here) if absolute.is_relative_to(here) else path)


def read_text_file(sources: Sources, path: Path) -> bytes:
    """`Sources.read` with the error an operator is told. Raises `ConfigurationError`."""
    try:
        return sources.read(path)
    except OSError as error:
        raise ConfigurationError(f"{shown(path)}: cannot be read: {error.strerror}") from error
