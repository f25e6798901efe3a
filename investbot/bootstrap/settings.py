"""An instance's configuration while it runs: read again when somebody asks, and told as rules and keys."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from investbot.adapters.log.rotation import Bounds, RotatingFile
from investbot.config.instance import InstanceConfig, load_instance
from investbot.config.reload import parted
from investbot.config.versions import changes, record_edits
from investbot.domain.errors import ConfigError
from investbot.domain.market import Millis
from investbot.instance.settings import NewSettings

_BY = "configuration"


class SettingsFile:
    """`instance.settings.Settings` on the file in an instance's folder."""

    def __init__(self, folder: Path, started: InstanceConfig, follow: Callable[[InstanceConfig], None]) -> None:
        """Know what the process was `started` with; `follow` takes in what is not the engine's."""
        self._folder = folder
        self._started = self._applied = self._seen = started
        self._follow = follow

    def at_start(self, version: int, waiting: Sequence[str]) -> NewSettings | None:
        """Give what the ledger has not been told of."""
        if version == self._started.version:
            return _told(self._started, _BY, waiting, ()) if waiting else None
        try:
            since = changes(self._folder, version, self._started.version)
        except ConfigError:  # that version is gone, or damaged: what decides from now on is known all the same
            since = []
        return _told(self._started, _BY, [str(each) for each in since if not each.key.startswith("instance.")], ())

    def read(self, by: str) -> NewSettings:
        """Read what is in force now; ConfigError."""
        wanted = load_instance(self._folder)
        now, later = parted(self._started, self._applied, wanted)
        self._seen = wanted
        told = _told(wanted, by, [str(each) for each in now], [str(each) for each in later])
        if any(each.key == "exits.stop_atr" for each in later):
            told = replace(told, exits=replace(told.exits, stop_atr=self._started.exits.stop_atr))
        return told

    def adopt(self) -> None:
        """Follow what was read last."""
        self._applied = self._seen
        self._follow(self._seen)


def recorded(folder: Path, at: Millis) -> InstanceConfig:
    """Read an instance's configuration, made a version first where it was edited by hand; `at` in milliseconds UTC.

    ConfigError. On a disk that takes no version it is read all the same.
    """
    try:
        return record_edits(folder, at)
    except OSError:
        return load_instance(folder)


def follow_log(handler: RotatingFile, config: InstanceConfig) -> None:
    """Log as the configuration says."""
    told = config.logging
    logging.getLogger("investbot").setLevel(told.level.upper())
    handler.bounds = Bounds(
        file_bytes=told.max_bytes, file_age=told.max_age, total_bytes=told.total_bytes, keep=told.keep
    )


def _told(config: InstanceConfig, by: str, applied: Sequence[str], waiting: Sequence[str]) -> NewSettings:
    return NewSettings(
        config.version,
        by,
        config.cost_rules(),
        config.risk_rules(),
        config.exit_rules(),
        tuple(applied),
        tuple(waiting),
    )
