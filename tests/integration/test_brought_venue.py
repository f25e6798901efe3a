"""A venue that another package brings is strangers' code: isolated, also where a stopped instance is sold out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from investbot.bootstrap.home import Home
from tests.integration.instance_homes import KEY, is_ready, make_home, make_instance, spawn, wait_for

VENUE = """
import json, os, threading
from pathlib import Path
from investbot.adapters.venues.instruments import InstrumentRules
from investbot.adapters.venues.synthetic import SyntheticVenue

def make(profile):
    logs = Path(os.environ["HOME"]) / "fleet" / "instances" / "alpha" / "logs"
    try:
        seen = (logs.parents[2] / "vault.json").read_text()
    except PermissionError:
        seen = ""
    with (logs / "seen").open("a") as file:
        file.write(json.dumps([os.getpid(), seen]) + "\\n")
    return SyntheticVenue(
        profile.market.timeframe, seed=3, candles=None, close_at_end=False, speed=200.0,
        first_at=1_704_067_200_000, price=None, volatility=None, rules=InstrumentRules(),
    )
"""
FLATTEN = """
import json, sys
from pathlib import Path
from investbot.bootstrap.instance import flatten_stopped
print(json.dumps(flatten_stopped(Path(sys.argv[1]), "alpha", bytes(range(32)), "ana")["flat"]))
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A folder of packages in which one registers the venue `elsewhere`."""
    site = tmp_path / "site"
    told = site / "elsewhere-1.0.dist-info"
    told.mkdir(parents=True)
    (site / "elsewhere.py").write_text(VENUE)
    (told / "METADATA").write_text("Metadata-Version: 2.1\nName: elsewhere\nVersion: 1.0\n")
    (told / "entry_points.txt").write_text("[investbot.venues]\nelsewhere = elsewhere:make\n")
    return site


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = make_home(tmp_path / "fleet")
    home.vault.write_text("the vault")
    return home


def test_it_sees_no_more_than_its_instance(home: Home, package: Path, tmp_path: Path, landlock: int) -> None:
    alpha = make_instance(home, "alpha", "venue.name=elsewhere", "market.timeframe=1m")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(package), *sys.path]), "HOME": str(tmp_path)}
    process = spawn(home, "alpha", KEY, env=environment)
    try:
        wait_for(lambda: is_ready(alpha) or process.poll() is not None, 90)
    finally:
        process.terminate()
        _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (0, "")
    asked = subprocess.run(
        [sys.executable, "-c", FLATTEN, str(home.path)], capture_output=True, text=True, check=True, env=environment
    )
    assert json.loads(asked.stdout) is True
    rows = [json.loads(line) for line in (alpha.logs / "seen").read_text().splitlines()]
    assert [seen for _, seen in rows] == ["", ""]
    assert len({pid for pid, _ in rows} | {os.getpid()}) == 3
