"""Processes of a run: started on their cores, waited for, their CPU time read, stopped.

CPU time is user + system of a process and all below it, from `/proc/PID/stat` (proc(5): fields 14 to 17, clock ticks of
usually 10 ms), or from `ps` where there is no /proc. Children that ended and were waited for are included on Linux.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from bench import BenchError

READY_S: Final = 30.0
STOP_S: Final = 5.0
PROC: Final = Path("/proc")
# ps(1): [[days-]hours:]minutes:seconds[.hundredths]
PS_TIME: Final = re.compile(r"(?:(?:(\d+)-)?(\d+):)?(\d+):(\d+(?:\.\d+)?)")


def end_what_runs_when_told_to() -> None:
    """Have SIGTERM, as `timeout` sends it, end the blocks of a run: otherwise its servers go on without it."""
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))


class CpuTime(NamedTuple):
    """One process: `seconds` of CPU it has used so far."""

    pid: int
    parent: int
    seconds: float


def parse_stat(text: str, ticks_per_second: int) -> CpuTime:
    """One line of /proc/PID/stat. The name may hold spaces and brackets: fields count from its last bracket."""
    before, _, after = text.rpartition(")")
    fields = after.split()
    used = sum(int(field) for field in fields[11:15])  # utime, stime, cutime, cstime
    return CpuTime(int(before.partition(" ")[0]), int(fields[1]), used / ticks_per_second)


def parse_ps(line: str) -> CpuTime:
    """One line of `ps -o pid=,ppid=,time=`."""
    pid, parent, used = line.split()
    if not (match := PS_TIME.fullmatch(used)):
        raise BenchError(f"ps prints a CPU time this bench cannot read: {used!r}")
    days, hours, minutes, seconds = match.groups(default="0")
    return CpuTime(int(pid), int(parent), (int(days) * 24 + int(hours)) * 3600 + int(minutes) * 60 + float(seconds))


def tree_seconds(processes: Iterable[CpuTime], root: int) -> float:
    """CPU seconds of the process `root` and everything below it."""
    below: dict[int, list[CpuTime]] = {}
    total, found = 0.0, False
    for process in processes:
        below.setdefault(process.parent, []).append(process)
        if process.pid == root:
            total, found = process.seconds, True
    if not found:
        raise BenchError(f"process {root} is gone")
    waiting = [root]
    while waiting:
        children = below.get(waiting.pop(), [])
        total += sum(child.seconds for child in children)
        waiting += [child.pid for child in children]
    return total


def _all_processes() -> list[CpuTime]:
    if (PROC / "self/stat").exists():
        return list(_proc_processes())
    listing = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,time="], capture_output=True, text=True, check=True)
    return [parse_ps(line) for line in listing.stdout.splitlines()]


def _proc_processes() -> Iterator[CpuTime]:
    ticks = os.sysconf("SC_CLK_TCK")
    for folder in PROC.iterdir():
        if folder.name.isdigit():
            try:
                yield parse_stat((folder / "stat").read_text(errors="replace"), ticks)
            except (FileNotFoundError, ProcessLookupError):
                continue  # it ended while we looked


class Cores(NamedTuple):
    """Where things run: the subject alone, all else beside it. None: wherever the system likes."""

    subject: frozenset[int] | None
    rest: frozenset[int] | None

    @staticmethod
    def choose() -> Cores:
        """The last core for the subject; no pinning with a single core or where the system has no affinity."""
        if not hasattr(os, "sched_getaffinity"):
            return Cores(None, None)
        cores = sorted(os.sched_getaffinity(0))
        return Cores(frozenset(cores[-1:]), frozenset(cores[:-1])) if len(cores) > 1 else Cores(None, None)


@contextmanager
def on_cores(cores: frozenset[int] | None) -> Iterator[None]:
    """Processes started inside run there, with all their threads and children."""
    if cores is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@dataclass(frozen=True, slots=True)
class Server:
    """A started server; `port` takes the requests, `log` is everything it printed."""

    name: str
    port: int
    log: Path
    process: subprocess.Popen[bytes]

    def cpu_seconds(self) -> float:
        return tree_seconds(_all_processes(), self.process.pid)

    def failure(self, what: str) -> BenchError:
        """What happened, with the end of what the server printed."""
        tail = self.log.read_text(errors="replace").splitlines()[-12:]
        return BenchError("\n  ".join([f"{self.name}: {what}", *(tail or ["(it printed nothing)"])]))

    def wait_until_ready(self, url: str) -> None:
        """Return when `url` answers 200. Raises BenchError when the process ends or takes too long."""
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            if (code := self.process.poll()) is not None:
                raise self.failure(f"ended with {code} before it was ready")
            if _answers(url):
                return
            time.sleep(0.05)
        raise self.failure(f"not ready after {READY_S:.0f} s ({url})")

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Driver:
    """A started `bench.load`, taking one job after the other."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def run(self, job: Mapping[str, object]) -> dict[str, Any]:
        """The driver's answer. Raises BenchError when the driver itself ended, or with what it says went wrong."""
        sent, answered = self._process.stdin, self._process.stdout
        assert sent and answered
        try:
            print(json.dumps(job), file=sent, flush=True)
            line = answered.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise BenchError("the load driver ended")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise BenchError(answer["error"])
        return answer


@contextmanager
def driver(cores: frozenset[int] | None) -> Iterator[Driver]:
    """The load driver while the block runs. What it prints as an error goes where ours goes."""
    with on_cores(cores):
        process = subprocess.Popen(
            [sys.executable, "-m", "bench.load"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # an interrupt at the terminal is ours: the block ends, and the driver with it
        )
    with process:
        try:
            yield Driver(process)
        finally:
            process.terminate()


# No proxy of the environment may stand between a run and its own loopback servers.
_DIRECT: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def _answers(url: str) -> bool:
    try:
        with _DIRECT.open(url, timeout=2) as reply:
            return bool(reply.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _environment() -> dict[str, str]:
    """Ours without what would configure a subject behind our back."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("GUARDPROXY_", "OPENAI_"))}


@contextmanager
def running(
    name: str,
    command: Sequence[str],
    *,
    port: int,
    ready: str,
    folder: Path,
    cores: frozenset[int] | None,
    env: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """The server while the block runs: ready when it begins, stopped when it ends. Its output goes to a file."""
    log = folder / f"{name}.log"
    with log.open("wb") as output, on_cores(cores):
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**_environment(), **(env or {})},
            start_new_session=True,
        )
    server = Server(name, port, log, process)
    try:
        server.wait_until_ready(ready)
        yield server
    finally:
        server.stop()
