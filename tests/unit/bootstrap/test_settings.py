"""An instance's own file as the process that runs sees it."""

from __future__ import annotations

import logging
from decimal import Decimal
from pathlib import Path

import pytest

from investbot.adapters.clock import SystemClock
from investbot.adapters.log.rotation import RotatingFile
from investbot.bootstrap import settings as room
from investbot.bootstrap.assembly import engine_spec
from investbot.bootstrap.settings import SettingsFile, follow_log, recorded
from investbot.config.instance import INSTANCE_FILE, InstanceConfig, load_instance, set_values, with_capital
from investbot.config.versions import change, history, save
from investbot.domain.errors import ConfigError
from tests.unit.config.builders import NOON, instance, write


@pytest.fixture
def started(tmp_path: Path) -> InstanceConfig:
    return save(tmp_path, instance(), NOON, "me", "create")


def put(folder: Path, *values: str) -> InstanceConfig:
    return change(folder, lambda config: set_values(config, values), NOON, "me", "set")


def test_what_is_in_force_is_read_again(tmp_path: Path, started: InstanceConfig) -> None:
    followed: list[int] = []
    file = SettingsFile(tmp_path, started, lambda config: followed.append(config.version))
    put(tmp_path, "risk.max_open_positions=2", "market.confirm_timeframe=15m")
    new = file.read("ana")
    assert (new.version, new.by, new.risk.max_open_positions) == (2, "ana", 2)
    assert new.applied == ("risk.max_open_positions: 1 -> 2",)
    assert new.waiting == ('market.confirm_timeframe: unset -> "15m"',)
    assert followed == []
    file.adopt()
    assert followed == [2]
    put(tmp_path, "risk.kelly_trips=31")
    again = file.read("ana")
    assert again.applied == ("risk.kelly_trips: 30 -> 31",)
    assert again.waiting == new.waiting


def test_a_stop_by_atr_that_waits_does_not_decide(tmp_path: Path, started: InstanceConfig) -> None:
    file = SettingsFile(tmp_path, started, lambda _: None)
    put(tmp_path, "exits.stop_atr=2", "exits.max_age=1h")
    new = file.read("ana")
    assert (new.exits.stop_atr, new.exits.max_age_ms) == (None, 3_600_000)
    assert new.waiting == ("exits.stop_atr: unset -> 2",)
    anew = SettingsFile(tmp_path, load_instance(tmp_path), lambda _: None)
    put(tmp_path, "exits.stop_atr=3")
    new = anew.read("ana")
    assert (new.exits.stop_atr, new.waiting) == (Decimal(3), ())


def test_a_start_tells_what_the_ledger_does_not_know(tmp_path: Path, started: InstanceConfig) -> None:
    assert SettingsFile(tmp_path, started, lambda _: None).at_start(1, ()) is None
    put(tmp_path, "risk.max_open_positions=2")
    config = change(tmp_path, lambda now: with_capital(now, Decimal(900)), NOON, "me", "capital 900")
    file = SettingsFile(tmp_path, config, lambda _: None)
    new = file.at_start(1, ())
    assert new is not None
    assert (new.version, new.by, new.applied, new.waiting) == (
        3,
        "configuration",
        ("risk.max_open_positions: 1 -> 2",),
        (),
    )
    waited = file.at_start(3, ("market.confirm_timeframe: unset -> 15m",))
    assert waited is not None
    assert (waited.applied, waited.waiting) == (("market.confirm_timeframe: unset -> 15m",), ())
    gone = file.at_start(77, ())
    assert gone is not None
    assert (gone.version, gone.applied) == (3, ())


def test_a_file_that_was_spoilt_is_told(tmp_path: Path, started: InstanceConfig) -> None:
    write(tmp_path, INSTANCE_FILE, "spoilt")
    with pytest.raises(ConfigError):
        SettingsFile(tmp_path, started, lambda _: None).read("ana")


def test_edits_by_hand_become_a_version_where_the_disk_takes_one(
    tmp_path: Path, started: InstanceConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / INSTANCE_FILE
    file.write_text(file.read_text("utf-8").replace("kelly_trips = 30", "kelly_trips = 31"), encoding="utf-8")
    assert recorded(tmp_path, NOON).version == 2
    file.write_text(file.read_text("utf-8").replace("kelly_trips = 31", "kelly_trips = 32"), encoding="utf-8")

    def full(folder: Path, at: int) -> InstanceConfig:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(room, "record_edits", full)
    assert (recorded(tmp_path, NOON).version, recorded(tmp_path, NOON).risk.kelly_trips) == (2, 32)
    assert len(history(tmp_path)) == 2


def test_the_log_follows(tmp_path: Path, started: InstanceConfig) -> None:
    own = logging.getLogger("investbot")
    before = own.level
    handler = RotatingFile(tmp_path / "log", SystemClock())
    try:
        follow_log(handler, set_values(started, ["logging.level=error", "logging.max_bytes=777"]))
        assert (own.level, handler.bounds.file_bytes) == (logging.ERROR, 777)
    finally:
        own.setLevel(before)
        handler.close()


def test_an_engine_knows_its_version_and_a_backtest_has_the_first(started: InstanceConfig, tmp_path: Path) -> None:
    put(tmp_path, "risk.max_open_positions=2")
    config = put(tmp_path, "risk.max_open_positions=3")
    symbols = dict.fromkeys(config.market.symbols)
    assert engine_spec(config, symbols, Decimal(1), "x").version == 3  # type: ignore[arg-type]
    assert engine_spec(started, symbols, Decimal(1), "x").version == 1  # type: ignore[arg-type]
