"""`investbot flatten` and `investbot close`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from investbot.cli.choices import Every, Name, Names, Yes
from investbot.cli.fleet import open_home, supervisor
from investbot.cli.output import line
from investbot.cli.registry import RUN, add
from investbot.cli.requests import ask_for_each
from investbot.cli.session import Session

Timeout = Annotated[float, typer.Option("--timeout", metavar="S", min=1, max=600, help="Seconds to wait until flat.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    add(app, "flatten", "investbot flatten alpha --yes", "investbot flatten --all --yes --json", panel=RUN)(flatten)
    add(app, "close", "investbot close alpha BTC/USDT --yes", panel=RUN)(close)


def flatten(
    context: typer.Context, names: Names = None, every: Every = False, yes: Yes = False, timeout: Timeout = 30.0
) -> int:
    """Cancel orders, sell to cash, and prove that nothing is left; entries stay paused until `resume`."""
    session: Session = context.obj
    what = "every instance" if every else ", ".join(names or ())
    if every or names:
        session.confirm(f"Sell everything that {what} holds?", yes=yes)
    return ask_for_each(session, "flatten", names, every=every, timeout_s=timeout)


def close(
    context: typer.Context,
    name: Name,
    symbol: Annotated[str, typer.Argument(metavar="SYMBOL", help="The position's symbol, such as BTC/USDT.")],
    yes: Yes = False,
) -> int:
    """Close one position at the market."""
    session: Session = context.obj
    home = open_home(session)
    home.existing(name)
    session.confirm(f"Sell what {name} holds of {symbol}?", yes=yes)
    with supervisor(home) as client:
        answer: dict[str, Any] = client.call("close", name=name, symbol=symbol)
    left = answer.get("dust") or {}
    if not answer.get("flat"):
        message = f"{symbol} is being sold; look with `investbot positions {name}`."
    elif symbol in left:
        message = f"{symbol} is closed; {left[symbol]} is less than one lot and stays."
    else:
        message = f"{symbol} is closed."
    return session.output.lines([line(name, message, symbol=symbol, flat=bool(answer.get("flat")), dust=left)])
