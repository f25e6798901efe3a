"""`investbot health`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from investbot.cli.choices import Name
from investbot.cli.fleet import open_home
from investbot.cli.registry import LOOK, add
from investbot.cli.session import Session
from investbot.domain.errors import TryAgain

if TYPE_CHECKING:
    from investbot.bootstrap.home import InstanceHome

_MS = 1000
_NS = 1_000_000


def register(app: typer.Typer) -> None:
    """Add the command."""
    add(app, "health", "investbot health alpha", "investbot health alpha --within 30s --quiet", panel=LOOK)(health)


def health(
    context: typer.Context,
    name: Name,
    within: Annotated[str, typer.Option(metavar="TIME", help="How old its last sign of life may be.")] = "60s",
) -> None:
    """Tell whether an instance's process lives and its trading loop turns, for the probes of containers.

    It needs neither a supervisor nor the passphrase. Exit code 0: it does; 75: it does not, or it is still starting.
    """
    from investbot.domain.market import parse_duration

    session: Session = context.obj
    longest = parse_duration(within)
    instance = open_home(session).existing(name)
    age = _silent(instance)
    if age > longest:
        message = f"{name} holds its lock but has shown no life for {age // _MS} s; see `investbot logs {name}`."
        raise TryAgain(message)
    if session.output.is_json:
        session.output.value({"name": name, "healthy": True, "silent_ms": age})
    session.output.say(f"{name} lives.")


def _silent(instance: InstanceHome) -> int:
    """Give the milliseconds since the holder of the lock last renewed it; TryAgain when nobody holds it."""
    from investbot.cli.store import is_locked
    from investbot.cli.times import wall_clock

    if not is_locked(instance):
        message = f"{instance.name} does not run; `investbot status {instance.name}` shows how it ended."
        raise TryAgain(message)
    return max(0, wall_clock() - instance.lock.stat().st_mtime_ns // _NS)
