"""`investbot start | stop | restart | pause | resume`."""

from __future__ import annotations

import typer

from investbot.cli.choices import Every, Names, Withdrawals, Yes
from investbot.cli.fleet import chosen, open_home, user
from investbot.cli.real_money import confirm_live, confirm_withdrawals, unconfirmed
from investbot.cli.registry import RUN, add
from investbot.cli.requests import ask_for_each
from investbot.cli.session import Session


def register(app: typer.Typer) -> None:
    """Add the commands."""
    add(app, "start", "investbot start alpha", "investbot start --all", "investbot start alpha --yes", panel=RUN)(start)
    add(app, "stop", "investbot stop alpha", "investbot stop --all --json", panel=RUN)(stop)
    add(app, "restart", "investbot restart alpha", panel=RUN)(restart)
    add(app, "pause", "investbot pause alpha", "investbot pause --all", panel=RUN)(pause)
    add(app, "resume", "investbot resume alpha", panel=RUN)(resume)


def start(
    context: typer.Context,
    names: Names = None,
    every: Every = False,
    yes: Yes = False,
    accept_withdrawals: Withdrawals = False,
) -> int:
    """Start instances; returns once each is RUNNING, or EXITED when its work was that short.

    The first start of a configuration that trades real money shows what is at stake and asks, or needs --yes.
    """
    session: Session = context.obj
    home = open_home(session)
    live = unconfirmed(home, chosen(home, names, every=every))
    if live:
        confirm_live(session, live, yes=yes)
    if accept_withdrawals:
        confirm_withdrawals(session, yes=yes)
    more = {"accept_withdrawals": True} if accept_withdrawals else {}
    return ask_for_each(session, "start", names, every=every, yes=yes or bool(live), by=user(), **more)


def stop(context: typer.Context, names: Names = None, every: Every = False) -> int:
    """Stop instances: the work in hand is finished and written, positions stay as they are."""
    return ask_for_each(context.obj, "stop", names, every=every)


def restart(context: typer.Context, names: Names = None, every: Every = False) -> int:
    """Stop and start instances, with their settings read anew."""
    return ask_for_each(context.obj, "restart", names, every=every)


def pause(context: typer.Context, names: Names = None, every: Every = False) -> int:
    """Make no new entries; exits go on."""
    return ask_for_each(context.obj, "pause", names, every=every)


def resume(context: typer.Context, names: Names = None, every: Every = False) -> int:
    """Allow entries again, also after a halt."""
    return ask_for_each(context.obj, "resume", names, every=every)
