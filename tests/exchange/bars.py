"""What the public sees of the price path: candles, tickers, the book, the list of markets, as Binance writes them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from tests.exchange.book import ladder
from tests.exchange.market import LISTINGS, Listing, length
from tests.exchange.path import STEP_MS, PricePath, Span
from tests.exchange.values import EIGHT, Refusal, VenueRules, text

DAY_MS = 86_400_000


def listed(market: str, listings: tuple[Listing, ...] = LISTINGS) -> Listing:
    """Find a listing by its id; Refusal -1121 where there is none."""
    for listing in listings:
        if listing.id == market.upper():
            return listing
    raise Refusal(-1121, "Invalid symbol.")


def kline(path: PricePath, listing: Listing, opened_at: int, interval: str, now: int) -> list[str | int]:
    """Make one row; of a bar that is still open, what has happened up to `now`."""
    end_at = min(opened_at + length(interval), (now // STEP_MS + 1) * STEP_MS)
    span = path.span(listing, opened_at // STEP_MS, end_at // STEP_MS)
    quote = text(span.volume * Decimal(listing.lot) * span.close * Decimal(listing.tick))
    opened, high, low, close = (on_tick(ticks, listing) for ticks in (span.opened, span.high, span.low, span.close))
    volume = text(span.volume * Decimal(listing.lot))
    closes_at = opened_at + length(interval) - 1
    return [opened_at, opened, high, low, close, volume, closes_at, quote, span.count, volume, quote, "0"]


def klines(path: PricePath, query: dict[str, str], now: int) -> list[list[str | int]]:
    """Answer GET klines."""
    listing = listed(query.get("symbol", ""))
    try:
        step = length(query["interval"])
    except (KeyError, ValueError, IndexError):
        raise Refusal(-1120, "Invalid interval.") from None
    most = min(int(query.get("limit", 500)), 1000)
    end = min(int(query.get("endTime", now)), now)
    start = int(query["startTime"]) if "startTime" in query else end - end % step - (most - 1) * step
    first = -(-start // step) * step
    return [kline(path, listing, at, query["interval"], now) for at in range(first, end + 1, step)[:most]]


def on_tick(ticks: int, listing: Listing) -> str:
    """Write a price given in ticks."""
    return text(ticks * Decimal(listing.tick))


def day(path: PricePath, listing: Listing, now: int, rules: VenueRules) -> dict[str, Any]:
    """Answer GET ticker/24hr for one symbol."""
    span = _day_span(path, listing, now)
    bid, ask = ladder(path, listing, now, "bid", rules)[0], ladder(path, listing, now, "ask", rules)[0]
    tick = Decimal(listing.tick)
    change = (span.close - span.opened) * tick
    volume = span.volume * Decimal(listing.lot)
    return {
        "symbol": listing.id,
        "priceChange": text(change),
        "priceChangePercent": f"{float(change) / float(span.opened * tick) * 100:.3f}",
        "weightedAvgPrice": on_tick((span.high + span.low) // 2, listing),
        "prevClosePrice": on_tick(span.opened, listing),
        "lastPrice": on_tick(span.close, listing),
        "lastQty": listing.lot,
        "bidPrice": text(bid[0]),
        "bidQty": text(bid[1]),
        "askPrice": text(ask[0]),
        "askQty": text(ask[1]),
        "openPrice": on_tick(span.opened, listing),
        "highPrice": on_tick(span.high, listing),
        "lowPrice": on_tick(span.low, listing),
        "volume": text(volume),
        "quoteVolume": text(volume * span.close * tick),
        "openTime": now - DAY_MS,
        "closeTime": now,
        "firstId": 1,
        "lastId": span.count,
        "count": span.count,
    }


def average(path: PricePath, listing: Listing, now: int) -> Decimal:
    """The mean price of the last five minutes, which the price and notional filters refer to."""
    point = now // STEP_MS
    return (Decimal(float(path.ticks(listing, point - 299, point + 1).mean())) * Decimal(listing.tick)).quantize(EIGHT)


def exchange_info(rules: VenueRules, now: int, weight_limit: int) -> dict[str, Any]:
    """Answer GET exchangeInfo."""
    return {
        "timezone": "UTC",
        "serverTime": now,
        "rateLimits": [
            {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": weight_limit},
            {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 100},
        ],
        "exchangeFilters": [],
        "symbols": [_symbol(listing, rules) for listing in (*LISTINGS, *_idle(rules.more_markets))],
    }


@dataclass(slots=True)
class Filters:
    """The limits that one listing is held to, as numbers."""

    listing: Listing
    tick: Decimal = field(init=False)
    lot: Decimal = field(init=False)
    min_notional: Decimal = field(init=False)
    most_price: Decimal = Decimal(1_000_000)
    most_quantity: Decimal = Decimal(9_000_000_000)

    def __post_init__(self) -> None:
        self.tick, self.lot = Decimal(self.listing.tick), Decimal(self.listing.lot)
        self.min_notional = Decimal(self.listing.min_notional)


def _idle(count: int) -> list[Listing]:
    """Make up listings that nobody trades."""
    return [replace(LISTINGS[0], base=f"X{number}") for number in range(count)]


def _symbol(listing: Listing, rules: VenueRules) -> dict[str, Any]:
    limits = Filters(listing)
    return {
        "symbol": listing.id,
        "status": "TRADING",
        "baseAsset": listing.base,
        "baseAssetPrecision": 8,
        "quoteAsset": listing.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": list(rules.order_types),
        "icebergAllowed": False,
        "ocoAllowed": True,
        "quoteOrderQtyMarketAllowed": True,
        "cancelReplaceAllowed": True,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": listing.tick,
                "maxPrice": text(limits.most_price),
                "tickSize": listing.tick,
            },
            {
                "filterType": "LOT_SIZE",
                "minQty": listing.lot,
                "maxQty": text(limits.most_quantity),
                "stepSize": listing.lot,
            },
            {
                "filterType": "NOTIONAL",
                "minNotional": listing.min_notional,
                "applyMinToMarket": True,
                "maxNotional": "9000000.00000000",
                "applyMaxToMarket": False,
                "avgPriceMins": 5,
            },
            {
                "filterType": "PERCENT_PRICE_BY_SIDE",
                "bidMultiplierUp": str(rules.band_up),
                "bidMultiplierDown": str(rules.band_down),
                "askMultiplierUp": str(rules.band_up),
                "askMultiplierDown": str(rules.band_down),
                "avgPriceMins": 5,
            },
            {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": rules.most_orders},
            {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": rules.most_algo_orders},
        ],
        "permissions": [],
        "permissionSets": [["SPOT"]],
    }


def _day_span(path: PricePath, listing: Listing, now: int) -> Span:
    end = now // STEP_MS + 1
    first = (end - DAY_MS // STEP_MS) // 60 * 60
    return path.span(listing, first, end)
