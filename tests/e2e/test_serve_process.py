"""`guardproxy serve` as it is really run: a process of its own, its environment, its output, its signals."""

from __future__ import annotations

import asyncio
import json
import os
import re
import secrets
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support.caller import Answer, ask, calling, request
from tests.support.rest import until
from tests.support.upstream import (
    DONE,
    STREAM_END,
    STREAM_HEAD,
    Asked,
    Send,
    Upstream,
    answers,
    chunk,
    completion,
    event,
    piece,
    running_upstream,
    whole,
)

CHAT = "/v1/chat/completions"
UPSTREAM_KEY = "upstream-" + secrets.token_hex(16)
OWN_KEY = "own-" + secrets.token_hex(16)
POLICY = "version: 1\nname: tiny\n"


def chat(**members: Any) -> bytes:
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": "hi"}], **members}).encode()


@dataclass
class Serving:
    """A running process; `told` is what it said on stdout before it was asked anything."""

    process: asyncio.subprocess.Process
    told: list[str]
    port: int = 0
    admin_port: int = 0
    log: list[dict[str, Any]] = field(default_factory=list)

    async def ended(self) -> tuple[int, str]:
        """Its exit status and what it still had to say on stderr."""
        out, err = await asyncio.wait_for(self.process.communicate(), 20)
        self.told += out.decode().splitlines()
        return self.process.returncode or 0, err.decode()

    async def ready(self) -> tuple[int, str]:
        async with calling(self.admin_port) as caller:
            await caller.send(request("GET", "/health/ready"))
            answer = await caller.answer()
            return answer.status, answer.json["status"]

    async def chat(self, key: str, **members: Any) -> Answer:
        return await ask(self.port, "POST", CHAT, chat(**members), key)


async def launch(folder: Path, *arguments: str, **environ: str) -> asyncio.subprocess.Process:
    """`guardproxy serve` in a folder and an environment of its own."""
    (folder / "policy.yaml").write_text(POLICY, encoding="utf-8")
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "guardproxy", "serve", "--port", "0", "--admin-port", "0", "--policy", "policy.yaml",
        *arguments, cwd=folder, env={**_finding_python(), **environ},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


def _finding_python() -> dict[str, str]:
    """What a process needs to run the code these tests belong to."""
    return {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}


@asynccontextmanager
async def serving(folder: Path, upstream: Upstream, **environ: str) -> AsyncIterator[Serving]:
    """In front of `upstream`, without any settings file."""
    given = {"OPENAI_BASE_URL": upstream.base_url, "OPENAI_API_KEY": UPSTREAM_KEY, **environ}
    process = await launch(folder, **given)
    try:
        yield await _started(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def _started(process: asyncio.subprocess.Process) -> Serving:
    """Read its log until the listeners are open, and what it told by then."""
    assert process.stdout is not None
    assert process.stderr is not None
    running = Serving(process, [])
    async with asyncio.timeout(30):
        while True:
            line = await process.stderr.readline()
            assert line, "it ended instead"
            running.log.append(json.loads(line))
            if running.log[-1]["event"] == "proxy_started":
                break
        running.told.append((await process.stdout.readline()).decode())
    running.port = running.log[-1]["port"]
    running.admin_port = running.log[-1]["admin_port"]
    return running


async def test_the_environment_of_an_openai_client_is_all_it_needs(tmp_path: Path) -> None:
    async with (
        running_upstream(answers(whole(completion()))) as upstream,
        serving(tmp_path, upstream) as running,
    ):
        assert running.process.stdout is not None
        shown = (await running.process.stdout.readline()).decode()
        (key,) = re.findall(r"gpk_\S+", shown)
        answer = await running.chat(key)
        assert (answer.status, answer.json) == (200, completion())
        assert upstream.last.headers["authorization"] == f"Bearer {UPSTREAM_KEY}"
        assert f"http://127.0.0.1:{running.port}/v1" in running.told[0]
        assert "session_key_generated" in [line["event"] for line in running.log]
        assert await running.ready() == (200, "ready")
        running.process.terminate()
        status, err = await running.ended()
        everything = json.dumps(running.log) + err + "".join(running.told)
        assert status == 0
        assert [json.loads(line)["event"] for line in err.splitlines()] == ["exchange_completed", "proxy_stopped"]
        assert key not in everything
        assert UPSTREAM_KEY not in everything
        assert not (tmp_path / "guardproxy.yaml").exists()


async def test_a_key_of_ones_own_is_taken_from_the_environment_and_never_shown(tmp_path: Path) -> None:
    async with (
        running_upstream(answers(whole(completion()))) as upstream,
        serving(tmp_path, upstream, GUARDPROXY_KEY=OWN_KEY) as running,
    ):
        assert (await running.chat(OWN_KEY)).status == 200
        assert (await running.chat(OWN_KEY + "x")).refusal == (401, "invalid_api_key")
        running.process.terminate()
        status, err = await running.ended()
        assert status == 0
        assert len(running.told) == 1
        assert OWN_KEY not in err + "".join(running.told) + json.dumps(running.log)


async def test_a_stop_lets_a_running_stream_finish_and_takes_nothing_new(tmp_path: Path) -> None:
    go_on = asyncio.Event()

    async def script(asked: Asked, send: Send) -> None:
        await send(STREAM_HEAD + piece(event(chunk({"content": "begun "}))))
        await go_on.wait()
        await send(piece(event(chunk({"content": "and done"}))))
        await send(piece(event(chunk({}, finish_reason="stop"))) + piece(DONE) + STREAM_END)

    async with (
        running_upstream(script) as upstream,
        serving(tmp_path, upstream, GUARDPROXY_KEY=OWN_KEY) as running,
        calling(running.port) as waiting,
        calling(running.port) as caller,
    ):
        await caller.send(request("POST", CHAT, chat(stream=True), OWN_KEY))
        status, headers = await caller.head()
        assert status == 200
        body = await caller.chunk()
        running.process.send_signal(signal.SIGTERM)
        while await running.ready() != (503, "draining"):
            await asyncio.sleep(0.01)
        await waiting.send(request("POST", CHAT, chat(), OWN_KEY))
        refused = await waiting.answer()
        assert refused.refusal == (503, "shutting_down")
        assert not _accepts(running.port)
        go_on.set()
        answer = Answer(status, headers, body + await caller.rest())
        assert answer.events[-1] == "[DONE]"
        code, err = await running.ended()
        assert code == 0
        stopped = json.loads(err.splitlines()[-1])
        assert (stopped["event"], stopped["drained"]) == ("proxy_stopped", True)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_second_signal_does_not_wait(number: signal.Signals, tmp_path: Path) -> None:
    async def script(asked: Asked, send: Send) -> None:
        await send(STREAM_HEAD + piece(event(chunk({"content": "for ever"}))))
        await asyncio.Event().wait()

    async with (
        running_upstream(script) as upstream,
        serving(tmp_path, upstream, GUARDPROXY_KEY=OWN_KEY) as running,
        calling(running.port) as caller,
    ):
        await caller.send(request("POST", CHAT, chat(stream=True), OWN_KEY))
        assert (await caller.head())[0] == 200
        running.process.send_signal(number)
        while await running.ready() != (503, "draining"):
            await asyncio.sleep(0.01)
        running.process.send_signal(number)
        code, err = await running.ended()
        assert code == -number
        assert "Traceback" not in err
        await until(lambda: upstream.busy == 0)
        assert upstream.busy == 0


async def test_a_port_that_is_taken_is_one_clear_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        process = await launch(tmp_path, "--port", port, OPENAI_API_KEY=UPSTREAM_KEY, GUARDPROXY_KEY=OWN_KEY)
        running = Serving(process, [])
        code, err = await running.ended()
    said = [line for line in err.splitlines() if not line.startswith("{")]
    assert code == 2
    assert said == [f"guardproxy: cannot listen on 127.0.0.1:{port}: address already in use"]
    assert "proxy_stopped" not in err
    assert running.told == []


async def test_without_a_key_for_the_upstream_it_says_what_to_set(tmp_path: Path) -> None:
    running = Serving(await launch(tmp_path), [])
    code, err = await running.ended()
    said = [line for line in err.splitlines() if not line.startswith("{")]
    assert code == 2
    assert len(said) == 1
    assert said[0].startswith("guardproxy: no key for the upstream: set OPENAI_API_KEY")


async def test_a_settings_file_in_the_working_directory_is_found(tmp_path: Path) -> None:
    (tmp_path / "guardproxy.yaml").write_text("listen: {hots: 127.0.0.1}\n", encoding="utf-8")
    code, err = await Serving(await launch(tmp_path, OPENAI_API_KEY=UPSTREAM_KEY), []).ended()
    assert code == 2
    assert "guardproxy.yaml:1:" in err
    assert "unknown key 'hots', did you mean 'host'?" in err


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except ConnectionRefusedError:
        return False
    return True


async def test_changed_policies_are_taken_over_on_a_signal(tmp_path: Path) -> None:
    async with (
        running_upstream(answers(whole(completion()))) as upstream,
        serving(tmp_path, upstream, GUARDPROXY_KEY=OWN_KEY) as running,
    ):
        before = (await running.chat(OWN_KEY)).headers["x-guardproxy-policy"]
        (tmp_path / "policy.yaml").write_text(POLICY + "limits: {messages: 7}\n", encoding="utf-8")
        running.process.send_signal(signal.SIGHUP)
        async with asyncio.timeout(30):
            while (after := (await running.chat(OWN_KEY)).headers["x-guardproxy-policy"]) == before:
                await asyncio.sleep(0.05)
        assert after.startswith("tiny@")
