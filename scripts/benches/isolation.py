"""What isolation costs: at the start of an instance, and at every commit to its ledger."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

from investbot.adapters.storage.ledger import SqlcipherLedger
from investbot.bootstrap.confinement import isolate
from investbot.bootstrap.home import Home
from investbot.config.fleet import init_fleet
from investbot.config.instance import load_instance, new_instance
from investbot.config.layers import from_assignments
from investbot.config.profile import Profile
from investbot.config.versions import save
from investbot.domain.events import EntriesPaused
from investbot.supervisor.spawn import sealed
from scripts.benches.figures import Figure, percentile

KEY = bytes(range(32))
BEGIN = 1_704_067_200_000
ROUNDS, COMMITS = 7, 2000
PROGRAM = "from scripts.benches.isolation import commits; commits(__import__('sys').argv[1])"


def measure(scratch: Path) -> Iterator[Figure]:
    """Measure starts (fresh interpreters, one after the other) with and without, then commits before and after."""
    free, held = _home(scratch / "free", 'off = ["*"]'), _home(scratch / "held", "off = []")
    starts: dict[Home, list[tuple[float, float]]] = {free: [], held: []}
    for _ in range(ROUNDS):
        for home, times in starts.items():
            times.append(_ready_ms(home))
    for place, what in enumerate(("by the clock", "processor time")):
        for home, how in ((free, "not isolated"), (held, "isolated")):
            value = statistics.median(times[place] for times in starts[home])
            yield Figure("isolation", f"spawn to ready {how}, {what}", value, "ms", None, "lower")
    told = [_commits(_home(scratch / f"commits{number}", "off = []")) for number in range(3)]
    taken = min(each["ms"] for each in told)
    yield Figure("isolation", "policy worked out and in force, processor time", taken, "ms", None, "lower")
    for part in ("p50", "p99"):
        for when in ("before", "after"):
            value = min(each[f"{when}_{part}"] for each in told)
            yield Figure("isolation", f"commit of one event {when}, {part}", value, "ms", None, "lower")


def commits(path: str) -> None:
    """Time commits, isolate this process, time them again, and print the figures."""
    home = Home(Path(path))
    folder = home.instance("alpha")
    ledger = SqlcipherLedger.open(folder.ledger, KEY)
    before = _times(ledger, 0)
    config = load_instance(folder.path)
    began = time.process_time()
    isolate(home, folder, config, KEY)
    ms = (time.process_time() - began) * 1000
    after = _times(ledger, COMMITS)
    told = {"ms": ms}
    for when, times in (("before", before), ("after", after)):
        told |= {f"{when}_p50": percentile(times, 0.5), f"{when}_p99": percentile(times, 0.99)}
    sys.stdout.write(json.dumps(told) + "\n")


def _times(ledger: SqlcipherLedger, first: int) -> list[float]:
    times = []
    for number in range(first, first + COMMITS):
        event = EntriesPaused(BEGIN + number, f"bench{number}", "measured")
        began = time.perf_counter()
        ledger.append([event], None)
        times.append((time.perf_counter() - began) * 1000)
    return times


def _home(path: Path, isolation: str) -> Home:
    home = Home(path)
    home.ensure()
    init_fleet(path)
    with home.settings.open("a", encoding="utf-8") as file:
        file.write(f"[isolation]\n{isolation}\n")
    folder = home.instance("alpha")
    folder.ensure()
    wanted = ("venue.name=synthetic", "venue.synthetic.speed=1", "strategy.name=ma_cross")
    made = new_instance("alpha", Profile.model_validate(from_assignments(wanted).data), "bench", Decimal(1000), BEGIN)
    save(folder.path, made, BEGIN, "bench", "made to be measured")
    SqlcipherLedger.create(folder.ledger, KEY, instance="alpha").close()
    return home


def _ready_ms(home: Home) -> tuple[float, float]:
    """Start an instance; give the ms until it is ready, by the clock and of processor (proc(5), schedstat)."""
    log = home.instance("alpha").log
    log.unlink(missing_ok=True)
    key = sealed(KEY)
    command = [sys.executable, "-P", "-m", "investbot.bootstrap.instance", "--home", str(home.path), "--name", "alpha"]
    began = time.perf_counter()
    process = subprocess.Popen([*command, "--key-fd", str(key)], pass_fds=(key,))
    while not (log.exists() and '"event": "ready"' in log.read_text(encoding="utf-8")):
        time.sleep(0.0005)
    ms = (time.perf_counter() - began) * 1000
    used = int(Path(f"/proc/{process.pid}/schedstat").read_text(encoding="ascii").split()[0]) / 1_000_000
    process.terminate()
    process.wait()
    return ms, used


def _commits(home: Home) -> dict[str, float]:
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(home.path)], capture_output=True, check=True, cwd=root, text=True
    )
    told: dict[str, float] = json.loads(done.stdout)
    return told
