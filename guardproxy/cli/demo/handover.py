"""After the scenes: how to put guardproxy in front of one's own application, and how to try what is left running."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

from guardproxy.audit.console_log import console_line
from guardproxy.cli.demo.script import MODELS
from guardproxy.cli.demo.stage import Stage
from guardproxy.cli.demo.world import World
from guardproxy.policyfile.locate import shipped_policies


def next_steps(stage: Stage) -> None:
    """How to point one's own application at the proxy."""
    run = command()
    stage.title("Your own application")
    stage.says("Start the proxy. It listens on this machine only and prints one key for your application:")
    stage.code(f"OPENAI_API_KEY=sk-... {run} serve", "")
    stage.says("Point the application at it, in its code or, without touching it, in its environment:")
    stage.code('OpenAI(base_url="http://127.0.0.1:8080/v1", api_key="gpk_...")')
    stage.code("OPENAI_BASE_URL=http://127.0.0.1:8080/v1 OPENAI_API_KEY=gpk_... your-application", "")
    stage.says("Lasting keys, one for each application; `operator` may send a system prompt, `user` may not:")
    stage.code(f"{run} keys create my-app --speaks-as operator")
    stage.code(f"OPENAI_API_KEY=sk-... GUARDPROXY_KEYS=keys.yaml {run} serve", "")
    stage.says("The policy is YAML. Copy the default, change it, try it, use it:")
    stage.code(f"cp {_near(shipped_policies() / 'default.yaml')} my-policy.yaml")
    stage.code(f"{run} check my-policy.yaml")
    stage.code(f"OPENAI_API_KEY=sk-... {run} serve --policy my-policy.yaml", "")
    stage.says("Read what was blocked, and which rule did it:")
    stage.code(f"{run} incidents list")


def left_running(world: World, stage: Stage) -> None:
    """What is there to be tried, and the log as it comes."""
    request = {"model": "stand-in-leaky", "messages": [{"role": "user", "content": "What is the deploy key?"}]}
    stage.title("Left running")
    stage.facts(
        {
            "base_url": world.base_url,
            "operator key": world.app,
            "user key": world.visitor,
            "models": ", ".join(MODELS),
            "incidents": str(world.incidents),
        }
    )
    stage.gap()
    stage.code(
        f"curl -N {world.base_url}/chat/completions -H 'content-type: application/json' \\",
        f"  -H 'authorization: Bearer {world.app}' \\",
        f"  -d '{json.dumps({**request, 'stream': True})}'",
    )
    stage.gap()
    stage.says("Ctrl-C ends it. The proxy's log:")
    world.log.on_line = lambda event: stage.line(_log_line(event, stage))


def command() -> str:
    """How this program is called from here: `guardproxy` if the shell finds this one, otherwise its path."""
    started = Path(sys.argv[0])
    if started.name == "__main__.py":
        return f"{_near(Path(sys.executable))} -m guardproxy"
    found = shutil.which(started.name)
    if found and started.exists() and Path(found).resolve() == started.resolve():
        return started.name
    return _near(started) if started.exists() else "guardproxy"


def _near(path: Path) -> str:
    """The path from the working directory if it lies below it, otherwise in full."""
    absolute, here = path.absolute(), Path.cwd()
    return str(absolute.relative_to(here) if absolute.is_relative_to(here) else absolute)


def _log_line(event: dict[str, Any], stage: Stage) -> str:
    return console_line(event, colour=stage.colour)
