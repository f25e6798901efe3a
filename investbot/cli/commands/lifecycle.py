"""`investbot start | stop | restart | pause | resume`."""

from __future__ import annotations

import typer

from investbot.cli.choices import Every, Names, Yes
from investbot.cli.fleet import chosen, open_home
from investbot.cli.registry import RUN, add
from investbot.cli.requests import ask_for_each
from investbot.cli.session import Session


def register(app: typer.Typer) -> None:
    """Add the commands."""
    add(app, "start", "investbot start alpha", "investbot start --all", panel=RUN)(start)
    add(app, "stop", "investbot stop alpha", "investbot stop --all --json", panel=RUN)(stop)
    add(app, "restart", "investbot restart alpha", panel=RUN)(restart)
    add(app, "pause", "investbot pause alpha", "investbot pause --all", panel=RUN)(pause)
    add(app, "resume", "investbot resume alpha", panel=RUN)(resume)


def start(context: typer.Context, names: Names = None, every: Every = False, yes: Yes = False) -> int:
    """Start instances; returns once each is RUNNING, or EXITED when its work was that short.

    The first start of an instance that trades real money asks, or needs --yes.
    """
    session: Session = context.obj
    if not yes and session.can_ask:
        yes = _confirmed_live(session, names, every=every)
    return ask_for_each(session, "start", names, every=every, yes=yes)


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


def _confirmed_live(session: Session, names: list[str] | None, *, every: bool) -> bool:
    """Ask once for the instances that would trade real money for the first time."""
    from investbot.config.instance import load_instance
    from investbot.domain.states import Mode
    from investbot.supervisor.journal import Journal

    home = open_home(session)
    known = set(home.names())
    confirmed = {name for name, each in Journal(home.run.journal).read().items() if each.live_confirmed}
    live = [
        name
        for name in chosen(home, names, every=every)
        if name in known - confirmed and load_instance(home.instance(name).path).venue.mode is Mode.LIVE
    ]
    if live:
        session.confirm(f"{', '.join(live)} will trade real money. Start?", yes=False)
    return bool(live)
