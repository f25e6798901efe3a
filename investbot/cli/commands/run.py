"""`investbot run`."""

from __future__ import annotations

import typer

from investbot.cli.choices import Name
from investbot.cli.fleet import open_home
from investbot.cli.registry import RUN, add
from investbot.cli.session import Session
from investbot.cli.store import unlocked


def register(app: typer.Typer) -> None:
    """Add the command."""
    add(app, "run", "investbot run alpha", panel=RUN)(run)


def run(context: typer.Context, name: Name) -> int:
    """Run one instance in the foreground without a supervisor, for systemd, containers and orchestrators.

    Exit code 0: its work is done; 75: start it again; 77 and 78: an operator has to act.
    """
    from investbot.bootstrap.instance import run_foreground
    from investbot.bootstrap.process import harden

    session: Session = context.obj
    home = open_home(session)
    home.existing(name)
    harden()
    with unlocked(session, home) as vault:
        key = vault.data_key(name)
    ending = run_foreground(home.path, name, key)
    message = f"{name}: {ending.message}" if not ending.message.startswith(name) else ending.message
    return session.output.ended(message, ending.exit_code)
