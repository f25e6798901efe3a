from __future__ import annotations

from decimal import Decimal

import pytest

from tests.exchange.bars import average, day, kline, klines, listed
from tests.exchange.book import Book, ladder
from tests.exchange.market import LISTINGS, Listing, length
from tests.exchange.path import PricePath, scatter
from tests.exchange.values import Refusal, VenueRules
from tests.unit.exchange.stand import BTC, START

RULES = VenueRules()


def test_a_seed_makes_its_own_market_and_the_same_one_each_time() -> None:
    points = START // 1000, START // 1000 + 500
    one, same, other = (PricePath(seed, START).ticks(BTC, *points).tolist() for seed in (1, 1, 2))
    assert one == same
    assert one != other


def test_a_seeds_path_begins_where_it_is_anchored() -> None:
    later = START + 86_400_000 * 3
    one = PricePath(5, START).ticks(BTC, START // 1000, START // 1000 + 50).tolist()
    two = PricePath(5, later).ticks(BTC, later // 1000, later // 1000 + 50).tolist()
    assert one == two


@pytest.mark.parametrize("listing", LISTINGS, ids=lambda listing: listing.id)
@pytest.mark.parametrize("interval", ["1s", "1m", "5m", "1h", "1d"])
def test_a_candle_is_what_happened_second_by_second(listing: Listing, interval: str) -> None:
    path, step = PricePath(7, START), length(interval)
    opened_at = START - START % step
    row = kline(path, listing, opened_at, interval, START + step)
    prices = path.ticks(listing, opened_at // 1000, (opened_at + step) // 1000) * 1
    told = [Decimal(str(value)) for value in row[1:5]]
    tick = Decimal(listing.tick)
    assert told == [int(value) * tick for value in (prices[0], prices.max(), prices.min(), prices[-1])]
    lots = path.volumes(listing, opened_at // 1000, (opened_at + step) // 1000).sum()
    assert Decimal(str(row[5])) == int(lots) * Decimal(listing.lot)
    assert row[6] == opened_at + step - 1


@pytest.mark.parametrize("seconds", [0, 30, 59, 60, 61, 150, 299])
def test_an_open_candle_tells_no_future(seconds: int) -> None:
    path = PricePath(7, START)
    opened_at = START - START % 300_000
    row = kline(path, BTC, opened_at, "5m", opened_at + seconds * 1000)
    seen = path.ticks(BTC, opened_at // 1000, opened_at // 1000 + seconds + 1)
    assert [Decimal(str(row[2])), Decimal(str(row[3])), Decimal(str(row[4]))] == [
        int(value) * Decimal("0.01") for value in (seen.max(), seen.min(), seen[-1])
    ]
    assert row[8] == seconds + 1


def test_klines_end_with_the_open_candle_and_leave_no_hole() -> None:
    rows = klines(PricePath(7, START), {"symbol": "BTCUSDT", "interval": "1m", "limit": "500"}, START + 30_000)
    assert [row[0] for row in rows] == [START - 60_000 * back for back in range(499, -1, -1)]
    since = {"symbol": "BTCUSDT", "interval": "1m", "startTime": str(START - 90_000), "endTime": str(START - 1)}
    assert [row[0] for row in klines(PricePath(7, START), since, START)] == [START - 60_000]


@pytest.mark.parametrize(
    ("query", "code"), [({"symbol": "NONE"}, -1121), ({"symbol": "BTCUSDT", "interval": "x"}, -1120)]
)
def test_klines_refuse_what_they_do_not_know(query: dict[str, str], code: int) -> None:
    with pytest.raises(Refusal) as refusal:
        klines(PricePath(7), query, START)
    assert refusal.value.code == code


def test_a_shock_moves_what_comes_after_it_only() -> None:
    calm, shaken = PricePath(7, START), PricePath(7, START)
    kline(shaken, BTC, START, "1m", START + 60_000)
    shaken.shock(BTC, START + 10_000, 0.5, 4_000)
    first = START // 1000
    before, after = calm.ticks(BTC, first, first + 60), shaken.ticks(BTC, first, first + 60)
    assert before[:11].tolist() == after[:11].tolist()
    assert after[14:].tolist() == pytest.approx((before[14:] * 0.5).tolist(), abs=1)
    assert 0.5 < after[12] / before[12] < 1
    assert Decimal(str(kline(shaken, BTC, START, "1m", START + 60_000)[3])) == int(after.min()) * Decimal("0.01")
    assert (
        calm.ticks(listed("ETHUSDT"), first, first + 60).tolist()
        == shaken.ticks(listed("ETHUSDT"), first, first + 60).tolist()
    )


def test_a_day_has_trends_worth_trading() -> None:
    closes = [float(row[4]) for row in klines(PricePath(7, START), {"symbol": "BTCUSDT", "interval": "1m"}, START)]
    assert max(closes) / min(closes) > 1.005


def test_the_book_leaves_a_spread_and_thickens() -> None:
    path = PricePath(7, START)
    asks, bids = (ladder(path, BTC, START, side, RULES) for side in ("ask", "bid"))
    last = path.price(BTC, START)
    assert bids[0][0] < last < asks[0][0]
    assert [price for price, _ in asks] == sorted({price for price, _ in asks})
    assert [price for price, _ in bids] == sorted({price for price, _ in bids}, reverse=True)
    assert all(quantity % Decimal(BTC.lot) == 0 and quantity > 0 for _, quantity in asks + bids)
    assert asks[0][0] * asks[0][1] < 1_000 < asks[-1][0] * asks[-1][1]


def test_what_was_taken_from_the_book_is_back_in_the_next_second_only() -> None:
    book = Book(PricePath(7, START), RULES)
    best = book.levels(BTC, "BUY", START)[0]
    best.left -= best.left
    assert book.levels(BTC, "BUY", START + 999)[0].left == 0
    assert book.levels(BTC, "SELL", START)[0].left > 0
    assert book.levels(BTC, "BUY", START + 1000)[0].left > 0


def test_ticker_and_mean_follow_the_path() -> None:
    path = PricePath(7, START)
    told = day(path, BTC, START, RULES)
    assert Decimal(told["lastPrice"]) == path.price(BTC, START)
    assert Decimal(told["lowPrice"]) <= Decimal(told["lastPrice"]) <= Decimal(told["highPrice"])
    assert Decimal(told["bidPrice"]) < Decimal(told["askPrice"])
    prices = path.ticks(BTC, START // 1000 - 299, START // 1000 + 1)
    assert float(average(path, BTC, START)) == pytest.approx(float(prices.mean()) / 100)


def test_scatter_tells_words_and_their_order_apart() -> None:
    assert len({scatter("a", 1), scatter("a", 2), scatter("b", 1), scatter(1, "a"), scatter("a")}) == 5
    assert scatter("a", 1) == scatter("a", 1)
