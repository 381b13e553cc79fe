"""Files that hold the operator's prompt are read next to the file that names them, and told where they cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardproxy.errors import ConfigurationError
from guardproxy.policyfile.choices import compile_choice
from guardproxy.policyfile.layers import Layers
from guardproxy.policyfile.load import read_policy
from guardproxy.policyfile.prompts import prompt_files, prompt_text, unreadable_prompts
from guardproxy.policyfile.sources import Sources
from guardproxy.policyfile.yaml_nodes import YamlFile
from tests.policyfile.workshop import write, write_policy


def context(file: str) -> dict[str, object]:
    return {"operator_prompt": {"file": file}}


def problems_of(path: Path) -> list[str]:
    with pytest.raises(ConfigurationError) as raised:
        compile_choice(read_policy(path))
    return raised.value.message.splitlines()


def test_a_prompt_is_read_next_to_the_policy_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "prompt.md").write_text("Be kind.\n", encoding="utf-8")
    write(tmp_path / "base" / "base.yaml", {"version": 1, "name": "base", "context": context("prompt.md")})
    document = read_policy(write_policy(tmp_path, extends="./base/base.yaml"))
    assert prompt_text(document) == "Be kind."
    assert prompt_files(document) == {"prompt.md": "Be kind."}


def test_missing_prompts_are_told_with_mistakes_of_the_schema(tmp_path: Path) -> None:
    path = write_policy(
        tmp_path,
        limits={"mesages": 1},
        context=context("none.md"),
        when=[{"if": {"team": "x"}, "context": context("neither.md")}, "no block"],
    )
    said = problems_of(path)
    assert f"{path}:5:3: unknown key 'mesages', did you mean 'messages'?" in said
    assert f"{path}:9:12: the prompt in none.md cannot be read: No such file or directory" in said
    assert f"{path}:19:14: the prompt in neither.md cannot be read: No such file or directory" in said


def test_missing_prompts_are_told_with_what_does_not_fit(tmp_path: Path) -> None:
    path = write_policy(
        tmp_path,
        override={"own.nothing": {"action": "flag"}},
        context={**context("none.md"), "control_token_families": ["lama"]},
        when=[{"if": {"team": "x"}, "context": context("neither.md")}],
    )
    said = "\n".join(problems_of(path))
    for problem in ("no rule 'own.nothing'", "unknown family 'lama'", "none.md cannot", "neither.md cannot"):
        assert problem in said


def test_a_prompt_that_the_policy_above_replaces_need_not_be_there(tmp_path: Path) -> None:
    write(tmp_path / "base.yaml", {"version": 1, "name": "base", "context": context("none.md")})
    path = write_policy(tmp_path, extends="./base.yaml", nmae=1, context=context("there.md"))
    (tmp_path / "there.md").write_text("Be kind.")
    assert [line for line in problems_of(path) if ".md" in line] == []


@pytest.mark.parametrize("name", ["folder", "with\0nul"])
def test_what_can_be_no_prompt_is_told_in_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    (line,) = problems_of(write_policy(tmp_path, context=context(name)))
    assert f"the prompt in {name} " in line


values = st.recursive(
    st.none() | st.text("af", max_size=2),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["context", "operator_prompt", "file", "when"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(values)
def test_a_policy_of_any_shape_is_looked_through(content: object) -> None:
    file = YamlFile("nowhere/policy.yaml", content, {}, {}, {})
    assert all("cannot be read" in line for line in unreadable_prompts(Layers.of(file), Sources()))
