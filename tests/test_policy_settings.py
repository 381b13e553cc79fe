"""Of the command line, the settings file and the environment, the first that names policies decides alone."""

from __future__ import annotations

from itertools import product

import pytest

from guardproxy.policy_settings import PolicySettings, choose_policies

NOTHING = PolicySettings()
SEVERAL = PolicySettings(files=("b.yaml",), keys={"widget": "strict"}, state="kept")


@pytest.mark.parametrize(
    ("one", "several", "environment", "command_line", "decides"),
    [
        (None, NOTHING, None, None, None),
        (None, NOTHING, "e", None, "e"),
        ("f", NOTHING, None, None, "f"),
        ("f", NOTHING, "e", None, "f"),
        ("f", NOTHING, "e", "c", "c"),
        (None, SEVERAL, None, None, None),
        (None, SEVERAL, "e", None, None),
        (None, SEVERAL, "e", "c", "c"),
        (None, SEVERAL, None, "c", "c"),
    ],
)
def test_the_first_that_names_policies_decides(
    one: str | None, several: PolicySettings, environment: str | None, command_line: str | None, decides: str | None
) -> None:
    chosen = choose_policies(one, several, environment, command_line, lambda _: None)
    assert chosen.one == decides
    assert chosen.several.choosing == (() if decides is not None else several.choosing)
    assert chosen.several.state == several.state


def test_what_is_named_and_not_used_is_told_and_nothing_else() -> None:
    for one, several, environment, command_line in product(("f", None), (NOTHING, SEVERAL), ("e", None), ("c", None)):
        if one is not None and several is SEVERAL:
            continue  # refused when the file is read
        told: list[str] = []
        choose_policies(one, several, environment, command_line, told.append)
        in_file = one is not None or several is SEVERAL
        unused_file = in_file and command_line is not None
        unused_variable = environment is not None and (in_file or command_line is not None)
        assert len(told) == (unused_file or unused_variable)
        assert (" of the settings file" in "".join(told)) == unused_file
        assert ("GUARDPROXY_POLICY" in "".join(told)) == unused_variable


def test_the_same_said_twice_is_nothing_to_tell() -> None:
    told: list[str] = []
    choose_policies("p.yaml", NOTHING, "p.yaml", None, told.append)
    choose_policies(None, NOTHING, "p.yaml", "p.yaml", told.append)
    assert told == []
