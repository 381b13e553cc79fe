"""A file that only grows: one line per append, whole or told, for its owner only.

An append is one `write` of a whole line to an `O_APPEND` descriptor, so several processes may share the file. A crash
or a full disk can still tear a line. Then the torn bytes stay (they are evidence), and the next line starts on a line
of its own.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Final

_FLAGS: Final = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)


class LineFile:
    """Appends lines to `path`. Opened, and created, by the first one.

    A file that was moved away or deleted (rotation) is followed by a new one at `path`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None
        self._torn = False

    def append_line(self, line: bytes, *, sync: bool = False) -> None:
        """`line`, which ends with a line feed, is in the file when this returns; with `sync` on the disk.

        Raises `OSError` when it could not be written whole.
        """
        if self._descriptor is not None and not self._still_there(self._descriptor):
            self.close()
        if self._descriptor is None:
            self._descriptor = self._open()
        line = (b"\n" if self._torn else b"") + line
        written = os.write(self._descriptor, line)
        if written < len(line):
            self._torn = True
            raise OSError(errno.ENOSPC, "only part of a line could be written", str(self.path))
        self._torn = False
        if sync:
            os.fsync(self._descriptor)

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _still_there(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(self.path.stat(), os.fstat(descriptor))
        except FileNotFoundError:
            return False

    def _open(self) -> int:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self.path, _FLAGS, 0o600)
        try:
            found = os.fstat(descriptor)
            if stat.S_ISREG(found.st_mode):
                if found.st_mode & 0o077:
                    os.fchmod(descriptor, 0o600)
                self._torn = found.st_size > 0 and os.pread(descriptor, 1, found.st_size - 1) != b"\n"
        except OSError:
            os.close(descriptor)
            raise
        return descriptor
