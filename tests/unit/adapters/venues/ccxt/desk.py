"""A loopback host that answers as it is told and keeps what it was asked; for any exchange ccxt speaks to."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl

from aiohttp import web

from investbot.adapters.venues.ccxt.loader import exchange_class
from investbot.domain.market import Instrument
from investbot.domain.order import Order, OrderType, Role, Side, TimeInForce

NAMED = os.environ.get("INVESTBOT_TEST_FIXTURES")
PAYLOADS = Path(NAMED) if NAMED else Path(__file__).resolve().parents[6] / "shared" / "ccxt-fixtures"
"""The folder of recorded answers; where there is none, what needs them has nothing to test."""
KEYS = {"apiKey": "canary-key-7f3a", "secret": "Y2FuYXJ5LXNlY3JldC05YjFj", "password": "canary-pass-5d2e"}
BTC = Instrument("BTC/USDT", Decimal("0.01"), Decimal("0.00001"), Decimal(5))


@dataclass(frozen=True)
class Seen:
    """One request that arrived."""

    method: str
    path: str
    query: dict[str, str]
    body: dict[str, Any]


@dataclass
class Route:
    """An answer to every request whose method and path fit; `times` None = always."""

    method: str
    path: str
    body: bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    times: int | None = None
    abort: bool = False


class Desk:
    """The newest route that fits answers; what fits none gets a 404."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.seen: list[Seen] = []
        self.routes: list[Route] = []
        self.port = 0
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{rest:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    def add(self, method: str, path: str, body: object, **options: Any) -> None:
        """Answer with JSON, or with text as it is."""
        told = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.routes.insert(0, Route(method, path, told, **options))

    def play(self, folder: Path) -> None:
        """Add the recorded answers of this exchange."""
        routes = [each for each in json.loads((folder / "routes.json").read_text()) if each["exchange"] == self.name]
        routes.sort(key=lambda each: Path(each["file"]).name.startswith(("recorded_", "ccxt_")))
        for each in routes:
            if each["path_regex"]:
                self.add(each["http"], each["path_regex"], (folder / each["file"]).read_bytes())

    def settings(self, **options: Any) -> dict[str, Any]:
        """Tell what to put into `venue.ccxt`; the venue's time is not asked for."""
        api = _moved(exchange_class(self.name)().urls["api"], f"http://127.0.0.1:{self.port}")
        return {
            "urls": {"api": api},
            "has": {"fetchTime": False},
            "options": options,
            "timeout": 2000,
            "timeout_on_exit": 1,
        }

    def asked(self, method: str, path: str) -> list[Seen]:
        """Tell the requests so far whose method and path fit."""
        return [each for each in self.seen if each.method == method and re.search(path, each.path)]

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        text = await request.text()
        body = json.loads(text) if text[:1] in {"{", "["} else dict(parse_qsl(text))
        self.seen.append(Seen(request.method, request.path, dict(request.query), body))
        for route in self.routes:
            if route.method == request.method and re.search(route.path, request.path) and route.times != 0:
                route.times = None if route.times is None else route.times - 1
                if route.abort and request.transport is not None:
                    request.transport.abort()
                return web.Response(
                    body=route.body, status=route.status, headers=route.headers, content_type="application/json"
                )
        return web.json_response({"message": "unknown path"}, status=404)


def order(
    role: Role,
    side: Side = Side.SELL,
    *,
    symbol: str = "BTC/USDT",
    quantity: str = "0.0123",
    price: str = "60000",
    client_order_id: str = "ib0123456789abcdef012345",
    sequence: int = 1,
) -> Order:
    """Compose an order as the engine does."""
    kind = {Role.ENTRY: OrderType.LIMIT, Role.TARGET: OrderType.LIMIT, Role.STOP: OrderType.STOP}
    return Order(
        order_id=f"1-{role}-{sequence}",
        client_order_id=client_order_id,
        plan_id="1",
        placed_at=1_700_000_000_000,
        symbol=symbol,
        side=side,
        type=kind.get(role, OrderType.MARKET),
        role=role,
        quantity=Decimal(quantity),
        reason="test",
        price=Decimal(price) if role in {Role.ENTRY, Role.TARGET} else None,
        stop_price=Decimal(price) if role is Role.STOP else None,
        time_in_force=TimeInForce.IOC if role is Role.ENTRY else TimeInForce.GTC,
    )


def _moved(urls: Any, host: str) -> Any:
    """Put `host` in the place of scheme and host of every address."""
    if isinstance(urls, dict):
        return {key: _moved(value, host) for key, value in urls.items()}
    if not isinstance(urls, str):
        return urls
    return re.sub(r"^ws(s?)://[^/]+", host.replace("http", "ws"), re.sub(r"^https?://[^/]+", host, urls))
