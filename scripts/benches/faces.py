"""What an operator waits for: profiles, and commands as whole processes, none of which may fail."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from investbot.config.loading import load_profile, shipped_profiles
from scripts.benches.figures import Figure

_ROUNDS = 25


def measure(scratch: Path) -> Iterator[Figure]:
    """Measure profile loading, the start of the command line, and the part of commands that failed."""
    folder = shipped_profiles()
    load_profile(folder / "conservative-scalp.toml", [folder], {})
    started = time.perf_counter()
    for _ in range(_ROUNDS):
        load_profile(folder / "conservative-scalp.toml", [folder], {})
    yield Figure("faces", "load a profile", (time.perf_counter() - started) / _ROUNDS * 1000, "ms", 100, "lower")
    words = scratch / "passphrase"
    words.write_text("correct horse battery staple\n", encoding="utf-8")
    words.chmod(0o600)
    env = {**os.environ, "INVESTBOT_HOME": str(scratch / "home"), "INVESTBOT_PASSPHRASE_FILE": str(words)}
    ran, failed, times = 0, 0, []
    for arguments in [["init"], *[["version"], ["profiles", "list"], ["status"], ["strategies", "list"]] * 10]:
        started = time.perf_counter()
        done = subprocess.run(
            [Path(sys.executable).parent / "investbot", *arguments], env=env, capture_output=True, check=False
        )
        times.append((time.perf_counter() - started) * 1000)
        ran, failed = ran + 1, failed + (done.returncode != 0)
    yield Figure("faces", f"commands that failed, of {ran}", failed / ran, "part", 0.001, "lower")
    yield Figure("faces", "version, whole process, median", statistics.median(times[1::4]), "ms", None, "lower")
    yield Figure("faces", "status of an empty fleet, median", statistics.median(times[3::4]), "ms", None, "lower")
