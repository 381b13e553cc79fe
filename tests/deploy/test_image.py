"""The image: linted, its promises read from the Dockerfile, and its steps run in a folder instead of a container."""

from __future__ import annotations

import os
import secrets
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from guardproxy import __version__
from guardproxy.settings import Settings
from tests.deploy.chart import ROOT, mount, rendered
from tests.deploy.dockerfile import Instruction, instructions, sent, stages
from tests.deploy.pod import Laid, replica, run
from tests.support.caller import ask
from tests.support.upstream import answers, completion, running_upstream, whole

DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
DOCKERIGNORE = (ROOT / ".dockerignore").read_text(encoding="utf-8")
BUILD, FINAL = stages(instructions(DOCKERFILE))


def all_of(name: str, stage: list[Instruction]) -> list[Instruction]:
    return [each for each in stage if each.name == name]


def one(name: str, stage: list[Instruction]) -> Instruction:
    (found,) = all_of(name, stage)
    return found


def hadolint(dockerfile: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "hadolint"), "--no-color", "--failure-threshold", "style", "-"]
    return subprocess.run(command, input=dockerfile, capture_output=True, text=True, timeout=60, check=False)


def test_hadolint_finds_nothing() -> None:
    done = hadolint(DOCKERFILE)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_hadolint_would_find_something() -> None:
    done = hadolint(DOCKERFILE.replace('ENTRYPOINT ["guardproxy"]', "ENTRYPOINT guardproxy"))
    assert done.returncode == 1
    assert "DL3025" in done.stdout


def test_both_stages_are_of_one_slim_image() -> None:
    """The virtual environment of the first works in the second only with the same Python at the same place."""
    assert [one("FROM", stage).rest.split()[0] for stage in (BUILD, FINAL)] == ["${PYTHON_IMAGE}"] * 2
    assert instructions(DOCKERFILE)[0] == Instruction("ARG", "PYTHON_IMAGE=python:3.13-slim")


def test_nothing_but_the_installed_program_is_in_the_image() -> None:
    (copied,) = all_of("COPY", FINAL)
    assert copied.rest == "--from=build /opt/guardproxy /opt/guardproxy"
    assert all_of("ADD", FINAL) == []


def test_it_runs_as_the_user_of_the_chart() -> None:
    context = rendered("minimal").pod["spec"]["securityContext"]
    assert one("USER", FINAL).rest == f"{context['runAsUser']}:{context['runAsGroup']}"
    assert FINAL.index(one("USER", FINAL)) > FINAL.index(one("RUN", FINAL))


def test_signals_reach_the_program_itself() -> None:
    assert one("ENTRYPOINT", FINAL).exec_form == ["guardproxy"]
    assert one("CMD", FINAL).exec_form == ["serve", "--host", "0.0.0.0"]
    assert one("STOPSIGNAL", FINAL).rest == "SIGTERM"


def test_it_is_watched_by_its_own_program() -> None:
    assert one("HEALTHCHECK", FINAL).exec_form == ["guardproxy", "health"]


def test_it_works_where_the_chart_mounts_what_can_be_written() -> None:
    place = mount(rendered("minimal").container, "incidents")["mountPath"]
    assert one("WORKDIR", FINAL).rest == place
    assert one("RUN", FINAL).rest.split()[-1] == place


def test_it_exposes_the_data_plane_only() -> None:
    assert one("EXPOSE", FINAL).rest == str(Settings().listen.port)


def test_no_secret_goes_in_by_argument_or_environment() -> None:
    given = [each.rest for stage in (BUILD, FINAL) for each in all_of("ARG", stage) + all_of("ENV", stage)]
    assert given
    assert not [each for each in given if any(word in each.upper() for word in ("KEY", "TOKEN", "SECRET", "PASSWORD"))]


def test_the_version_is_that_of_the_program_and_of_the_chart() -> None:
    assert Instruction("ARG", f"VERSION={__version__}") in FINAL
    image = rendered("minimal").container["image"]
    assert image == f"guardproxy:{__version__}"


def sources() -> list[str]:
    """What the first stage copies from the folder it is built in."""
    return [word for each in all_of("COPY", BUILD) for word in each.rest.split()[:-1]]


def test_what_is_sent_to_the_builder_is_what_it_copies() -> None:
    known = [f"{top.name}/x/y" if top.is_dir() else top.name for top in ROOT.iterdir()]
    tops = {path.partition("/")[0] for path in sent([*known, "keys.yaml", "keys.pepper", ".env"], DOCKERIGNORE)}
    assert tops == set(sources())


@pytest.mark.parametrize(
    "path", ["policies/keys.pepper", "guardproxy/__pycache__/a.pyc", "guardproxy/b.pyo", ".git/config"]
)
def test_secrets_caches_and_history_stay_out(path: str) -> None:
    assert list(sent([path, "guardproxy/cli/main.py"], DOCKERIGNORE)) == ["guardproxy/cli/main.py"]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first stage, run: the folder that it leaves at /opt/guardproxy.

    What the image installs from an index, the environment of these tests has already: it is lent instead.
    """
    root = tmp_path_factory.mktemp("image")
    files = [str(path.relative_to(ROOT)) for name in sources() for path in _files(ROOT / name)]
    for file in sent(files, DOCKERIGNORE):
        (root / "src" / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / file, root / "src" / file)
    prefix = root / "opt" / "guardproxy"
    for command in one("RUN", BUILD).rest.replace("/opt/guardproxy", str(prefix)).split("&&"):
        words = shlex.split(command)
        if "install" in words:
            lent = next(path for path in sys.path if path.endswith("site-packages"))
            (own,) = prefix.glob("lib/python*/site-packages")
            (own / "lent.pth").write_text(lent, encoding="utf-8")
            words += ["--quiet", "--no-deps", "--no-index", "--no-build-isolation"]
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        subprocess.run(words, cwd=root / "src", env={"PATH": path}, check=True, timeout=300)
    return prefix


def _files(path: Path) -> list[Path]:
    return [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]


def test_the_image_installs_no_installer(built: Path) -> None:
    assert (built / "bin" / "guardproxy").is_file()
    assert not list((built / "bin").glob("pip*"))


async def test_the_image_runs_guards_and_passes_its_health_check(built: Path, tmp_path: Path) -> None:
    key = "own-" + secrets.token_hex(16)
    body = b'{"model":"m","messages":[{"role":"user","content":"hi"}]}'
    entry = str(built / "bin" / one("ENTRYPOINT", FINAL).exec_form[0])
    async with running_upstream(answers(whole(completion()))) as upstream:
        environment = {
            "PYTHONPATH": "", "PYTHONDONTWRITEBYTECODE": "1",
            "OPENAI_BASE_URL": upstream.base_url, "GUARDPROXY_KEY": key,
        }  # fmt: skip
        arguments = [*one("CMD", FINAL).exec_form, "--host", "127.0.0.1"]
        laid = Laid({"args": arguments}, make_workdir(tmp_path), environment)
        async with replica(laid, entry) as running:
            check = [entry, *one("HEALTHCHECK", FINAL).exec_form[1:], "--admin-port", str(running.admin_port)]
            assert await run(*check, environment=environment, folder=tmp_path) == (0, "ready\n")
            answer = await ask(running.port, "POST", "/v1/chat/completions", body, key)
            assert (answer.status, answer.json) == (200, completion())
            assert answer.headers["x-guardproxy-policy"].startswith("default@")
            running.process.terminate()
            status, _ = await running.ended()
            assert status == 0
            status, said = await run(*check, environment=environment, folder=tmp_path)
            assert status == 1
            assert said.startswith("no answer from 127.0.0.1:")


def make_workdir(root: Path) -> Path:
    (root / "var" / "lib" / "guardproxy").mkdir(parents=True)
    return root


async def test_the_program_of_the_image_is_the_installed_one(built: Path, tmp_path: Path) -> None:
    command = (str(built / "bin" / "python"), "-c", "import guardproxy; print(guardproxy.__file__)")
    status, said = await run(*command, environment={"PYTHONPATH": ""}, folder=tmp_path)
    assert status == 0
    assert said.startswith(str(built))
