"""`investbot capital` and `investbot size`."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

import typer

from investbot.bootstrap.home import Home
from investbot.cli.amounts import amount, wire
from investbot.cli.auditing import audited
from investbot.cli.choices import Name
from investbot.cli.fleet import open_home, supervisor_if_up, user
from investbot.cli.output import line
from investbot.cli.registry import MONEY, add
from investbot.cli.session import Session
from investbot.cli.store import unlocked
from investbot.cli.times import wall_clock
from investbot.domain.errors import ConfigError, TryAgain


def register(app: typer.Typer) -> None:
    """Add the commands."""
    add(app, "capital", "investbot capital alpha 750", panel=MONEY, negative=True)(capital)
    add(app, "size", "investbot size alpha BTC/USDT --stop 49500", panel=MONEY)(size)


def capital(
    context: typer.Context,
    name: Name,
    given: Annotated[str, typer.Argument(metavar="AMOUNT", help="The whole new allocation, in quote.")],
) -> int:
    """Change an allocation within the fleet's capital; a new version of the settings."""
    session: Session = context.obj
    home = open_home(session)
    home.existing(name)
    value = amount(given, "the capital")
    if value <= 0:
        message = f"The capital of {name} must be above zero, not {given}."
        raise ConfigError(message)
    client = supervisor_if_up(home)
    if client is None:
        told = _allocate(session, home, name, value)
    else:
        with client:
            told = client.call("allocate", name=name, amount=wire(value))["message"]
    return session.output.lines([line(name, told, capital=wire(value))])


def _allocate(session: Session, home: Home, name: str, value: Decimal) -> str:
    """Write the new version here, with the instance kept from starting meanwhile."""
    from investbot.bootstrap.live import at_venue
    from investbot.config.fleet import check_allocations, load_fleet
    from investbot.config.instance import load_instance, with_capital
    from investbot.config.versions import save
    from investbot.instance.lock import InstanceLock

    instance = home.existing(name)
    with audited(home, "capital", [name], amount=wire(value)), InstanceLock(instance.lock, name):
        allocations = {each: load_instance(home.instance(each).path).capital for each in home.names()}
        check_allocations(load_fleet(home.path), allocations, name, value)
        config = load_instance(instance.path)
        if at_venue(config):
            _afford(session, home, name, value)
        changed = with_capital(config, value)
        save(instance.path, changed, wall_clock(), user(), f"capital {wire(value)}")
    return f"capital is now {wire(value)}"


def _afford(session: Session, home: Home, name: str, value: Decimal) -> None:
    """Let its venue say whether the account bears this allocation; ConfigError, AuthFailed, VenueError."""
    from investbot.bootstrap.account import ask_venue, check_capital

    with unlocked(session, home) as vault, session.output.working("Asking the venue …"):
        check_capital(home, name, vault.data_key, lambda each, key: ask_venue(home, each, key), value)


def size(
    context: typer.Context,
    name: Name,
    symbol: Annotated[str, typer.Argument(metavar="SYMBOL", help="Such as BTC/USDT.")],
    stop: Annotated[str, typer.Option(metavar="PRICE", help="Where the stop would be, in quote per base.")],
) -> None:
    """Say what the rules allow to be bought at the last price with this stop: quantity, risk, reward, costs."""
    session: Session = context.obj
    home = open_home(session)
    home.existing(name)
    price = wire(amount(stop, "the stop"))
    client = supervisor_if_up(home)
    if client is None:
        session.output.record(_size(session, home, name, symbol, price))
        return
    with client:
        try:
            told = client.call("size", name=name, symbol=symbol, stop=price)
        except TryAgain:  # it does not run, or has not seen a candle yet
            told = _size(session, home, name, symbol, price)
    session.output.record(told)


def _size(session: Session, home: Home, name: str, symbol: str, stop: str) -> dict[str, Any]:
    """Work it out here, from the ledger and the market."""
    from investbot.bootstrap.sizing import size_stopped

    with unlocked(session, home) as vault, session.output.working("Looking at the market …"):
        return size_stopped(home, name, vault.data_key(name), symbol, stop)
