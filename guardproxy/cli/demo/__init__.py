"""`guardproxy demo`: the real OpenAI client, through a real proxy, to a stand-in model that misbehaves."""

from guardproxy.cli.demo.command import demo

__all__ = ["demo"]
