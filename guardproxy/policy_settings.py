"""Which policies a proxy uses: the members `policy` and `policies` of the settings, and who has the say.

The command line, the settings file and the environment may all name policies. The first of them that does decides
alone, so nobody gets a mixture; what the others name is not used, and that is told.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Final, NamedTuple

from pydantic import Field

from guardproxy.policyfile.schema import Text, Written

Seconds = Annotated[float, Field(gt=0, le=86_400, strict=False)]
Told = Callable[[str], None]
"""Hears one sentence for each setting that is named and not used."""

VARIABLE: Final = "GUARDPROXY_POLICY"


class PolicySettings(Written):
    """Several policies: `files` (or directories of them), the one for everybody, and who gets another one.

    `poll`: seconds between two looks at the files; None: only SIGHUP makes a running proxy look. `cases_timeout`:
    seconds that the cases of changed policies may take; None: they are not played. `state`: a directory in which the
    last revisions are kept for `guardproxy rollback`. `candidate`: a policy that is held against live traffic beside
    the present one, without effect; what it would change goes to `candidate_log`.
    """

    files: tuple[Text, ...] = ()
    default: Text | None = None
    keys: dict[Text, Text] = Field(default_factory=dict)
    teams: dict[Text, Text] = Field(default_factory=dict)
    poll: Seconds | None = 2.0
    cases_timeout: Seconds | None = 30.0
    state: Text | None = None
    candidate: Text | None = None
    candidate_log: Text = "candidate.jsonl"

    @property
    def choosing(self) -> tuple[str, ...]:
        """The members that say which policies there are, and who gets which."""
        members = {"files": self.files, "default": self.default, "keys": self.keys, "teams": self.teams}
        return tuple(f"policies.{name}" for name, said in members.items() if said)

    def choosing_nothing(self) -> PolicySettings:
        """The same for one policy that is named elsewhere."""
        return self.model_copy(update={"files": (), "default": None, "keys": {}, "teams": {}})


class Chosen(NamedTuple):
    """`one` is the policy of everybody. None: `several` says which there are, or else the default is used."""

    one: str | None
    several: PolicySettings


def choose_policies(
    one: str | None, several: PolicySettings, environment: str | None, command_line: str | None, told: Told
) -> Chosen:
    """What counts of a settings file that says `one` or `several`, the environment and the command line."""
    written = ("policy",) if one is not None else several.choosing
    if command_line is not None:
        _tell(
            told,
            f"--policy {command_line} is the policy of everybody",
            written,
            environment not in (None, command_line),
        )
        return Chosen(command_line, several.choosing_nothing())
    if written:
        _tell(told, f"the settings file says {' and '.join(written)}", (), environment not in (None, one))
        return Chosen(one, several)
    return Chosen(environment, several)


def _tell(told: Told, winner: str, in_file: tuple[str, ...], in_environment: bool) -> None:
    unused = [f"{' and '.join(in_file)} of the settings file"] if in_file else []
    unused += [VARIABLE] if in_environment else []
    if unused:
        told(f"{winner}: not used is {', nor '.join(unused)}")
