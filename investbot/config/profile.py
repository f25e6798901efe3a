"""A profile: the whole recipe of an instance, every key with its value, checked."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Self

from pydantic import Field, model_validator

from investbot.config.consistency import Findings, findings
from investbot.config.fields import Text
from investbot.config.intelligence import IntelligenceSection
from investbot.config.sections import (
    CostsSection,
    ExitsSection,
    LoggingSection,
    MarketSection,
    NotifySection,
    RestartSection,
    RiskSection,
    Section,
    StrategySection,
    VenueSection,
)
from investbot.config.tables import Tags
from investbot.domain.market import Millis
from investbot.domain.rules import CostRules, ExitRules, RiskRules

STALE_BARS = 3
"""Without a candle for so many bars a market is stale, unless the profile says otherwise."""

DERIVED = (("exits", "stop_min"), ("exits", "stop_max"), ("risk", "entry_band"))
"""Keys that follow others for as long as nobody sets them."""


class Profile(Section):
    """A reusable recipe; a key that is left out has the default of its section."""

    description: Text = ""
    tags: Tags = ()
    venue: VenueSection = Field(default_factory=VenueSection)
    market: MarketSection = Field(default_factory=MarketSection)
    strategy: StrategySection = Field(default_factory=StrategySection)
    intelligence: IntelligenceSection = Field(default_factory=IntelligenceSection)
    risk: RiskSection = Field(default_factory=RiskSection)
    exits: ExitsSection = Field(default_factory=ExitsSection)
    costs: CostsSection = Field(default_factory=CostsSection)
    restart: RestartSection = Field(default_factory=RestartSection)
    notify: NotifySection = Field(default_factory=NotifySection)
    logging: LoggingSection = Field(default_factory=LoggingSection)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        # Frozen for everyone else: the derived keys are part of making the value.
        self.__dict__["exits"] = self._with_stop_inside()
        self.__dict__["risk"] = self._with_room_for_slippage()
        broken = tuple(findings(self.venue, self.market, self.risk, self.exits, self.restart, self.logging))
        if broken:
            raise Findings(broken)
        return self

    def _with_stop_inside(self) -> ExitsSection:
        """Widen a bound nobody set, where wide profiles are allowed."""
        given, widened = self.exits.model_fields_set, dict[str, Decimal]()
        if self.risk.allow_wide and "stop_fraction" in given:
            if "stop_min" not in given and self.exits.stop_fraction < self.exits.stop_min:
                widened["stop_min"] = self.exits.stop_fraction
            if "stop_max" not in given and self.exits.stop_fraction > self.exits.stop_max:
                widened["stop_max"] = self.exits.stop_fraction
        return self.exits.model_copy(update=widened)

    def _with_room_for_slippage(self) -> RiskSection:
        """Let an entry pay twice the slippage at least, or no entry would ever fill."""
        needed = 2 * self.costs.slippage
        if "entry_band" in self.risk.model_fields_set or self.risk.entry_band >= needed:
            return self.risk
        return self.risk.model_copy(update={"entry_band": min(needed, Decimal("0.99"))})

    @property
    def stale_after_ms(self) -> Millis:
        """How long a market may be silent before entries pause, in milliseconds."""
        return self.market.stale_after or STALE_BARS * self.market.timeframe.ms

    def cost_rules(self) -> CostRules:
        """Give what trading costs, in the engine's words."""
        costs = self.costs
        return CostRules(
            taker_fee=costs.taker_fee,
            maker_fee=costs.maker_fee,
            slippage=costs.slippage,
            latency_ms=costs.latency,
            bar_share=costs.bar_share,
        )

    def risk_rules(self) -> RiskRules:
        """Give the limits of the gate, in the engine's words."""
        risk = self.risk
        return RiskRules(
            position_fraction=risk.position_fraction,
            risk_fraction=risk.risk_fraction,
            max_open_positions=risk.max_open_positions,
            max_entries_per_hour=risk.max_entries_per_hour,
            max_entries_per_day=risk.max_entries_per_day,
            daily_loss_fraction=risk.daily_loss_fraction,
            max_drawdown_fraction=risk.max_drawdown_fraction,
            cooldown_ms=risk.cooldown,
            min_net_reward_risk=risk.min_net_reward_risk,
            duplicate_window_ms=risk.duplicate_window,
            entry_band=risk.entry_band,
            kelly_fraction=risk.kelly_fraction,
            kelly_trips=risk.kelly_trips,
        )

    def exit_rules(self) -> ExitRules:
        """Give the barriers of a position, in the engine's words."""
        exits = self.exits
        usual = ExitRules()
        wide = self.risk.allow_wide
        return ExitRules(
            target_min=Decimal(0) if wide else usual.target_min,
            target_max=Decimal("Infinity") if wide else usual.target_max,
            stop_fraction=exits.stop_fraction,
            stop_min=exits.stop_min,
            stop_max=exits.stop_max,
            stop_atr=exits.stop_atr,
            stop_structure=exits.stop_structure,
            targets=exits.targets,
            trailing_fraction=exits.trailing_fraction,
            max_age_ms=exits.max_age,
        )

    def data(self) -> dict[str, Any]:
        """Give every key as TOML writes it; reading that again gives an equal profile."""
        return self.model_dump(exclude_none=True)
