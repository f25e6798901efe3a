"""A fleet on two cores: spawn to ready, memory an instance, processor at rest and at a shared candle close."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from scripts.benches.figures import Figure
from scripts.benches.fleet_home import BenchFleet
from scripts.benches.processes import cpu_s, memory, naming
from scripts.chaos_run.exchange import ExchangeProcess

SIZES = (1, 10, 50, 100)
PLAIN_MOST = 20
"""Most instances of the plain column: fresh interpreters take too long and too much beyond that."""
ALONE = 10
"""Instances that are started one by one, to time each."""
REST_S = 20.0
_MINUTE_S = 60
Make = Callable[[str, float, str, float | None], Figure]
"""Makes a figure of what, value, unit and goal."""


def measure(scratch: Path, sizes: Sequence[int] = SIZES) -> Iterator[Figure]:
    """Measure fleets of these sizes with the fork server, and beside them with fresh interpreters."""
    with ExchangeProcess(7, 1.0) as exchange:
        for size in sizes:
            for fork in (True, False):
                if fork or size <= PLAIN_MOST:
                    way = "fork server" if fork else "plain"
                    fleet = BenchFleet(scratch / f"{size}-{way[:4]}", size, exchange.settings(10_000), fork=fork)
                    goals = fork and size == max(sizes)
                    for figure in _one(fleet, goals=goals):
                        yield replace(figure, figure=f"{size} × {way}: {figure.figure}")
        if max(sizes) > PLAIN_MOST:
            told = f"plain is measured up to {PLAIN_MOST} instances only"
            yield Figure("fleet", told, PLAIN_MOST, "instances", None, "higher")


def _one(fleet: BenchFleet, *, goals: bool) -> Iterator[Figure]:
    def figure(what: str, value: float, unit: str, goal: float | None) -> Figure:
        return Figure("fleet", what, value, unit, goal if goals else None, "lower")

    with fleet:
        time.sleep(3)  # the fork server reads the program in; an operator's first start comes later still
        times = list(_each_alone(fleet))
        yield figure("spawn to ready, median", statistics.median(times[1:] or times), "ms", 120)
        began = time.monotonic()
        if fleet.names[ALONE:]:
            fleet.start(fleet.names[ALONE:])
            count = len(fleet.names[ALONE:])
            yield figure(f"{count} more at once, each", (time.monotonic() - began) * 1000 / count, "ms", None)
        time.sleep(5)
        yield from _memory(fleet, figure)
        _await_second(5)
        yield figure("processor at rest, of one core", _cpu(fleet, REST_S), "part", 0.10)
        yield figure("status from the shell, whole process", _status_ms(fleet), "ms", 150)
        yield from _close(fleet, figure)


def _each_alone(fleet: BenchFleet) -> Iterator[float]:
    """Start the first few one by one; milliseconds from the request to RUNNING."""
    for name in fleet.names[:ALONE]:
        began = time.perf_counter()
        fleet.start([name])
        yield (time.perf_counter() - began) * 1000


def _memory(fleet: BenchFleet, figure: Make) -> Iterator[Figure]:
    rows = fleet.status()
    own = [memory(row["pid"]) for row in rows]
    yield figure("PSS, mean of an instance", statistics.mean(each.pss for each in own), "MB", None)
    yield figure("private, most of an instance", max(each.private for each in own), "MB", 25)
    yield figure("supervisor, PSS", memory(fleet.pid).pss, "MB", 60)


def _cpu(fleet: BenchFleet, seconds: float) -> float:
    """Tell what all processes of the home take, as a part of one core."""
    pids = list(naming(str(fleet.home.path)))
    before = sum(cpu_s(pid) for pid in pids)
    began = time.monotonic()
    time.sleep(seconds)
    return (sum(cpu_s(pid) for pid in pids) - before) / (time.monotonic() - began)


def _await_second(second: int) -> None:
    """Wait for this second of the minute: candles of a minute close at 0."""
    time.sleep((second - time.time()) % _MINUTE_S)


def _status_ms(fleet: BenchFleet) -> float:
    command = [str(Path(sys.executable).with_name("investbot")), "status", "--json", "--home", str(fleet.home.path)]
    times = []
    for _ in range(9):
        began = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times)


def _close(fleet: BenchFleet, figure: Make) -> Iterator[Figure]:
    """Look at one close of a candle that all instances share."""
    _await_second(57)
    pids = list(naming(str(fleet.home.path)))
    before = sum(cpu_s(pid) for pid in pids)
    time.sleep(13)
    taken = sum(cpu_s(pid) for pid in pids) - before
    yield figure("processor over a shared close", taken, "s", None)
    late = [row["latency"]["close_ms"] for row in fleet.status()]
    yield figure("candle close to the last decision", max(late), "ms", 1000)
    yield figure("candle close to a decision, median", statistics.median(late), "ms", None)
