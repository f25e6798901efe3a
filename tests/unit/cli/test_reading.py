"""Reading commands with no supervisor: out of the ledgers, in the shapes that programs rely on."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from investbot.domain.times import parse_rfc3339
from tests.unit.cli.conftest import Cli, holding


def words(text: str) -> list[str]:
    return text.split()


STATUS = words(
    "name state mode venue symbols timeframe strategy profile capital equity cash open_positions day_pnl total_pnl "
    "uptime_s win_rate profit_factor drawdown trading_state last_candle_at last_signal heartbeat_age_s pid rss_mb "
    "pss_mb restarts error"
)
FILLS = words("at order_id trade_id symbol side price quantity fee fee_currency fee_quote")
ORDERS = words(
    "at order_id client_order_id venue_order_id symbol side type price stop_price quantity filled state role reason"
)
TRIPS = words("opened_at closed_at symbol quantity entry_price exit_price costs net_pnl r mae mfe exit_reason gapped")


def test_status_has_every_key_of_the_contract(cli: Cli) -> None:
    alpha, beta = cli("status", "--json").json
    assert set(STATUS) <= alpha.keys() & beta.keys()
    assert (alpha["name"], alpha["mode"], alpha["venue"]) == ("alpha", "paper", "synthetic")
    assert (alpha["state"], beta["state"]) == ("EXITED", "STOPPED")
    assert Decimal(alpha["equity"]) == Decimal(alpha["cash"])
    assert (beta["capital"], beta["equity"]) == ("300", "300")


@pytest.mark.parametrize(
    ("kind", "keys"), [("fills", FILLS), ("orders", ORDERS), ("trips", TRIPS), ("events", ["seq", "at", "kind"])]
)
def test_rows_have_every_key_of_the_contract(cli: Cli, kind: str, keys: list[str]) -> None:
    rows = cli(kind, "alpha", "--json").json
    assert len(rows) > 2
    assert all(set(keys) <= row.keys() for row in rows)
    moments = [parse_rfc3339(row[next(key for key in ("closed_at", "at") if key in row)]) for row in rows]
    assert moments == sorted(moments)


def test_cash_is_capital_less_buys_plus_sells_less_fees(cli: Cli) -> None:
    cash = Decimal(500)
    for fill in cli("fills", "alpha", "--json").json:
        value = Decimal(fill["price"]) * Decimal(fill["quantity"])
        cash += value if fill["side"] == "sell" else -value
        cash -= Decimal(fill["fee_quote"])
    assert cash == Decimal(cli("status", "alpha", "--json").json[0]["cash"])


def test_last_and_since_keep_the_newest(cli: Cli) -> None:
    rows = cli("trips", "alpha", "--json").json
    assert cli("trips", "alpha", "--last", "2", "--json").json == rows[-2:]
    since = rows[-2]["closed_at"]
    assert cli("trips", "alpha", "--since", since, "--json").json == rows[-2:]


def test_csv_holds_every_column(cli: Cli) -> None:
    rows = cli("fills", "alpha", "--json").json
    lines = cli("fills", "alpha", "--csv").out.splitlines()
    assert lines[0].split(",")[: len(FILLS)] == FILLS
    assert len(lines) == len(rows) + 1


@pytest.mark.parametrize("kind", ["orders", "fills", "trips", "equity", "signals"])
def test_the_head_of_a_csv_is_that_of_the_rows_also_without_any(cli: Cli, kind: str) -> None:
    (head,) = cli(kind, "beta", "--csv").out.splitlines()
    assert head.split(",") == list(cli(kind, "alpha", "--last", "1", "--json").json[0])


def test_the_head_of_positions_is_that_of_the_rows_also_without_any(cli: Cli, folder: Path) -> None:
    (head,) = cli("positions", "beta", "--csv").out.splitlines()
    holding(cli, folder, "gamma")
    assert head.split(",") == list(cli("positions", "gamma", "--json").json[0])


def test_csv_and_json_exclude_each_other(cli: Cli) -> None:
    result = cli("fills", "alpha", "--csv", "--json")
    assert (result.code, result.out) == (64, "")


def test_events_for_a_human_say_what_happened(cli: Cli) -> None:
    shown = cli("events", "alpha", "--last", "2").out.splitlines()
    assert shown[0].split() == ["seq", "at", "kind", "what"]
    assert "=" in shown[1]
    assert shown[2].endswith("SourceFinished")


def test_signals_of_all_instances_are_merged_by_time(cli: Cli) -> None:
    one = cli("signals", "alpha", "--json").json
    every = cli("signals", "--json").json
    assert [row["instance"] for row in every] == ["alpha"] * len(one)
    last = cli("signals", "--last", "1", "--symbol", "BTC/USDT", "--timeframe", "5m", "--json").json
    assert last == every[-1:]
    assert {"confidence", "reason", "direction", "price"} <= last[0].keys()
    assert cli("signals", "--symbol", "ETH/USDT", "--json").json == []


def test_signals_are_written_for_other_programs(cli: Cli) -> None:
    row = cli("signals", "alpha", "--last", "1", "--json").json[0]
    (line,) = cli("signals", "alpha", "--last", "1", "--format", "sc01").out.splitlines()
    assert line.startswith(f"SC01 BTC/USDT 5m {row['direction'].upper()} entry ")
    assert line.endswith(f"at {row['at']} id {row['signal_id']}")
    block = cli("signals", "alpha", "--last", "1", "--format", "sc02").out.splitlines()
    assert (block[0], block[-1]) == (f"{row['direction'].upper()} BTC/USDT 5m", f"SC02 {line[line.index('at ') :]}")
    assert cli("signals", "alpha", "--last", "1", "--format", "sc02", "--json").json == [row]


def test_a_home_without_instances_has_no_signals(cli: Cli, tmp_path: Path) -> None:
    assert cli("init", home=tmp_path / "new").code == 0
    assert cli("signals", "--json", home=tmp_path / "new").json == []
    shown = cli("status", home=tmp_path / "new")
    assert (shown.code, shown.out) == (0, "")
    assert "investbot create" in shown.err


def test_show_tells_all_of_one_instance(cli: Cli) -> None:
    shown = cli("show", "alpha", "--json").json
    assert shown["positions"] == []
    assert shown["open_orders"] == []
    assert shown["settings"]["market"]["timeframe"] == "5m"
    assert "trading state" in cli("show", "alpha").out


def test_unknown_names_are_66_and_bad_times_64(cli: Cli) -> None:
    for words in (("fills", "nope"), ("show", "nope"), ("status", "nope"), ("logs", "nope"), ("signals", "nope")):
        assert cli(*words).code == 66
    assert cli("fills", "alpha", "--since", "soon").code == 64
    assert cli("fills", "alpha", "--last", "0").code == 64


def test_a_ledger_that_does_not_open_is_told_in_its_row(cli: Cli, folder: Path) -> None:
    (folder / "home/instances/alpha/ledger.db").write_bytes(b"not a database" * 400)
    result = cli("status", "--json")
    assert result.code == 0
    alpha, beta = result.json
    assert "ledger" in alpha["error"]
    assert beta["error"] is None
    assert cli("fills", "alpha").code == 74


def test_logs_are_read_over_rotated_files(cli: Cli, folder: Path) -> None:
    log = folder / "home/instances/alpha/logs/instance.log"
    written = log.read_text(encoding="utf-8").splitlines()
    log.rename(log.with_name("instance.log.2024-01-01T00-00-00"))
    log.write_text('{"at":"2030-01-01T00:00:00Z","level":"info","event":"later","n":1}\nnot json\n')
    lines = cli("logs", "alpha", "--json").out.splitlines()
    assert len(lines) == len(written) + 2
    assert cli("logs", "alpha", "--last", "2").out == "2030-01-01T00:00:00Z  INFO  later  n=1\nnot json\n"
    assert cli("logs", "alpha", "--since", "2029-01-01").out.count("\n") == 1


def test_a_loss_below_a_hundredth_is_no_loss_to_a_human(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{**cli("status", "alpha", "--json").json[0], "total_pnl": "-0.001", "day_pnl": "-1.005"}]
    monkeypatch.setattr("investbot.cli.commands.status.status_of", lambda *_: rows)
    _, row = cli("status", "alpha").out.splitlines()
    assert "-1.00" in row
    assert "-0.00" not in row


def test_all_and_names_do_not_go_together(cli: Cli) -> None:
    assert cli("status", "--all", "--json").json == cli("status", "--json").json
    assert cli("status", "--all", "alpha").code == 64
