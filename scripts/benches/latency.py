"""From the close of a candle on the wire to the order on the wire: real processes, real sockets, one exchange."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path

from scripts.benches.figures import Figure, percentile
from scripts.chaos_run.exchange import ExchangeProcess
from scripts.chaos_run.fleet import Child, Fleet

GOAL_MS = 50.0
RUNS = ((1, 30.0, 80.0), (20, 15.0, 80.0))
"""Instances, venue time over wall time, seconds of the wall: a bar of a minute is two seconds or four."""
AGAIN_AND_AGAIN = (
    'market.symbols=["BTC/USDT"]',
    "risk.max_open_positions=1",
    "exits.max_age=20s",
    "exits.targets=[[0.2, 1.0]]",
    "exits.stop_fraction=0.03",
    "exits.stop_max=0.03",
)
"""In at every close, out again between two."""


def measure(scratch: Path) -> Iterator[Figure]:
    """Measure every entry: the exchange notes when it sends a close, and when an order arrives."""
    for count, speed, seconds in RUNS:
        with ExchangeProcess(7, speed, "--cadence", "1.5") as exchange:
            times, cpu_ms = _trade(scratch / f"home{count}", exchange, count, seconds, settled_s=60 / speed)
        many = f"{count} instance{'s' if count > 1 else ''}"
        yield Figure("latency", f"close to order, {many}, p50", percentile(times, 0.5), "ms", None, "lower")
        yield Figure("latency", f"close to order, {many}, p99", percentile(times, 0.99), "ms", GOAL_MS, "lower")
        yield Figure("latency", f"entries measured, {many}", len(times), "", None, "higher")
        yield Figure("latency", f"processor an entry, exit and all else, {many}", cpu_ms, "ms", None, "lower")


def _trade(
    home: Path, exchange: ExchangeProcess, count: int, seconds: float, *, settled_s: float
) -> tuple[list[float], float]:
    """Let so many instances trade; give the milliseconds of each entry, and the processor time that one takes.

    Closes count from `settled_s` after the last instance was ready.
    """
    settings = {**exchange.settings(5000), "options": {"capabilities": {"weight_per_minute": 600_000}}}
    fleet, children = Fleet(home), []
    for number in range(count):
        name = f"i{number}"
        fleet.add(name, settings, exchange.card["keys"]["main"], *AGAIN_AND_AGAIN, capital="200")
        children.append(fleet.spawn(name))
    try:
        for child in children:
            child.wait(time.monotonic() + 120, ready=True)
            if child.ended or not child.ready:
                raise RuntimeError(f"An instance did not get ready: {child.stop()}")
        time.sleep(settled_s)
        since, began = time.time_ns(), sum(map(_cpu_ms, children))
        time.sleep(seconds)
        used = sum(map(_cpu_ms, children)) - began
        closes = sorted(close["wall_ns"] for close in exchange.tell("state")["closes"] if close["wall_ns"] > since)
        sent = [each for each in exchange.tell("truth")["submissions"] if each["query"].get("type") == "LIMIT"]
    finally:
        for child in children:
            child.kill()
    pairs = [(each["wall_ns"], bisect_right(closes, each["wall_ns"]) - 1) for each in sent]
    times = [(at - closes[place]) / 1e6 for at, place in pairs if place >= 0]
    return times, used / max(len(times), 1)


def _cpu_ms(child: Child) -> float:
    """Tell the processor time that a process and its threads have used, in milliseconds (proc(5), schedstat)."""
    tasks = Path(f"/proc/{child.process.pid}/task")
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks.iterdir()) / 1e6
