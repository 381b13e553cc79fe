"""What is measured: the floor and guardproxy under three policies. `SUBJECTS` is the whole list.

A subject is a name, what it may reach, and how to start it. guardproxy runs as a user runs it: `guardproxy serve` with
a configuration file, a caller's key, and its log, which goes to a file.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

from bench import BenchError
from bench.processes import Server, free_port, running
from bench.results import FLOOR

POLICIES: Final = Path(__file__).resolve().parent.parent / "policies"
# Opens nothing: it is the caller's key of servers that live for one run on the loopback.
KEY: Final = "bench-caller-key-of-a-loopback-run"
CANDIDATE_LOG: Final = "candidate.jsonl"
NEVER_REACHED: Final = 10**12


class Place(NamedTuple):
    """Where a subject is started: files go to `folder`, requests to the upstream's `upstream_port`."""

    folder: Path
    upstream_port: int
    cores: frozenset[int] | None


class Subject(NamedTuple):
    """`target`: the largest ratio to the floor it may reach; `first_token`: how many chunks its first content waits."""

    name: str
    target: float | None
    start: Callable[[str, Place], AbstractContextManager[Server]]
    first_token: float | None = None


def start_upstream(folder: Path, cores: frozenset[int] | None) -> AbstractContextManager[Server]:
    port = free_port()
    command = [sys.executable, "-m", "bench.upstream", "--port", str(port)]
    ready = f"http://127.0.0.1:{port}/v1/models"
    return running("upstream", command, port=port, ready=ready, folder=folder, cores=cores)


def start_floor(name: str, place: Place) -> AbstractContextManager[Server]:
    port = free_port()
    upstream = f"http://127.0.0.1:{place.upstream_port}"
    command = [sys.executable, "-m", "bench.floor", "--port", str(port), "--upstream", upstream]
    ready = f"http://127.0.0.1:{port}/v1/models"
    return running(name, command, port=port, ready=ready, folder=place.folder, cores=place.cores)


def unlimited(source: Path) -> dict[str, Any]:
    """A shipped policy with its quotas counted as ever and never reached."""
    try:
        policy = yaml.safe_load(source.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BenchError(f"there is no policy at {source}") from None
    quotas = [{**quota, "limit": NEVER_REACHED} for quota in policy.get("quotas", [])]
    return {**policy, "quotas": quotas}


def with_packs(policy: dict[str, Any], name: str, packs: list[str]) -> dict[str, Any]:
    """The same policy under another name, with these packs in place of its own."""
    return {**policy, "name": name, "packs": packs}


def both_packs() -> dict[str, Any]:
    """The default policy with all shipped packs. The pack `pii` needs the packages of the extra of that name."""
    return with_packs(unlimited(POLICIES / "default.yaml"), "both-packs", ["secrets", "pii", "injection"])


def start_guardproxy(
    policy: Callable[[], dict[str, Any]], candidate: Callable[[], dict[str, Any]] | None = None
) -> Callable[[str, Place], AbstractContextManager[Server]]:
    """How to start guardproxy under the policy that this gives, with a candidate beside it if there is one."""

    def start(name: str, place: Place) -> AbstractContextManager[Server]:
        folder = place.folder / name
        folder.mkdir()
        port, admin = free_port(), free_port()
        policy_file = _write_yaml(folder / "policy.yaml", policy())
        settings: dict[str, Any] = {
            "listen": {"host": "127.0.0.1", "port": port},
            "admin": {"host": "127.0.0.1", "port": admin},
            "upstream": {"base_url": f"http://127.0.0.1:{place.upstream_port}/v1"},
            "policy": str(policy_file),
            "log": {"format": "json", "incidents": str(folder / "incidents.jsonl")},
        }
        if candidate is not None:
            tried = _write_yaml(folder / "candidate.yaml", candidate())
            settings["policies"] = {"candidate": str(tried), "candidate_log": str(folder / CANDIDATE_LOG)}
        config = _write_yaml(folder / "guardproxy.yaml", settings)
        return running(
            name,
            [sys.executable, "-m", "guardproxy", "serve", "--config", str(config)],
            port=port,
            ready=f"http://127.0.0.1:{admin}/health/ready",
            folder=folder,
            cores=place.cores,
            env={"GUARDPROXY_KEY": KEY, "OPENAI_API_KEY": "bench-upstream-key"},
        )

    return start


def _write_yaml(path: Path, content: dict[str, Any]) -> Path:
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return path


SUBJECTS: Final = {
    subject.name: subject
    for subject in (
        Subject(FLOOR, None, start_floor),
        Subject("empty-policy", 1.3, start_guardproxy(lambda: unlimited(POLICIES / "empty.yaml"))),
        Subject("default-policy", 2.0, start_guardproxy(lambda: unlimited(POLICIES / "default.yaml"))),
        Subject("both-packs", None, start_guardproxy(both_packs), first_token=1.0),
        # The floor once more: how far from 1.00 it comes out is the noise of the run.
        Subject("control", None, start_floor),
    )
}
