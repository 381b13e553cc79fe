"""What a policy says about the size of requests, where its parts do not fit each other."""

from __future__ import annotations

from collections.abc import Iterator

from guardproxy.policyfile.load import PolicyDocument
from guardproxy.policyfile.schema import WrittenLimits


def limit_problems(document: PolicyDocument) -> Iterator[str]:
    """A cap with nothing to cap would protect from nothing, and look as if it did.

    The limit may stand anywhere in the policy: what it extends, and its blocks under `when`, count.
    """
    written = document.written
    said = [written.limits, *(block.limits for block in written.when)]
    if written.limits.excess == "cap" and not any(map(_caps, said)):
        yield (
            f"{document.at('limits', 'excess')}: 'cap' has nothing to cap: write limits.output_tokens or "
            "limits.choices beside it, or leave 'excess' out"
        )


def _caps(limits: WrittenLimits) -> bool:
    return limits.output_tokens is not None or limits.choices is not None
