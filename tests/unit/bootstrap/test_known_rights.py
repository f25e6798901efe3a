from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from investbot.bootstrap import known_rights
from investbot.bootstrap.home import InstanceHome
from investbot.ports.trading import KeyRights


def test_rights_are_kept_and_forgotten(tmp_path: Path) -> None:
    folder = InstanceHome(tmp_path)
    known_rights.remember(folder, KeyRights(trade=True, withdraw=None, ip_restricted=False), 1_767_225_600_000)
    path = tmp_path / "rights.json"
    assert json.loads(path.read_text()) == {
        "at": "2026-01-01T00:00:00Z",
        "trade": True,
        "withdraw": None,
        "ip_restricted": False,
    }
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    known_rights.forget(folder)
    known_rights.forget(folder)
    assert not path.exists()


def test_a_disk_that_takes_nothing_is_no_reason_to_stop(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = InstanceHome(tmp_path / "gone")
    known_rights.remember(folder, KeyRights(None, None, None), 0)
    assert [record.message for record in caplog.records] == ["rights_not_kept"]
