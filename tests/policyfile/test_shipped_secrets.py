"""The pack `secrets`: each rule says what it finds, leaves alone and misses, and what the end of a text cuts off."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from pydantic import TypeAdapter

from guardproxy.core.policy import Detector
from guardproxy.detectors.pattern import PatternOptions, build
from guardproxy.match.charset import CharSet
from guardproxy.match.class_syntax import PatternSyntaxError
from guardproxy.match.cut_off import refuse_untelling
from guardproxy.match.literals import branches
from guardproxy.match.parts import Pattern, parts_of
from guardproxy.match.tree import Chars, Node, Program, Repeat, shortest
from guardproxy.policyfile.compile import CompiledRule, compile_rule
from guardproxy.policyfile.examples import expand, run_examples
from guardproxy.policyfile.load import read_rule
from guardproxy.policyfile.locate import shipped_policies

READ = TypeAdapter(PatternOptions)
FILES = sorted((shipped_policies() / "packs" / "secrets").glob("*.yaml"))
# What a rule says instead of `at_end`, with the reason.
WITHOUT = "# No at_end: "
# Of the matches of a rule that are this short, a part gives little away.
SHORT = 24
# Of tokens. A sentence, an assignment or a path of a program holds others: white space, quotes, brackets.
OF_TOKENS = CharSet.of((ord(char), ord(char)) for char in "!$%&+,-./:;=@_|~") | CharSet.of(
    [(ord("0"), ord("9")), (ord("A"), ord("Z")), (ord("a"), ord("z"))]
)


def compiled(file: Path) -> CompiledRule:
    return compile_rule(read_rule(file))


def options(file: Path) -> PatternOptions:
    written = compiled(file).document.written
    return READ.validate_python(written.with_) if written.detector == "pattern" else PatternOptions("")


def characters(node: Node) -> CharSet:
    """What stands anywhere in a match."""
    if isinstance(node, Chars):
        return node.allowed
    found = CharSet(())
    for part in [node.part] if isinstance(node, Repeat) else getattr(node, "parts", getattr(node, "options", ())):
        found |= characters(part)
    return found


def is_telling(branch: Node) -> bool:
    nothing = CharSet(())
    try:
        refuse_untelling(Program(branch, nothing, nothing), SHORT)
    except PatternSyntaxError:
        return False
    return True


def shows_itself(branch: Node) -> bool:
    """A token, by all its characters, that the first ones of them give away."""
    return shortest(branch) > SHORT and characters(branch).within(OF_TOKENS) and is_telling(branch)


def tokens(file: Path) -> list[Node]:
    given = options(file)
    if not given.pattern or given.check:
        return []
    pattern = Pattern(file.stem, given.pattern, given.not_before, given.not_after, given.ignore_case, None, 0)
    return [branch for part in parts_of(pattern) for branch in branches(part.program.tree) if shows_itself(branch)]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_secret_says_what_it_finds_what_it_leaves_alone_and_what_it_is_known_to_miss(file: Path) -> None:
    given = compiled(file).document.written.examples
    assert len(given.match) >= 2
    assert given.pass_
    assert given.todo_match


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_token_that_shows_what_it_is_is_hidden_where_it_is_cut_off_or_its_rule_says_why_not(file: Path) -> None:
    if tokens(file):
        assert bool(options(file).at_end) != (WITHOUT in file.read_text(encoding="utf-8"))


@pytest.mark.parametrize("file", [file for file in FILES if options(file).at_end], ids=lambda file: file.stem)
def test_an_example_shows_what_is_hidden_only_because_the_text_ends(file: Path) -> None:
    given, written = options(file), compiled(file).document.written
    whole = build([(written.id, replace(given, at_end=0))])
    cut = build([(written.id, given)])
    texts = [expand(template, Random(file.stem)) for template in written.examples.match]
    only_cut = [text for text in texts if not whole.scan(text)]
    assert only_cut
    assert all(cut.scan(text) and not cut.scan(f"{text} and so on") for text in only_cut)


@pytest.fixture(scope="module")
def all_of_them() -> Detector:
    return build([(file.stem, options(file)) for file in FILES if options(file).pattern])


@pytest.mark.parametrize(
    "words",
    [
        "netlify deploys your site when you push",
        "the tokens of github_pat_documentation_for_fine_grained",
        "tfp_layers_dense_variational",
        "self.re_generate_configuration",
        "jina_embeddings_v3_for_long_documents",
        "npm_package_dependencies_with_a_very_long_name",
        "use bedrock-api-key-rotation-for-teams",
        "a pattern.matching of paternalistically.",
        "live_migration_of_virtual_machines",
        "see https://discord.com/api/webhooks/",
        "the st.example.com",
        "sk-learn, sk-folding-cube-animation-container",
        "dapi-server and key-management-service",
        "fig_overview_of_the_architecture",
        "sha1 = da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "prices from $1 to $2 and $2b",
    ],
)
def test_a_text_that_ends_in_words_like_a_prefix_is_left_alone(words: str, all_of_them: Detector) -> None:
    for end in range(1, len(words) + 1):
        assert all_of_them.scan(words[:end]) == []


def test_examples_hold_wherever_the_text_is_cut_in_two() -> None:
    assert run_examples(map(compiled, FILES), thoroughly=True) == []
