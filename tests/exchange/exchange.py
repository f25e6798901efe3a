"""The whole loopback exchange: signed REST and websockets in Binance's dialect over a seeded market.

In a test: `async with Exchange(seed=7) as exchange: ccxt.pro.binance(exchange.settings("main"))`.
Beside real processes: `python -m tests.exchange --seed 7 --speed 50` prints addresses and keys as one line of JSON.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from decimal import Decimal
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from tests.exchange.admin import Admin
from tests.exchange.core import Core, VenueClock
from tests.exchange.rest import Rest
from tests.exchange.streams import Streams
from tests.exchange.truth import truth
from tests.exchange.values import VenueRules

PUMP_S = 0.02
"""Seconds of the wall between two looks at the market."""
DEPOSITS = {"USDT": Decimal(10_000), "BTC": Decimal(0), "ETH": Decimal(0), "PEPE": Decimal(0)}
KEYS: tuple[tuple[str, str, dict[str, bool]], ...] = (
    ("main", "main", {}),
    ("second", "main", {}),
    ("human", "main", {}),
    ("other", "other", {}),
    ("reader", "main", {"trade": False}),
    ("withdraw", "main", {"withdraw": True}),
    ("anywhere", "main", {"ip_restricted": False}),
)
"""Name, account and rights of each key that there is at first."""


class Exchange:
    """Two accounts ("main", "other"), seven keys, and a market that moves with `now`.

    `now` tells venue time in milliseconds; without it the venue starts at `start` (the wall's time if None) and runs
    `speed` times as fast as the wall. `window_scale` widens the windows of signed requests.
    """

    def __init__(
        self,
        *,
        seed: int = 7,
        speed: float = 1.0,
        start: int | None = None,
        port: int = 0,
        now: Callable[[], int] | None = None,
        rules: VenueRules | None = None,
        deposits: Mapping[str, Decimal] = DEPOSITS,
        weight_limit: int = 0,
        window_scale: float = 1.0,
        wall: Callable[[], float] = time.monotonic,
    ) -> None:
        if now is None:
            now = VenueClock(time.time_ns() // 1_000_000 if start is None else start, speed)
        self.core = Core(seed, rules or VenueRules(), now, wall, weight_limit, window_scale)
        self.speed = speed
        self.port = port
        self.streams = Streams(self.core)
        self.admin = Admin(self.core, self.streams)
        self.faults = self.core.faults
        self._pump: asyncio.Task[None] | None = None
        self._runner: web.AppRunner | None = None
        for account in ("main", "other"):
            self.core.open_account(account, dict(deposits))
        for name, account, rights in KEYS:
            self.core.keys.add(name, account, **rights)

    async def __aenter__(self) -> Self:
        rest = Rest(self.core, self.streams.publish)
        app = web.Application()
        plain = self.core.plain
        if not plain:
            app.router.add_route("*", "/api/v3/userDataStream", self.streams.listen_key)
        app.router.add_route("*", "/api/v3/{name:.+}", rest.answer)
        app.router.add_route("*", "/sapi/v1/{name:.+}", rest.answer)
        app.router.add_route("*", "/{futures:fapi|dapi}/v1/{name:.+}", rest.futures)
        if not plain:
            app.router.add_get("/stream/ws/{name}", self.streams.market_socket)
            app.router.add_get("/stream/ws", self._bare_socket)
            app.router.add_get("/ws-api/v3", self.streams.api_socket)
        app.add_routes(self.admin.routes())
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        self.port = self._runner.addresses[0][1]
        self._pump = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.streams.close()
        if self._runner is not None:
            await self._runner.cleanup()
        if self._pump is not None:
            self._pump.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._pump

    def settings(self, key: str | None = None) -> dict[str, Any]:
        """Tell what to put into `venue.ccxt`, with the key of that name where one is wanted."""
        host = f"127.0.0.1:{self.port}"
        api = {
            "public": f"http://{host}/api/v3",
            "private": f"http://{host}/api/v3",
            "sapi": f"http://{host}/sapi/v1",
            "fapiPublic": f"http://{host}/fapi/v1",
            "dapiPublic": f"http://{host}/dapi/v1",
            "ws": {"spot": f"ws://{host}/stream/ws", "ws-api": {"spot": f"ws://{host}/ws-api/v3"}},
        }
        settings: dict[str, Any] = {"urls": {"api": api}, "enableRateLimit": False}
        return settings if key is None else settings | self.credentials(key)

    def credentials(self, key: str) -> dict[str, str]:
        """Tell key and secret in ccxt's words."""
        known = self.core.keys.by_name[key]
        return {"apiKey": known.api_key, "secret": known.secret}

    def card(self) -> dict[str, Any]:
        """Tell everything that another process needs to know."""
        return {
            "settings": self.settings(),
            "admin": f"http://127.0.0.1:{self.port}/admin",
            "keys": {name: self.credentials(name) for name in self.core.keys.by_name},
            "accounts": {name: key.account for name, key in self.core.keys.by_name.items()},
            "seed": self.core.seed,
            "speed": self.speed,
            "now": self.core.now(),
        }

    def truth(self) -> dict[str, Any]:
        """Dump orders, trades, fees and balances of every account."""
        return truth(self.core)

    def step(self) -> None:
        """Let the market move up to now, and tell those who listen."""
        self.core.matching.advance(self.core.now())
        self.streams.publish()

    async def broken(self) -> None:
        """Wait for ever, or until the market itself breaks down, with what broke it."""
        if self._pump is not None:
            await self._pump

    async def _bare_socket(self, request: web.Request) -> web.StreamResponse:
        request.match_info["name"] = ""
        return await self.streams.market_socket(request)

    async def _run(self) -> None:
        while True:
            self.step()
            await asyncio.sleep(PUMP_S)
