from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from investbot.bootstrap.limits import LimitsFile
from investbot.config import fleet
from investbot.config.fleet import FLEET_FILE, init_fleet
from investbot.domain.errors import ConfigError
from investbot.supervisor.fleet_limits import FleetLimits

ALL = """
[fleet.limits]
max_open_risk_fraction = 0.05
max_daily_loss_fraction = 0.03
max_base_fraction = 0.2
max_running = 4
max_live = 1
"""


def test_limits_are_read_and_read_again_once_they_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    init_fleet(tmp_path)
    path = tmp_path / FLEET_FILE
    limits = LimitsFile(tmp_path)
    assert limits.read() == FleetLimits()
    whole = path.read_text(encoding="utf-8")
    path.write_text(whole + ALL, encoding="utf-8")
    expected = FleetLimits(Decimal("0.05"), Decimal("0.03"), Decimal("0.2"), 4, 1)
    assert limits.read() == expected
    monkeypatch.setattr(fleet, "_read", lambda _: pytest.fail("it has not changed"))
    assert limits.read() == expected


@pytest.mark.parametrize("line", ["max_running = -1", "max_base_fraction = 3", "max_loss = 1"])
def test_a_slip_is_told_each_time(tmp_path: Path, line: str) -> None:
    init_fleet(tmp_path)
    limits = LimitsFile(tmp_path)
    with (tmp_path / FLEET_FILE).open("a", encoding="utf-8") as file:
        file.write(f"\n[fleet.limits]\n{line}\n")
    for _ in range(2):
        with pytest.raises(ConfigError, match="limits"):
            limits.read()
    (tmp_path / FLEET_FILE).unlink()
    with pytest.raises(ConfigError):
        limits.read()
