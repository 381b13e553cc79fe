"""Plays a transcript: through the whole data plane, from the caller's socket to a scripted upstream and back."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from guardproxy.core.exchange import OpaqueKind
from guardproxy.core.policy import (
    Context,
    OnBlock,
    OperatorMessages,
    Policy,
    RequestLimits,
    ServerState,
    SurfaceRules,
    Unknown,
)
from guardproxy.core.quota import Metric, Quota
from guardproxy.core.verdict import Action
from guardproxy.errors import UpstreamUnavailable
from tests.support.caller import Answer, ask
from tests.support.gateway import KEY, DataPlane, Reply, Sent, data_plane
from tests.support.policies import small
from tests.transcripts.transcript import BREAKS_OFF, OUTCOMES, UNREACHABLE, Message, Transcript, laid_out

# None of them begins anything that a rule looks for, so no piece of a text is held.
_LETTERS: Final = "".join(secrets.choice("abdeghijklmnpqrstuvwxyz") for _ in range(12))
SECRET: Final = f"codeword-{_LETTERS}"
HARMLESS: Final = f"keybirds-{_LETTERS}"
"""As long as the secret, and none."""

_SHOWN_HEADERS: Final = (
    "content-type",
    "retry-after",
    "x-should-retry",
    "x-guardproxy-decision",
    "x-guardproxy-coverage",
)
_EVENT: Final = re.compile(rb".*?\n\n", re.DOTALL)


class Played(NamedTuple):
    """`got` and `sent` as they were; `outcome` as a transcript tells it."""

    got: Answer
    sent: list[Sent]
    record: Mapping[str, Any]
    outcome: dict[str, str]


async def play(transcript: Transcript, secret: str = SECRET, *, bytewise: bool = False) -> Played:
    """Raises `ValueError` for a policy that is not known here. `bytewise`: the answer arrives byte by byte."""
    asks = transcript.asks
    method, path = asks.first.split(" ")
    body = filled(asks.body, secret).encode() or None

    def reply() -> Reply:
        return reply_of(transcript.answers, secret, bytewise=bytewise)

    async with data_plane(reply, policy_of(transcript)) as on:
        got = await ask(on.listeners.port, method, path, body, KEY, asks.headers)
        outcome = dict(zip(OUTCOMES, _told(on, got), strict=True))
        shown = {name: _without_names(text, got, secret) for name, text in outcome.items()}
        return Played(got, on.upstream.sent, on.record, shown)


def policy_of(transcript: Transcript) -> Policy:
    """The small policy of the tests, in which only pictures pass unread, but for what the transcript says."""
    changes: dict[str, Any] = {}
    for name, value in transcript.policy.items():
        match name:
            case "on_block":
                changes[name] = OnBlock(value)
            case "unknown_events":
                changes[name] = Unknown(value)
            case "server_state":
                changes[name] = ServerState(value)
            case "opaque":
                changes[name] = {OpaqueKind(kind): Action.ALLOW for kind in value.split(",")}
            case "operator_messages":
                changes["context"] = Context(OperatorMessages(value))
            case "messages":
                changes["limits"] = RequestLimits(messages=int(value))
            case "tokens":
                changes["quotas"] = (Quota(Metric.TOKENS, 60, int(value)),)
            case "closed":
                changes["surfaces"] = {value: SurfaceRules(open=False)}
            case "uninspected":
                changes["surfaces"] = {value: SurfaceRules(uninspected=True)}
            case _:
                raise ValueError(f"{transcript.name}: nothing is known of {name}")
    return small(**changes)


def filled(text: str, secret: str) -> str:
    third = len(secret) // 3
    parts = {"1": secret[:third], "2": secret[third : 2 * third], "3": secret[2 * third :]}
    for name, part in parts.items():
        text = text.replace(f"{{{{secret.{name}}}}}", part)
    return text.replace("{{secret}}", secret)


def reply_of(answers: Message, secret: str, *, bytewise: bool = False) -> Reply:
    """What the upstream answers: event by event where it streams. Raises `UpstreamUnavailable` if it does not."""
    if answers.first == UNREACHABLE:
        raise UpstreamUnavailable("the upstream cannot be reached", reason="connection")
    status, content_type = answers.first.split(" ", 1)
    raw = filled(answers.body, secret)
    breaks_off = raw.endswith(BREAKS_OFF)
    raw = raw.removesuffix(BREAKS_OFF).strip("\n")
    parts: list[bytes | Exception] = [raw.encode()]
    if "event-stream" in content_type:
        whole = f"{raw}\n\n".encode()
        parts = [whole[at : at + 1] for at in range(len(whole))] if bytewise else [*_EVENT.findall(whole)]
    if breaks_off:
        parts.append(UpstreamUnavailable("the upstream broke off its answer", reason="broken"))
    return Reply(*parts, status=int(status), content_type=content_type, headers=answers.headers)


def _told(on: DataPlane, got: Answer) -> Iterator[str]:
    yield "\n\n".join(_told_request(sent) for sent in on.upstream.sent) or "(is not asked)"
    headers: dict[str, str] = {name: got.headers[name] for name in _SHOWN_HEADERS if name in got.headers}
    kind = headers.pop("content-type")
    streams = kind.startswith("text/event-stream")
    body = got.body.decode().removesuffix("\n\n") if streams else laid_out(got.body)
    yield Message(f"{got.status} {kind.partition(';')[0]}", headers, body).told()
    yield "\n".join(_told_record(on.record))


def _told_request(sent: Sent) -> str:
    return Message(f"{sent.method} {sent.path}", {}, laid_out(sent.body or b"")).told()


def _told_record(record: Mapping[str, Any]) -> Iterator[str]:
    yield str(record["event"])
    for name in ("action", "direction", "extent", "uninspected", "rules", "features", "error_code"):
        if name in record:
            yield f"{name}: {_listed(record[name])}"
    for name, counts in record.get("coverage", {}).items():
        if counts:
            yield f"{name}: {_listed(counts)}"


def _listed(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {count}" for name, count in value.items())
    return str(value)


def _without_names(text: str, got: Answer, secret: str) -> str:
    """What is another one each time, by its name."""
    text = text.replace(got.headers["x-request-id"], "{{request_id}}").replace(secret, "{{secret}}")
    return re.sub(r"inc_[0-9a-z]{26}", "{{incident_id}}", text)
