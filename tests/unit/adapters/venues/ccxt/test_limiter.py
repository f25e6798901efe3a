from __future__ import annotations

import asyncio
import json
import multiprocessing
import stat
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from investbot.adapters.venues.ccxt.connection import Connection
from investbot.adapters.venues.ccxt.limiter import RateLimiter, bucket_path, public_limiter
from investbot.domain.errors import RateLimited
from investbot.domain.market import Timeframe
from tests.exchange.clock import HandClock
from tests.exchange.server import LoopbackExchange


def limiter(clock: HandClock, path: Path | None = None, per_minute: int = 1200) -> RateLimiter:
    return RateLimiter("binance", path, per_minute, clock.monotonic, clock.sleep)


@pytest.fixture(params=["file", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    return tmp_path / "limits" / "binance.json" if request.param == "file" else None


async def test_a_full_bucket_gives_at_once_and_an_empty_one_by_the_second(place: Path | None) -> None:
    clock = HandClock()
    bucket = limiter(clock, place)
    await bucket.take(1200, urgent=True)
    assert clock.slept == []
    assert bucket.level() == 0
    await bucket.take(100, urgent=True)
    assert sum(clock.slept) == pytest.approx(5.0)
    clock.seconds += 30
    assert bucket.level() == pytest.approx(0.5)


async def test_the_reserve_is_for_exits(place: Path | None) -> None:
    clock = HandClock()
    bucket = limiter(clock, place)
    await bucket.take(960, urgent=False)
    await bucket.take(20, urgent=False)
    assert sum(clock.slept) == pytest.approx(1.0)
    clock.slept.clear()
    await bucket.take(240, urgent=True)
    assert clock.slept == []
    with pytest.raises(RateLimited, match=r"binance is asked for nothing for another 13 s") as caught:
        await bucket.take(20, urgent=False)
    assert caught.value.retry_after_s == pytest.approx(13.0)
    assert clock.slept == []


async def test_what_weighs_more_than_the_bucket_takes_all_of_it(place: Path | None) -> None:
    clock = HandClock()
    bucket = limiter(clock, place, 60)
    await bucket.take(1000, urgent=True)
    assert (clock.slept, bucket.level()) == ([], 0)


async def test_a_pause_holds_for_everybody_and_then_ends(place: Path | None) -> None:
    clock = HandClock()
    bucket = limiter(clock, place)
    await bucket.pause(30)
    await bucket.pause(5)
    for urgent in (True, False):
        with pytest.raises(RateLimited) as caught:
            await bucket.take(1, urgent=urgent)
        assert caught.value.retry_after_s == pytest.approx(30)
    clock.seconds += 25
    await bucket.take(1, urgent=False)
    assert sum(clock.slept) == pytest.approx(5.0)
    await bucket.pause(-1)
    await bucket.take(1, urgent=False)


async def test_the_venues_own_count_is_believed_where_it_leaves_less(place: Path | None) -> None:
    bucket = limiter(HandClock(), place)
    await bucket.used(900)
    assert bucket.level() == pytest.approx(0.25)
    await bucket.used(100)
    assert bucket.level() == pytest.approx(0.25)
    await bucket.used(5000)
    assert bucket.level() == 0


async def test_two_instances_draw_on_one_bucket(tmp_path: Path) -> None:
    clock, path = HandClock(), tmp_path / "b.json"
    one, two = limiter(clock, path), limiter(clock, path)
    await one.take(600, urgent=False)
    await two.take(600, urgent=True)
    assert two.level() == 0
    await one.pause(60)
    with pytest.raises(RateLimited):
        await two.take(1, urgent=True)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.stat().st_size == 160


@pytest.mark.parametrize(
    "record", [b"", b"nonsense", b"[]", b'{"tokens": "x", "at": 1}', b'{"tokens": 5}', b"\xff\xfe"]
)
async def test_a_spoiled_file_is_a_full_bucket(tmp_path: Path, record: bytes) -> None:
    path, clock = tmp_path / "b.json", HandClock()
    path.write_bytes(record)
    await limiter(clock, path).take(1200, urgent=True)
    assert clock.slept == []
    assert json.loads(path.read_bytes())["tokens"] == 0


async def test_a_file_of_before_the_machine_started_is_forgotten(tmp_path: Path) -> None:
    path, clock = tmp_path / "b.json", HandClock()
    path.write_text(json.dumps({"tokens": 0.0, "at": 1e9, "paused_until": 2e9}))
    await limiter(clock, path).take(1200, urgent=True)
    assert clock.slept == []


async def test_where_no_file_can_be_written_the_bucket_is_ones_own(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    clock = HandClock()
    bucket = limiter(clock, tmp_path / "file" / "b.json")
    await bucket.take(1200, urgent=True)
    await bucket.take(20, urgent=True)
    assert sum(clock.slept) == pytest.approx(1.0)


async def test_nonces_grow_over_all_who_share_a_bucket(place: Path | None) -> None:
    clock = HandClock()
    one = limiter(clock, place)
    assert [one.nonce(100), one.nonce(100), one.nonce(50), one.nonce(200)] == [100, 101, 102, 200]
    await one.take(1200, urgent=True)
    assert one.nonce(0) == 201
    if place is not None:
        two = limiter(clock, place)
        assert [two.nonce(0), one.nonce(0), two.nonce(0)] == [202, 203, 204]
        clock.seconds -= 50
        assert one.nonce(0) == 205, "another start of the machine does not begin anew"
        assert len(place.read_bytes()) == 160  # noqa: ASYNC240 - one small file
    nowhere = limiter(clock, Path("/proc/nowhere/b.json"))
    assert [nowhere.nonce(7), nowhere.nonce(7)] == [7, 8]


def draw(path: Path, count: int, out: Path) -> None:
    bucket = RateLimiter("x", path, 600, time.monotonic)
    out.write_text(json.dumps([bucket.nonce(0) for _ in range(count)]))


def test_processes_never_draw_the_same_nonce(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    files = [tmp_path / f"{number}.json" for number in range(3)]
    workers = [context.Process(target=draw, args=(tmp_path / "b.json", 300, file)) for file in files]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    drawn = [json.loads(file.read_text()) for file in files]
    assert sorted(number for numbers in drawn for number in numbers) == list(range(1, 901))
    assert all(numbers == sorted(numbers) for numbers in drawn)


def drain(path: Path, count: int) -> None:
    async def run() -> None:
        bucket = RateLimiter("x", path, 600, time.monotonic)
        for _ in range(count):
            await bucket.take(1, urgent=True)

    asyncio.run(run())


def test_processes_never_lose_a_draw(tmp_path: Path) -> None:
    path, began = tmp_path / "b.json", time.monotonic()
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=drain, args=(path, 150)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    told = json.loads(path.read_bytes())
    assert told["tokens"] <= 600 - 450 + (time.monotonic() - began) * 10


def test_a_bucket_is_named_by_account_and_does_not_tell_the_key(tmp_path: Path) -> None:
    one = bucket_path(tmp_path, "binance", {"apiKey": "canary-key", "secret": "a"})
    assert one == bucket_path(tmp_path, "binance", {"apiKey": "canary-key", "secret": "b"})
    others = [
        bucket_path(tmp_path, "binance", {"apiKey": "other"}),
        bucket_path(tmp_path, "okx", {"apiKey": "canary-key"}),
        bucket_path(tmp_path, "binance", {"walletAddress": "canary-key2"}),
        bucket_path(tmp_path, "binance", {}),
    ]
    assert len({one, *others}) == 5
    assert one.parent == tmp_path
    assert one.name.startswith("binance-")
    assert "canary" not in str(one.name)


@pytest.mark.parametrize(("pace_ms", "is_on", "calls"), [(50, True, 1200), (1000, True, 60), (50, False, None)])
def test_the_public_side_has_the_pace_that_ccxt_keeps(
    tmp_path: Path, pace_ms: int, is_on: bool, calls: int | None
) -> None:
    exchange = SimpleNamespace(enableRateLimit=is_on, rateLimit=pace_ms)
    limiter = public_limiter("there", exchange, tmp_path, HandClock().monotonic)
    assert (None if limiter is None else limiter._capacity) == calls


async def test_all_who_ask_for_candles_draw_on_one_bucket_and_leave_a_venue_alone_that_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, one = HandClock(), Timeframe.parse("1m")

    def of_five(name: str, _exchange: object, folder: Path, monotonic: Callable[[], float]) -> RateLimiter:
        return RateLimiter(name, folder / "requests.json", 5, monotonic, clock.sleep)

    monkeypatch.setattr("investbot.adapters.venues.ccxt.connection.public_limiter", of_five)
    async with LoopbackExchange(clock.now) as exchange:
        first, second = (
            Connection("binance", exchange.settings(), clock, lambda: 0.5, folder=tmp_path) for _ in range(2)
        )
        for connection in (first, second):
            await connection.open(["BTC/USDT"], one)  # each asks for the time twice
        for connection in (first, second):
            with pytest.raises(RateLimited, match="its limit"):
                await connection.candles("BTC/USDT", one, clock.now() - 600_000, 5)
        assert exchange.asked("klines") == []
        clock.tick(60_000)
        exchange.fail("429")
        with pytest.raises(RateLimited):
            await first.candles("BTC/USDT", one, clock.now() - 600_000, 5)
        assert first.health()["candle_requests_left"] == "80%"
        assert await second.candles("BTC/USDT", one, clock.now() - 600_000, 5)
        assert clock.slept == [7.0]
        for connection in (first, second):
            await connection.close()
