"""`python -m tests.flow`: the table of all runs, and the two shares for each folder."""

from __future__ import annotations

import sys

from tests.flow.suite import FOLDERS, agent_policy, play, read_runs, shares, table


def main() -> None:
    policy = agent_policy()
    for folder in FOLDERS:
        outcomes = [play(run, policy) for run in read_runs(folder)]
        stopped, touched = shares(outcomes)
        sys.stdout.write(
            f"{folder}\n{table(outcomes)}\n{len(outcomes)} runs: {stopped:.1%} of the attacks stopped, "
            f"{touched:.1%} of the legitimate runs touched\n\n"
        )


if __name__ == "__main__":
    main()
