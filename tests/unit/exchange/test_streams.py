from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType, WSServerHandshakeError

from tests.exchange.exchange import Exchange
from tests.exchange.feeds import Feeds
from tests.exchange.signing import sign
from tests.exchange.sockets import Socket, Troubles
from tests.unit.exchange.stand import START, Stand


class Ears:
    """Listens on one websocket."""

    def __init__(self, ws: ClientWebSocketResponse) -> None:
        self.ws = ws

    async def say(self, **message: Any) -> Any:
        await self.ws.send_json(message)
        return await self.hear()

    async def hear(self) -> Any:
        return json.loads((await asyncio.wait_for(self.ws.receive(), 5)).data)

    async def until(self, word: str, value: str) -> list[Any]:
        heard: list[Any] = []
        while not heard or heard[-1].get("event", heard[-1]).get(word) != value:
            heard.append(await self.hear())
        return heard

    async def quiet(self, seconds: float = 0.3) -> bool:
        try:
            await asyncio.wait_for(self.ws.receive(), seconds)
        except TimeoutError:
            return True
        return False


class Heard(Socket):
    """A socket without a client: keeps the candles it was sent."""

    def __init__(self) -> None:
        self.streams = {"btcusdt@kline_1m"}
        self.bars: list[dict[str, Any]] = []

    def send(self, message: Any, troubles: Troubles | None = None) -> None:
        self.bars.append(message["k"])


@pytest.fixture
async def exchange() -> AsyncIterator[Exchange]:
    async with Exchange(seed=7, speed=60) as made:
        yield made


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    async with ClientSession() as made:
        yield made


async def market(exchange: Exchange, session: ClientSession, *streams: str) -> Ears:
    ears = Ears(await session.ws_connect(exchange.settings()["urls"]["api"]["ws"]["spot"] + "/0"))
    assert await ears.say(method="SUBSCRIBE", params=list(streams), id=1) == {"result": None, "id": 1}
    return ears


async def user(exchange: Exchange, session: ClientSession, key: str = "main") -> tuple[Ears, Any]:
    ears = Ears(await session.ws_connect(exchange.settings()["urls"]["api"]["ws"]["ws-api"]["spot"]))
    known = exchange.core.keys.by_name[key]
    params = {"apiKey": known.api_key, "recvWindow": 60_000, "timestamp": exchange.core.now()}
    payload = "&".join(f"{name}={value}" for name, value in sorted(params.items()))
    params["signature"] = sign(known.secret, payload)
    return ears, await ears.say(id="1", method="userDataStream.subscribe.signature", params=params)


def buy(exchange: Exchange) -> None:
    exchange.admin.order("main", symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.01")


async def test_candles_close_one_after_the_other(exchange: Exchange, session: ClientSession) -> None:
    ears = await market(exchange, session, "btcusdt@kline_1m")
    closed: list[dict[str, Any]] = []
    opened_at = 0
    while len(closed) < 3:
        bar = (await ears.hear())["k"]
        assert bar["t"] >= opened_at
        opened_at = bar["t"]
        if bar["x"]:
            closed.append(bar)
    assert [bar["t"] - closed[0]["t"] for bar in closed] == [0, 60_000, 120_000]
    url = exchange.settings()["urls"]["api"]["public"] + "/klines"
    query = {"symbol": "BTCUSDT", "interval": "1m", "startTime": closed[0]["t"], "limit": 3}
    async with session.get(url, params=query) as response:
        rows = await response.json()
    assert [[bar[name] for name in ("t", "o", "h", "l", "c", "v")] for bar in closed] == [row[:6] for row in rows]
    assert [close["opened_at"] for close in exchange.admin.state()["closes"]][:3] == [bar["t"] for bar in closed]


async def test_every_kind_of_market_stream(exchange: Exchange, session: ClientSession) -> None:
    kinds = {"ticker": "24hrTicker", "miniTicker": "24hrMiniTicker", "trade": "trade", "bookTicker": None}
    for kind, event in kinds.items():
        ears = await market(exchange, session, f"btcusdt@{kind}", "nonsense@ticker")
        told = await ears.hear()
        assert (told.get("e"), told["s"]) == (event, "BTCUSDT")
        assert await ears.say(method="UNSUBSCRIBE", params=[f"btcusdt@{kind}"], id=2) is not None
        await ears.ws.close()


async def test_the_users_stream_tells_orders_trades_and_balances(exchange: Exchange, session: ClientSession) -> None:
    ears, answer = await user(exchange, session)
    assert answer == {"id": "1", "status": 200, "result": {"subscriptionId": 1}}
    buy(exchange)
    heard = [message["event"] for message in await ears.until("X", "FILLED")]
    reports = [event for event in heard if event["e"] == "executionReport"]
    assert [report["x"] for report in reports] == ["NEW"] + ["TRADE"] * (len(reports) - 1)
    assert reports[-1]["z"] == "0.01000000"
    assert sum(Decimal(report["l"]) for report in reports) == Decimal("0.01")
    assert {report["N"] for report in reports[1:]} == {"BTC"}
    position = (await ears.hear())["event"]
    truth = exchange.truth()["accounts"]["main"]["balances"]
    assert position["B"] == [
        {"a": asset, "f": truth[asset]["free"], "l": truth[asset]["locked"]} for asset in ("BTC", "USDT")
    ]
    exchange.admin.balance("main", "USDT", "-5")
    assert (await ears.hear())["event"]["d"] == "-5"


async def test_a_cancel_and_a_pair_are_told(exchange: Exchange, session: ClientSession) -> None:
    ears, _ = await user(exchange, session)
    price = Decimal(exchange.admin.state()["prices"]["BTCUSDT"])
    limit = str((price * Decimal("0.9")).quantize(Decimal("0.01")))
    asked = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01"}
    placed = exchange.admin.order("main", **asked, price=limit, newClientOrderId="mine")
    exchange.admin.cancel("human", symbol="BTCUSDT", orderId=str(placed["orderId"]), newClientOrderId="gone")
    event = (await ears.until("X", "CANCELED"))[-1]["event"]
    assert (event["c"], event["C"], event["x"]) == ("gone", "mine", "CANCELED")
    from tests.exchange import filters

    legs = {"price": limit, "stopPrice": str((price * Decimal("1.1")).quantize(Decimal("0.01")))}
    pair = filters.pair(asked | legs, exchange.core.rules, "pair")
    exchange.core.matching.place_pair("main", pair, "list", exchange.core.now(), "main")
    event = (await ears.until("e", "listStatus"))[-1]["event"]
    assert (event["C"], event["L"]) == ("list", "EXECUTING")


async def test_the_stream_of_an_account_is_its_own(exchange: Exchange, session: ClientSession) -> None:
    ears, _ = await user(exchange, session, "other")
    buy(exchange)
    assert await ears.quiet()


async def test_subscriptions_that_are_not_signed_right_are_refused(exchange: Exchange, session: ClientSession) -> None:
    ears = Ears(await session.ws_connect(exchange.settings()["urls"]["api"]["ws"]["ws-api"]["spot"]))
    known = exchange.core.keys.by_name["main"]
    params = {"apiKey": known.api_key, "timestamp": exchange.core.now(), "signature": "0" * 64}
    answer = await ears.say(id="1", method="userDataStream.subscribe.signature", params=params)
    assert (answer["status"], answer["error"]["code"]) == (400, -1022)
    assert (await ears.say(id="2", method="order.place"))["error"]["code"] == -1104
    assert (await ears.say(id="3", method="ping"))["status"] == 200
    assert (await ears.say(id="4", method="time"))["result"]["serverTime"] > 0
    exchange.admin.streams("refuse")
    _, answer = await user(exchange, session)
    assert answer["status"] == 503
    _, answer = await user(exchange, session)
    assert answer["status"] == 200


async def test_a_listen_key_opens_a_stream_too(exchange: Exchange, session: ClientSession) -> None:
    url = exchange.settings()["urls"]["api"]["public"] + "/userDataStream"
    async with session.post(url) as response:
        assert response.status == 401
    headers = {"X-MBX-APIKEY": exchange.core.keys.by_name["main"].api_key}
    async with session.post(url, headers=headers) as response:
        listen_key = (await response.json())["listenKey"]
    async with session.put(url, headers=headers) as response:
        assert await response.json() == {}
    ears = Ears(await session.ws_connect(exchange.settings()["urls"]["api"]["ws"]["spot"] + "/" + listen_key))
    buy(exchange)
    assert (await ears.hear())["e"] == "executionReport"
    async with session.delete(url, headers=headers) as response:
        assert response.status == 200


async def test_events_are_doubled_lost_swapped_and_late(exchange: Exchange, session: ClientSession) -> None:
    async def story(kind: str, **options: Any) -> list[str]:
        ears, _ = await user(exchange, session)
        if kind:
            exchange.admin.streams(kind, **options)
        exchange.admin.balance("main", "USDT", "-1")
        exchange.admin.balance("main", "ETH", "1")
        heard: list[str] = []
        for _ in range(4 + (kind == "duplicate") - (kind == "lose")):
            event = (await ears.hear())["event"]
            heard.append(event["e"][0] + event.get("a", event.get("B", [{}])[0].get("a")))
        await ears.ws.close()
        return heard

    plain = ["bUSDT", "oUSDT", "bETH", "oETH"]
    assert await story("") == plain
    assert await story("duplicate") == ["bUSDT", *plain]
    assert await story("lose") == plain[1:]
    assert await story("reorder") == ["oUSDT", "bUSDT", "bETH", "oETH"]
    assert await story("late", seconds=0.1) == [*plain[1:], "bUSDT"]
    with pytest.raises(ValueError, match="There is no trouble"):
        exchange.admin.streams("nonsense")


async def test_a_message_held_back_with_no_other_behind_it_comes_late(
    exchange: Exchange, session: ClientSession
) -> None:
    ears = await market(exchange, session, "btcusdt@ticker")
    await ears.hear()
    exchange.admin.streams("reorder", channel="market", count=1)
    times = [(await ears.hear())["E"] for _ in range(6)]
    assert times != sorted(times)


async def test_a_silent_socket_neither_tells_nor_pongs(exchange: Exchange, session: ClientSession) -> None:
    ears = Ears(await session.ws_connect(exchange.settings()["urls"]["api"]["ws"]["spot"] + "/0", autoping=False))
    await ears.ws.ping(b"a")
    assert (await ears.ws.receive()).type is WSMsgType.PONG
    await ears.say(method="SUBSCRIBE", params=["btcusdt@ticker"], id=1)
    await ears.hear()
    assert exchange.admin.streams("silent", channel="market", seconds=0.6) == {"sockets": 1}
    while not await ears.quiet(0.2):
        pass
    await ears.ws.ping(b"b")
    assert await ears.quiet(0.1)
    assert (await ears.hear())["e"] == "24hrTicker"


async def test_a_socket_may_be_refused_before_it_opens(exchange: Exchange, session: ClientSession) -> None:
    for name in ("WS stream", "WS ws-api"):
        exchange.faults.add(name, "503")
    with pytest.raises(WSServerHandshakeError, match="503"):
        await market(exchange, session, "btcusdt@ticker")
    with pytest.raises(WSServerHandshakeError, match="503"):
        await user(exchange, session)
    await market(exchange, session, "btcusdt@ticker")
    await user(exchange, session)


def test_no_candle_is_left_out_when_the_exchange_was_busy() -> None:
    stand = Stand()
    feeds, heard = Feeds(stand.core), Heard()
    for seconds in (0, 5, 200, 1):
        stand.wait(seconds)
        feeds.publish([heard], Troubles())
    start = START - START % 60_000
    assert [(bar["t"] - start, bar["x"]) for bar in heard.bars] == [
        (0, False),
        (0, True),
        (60_000, True),
        (120_000, True),
        (180_000, False),
        (180_000, False),
    ]


async def test_dropped_sockets_are_gone(exchange: Exchange, session: ClientSession) -> None:
    ears, _ = await user(exchange, session)
    other = await market(exchange, session, "btcusdt@ticker")
    assert exchange.admin.streams("drop", channel="user") == {"sockets": 1}
    assert (await asyncio.wait_for(ears.ws.receive(), 5)).type in {WSMsgType.CLOSED, WSMsgType.ERROR, WSMsgType.CLOSE}
    assert (await other.hear())["e"] == "24hrTicker"
    assert exchange.admin.state()["streams"]["users"] == 0


async def test_the_stream_of_a_revoked_key_ends(exchange: Exchange, session: ClientSession) -> None:
    ears, _ = await user(exchange, session)
    exchange.admin.key("main", revoked=True)
    assert (await ears.hear())["event"]["e"] == "eventStreamTerminated"
    buy(exchange)
    assert await ears.quiet()
