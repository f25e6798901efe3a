"""The sections of a profile, one model a table: name, unit and default of every key. Fractions, never percentages."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, PlainValidator

from investbot.config.fields import (
    Count,
    Duration,
    Flag,
    Fraction,
    Frame,
    Moment,
    Name,
    NotNegative,
    OptionalCount,
    OptionalDuration,
    OptionalFraction,
    OptionalFrame,
    OptionalNotNegative,
    OptionalPositive,
    OptionalText,
    Rate,
    Share,
    SomeDuration,
    Speed,
    StrategyName,
    TradingMode,
    Whole,
    one_of,
)
from investbot.config.sources import Sources
from investbot.config.tables import Files, Kinds, Ladder, OpenTable, Symbols, Table, Tables
from investbot.domain.market import DAY, HOUR, MINUTE, SECOND, Timeframe
from investbot.domain.rules import ZERO
from investbot.domain.states import Mode

Level = Annotated[str, PlainValidator(one_of("debug", "info", "warning", "error"))]


class Section(BaseModel):
    """A table of a file: unknown keys are errors, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True, defer_build=True)


class ReplayPart(Section):
    """`[venue.replay]`: candles from `file` (one symbol) or `files` (one each); `speed` in candles a real second.

    `facts` is a file of alerts and intelligence, told in their moments between the candles.
    """

    file: OptionalText = None
    files: Files = Field(default_factory=dict)
    facts: OptionalText = None
    speed: Speed = 60.0
    close_at_end: Flag = True


class SyntheticPart(Section):
    """`[venue.synthetic]`: seeded candles.

    `start` in milliseconds UTC, `price` in quote per base (unset = the usual one of the base), `speed` in candles a
    real second (0 = as fast as it goes), `candles` a count for each symbol (unset = no end), `volatility` the typical
    size of one candle's move as a fraction of the price (unset = 0.7 a year).
    """

    seed: Whole = 1
    start: Moment = 1_704_067_200_000
    price: OptionalPositive = None
    speed: Speed = 60.0
    candles: OptionalCount = None
    volatility: OptionalFraction = None
    close_at_end: Flag = True


class InstrumentPart(Section):
    """`[venue.instrument]`: `tick` in quote per base, `lot` in base, `min_notional` in quote; unset = from the file."""

    tick: OptionalPositive = None
    lot: OptionalPositive = None
    min_notional: OptionalNotNegative = None


class VenueSection(Section):
    """`[venue]`: where candles come from and orders go, and with whose money."""

    name: Name = "binance"
    mode: TradingMode = Mode.PAPER
    ccxt: OpenTable = Field(default_factory=dict)
    replay: ReplayPart = Field(default_factory=ReplayPart)
    synthetic: SyntheticPart = Field(default_factory=SyntheticPart)
    instrument: InstrumentPart = Field(default_factory=InstrumentPart)


class MarketSection(Section):
    """`[market]`: what is traded on which bars; `stale_after` in milliseconds, unset = three bars.

    `sources` are asked for candles, in order, while the venue shows none.
    """

    symbols: Symbols = ("BTC/USDT",)
    timeframe: Frame = Timeframe("1m", MINUTE)
    confirm_timeframe: OptionalFrame = None
    stale_after: OptionalDuration = None
    sources: Sources = ()


class StrategySection(Section):
    """`[strategy]`: who has opinions; the strategy itself knows its `parameters`, for all markets and by `regimes`."""

    name: StrategyName = "conservative_scalp"
    parameters: Table = Field(default_factory=dict)
    regimes: Tables = Field(default_factory=dict)


class RiskSection(Section):
    """`[risk]`: the limits of the gate; fractions of capital, durations in milliseconds."""

    position_fraction: Fraction = Decimal("0.02")
    risk_fraction: Fraction = Decimal("0.01")
    max_open_positions: Count = 1
    max_entries_per_hour: Count = 4
    max_entries_per_day: Count = 20
    daily_loss_fraction: Fraction = Decimal("0.03")
    max_drawdown_fraction: Fraction = Decimal("0.10")
    cooldown: Duration = 5 * MINUTE
    min_net_reward_risk: NotNegative = Decimal("1.0")
    duplicate_window: Duration = MINUTE
    entry_band: Rate = Decimal("0.002")
    kelly_fraction: Share = ZERO
    kelly_trips: Count = 30
    allow_wide: Flag = False


class ExitsSection(Section):
    """`[exits]`: the barriers of a position as fractions of its entry price, `max_age` in milliseconds."""

    stop_fraction: Fraction = Decimal("0.01")
    stop_min: Fraction = Decimal("0.005")
    stop_max: Fraction = Decimal("0.01")
    stop_atr: OptionalPositive = None
    stop_structure: Flag = False
    targets: Ladder = ((Decimal("0.02"), Decimal(1)),)
    trailing_fraction: Rate = ZERO
    max_age: Duration = 4 * HOUR


class CostsSection(Section):
    """`[costs]`: fees as fractions of notional, `slippage` of price, `latency` in milliseconds."""

    taker_fee: Rate = Decimal("0.001")
    maker_fee: Rate = Decimal("0.001")
    slippage: Rate = Decimal("0.0005")
    latency: Duration = 0
    bar_share: Share = ZERO


class RestartSection(Section):
    """`[restart]`: what happens after a crash; durations in milliseconds, `limit` failures within `window`.

    Nobody's for `orphan_after` means exits only; over `memory_mb` (MiB, 0 for no bound) a process is made anew.
    """

    backoff: SomeDuration = 500
    max: SomeDuration = 20 * SECOND
    limit: Count = 10
    window: SomeDuration = 10 * MINUTE
    orphan_after: SomeDuration = MINUTE
    memory_mb: Whole = 1024


class NotifySection(Section):
    """`[notify]`: which kinds of news go out; addresses are secrets and live in the vault."""

    discord: Kinds = ("trades", "limits", "lifecycle", "daily")


class LoggingSection(Section):
    """`[logging]`: how much is written; sizes in bytes, ages in milliseconds.

    A file is put aside at `max_bytes` or `max_age`; all files of an instance stay within `total_bytes` and `keep`.
    """

    level: Level = "info"
    max_bytes: Count = 5_000_000
    max_age: SomeDuration = DAY
    total_bytes: Count = 50_000_000
    keep: SomeDuration = 30 * DAY
