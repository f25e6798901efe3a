"""`investbot panic`."""

from __future__ import annotations

import typer

from investbot.bootstrap.home import Home
from investbot.cli.choices import Yes
from investbot.cli.fleet import open_home, supervisor, user
from investbot.cli.registry import RUN, add
from investbot.cli.session import Session
from investbot.cli.store import unlocked
from investbot.control.client import supervisor_answers

_PING_S = 3.0


def register(app: typer.Typer) -> None:
    """Add the command."""
    add(app, "panic", "investbot panic --yes", "investbot panic --yes --json", panel=RUN)(panic)


def panic(context: typer.Context, yes: Yes = False) -> int:
    """Make every instance flat; without a supervisor that answers it also ends their processes.

    With a supervisor the instances stay up with their entries paused. Without one each process is stopped, its lock
    is taken, and what it holds is sold from its ledger; the next supervisor starts none of them by itself.
    """
    session: Session = context.obj
    home = open_home(session)
    session.confirm("Sell everything that every instance holds?", yes=yes)
    if supervisor_answers(home.path, timeout_s=_PING_S):
        with supervisor(home, timeout_s=None) as client:
            with session.output.working("Selling …"):
                lines = client.call("panic")
            return session.output.lines(lines)
    return _without_supervisor(session, home)


def _without_supervisor(session: Session, home: Home) -> int:
    from investbot.bootstrap.panic import panic as stop_and_sell

    session.output.warn("no supervisor answers; every process is stopped and flattened from its ledger.")
    with unlocked(session, home) as vault, session.output.working("Stopping and selling …"):
        lines = stop_and_sell(home, vault.data_key, user())
    return session.output.lines(lines)
