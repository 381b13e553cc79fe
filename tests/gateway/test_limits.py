"""A limit lets through what it allows and not one more."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardproxy.core.exchange import Opaque, OpaqueKind, Provenance, RequestReading, Segment, Turn
from guardproxy.core.policy import RequestLimits
from guardproxy.errors import InvalidRequest, NotAllowed
from guardproxy.gateway.limits import check_content, check_limits
from guardproxy.surfaces import RESPONSES, MemberNames

COUNTS = st.integers(0, 50)
NAMES = MemberNames()


def reading(
    turns: int = 0, characters: int = 0, tools: int = 0, choices: int = 1, out: int | None = None
) -> RequestReading:
    segments = tuple(Segment("x", Provenance.USER, ("text", i)) for i in range(characters))
    spoken = tuple(Turn("user", ("messages", i)) for i in range(turns))
    return RequestReading("m", False, segments, spoken, tools=tools, choices=choices, output_tokens=out)


@given(COUNTS, COUNTS, COUNTS, st.integers(1, 50), COUNTS, st.integers(0, 50))
def test_exactly_what_is_within_every_limit_passes(
    turns: int, characters: int, tools: int, choices: int, out: int, most: int
) -> None:
    limits = RequestLimits(messages=most, text_characters=most, tools=most, choices=most, output_tokens=most)
    allowed = max(turns, characters, tools, choices, out) <= most
    try:
        check_limits(limits, reading(turns, characters, tools, choices, out), NAMES)
    except InvalidRequest:
        assert not allowed
    else:
        assert allowed


@given(COUNTS, COUNTS, COUNTS, st.integers(1, 50))
def test_without_limits_everything_passes(turns: int, characters: int, tools: int, choices: int) -> None:
    check_limits(RequestLimits(), reading(turns, characters, tools, choices, 10**9), NAMES)


@pytest.mark.parametrize(
    ("sent", "limits", "param", "message"),
    [
        (reading(turns=2001), RequestLimits(messages=2000), "messages", "2,001 messages; the policy allows 2,000"),
        (reading(tools=3), RequestLimits(tools=2), "tools", "3 tools; the policy allows 2"),
        (reading(choices=3), RequestLimits(choices=2), "n", "3 choices; the policy allows 2"),
        (
            reading(out=9),
            RequestLimits(output_tokens=8),
            "max_completion_tokens",
            "9 output tokens; the policy allows 8",
        ),
        (
            reading(characters=2),
            RequestLimits(text_characters=1),
            "messages",
            "2 characters of text; the policy allows 1",
        ),
    ],
)
def test_the_error_names_the_member_what_was_sent_and_what_is_allowed(
    sent: RequestReading, limits: RequestLimits, param: str, message: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_limits(limits, sent, NAMES)
    assert (caught.value.param, caught.value.code) == (param, "limit_exceeded")
    assert caught.value.message == f"the request has {message}"


@given(COUNTS, COUNTS, COUNTS)
def test_so_many_images_and_files_and_no_more(images: int, files: int, most: int) -> None:
    kinds = [OpaqueKind.IMAGE] * images + [OpaqueKind.FILE] * files
    sent = reading()._replace(opaque=tuple(Opaque(kind, Provenance.USER, ("messages",)) for kind in kinds))
    check_content(RequestLimits(), sent, NAMES)
    for limits, count in ((RequestLimits(images=most), images), (RequestLimits(files=most), files)):
        if count > most:
            with pytest.raises(InvalidRequest, match="the policy allows"):
                check_content(limits, sent, NAMES)
        else:
            check_content(limits, sent, NAMES)


@pytest.mark.parametrize(
    ("models", "model", "passes"),
    [
        ((), "any", True), (("gpt-5*",), "gpt-5-mini", True), (("gpt-5*",), "GPT-5", True), (("gpt",), "gpt-5", False),
        (("a", "org/*"), "org/m:1", True), (("m[1]",), "m1", False), (("m[1]",), "m[1]", True), (("m?",), "m1", False),
    ],
)  # fmt: skip
def test_requests_go_to_the_models_a_policy_names(models: tuple[str, ...], model: str, passes: bool) -> None:
    limits, sent = RequestLimits(models=models), reading()._replace(model=model)
    if passes:
        check_content(limits, sent, NAMES)
        return
    with pytest.raises(NotAllowed) as refused:
        check_content(limits, sent, NAMES)
    assert (refused.value.status, refused.value.code, refused.value.param) == (403, "model_not_allowed", "model")


def test_each_surface_has_its_own_names_for_them() -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_limits(RequestLimits(output_tokens=1), reading(out=2), RESPONSES.members)
    assert caught.value.param == "max_output_tokens"


def test_many_inputs_are_no_choices() -> None:
    many = reading()._replace(inputs=17)
    check_limits(RequestLimits(choices=16), many, NAMES)
    with pytest.raises(InvalidRequest) as caught:
        check_limits(RequestLimits(inputs=16), many, NAMES)
    assert caught.value.param == "input"
