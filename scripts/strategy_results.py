"""Prints the table of docs/strategies.md: every shipped strategy on real candles, net of costs.

`alerts` reads none: it is fed a stored sequence, one alert at each close that crosses the mean of the last 48.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
PROFILES = (
    "conservative-scalp",
    "ma-cross",
    "macd-rsi",
    "breakout-regime",
    "wyckoff-elliott",
    "smc-confluence",
    "memecoin-scalp",
)
MARKETS = (("BTC/USDT", "binance_BTCUSDT_5m_2024"), ("PEPE/USDT", "binance_PEPEUSDT_5m_2024"))
FIGURES = ("trips", "win_rate", "profit_factor", "average_r", "net_pnl", "max_drawdown", "costs")


BARS, BAR_MS = 48, 300_000


def crossings(symbol: str, file: Path) -> Iterator[str]:
    """Write the alerts of a script that watches the mean of 48 closes: over it long, under it short."""
    closes: deque[float] = deque(maxlen=BARS)
    above: bool | None = None
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            closes.append(float(row["close"]))
            if len(closes) < BARS:
                continue
            before, above = above, closes[-1] > sum(closes) / BARS
            if before is not None and before != above:
                told = {"kind": "alert", "at": int(row["timestamp"]) + BAR_MS, "symbol": symbol, "setup": "mean of 48"}
                side = "long" if above else "short"
                yield json.dumps({**told, "direction": side, "source": "tradingview", "confidence": 0.6}) + "\n"


def summary(profile: str, symbol: str, file: Path, *more: str) -> dict[str, object]:
    """Backtest one profile on five-minute candles with 500 of quote; what the command's `summary` says."""
    command = [sys.executable, "-P", "-c", "from investbot.cli.main import run; run()", "backtest", "--json"]
    command += ["--profile", profile, "--symbol", symbol, "--timeframe", "5m", "--data", str(file), *more]
    told = subprocess.run(command, check=True, capture_output=True, text=True, cwd=REPOSITORY)
    found: dict[str, object] = json.loads(told.stdout)["summary"]
    return found


def main() -> None:
    """Print one row a profile and market."""
    parser = argparse.ArgumentParser(description=__doc__)
    usual = REPOSITORY.parent / "shared" / "data"
    parser.add_argument("--data", type=Path, default=usual, help="folder of candle files")
    folder = parser.parse_args().data
    print("| profile | market |", " | ".join(FIGURES), "|")
    print("|---|---|" + "--:|" * len(FIGURES))
    for profile in PROFILES:
        for symbol, name in MARKETS:
            found = summary(profile, symbol, folder / f"{name}.csv.gz")
            cells = [str(found.get(figure, "-")) for figure in FIGURES]
            print(f"| {profile} | {symbol} |", " | ".join(cells), "|", flush=True)
    for symbol, name in MARKETS:
        file = folder / f"{name}.csv.gz"
        with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as told:
            told.writelines(crossings(symbol, file))
            told.flush()
            found = summary("alerts", symbol, file, "--set", f"venue.replay.facts={told.name}")
        print(f"| alerts | {symbol} |", " | ".join(str(found.get(figure, "-")) for figure in FIGURES), "|", flush=True)


if __name__ == "__main__":
    main()
