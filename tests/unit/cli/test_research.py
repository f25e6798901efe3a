"""strategies, backtest, doctor, dash."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from investbot.adapters.history.candle_cache import CandleCache
from investbot.domain.market import Timeframe
from tests.unit.analysis.builders import walk
from tests.unit.cli.conftest import Cli, candle_file

BROKEN = """
from dataclasses import dataclass
from typing import ClassVar
from investbot.strategies.api import parameter
from investbot.domain.signal import Direction, Signal

SEEN = []

@dataclass(frozen=True)
class Forgetful:
    name: ClassVar[str] = "forgetful"
    description: ClassVar[str] = "Changes its mind from run to run."
    every: int = parameter(50, "bars between opinions", least=1, most=100)
    warmup: ClassVar[int] = 1

    def indicators(self):
        return {}

    def confirm_indicators(self):
        return {}

    def evaluate(self, view):
        SEEN.append(view.bars_seen)
        return Signal(Direction.LONG, 0.5, "because") if len(SEEN) % self.every == 0 else None
"""


def test_strategies_are_listed_and_shown(cli: Cli) -> None:
    names = [row["name"] for row in cli("strategies", "list", "--json").json]
    assert names == sorted(names)
    assert {"conservative_scalp", "ma_cross", "smc_confluence", "wyckoff_elliott"} < set(names)
    shown = cli("strategies", "show", "ma_cross", "--json").json
    assert [each["parameter"] for each in shown["parameters"]] == ["fast", "slow", "kind"]
    assert "ema sma" in cli("strategies", "show", "ma_cross").out
    assert cli("strategies", "show", "nope").code == 78


def test_a_sound_strategy_passes_its_checks(cli: Cli, folder: Path) -> None:
    file = candle_file(folder, 800)
    report = cli(
        "strategies", "check", "ma_cross", "--data", str(file), "--timeframe", "5m", "--set", "fast=5", "--json"
    )
    assert report.code == 0
    assert report.json["passed"]
    assert report.json["bars"] == 800
    assert cli("strategies", "check", "ma_cross", "--set", "fast=zero").code == 78


def test_a_strategy_that_changes_its_mind_does_not(cli: Cli, folder: Path) -> None:
    (folder / "home/profiles/forgetful.py").write_text(BROKEN, encoding="utf-8")
    result = cli("strategies", "check", "forgetful.py", "--data", str(candle_file(folder, 300)), "--timeframe", "5m")
    assert result.code == 65
    assert "determinism" in result.out


def test_backtest_tells_and_writes_what_it_came_to(cli: Cli, folder: Path) -> None:
    file = str(candle_file(folder, 1500))
    words = ("backtest", "--profile", "test.toml", "--data", file, "--report", "report")
    result = cli(*words, "--json")
    assert result.code == 0
    assert result.json["summary"]["trips"] == len(result.json["trips"]) > 2
    written = json.loads((folder / "report/summary.json").read_text(encoding="utf-8"))
    assert written["summary"] == result.json["summary"]
    human = cli(*words)
    assert "net pnl" in human.out
    assert "Wrote summary.json" in human.out


def test_backtest_and_paper_come_to_the_same(cli: Cli, folder: Path) -> None:
    result = cli("backtest", "--profile", "test.toml", "--data", str(candle_file(folder, 1500))).code
    assert result == 0
    tested = cli("backtest", "--profile", "test.toml", "--data", str(candle_file(folder, 1500)), "--json").json
    paper = cli("trips", "alpha", "--json").json
    assert [trip["net_pnl"] for trip in tested["trips"]][:-1] == [trip["net_pnl"] for trip in paper][:-1]
    assert len(paper) == len(tested["trips"])
    assert Decimal(tested["summary"]["cash"]) == Decimal(cli("status", "alpha", "--json").json[0]["cash"])


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--profile", "nope", "--data", "x.csv"), 78),
        (("--profile", "test.toml", "--data", "none.csv"), 65),
        (("--profile", "test.toml"), 64),
        (("--profile", "test.toml", "--capital", "-1", "--data", "x.csv"), 78),
        (("--data", "x.csv"), 64),
    ],
)
def test_backtest_refuses(cli: Cli, words: tuple[str, ...], code: int) -> None:
    result = cli("backtest", *words)
    assert (result.code, result.err.count("\n"), result.out) == (code, 1, "")


def test_the_doctor_finds_a_healthy_home_healthy(cli: Cli, folder: Path) -> None:
    result = cli("doctor", "--bundle", "facts.tar.gz")
    assert result.code == 0, result.out
    assert all(line.startswith(("ok", "warning")) for line in result.out.splitlines()[:-1])
    assert (folder / "facts.tar.gz").stat().st_mode & 0o777 == 0o600
    assert cli("doctor", "--bundle", "facts.tar.gz").code == 73


def test_the_doctor_finds_what_is_wrong_and_names_the_cure(cli: Cli, folder: Path) -> None:
    (folder / "home/instances/beta/ledger.db").write_bytes(b"x" * 8192)
    (folder / "home").chmod(0o755)
    result = cli("doctor", "--json")
    assert result.code == 1
    wrong = [each for each in result.json if each["level"] == "error"]
    assert {"permissions", "ledgers"} <= {each["check"] for each in wrong}
    assert all(each["fix"] and each["why"] for each in wrong)


def test_the_dashboard_needs_a_terminal(cli: Cli) -> None:
    result = cli("dash")
    assert result.code == 64
    assert "ssh -t" in result.err


@pytest.mark.parametrize("read_only", [True, False])
def test_the_dashboard_is_opened_on_the_home(
    cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch, *, read_only: bool
) -> None:
    opened: list[object] = []

    def run(socket_path: Path, *, read_only: bool, offline: object) -> int:
        assert callable(offline)
        opened.extend((socket_path, read_only, [row["name"] for row in offline()]))
        return 0

    monkeypatch.setattr("investbot.tui.app.run", run)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert cli("dash", *(["--read-only"] if read_only else [])).code == 0
    assert opened == [folder / "home/run/supervisor.sock", read_only, ["alpha", "beta"]]


def test_stops_are_compared_on_a_profiles_history(cli: Cli, folder: Path) -> None:
    file = candle_file(folder, 1500)
    line = (
        "choose-stop",
        "--profile",
        "ma-cross",
        "--data",
        str(file),
        "--timeframe",
        "5m",
        "--set",
        "strategy.parameters.fast=3",
    )
    told = cli(*line, "--json").json
    assert {row["stop"] for row in told["stops"]} == {"atr", "fixed"}
    assert sum(row["chosen"] for row in told["stops"]) == bool(told["chosen"])
    assert told["strategy"] == "ma_cross"
    shown = cli(*line)
    assert shown.code == 0
    assert "exits.stop_" in shown.out + shown.err or "longer history" in shown.out + shown.err
    few = cli(*line, "--set", "risk.max_entries_per_day=1")
    assert "longer history" in few.out + few.err


def test_stops_need_candles(cli: Cli, folder: Path) -> None:
    (folder / "empty.csv").write_text("timestamp,open,high,low,close,volume\n", encoding="utf-8")
    assert cli("choose-stop", "--profile", "ma-cross", "--data", str(folder / "empty.csv")).code != 0


def candle_rows(count: int) -> list[tuple[int, float, float, float, float, float]]:
    """A made-up market of five-minute bars."""
    return [(each.opened_at, *each.bar) for each in walk(count)]


def test_a_chart_is_read_from_a_file(cli: Cli, tmp_path: Path) -> None:
    lines = [",".join(map(str, row)) for row in candle_rows(400)]
    file = tmp_path / "BTCUSDT.csv"
    file.write_text("\n".join(["timestamp,open,high,low,close,volume", *lines]) + "\n", encoding="utf-8")
    told = cli("analyze", "bias", "BTC/USDT", "--data", str(file), "--json").json
    assert (told["what"], told["symbol"], len(told["rows"])) == ("bias", "BTC/USDT", 4)
    shown = cli("analyze", "bias", "--data", str(file)).out
    assert "BTCUSDT" in shown
    assert "alignment" in shown
    picture = tmp_path / "a.png"
    drawn = cli("analyze", "levels", "BTC/USDT", "--data", str(file), "--png", str(picture))
    assert (drawn.code, picture.stat().st_size > 1000) == (0, True)
    short = cli("analyze", "bias", "--data", str(tmp_path / "none.csv"))
    assert (short.code, "There is no candle file" in short.err) == (65, True)


def test_charts_are_read_from_the_market_cache(cli: Cli, tmp_path: Path) -> None:
    home = tmp_path / "cached"
    assert cli("init", home=home).code == 0
    empty = cli("analyze", "setup", home=home)
    assert (empty.code, "holds no 5m candles yet" in empty.err) == (65, True)
    rows = candle_rows(400)
    for name in ("BTC/USDT", "ETH/USDT"):
        cache = CandleCache(home / "market" / "binance")
        cache.keep(name, Timeframe.parse("5m"), rows[0][0], rows[-1][0] + 300_000, rows)
    ranked = cli("analyze", "setup", "--json", home=home).json
    assert {row["symbol"] for row in ranked} == {"BTC/USDT", "ETH/USDT"}
    assert ranked[0]["score"] >= ranked[1]["score"]
    one = cli("analyze", "regime", "ETH/USDT", "--json", home=home).json
    assert (one["symbol"], one["what"]) == ("ETH/USDT", "regime")
    unknown = cli("analyze", "regime", "DOGE/USDT", home=home)
    assert (unknown.code, "of DOGE/USDT" in unknown.err) == (65, True)
    both = cli("analyze", "setup", "--png", str(tmp_path / "a.png"), home=home)
    assert (both.code, "one symbol" in both.err) == (64, True)
