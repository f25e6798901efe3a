"""A fleet that trades for seconds: nothing that counts grows, nothing ends; and how growth is told from noise."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.soak_run.growth import Sample, grown, settled, slope_mb_an_hour
from tests.conftest import REPOSITORY


def samples(slope_mb_h: float, noise_mb: float, count: int = 60) -> list[Sample]:
    chance = random.Random(3)
    return [
        Sample(60.0 * number, 20 + slope_mb_h * number / 60 + chance.gauss(0, noise_mb), 12, 3)
        for number in range(count)
    ]


@pytest.mark.parametrize("slope", [0.0, 0.5, 4.0, -2.0])
def test_a_slope_is_found_in_noise(slope: float) -> None:
    assert slope_mb_an_hour(samples(slope, 0.05)) == pytest.approx(slope, abs=0.1)


def test_one_peak_is_no_slope() -> None:
    quiet = samples(0.0, 0.0)
    assert slope_mb_an_hour([*quiet[:50], Sample(3000.0, 90.0, 12, 3), *quiet[51:]]) == 0.0
    assert slope_mb_an_hour(quiet[:1]) == 0.0


def test_the_beginning_is_left_out() -> None:
    taken = samples(1.0, 0.0, count=11)
    assert [sample.at for sample in settled(taken)] == [sample.at for sample in taken[2:]]
    assert settled([]) == []


@pytest.mark.parametrize(
    ("counts", "more"), [([], 0), ([5], 0), ([5, 6, 5, 6, 5, 6], 0), ([5, 5, 6, 7, 8, 8], 3), ([9, 5, 4], 0)]
)
def test_a_count_has_grown_when_it_does_not_come_back(counts: list[int], more: int) -> None:
    assert grown(counts) == more


@pytest.mark.timeout(400)
def test_a_fleet_that_trades_for_seconds_keeps_its_size(tmp_path: Path) -> None:
    told = tmp_path / "soak.json"
    command = [sys.executable, "-m", "scripts.soak_run.main", "--hours", "0.002", "--instances", "2"]
    done = subprocess.run(
        [*command, "--json", str(told)], cwd=REPOSITORY, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rows = {row["figure"]: row for row in json.loads(told.read_text())}
    assert rows["restarts"] == {
        "bench": "soak",
        "figure": "restarts",
        "value": 0.0,
        "unit": "",
        "goal": 0.0,
        "better": "lower",
        "met": True,
        "command": "scripts/soak --hours 0.002 --instances 2",
    }
    assert rows["instances that do not run"]["value"] == 0
    assert rows["descriptors grown, most of a process"]["value"] < 4  # one may be open just as it is looked at
    assert rows["candles worked on, least of an instance"]["value"] > 500
    assert rows["private memory at the end, most"]["value"] < 100
