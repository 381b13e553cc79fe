"""The pods the chart renders, run: their files, their environment and their arguments, against real servers."""

from __future__ import annotations

import asyncio
import json
import secrets
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from tests.deploy.chart import Release, Values, render, rendered, values_of
from tests.deploy.pod import PATIENCE_S, Laid, Replica, expand, lay_out, replica, run, update, valkey_server
from tests.support.caller import Answer, ask
from tests.support.upstream import Upstream, answers, completion, running_upstream, whole

GUARDPROXY = (sys.executable, "-m", "guardproxy")
RULES = """\
version: 1
name: acme
packs: [secrets, ./my-pack]
rules:
  - id: acme.stop
    title: A word that stops a request
    detector: pattern
    with: {pattern: 'STOP-[0-9]{4}'}
    applies_to: [user]
    severity: high
    action: block
    examples: {match: ['STOP-{digits:4}'], pass: ['stop']}
"""


async def chat(running: Replica, key: str, text: str) -> Answer:
    body = {"model": "m", "messages": [{"role": "user", "content": text}]}
    return await ask(running.port, "POST", "/v1/chat/completions", json.dumps(body).encode(), key)


async def health(running: Replica, *arguments: str) -> tuple[int, str]:
    """What the image's own health check says, asked in the container."""
    command = (*GUARDPROXY, "health", "--admin-port", str(running.admin_port), *arguments)
    return await run(*command, environment=running.laid.environment, folder=running.laid.root)


async def new_secret(folder: Path) -> tuple[dict[str, str], str]:
    """The Secret of a release as the README makes it, and the key it lets in."""
    command = (*GUARDPROXY, "keys", "create", "app", "--speaks-as", "operator", "--file", str(folder / "keys.yaml"))
    status, out = await run(*command, environment={}, folder=folder)
    assert status == 0
    files = {name: (folder / name).read_text(encoding="utf-8") for name in ("keys.yaml", "keys.pepper")}
    generated = {"upstream-api-key": "up-" + secrets.token_hex(16), "redis-password": secrets.token_hex(32)}
    return files | generated, out.splitlines()[0]


@asynccontextmanager
async def valkey(release: Release, secret: dict[str, str], folder: Path) -> AsyncIterator[int]:
    """The bundled Redis with the chart's own arguments; the port it listens on."""
    pod = release.one("StatefulSet", "redis")["spec"]["template"]
    laid = lay_out(pod, release, {"guardproxy": secret}, folder)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    arguments = [expand(argument, laid.environment) for argument in laid.container["args"]]
    arguments[arguments.index("--port") + 1] = str(port)
    arguments[arguments.index("--dir") + 1] = str(laid.path("/data"))
    process = await asyncio.create_subprocess_exec(
        valkey_server(), *arguments, "--bind", "127.0.0.1", stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(PATIENCE_S):
            while b"Ready to accept connections" not in (line := await process.stdout.readline()):
                assert line, "it ended instead"
        yield port
    finally:
        process.terminate()
        await process.communicate()
    assert process.returncode == 0


def has_journal(folder: Path) -> bool:
    return any(folder.rglob("*.aof"))


async def redis_says(port: int, *commands: str) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write("".join(command + "\r\n" for command in (*commands, "QUIT")).encode())
    said = await asyncio.wait_for(reader.read(), PATIENCE_S)
    writer.close()
    return said.decode()


@asynccontextmanager
async def deployed(values: Values, folder: Path, upstream: Upstream) -> AsyncIterator[tuple[list[Replica], str]]:
    """Every replica of a release with a bundled Redis, and a key for it."""
    values = {
        **values,
        "existingSecret": "guardproxy",
        "config": {
            **values.get("config", {}),
            "listen": {"host": "127.0.0.1"},
            "admin": {"host": "127.0.0.1"},
            "upstream": {"base_url": upstream.base_url},
        },
    }
    release = render(values)
    secret, key = await new_secret(folder)
    redis = release.one("Service", "redis")
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(valkey(release, secret, folder / "redis"))
        hosts = {f"{redis['metadata']['name']}:6379": f"127.0.0.1:{port}"}
        replicas = []
        for number in range(release.one("Deployment")["spec"]["replicas"]):
            laid = lay_out(release.pod, release, {"guardproxy": secret}, folder / f"pod-{number}", hosts=hosts)
            assert laid.environment["GUARDPROXY_REDIS_URL"] == f"redis://:{secret['redis-password']}@127.0.0.1:{port}/0"
            replicas.append(await stack.enter_async_context(replica(laid)))
        yield replicas, key


async def test_the_default_release_runs_as_two_replicas_that_take_the_keys_of_the_secret(tmp_path: Path) -> None:
    async with (
        running_upstream(answers(whole(completion()))) as upstream,
        deployed({}, tmp_path, upstream) as (replicas, key),
    ):
        assert len(replicas) == 2
        for running in replicas:
            assert await health(running) == (0, "ready\n")
            assert await health(running, "--live") == (0, "live\n")
            answer = await chat(running, key, "hi")
            assert (answer.status, answer.json) == (200, completion())
            assert answer.headers["x-guardproxy-policy"].startswith("default@")
            assert upstream.last.headers["authorization"].startswith("Bearer up-")
        first, second = replicas
        first.process.send_signal(signal.SIGTERM)
        status, said = await first.ended()
        assert status == 0
        assert (await health(first))[0] == 1
        assert (await chat(second, key, "hi")).status == 200
        told = said + json.dumps(first.log)
        assert not [value for value in first.laid.environment.values() if value.startswith("redis:") and value in told]
        assert key not in told


async def test_a_policy_and_a_pack_from_values_guard_the_replicas(tmp_path: Path) -> None:
    ticket = values_of("production")["policies"]["files"]["my-pack/ticket.yaml"]
    values = {"replicas": 1, "policies": {"files": {"policy.yaml": RULES, "my-pack/ticket.yaml": ticket}}}
    async with (
        running_upstream(answers(whole(completion("see TCK-123456")))) as upstream,
        deployed(values, tmp_path, upstream) as ((running,), key),
    ):
        answer = await chat(running, key, "which ticket?")
        assert answer.headers["x-guardproxy-policy"].startswith("acme@")
        assert "TCK-123456" not in answer.json["choices"][0]["message"]["content"]
        assert (await chat(running, key, "STOP-1234")).refusal == (400, "content_policy_violation")
        listed = (*GUARDPROXY, "incidents", "list")
        status, shown = await run(*listed, environment=running.laid.environment, folder=running.laid.root)
        assert status == 0
        assert "acme.stop" in shown
        assert running.laid.path("/var/lib/guardproxy/incidents.jsonl").is_file()


async def test_a_policy_that_changes_is_taken_over_by_pods_that_run(tmp_path: Path) -> None:
    def values(rules: str) -> Values:
        return {"replicas": 1, "policies": {"files": {"policy.yaml": rules}}}

    rules = RULES.replace("packs: [secrets, ./my-pack]\n", "")
    changed = rules.replace("name: acme", "name: newer").replace("STOP-", "HALT-")
    async with (
        running_upstream(answers(whole(completion()))) as upstream,
        deployed(values(rules), tmp_path, upstream) as ((running,), key),
    ):
        assert (await chat(running, key, "STOP-1234")).status == 400
        assert (await chat(running, key, "HALT-1234")).status == 200
        later = render({**values(changed), "existingSecret": "guardproxy"})
        update(running.laid, later.pod, later, "policies")
        async with asyncio.timeout(PATIENCE_S):
            while (
                not (answer := await chat(running, key, "STOP-1234")).headers["x-guardproxy-policy"].startswith("newer")
            ):
                await asyncio.sleep(0.1)
        assert answer.status == 200
        assert (await chat(running, key, "HALT-1234")).refusal == (400, "content_policy_violation")


async def test_the_replicas_of_a_release_share_its_limits(tmp_path: Path) -> None:
    rules = "version: 1\nname: shared\nquotas:\n  - {metric: requests, per: day, limit: 7}\n"
    async with (
        running_upstream(answers(whole(completion()))) as upstream,
        deployed({"policies": {"files": {"policy.yaml": rules}}}, tmp_path, upstream) as (replicas, key),
    ):
        assert len(replicas) == 2
        said = [await chat(replicas[number % 2], key, "hi") for number in range(10)]
        assert [answer.status for answer in said] == [200] * 7 + [429] * 3
        left = [answer.headers["x-ratelimit-remaining-requests"] for answer in said]
        assert left == ["6", "5", "4", "3", "2", "1", "0", "0", "0", "0"]
        assert not [answer for answer in said if "x-guardproxy-quota" in answer.headers]
        assert len(upstream.asked) == 7


async def test_helm_test_passes_for_a_release_that_runs_and_fails_for_another_server(tmp_path: Path) -> None:
    (pod,) = rendered("minimal").all("Pod")
    (container,) = pod["spec"]["containers"]
    assert container["command"] == ["python", "-c"]
    script, host, port = container["args"]
    assert (host, port) == (
        rendered("minimal").one("Service")["metadata"]["name"],
        str(rendered("minimal").one("Service")["spec"]["ports"][0]["port"]),
    )

    async def tested(port: int) -> tuple[int, str]:
        command = (sys.executable, "-c", script, "127.0.0.1", str(port))
        return await run(*command, environment={}, folder=tmp_path)

    async with (
        running_upstream(answers(whole({"error": {"code": "teapot"}}, 401))) as upstream,
        deployed({"replicas": 1}, tmp_path, upstream) as ((running,), _),
    ):
        assert await tested(running.port) == (0, "401 invalid_api_key\n")
        assert await tested(int(upstream.base_url.split(":")[2].split("/")[0])) == (1, "401 teapot\n")


@pytest.mark.parametrize("case", ["minimal", "ephemeral"])
async def test_the_bundled_redis_starts_with_its_arguments_and_asks_for_the_password(case: str, tmp_path: Path) -> None:
    password = secrets.token_hex(32)
    async with valkey(rendered(case), {"redis-password": password}, tmp_path) as port:
        assert "NOAUTH" in await redis_says(port, "PING")
        said = await redis_says(
            port, f"AUTH {password}", "PING", "CONFIG GET maxmemory-policy", "CONFIG GET appendonly"
        )
        assert "+PONG" in said
        assert "noeviction" in said
        assert ("$3\r\nyes" in said) is (case == "minimal")
    assert has_journal(tmp_path) is (case == "minimal")


async def test_a_pod_without_its_secret_says_which_file_is_missing(tmp_path: Path) -> None:
    release = rendered("minimal")
    laid: Laid = lay_out(release.pod, release, {"guardproxy": dict.fromkeys(SECRET_KEYS, "")}, tmp_path)
    laid.path("/etc/guardproxy/keys/keys.yaml").unlink()
    status, said = await run(*GUARDPROXY, "serve", environment={**laid.environment, **PROVIDED}, folder=tmp_path)
    assert status == 2
    assert "keys.yaml: the file of keys cannot be read" in said


SECRET_KEYS = ("keys.yaml", "keys.pepper", "upstream-api-key", "redis-password")
PROVIDED = {"OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}
