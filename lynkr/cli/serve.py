"""``lynkr serve``: the gateway."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from lynkr.cli.check import checked
from lynkr.cli.options import ConfigOption
from lynkr.config.loader import Loaded
from lynkr.config.validate import PORT_MAX, WORKERS_MAX


def serve(
    config: ConfigOption = None,
    host: Annotated[
        str | None, typer.Option(help="The address to listen on, over server.host.")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            "--port",
            "-p",
            min=0,
            max=PORT_MAX,
            help="The port, over server.port; 0 picks a free one.",
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, max=WORKERS_MAX, help="Worker processes, over server.workers."),
    ] = None,
    demo: Annotated[
        bool,
        typer.Option(
            "--demo", help="Answer from the built-in demo upstream; no provider and no key is used."
        ),
    ] = False,
) -> None:
    """Run the gateway until it is told to stop.

    SIGTERM and SIGINT let open streams finish; SIGHUP reads the configuration again.
    """
    given = {"server.host": host, "server.port": port, "server.workers": workers}
    flags = {key: value for key, value in given.items() if value is not None}
    cwd = Path.cwd()

    def reload() -> Loaded:
        return checked(config, os.environ, cwd, flags, demo=demo)

    loaded = reload()
    from lynkr.server.run import serve as run  # the event loop and all below it

    raise typer.Exit(run(loaded, reload))
