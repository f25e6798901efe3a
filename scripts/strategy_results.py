"""Prints the table of docs/strategies.md: every shipped strategy that reads candles, on real ones, net of costs."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
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


def summary(profile: str, symbol: str, file: Path) -> dict[str, object]:
    """Backtest one profile on five-minute candles with 500 of quote; what the command's `summary` says."""
    command = [sys.executable, "-P", "-c", "from investbot.cli.main import run; run()", "backtest", "--json"]
    command += ["--profile", profile, "--symbol", symbol, "--timeframe", "5m", "--data", str(file)]
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


if __name__ == "__main__":
    main()
