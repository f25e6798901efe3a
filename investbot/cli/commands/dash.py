"""`investbot dash`."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from investbot.cli.fleet import open_home, supervisor_if_up
from investbot.cli.reading import stored_status
from investbot.cli.registry import LOOK, add
from investbot.cli.session import Session
from investbot.domain.errors import UsageError


def register(app: typer.Typer) -> None:
    """Add the command."""
    add(app, "dash", "investbot dash --read-only", panel=LOOK)(dash)


def dash(
    context: typer.Context,
    read_only: Annotated[bool, typer.Option("--read-only", help="Look only: nothing can be started or sold.")] = False,
) -> int:
    """Open the dashboard in this terminal; from elsewhere: ssh -t host investbot dash."""
    session: Session = context.obj
    home = open_home(session)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        message = "The dashboard needs a terminal: over SSH use `ssh -t`, in scripts `investbot status --json`."
        raise UsageError(message)
    from investbot.tui.app import run

    client = supervisor_if_up(home)
    if client is None:
        session.passphrase(home.path)  # asked for before the screen belongs to the dashboard
    else:
        client.close()

    def offline() -> list[dict[str, Any]]:
        return stored_status(session, home, home.names())

    return run(home.run.socket, read_only=read_only, offline=offline if client is None else None)
