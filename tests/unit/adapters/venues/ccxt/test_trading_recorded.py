"""What real exchanges answered to signed requests, and what they were asked: through real ccxt classes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import pytest

from investbot.adapters.clock import SystemClock
from investbot.adapters.venues.ccxt.trading import CcxtTrading
from investbot.domain.errors import OrderRejected, OutcomeUnknown, VenueUnavailable
from investbot.domain.market import Instrument
from investbot.domain.order import OrderState, Role, Side
from investbot.ports.trading import Balance, KeyRights
from tests.unit.adapters.venues.ccxt.desk import KEYS, PAYLOADS, Desk, order

CID = "ib0123456789abcdef012345"


@dataclass(frozen=True)
class Account:
    """One exchange: its market, the id in the recorded answer to an order, and what is sent for each kind of order."""

    name: str
    symbol: str
    tick: str
    lot: str
    submit: str
    """Path of the address orders are sent to."""
    entry: dict[str, Any]
    stop: dict[str, Any]
    exit: dict[str, Any]
    stop_submit: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    told_id: str = ""
    """Client order id in the recorded answer, "" where it tells none."""


ACCOUNTS = [
    Account(
        "binance",
        "BTC/USDT",
        "0.01",
        "0.00001",
        "/api/v3/order$",
        {"newClientOrderId": CID, "type": "LIMIT", "timeInForce": "IOC", "quantity": "0.0123", "price": "60000"},
        {"type": "STOP_LOSS_LIMIT", "stopPrice": "60000", "price": "59400", "quantity": "0.0123", "side": "SELL"},
        {"type": "MARKET", "quantity": "0.0123", "side": "SELL", "newClientOrderId": CID},
        told_id="6gCrw2kRUAF9CvJDGP16IP",
    ),
    Account(
        "bybit",
        "BTC/USDT",
        "0.1",
        "0.0001",
        "/v5/order/create",
        {"orderLinkId": CID, "orderType": "Limit", "timeInForce": "IOC", "qty": "0.0123", "price": "60000"},
        {"orderFilter": "StopOrder", "orderType": "Market", "triggerPrice": "60000", "qty": "0.0123"},
        {"orderType": "Market", "marketUnit": "baseCoin", "qty": "0.0123", "side": "Sell"},
        options={"enableUnifiedAccount": True, "enableUnifiedMargin": False, "unifiedMarginStatus": 5},
        told_id="spot-test",
    ),
    Account(
        "okx",
        "BTC/USD",
        "0.1",
        "0.00000001",
        "/trade/batch-orders",
        {"clOrdId": CID, "ordType": "ioc", "sz": "0.0123", "px": "60000", "tdMode": "cash"},
        {"algoClOrdId": CID, "ordType": "trigger", "triggerPx": "60000", "orderPx": "-1", "sz": "0.0123"},
        {"clOrdId": CID, "ordType": "market", "sz": "0.0123", "side": "sell", "tdMode": "cash"},
        stop_submit="/trade/order-algo",
        told_id="oktswap6",
    ),
    Account(
        "kraken",
        "BTC/USDT",
        "0.1",
        "0.00000001",
        "/0/private/AddOrder",
        {"cl_ord_id": CID, "ordertype": "limit", "timeinforce": "IOC", "volume": "0.0123", "price": "60000"},
        {"cl_ord_id": CID, "ordertype": "stop-loss", "price": "60000", "volume": "0.0123", "type": "sell"},
        {"cl_ord_id": CID, "ordertype": "market", "volume": "0.0123", "type": "sell"},
    ),
    Account(
        "coinbase",
        "BTC/USD",
        "0.01",
        "0.00000001",
        "/brokerage/orders$",
        {
            "client_order_id": CID,
            "order_configuration": {"sor_limit_ioc": {"base_size": "0.0123", "limit_price": "60000"}},
        },
        {
            "client_order_id": CID,
            "order_configuration": {
                "stop_limit_stop_limit_gtc": {
                    "base_size": "0.0123",
                    "limit_price": "59400",
                    "stop_price": "60000",
                    "stop_direction": "STOP_DIRECTION_STOP_DOWN",
                }
            },
        },
        {"client_order_id": CID, "order_configuration": {"market_market_ioc": {"base_size": "0.0123"}}},
        options={"fetchMarkets": "fetchMarketsV3"},
        told_id="0000-00000-000000",
    ),
    Account(
        "kucoin",
        "BTC/USDT",
        "0.1",
        "0.00000001",
        "/api/v1/hf/orders$",
        {"clientOid": CID, "type": "limit", "timeInForce": "IOC", "size": "0.0123", "price": "60000"},
        {"clientOid": CID, "type": "market", "stop": "loss", "stopPrice": "60000", "size": "0.0123"},
        {"clientOid": CID, "type": "market", "size": "0.0123", "side": "sell"},
        stop_submit="/api/v1/stop-order$",
        options={"fetchMarkets": {"types": ["spot"], "fetchTickersFees": False}},
        told_id="5c52e11203aa677f33e493fb",
    ),
    Account(
        "alpaca",
        "BTC/USD",
        "1",
        "0.0001",
        "/v2/orders$",
        {"client_order_id": CID, "type": "limit", "time_in_force": "ioc", "qty": "0.0123", "limit_price": "60000"},
        {"client_order_id": CID, "type": "stop_limit", "stop_price": "60000", "limit_price": "59400"},
        {"client_order_id": CID, "type": "market", "qty": "0.0123", "side": "sell"},
        told_id="eb9e2aaa-f71a-4f51-b5b4-52a6c565dad4",
    ),
]
EVERY = pytest.mark.parametrize("account", ACCOUNTS if PAYLOADS.is_dir() else [], ids=lambda account: account.name)
CALLS: dict[str, Any] = (
    json.loads((PAYLOADS / "expected_ccxt_4.5.90.json").read_text())["calls"] if PAYLOADS.is_dir() else {}
)


@asynccontextmanager
async def connected(account: Account) -> AsyncIterator[tuple[Desk, CcxtTrading]]:
    async with Desk(account.name) as desk:
        desk.play(PAYLOADS)
        if account.name == "alpaca":
            desk.add("GET", "/v2/assets", (PAYLOADS / "payloads/alpaca/stub_assets_with_btc.json").read_bytes())
        venue = CcxtTrading(account.name, KEYS, SystemClock(), settings=desk.settings(**account.options))
        instrument = Instrument(account.symbol, Decimal(account.tick), Decimal(account.lot))
        await venue.connect({account.symbol: instrument})
        yield desk, venue
        await venue.close()


def contains(body: Any, wanted: dict[str, Any]) -> bool:
    sent = body[0] if isinstance(body, list) else body
    return bool(wanted.items() <= sent.items())


@EVERY
async def test_each_kind_of_order_is_asked_for_in_the_venues_words(account: Account) -> None:
    kinds = [
        (order(Role.ENTRY, Side.BUY, symbol=account.symbol), account.entry, account.submit),
        (order(Role.STOP, symbol=account.symbol), account.stop, account.stop_submit or account.submit),
        (order(Role.EXIT, symbol=account.symbol), account.exit, account.submit),
    ]
    async with connected(account) as (desk, venue):
        for wanted, words, path in kinds:
            desk.seen.clear()
            desk.add("POST", path, b"{", times=1)
            with pytest.raises(OutcomeUnknown):
                await venue.submit(wanted)
            (sent,) = desk.asked("POST", path)
            assert contains(sent.body, words), sent.body
            assert len(desk.seen) == 1


@EVERY
async def test_a_recorded_answer_acknowledges_the_order_it_names_and_no_other(account: Account) -> None:
    recorded = CALLS[account.name]["create_order"]["result"]
    async with connected(account) as (_, venue):
        ours = order(Role.ENTRY, Side.BUY, symbol=account.symbol, client_order_id=recorded["clientOrderId"] or CID)
        if recorded["symbol"] not in {None, account.symbol} or len(ours.client_order_id) > 36:
            with pytest.raises((OutcomeUnknown, OrderRejected)):
                await venue.submit(ours)
            return
        report = await venue.submit(ours)
        assert (report.state, report.venue_order_id) == (OrderState.ACKNOWLEDGED, recorded["id"])
        if account.told_id:
            with pytest.raises(OutcomeUnknown, match="about another order"):
                await venue.submit(replace(ours, client_order_id=CID))


@EVERY
async def test_recorded_balances_are_exact(account: Account) -> None:
    expected = CALLS[account.name]["fetch_balance"]["result"]["total"]
    async with connected(account) as (_, venue):
        held = await venue.balances()
        assert account.name == "kucoin" or held
        for currency, balance in held.items():
            whole = expected.get(currency)
            assert whole is None or float(balance.free + balance.locked) == pytest.approx(whole, rel=1e-12)


@EVERY
async def test_recorded_trades_are_exact_and_only_of_the_market(account: Account) -> None:
    expected = [row for row in CALLS[account.name]["fetch_my_trades"]["result"] if row["symbol"] == account.symbol]
    ids = {row["id"] for row in expected}
    async with connected(account) as (_, venue):
        pairs = await venue.fills(account.symbol, None, 1_000_000_000_000)
        assert [made.at for _, made in pairs] == sorted(made.at for _, made in pairs)
        assert all(made.symbol == account.symbol and made.price > 0 for _, made in pairs)
        if account.name not in {"binance", "alpaca"}:  # those two are recordings of another market
            assert ids <= {made.trade_id for _, made in pairs}
        for row in expected:
            for order_id, made in pairs:
                if made.trade_id == row["id"]:
                    assert (order_id, float(made.price), float(made.quantity)) == (
                        row["order"],
                        row["price"],
                        row["amount"],
                    )
                    assert (float(made.fee), made.fee_currency) == (row["fee"]["cost"], row["fee"]["currency"])


@EVERY
async def test_a_lookup_asks_by_client_id_or_searches_the_lists(account: Account) -> None:
    wanted = order(Role.ENTRY, Side.BUY, symbol=account.symbol)
    async with connected(account) as (desk, venue):
        desk.seen.clear()
        try:
            found = await venue.lookup(wanted)
        except VenueUnavailable:
            found = None
        assert found is None
        asked = [{**each.query, **each.body} for each in desk.seen]
        path = "".join(each.path for each in desk.seen)
        if account.name in {"coinbase", "alpaca"}:
            assert asked
        else:
            assert all(CID in each.values() for each in asked) or CID in path


async def test_an_order_of_a_list_is_found_by_its_client_id() -> None:
    if not PAYLOADS.is_dir():
        return
    account = next(each for each in ACCOUNTS if each.name == "coinbase")
    async with connected(account) as (_, venue):
        for client_id, state, filled in (
            ("11111-000000-000000", OrderState.FILLED, None),
            ("11111-000000-000001", OrderState.ACKNOWLEDGED, "0"),
        ):
            wanted = order(Role.TARGET, symbol="BTC/USD", client_order_id=client_id)
            found = await venue.lookup(wanted)
            if found is not None:
                assert (found.client_order_id, found.report.order_id) == (client_id, wanted.order_id)
                assert filled is None or (found.report.state, found.filled) == (state, Decimal(filled))
        assert await venue.lookup(order(Role.TARGET, symbol="BTC/USD", client_order_id="nobody's")) is None
        known = await venue.open_orders("BTC/USD")
        assert known
        assert {each.symbol for each in known} == {"BTC/USD"}


async def test_a_rejection_with_status_200_is_a_rejection() -> None:
    if not PAYLOADS.is_dir():
        return
    coinbase = next(each for each in ACCOUNTS if each.name == "coinbase")
    okx = next(each for each in ACCOUNTS if each.name == "okx")
    async with connected(coinbase) as (desk, venue):
        body = (PAYLOADS / "payloads/coinbase/stub_create_order_rejected.json").read_bytes()
        desk.add("POST", coinbase.submit, body)
        with pytest.raises(OrderRejected):
            await venue.submit(order(Role.EXIT, symbol="BTC/USD"))
    async with connected(okx) as (desk, venue):
        desk.add("POST", okx.stop_submit, (PAYLOADS / "payloads/okx/place_algo_order_rejected.json").read_bytes())
        with pytest.raises((OrderRejected, OutcomeUnknown)):
            await venue.submit(order(Role.STOP, symbol="BTC/USD"))


async def test_the_rights_of_a_recorded_key() -> None:
    if not PAYLOADS.is_dir():
        return
    async with connected(next(each for each in ACCOUNTS if each.name == "bybit")) as (_, venue):
        assert await venue.rights() == KeyRights(trade=False, withdraw=False, ip_restricted=True)
        assert (await venue.balances())["USDT"] == Balance(Decimal("1000.50"), Decimal(0))
    async with connected(next(each for each in ACCOUNTS if each.name == "kraken")) as (_, venue):
        assert await venue.rights() == KeyRights(None, None, None)
