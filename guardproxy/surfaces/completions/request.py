"""Where text stands in a legacy completion's request.

There are no roles. Whoever writes a prompt writes all of it, and it usually holds what a user said, so it is the
user's text, also when the caller may speak as the operator. Several prompts are answered one by one.
"""

from __future__ import annotations

from typing import Any

from guardproxy.core.exchange import Provenance, RequestReading
from guardproxy.surfaces.facts import count_fact, flag_fact, members_of, text_fact, wants_usage
from guardproxy.surfaces.inputs import InputReader
from guardproxy.surfaces.parameter_tables import OFFICIAL
from guardproxy.surfaces.texts import walk


def read_request(document: Any, *, operator: bool) -> RequestReading:
    """Every text of a request, all of it the user's. Raises `InvalidRequest` where a type is wrong.

    Each prompt is answered `n` times, or written `best_of` times of which `n` are shown: so many choices are counted.
    """
    members = members_of(document)
    reader = InputReader(Provenance.USER, parts=False)
    prompts = 1 if members.get("prompt") is None else reader.read_input(members["prompt"], ("prompt",))
    for name, value in members.items():
        if name == "prompt":
            continue
        known = name in OFFICIAL["completions"]
        reader.segments += walk(value, (name,), Provenance.USER) if known else walk({name: value}, (), Provenance.USER)
    return RequestReading(
        model=text_fact(members, "model"),
        stream=flag_fact(members, "stream"),
        segments=tuple(reader.segments),
        opaque=tuple(reader.opaque),
        inputs=prompts,
        choices=max(count_fact(members, "n") or 1, count_fact(members, "best_of") or 1),
        output_tokens=count_fact(members, "max_tokens", least=0),
        stream_usage=wants_usage(members),
    )
