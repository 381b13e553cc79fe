"""How many files a process may have open: each exchange takes two sockets, and the usual soft limit is 1,024 files.

The hard limit is the operator's word; the soft one is only there for programs that cannot cope with many.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

try:
    import resource
except ImportError:  # not a Unix: there is no such limit
    resource = None  # type: ignore[assignment]

ENOUGH: Final = 1_048_576
"""Where there is no hard limit. Some systems refuse to be asked for more than they could ever open."""


def allow_open_files() -> int | None:
    """Raise the soft limit to the hard one. How many files may be open now; None where nothing limits them."""
    if resource is None:
        return None
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = ENOUGH if hard == resource.RLIM_INFINITY else hard
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return None if soft == resource.RLIM_INFINITY else soft
    with suppress(OSError, ValueError):  # then it stays as it was, which is no reason not to run
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
