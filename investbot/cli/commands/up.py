"""`investbot up` and `investbot down`: the supervisor."""

from __future__ import annotations

import os
import select
from typing import Annotated, Any

import typer

from investbot.cli.choices import Yes
from investbot.cli.fleet import open_home, supervisor
from investbot.cli.registry import FLEET, add
from investbot.cli.session import Session
from investbot.domain.errors import AlreadyExists, TryAgain

_GONE_S = 30.0
"""Seconds a supervisor may take to end once it has answered for the last time."""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    add(app, "up", "investbot up --detach", "investbot up --detach --restore", panel=FLEET)(up)
    add(app, "down", "investbot down --yes", panel=FLEET)(down)


def up(
    context: typer.Context,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="In the background; returns once it answers.")] = False,
    restore: Annotated[bool, typer.Option("--restore", help="Start what ran before the last down.")] = False,
    plain: Annotated[
        bool, typer.Option("--plain", help="A fresh interpreter for each instance: slower, three times the memory.")
    ] = False,
) -> int:
    """Run the supervisor, in the foreground until Ctrl-C or `investbot down`, or as a daemon.

    What ran when the last supervisor died is found again or started again; what was stopped by hand stays stopped.
    """
    session: Session = context.obj
    home = open_home(session)
    _demand_none(home.path)
    passphrase = session.passphrase(home.path)
    from investbot.bootstrap import supervisor as host

    if detach:
        with session.output.working("Starting the supervisor …"):
            pid = host.detach(home.path, passphrase, restore=restore, fork=not plain)
        if session.output.is_json:
            session.output.value({"pid": pid, "home": str(home.path)})
        session.output.say(f"The supervisor of {home.path} is up (pid {pid}).")
        return 0
    from investbot.bootstrap.process import harden

    harden()

    def ready() -> None:
        session.output.say(f"The supervisor of {home.path} is up (pid {os.getpid()}); Ctrl-C ends it.")

    lines = host.run_supervisor(home.path, passphrase, restore=restore, ready=ready, fork=not plain)
    return session.output.lines(lines)


def down(context: typer.Context, yes: Yes = False) -> int:
    """Stop all instances and the supervisor; positions stay as they are, and each is told."""
    session: Session = context.obj
    home = open_home(session)
    with supervisor(home, timeout_s=None) as client:
        session.confirm("Stop every instance and the supervisor?", yes=yes)
        pid: int = client.call("ping")["pid"]
        with session.output.working("Stopping every instance …"):
            lines: list[dict[str, Any]] = client.call("down")
            _await_end(pid)
    code = session.output.lines(lines)
    session.output.say("The supervisor is down.")
    return code


def _demand_none(home: Any) -> None:
    """Refuse a second supervisor before anybody is asked for a passphrase."""
    from investbot.supervisor.processes import lock_is_held

    if lock_is_held(home / "run" / "supervisor.lock"):
        message = "A supervisor runs for this home already; see `investbot status`, or end it with `investbot down`."
        raise AlreadyExists(message)


def _await_end(pid: int) -> None:
    """Wait until the supervisor's process is gone, so that `up` may follow at once."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        if not select.select([process], [], [], _GONE_S)[0]:
            message = f"The supervisor (pid {pid}) has stopped everything but does not end; see `investbot doctor`."
            raise TryAgain(message)
    finally:
        os.close(process)
