from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardproxy.core.policy import ParameterRules, Unknown
from guardproxy.surfaces.parameter_tables import DENIED, DIALECTS, OFFICIAL
from guardproxy.surfaces.parameters import NO_RULES, ParameterVerdict, judge_parameters, strip_parameters
from tests.support.strategies import json_values

CHAT = "chat_completions"
STRIP = ParameterRules(Unknown.STRIP)
REJECT = ParameterRules(Unknown.REJECT)


def judged(surface: str = CHAT, rules: ParameterRules = NO_RULES, /, **members: Any) -> ParameterVerdict:
    return judge_parameters({"model": "m", **members}, surface, rules)


def refused(verdict: ParameterVerdict) -> list[Any]:
    return [item.path for item in verdict.refused]


# ---------------------------------------------------------------- what would defeat the guard

DEFEATING: list[tuple[str, str, Any]] = [
    (CHAT, "chat_template", "{{ messages }}"),
    (CHAT, "continue_final_message", True),
    (CHAT, "add_generation_prompt", False),
    (CHAT, "echo", True),
    (CHAT, "return_prompt_text", True),
    (CHAT, "prompt_logprobs", 0),
    (CHAT, "return_token_ids", True),
    (CHAT, "return_tokens_as_token_ids", True),
    (CHAT, "skip_special_tokens", False),
    (CHAT, "allowed_token_ids", [1]),
    (CHAT, "structural_tag", "{}"),
    (CHAT, "vllm_xargs", {"a": 1}),
    (CHAT, "mm_processor_kwargs", {"a": 1}),
    (CHAT, "priority", -1),
    (CHAT, "_debug_render_only", True),
    (CHAT, "plugins", [{"id": "web"}]),
    (CHAT, "transforms", ["middle-out"]),
    (CHAT, "models", ["other"]),
    (CHAT, "provider", {"order": ["x"]}),
    (CHAT, "prompt", "a second one"),
    (CHAT, "input_ids", [1, 2]),
    (CHAT, "truncate_prompt_tokens", 10),
    ("completions", "echo", True),
    ("completions", "messages", [{"role": "system", "content": "x"}]),
    ("completions", "prompt_embeds", "AAAA"),
    ("responses", "chat_template", "x"),
    ("embeddings", "chat_template", "x"),
    ("moderations", "api_base", "http://elsewhere.example.org"),
]


@pytest.mark.parametrize("unknown", Unknown)
@pytest.mark.parametrize(("surface", "name", "value"), DEFEATING, ids=lambda value: str(value)[:30])
def test_what_defeats_the_guard_is_refused_in_every_mode(surface: str, name: str, value: Any, unknown: Unknown) -> None:
    verdict = judged(surface, ParameterRules(unknown), **{name: value})
    assert ([(name,)], ()) == (refused(verdict), verdict.strip)
    error = verdict.error()
    assert error is not None
    assert (error.status, error.code, error.param) == (400, "unsupported_parameter", name)
    assert f"'{name}' is refused: " in error.message


@pytest.mark.parametrize(("surface", "name", "value"), DEFEATING, ids=lambda value: str(value)[:30])
def test_a_policy_can_allow_it_by_name(surface: str, name: str, value: Any) -> None:
    rules = REJECT._replace(allow=frozenset({name}))
    assert judged(surface, rules, **{name: value}) == ParameterVerdict()


@pytest.mark.parametrize(
    "members",
    [
        {"echo": False, "continue_final_message": False, "add_generation_prompt": True, "skip_special_tokens": True},
        {"return_token_ids": False, "priority": 0, "chat_template": "", "plugins": [], "provider": {}},
        {"chat_template_kwargs": {"enable_thinking": False, "thinking": True}, "chat_template": None},
        {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"structural_tag": 1}}}},
        {"structured_outputs": {"regex": "a+", "structural_tag": None}, "stream_options": {"include_usage": True}},
    ],
)
def test_values_that_say_no_more_than_leaving_it_out_pass(members: dict[str, Any]) -> None:
    assert judged(CHAT, REJECT, **members) == ParameterVerdict()


@pytest.mark.parametrize(("name", "value"), [("echo", 0), ("skip_special_tokens", 1), ("priority", False)])
def test_a_value_of_another_type_is_not_the_harmless_one(name: str, value: Any) -> None:
    assert refused(judged(**{name: value})) == [(name,)]


@pytest.mark.parametrize(
    ("members", "path"),
    [
        ({"response_format": {"type": "structural_tag", "structures": []}}, ("response_format", "type")),
        ({"structured_outputs": {"structural_tag": "x"}}, ("structured_outputs", "structural_tag")),
        ({"chat_template_kwargs": {"tools_in_user": True}}, ("chat_template_kwargs", "tools_in_user")),
        ({"chat_template_kwargs": {"Enable_Thinking": True}}, ("chat_template_kwargs", "Enable_Thinking")),
    ],
)
def test_members_of_members_are_judged_too(members: dict[str, Any], path: tuple[str, ...]) -> None:
    assert refused(judged(**members)) == [path]
    allowed = REJECT._replace(allow=frozenset({path[0]}))
    assert judged(CHAT, allowed, **members) == ParameterVerdict()


# ---------------------------------------------------------------- the case of letters


@pytest.mark.parametrize(
    "name", ["Messages", "MODEL", "ſtream", "Chat_Template", "_DEBUG_RENDER_ONLY", "ſkip_special_toKens"]
)
@pytest.mark.parametrize("unknown", Unknown)
def test_a_name_that_a_careless_reader_takes_for_one_of_ours_is_refused(name: str, unknown: Unknown) -> None:
    rules = ParameterRules(unknown, allow=frozenset({"messages", "model", "chat_template"}))
    verdict = judged(CHAT, rules, **{name: "x"})
    assert refused(verdict) == [(name,)]
    error = verdict.error()
    assert error is not None
    assert name not in error.message


# ---------------------------------------------------------------- the unknown


def test_the_unknown_passes_unless_the_policy_says_otherwise() -> None:
    assert judged(never_heard_of=1, stream_options={"never": 1}) == ParameterVerdict()


def test_the_unknown_can_be_stripped() -> None:
    document = {"model": "m", "never_heard_of": [1], "stream_options": {"never": 1, "include_usage": True}}
    verdict = judge_parameters(document, CHAT, STRIP)
    assert verdict == ParameterVerdict(strip=(("never_heard_of",), ("stream_options", "never")))
    strip_parameters(document, verdict)
    assert document == {"model": "m", "stream_options": {"include_usage": True}}


def test_the_unknown_can_be_refused_without_a_word_of_the_callers() -> None:
    verdict = judged(CHAT, REJECT, **{"hunter2 PASSWORD": 1, "never_heard_of": 2})
    assert refused(verdict) == [("hunter2 PASSWORD",), ("never_heard_of",)]
    error = verdict.error()
    assert error is not None
    assert (error.status, error.code, error.param) == (400, "unknown_parameter", "(…)")
    assert "hunter2" not in error.message


@pytest.mark.parametrize("members", [{"response_format": {"any": 1}}, {"metadata": {"any": 1}}, {"tools": [{"a": 1}]}])
def test_objects_whose_members_are_the_callers_are_not_judged_inside(members: dict[str, Any]) -> None:
    assert judged(CHAT, REJECT, **members) == ParameterVerdict()


@pytest.mark.parametrize("surface", sorted(OFFICIAL))
def test_what_is_known_passes_where_the_unknown_is_refused(surface: str) -> None:
    known = {name for name in OFFICIAL[surface] | DIALECTS[surface] if "." not in name} - set(DENIED[surface])
    assert judge_parameters(dict.fromkeys(known, "x"), surface, REJECT) == ParameterVerdict()


# ---------------------------------------------------------------- the policy's own lists


@pytest.mark.parametrize(
    ("deny", "members"),
    [
        ("logprobs", {"logprobs": True}),
        ("stream_options.include_usage", {"stream_options": {"include_usage": True}}),
        ("reasoning.effort", {"reasoning": {"effort": "high", "summary": "auto"}}),
        ("a.b.c", {"a": {"b": {"c": 1}}}),
    ],
)
def test_a_policy_can_deny_more(deny: str, members: dict[str, Any]) -> None:
    rules = REJECT._replace(deny=frozenset({deny}), allow=frozenset({deny}))
    assert refused(judged(CHAT, rules, **members)) == [tuple(deny.split("."))]


def test_a_null_is_not_there() -> None:
    assert judged(CHAT, ParameterRules(deny=frozenset({"logprobs"})), logprobs=None) == ParameterVerdict()


# ---------------------------------------------------------------- whatever comes


def test_a_surface_without_a_table_is_a_mistake() -> None:
    with pytest.raises(LookupError):
        judge_parameters({}, "telepathy")


@pytest.mark.parametrize("document", [None, [], "text", 5])
def test_what_is_no_object_is_left_to_its_surface(document: Any) -> None:
    assert judge_parameters(document, CHAT) == ParameterVerdict()


names = st.one_of(
    st.text(max_size=5),
    st.sampled_from(["stream_options", "response_format", "chat_template_kwargs", "echo", "type", "stop", "Model"]),
)
documents = st.dictionaries(names, st.one_of(json_values, st.dictionaries(names, json_values, max_size=3)), max_size=5)


@given(documents, st.sampled_from(sorted(OFFICIAL)), st.sampled_from(Unknown))
def test_any_request_is_judged_and_changed_only_by_stripping(
    document: dict[str, Any], surface: str, unknown: Unknown
) -> None:
    rules = ParameterRules(unknown)
    before = json.dumps(document)
    verdict = judge_parameters(document, surface, rules)
    assert before == json.dumps(document)
    strip_parameters(document, verdict)
    again = judge_parameters(document, surface, rules)
    assert (again.strip, again.refused) == ((), verdict.refused)
    if unknown is not Unknown.STRIP:
        assert verdict.strip == ()


@given(documents)
def test_without_unknown_and_denied_ones_a_request_is_left_alone(document: dict[str, Any]) -> None:
    verdict = judge_parameters(document, CHAT, STRIP)
    kept = copy.deepcopy(document)
    strip_parameters(kept, verdict)
    assert kept.items() <= document.items() or any(len(path) > 1 for path in verdict.strip)


@given(documents, st.sampled_from(sorted(OFFICIAL)), st.sampled_from(Unknown))
def test_what_names_alone_tell_is_what_a_closer_look_tells(
    document: dict[str, Any], surface: str, unknown: Unknown
) -> None:
    quick = judge_parameters(document, surface, ParameterRules(unknown))
    closer = judge_parameters(document, surface, ParameterRules(unknown, deny=frozenset({"nobody_says_this"})))
    assert quick == closer
