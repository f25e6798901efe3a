from __future__ import annotations

import gzip
import os
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from investbot.adapters.venues import candle_blocks
from investbot.adapters.venues.candle_file import CandleFile
from investbot.adapters.venues.instruments import InstrumentRules
from investbot.domain.errors import DataError
from investbot.domain.market import DAY, Candle, Timeframe
from tests.unit.adapters.venues.files import HEADER, MINUTE, START, row, rows, write

D = Decimal
ONE_MINUTE = Timeframe.parse("1m")


def read(path: Path, timeframe: str = "1m", rules: InstrumentRules | None = None) -> list[Candle]:
    file = CandleFile(path, "BTC/USDT", Timeframe.parse(timeframe), rules or InstrumentRules())
    return [candle for block in file.candles() for candle in block]


def checked(path: Path, timeframe: str = "1m") -> CandleFile:
    file = CandleFile(path, "BTC/USDT", Timeframe.parse(timeframe))
    file.check()
    return file


def refusal(path: Path, timeframe: str = "1m") -> str:
    with pytest.raises(DataError) as caught:
        checked(path, timeframe)
    message = str(caught.value)
    assert caught.value.exit_code == 65
    assert message.endswith(".")
    assert "\n" not in message
    return message


# ---- what is read --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["candles.csv", "candles.csv.gz"])
def test_a_row_becomes_an_exact_candle(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, [f"{START},42283.58,42397.23,42261.02,42397.2,155.25731", row(1, 42397.2)])
    first = read(path)[0]
    assert (first.symbol, first.timeframe, first.opened_at) == ("BTC/USDT", ONE_MINUTE, START)
    assert (first.open, first.high, first.low) == (D("42283.58"), D("42397.23"), D("42261.02"))
    assert str(first.close) == "42397.20"
    assert first.bar == (42283.58, 42397.23, 42261.02, 42397.2, 155.25731)


def test_columns_are_found_by_name(tmp_path: Path) -> None:
    lines = [f"9,{START},1.5,1.2,1,1.4,1.1", f"9,{START + MINUTE},1.5,1.2,1,1.4,1.1"]
    path = write(tmp_path / "c.csv", lines, "trades,Date,high,close,low,open,volume")
    (first, _) = read(path)
    assert first.bar == (1.4, 1.5, 1.0, 1.2, 1.1)


@pytest.mark.parametrize(
    ("stamp", "wanted"),
    [
        ("2024-01-01T00:00:00Z", START),
        ("2024-01-01 01:00:00+01:00", START),
        ("2024-01-01 00:00:00", START),
        ("2024-01-01T00:00:00.000Z", START),
    ],
)
def test_stamps_may_be_written_out(tmp_path: Path, stamp: str, wanted: int) -> None:
    path = write(tmp_path / "c.csv", [f"{stamp},1,1,1,1,1"], "date,open,high,low,close,volume")
    assert [candle.opened_at for candle in read(path)] == [wanted]


@pytest.mark.parametrize(("factor", "digits"), [(1e-3, 0), (1.0, 0), (1e3, 0), (1e6, 0)])
def test_stamps_may_be_seconds_milliseconds_microseconds_or_nanoseconds(
    tmp_path: Path, factor: float, digits: int
) -> None:
    lines = [f"{(START + minute * MINUTE) * factor:.{digits}f},1,1,1,1,1" for minute in range(3)]
    assert [candle.opened_at for candle in read(write(tmp_path / "c.csv", lines))] == [
        START,
        START + MINUTE,
        START + 2 * MINUTE,
    ]


def test_blank_lines_and_a_byte_order_mark_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text("\ufeff" + "\r\n".join([HEADER, row(0), "", row(1), "", ""]), encoding="utf-8")
    assert len(read(path)) == 2
    path.write_text("\n".join([HEADER, *rows(candle_blocks.ROWS), "", ""]), encoding="utf-8")
    assert len(read(path)) == candle_blocks.ROWS


def test_quoted_cells_are_read(tmp_path: Path) -> None:
    assert len(read(write(tmp_path / "c.csv", [",".join(f'"{cell}"' for cell in row(0).split(","))]))) == 1


def test_a_comma_inside_quotes_is_no_column(tmp_path: Path) -> None:
    path = write(tmp_path / "c.csv", [f'"a, note",{row(0)}', f"plain,{row(1)}"], f"note,{HEADER}")
    assert [candle.bar.volume for candle in read(path)] == [1.5, 2.5]


def test_a_long_file_is_read_in_blocks(tmp_path: Path) -> None:
    count = 2 * candle_blocks.ROWS + 10
    path = write(tmp_path / "c.csv.gz", rows(count))
    file = CandleFile(path, "BTC/USDT", ONE_MINUTE)
    blocks = list(file.candles())
    assert [len(block) for block in blocks] == [candle_blocks.ROWS, candle_blocks.ROWS, 10]
    stamps = [candle.opened_at for block in blocks for candle in block]
    assert stamps == [START + minute * MINUTE for minute in range(count)]
    assert (file.rows, file.first_opened_at, file.warnings) == (count, START, ())


def test_reading_can_begin_later(tmp_path: Path) -> None:
    file = CandleFile(write(tmp_path / "c.csv", rows(10)), "BTC/USDT", ONE_MINUTE)
    later = [candle for block in file.candles(START + 7 * MINUTE) for candle in block]
    assert [candle.opened_at for candle in later] == [START + minute * MINUTE for minute in (7, 8, 9)]
    assert list(file.candles(START + DAY)) == []


# ---- tick ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prices", "tick"),
    [
        (["42283.58", "42283.5"], "0.01"),
        (["42283", "42284.0"], "1"),
        (["1.3e-06", "1.31e-06"], "0.00000001"),
        (["0.3154606", "0.317"], "0.0000001"),
        (["6.4", "0.00005"], "0.00001"),
        (["0.30000000000000004", "0.1"], "0.000000000000001"),
        (["90000.12345678951", "1"], "0.0000000001"),
    ],
)
def test_the_tick_is_the_finest_decimal_in_the_prices(tmp_path: Path, prices: list[str], tick: str) -> None:
    lines = [f"{START + place * MINUTE},{price},{price},{price},{price},1" for place, price in enumerate(prices)]
    assert checked(write(tmp_path / "c.csv", lines)).check().tick == D(tick)


def test_the_tick_stays_within_what_floats_keep_apart(tmp_path: Path) -> None:
    fine = [f"{START + at * MINUTE},0.000000000001,0.5,0.000000000001,0.5,1" for at in range(candle_blocks.ROWS)]
    dear = f"{START + candle_blocks.ROWS * MINUTE},9000000,9000000,9000000,9000000,1"
    assert checked(write(tmp_path / "c.csv", [*fine, dear])).check().tick == D("0.00000001")


def test_the_lot_is_a_hundred_millionth_and_there_is_no_minimum(tmp_path: Path) -> None:
    instrument = checked(write(tmp_path / "c.csv", rows(2))).check()
    assert (instrument.symbol, instrument.lot, instrument.min_notional) == ("BTC/USDT", D("0.00000001"), D(0))


def test_the_operators_steps_win_and_prices_are_put_on_the_tick(tmp_path: Path) -> None:
    path = write(tmp_path / "c.csv", [f"{START},100.13,100.37,99.88,100.12,1"])
    rules = InstrumentRules(D("0.25"), D("0.001"), D(5))
    file = CandleFile(path, "BTC/USDT", ONE_MINUTE, rules)
    instrument = file.check()
    assert (instrument.tick, instrument.lot, instrument.min_notional) == (D("0.25"), D("0.001"), D(5))
    (candle,) = next(file.candles())
    assert [str(price) for price in (candle.open, candle.high, candle.low, candle.close)] == [
        "100.25",
        "100.25",
        "100.00",
        "100.00",
    ]
    assert candle.bar[:4] == (100.25, 100.25, 100.0, 100.0)


def test_a_tick_far_above_the_price_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "c.csv", [f"{START},6.4,6.4,0.00005,0.1,1"])
    with pytest.raises(DataError, match=r"line 2: a price is below half the tick 0\.01; set a finer"):
        read(path, rules=InstrumentRules(D("0.01")))


@given(
    steps=st.lists(st.integers(min_value=1, max_value=10**9), min_size=1, max_size=20),
    tick=st.sampled_from(["0.01", "0.00000001", "0.05", "0.25", "1", "5", "10", "0.0005", "1E+2"]),
)
def test_the_float_of_a_candle_is_the_float_of_its_decimal(
    tmp_path_factory: pytest.TempPathFactory, steps: list[int], tick: str
) -> None:
    prices = [step * D(tick) for step in steps]
    lines = [f"{START + at * MINUTE},{p:f},{p:f},{p:f},{p:f},1" for at, p in enumerate(prices)]
    candles = read(write(tmp_path_factory.mktemp("c") / "c.csv", lines), rules=InstrumentRules(D(tick)))
    assert [candle.close for candle in candles] == prices
    assert [candle.bar.close for candle in candles] == [float(price) for price in prices]


# ---- what is odd and what is refused -------------------------------------------------------------------------------


def test_holes_are_counted_and_the_largest_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "c.csv", [row(minute) for minute in (0, 1, 2, 4, 5, 6, 16, 17, 18)])
    assert checked(path).warnings == (
        "c.csv: 2 holes (10 candles of 1m missing), the largest of 9 after 2024-01-01T00:06:00Z",
    )
    assert len(read(path)) == 9


def test_a_hole_between_two_blocks_is_seen(tmp_path: Path) -> None:
    lines = [*rows(candle_blocks.ROWS), *rows(3, first=candle_blocks.ROWS + 5)]
    (warning,) = checked(write(tmp_path / "c.csv", lines)).warnings
    assert warning.startswith("c.csv: 1 hole (5 candles of 1m missing)")


def test_stamps_off_the_grid_are_moved_back_with_a_warning(tmp_path: Path) -> None:
    lines = rows(6)
    lines[3] = row(3, start=START + 7_000)
    path = write(tmp_path / "c.csv", lines)
    assert checked(path).warnings == ("c.csv: 1 candles do not open on a full 1m and were moved back to it",)
    assert [candle.opened_at for candle in read(path)] == [START + minute * MINUTE for minute in range(6)]


def test_weeks_begin_on_monday(tmp_path: Path) -> None:
    lines = [row(week * 7 * 24 * 60) for week in range(3)]
    assert checked(write(tmp_path / "c.csv", lines), "1w").warnings == ()


def edited(change: Callable[[list[str]], None]) -> list[str]:
    lines = rows(10)
    change(lines)
    return lines


def cell(line: int, column: int, text: str) -> Callable[[list[str]], None]:
    def change(lines: list[str]) -> None:
        cells = lines[line].split(",")
        cells[column] = text
        lines[line] = ",".join(cells)

    return change


def swap(lines: list[str]) -> None:
    lines[4], lines[6] = lines[6], lines[4]


def copy(lines: list[str]) -> None:
    lines[5] = lines[4]


def crowd(lines: list[str]) -> None:
    lines[5] = row(4, start=START + 1_000)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (copy, "c.csv: line 7: a second candle of 2024-01-01T00:04:00Z."),
        (swap, "c.csv: line 7: the rows are not in order of time."),
        (crowd, "c.csv: line 7: a second candle in the 1m from 2024-01-01T00:04:00Z."),
        (cell(3, 1, "nan"), "c.csv: line 5: a price is not finite."),
        (cell(3, 2, "inf"), "c.csv: line 5: a price is not finite."),
        (cell(3, 5, "nan"), "c.csv: line 5: volume is not finite."),
        (cell(3, 5, "-1"), "c.csv: line 5: volume is below zero."),
        (cell(3, 3, "0"), "c.csv: line 5: a price is not above zero."),
        (cell(3, 3, "-5"), "c.csv: line 5: a price is not above zero."),
        (cell(3, 2, "90"), "c.csv: line 5: high is below low."),
        (cell(3, 4, "100.9"), "c.csv: line 5: high is below open or close."),
        (cell(3, 1, "99"), "c.csv: line 5: low is above open or close."),
        (cell(3, 4, ""), "c.csv: line 5: close is empty."),
        (cell(3, 4, "cheap"), "c.csv: line 5: close is no number: 'cheap'."),
        (cell(3, 4, "1_00"), "c.csv: line 5: close is no number: '1_00'."),
        (cell(3, 0, "later"), "c.csv: line 5: timestamp is no number: 'later'."),
        (cell(3, 0, "nan"), "c.csv: line 5: timestamp is no whole number of milliseconds."),
        (cell(3, 0, f"{START + 3 * MINUTE}.5"), "c.csv: line 5: timestamp is no whole number of milliseconds."),
        (cell(3, 5, "1,2"), "c.csv: line 5 has 7 columns where the header has 6."),
        (lambda lines: lines.insert(3, "1,2"), "c.csv: line 5 has 2 columns where the header has 6."),
    ],
)
def test_a_bad_row_is_refused_by_its_line(tmp_path: Path, change: Callable[[list[str]], None], complaint: str) -> None:
    assert refusal(write(tmp_path / "c.csv", edited(change))) == complaint


def test_the_first_of_several_bad_rows_is_named(tmp_path: Path) -> None:
    lines = rows(10)
    cell(7, 1, "nan")(lines)
    cell(5, 5, "-1")(lines)
    assert "line 7" in refusal(write(tmp_path / "c.csv", lines))


def test_a_bad_order_is_seen_between_two_blocks(tmp_path: Path) -> None:
    lines = [*rows(candle_blocks.ROWS), row(candle_blocks.ROWS - 1)]
    assert f"line {candle_blocks.ROWS + 2}: a second candle of" in refusal(write(tmp_path / "c.csv", lines))


def test_a_bad_row_deep_in_a_file_is_named_by_its_line(tmp_path: Path) -> None:
    lines = rows(candle_blocks.ROWS + 100)
    cell(candle_blocks.ROWS + 50, 3, "x")(lines)
    assert f"line {candle_blocks.ROWS + 52}: low is no number: 'x'" in refusal(write(tmp_path / "c.csv", lines))


@pytest.mark.parametrize(("timeframe", "spacing"), [("5m", "1m"), ("1h", "1m"), ("30s", "1m")])
def test_a_timeframe_that_does_not_fit_the_rows_is_refused(tmp_path: Path, timeframe: str, spacing: str) -> None:
    message = refusal(write(tmp_path / "c.csv", rows(100)), timeframe)
    assert message == (
        f"c.csv: its candles are {spacing} apart, not {timeframe}; set market.timeframe to what the file holds."
    )


@pytest.mark.parametrize(("step", "text"), [(1500, "1500ms"), (2000, "2s"), (2 * 60 * MINUTE, "2h"), (DAY, "1d")])
def test_the_spacing_is_told_in_its_own_unit(tmp_path: Path, step: int, text: str) -> None:
    lines = [f"{START + place * step},1,1,1,1,1" for place in range(2)]
    assert f"its candles are {text} apart" in refusal(write(tmp_path / "c.csv", lines), "1w" if step > 1500 else "1s")


@pytest.mark.parametrize(
    ("header", "lines"),
    [("timestamp,open,high,low,close", ["1,1,1,1,1"]), ("", rows(3)), ("hello", ["world"]), ("", [])],
)
def test_a_file_without_the_header_is_refused(tmp_path: Path, header: str, lines: list[str]) -> None:
    wanted = "c.csv: line 1 is not a header with the columns timestamp, open, high, low, close, volume."
    assert refusal(write(tmp_path / "c.csv", lines, header)) == wanted


def test_a_file_without_rows_is_refused(tmp_path: Path) -> None:
    assert refusal(write(tmp_path / "c.csv", [])) == "c.csv holds no candle."


def test_a_file_that_is_missing_or_a_folder_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path / "no.csv").endswith("no.csv cannot be read: No such file or directory.")
    assert refusal(tmp_path).endswith("cannot be read: Is a directory.")


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_bytes(b"\xff\xfe\x00" + bytes(range(256)))
    assert refusal(path) == "c.csv is not a csv file: it holds bytes that are no text."


def test_a_damaged_gzip_file_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "c.csv.gz", rows(5000))
    whole = path.read_bytes()
    for damaged in (whole[:-100], whole[:2000] + b"\x00" * 500 + whole[2500:], whole[:3]):
        path.write_bytes(damaged)
        assert refusal(path) == "c.csv.gz is cut short or damaged: its gzip stream does not end well."


def test_a_file_that_goes_bad_after_the_check_is_noticed(tmp_path: Path) -> None:
    path = write(tmp_path / "c.csv", rows(5))
    file = checked(path)
    write(path, [*rows(5), row(2)])
    with pytest.raises(DataError, match="line 7"):
        list(file.candles())


# ---- parquet -------------------------------------------------------------------------------------------------------


def table(times: pa.Array, name: str = "timestamp") -> pa.Table:
    prices = pa.array([100.25, 100.5, 101.0])
    columns = {"open": prices, "high": prices, "low": prices, "close": prices, "volume": pa.array([1, 2, 3])}
    return pa.table({name: times, **columns})


STAMPS = [START, START + MINUTE, START + 2 * MINUTE]


@pytest.mark.parametrize(
    "times",
    [
        pa.array(STAMPS),
        pa.array(STAMPS, pa.timestamp("ms", "UTC")),
        pa.array([stamp * 1_000_000 for stamp in STAMPS], pa.timestamp("ns")),
        pa.array(["2024-01-01T00:00:00Z", "2024-01-01T00:01:00Z", "2024-01-01T00:02:00Z"]),
    ],
    ids=["int64", "milliseconds", "nanoseconds", "text"],
)
def test_parquet_reads_like_csv(tmp_path: Path, times: pa.Array) -> None:
    path = tmp_path / "c.parquet"
    pq.write_table(table(times, "date"), path)
    candles = read(path)
    assert [candle.opened_at for candle in candles] == STAMPS
    assert [str(candle.close) for candle in candles] == ["100.25", "100.50", "101.00"]
    assert candles[2].bar == (101.0, 101.0, 101.0, 101.0, 3.0)


def test_bad_parquet_is_refused_by_its_row(tmp_path: Path) -> None:
    path = tmp_path / "c.parquet"
    pq.write_table(table(pa.array([START, None, START + MINUTE])), path)
    assert refusal(path) == "c.parquet: line 2: timestamp is no whole number of milliseconds."
    pq.write_table(table(pa.array(["2024-01-01", None, "never"])), path)
    assert refusal(path).startswith("c.parquet is not a parquet file that can be read: Invalid isoformat string")
    pq.write_table(pa.table({"timestamp": STAMPS}), path)
    assert refusal(path).startswith("c.parquet is not a header with the columns timestamp, open")
    path.write_bytes(b"PAR1" + os.urandom(64))
    assert refusal(path).startswith("c.parquet is not a parquet file that can be read: ")


def test_parquet_without_its_library_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "c.parquet"
    pq.write_table(table(pa.array(STAMPS)), path)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert refusal(path) == (
        "c.parquet is a parquet file: install the extra that reads it, pip install 'investbot[parquet]'."
    )


# ---- the shared files ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "timeframe", "count", "tick", "warnings"),
    [
        ("binance_BTCUSDT_5m_2024", "5m", 71769, "0.01", 0),
        ("binance_BTCUSDT_1h_2017-2022", "1h", 42824, "0.01", 2),
        ("binance_LUNAUSDT_1h_2020-2022_collapse", "1h", 16089, "0.00001", 1),
        ("binance_PEPEUSDT_1h_2024", "1h", 6002, "0.00000001", 0),
    ],
)
def test_real_files_are_read_to_the_end(
    market_data: Path, name: str, timeframe: str, count: int, tick: str, warnings: int
) -> None:
    file = checked(market_data / f"{name}.csv.gz", timeframe)
    candles = [candle for block in file.candles() for candle in block]
    assert (len(candles), file.check().tick, len(file.warnings)) == (count, D(tick), warnings)
    assert all(float(candle.close) == candle.bar.close for candle in candles[::97])
    with gzip.open(market_data / f"{name}.csv.gz", "rt") as raw:
        last = raw.readlines()[-1].strip().split(",")
    end = candles[-1]
    assert [end.opened_at, end.open, end.high, end.low, end.close] == [int(last[0]), *(D(text) for text in last[1:5])]
