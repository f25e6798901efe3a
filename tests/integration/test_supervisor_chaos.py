"""A short run of the supervisor's chaos; `scripts/chaos supervisor` makes the long ones."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.scenarios
@pytest.mark.timeout(300)
def test_a_supervisor_killed_again_and_again_costs_no_event_and_no_process(tmp_path: Path) -> None:
    told = tmp_path / "figures.json"
    command = [sys.executable, "-m", "scripts.chaos_run.supervisor", "--seed", "5", "--kills", "4", "--instances", "3"]
    done = subprocess.run(
        [*command, "--json", str(told)], cwd=ROOT, capture_output=True, text=True, check=False, timeout=280
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rows = {row["figure"]: row for row in json.loads(told.read_text())}
    assert rows["kills of the supervisor"]["value"] == 4
    assert [row["figure"] for row in rows.values() if not row["met"]] == []
    assert rows["events written meanwhile"]["value"] > 100
    assert rows["events lost, doubled or changed"]["goal"] == 0
