"""`guardproxy health`: yes only from a proxy that says so itself."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from guardproxy.cli.health import health
from guardproxy.errors import ConfigurationError
from tests.support.gateway import data_plane

app = typer.Typer()
app.command()(health)


def run(*arguments: str, **environ: str) -> Result:
    return CliRunner().invoke(app, arguments, env=environ)


@contextmanager
def listener(reply: bytes, host: str = "127.0.0.1") -> Iterator[int]:
    """Something that reads one request, sends `reply` and closes; the port it listens on."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                with suppress(ConnectionError):  # the asker need not hear it out
                    connection.sendall(reply)

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        thread.join(timeout=20)
        assert not thread.is_alive()


def http(status: str, body: str) -> bytes:
    return f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GUARDPROXY_CONFIG", raising=False)
    return tmp_path


async def test_a_real_proxy_is_ready_until_it_drains_and_lives_until_it_is_gone() -> None:
    async with data_plane() as plane:
        port = str(plane.listeners.admin_port)

        async def asked(*arguments: str) -> tuple[int, str]:
            result = await asyncio.to_thread(run, "--admin-port", port, *arguments)
            return result.exit_code, result.output

        assert await asked() == (0, "ready\n")
        assert await asked("--live") == (0, "live\n")
        plane.gateway.lifecycle.draining, plane.gateway.lifecycle.ready = True, False
        assert await asked() == (1, "draining\n")
        assert await asked("--live") == (0, "live\n")
    status, said = await asked()
    assert status == 1
    assert said.startswith(f"no answer from 127.0.0.1:{port}: ")


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (http("503 x", '{"status":"starting"}'), "starting\n"),
        (http("503 x", '{"status":"ready"}'), "ready\n"),  # it contradicts itself
        (http("200 OK", '{"status":"live"}'), "live\n"),  # the answer to another question
    ],
)
def test_anything_but_200_and_ready_is_no(reply: bytes, said: str) -> None:
    with listener(reply) as port:
        result = run("--admin-port", str(port))
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", said)


@pytest.mark.parametrize("body", ["hello", "", "[]", '{"status": 1}', '{"status": "\\u001b[31m"}', '"ready"', "{}"])
def test_another_program_on_the_port_is_not_taken_for_the_proxy(body: str) -> None:
    with listener(http("200 OK", body)) as port:
        result = run("--admin-port", str(port))
    assert (result.exit_code, result.output) == (1, f"127.0.0.1:{port} answered 200, and not as guardproxy does\n")


@pytest.mark.parametrize("reply", [b"SSH-2.0-x\r\n", b"HTTP/1.1 ", b"HTTP/1.1 200 OK\r\n" + b"x" * 70_000])
def test_what_is_no_http_is_no(reply: bytes) -> None:
    with listener(reply) as port:
        result = run("--admin-port", str(port))
    assert (result.exit_code, result.output) == (1, f"no answer in HTTP from 127.0.0.1:{port}\n")


def test_an_answer_that_is_cut_off_is_no() -> None:
    with listener(http("200 OK", '{"status":"ready"}')[:-1]) as port:
        assert run("--admin-port", str(port)).exit_code == 1
    with listener(b"") as port:
        assert run("--admin-port", str(port)).exit_code == 1


def test_a_listener_that_never_answers_is_no_after_the_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        result = run("--admin-port", str(silent.getsockname()[1]), "--timeout", "0.1")
    assert result.exit_code == 1
    assert "timed out" in result.stderr


@pytest.mark.parametrize(("host", "asked"), [("0.0.0.0", "127.0.0.1"), ("::", "::1"), ("127.0.0.1", "127.0.0.1")])
@pytest.mark.parametrize("named", [True, False])
def test_the_address_comes_from_the_settings_of_the_proxy(named: bool, host: str, asked: str, folder: Path) -> None:
    try:
        with listener(http("200 OK", '{"status":"ready","in_flight":0}'), asked) as port:
            file = folder / ("mine.yaml" if named else "guardproxy.yaml")
            file.write_text(f"admin: {{host: '{host}', port: {port}}}\n", encoding="utf-8")
            result = run(**({"GUARDPROXY_CONFIG": str(file)} if named else {}))
    except OSError:
        assert ":" in asked, "only IPv6 may be missing on a machine"
        pytest.skip("this machine has no IPv6")
    assert (result.exit_code, result.stdout) == (0, "ready\n")


def test_a_port_that_only_the_proxy_knows_has_to_be_given(folder: Path) -> None:
    (folder / "guardproxy.yaml").write_text("admin: {port: 0}\n", encoding="utf-8")
    result = run()
    assert isinstance(result.exception, ConfigurationError)
    assert "give --admin-port" in result.exception.message


@pytest.mark.parametrize("arguments", [("--admin-port", "0"), ("--admin-port", "65536"), ("--timeout", "0")])
def test_an_option_out_of_range_is_refused(arguments: tuple[str, ...]) -> None:
    assert run(*arguments).exit_code == 2
