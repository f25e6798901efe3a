"""`investbot create`."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Annotated

import typer

from investbot.bootstrap.home import Home
from investbot.cli.amounts import wire
from investbot.cli.auditing import audited
from investbot.cli.fleet import open_home, user
from investbot.cli.recipes import (
    DEFAULT_CAPITAL,
    CapitalOption,
    Changes,
    ProfileOption,
    SymbolOption,
    TimeframeOption,
    ValuesOption,
    money,
    resolve,
)
from investbot.cli.registry import FLEET, add
from investbot.cli.session import Session
from investbot.cli.store import changing, tell_supervisor, unlocked
from investbot.domain.errors import AlreadyExists

if TYPE_CHECKING:
    from investbot.adapters.storage.vault import OpenVault
    from investbot.config.instance import InstanceConfig


def register(app: typer.Typer) -> None:
    """Add the command."""
    examples = (
        "investbot create alpha --profile example --capital 500",
        "investbot create beta --profile conservative --symbol ETH/USDT --timeframe 5m --set risk.max_open_positions=2",
        "investbot create gamma --profile example --tag majors --tag slow",
    )
    add(app, "create", *examples, panel=FLEET)(create)


def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is to be called.")],
    profile: ProfileOption,
    capital: CapitalOption = DEFAULT_CAPITAL,
    symbol: SymbolOption = None,
    timeframe: TimeframeOption = None,
    values: ValuesOption = None,
    tags: Annotated[
        list[str] | None, typer.Option("--tag", metavar="TAG", help="A group it belongs to; may be given again.")
    ] = None,
) -> None:
    """Make an instance from a profile: its settings, its key, its encrypted ledger; all of it or nothing."""
    session: Session = context.obj
    home = open_home(session)
    with audited(home, "create", [name], profile=profile, capital=capital), changing(home):
        if home.instance(name).path.exists():
            message = f"There is an instance {name!r} already; choose another name, or `investbot remove {name}`."
            raise AlreadyExists(message)
        config = resolve(session, name, profile, money(capital), Changes(symbol, timeframe, values, tags))
        _demand_fit(home, config)
        with unlocked(session, home) as vault:
            _make(home, vault, config)
    tell_supervisor(home)
    _tell(session, config)


def _demand_fit(home: Home, config: InstanceConfig) -> None:
    """Refuse what could not run, or what the fleet cannot pay for."""
    from investbot.cli.fitness import check_fit
    from investbot.config.fleet import check_allocations, load_fleet
    from investbot.config.instance import load_instance

    check_fit(config, home.profiles)
    allocations = {each: load_instance(home.instance(each).path).capital for each in home.names()}
    check_allocations(load_fleet(home.path), allocations, config.name, config.capital)


def _make(home: Home, vault: OpenVault, config: InstanceConfig) -> None:
    """Build beside and rename; a command that was killed left a folder by which this one clears up."""
    from investbot.adapters.storage.ledger import SqlcipherLedger
    from investbot.bootstrap.home import InstanceHome
    from investbot.config.versions import save

    name = config.name
    building = InstanceHome(home.instances / f".{name}.new")
    for left in (building.path, home.instances / f".{name}.gone"):
        if left.exists():
            vault.forget(name)
            shutil.rmtree(left)
    if name in vault.names():
        message = (
            f"The vault holds the key of an earlier {name!r} whose folder is gone; put that back or use another name."
        )
        raise AlreadyExists(message)
    try:
        building.ensure()
        key = vault.add(name)
        save(building.path, config, config.instance.created_at, user(), f"created from {config.instance.profile}")
        SqlcipherLedger.create(building.ledger, key, instance=name).close()
        building.path.rename(home.instance(name).path)
    except BaseException:
        vault.forget(name)
        shutil.rmtree(building.path, ignore_errors=True)
        raise


def _tell(session: Session, config: InstanceConfig) -> None:
    if session.output.is_json:
        session.output.value(
            {
                "name": config.name,
                "profile": config.instance.profile,
                "capital": config.capital,
                "mode": config.venue.mode,
                "venue": config.venue.name,
                "symbols": list(config.market.symbols),
                "timeframe": str(config.market.timeframe),
                "strategy": config.strategy.name,
                "version": config.version,
            }
        )
    symbols = ", ".join(config.market.symbols)
    session.output.say(
        f"Made {config.name}: {config.strategy.name} on {symbols} {config.market.timeframe}, {config.venue.name}, "
        f"{config.venue.mode.value}, capital {wire(config.capital)}. Next: `investbot start {config.name}`."
    )
