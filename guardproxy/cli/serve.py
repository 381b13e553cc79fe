"""`guardproxy serve`: run the proxy until it is told to stop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from guardproxy.cli.read_settings import ConfigOption, PolicyOption, read_settings

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable

    from guardproxy.audit.sinks import EventLog
    from guardproxy.settings import Settings


def serve(
    config: ConfigOption = None,
    policy: PolicyOption = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on. Default: 127.0.0.1 (this machine).")] = None,
    port: Annotated[
        int | None, typer.Option(help="Port of the data plane. Default: 8080; 0 takes a free one.", min=0, max=65535)
    ] = None,
    admin_port: Annotated[
        int | None, typer.Option(help="Port of health, metrics and the admin API. Default: 8081.", min=0, max=65535)
    ] = None,
    log_format: Annotated[
        Literal["auto", "json", "console"] | None,
        typer.Option(help="auto: readable on a terminal, JSON lines elsewhere."),
    ] = None,
    skip_cases: Annotated[
        bool, typer.Option("--skip-cases", help="Take over changed policies without playing their cases first.")
    ] = False,
) -> None:
    """Run the proxy.

    Without any file it needs nothing but the model endpoint in the environment, as the OpenAI client does:

        OPENAI_API_KEY=... guardproxy serve

    It then listens on this machine only, applies the default policy, and prints one key for your application (or
    takes the one in GUARDPROXY_KEY). Point the application at it: base_url http://127.0.0.1:8080/v1, api_key that
    key. OPENAI_BASE_URL chooses another endpoint than OpenAI's.

    For more than a try-out make keys with `guardproxy keys create` and name their file in guardproxy.yaml.
    Changed policies are taken over while it runs, at once on SIGHUP; with a mistake in them, or a case of theirs that
    does not hold, the last good ones stay.
    SIGTERM lets running exchanges finish; a second one does not wait.
    """
    import asyncio

    from guardproxy.audit.events import Event
    from guardproxy.audit.sinks import configure_logging
    from guardproxy.settings import Overrides

    unused: list[str] = []
    overrides = Overrides(host, port, admin_port, policy, log_format, skip_cases)
    settings = read_settings(config, overrides, unused.append)
    log = configure_logging(settings.log.format)
    for sentence in unused:
        log.emit(Event.SETTING_NOT_USED, why=sentence)
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_run(settings, log))
    finally:
        log.flush()


def _loop_factory() -> Callable[[], AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:  # not made for this platform
        return None
    return uvloop.new_event_loop


async def _run(settings: Settings, log: EventLog) -> None:
    import asyncio
    import os
    import signal

    from guardproxy.cli.compose import start, tell_address
    from guardproxy.cli.lasting import keep_what_exists
    from guardproxy.cli.open_files import allow_open_files

    allow_open_files()
    running = await start(settings, log, os.environ)
    tell_address(settings, running)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, running.look_at_policies)
    keep_what_exists()
    await stop.wait()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.remove_signal_handler(number)
        # The next one ends the process at once. Python's own handler for SIGINT would only raise an exception somewhere
        # inside the event loop, and the process was seen to live on.
        signal.signal(number, signal.SIG_DFL)
    await running.close()
