"""The truth of the exchange, to compare a client's books with: orders, trades, fees, balances, what was asked for."""

from __future__ import annotations

from dataclasses import asdict
from decimal import Decimal
from typing import Any

from tests.exchange import answers
from tests.exchange.account import Account
from tests.exchange.core import Core
from tests.exchange.values import NOUGHT, Order, Trade, text


def truth(core: Core) -> dict[str, Any]:
    """Dump everything; amounts are text, `history` is (wall seconds, venue ms, status, executed) of each change."""
    return {
        "now": core.now(),
        "wall": core.wall(),
        "seed": core.seed,
        "accounts": {name: _account(core, account) for name, account in core.accounts.items()},
        "submissions": [asdict(submission) for submission in core.submissions],
        "adjustments": core.adjustments,
        "faults": core.faults.told(),
    }


def unbalanced(core: Core) -> list[str]:
    """Check the books: deposits, adjustments and trades must make up every balance, locks those of open orders."""
    wrong = []
    for name, account in core.accounts.items():
        totals = dict(account.deposits)
        for change in core.adjustments:
            if change["account"] == name:
                totals[change["asset"]] = totals.get(change["asset"], NOUGHT) + Decimal(change["delta"])
        for trade in core.records.trades(name):
            base, quote = trade.listing.base, trade.listing.quote
            sign = 1 if trade.buys else -1
            totals[base] = totals.get(base, NOUGHT) + sign * trade.quantity
            totals[quote] = totals.get(quote, NOUGHT) - sign * trade.quote
            totals[trade.fee_asset] -= trade.fee
        locked: dict[str, Decimal] = {}
        for order in core.records.orders(name):
            if order.open:
                locked[order.spends] = locked.get(order.spends, NOUGHT) + order.unit * order.remaining
        for asset, held in account.holdings().items():
            if held.locked != locked.get(asset, NOUGHT) or held.free + held.locked != totals.get(asset, NOUGHT):
                wrong.append(f"{name} {asset}: {held}, but {totals.get(asset)} in all, {locked.get(asset)} locked")
    return wrong


def _account(core: Core, account: Account) -> dict[str, Any]:
    orders = list(core.records.orders(account.name))
    trades = core.records.trades(account.name)
    return {
        "balances": {
            asset: {"free": text(held.free), "locked": text(held.locked)}
            for asset, held in sorted(account.holdings().items())
        },
        "deposits": {asset: text(amount) for asset, amount in account.deposits.items()},
        "fees": _fees(trades),
        "orders": [_order(core, order) for order in orders],
        "open": [order.order_id for order in orders if order.open],
        "trades": [answers.traded(trade) | {"clientOrderId": _client_id(core, trade)} for trade in trades],
        "lists": [
            answers.paired(pair, core.records, reports=False)
            for pair in core.records.lists.values()
            if pair.account == account.name
        ],
    }


def _order(core: Core, order: Order) -> dict[str, Any]:
    history = [
        [wall, seen.updated_at, seen.status, text(seen.executed)]
        for wall, seen in core.records.versions(order.order_id)
    ]
    return answers.queried(order) | {"by": order.by, "history": history}


def _client_id(core: Core, trade: Trade) -> str:
    return core.records.current(trade.order_id).client_id


def _fees(trades: list[Trade]) -> dict[str, str]:
    fees: dict[str, Decimal] = {}
    for trade in trades:
        fees[trade.fee_asset] = fees.get(trade.fee_asset, NOUGHT) + trade.fee
    return {asset: text(fee) for asset, fee in sorted(fees.items())}
