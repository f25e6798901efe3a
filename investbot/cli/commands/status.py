"""`investbot status`, `investbot show` and `investbot top`."""

from __future__ import annotations

import os
import sys
import time
from typing import Annotated

import typer

from investbot.cli.choices import Every, Name, Names
from investbot.cli.fleet import chosen, open_home, supervisor
from investbot.cli.fleet_table import show_fleet
from investbot.cli.reading import Filters, rows_of, status_of
from investbot.cli.registry import LOOK, add
from investbot.cli.session import Session
from investbot.domain.errors import UsageError

_TAKEN = ("cpu_fraction", "rss_mb", "pss_mb", "private_mb", "loop_lag_ms", "waiting", "facts_per_s")
_QUICK = ("decision_p50_ms", "decision_p99_ms", "decision_max_ms", "close_ms")
_CLEAR = "\x1b[2J\x1b[H"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    over_ssh = "investbot status --host ann@h1 --host ann@h2"
    add(app, "status", "investbot status", "investbot status --json", over_ssh, panel=LOOK)(status)
    add(app, "show", "investbot show alpha", panel=LOOK)(show)
    add(app, "top", "investbot top", "investbot top --json", panel=LOOK)(top)


def status(
    context: typer.Context,
    names: Names = None,
    every: Every = False,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Again every second, until Ctrl-C.")] = False,
    host: Annotated[
        list[str] | None,
        typer.Option(metavar="USER@HOST", help="Another machine's fleet over SSH; may be given again."),
    ] = None,
) -> int:
    """Show the fleet in one table: states, equity, results, the last candle, errors."""
    session: Session = context.obj
    if host:
        if names or every or watch:
            message = "--host shows whole fleets once: leave names, --all and --watch out."
            raise UsageError(message)
        from investbot.cli.hosts import elsewhere

        return elsewhere(session, host)
    home = open_home(session)
    while True:
        wanted = chosen(home, names, every=every or not names)
        rows = status_of(session, home, wanted)
        if watch and not session.output.is_json and sys.stdout.isatty():
            sys.stdout.write(_CLEAR)
        show_fleet(session.output, rows)
        if not watch:
            return 0
        sys.stdout.flush()
        time.sleep(1.0)


def show(context: typer.Context, name: Name) -> None:
    """Show one instance: its status, what it holds, its open orders, its settings."""
    from investbot.config.instance import load_instance
    from investbot.domain.order import DONE

    session: Session = context.obj
    home = open_home(session)
    instance = home.existing(name)
    (row,) = status_of(session, home, [name])
    positions = rows_of(session, home, "positions", name, Filters())
    done = {state.value for state in DONE}
    orders = [each for each in rows_of(session, home, "orders", name, Filters()) if each["state"] not in done]
    seen = os.access(instance.settings, os.R_OK)  # who may only look at the fleet does not see its files
    settings = load_instance(instance.path).data() if seen else None
    if session.output.is_json:
        session.output.value({**row, "positions": positions, "open_orders": orders, "settings": settings})
        return
    session.output.record(row)
    if positions:
        session.output.say("")
        session.output.rows(positions, ("symbol", "quantity", "entry_price", "cost", "stop_price", "opened_at"))
    if orders:
        session.output.say("")
        session.output.rows(
            orders, ("at", "symbol", "side", "type", "role", "price", "stop_price", "quantity", "state")
        )
    session.output.say(f"\nSettings: {instance.settings}; versions: `investbot config history {name}`.")


def top(context: typer.Context, names: Names = None, every: Every = False) -> None:
    """Show what each running instance takes: processor (a fraction of one core), memory in MB, loop lag, queue.

    Beside it: facts a second, milliseconds from a candle's arrival to its decision (half of them, 99 in 100, the
    longest), and from the last candle's close to its decision. One instance alone also tells its last hour by minutes.
    """
    session: Session = context.obj
    home = open_home(session)
    with supervisor(home) as client:
        wanted = chosen(home, names, every=every) if names else []
        rows = client.call("top", names=wanted)
    session.output.rows(rows, ("name", "pid", *_TAKEN, *_QUICK), "No instance runs.", _QUICK)
    hour = rows[0].get("hour") if len(rows) == 1 else None
    if hour and not session.output.is_json:
        session.output.say("")
        session.output.rows(hour, ("ago_s", *_TAKEN, *_QUICK), "", _QUICK)
