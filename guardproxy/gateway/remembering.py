"""Answers that go out, remembered where the policy takes only answers back that it gave."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Any

from guardproxy.core.separation.speech import AnswerCollector
from guardproxy.gateway.running import Running
from guardproxy.surfaces import Surface


def remembers(running: Running, surface: Surface) -> bool:
    """Whether the policy of this exchange wants to know later what was answered now."""
    policy = running.draft.policy
    separation = policy.context.separation if policy is not None else None
    return separation is not None and separation.seen_only and surface.speaking is not None


def remember_answer(running: Running, surface: Surface, document: Any) -> Awaitable[None] | None:
    """A whole answer, as it goes out. What has to be awaited before it does."""
    if remembers(running, surface) and surface.speaking is not None:
        return running.gateway.seen.remember(running.principal.key_id, surface.speaking.answered(document))
    return None


def collector(running: Running, surface: Surface) -> AnswerCollector | None:
    """What collects a streamed answer from its frames; None if nobody wants to know."""
    if remembers(running, surface) and surface.speaking is not None:
        return surface.speaking.collector()
    return None


def remember_stream(running: Running, collected: AnswerCollector | None) -> Awaitable[None] | None:
    """What went out of a streamed answer, also of one that broke off: the caller has it.

    What has to be awaited before the caller may know that it has ended.
    """
    if collected is not None:
        return running.gateway.seen.remember(running.principal.key_id, collected.pieces())
    return None


def spoken(surface: Surface, frames: Sequence[bytes]) -> str:
    """The text of frames that went out; nothing where the surface cannot tell."""
    if surface.speaking is None:
        return ""
    collected = surface.speaking.collector()
    collected.feed(frames)
    return "".join(piece.text for piece in collected.pieces())
