"""What installed packages register."""

from __future__ import annotations

import importlib.metadata
import os
import sys
from pathlib import Path

import pytest

from investbot.bootstrap.installed import entry_points

GROUP = "investbot.strategies"


def test_the_packages_are_looked_through_once(monkeypatch: pytest.MonkeyPatch) -> None:
    found = entry_points(group=GROUP)
    assert {entry.name for entry in found} >= {"conservative_scalp", "ma_cross"}
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda **_: pytest.fail("looked again"))
    assert entry_points(group=GROUP) is found


def test_a_package_that_comes_later_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path), str(tmp_path / "gone")])
    assert "later" not in {entry.name for entry in entry_points(group=GROUP)}
    made = tmp_path / "later-1.0.dist-info"
    made.mkdir()
    (made / "METADATA").write_text("Metadata-Version: 2.1\nName: later\nVersion: 1.0\n")
    (made / "entry_points.txt").write_text(f"[{GROUP}]\nlater = later:Later\n")
    os.utime(tmp_path, ns=(1, 1))
    assert "later" in {entry.name for entry in entry_points(group=GROUP)}
