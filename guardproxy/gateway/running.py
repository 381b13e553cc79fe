"""A running exchange: what the steps of its story hand on to each other."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from aiohttp import web

from guardproxy.core.policy import Policy
from guardproxy.core.principal import Principal
from guardproxy.gateway.answers import base_headers
from guardproxy.gateway.draft import Draft
from guardproxy.gateway.gateway import Gateway
from guardproxy.gateway.idempotency import with_scoped_key
from guardproxy.gateway.reservation import Reservation
from guardproxy.gateway.upstream import UpstreamReply
from guardproxy.quota.estimate import Usage, reported_usage

# What the upstream says of itself in headers: a name, a date, a number.
_HEADER = re.compile(r"[\w.:, +-]{1,64}", re.ASCII)


class Running(NamedTuple):
    """One exchange between its first and its last byte. `deadline` is a time of the event loop's clock."""

    gateway: Gateway
    request: web.BaseRequest
    draft: Draft
    reservation: Reservation
    deadline: float

    @property
    def policy(self) -> Policy:
        """The policy this exchange was given, once its caller is known."""
        policy = self.draft.policy
        assert policy is not None  # noqa: S101 - who calls is found out before anything else
        return policy

    @property
    def principal(self) -> Principal:
        """Who calls, once that is known."""
        principal = self.draft.principal
        assert principal is not None  # noqa: S101 - who calls is found out before anything else
        return principal

    def estimated_usage(self, characters: int) -> dict[str, int]:
        """The usage of an answer of so many characters, as OpenAI writes it: what `charge` assumes without a report."""
        prompt, completion = self.reservation.input_tokens, self.reservation.written_tokens(characters)
        return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}

    def told_usage(self, characters: int) -> dict[str, int]:
        """The same for a caller who asked for it, also where no quota counts tokens."""
        self.reservation.read_tokens()
        return self.estimated_usage(characters)

    def charge(self, usage: Any, characters: Callable[[], int]) -> None:
        """Tokens as the upstream reports them; without a report, from the `characters` that went out.

        What was charged when it was made costs nothing when it is fetched.
        """
        draft, reservation = self.draft, self.reservation
        if not reservation.metered:
            return
        used, source = reported_usage(usage, reservation.input_tokens), "reported"
        if used is None:
            own = self.estimated_usage(characters())
            used, source = Usage(own["prompt_tokens"], own["completion_tokens"], own["total_tokens"]), "estimated"
        elif reservation.of_text and draft.principal is not None and draft.model is not None:
            # A name the policy hides is one that nobody should learn from.
            length = used.output // reservation.answers
            self.gateway.expectations.learn(draft.principal.key_id, draft.model, length)
        reservation.used = used
        draft.tokens_read, draft.tokens_written, total = used
        draft.tokens = {source: total}

    def own(self, ids: Iterable[str]) -> None:
        """The upstream has stored something for this key."""
        if self.draft.principal is not None:
            self.gateway.ownership.record(ids, self.draft.principal.key_id)

    @property
    def sent_headers(self) -> Mapping[str, str]:
        """The caller's headers, of which the upstream takes those that may travel."""
        return with_scoped_key(self.request.headers, self.draft.principal, self.gateway.separation_secret)

    def headers(self, reply: UpstreamReply, more: Mapping[str, str]) -> dict[str, str]:
        """Headers of an answer that came from the upstream."""
        headers = base_headers(self.draft, self.reservation.headers)
        headers.update(more)
        for name, value in reply.returned():  # nothing, as a rule
            if _HEADER.fullmatch(value) and self.gateway.scrub(value.encode()) == value.encode():
                headers[name] = value
        return headers
