"""The market cache: what was kept comes back, and nothing else does."""

from __future__ import annotations

import multiprocessing
import stat
from pathlib import Path

import pytest

from investbot.adapters.history.candle_cache import CandleCache
from investbot.domain.market import MINUTE, Timeframe
from investbot.ports.history import Kept, Row

ONE = Timeframe.parse("1m")
START = 1_700_000_040_000
BTC = "BTC/USDT"


def at(bar: int) -> int:
    return START + bar * MINUTE


def rows(*bars: int) -> list[Row]:
    return [(at(bar), 100.0 + bar, 200.5, 0.125, 101.0 + bar, float(bar % 7)) for bar in bars]


def read(cache: CandleCache, first: int, limit: int = 1000) -> tuple[list[int], int]:
    """Tell which bars come back, and up to which one all is known."""
    kept = cache.read(BTC, ONE, at(first), limit)
    return [(row[0] - START) // MINUTE for row in kept.rows], (kept.until - START) // MINUTE


@pytest.fixture
def cache(tmp_path: Path) -> CandleCache:
    return CandleCache(tmp_path / "market" / "binance")


def test_what_was_kept_comes_back_to_the_last_bit(cache: CandleCache) -> None:
    cache.keep(BTC, ONE, at(0), at(5), rows(*range(5)))
    assert cache.read(BTC, ONE, at(0), 100) == Kept(tuple(rows(*range(5))), at(5))
    assert read(cache, 2, limit=2) == ([2, 3], 4)
    assert read(cache, 2, limit=-1) == ([], 2)
    assert read(cache, 5) == ([], 5)
    assert read(cache, 9) == ([], 9)
    assert read(cache, -1) == ([], -1)
    assert cache.read("ETH/USDT", ONE, at(0), 5) == Kept((), at(0))
    assert cache.read(BTC, ONE, at(0) + 1, 5) == Kept((), at(0) + 1)


def test_its_end_is_told(cache: CandleCache, tmp_path: Path) -> None:
    assert cache.end(BTC, ONE) is None
    cache.keep(BTC, ONE, at(3), at(5), rows(3, 4))
    assert cache.end(BTC, ONE) == at(5)
    cache.keep(BTC, ONE, at(8), at(9), rows(8))
    assert cache.end(BTC, ONE) == at(9)
    (file,) = (tmp_path / "market" / "binance").glob("*.candles")
    with file.open("ab") as cut_short:
        cut_short.write(b"x" * 20)
    assert cache.end(BTC, ONE) == at(9)
    file.write_bytes(b"x")
    assert cache.end(BTC, ONE) is None


def test_a_bar_that_never_was_is_known_and_one_that_nobody_asked_for_is_not(cache: CandleCache) -> None:
    cache.keep(BTC, ONE, at(0), at(4), rows(0, 3))
    cache.keep(BTC, ONE, at(6), at(8), rows(6, 7))
    assert read(cache, 0) == ([0, 3], 4)
    assert read(cache, 4) == ([], 4)
    assert read(cache, 6) == ([6, 7], 8)
    cache.keep(BTC, ONE, at(4), at(6), rows(4, 5))
    assert read(cache, 1) == ([3, 4, 5, 6, 7], 8)


def test_a_file_grows_at_the_front_too(cache: CandleCache, tmp_path: Path) -> None:
    cache.keep(BTC, ONE, at(10), at(12), rows(10, 11))
    cache.keep(BTC, ONE, at(3), at(5), rows(3, 4))
    assert read(cache, 3) == ([3, 4], 5)
    assert read(cache, 10) == ([10, 11], 12)
    cache.keep(BTC, ONE, at(0), at(11), rows(*range(11)))
    assert read(cache, 0) == (list(range(12)), 12)
    (told,) = cache.series()
    assert (told.symbol, told.timeframe, told.candles, told.missing, told.unasked) == (BTC, ONE, 12, 0, 0)
    assert (told.first_at, told.last_at) == (at(0), at(11))
    folder = tmp_path / "market" / "binance"
    assert sorted(path.name for path in folder.iterdir()) == ["BTC%2FUSDT-1m.candles", "BTC%2FUSDT-1m.lock"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_what_is_not_of_the_series_is_not_kept(cache: CandleCache) -> None:
    cache.keep(BTC, ONE, at(0), at(0), rows(0))
    assert cache.series() == []
    cache.keep(BTC, ONE, at(0), at(2), rows(0, 1))
    cache.keep(BTC, ONE, at(1) + 7, at(2) + 7, [])
    assert read(cache, 0) == ([0, 1], 2)


@pytest.mark.parametrize("cut", [1, 47, 48, 49, 95])
def test_a_file_cut_short_knows_what_is_left_and_grows_again(cache: CandleCache, tmp_path: Path, cut: int) -> None:
    cache.keep(BTC, ONE, at(0), at(4), rows(*range(4)))
    path = tmp_path / "market" / "binance" / "BTC%2FUSDT-1m.candles"
    path.write_bytes(path.read_bytes()[:-cut])
    left = (4 * 48 - cut) // 48
    assert read(cache, 0) == (list(range(left)), left)
    cache.keep(BTC, ONE, at(left), at(6), rows(*range(left, 6)))
    assert read(cache, 0) == (list(range(6)), 6)


def test_a_file_that_is_none_knows_nothing(cache: CandleCache, tmp_path: Path) -> None:
    folder = tmp_path / "market" / "binance"
    cache.keep(BTC, ONE, at(0), at(4), rows(*range(4)))
    path = folder / "BTC%2FUSDT-1m.candles"
    body = bytearray(path.read_bytes())
    body[48:56] = b"\xff" * 8
    path.write_bytes(body)
    assert read(cache, 0) == ([0], 1)
    assert read(cache, 1) == ([], 1)
    path.write_bytes(b"short")
    (folder / "odd.candles").write_bytes(b"x")
    (folder / "BTC%2FUSDT-7x.candles").write_bytes(b"x" * 48)
    assert read(cache, 0) == ([], 0)
    assert cache.series() == []


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        CandleCache(tmp_path / "file" / "x").keep(BTC, ONE, at(0), at(1), rows(0))
    assert CandleCache(tmp_path / "file").read(BTC, ONE, at(0), 5) == Kept((), at(0))
    folder = tmp_path / "market"
    cache = CandleCache(folder)
    cache.keep(BTC, ONE, at(5), at(6), rows(5))
    (folder / ".BTC%2FUSDT-1m.candles.new").mkdir()
    assert read(cache, 5) == ([5], 6)


def write(folder: Path, first: int) -> None:
    cache = CandleCache(folder)
    for bar in range(first, 60, 3):
        cache.keep(BTC, ONE, at(bar), at(bar + 1), rows(bar))


def test_processes_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=write, args=(tmp_path, first)) for first in (2, 0, 1)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    assert read(CandleCache(tmp_path), 0) == (list(range(60)), 60)
