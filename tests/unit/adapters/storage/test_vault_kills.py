"""Every change of a vault, killed at every step: the next command finds the old state or the new one, and all in it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[4]
pytestmark = pytest.mark.timeout(330)


def test_a_kill_at_any_step_of_any_change_loses_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.unit.adapters.storage.killing", str(tmp_path)],
        cwd=REPOSITORY,
        capture_output=True,
        check=False,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    kills = [json.loads(line) for line in done.stdout.splitlines()]
    assert [kill for kill in kills if "error" in kill] == []
    counts = Counter(kill["change"] for kill in kills)
    assert set(counts) == {"add", "secret", "passphrase", "renew", "recovery-key", "rotate", "settle"}
    assert sum(counts.values()) >= 100
    assert min(counts.values()) >= 9
    for change in ("passphrase", "renew"):  # both sides of the rename were seen
        assert len({kill["opens"] for kill in kills if kill["change"] == change}) == 2
