"""The limits of a fleet, as its file has them."""

from __future__ import annotations

from pathlib import Path

from investbot.config.fleet import load_fleet
from investbot.supervisor.fleet_limits import FleetLimits


def read_limits(home: Path) -> FleetLimits:
    """Read `[fleet.limits]` of investbot.toml; ConfigError."""
    told = load_fleet(home).fleet.limits
    return FleetLimits(
        open_risk=told.max_open_risk_fraction,
        daily_loss=told.max_daily_loss_fraction,
        base_exposure=told.max_base_fraction,
        running=told.max_running,
        live=told.max_live,
    )
