"""`guardproxy test`: the cases of policies, sent through a real proxy."""

from guardproxy.cli.cases.command import test

__all__ = ["test"]
