"""`investbot version`."""

from __future__ import annotations

import typer

from investbot import __version__
from investbot.cli.registry import FLEET, add
from investbot.cli.session import Session


def register(app: typer.Typer) -> None:
    """Add the command."""
    add(app, "version", "investbot version", "investbot version --json", panel=FLEET)(version)


def version(context: typer.Context) -> None:
    """Say which InvestBot this is."""
    session: Session = context.obj
    if session.output.is_json:
        session.output.value({"version": __version__})
    else:
        session.output.say(f"investbot {__version__}")
