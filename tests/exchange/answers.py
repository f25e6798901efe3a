"""Orders, trades and balances as Binance writes them: in answers, and as events of the user's stream."""

from __future__ import annotations

from typing import Any

from tests.exchange.account import Account, Holdings
from tests.exchange.records import Records
from tests.exchange.values import NOUGHT, Order, OrderList, Report, Trade, VenueRules, text


def queried(order: Order) -> dict[str, Any]:
    """One order of GET order, openOrders, allOrders."""
    return {
        "symbol": order.listing.id,
        "orderId": order.order_id,
        "orderListId": order.list_id,
        "clientOrderId": order.client_id,
        "price": text(order.price),
        "origQty": text(order.quantity),
        "executedQty": text(order.executed),
        "cummulativeQuoteQty": text(order.quote),
        "status": order.status,
        "timeInForce": order.tif,
        "type": order.kind,
        "side": order.side,
        "stopPrice": text(order.stop_price),
        "icebergQty": text(NOUGHT),
        "time": order.created_at,
        "updateTime": order.updated_at,
        "isWorking": order.working,
        "workingTime": order.created_at if order.working else -1,
        "origQuoteOrderQty": text(order.quote_quantity),
        "selfTradePreventionMode": "NONE",
    }


def placed(order: Order, trades: list[Trade], shape: str) -> dict[str, Any]:
    """The answer to POST order in the shape asked for: ACK, RESULT or FULL."""
    answer: dict[str, Any] = {
        "symbol": order.listing.id,
        "orderId": order.order_id,
        "orderListId": order.list_id,
        "clientOrderId": order.client_id,
        "transactTime": order.updated_at,
    }
    if shape == "ACK":
        return answer
    answer |= {
        "price": text(order.price),
        "origQty": text(order.quantity),
        "executedQty": text(order.executed),
        "origQuoteOrderQty": text(order.quote_quantity),
        "cummulativeQuoteQty": text(order.quote),
        "status": order.status,
        "timeInForce": order.tif,
        "type": order.kind,
        "side": order.side,
        "workingTime": order.created_at if order.working else -1,
        "selfTradePreventionMode": "NONE",
    }
    if order.stop_price:
        answer["stopPrice"] = text(order.stop_price)
    if shape == "FULL":
        answer["fills"] = [
            {
                "price": text(trade.price),
                "qty": text(trade.quantity),
                "commission": text(trade.fee),
                "commissionAsset": trade.fee_asset,
                "tradeId": trade.trade_id,
            }
            for trade in trades
            if trade.order_id == order.order_id
        ]
    return answer


def cancelled(order: Order, cancel_id: str) -> dict[str, Any]:
    """The answer to DELETE order; the client id in it is the cancel's own, as on the real one."""
    answer = placed(order, [], "RESULT")
    return answer | {"origClientOrderId": order.client_id, "clientOrderId": cancel_id}


def traded(trade: Trade) -> dict[str, Any]:
    """One row of GET myTrades."""
    return {
        "symbol": trade.listing.id,
        "id": trade.trade_id,
        "orderId": trade.order_id,
        "orderListId": trade.list_id,
        "price": text(trade.price),
        "qty": text(trade.quantity),
        "quoteQty": text(trade.quote),
        "commission": text(trade.fee),
        "commissionAsset": trade.fee_asset,
        "time": trade.at,
        "isBuyer": trade.buys,
        "isMaker": trade.maker,
        "isBestMatch": True,
    }


def paired(pair: OrderList, records: Records, *, reports: bool) -> dict[str, Any]:
    """An order list; with `reports` also what became of its orders."""
    orders = [records.current(number) for number in pair.order_ids]
    answer: dict[str, Any] = {
        "orderListId": pair.list_id,
        "contingencyType": "OCO",
        "listStatusType": "ALL_DONE" if pair.done else "EXEC_STARTED",
        "listOrderStatus": "ALL_DONE" if pair.done else "EXECUTING",
        "listClientOrderId": pair.client_id,
        "transactionTime": pair.at,
        "symbol": pair.listing.id,
        "orders": [
            {"symbol": pair.listing.id, "orderId": order.order_id, "clientOrderId": order.client_id} for order in orders
        ],
    }
    if reports:
        answer["orderReports"] = [placed(order, [], "RESULT") for order in orders]
    return answer


def balances(holdings: Holdings) -> list[dict[str, str]]:
    """The balances of GET account."""
    return [
        {"asset": asset, "free": text(held.free), "locked": text(held.locked)}
        for asset, held in sorted(holdings.items())
    ]


def account(owner: Account, holdings: Holdings, rules: VenueRules, *, trade: bool) -> dict[str, Any]:
    """The answer to GET account; the customer may withdraw, whatever this key may do."""
    maker, taker = (int(rate * 10_000) for rate in (rules.maker, rules.taker))
    return {
        "makerCommission": maker,
        "takerCommission": taker,
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": {
            "maker": text(rules.maker),
            "taker": text(rules.taker),
            "buyer": text(NOUGHT),
            "seller": text(NOUGHT),
        },
        "canTrade": trade,
        "canWithdraw": True,
        "canDeposit": True,
        "brokered": False,
        "updateTime": owner.changed_at,
        "accountType": "SPOT",
        "balances": balances(holdings),
        "permissions": ["SPOT"],
        "uid": 354937868,
    }


def execution_report(report: Report, now: int) -> dict[str, Any]:
    """An `executionReport` event; a cancel names the cancel's id in c and the order's own in C."""
    order, trade = report.order, report.trade
    return {
        "e": "executionReport",
        "E": now,
        "s": order.listing.id,
        "c": report.cancel_id or order.client_id,
        "S": order.side,
        "o": order.kind,
        "f": order.tif,
        "q": text(order.quantity),
        "p": text(order.price),
        "P": text(order.stop_price),
        "F": text(NOUGHT),
        "g": order.list_id,
        "C": order.client_id if report.cancel_id else "",
        "x": report.execution,
        "X": order.status,
        "r": "NONE",
        "i": order.order_id,
        "l": text(trade.quantity if trade else NOUGHT),
        "z": text(order.executed),
        "L": text(trade.price if trade else NOUGHT),
        "n": text(trade.fee) if trade else "0",
        "N": trade.fee_asset if trade else None,
        "T": order.updated_at,
        "t": trade.trade_id if trade else -1,
        "I": order.order_id * 7,
        "w": order.working,
        "m": trade.maker if trade else False,
        "M": False,
        "O": order.created_at,
        "Z": text(order.quote),
        "Y": text(trade.quote if trade else NOUGHT),
        "Q": text(order.quote_quantity),
        "W": order.created_at,
        "V": "NONE",
    }


def account_position(owner: Account, assets: set[str], now: int) -> dict[str, Any]:
    """An `outboundAccountPosition` event with the balances that may have changed."""
    rows = [
        {"a": asset, "f": text(owner.holding(asset).free), "l": text(owner.holding(asset).locked)}
        for asset in sorted(assets)
    ]
    return {"e": "outboundAccountPosition", "E": now, "u": owner.changed_at, "B": rows}
