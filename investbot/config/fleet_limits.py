"""`[fleet.limits]` of investbot.toml: what all instances together may risk, lose and hold."""

from __future__ import annotations

from investbot.config.fields import Share, Whole
from investbot.config.sections import Section
from investbot.domain.rules import ZERO


class FleetLimitsPart(Section):
    """Fractions of the capital that is allocated together (0 = no limit) and counts of processes (0 = any number)."""

    max_open_risk_fraction: Share = ZERO
    max_daily_loss_fraction: Share = ZERO
    max_base_fraction: Share = ZERO
    max_running: Whole = 0
    max_live: Whole = 0
