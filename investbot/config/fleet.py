"""The fleet's own file, investbot.toml: the capital of all instances together, and the hosts that belong together."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated

from pydantic import Field, PlainSerializer, PlainValidator

from investbot.config.backups import BackupsPart
from investbot.config.feeding import FeedPart
from investbot.config.fields import Name, OptionalPositive, Whole
from investbot.config.files import write_private
from investbot.config.fleet_limits import FleetLimitsPart
from investbot.config.guarding import ControlPart, IsolationPart
from investbot.config.home import FLEET_FILE, find_home
from investbot.config.layers import pointed, read_file
from investbot.config.mistakes import Mistake, refusal, validate
from investbot.config.sections import Section
from investbot.config.telling import NewsPart
from investbot.domain.errors import ConfigError, UsageError

__all__ = ["FLEET_FILE", "FleetConfig", "check_allocations", "check_fleet", "find_home", "init_fleet", "load_fleet"]

_TEXT = """\
# InvestBot: everything of one fleet lives in this folder. Back it up whole; nobody else may read it.

[fleet]
home_id = "{home_id}"               # part of every order's id: never change it
{capital}
# hosts = ["user@host"]             # other machines whose fleets `investbot status --host` may ask

# [fleet.limits]                    # of all instances together, as fractions of what is allocated to them; 0 = no limit
# max_open_risk_fraction = 0.05     # what would be lost if every stop were hit
# max_daily_loss_fraction = 0.03    # of a UTC day; then exits only until the next
# max_base_fraction = 0.2           # held in one base asset
# max_running = 0                   # instances that run
# max_live = 0                      # those of them that trade real money

# [limits]
# max_instances = 0                 # how many instances there may be; 0 = any number

# [feed]
# pulls = ["binance BTC/USDT 1h"]   # candles to keep in market/ whether or not an instance trades on them

# [backups]
# to = ["/mnt/usb/investbot"]       # folders that get a copy of every archive
# recipients = ["age1..."]          # who else shall be able to read them
# after = ["rclone", "copy"]        # run for each archive; its path is added
# daily = 30                        # how many `investbot backup expire` leaves
"""


def _hosts(value: object) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise ValueError('write a list, such as ["user@host"].')  # noqa: TRY004  a ValueError is what the reader collects
    for host in value:
        if not isinstance(host, str) or not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.@:-]*", host):
            raise ValueError(f"{host!r} is not a host; write host or user@host.")
    return tuple(value)


class FleetPart(Section):
    """`[fleet]`: `capital` in quote caps the sum of all allocations (unset = no cap); `home_id` marks orders."""

    home_id: Name
    capital: OptionalPositive = None
    hosts: Annotated[tuple[str, ...], PlainValidator(_hosts), PlainSerializer(list)] = ()
    limits: FleetLimitsPart = Field(default_factory=FleetLimitsPart)


class LimitsPart(Section):
    """`[limits]`: `max_instances` is a count, 0 = any number."""

    max_instances: Whole = 0


class FleetConfig(Section):
    """All of investbot.toml."""

    fleet: FleetPart
    limits: LimitsPart = Field(default_factory=LimitsPart)
    control: ControlPart = Field(default_factory=ControlPart)
    isolation: IsolationPart = Field(default_factory=IsolationPart)
    news: NewsPart = Field(default_factory=NewsPart)
    feed: FeedPart = Field(default_factory=FeedPart)
    backups: BackupsPart = Field(default_factory=BackupsPart)


def init_fleet(home: Path, capital: Decimal | None = None) -> FleetConfig:
    """Write the file of a new home with a random id; `capital` in quote; UsageError, OSError."""
    line = "# capital = 10000                  # what all allocations together may not exceed, in quote; unset = no cap"
    if capital is not None:
        if not (capital.is_finite() and capital > 0):
            raise UsageError(f"The fleet's capital cannot be {capital}; name an amount above 0, or none for no cap.")
        line = f"capital = {capital:f}"
    write_private(home / FLEET_FILE, _TEXT.format(home_id=secrets.token_hex(8), capital=line))
    return load_fleet(home)


def load_fleet(home: Path) -> FleetConfig:
    """Read investbot.toml; ConfigError with every mistake, one a line."""
    config, mistakes = _read(home)
    if config is None:
        raise refusal(mistakes)
    return config


def check_fleet(home: Path) -> list[Mistake]:
    """Give every mistake in investbot.toml."""
    return _read(home)[1]


def _read(home: Path) -> tuple[FleetConfig | None, list[Mistake]]:
    layer, mistakes = read_file(home / FLEET_FILE)
    if layer is None:
        return None, mistakes
    config, faults = validate(FleetConfig, layer.data)
    return config, pointed(faults, [layer])


def check_allocations(fleet: FleetConfig, allocations: Mapping[str, Decimal], name: str, amount: Decimal) -> None:
    """Refuse an allocation (quote) that the fleet cannot bear beside those of the others; ConfigError with figures."""
    others = {other: given for other, given in allocations.items() if other != name}
    most = fleet.limits.max_instances
    if most and len(others) + 1 > most:
        raise ConfigError(f"There are {len(others)} instances and limits.max_instances in {FLEET_FILE} is {most}.")
    capital, given = fleet.fleet.capital, sum(others.values(), Decimal(0))
    if capital is not None and given + amount > capital:
        raise ConfigError(
            f"{name} cannot have {amount:f}: the fleet's capital is {capital:f} and {given:f} of it is allocated, "
            f"so {max(capital - given, Decimal(0)):f} is left; raise fleet.capital in {FLEET_FILE} or ask for less."
        )
