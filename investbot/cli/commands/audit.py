"""`investbot audit`."""

from __future__ import annotations

import typer

from investbot.cli.choices import Csv, Last, Since
from investbot.cli.commands.rows import show
from investbot.cli.fleet import open_home
from investbot.cli.registry import LOOK, add
from investbot.cli.session import Session
from investbot.cli.times import parse_since, wall_clock

COLUMNS = ("at", "who", "verb", "names", "outcome", "exit_code")


def register(app: typer.Typer) -> None:
    """Add the command."""
    add(app, "audit", "investbot audit --last 20", "investbot audit --since 24h --json", panel=LOOK)(audit)


def audit(context: typer.Context, since: Since = None, last: Last = None, csv: Csv = False) -> None:
    """Show who asked the supervisor for what and what came of it; the file is only ever appended to."""
    from investbot.supervisor.audit import AuditLog

    session: Session = context.obj
    home = open_home(session)
    bound = None if since is None else parse_since(since, wall_clock())
    rows = AuditLog(home.run.audit).read(bound)
    show(session, rows[-last:] if last else rows, COLUMNS, csv=csv, less=("exit_code", "who"))
