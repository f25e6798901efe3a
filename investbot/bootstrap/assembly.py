"""From an operator's file to the parts of a trading instance; shared by all hosts of an engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import ClassVar

from investbot.analysis.indicators import Declared
from investbot.bootstrap.intelligence import veto_of
from investbot.bootstrap.plugins import make_strategy
from investbot.config.instance import InstanceConfig
from investbot.config.profile import Profile
from investbot.domain.market import Instrument
from investbot.domain.signal import Signal
from investbot.domain.states import Mode
from investbot.engine.spec import EngineSpec
from investbot.instance.heartbeat import Identity
from investbot.strategies.api import MarketView, Strategy


@dataclass(frozen=True, slots=True)
class NoOpinion:
    """What stands for a strategy where only exits are wanted: it reads nothing and says nothing."""

    name: ClassVar[str] = "no_opinion"
    description: ClassVar[str] = "has no opinion"

    @property
    def warmup(self) -> int:
        """Need no bars."""
        return 0

    def indicators(self) -> Mapping[str, Declared]:
        """Read none."""
        return {}

    def confirm_indicators(self) -> Mapping[str, Declared]:
        """Read none."""
        return {}

    def evaluate(self, view: MarketView) -> Signal | None:
        """Say nothing."""
        return None


def engine_spec(
    profile: Profile, instruments: Mapping[str, Instrument], capital: Decimal, namespace: str
) -> EngineSpec:
    """Give an engine its terms; `capital` in quote, `namespace` tells its orders from all others of an account."""
    return EngineSpec(
        instruments={symbol: instruments[symbol] for symbol in profile.market.symbols},
        timeframe=profile.market.timeframe,
        confirm_timeframe=profile.market.confirm_timeframe,
        costs=profile.cost_rules(),
        risk=profile.risk_rules(),
        exits=profile.exit_rules(),
        capital=capital,
        namespace=namespace,
        version=profile.version if isinstance(profile, InstanceConfig) else 1,
        targets_rest=profile.venue.mode is Mode.PAPER,
        veto=veto_of(profile.intelligence),
    )


def strategy_of(profile: Profile, folder: Path) -> Strategy:
    """Make the strategy a profile names; its file, where it is one, is relative to `folder`. ConfigError."""
    return make_strategy(profile.strategy.name, profile.strategy.parameters, folder, profile.strategy.regimes)


def identity_of(config: InstanceConfig) -> Identity:
    """Say who an instance is, for every status row."""
    return Identity(
        name=config.name,
        mode=config.venue.mode.value,
        venue=config.venue.name,
        symbols=tuple(config.market.symbols),
        timeframe=config.market.timeframe.text,
        strategy=config.strategy.name,
        profile=config.instance.profile,
        tags=config.tags,
    )
