"""Lets a fleet trade on the loopback exchange for hours, and looks for what grows: memory, descriptors, threads."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from scripts.benches.figures import Figure
from scripts.benches.fleet_home import BenchFleet
from scripts.benches.processes import descriptors, memory, threads
from scripts.chaos_run.exchange import ExchangeProcess
from scripts.soak_run.growth import Sample, grown, settled, slope_mb_an_hour

SPEED = 60.0
"""Venue time over wall time: a one-minute bar closes every second."""
SAMPLES = 240
"""Looks over the whole run, at most one every two seconds."""
EAGER = f"strategy.name={Path(__file__).parents[1] / 'chaos_run' / 'eager.py'}"
TRADING = (
    EAGER,
    "risk.allow_wide=true",
    "risk.position_fraction=0.25",
    "risk.risk_fraction=0.05",
    "risk.cooldown=0s",
    "risk.duplicate_window=0s",
    "risk.min_net_reward_risk=0",
    "risk.max_entries_per_hour=1000",
    "risk.max_entries_per_day=10000",
    "risk.daily_loss_fraction=0.9",
    "risk.max_drawdown_fraction=0.9",
    "exits.max_age=10m",
)
SUPERVISOR = "supervisor"
ENOUGH = 10
"""Looks below which one more descriptor may be one that was open just then."""
TELLING_S = 900.0
"""A run shorter than this says nothing of a slope an hour: caches still fill, and a page weighs much."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print the table, write the rows; 1 when anything is off."""
    parser = argparse.ArgumentParser(prog="scripts/soak", description=__doc__)
    parser.add_argument("--hours", type=float, default=1.0, help="how long the fleet trades, in hours of the wall")
    parser.add_argument("--instances", type=int, default=10, help="how many instances")
    parser.add_argument("--json", type=Path, help="where the figures go as JSON")
    asked = parser.parse_args(arguments)
    command = f"scripts/soak --hours {asked.hours:g} --instances {asked.instances}"
    with tempfile.TemporaryDirectory(prefix="investbot-soak-") as scratch, ExchangeProcess(11, SPEED) as exchange:
        fleet = BenchFleet(Path(scratch) / "home", asked.instances, exchange.settings(10_000), *TRADING)
        figures = list(judged(*soak(fleet, asked.hours * 3600)))
    for figure in figures:
        print(figure.line())
    if asked.json:
        rows = [figure.row() | {"command": command} for figure in figures]
        asked.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return 0 if all(figure.met for figure in figures) else 1


def soak(fleet: BenchFleet, seconds: float) -> tuple[dict[str, list[Sample]], list[dict[str, Any]]]:
    """Let the fleet trade for so long; give the samples of each process, and the last status rows."""
    samples: dict[str, list[Sample]] = defaultdict(list)
    with fleet:
        fleet.start(fleet.names)
        pause = max(2.0, seconds / SAMPLES)
        began = time.monotonic()
        while (at := time.monotonic() - began) < seconds:
            for name, pid in [(SUPERVISOR, fleet.pid), *((row["name"], row["pid"]) for row in fleet.status())]:
                if pid is not None:
                    samples[name].append(Sample(at, memory(pid).private, descriptors(pid), threads(pid)))
            most = max(taken[-1].private_mb for name, taken in samples.items() if name != SUPERVISOR)
            print(f"{at:8.0f} s  an instance takes at most {most:.2f} MB", file=sys.stderr, flush=True)
            time.sleep(max(0.0, min(pause, seconds - (time.monotonic() - began))))
        return samples, fleet.status()


def judged(samples: dict[str, list[Sample]], rows: list[dict[str, Any]]) -> Iterator[Figure]:
    """Tell what the samples say, the worst process of each kind."""
    quiet = {name: settled(taken) for name, taken in samples.items()}
    own = quiet.pop(SUPERVISOR)

    def figure(what: str, value: float, unit: str, goal: float | None, better: str = "lower") -> Figure:
        return Figure("soak", what, value, unit, goal, better)

    span = own[-1].at - own[0].at if own else 0.0
    bound = 1.0 if span >= TELLING_S * 0.75 else None
    slopes = [slope_mb_an_hour(taken) for taken in quiet.values()]
    yield figure("memory slope, most of an instance", max(slopes), "MB/h", bound)
    yield figure("memory slope, mean of an instance", sum(slopes) / len(slopes), "MB/h", bound)
    yield figure("memory slope, supervisor", slope_mb_an_hour(own), "MB/h", None)
    yield figure("private memory at the end, most", max(taken[-1].private_mb for taken in quiet.values()), "MB", None)
    every = [*quiet.values(), own]
    for what in ("descriptors", "threads"):
        most = max(grown([getattr(sample, what) for sample in taken]) for taken in every)
        yield figure(f"{what} grown, most of a process", most, "", 0.0 if len(own) >= ENOUGH else None)
    yield figure("restarts", sum(row["restarts"] for row in rows), "", 0.0)
    ended = [row["name"] for row in rows if row["state"] != "RUNNING"]
    yield figure("instances that do not run", len(ended), "", 0.0)
    least = min(row.get("candles") or 0 for row in rows)
    yield figure("candles worked on, least of an instance", least, "", None, "higher")


if __name__ == "__main__":
    sys.exit(main())
