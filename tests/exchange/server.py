"""A public REST exchange on loopback that speaks Binance's dialect, with faults on demand.

In a test: `async with LoopbackExchange() as exchange: CcxtVenue("binance", …, settings=exchange.settings())`.
Orders, balances and websockets are the business of `tests.exchange.exchange`.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from tests.exchange.market import LISTINGS, kline, length


def wall() -> int:
    """Tell the machine's time in milliseconds."""
    return time.time_ns() // 1_000_000


class LoopbackExchange:
    """Serves time, markets and candles up to `now()`; the last row is the open bar, as on the real one."""

    def __init__(self, now: Callable[[], int] = wall, *, most: int = 1000) -> None:
        self.now = now
        self.most = most
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.missing: set[tuple[str, int]] = set()
        """(market id, opening time) of candles the exchange does not show."""
        self.first_at = 0
        """When trading began: there are no candles before it."""
        self.edit: Callable[[list[Any]], list[Any]] = list
        """Changes the rows of an answer before it goes out."""
        self._faults: deque[tuple[str, str]] = deque()
        self._runner: web.AppRunner | None = None
        self.port = 0

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/api/v3/{name}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    def settings(self) -> dict[str, Any]:
        """Tell what to put into `venue.ccxt`."""
        api = {"public": f"http://127.0.0.1:{self.port}/api/v3"}
        return {"urls": {"api": api}, "enableRateLimit": False, "timeout": 2000, "timeout_on_exit": 1}

    def fail(self, fault: str, times: int = 1, name: str = "klines") -> None:
        """Answer the next `times` requests of `name` with a fault (see `_faulty`)."""
        self._faults.extend([(name, fault)] * times)

    def asked(self, name: str) -> list[dict[str, str]]:
        """Tell the queries of one endpoint so far."""
        return [query for asked, query in self.requests if asked == name]

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        query = dict(request.query)
        self.requests.append((name, query))
        if self._faults and self._faults[0][0] == name:
            return await self._faulty(self._faults.popleft()[1], request)
        if name == "time":
            return web.json_response({"serverTime": self.now()})
        if name == "exchangeInfo":
            return web.json_response({"symbols": [_listed(listing) for listing in LISTINGS]})
        if name == "klines":
            return self._klines(query)
        return web.json_response({"code": -1, "msg": "unknown path"}, status=404)

    def _klines(self, query: dict[str, str]) -> web.Response:
        listing = next((listing for listing in LISTINGS if listing.id == query["symbol"]), None)
        if listing is None:
            return web.json_response({"code": -1121, "msg": "Invalid symbol."}, status=400)
        step, now = length(query["interval"]), self.now()
        most = min(int(query.get("limit", 500)), self.most)
        start = int(query.get("startTime", now - most * step))
        first = max(-(-start // step), -(-self.first_at // step)) * step
        end = min(int(query.get("endTime", now)), now)
        stamps = [at for at in range(first, end + 1, step) if (listing.id, at) not in self.missing][:most]
        return web.json_response(self.edit([kline(listing, at, query["interval"]) for at in stamps]))

    async def _faulty(self, fault: str, request: web.Request) -> web.StreamResponse:
        if fault == "reset":
            assert request.transport is not None
            request.transport.abort()
        if fault == "hang":
            await asyncio.sleep(3600)
        answers: dict[str, tuple[int, str, str, dict[str, str]]] = {
            "429": (429, '{"code":-1003,"msg":"Too many requests."}', "application/json", {"Retry-After": "7"}),
            "418": (418, '{"code":-1003,"msg":"Banned."}', "application/json", {}),
            "401": (401, '{"code":-2014,"msg":"API-key format invalid."}', "application/json", {}),
            "500": (500, "<html><body>Internal Server Error</body></html>", "text/html", {}),
            "503": (503, "", "text/plain", {}),
            "html": (200, "<html><body>Please wait</body></html>", "text/html", {}),
            "cut": (200, '[[1700000000000,"1","1"', "application/json", {}),
            "empty": (200, "", "application/json", {}),
            "nothing": (200, "[]", "application/json", {}),
            "object": (200, '{"hello": "world"}', "application/json", {}),
            "null": (200, "null", "application/json", {}),
            "nan": (200, '[[1700000000000,"NaN","1","1","1","1",0,"0",0,"0","0","0"]]', "application/json", {}),
            "words": (200, '[["a","b","c","d","e","f"],["g"],7,null]', "application/json", {}),
            "reset": (500, "", "text/plain", {}),
        }
        status, body, kind, headers = answers[fault]
        return web.Response(status=status, text=body, content_type=kind, headers=headers)


def _listed(listing: Any) -> dict[str, Any]:
    return {
        "symbol": listing.id,
        "status": "TRADING",
        "baseAsset": listing.base,
        "baseAssetPrecision": 8,
        "quoteAsset": listing.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "orderTypes": ["LIMIT", "MARKET"],
        "isSpotTradingAllowed": True,
        "permissions": ["SPOT"],
        "permissionSets": [["SPOT"]],
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": listing.tick, "maxPrice": "1000000", "tickSize": listing.tick},
            {"filterType": "LOT_SIZE", "minQty": listing.lot, "maxQty": "9000000000", "stepSize": listing.lot},
            {"filterType": "NOTIONAL", "minNotional": listing.min_notional},
        ],
    }
