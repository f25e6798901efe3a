"""The limits of the gate, one file each, in the order in which they are asked."""

from __future__ import annotations

from investbot.risk.gate import Limit
from investbot.risk.limits.candle_quality import CandleQualityLimit
from investbot.risk.limits.cash import CashLimit
from investbot.risk.limits.cooldown import CooldownLimit
from investbot.risk.limits.costs import CostsLimit
from investbot.risk.limits.daily_loss import DailyLossLimit
from investbot.risk.limits.drawdown import DrawdownLimit
from investbot.risk.limits.duplicate import DuplicateLimit
from investbot.risk.limits.entries_paused import EntriesPausedLimit
from investbot.risk.limits.entries_per_day import EntriesPerDayLimit
from investbot.risk.limits.entries_per_hour import EntriesPerHourLimit
from investbot.risk.limits.min_notional import MinNotionalLimit
from investbot.risk.limits.net_reward_risk import NetRewardRiskLimit
from investbot.risk.limits.open_positions import OpenPositionsLimit
from investbot.risk.limits.position_fraction import PositionFractionLimit
from investbot.risk.limits.risk_fraction import RiskFractionLimit
from investbot.risk.limits.trading_state import TradingStateLimit


def default_limits() -> tuple[Limit, ...]:
    """Give every limit: states first, then counts, then losses, then the money of this very entry."""
    return (
        TradingStateLimit(),
        EntriesPausedLimit(),
        CandleQualityLimit(),
        DuplicateLimit(),
        OpenPositionsLimit(),
        EntriesPerHourLimit(),
        EntriesPerDayLimit(),
        DailyLossLimit(),
        DrawdownLimit(),
        CooldownLimit(),
        PositionFractionLimit(),
        RiskFractionLimit(),
        CashLimit(),
        CostsLimit(),
        NetRewardRiskLimit(),
        MinNotionalLimit(),
    )
