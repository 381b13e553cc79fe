"""What the settings say about callers' keys: `keys:` in `guardproxy.yaml`."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from guardproxy.policyfile.schema import Text, Written

# Two looks at most this far apart, and a change holds within the five seconds that are promised.
MOST_POLL_S: Final = 4.0


class KeySettings(Written):
    """Callers' keys: a file made by `guardproxy keys create`. Without one, a single key of this run is used.

    `store: redis` adds the keys of the store in `quota.redis`. `pepper_file` holds what digests are made with, where it
    does not lie next to the file. `stale_max`: seconds a known key stays valid while that store is away. `poll`:
    seconds between two looks at file and store. An address may present `failures` invalid keys in `failure_window`
    seconds; None: as many as it likes.
    """

    file: Text | None = None
    store: Literal["file", "redis"] = "file"
    pepper_file: Text | None = None
    stale_max: Annotated[float, Field(ge=0, le=86_400, strict=False)] = 300.0
    poll: Annotated[float, Field(gt=0, le=MOST_POLL_S, strict=False)] = 2.0
    failures: Annotated[int, Field(gt=0)] | None = 20
    failure_window: Annotated[float, Field(gt=0, le=86_400, strict=False)] = 60.0
