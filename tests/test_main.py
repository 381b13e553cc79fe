from __future__ import annotations

import subprocess
import sys

from guardproxy import __version__


def test_python_m_guardproxy_is_the_command() -> None:
    said = subprocess.run(
        [sys.executable, "-m", "guardproxy", "--version"], capture_output=True, text=True, check=True, timeout=60
    )
    assert said.stdout == f"guardproxy {__version__}\n"
