"""Scripted runs of agents, held against a policy as the proxy would: each call with the conversation up to it.

A run is a list of steps: `user`, `assistant`, `call` (`with`: its arguments; `harm`: it is what an attacker wants) and
`result`, which belongs to the first call that has none yet. Every step goes through the surfaces' own readers as
a request and an answer of the API, not through a shortcut.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

from guardproxy.core.policy import Policy
from guardproxy.core.tools.judge import ToolFinding, ToolGuard
from guardproxy.policyfile.compile import load_policy
from guardproxy.policyfile.locate import shipped_policies
from guardproxy.surfaces import chat_completions, responses

HERE: Final = Path(__file__).parent
POLICY: Final = shipped_policies() / "agent-tools.yaml"
FOLDERS: Final = ("conversations", "second", "held_out", "third", "fourth")


class Run(NamedTuple):
    """One scripted conversation. `attack`: it holds a call that must be denied."""

    name: str
    attack: bool
    steps: Sequence[dict[str, Any]]


class Outcome(NamedTuple):
    """`harm`: what was found about the harmful calls; `other`: about all the others."""

    run: Run
    harm: tuple[ToolFinding, ...]
    other: tuple[ToolFinding, ...]

    @property
    def good(self) -> bool:
        """A harmful call was denied, or nothing at all was touched."""
        return bool(self.harm) if self.run.attack else not self.other


def read_runs(folder: str) -> list[Run]:
    return [
        Run(written["name"], file.stem == "attacks", written["steps"])
        for file in sorted((HERE / folder).glob("*.yaml"))
        for written in yaml.safe_load(file.read_text(encoding="utf-8"))
    ]


def agent_policy() -> Policy:
    return load_policy(POLICY)


def play(run: Run, policy: Policy, dialect: str = "chat_completions") -> Outcome:
    """What the rules about tools say about each call of the run."""
    assert policy.tools is not None
    harm: list[ToolFinding] = []
    other: list[ToolFinding] = []
    write, read, calls_of = DIALECTS[dialect]
    for at, step in enumerate(run.steps):
        if "call" not in step:
            continue
        request, answer = write(run, at)
        guard = ToolGuard(policy.tools, read(json.loads(json.dumps(request)), operator=False), "agent")
        found = guard.request_findings() + guard.judge(calls_of(answer))
        (harm if step.get("harm") else other).extend(found)
    return Outcome(run, tuple(harm), tuple(other))


def as_chat(run: Run, at: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """The request before step `at`, and the answer that is that step, as a chat."""
    messages: list[dict[str, Any]] = [{"role": "system", "content": "You are a helpful assistant with tools."}]
    waiting: list[str] = []
    for number, step in enumerate(run.steps[:at]):
        if "call" in step:
            waiting.append(f"call_{number}")
            messages.append({"role": "assistant", "content": None, "tool_calls": [_chat_call(step, number)]})
        elif "result" in step:
            messages.append({"role": "tool", "tool_call_id": waiting.pop(0), "content": _text(step["result"])})
        else:
            role = "user" if "user" in step else "assistant"
            messages.append({"role": role, "content": step[role]})
    tools = [{"type": "function", "function": {"name": name, "parameters": {}}} for name in _tools(run.steps)]
    message = {"role": "assistant", "content": None, "tool_calls": [_chat_call(run.steps[at], at)]}
    answer = {"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}
    return {"model": "m", "messages": messages, "tools": tools}, answer


def as_response(run: Run, at: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """The same as a request and an answer of `/responses`."""
    items: list[dict[str, Any]] = []
    waiting: list[str] = []
    for number, step in enumerate(run.steps[:at]):
        if "call" in step:
            waiting.append(f"call_{number}")
            items.append(_item(step, number))
        elif "result" in step:
            output = _text(step["result"])
            items.append({"type": "function_call_output", "call_id": waiting.pop(0), "output": output})
        else:
            role = "user" if "user" in step else "assistant"
            kind = "input_text" if role == "user" else "output_text"
            items.append({"type": "message", "role": role, "content": [{"type": kind, "text": step[role]}]})
    tools = [{"type": "function", "name": name, "parameters": {}} for name in _tools(run.steps)]
    request = {"model": "m", "instructions": "You are a helpful assistant.", "input": items, "tools": tools}
    return request, {"output": [_item(run.steps[at], at)]}


DIALECTS: Final[dict[str, Any]] = {
    "chat_completions": (as_chat, chat_completions.read_conversation, chat_completions.read_calls),
    "responses": (as_response, responses.read_conversation, responses.read_calls),
}


def table(outcomes: Iterable[Outcome]) -> str:
    """One line per run: good or bad, and which rules spoke."""
    lines = []
    for run, harm, other in outcomes:
        rules = ", ".join(dict.fromkeys(f"{found.rule} ({found.reason})" for found in (*harm, *other))) or "-"
        good = "good" if Outcome(run, harm, other).good else "BAD"
        lines.append(f"{'attack' if run.attack else 'legitimate':<11}{good:<5}{run.name:<62}{rules}")
    return "\n".join(lines)


def shares(outcomes: Sequence[Outcome]) -> tuple[float, float]:
    """The share of attacks that were stopped, and of legitimate runs that were touched."""
    attacks = [outcome for outcome in outcomes if outcome.run.attack]
    legitimate = [outcome for outcome in outcomes if not outcome.run.attack]
    return sum(o.good for o in attacks) / len(attacks), sum(not o.good for o in legitimate) / len(legitimate)


def _tools(steps: Iterable[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(step["call"] for step in steps if "call" in step))


def _arguments(step: dict[str, Any]) -> str:
    return json.dumps(step.get("with", {}), default=str)


def _chat_call(step: dict[str, Any], number: int) -> dict[str, Any]:
    function = {"name": step["call"], "arguments": _arguments(step)}
    return {"id": f"call_{number}", "type": "function", "function": function}


def _item(step: dict[str, Any], number: int) -> dict[str, Any]:
    return {"type": "function_call", "call_id": f"call_{number}", "name": step["call"], "arguments": _arguments(step)}


def _text(result: Any) -> str:
    return result if isinstance(result, str) else json.dumps(result, default=str)
