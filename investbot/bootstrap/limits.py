"""The limits of a fleet, as its file has them."""

from __future__ import annotations

from pathlib import Path

from investbot.config.fleet import FLEET_FILE, load_fleet
from investbot.supervisor.fleet_limits import FleetLimits


class LimitsFile:
    """`[fleet.limits]` of investbot.toml; the file is read again only when it has changed."""

    def __init__(self, home: Path) -> None:
        """Read the file of `home`."""
        self._home = home
        self._seen: tuple[int, int, int] | None = None
        self._limits = FleetLimits()

    def read(self) -> FleetLimits:
        """Give the limits as they stand; ConfigError with every mistake in the file."""
        stamp = self._stamp()
        if stamp is None or stamp != self._seen:
            told = load_fleet(self._home).fleet.limits
            self._limits = FleetLimits(
                open_risk=told.max_open_risk_fraction,
                daily_loss=told.max_daily_loss_fraction,
                base_exposure=told.max_base_fraction,
                running=told.max_running,
                live=told.max_live,
            )
            self._seen = stamp
        return self._limits

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            state = (self._home / FLEET_FILE).stat()
        except OSError:
            return None
        return state.st_ino, state.st_size, state.st_mtime_ns
