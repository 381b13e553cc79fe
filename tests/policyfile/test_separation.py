"""What stands under `context:` becomes terms of separation, or is refused with file, line and column."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from guardproxy.core.exchange import Provenance
from guardproxy.core.separation.control_tokens import ALL_FAMILIES
from guardproxy.core.separation.fence import FenceMode
from guardproxy.core.separation.speakers import pin_of
from guardproxy.core.separation.speech import KEY_NAME
from guardproxy.core.separation.terms import OperatorPrompt, Place, RoleOrder, Separation, Treatment
from guardproxy.errors import ConfigurationError
from guardproxy.policyfile.catalogue import Wanted
from guardproxy.policyfile.compile import load_policy
from guardproxy.policyfile.prompts import PROMPT_BYTES
from guardproxy.policyfile.store import PolicyStore
from tests.policyfile.workshop import write_policy


def terms(folder: Path, **context: Any) -> Separation:
    compiled = load_policy(write_policy(folder, context=context)).context.separation
    assert compiled is not None
    return compiled


def problem(folder: Path, **context: Any) -> str:
    with pytest.raises(ConfigurationError) as raised:
        load_policy(write_policy(folder, context=context))
    assert raised.value.message.count("\n") == 0
    return raised.value.message


@pytest.mark.parametrize("context", [{}, {"operator_messages": "nobody"}, {"control_token_families": ["llama"]}])
def test_a_policy_that_says_nothing_of_the_kind_has_no_terms(tmp_path: Path, context: dict[str, Any]) -> None:
    assert load_policy(write_policy(tmp_path, context=context)).context.separation is None


def test_shipped_policies_pay_nothing() -> None:
    assert load_policy().context.separation is None


def test_everything_that_can_be_said(tmp_path: Path) -> None:
    said = terms(
        tmp_path,
        operator_prompt={
            "text": "You serve {{ company }}, called by {{key_name}}.", "place": "append", "role": "developer",
            "variables": {"company": "Example Ltd"},
        },
        pinned_prompts=["sha256:" + pin_of("Be kind.")],
        signed_keys=["web"],
        definitions="operator_keys",
        order={"operator_first": True, "tool_after_call": True, "last": ["user"], "most": {"operator": 1, "tool": 0}},
        history="seen",
        control_tokens="neutralise",
        control_token_families=["llama"],
        hidden_characters="remove",
        fake_turns="flag",
    )  # fmt: skip
    assert said == Separation(
        prompt=OperatorPrompt(f"You serve Example Ltd, called by {KEY_NAME}.", Place.APPEND, "developer"),
        pinned=frozenset({pin_of("Be kind.")}),
        signed_keys=frozenset({"web"}),
        order=RoleOrder(True, True, frozenset({"user"}), {"operator": 1, "tool": 0}),
        seen_only=True,
        definitions_by_operators=True,
        control_tokens=Treatment.CLEAN,
        token_families=frozenset({"llama"}),
        hidden_characters=Treatment.CLEAN,
        fake_turns=Treatment.FLAG,
    )


def test_fences_by_provenance_and_by_model(tmp_path: Path) -> None:
    fences = terms(
        tmp_path,
        fence={
            "tool": "delimit",
            "document": "datamark",
            "models": {"big-*": {"document": "encode"}},
            "sandwich": True,
        },
    ).fences
    assert fences is not None
    assert fences.sandwich
    tool, document, user = Provenance.TOOL, Provenance.DOCUMENT, Provenance.USER
    assert fences.modes_for("small") == {tool: FenceMode.DELIMIT, document: FenceMode.DATAMARK, user: FenceMode.OFF}
    assert fences.modes_for("big-1") == {tool: FenceMode.DELIMIT, document: FenceMode.ENCODE, user: FenceMode.OFF}


def test_all_families_are_meant_where_none_is_named(tmp_path: Path) -> None:
    assert terms(tmp_path, control_tokens="block").token_families == ALL_FAMILIES


def test_a_prompt_may_stand_in_a_file_next_to_the_policy(tmp_path: Path) -> None:
    (tmp_path / "prompt.md").write_text("\ufeffBe kind to {{name}}.\n", encoding="utf-8")
    prompt = {"file": "prompt.md", "variables": {"name": "all"}}
    before = load_policy(write_policy(tmp_path, context={"operator_prompt": prompt}))
    assert before.context.separation is not None
    assert before.context.separation.prompt == OperatorPrompt("Be kind to all.")
    (tmp_path / "prompt.md").write_text("Be rude to {{name}}.", encoding="utf-8")
    assert load_policy(tmp_path / "policy.yaml").revision != before.revision


@pytest.mark.parametrize(
    ("context", "told"),
    [
        ({"operator_prompt": {"text": "a", "file": "b"}}, "a text or a file, not both"),
        ({"operator_prompt": {"place": "append"}}, "needs a text or a file"),
        ({"operator_prompt": {"text": "{{compny}}", "variables": {"company": "x"}}}, "did you mean 'company'?"),
        ({"operator_prompt": {"file": "none.md"}}, "cannot be read"),
        ({"operator_prompt": {"file": "empty.md"}}, "is empty"),
        ({"operator_prompt": {"file": "binary.md"}}, "is not UTF-8"),
        ({"operator_prompt": {"file": "large.md"}}, "is larger than"),
        ({"operator_prompt": {"text": "a", "place": "front"}}, "unknown place 'front'"),
        ({"control_token_families": ["lama"]}, "unknown family 'lama', did you mean 'llama'?"),
        ({"fence": {"sandwich": True}}, "there is nothing to stand behind"),
        ({"fence": {"tool": "wall"}}, "unknown tool 'wall'"),
        ({"pinned_prompts": ["abc"]}, "pinned_prompts"),
        ({"order": {"last": ["nobody"]}}, "unknown last 'nobody'"),
        ({"history": "some"}, "unknown history 'some'"),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, context: dict[str, Any], told: str) -> None:
    (tmp_path / "empty.md").write_text(" \n")
    (tmp_path / "binary.md").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "large.md").write_bytes(b"x" * (PROMPT_BYTES + 1))
    said = problem(tmp_path, **context)
    assert told in said or (told == "pinned_prompts" and "policy.yaml:" in said)
    assert "policy.yaml:" in said


def test_a_prompt_file_under_a_condition_is_watched_and_part_of_the_revision(tmp_path: Path) -> None:
    prompt = tmp_path / "prompt.md"
    prompt.write_text("Be kind.", encoding="utf-8")
    block = {"if": {"model": "gpt-*"}, "context": {"operator_prompt": {"file": "prompt.md"}}}
    store = PolicyStore(Wanted((write_policy(tmp_path, when=[block]),)), None, lambda: 0)
    before = store.load().policies
    assert not store.changed()
    prompt.write_text("Be rude.", encoding="utf-8")
    assert store.changed()
    loaded = store.reload()
    assert loaded is not None
    assert loaded.policies.revision != before.revision
    form = loaded.policies.default.forms[1]
    assert form.context.separation is not None
    assert form.context.separation.prompt == OperatorPrompt("Be rude.")
    prompt.unlink()
    with pytest.raises(ConfigurationError, match=r"policy.yaml:\d+:\d+: the prompt in prompt.md cannot be read"):
        store.reload()
