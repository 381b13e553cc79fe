"""What separation, rules about tools and the default packs add to a request of 10 KB.

    python -m bench.ten

The request is a turn of an agent: a question, two calls, two results of tools, definitions of six tools. It goes the
way of a request inside the proxy, from its bytes to the bytes for the upstream, under the policy `empty` and under one
with everything: texts of tools and documents are fenced and marked, control tokens broken, hidden characters removed,
the rules of `agent-tools`, the packs of the default policy. Told is processor time: for each way alone what it adds,
and for all together the ratio to the same request under `empty`. In many kinds of text, each of 10 KB in UTF-8: what is
not ASCII costs more.

The goal is one millisecond. Nothing is remembered between two requests; in a conversation the proxy looks only at what
is new (`core.memo`). Where the extra `fast` is installed it is used, as in a proxy that has run for a moment.
"""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from typing import Any, Final, NamedTuple

from bench.languages import at_length, sentences
from bench.policies import best_of
from bench.scenarios import prose
from guardproxy.core.choice import PolicySet
from guardproxy.core.context import speaks_as_operator
from guardproxy.core.exchange import Provenance
from guardproxy.core.inspection import inspect
from guardproxy.core.policy import Context, Policy
from guardproxy.core.principal import Principal
from guardproxy.core.separation.apart import keep_apart
from guardproxy.core.separation.control_tokens import ALL_FAMILIES
from guardproxy.core.separation.fence import FenceMode, Fences
from guardproxy.core.separation.terms import OperatorPrompt, Separation, Treatment
from guardproxy.core.tools.verdicts import with_tools
from guardproxy.gateway.tools import tool_guard
from guardproxy.policyfile.compile import load_policy
from guardproxy.policyfile.locate import shipped_policies
from guardproxy.surfaces import CHAT_COMPLETIONS
from guardproxy.wire.document import encode
from guardproxy.wire.strict_json import parse_strict

SIZE: Final = 10_000
_AROUND: Final = 2_600  # bytes of the request beside the results of tools
ROUNDS: Final = 9
GOAL_US: Final = 1_000
CALLER: Final = Principal("bench", "bench", operator=True)
SECRET: Final = bytes(32)
APART: Final = Separation(
    prompt=OperatorPrompt("You are the assistant of Example Ltd."),
    control_tokens=Treatment.CLEAN,
    token_families=ALL_FAMILIES,
    hidden_characters=Treatment.CLEAN,
    fake_turns=Treatment.FLAG,
    fences=Fences({Provenance.TOOL: FenceMode.DATAMARK, Provenance.DOCUMENT: FenceMode.DATAMARK}),
)
_TOOLS: Final = ("read_email", "fetch_url", "send_email", "list_events", "run_shell", "get_balance")


class Added(NamedTuple):
    """Microseconds of processor time for one request."""

    empty_us: float
    packs_us: float
    apart_us: float
    tools_us: float
    all_us: float

    @property
    def ratio(self) -> float:
        return self.all_us / self.empty_us

    @property
    def added_us(self) -> float:
        return self.all_us - self.empty_us


def texts() -> dict[str, str]:
    """Ordinary text of one kind each, as long as the results of tools are together, in bytes."""
    size = SIZE - _AROUND
    plain = prose(size)
    records = [{"id": at, "title": plain[at * 60 : at * 60 + 50], "price": at * 1.5} for at in range(size // 95)]
    accented = plain.replace("u", "ü").replace("w", "ŵ")  # one letter in twenty-five, as in French
    others = {name: at_length(text, size) for name, text in sentences().items()}
    return {"prose": plain, "json": json.dumps(records), "accented": at_length(accented, size), **others}


def request(text: str) -> bytes:
    """The bytes of the request."""
    half = len(text) // 2 if not text.startswith("[") else len(text)
    results = [text[:half], text[half:] or "done"]
    messages: list[dict[str, Any]] = [{"role": "user", "content": f"Sum up what is new. {prose(900)}"}]
    for at, result in enumerate(results):
        function = {"name": _TOOLS[at], "arguments": json.dumps({"id": at, "query": "news"})}
        call = {"id": f"call_{at}", "type": "function", "function": function}
        messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
        messages.append({"role": "tool", "tool_call_id": f"call_{at}", "content": result})
    tools = [
        {"type": "function", "function": {"name": name, "description": prose(80), "parameters": {"type": "object"}}}
        for name in _TOOLS
    ]
    return json.dumps({"model": "m", "messages": messages, "tools": tools}, ensure_ascii=False).encode()


def pass_on(policy: Policy, raw: bytes) -> bytes:
    """A request from its bytes to those for the upstream."""
    document = parse_strict(raw)
    assert CHAT_COMPLETIONS.read_request is not None
    reading = CHAT_COMPLETIONS.read_request(document, operator=speaks_as_operator(policy.context, CALLER))
    verdict = inspect(policy, reading.segments)
    tools = tool_guard(policy, CHAT_COMPLETIONS, document, CALLER)
    if tools is not None:
        verdict = with_tools(policy, verdict, tools.request_findings())
    edits = verdict.edits
    if policy.context.separation is not None:
        apart = keep_apart(policy.context.separation, reading, edits, CALLER, SECRET, trusted=True)
        CHAT_COMPLETIONS.edit(document, apart.edits)
        assert CHAT_COMPLETIONS.speaking is not None
        CHAT_COMPLETIONS.speaking.place(document, apart.speech)
    else:
        CHAT_COMPLETIONS.edit(document, edits)
    return encode(document)


def policies() -> dict[str, Policy]:
    """`empty`, each way alone beside it, and all of them."""
    shipped = shipped_policies()
    empty, packs = load_policy(shipped / "empty.yaml"), load_policy(shipped / "default.yaml")
    PolicySet.of(packs).accelerate()
    rules = load_policy(shipped / "agent-tools.yaml").tools
    return {
        "empty": empty,
        "packs": packs,
        "apart": replace(empty, context=Context(separation=APART)),
        "tools": replace(empty, tools=rules),
        "all": replace(packs, context=Context(separation=APART), tools=rules),
    }


def added(text: str, rounds: int = ROUNDS) -> Added:
    """What each way adds to a request with this text, the best of several rounds."""
    raw = request(text)
    costs = {name: best_of(partial(pass_on, policy, raw), rounds) for name, policy in policies().items()}
    empty = costs["empty"]
    return Added(empty, costs["packs"] - empty, costs["apart"] - empty, costs["tools"] - empty, costs["all"])


def main() -> None:
    """Print a table."""
    print(f"goal: everything together adds at most {GOAL_US:,} us")
    print(f"{'10 KB of':12} {'empty':>9} {'packs':>9} {'apart':>9} {'tools':>9} {'all adds':>11} {'ratio':>7}")
    for name, text in texts().items():
        one = added(text)
        print(
            f"{name:12} {one.empty_us:>6.0f} us {one.packs_us:>+6.0f} us {one.apart_us:>+6.0f} us "
            f"{one.tools_us:>+6.0f} us {one.added_us:>+8.0f} us {one.ratio:>6.1f}x"
            f"{'' if one.added_us <= GOAL_US else '  missed'}"
        )


if __name__ == "__main__":
    main()
