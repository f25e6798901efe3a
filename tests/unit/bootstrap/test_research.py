from __future__ import annotations

import csv
import json
import random
from decimal import Decimal
from pathlib import Path

import pytest

from investbot.bootstrap.research import backtest, write_report
from investbot.config.loading import load_profile, shipped_profiles
from investbot.config.profile import Profile
from investbot.domain.errors import DataError, UsageError

PROFILE = """
[venue]
name = "replay"
[venue.replay]
file = "walk.csv"
[market]
symbols = ["BTC/USDT"]
timeframe = "5m"
[strategy]
name = "ma_cross"
parameters = { fast = 3, slow = 8 }
[risk]
min_net_reward_risk = 0
cooldown = "0s"
"""


def walk(path: Path, seed: int, bars: int = 400) -> Path:
    chance = random.Random(seed)
    price, lines = 100.0, ["timestamp,open,high,low,close,volume"]
    for number in range(bars):
        close = price * (1 + chance.gauss(0, 0.004))
        high, low = max(price, close) * 1.001, min(price, close) * 0.999
        lines.append(f"{1_704_067_200_000 + number * 300_000},{price:.2f},{high:.2f},{low:.2f},{close:.2f},10")
        price = float(f"{close:.2f}")
    path.write_text("\n".join(lines) + "\n")
    return path


def profile(folder: Path, text: str = PROFILE) -> Profile:
    path = folder / "mine.toml"
    path.write_text(text)
    return load_profile(path, [folder, shipped_profiles()], {})


def test_a_profile_runs_over_its_own_file_or_another(tmp_path: Path) -> None:
    walk(tmp_path / "walk.csv", 1)
    other = walk(tmp_path / "other.csv", 2)
    own = backtest(profile(tmp_path), [], Decimal(500))
    assert own["summary"]["trips"] == len(own["trips"]) > 3
    assert own["from_at"] == "2024-01-01T00:00:00Z"
    assert backtest(profile(tmp_path), [other], Decimal(500))["trips"] != own["trips"]
    assert [event["seq"] for event in own["events"]] == list(range(1, len(own["events"]) + 1))


def test_several_symbols_are_merged_by_time(tmp_path: Path) -> None:
    files = [walk(tmp_path / "a.csv", 1), walk(tmp_path / "b.csv", 2)]
    text = PROFILE.replace('["BTC/USDT"]', '["BTC/USDT", "ETH/USDT"]').replace(
        "[risk]", "[risk]\nmax_open_positions = 2"
    )
    text = text.replace('file = "walk.csv"', 'files = { "BTC/USDT" = "a.csv", "ETH/USDT" = "b.csv" }')
    told = backtest(profile(tmp_path, text), files, Decimal(500))
    assert told["events"] == backtest(profile(tmp_path, text), [], Decimal(500))["events"]
    assert {trip["symbol"] for trip in told["trips"]} == {"BTC/USDT", "ETH/USDT"}
    with pytest.raises(UsageError, match="trades 2 symbols"):
        backtest(profile(tmp_path, text), files[:1], Decimal(500))


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"There is no candle file .*gone.csv"):
        backtest(profile(tmp_path), [tmp_path / "gone.csv"], Decimal(500))
    synthetic = PROFILE.replace('"replay"', '"synthetic"').replace('[venue.replay]\nfile = "walk.csv"\n', "")
    with pytest.raises(UsageError, match="no candle file for BTC/USDT"):
        backtest(profile(tmp_path, synthetic), [], Decimal(500))


def test_a_report_is_four_files_that_other_programs_read(tmp_path: Path) -> None:
    walk(tmp_path / "walk.csv", 1)
    told = backtest(profile(tmp_path), [], Decimal(500))
    written = write_report(told, tmp_path / "report")
    assert [path.name for path in written] == ["summary.json", "trips.csv", "fills.csv", "events.jsonl"]
    assert json.loads(written[0].read_text())["summary"] == told["summary"]
    with written[1].open() as trips:
        assert len(list(csv.DictReader(trips))) == len(told["trips"])
    assert len(written[3].read_text().splitlines()) == len(told["events"])


def test_a_report_of_nothing_has_its_heads(tmp_path: Path) -> None:
    walk(tmp_path / "walk.csv", 1, bars=5)
    written = write_report(backtest(profile(tmp_path), [], Decimal(500)), tmp_path / "report")
    assert written[1].read_text().strip() == "at"
