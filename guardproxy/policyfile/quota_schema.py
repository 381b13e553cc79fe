"""What may stand under `quotas:` in a policy file."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, StringConstraints

from guardproxy.policyfile.context_schema import Strict, Word

ModeWord = Literal["enforce", "shadow"]
Unit = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(?:-[a-z0-9]+)*$", max_length=100)]


class WrittenOnly(Strict):
    """Shell patterns; an entry that is left out means all."""

    models: tuple[Word, ...] = ()
    teams: tuple[Word, ...] = ()
    keys: tuple[Word, ...] = ()


ShareWord = Literal["key", "team", "model", "policy", "global"]


def _as_list(written: object) -> object:
    """One word stands for a list of it; a list becomes a tuple, as strict models want it."""
    if isinstance(written, str):
        return (written,)
    return tuple(written) if isinstance(written, list) else written


class WrittenQuota(Strict):
    """How much may be used: by a key, a team, everybody. `limit` is a whole number, but that of cost."""

    metric: Literal["requests", "tokens", "input_tokens", "output_tokens", "cost", "concurrency", "units"] = Field(
        description="what is counted. `tokens`: input and output together; `cost`: US dollars; `concurrency`: requests "
        "that run; `units`: your own, named by `unit`"
    )
    limit: Annotated[float, Field(gt=0, le=2**53)] = Field(
        description="at most so much in any window: a whole number, of `cost` dollars with any fraction"
    )
    per: Literal["second", "minute", "hour", "day", "calendar_day", "week", "month"] | None = Field(
        None,
        description="the window. `second` to `day` slide; `calendar_day`, `week` (from Monday) and `month` are those "
        "of the calendar; none for `concurrency`",
    )
    scope: Annotated[
        tuple[ShareWord, ...],
        BeforeValidator(_as_list, json_schema_input_type=ShareWord | list[ShareWord]),
        Field(min_length=1),
    ] = Field(("key",), description="whose account; several in a list make one account for each pair")
    only: WrittenOnly = Field(
        WrittenOnly(),
        description="`{models: [...], teams: [...], keys: [...]}`, shell patterns: which requests it is about",
    )
    unit: Unit | None = Field(
        None, description="what `units` counts; `quota.prices` in the settings says how many a request takes"
    )
    zone: Word | None = Field(None, description="the time zone of a period of the calendar; UTC without")
    hard: bool = Field(
        False, description="of tokens and cost: not even one request goes beyond, since a cap is written into it"
    )
    mode: ModeWord = Field("enforce", description="`shadow`: count and tell in the log, refuse nothing")
    on_store_error: Literal["degraded", "closed", "open"] | None = Field(
        None,
        description="while a shared store is away. `degraded`: each process up to its part; `closed`: refuse with 503. "
        "Not said: `closed` if `hard`, else `degraded`",
    )


class WrittenCharging(Strict):
    """What exchanges cost that did not run to their end."""

    blocked: Literal["request", "nothing"] = Field(
        "request",
        description="a request that a rule blocks before it goes out: `request` counts it, without tokens; `nothing` "
        "gives all back. A blocked answer costs what it took: it was made",
    )
    failed: Literal["input", "reserved", "nothing"] = Field(
        "input",
        description="a request the upstream did not answer, or with a 5xx, so that nobody knows what it used: "
        "its `input`, all that was `reserved`, or `nothing`",
    )
